#!/usr/bin/env bash
# Sets up, builds everything and runs the default tests. scripts/test.sh [PRESET] (release by default; see CMakePresets.json).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

preset=${1:-release}
# shellcheck disable=SC2086
require_packages $KEEL_PACKAGES $KEEL_TEST_PACKAGES
cmake --preset "$preset" -DKEEL_TESTS=ON "-DKEEL_BENCH=$([ "$preset" = release ] && echo ON || echo OFF)" >/dev/null
cmake --build --preset "$preset"
if [ "$preset" = tsan ]; then
    # libgomp is not instrumented: its barriers are invisible to the sanitizer (tests/support/tsan.supp says what is left out).
    export TSAN_OPTIONS="suppressions=$PWD/tests/support/tsan.supp ${TSAN_OPTIONS:-}"
fi
ctest --preset "$preset"
