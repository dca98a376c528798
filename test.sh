#!/usr/bin/env bash
# Installs what the tests need and runs them all: formatting, lints, unit and black-box
# tests, then referees that judge the same as ours, and outside clients against a running
# network.
#
#   ./test.sh            everything
#   ./test.sh --quick    without referees and acceptance tests (no C++ or Python needed)
set -uo pipefail
cd "$(dirname "$0")"

quick=false
[ "${1:-}" = "--quick" ] && quick=true
passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

section() { printf '\n=== %s ===\n' "$1"; }

# Counts a step without a test runner as one test.
step() {
    local name=$1
    shift
    section "$name"
    if "$@"; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        printf 'FAILED: %s\n' "$name"
    fi
}

# Runs cargo's tests and adds up the counts that its runners print.
cargo_tests() {
    section "$1"
    shift
    cargo test --no-fail-fast "$@" 2>&1 | tee "$log"
    local status=${PIPESTATUS[0]}
    local counts
    counts=$(awk '/^test result:/ { p += $4; f += $6 } END { print p + 0, f + 0 }' "$log")
    passed=$((passed + ${counts% *}))
    failed=$((failed + ${counts#* }))
    if [ "$status" -ne 0 ] && [ "${counts#* }" -eq 0 ]; then
        failed=$((failed + 1))
    fi
}

# Random spends, blocks and addresses, judged by Bitcoin Core's own code and by rust-bitcoin
# beside ours. REFEREE_ROUNDS multiplies the number of cases; 1 takes about two minutes on two
# cores, most of them for the build. Its own lock file follows our crates' by itself.
referee_tests() {
    export REFEREE_ROUNDS=${REFEREE_ROUNDS:-1}
    CARGO_TARGET_DIR=${REFEREE_TARGET_DIR:-$PWD/acceptance/target} cargo_tests \
        "referees, $REFEREE_ROUNDS round(s)" --manifest-path acceptance/consensus/Cargo.toml
}

# What a machine with Rust alone may lack: a C compiler for SQLite and libsecp256k1 (the
# wallet's), a C++ compiler for Bitcoin Core's code, and Python with venv for the outside clients.
install_packages() {
    local missing=()
    command -v cc >/dev/null || missing+=(build-essential)
    command -v curl >/dev/null || missing+=(curl)
    if ! $quick; then
        command -v c++ >/dev/null || missing+=(g++)
        python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3 python3-venv)
    fi
    [ ${#missing[@]} -eq 0 ] && return 0
    local sudo=()
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    "${sudo[@]}" apt-get update && "${sudo[@]}" apt-get install -y --no-install-recommends "${missing[@]}"
}

section "packages"
install_packages || echo "could not install packages; going on with what is there"

step "formatting" cargo fmt --all --check
step "lints" cargo clippy --workspace --all-targets --locked -- -D warnings
cargo_tests "cargo test" --workspace --locked
if ! $quick; then
    referee_tests
    # The programs are those that cargo has just built for the black-box tests: every package
    # with a program has one.
    section "acceptance"
    export SYNOD_BIN=${SYNOD_BIN:-${CARGO_TARGET_DIR:-$PWD/target}/debug}
    acceptance/run.sh 2>&1 | tee "$log"
    counts=$(awk '/^[0-9]+ passed, [0-9]+ failed/ { p = $1; f = $3 } END { print p + 0, f + 0 }' "$log")
    passed=$((passed + ${counts% *}))
    failed=$((failed + ${counts#* }))
    [ "$counts" = "0 0" ] && failed=$((failed + 1))
fi

printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
