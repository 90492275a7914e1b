#!/usr/bin/env bash
# tests/namespaces/test_train.sh KEEL: two hosts, each with a rank, on this machine (scripts/namespaces.sh). The link between them carries
# the sums; a rank that dies and a cable that is pulled end the other one, with a line that names rank and step. Exits with 77 where
# network namespaces are not allowed.
set -euo pipefail
keel=$(readlink -f "$1")
cd "$(dirname "$0")/../.."
hosts=scripts/namespaces.sh
[ "$(id -u)" -eq 0 ] && command -v ip tc mpirun >/dev/null && $hosts up 2 1gbit 2>/dev/null || {
    echo "skipped: wants root, iproute2, mpirun and network namespaces"
    exit 77
}
folder=$(mktemp -d /tmp/keel-hosts-XXXXXX)
trap 'pkill -KILL -f "$folder/run" || true; $hosts down; rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*"; cat "$folder/log"; exit 1; }

"$keel" data synth "$folder/phantom" --count 60 --size 64 --quiet

# train OPTION...: by keel launch, which does not wait for an mpirun that waits for a host it cannot reach.
train() {
    exec "$keel" launch --max-restarts 0 --mpirun "$hosts mpirun" --hosts 10.77.0.1:1,10.77.0.2:1 -- train --model resnet18 --small-stem --image-size 32 --data "phantom:$folder/phantom" \
        --out "$folder/run" --batch-size 4 --threads 1 --workers 1 --quiet "$@" >"$folder/log" 2>&1
}
sent() { ip netns exec keel0 cat /sys/class/net/eth0/statistics/tx_bytes; }

before=$(sent)
(train --epochs 1 --allreduce ring) || fail "training ends with $?"
# ResNet18 has 45 MB of gradients; a ring of two sends as much from each rank in each of 6 steps.
[ $(($(sent) - before)) -gt $((6 * 44000000)) ] || fail "wanted 6 x 45 MB on the wire, got $(($(sent) - before)) bytes"
[ "$(wc -l <"$folder/run/metrics.jsonl")" -eq 1 ] || fail "no epoch was recorded"

# lost WHAT SAYS CMD...: while a run trains, CMD happens to host 1.
lost() {
    local what=$1 says=$2 code=0 start
    shift 2
    rm -rf "$folder/run"  # what is there of a run before is no sign of this one
    train --epochs 100000 --heartbeat 2 &
    local run=$!
    for _ in $(seq 600); do [ ! -s "$folder/run/metrics.jsonl" ] || break; sleep 0.1; done
    start=$(date +%s)
    "$@"
    wait $run || code=$?
    [ "$code" -ne 0 ] || fail "$what: the run ends with 0"
    [ $(($(date +%s) - start)) -le 60 ] || fail "$what: it took $(($(date +%s) - start)) s"
    grep -Eq "rank 1 on .* $says.*step [0-9]+" "$folder/log" || fail "$what: no line says '$says'"
    echo "$what: $(grep -Eo "rank 1 on .* $says.*" "$folder/log" | head -n 1) ($(($(date +%s) - start)) s)"
}
# The rank of host 1 is the one whose network is the namespace keel1.
kill_rank() { for pid in $(ip netns pids keel1); do grep -qa "$folder/run" "/proc/$pid/cmdline" && [ "$(cat "/proc/$pid/comm")" != mpirun ] && kill -KILL "$pid"; done; true; }
lost "a killed rank" "died" kill_rank
lost "a pulled cable" "is silent" ip link set keelv1 down
