#!/usr/bin/env bash
# Debian 13 in a folder, for its Open MPI 5: made by debootstrap, entered by chroot in a mount namespace of its own.
#   tests/mpi/debian13.sh make FOLDER                 makes it, some minutes and 400 MB
#   tests/mpi/debian13.sh libraries FOLDER PROGRAM    puts there what a program of this machine links and Debian 13 lacks
#   tests/mpi/debian13.sh enter FOLDER COMMAND ...    runs a command in it; /tmp and this tree are this machine's
# As root; wants debootstrap. Nothing outside of FOLDER is changed.
set -euo pipefail

tree=$(cd "$(dirname "$0")/../.." && pwd)

enter() {
    local folder=$1
    shift
    # What is mounted here goes with the command: nobody has to undo it, whatever ends it.
    FOLDER=$folder TREE=$tree exec unshare --mount --propagation private bash -c '
        set -e
        mount --bind /proc "$FOLDER/proc"
        mount --rbind /dev "$FOLDER/dev"
        mount --rbind /sys "$FOLDER/sys"
        mount --bind /tmp "$FOLDER/tmp"
        mkdir -p "$FOLDER$TREE"
        mount --bind -o ro "$TREE" "$FOLDER$TREE"
        exec chroot "$FOLDER" "$@"' enter "$@"
}

make_folder() {
    local folder=$1
    [ -e "$folder/keel-made" ] && return 0
    [ -e "$folder/etc/debian_version" ] ||
        debootstrap --variant=minbase --include=ca-certificates trixie "$folder" "${KEEL_DEBIAN:-http://deb.debian.org/debian}"
    echo force-unsafe-io > "$folder/etc/dpkg/dpkg.cfg.d/keel"
    # A package that wants to start something must not.
    printf '#!/bin/sh\nexit 101\n' > "$folder/usr/sbin/policy-rc.d"
    chmod +x "$folder/usr/sbin/policy-rc.d"
    (enter "$folder" apt-get update -qq)
    (enter "$folder" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openmpi-bin libgomp1)
    touch "$folder/keel-made"
}

# Open MPI 4 and 5 have one interface: libmpi itself is Debian 13's.
libraries() {
    local folder=$1 program=$2 name path
    mkdir -p "$folder/keel-lib"
    ldd "$program" | while read -r name _ path _; do
        case $path in
            /*) [ -e "$folder/usr/lib/x86_64-linux-gnu/$name" ] || [ -e "$folder/lib/x86_64-linux-gnu/$name" ] || cp -L "$path" "$folder/keel-lib/" ;;
        esac
    done
}

case ${1:-} in
    make) make_folder "${2:?which folder?}" ;;
    libraries) libraries "${2:?which folder?}" "${3:?which program?}" ;;
    enter) shift; enter "$@" ;;
    *) sed -n '2,6s/^# \?//p' "$0"; exit 2 ;;
esac
