# `just` lists these; `just ci` is what continuous integration runs.
default:
    @just --list

# Formatting, lints and all tests; writes nothing.
ci:
    ./test.sh

# The same without referees and outside clients.
quick:
    ./test.sh --quick

# Formats, applies lints' suggestions, regenerates the OpenAPI documents.
fix:
    cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged
    cargo fmt --all
    SYNOD_UPDATE_OPENAPI=1 cargo test --workspace openapi

# Brings up a network: three nodes, miner, explorer, wallet.
up *ARGS:
    cargo run --release -- up {{ARGS}}

# Benchmarks, beside the code.
bench *ARGS:
    cargo bench --workspace {{ARGS}}
