#!/usr/bin/env bash
# Sets up, builds everything and runs the default tests. scripts/test.sh [PRESET] (release by default; see CMakePresets.json).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

preset=${1:-release}
# shellcheck disable=SC2086
require_packages $KEEL_PACKAGES $KEEL_TEST_PACKAGES
cmake --preset "$preset" -DKEEL_TESTS=ON "-DKEEL_BENCH=$([ "$preset" = release ] && echo ON || echo OFF)" >/dev/null
cmake --build --preset "$preset" -j "$(nproc)"  # more at once is slower where cores are few
ctest --preset "$preset"
