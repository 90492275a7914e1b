#!/usr/bin/env bash
# tests/slurm/test_train.sh KEEL: scripts/slurm/train.sbatch on a Slurm of one node, this machine. Two ranks train; the job is
# preempted on the way, saves, is queued again, goes on, and ends well. Exits with 77 where Slurm is missing.
set -euo pipefail
keel=$(readlink -f "$1")
cd "$(dirname "$0")/../.."
. tests/slurm/cluster.sh
require_slurm
folder=$(mktemp -d /tmp/keel-slurm-XXXXXX)
trap 'stop_slurm; rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*"; cat "$folder"/job.log 2>/dev/null; tail -n 5 "$folder"/slurm*.log; exit 1; }

"$keel" data synth "$folder/phantom" --count 200 --size 64 --quiet
start_slurm "$folder" 2 || fail "Slurm does not start"

export KEEL=$keel OMPI_MCA_btl=self,vader,tcp
job=$(sbatch --parsable --nodes 1 --ntasks-per-node 2 --time 10 --output "$folder/job.log" scripts/slurm/train.sbatch --model resnet18 \
    --small-stem --image-size 32 --batch-size 8 --epochs 6 --data "phantom:$folder/phantom" --out "$folder/run" --threads 1 --workers 1)
has_trained() { [ -s "$folder/run/metrics.jsonl" ]; }
until_true 120 has_trained || fail "no epoch was trained"

# What Slurm sends 120 s before the end of the time, or for a job of higher priority: to the script alone.
scancel --batch --signal=USR1 "$job"
queued_again() { grep -q "ended with 75: queued again" "$folder/job.log"; }
until_true 60 queued_again || fail "the job was not queued again"
is_over() { [ -z "$(squeue -h -j "$job" 2>/dev/null)" ]; }
# Slurm lets a job that was queued again wait for two minutes or more.
until_true 480 is_over || fail "the job does not end"

grep -q "start 2, nodes" "$folder/job.log" || fail "there was no second start"
grep -q "resumed .* at epoch" "$folder/job.log" || fail "the second start did not go on from the checkpoint"
[ "$(wc -l < "$folder/run/metrics.jsonl")" -eq 6 ] || fail "wanted 6 epochs, got $(wc -l < "$folder/run/metrics.jsonl")"
echo "trained 6 epochs with a stop between"
