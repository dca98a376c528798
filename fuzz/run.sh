#!/usr/bin/env bash
# Runs fuzz targets under libFuzzer on the stable compiler.
#
#   fuzz/run.sh SECONDS [TARGET...]      all targets when none is named
#
# Inputs that reach something new are kept under fuzz/found/TARGET (not committed); seeds come
# from crates/fuzz-targets/corpus. Needs a C++ compiler. With FUZZ_FEATURES=referees the target
# core_interpreter asks the code of Bitcoin Core beside ours.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:?usage: run.sh SECONDS [TARGET...]}
shift
platform=$(rustc -vV | sed -n 's/^host: //p')
# What cargo-fuzz passes, without the address sanitizer, which needs the nightly compiler.
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing"
cargo build --release --target "$platform" ${FUZZ_FEATURES:+--features "$FUZZ_FEATURES"}
program=${CARGO_TARGET_DIR:-target}/$platform/release/fuzz
corpus=../crates/fuzz-targets/corpus

targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(ls "$corpus")
failed=0
for target in "${targets[@]}"; do
    mkdir -p "found/$target" "crashes/$target"
    seeds=("found/$target")
    [ ! -d "$corpus/$target" ] || seeds+=("$corpus/$target")
    if FUZZ_TARGET=$target "$program" "${seeds[@]}" -max_total_time="$seconds" -timeout=10 \
        -rss_limit_mb=2048 -artifact_prefix="crashes/$target/" -print_final_stats=1 \
        >"found/$target.log" 2>&1; then
        status=passed
    else
        status=FAILED
        failed=1
    fi
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "found/$target.log")
    printf '%-18s %s %12s executions\n' "$target" "$status" "${executions:-0}"
done
exit $failed
