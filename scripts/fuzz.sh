#!/usr/bin/env bash
# Fuzzes each reader of files from outside for so many seconds: scripts/fuzz.sh SECONDS [TARGET...]. Needs Clang; findings, and
# inputs that reach new code, are kept in build/fuzz/tests/fuzz/found/TARGET.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

seconds=${1:?usage: scripts/fuzz.sh SECONDS [TARGET...]}
shift
# shellcheck disable=SC2086
require_packages $KEEL_PACKAGES $KEEL_TEST_PACKAGES $KEEL_FUZZ_PACKAGES
[ $# -gt 0 ] || mapfile -t all < <(cd tests/fuzz && printf '%s\n' fuzz_*.cpp | sed 's/fuzz_\(.*\)\.cpp/\1/')
[ $# -gt 0 ] || set -- "${all[@]}"

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target "${@/#/fuzz_}"
for target in "$@"; do
    echo "== $target: $seconds s"
    found=build/fuzz/tests/fuzz/found/$target
    mkdir -p "$found"
    build/fuzz/tests/fuzz/fuzz_"$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
        -artifact_prefix="$found/" "$found" "build/fuzz/tests/fuzz_corpus/$target" 2>"$found.log" || { tail -60 "$found.log"; exit 1; }
    grep -E "DONE|stat::number_of_executed_units" "$found.log"
done
echo "No findings."
