#!/usr/bin/env bash
# Builds Keel against another oneDNN than Debian's and runs the tests of what calls it:
#   KEEL_ONEDNN=FOLDER tests/onednn/test_another.sh BUILD [OPTION OF CMAKE...]
# FOLDER holds include/ and lib/: where oneDNN was installed to, or a virtual environment of Python with `onednn-devel`. BUILD is made, and kept
# for the next time. Skipped (77) where KEEL_ONEDNN names none.
set -euo pipefail

source=$(cd "$(dirname "$0")/../.." && pwd)
build=$1
version=${KEEL_ONEDNN:-}/include/oneapi/dnnl/dnnl_version.h
if [ -z "${KEEL_ONEDNN:-}" ] || [ ! -e "$version" ]; then
    echo "skipped: KEEL_ONEDNN names no folder with another oneDNN (${KEEL_ONEDNN:-it is not set})"
    exit 77
fi

cmake --fresh -G Ninja -S "$source" -B "$build" -Ddnnl_ROOT="$KEEL_ONEDNN" -DCMAKE_BUILD_TYPE=Release -DKEEL_WERROR=ON -DKEEL_TESTS=ON \
    -DKEEL_BENCH=ON -DKEEL_CLI=OFF -DKEEL_PYTHON=OFF -DKEEL_MPI=OFF -DKEEL_INSTALL=OFF "${@:2}" >/dev/null
cmake --build "$build" --target test_kernels test_engine conv_floor int8_conv -j "$(nproc)"

# A build for SYCL computes through Intel's OpenCL runtime, which lies beside it and which its loader does not find by itself.
if [ -e "$KEEL_ONEDNN/lib/libintelocl.so" ]; then
    export OCL_ICD_FILENAMES=$KEEL_ONEDNN/lib/libintelocl.so
fi
"$build/tests/test_kernels" "~[slow]"
for isa in avx2 scalar; do  # oneDNN's instruction set is capped for a process as a whole
    echo "KEEL_ISA=$isa"
    KEEL_ISA=$isa "$build/tests/test_kernels" "[conv],[onednn],[pieces],[gemm],[prepared_conv]"
done
"$build/tests/test_engine" "[ops],[nn],[tuning]"
floor=$("$build/bench/conv_floor" --batch 1 --rounds 1 --steps 1)
echo "$floor"

number() { sed -n "s/^#define DNNL_VERSION_$1 //p" "$version"; }
wanted="oneDNN $(number MAJOR).$(number MINOR).$(number PATCH) "
[[ $floor == *"$wanted"* ]] || { echo "wanted $wanted, the programs found another one"; exit 1; }
