#!/usr/bin/env bash
# The ranks' tests of the program under another make of MPI than the one that it is built with by default:
#   tests/mpi/test_ranks.sh mpich KEEL TESTS          KEEL built with MPICH, TESTS the program test_cli
#   tests/mpi/test_ranks.sh openmpi5 KEEL TESTS       in a Debian 13 that KEEL_DEBIAN13 names, or is made in /var/tmp
# KEEL_TEST_CASES: which cases, by a filter of Catch2. Skipped (77) where something is missing.
set -euo pipefail

make=$1 keel=$(readlink -f "$2") tests=$(readlink -f "$3")
here=$(cd "$(dirname "$0")" && pwd)

skip() {
    echo "skipped: $1"
    exit 77
}

case $make in
    mpich)
        command -v mpiexec.mpich >/dev/null || skip "wants MPICH's mpiexec.mpich"
        export KEEL_TEST_MPIRUN=mpiexec.mpich KEEL_TEST_KEEL=$keel
        scratch=$(mktemp -d)
        trap 'rm -rf "$scratch"' EXIT
        # CMake finds the MPI that is asked for, though another one's mpicc comes first.
        cmake -S "$here/../.." -B "$scratch" -DMPI_EXECUTABLE_SUFFIX=.mpich -DKEEL_TESTS=OFF -DKEEL_BENCH=OFF >/dev/null
        grep -q 'MPI_mpich_LIBRARY:FILEPATH=.*/libmpich.so' "$scratch/CMakeCache.txt" || { echo "CMake found another MPI"; exit 1; }
        found=$(mpiexec.mpich -np 2 "$keel" doctor --json 2>/dev/null | grep -o 'MPICH [0-9.]*' | head -1 || true)
        ;;
    openmpi5)
        [ "$(id -u)" -eq 0 ] || skip "wants root, for chroot"
        command -v debootstrap >/dev/null || skip "wants debootstrap"
        folder=${KEEL_DEBIAN13:-/var/tmp/keel-debian13}
        "$here/debian13.sh" make "$folder" || skip "no Debian 13 could be made in $folder"
        "$here/debian13.sh" libraries "$folder" "$keel"
        scratch=$(mktemp -d)
        trap 'rm -rf "$scratch"' EXIT
        # Inside, these are the programs; outside, the way in.
        for program in keel mpirun; do
            real=$keel
            [ "$program" = keel ] || real=/usr/bin/mpirun
            printf '#!/bin/sh\n[ -n "${KEEL_INSIDE:-}" ] && exec %s "$@"\nexec %s enter %s env KEEL_INSIDE=1 LD_LIBRARY_PATH=/keel-lib %s "$@"\n' \
                "$real" "$here/debian13.sh" "$folder" "$real" > "$scratch/$program"
            chmod +x "$scratch/$program"
        done
        export KEEL_TEST_MPIRUN=$scratch/mpirun KEEL_TEST_KEEL=$scratch/keel
        found=$("$KEEL_TEST_MPIRUN" --allow-run-as-root --map-by slot:OVERSUBSCRIBE -np 2 "$KEEL_TEST_KEEL" doctor --json | grep -o 'Open MPI 5[0-9.]*' | head -1 || true)
        ;;
    *) sed -n '2,5s/^# \?//p' "$0"; exit 2 ;;
esac
[ -n "$found" ] || { echo "wanted $make, found another make of MPI"; exit 1; }
echo "$found"
# With all that it does over TCP UCX leaves some of such runs in MPI_Finalize: these are to be ended, with the code of one that
# is done. As Keel sets it, none is to want that.
if [ "$make" = mpich ]; then
    "$keel" data synth "$scratch/phantom" --count 60 --size 64 --quiet >/dev/null
    for put in UCX_TCP_PUT_ENABLE=y "" UCX_TCP_PUT_ENABLE=y "" UCX_TCP_PUT_ENABLE=y "" UCX_TCP_PUT_ENABLE=y ""; do
        rm -rf "$scratch/run"
        env $put KEEL_OVERSUBSCRIBE=1 timeout 60 mpiexec.mpich -np 4 "$keel" train --model resnet20 --data "phantom:$scratch/phantom" \
            --out "$scratch/run" --image-size 32 --batch-size 2 --epochs 1 --threads 1 --quiet 2>"$scratch/log" ||
            { echo "$put: a run ends with $?"; cat "$scratch/log"; exit 1; }
        grep MPI_Finalize "$scratch/log" || continue
        [ -n "$put" ] || { echo "a run did not end by itself"; exit 1; }
    done
fi
"$tests" "${KEEL_TEST_CASES:-[ranks]}"
