#!/usr/bin/env bash
# Several hosts on one machine: network namespaces joined by veth pairs to one bridge, each link with a token-bucket filter as its rate.
#   scripts/namespaces.sh up HOSTS RATE     e.g. up 2 1gbit: the hosts keel0, keel1, ... with the addresses 10.77.0.1, 10.77.0.2, ...
#   scripts/namespaces.sh down              removes them
#   scripts/namespaces.sh enter HOST CMD    runs a command on a host: what mpirun has instead of ssh, as in
#       mpirun --mca plm_rsh_agent "scripts/namespaces.sh enter" --host 10.77.0.1:1,10.77.0.2:1 ...   (inside keel0)
#   scripts/namespaces.sh mpirun ARGS       that mpirun on keel0, over TCP on these links alone
# As root; wants iproute2.
set -euo pipefail

net=10.77.0
bridge=keelbr

up() {
    local hosts=$1 rate=$2 i
    ip link add $bridge type bridge
    ip link set $bridge up
    for ((i = 0; i < hosts; i++)); do
        ip netns add keel$i
        ip link add keelv$i type veth peer name eth0 netns keel$i
        ip link set keelv$i master $bridge up
        ip -n keel$i addr add $net.$((i + 1))/24 dev eth0
        ip -n keel$i link set eth0 up
        ip -n keel$i link set lo up
        # Out of the host and into it: a link is as fast as its rate in both directions. A burst of 1 ms.
        tc -n keel$i qdisc add dev eth0 root tbf rate "$rate" burst 128kb latency 50ms
        tc qdisc add dev keelv$i root tbf rate "$rate" burst 128kb latency 50ms
    done
}

down() {
    local name
    for name in $(ip netns list | sed -n 's/^\(keel[0-9]*\).*/\1/p'); do ip netns del "$name"; done
    # The links of a host whose processes still run outlive its name.
    for name in $(ip -o link | sed -n 's/^[0-9]*: \(keelv[0-9]*\)@.*/\1/p'); do ip link del "$name"; done
    ip link del $bridge 2>/dev/null || true
}

# Runs a command on host I, on its share of this machine's cores, as a host has cores of its own.
on_host() {
    local i=$1 hosts share
    shift
    hosts=$(ip netns list | grep -c "^keel[0-9]")
    share=$(($(nproc --all) / hosts))
    if [ "$share" -ge 1 ]; then
        exec ip netns exec "keel$i" taskset -c $((i * share))-$(((i + 1) * share - 1)) "$@"
    fi
    exec ip netns exec "keel$i" "$@"
}

# mpirun's agent gets the host's address and a command for a shell.
enter() {
    local host=$1 i
    shift
    case $host in
        $net.*) i=$((${host##*.} - 1)) ;;
        *) i=${host#keel} ;;
    esac
    on_host "$i" sh -c "$*"
}

# Ranks of different "hosts" would find each other's memory: only TCP between them, only on these links.
run_mpi() {
    local root=()
    [ "$(id -u)" -ne 0 ] || root=(--allow-run-as-root)
    on_host 0 mpirun "${root[@]}" --bind-to none --mca plm_rsh_agent "$(readlink -f "$0") enter" --mca plm rsh --mca btl self,tcp \
        --mca btl_tcp_if_include $net.0/24 --mca oob_tcp_if_include $net.0/24 --mca orte_keep_fqdn_hostnames 1 "$@"
}

case ${1:-} in
    up) up "${2:?how many hosts?}" "${3:?which rate, as in 1gbit?}" ;;
    down) down ;;
    enter) shift; enter "$@" ;;
    mpirun) shift; run_mpi "$@" ;;
    *) sed -n '2,9s/^# \?//p' "$0"; exit 2 ;;
esac
