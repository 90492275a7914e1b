#!/usr/bin/env bash
# Whether a change made Keel slower: scripts/bench_gate.sh BASE [REVISION] [-- OPTIONS of compare_builds.py]. Builds both revisions
# (REVISION: the working tree as it is), runs them in turn and prints ratios with their intervals; ends with 1 where one is below its limit.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

base=${1:?usage: scripts/bench_gate.sh BASE [REVISION] [-- OPTIONS]}
shift
revision=
if [ $# -gt 0 ] && [ "$1" != -- ]; then
    revision=$1
    shift
fi
[ "${1:-}" != -- ] || shift
# shellcheck disable=SC2086
require_packages $KEEL_PACKAGES python3

folder=$(mktemp -d)
trap 'git worktree remove --force "$folder/old" 2>/dev/null || true; git worktree remove --force "$folder/new" 2>/dev/null || true; rm -rf "$folder"' EXIT

build() {  # FOLDER: prints the program
    cmake -S "$1" -B "$1/build/gate" -G Ninja -DCMAKE_BUILD_TYPE=Release -DKEEL_TESTS=OFF -DKEEL_BENCH=OFF >/dev/null
    cmake --build "$1/build/gate" --target keel >/dev/null
    echo "$1/build/gate/cli/keel"
}

git worktree add --quiet --detach "$folder/old" "$base"
old=$(build "$folder/old")
if [ -n "$revision" ]; then
    git worktree add --quiet --detach "$folder/new" "$revision"
    new=$(build "$folder/new")
else
    new=$(build "$PWD")
fi
echo "Old: $(git log -1 --format='%h %s' "$base")"
echo "New: $(git log -1 --format='%h %s' "${revision:-HEAD}")$([ -n "$revision" ] || git diff --quiet HEAD || echo ", changed")"
scripts/compare_builds.py "$old" "$new" "$@"
