#!/usr/bin/env bash
# Sets up, builds, draws synthetic chest X-rays, trains DenseNet121 on them, and shows the 14 AUROCs on held-out patients, the
# prediction for one image, and where in it the model sees that. About 10 minutes on 2 cores. scripts/demo.sh [DIRECTORY] (runs/demo
# by default).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

out=${1:-runs/demo}
# shellcheck disable=SC2086
require_packages $KEEL_PACKAGES
cmake --preset release -DKEEL_TESTS=OFF -DKEEL_BENCH=OFF >/dev/null
cmake --build --preset release --target keel
keel=build/release/cli/keel

mkdir -p "$out"
$keel data synth "$out/phantom" --count 2000 --size 96 --balanced --seed 1 --force
$keel train --config docs/recipes/phantom_demo.toml --data "phantom:$out/phantom" --out "$out/run" --force
checkpoint=$out/run/checkpoints/best.safetensors
echo; echo "AUROC on the test patients (synthetic images):"
$keel eval --checkpoint "$checkpoint" --data "phantom:$out/phantom" --split test --quiet
image=$out/phantom/images/$(head -n 1 "$out/phantom/test_list.txt")
echo; echo "Prediction for $image, labelled $(grep "^$(basename "$image")," "$out"/phantom/Data_Entry*.csv | cut -d, -f2):"
$keel predict --checkpoint "$checkpoint" --heatmaps "$out/heatmaps" "$image" --quiet
echo; echo "To look at: $out/run/report.html and $out/heatmaps"
