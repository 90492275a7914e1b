#!/usr/bin/env bash
# Runs a static program of tests on an emulated processor with AVX-512 and AMX; skipped (77) without one.
#   run_emulator.sh PROGRAM
# KEEL_EMULATOR is a program that, called as `KEEL_EMULATOR run PROGRAM`, boots such a machine, runs PROGRAM there without
# arguments, writes what it wrote and ends with 0 if it did; LIMIT is how many seconds it may take (3000).
set -euo pipefail
if [ ! -x "${KEEL_EMULATOR:-}" ] || [ -d "$KEEL_EMULATOR" ]; then
  echo "skipped: KEEL_EMULATOR (now '${KEEL_EMULATOR:-}') names no program that emulates a processor"
  exit 77
fi
output=$(mktemp)
trap 'rm -f "$output"' EXIT
status=0
LIMIT=${LIMIT:-3000} env -u KEEL_EMULATOR "$KEEL_EMULATOR" run "$1" 2>&1 | tee "$output" || status=$?
if ! grep -q '^ISAs:.* avx512 .*amx' "$output"; then
  echo "wanted tests on avx512 and amx; the emulated processor has others, or did not start"
  exit 1
fi
if ! grep -q 'All tests passed' "$output"; then
  echo "wanted 'All tests passed' of the program"
  exit 1
fi
exit "$status"
