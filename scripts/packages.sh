# Sourced by the other scripts: the Debian packages Keel is built from. Installs what is missing when root, names it otherwise.

# libdnnl-dev's CMake files want the OpenCL headers, which it only recommends: ocl-icd-opencl-dev.
KEEL_PACKAGES="g++ cmake ninja-build libdnnl-dev ocl-icd-opencl-dev libcli11-dev libtomlplusplus-dev nlohmann-json3-dev libfmt-dev
libspdlog-dev libxxhash-dev libisal-dev libjpeg62-turbo-dev libstb-dev libdlpack-dev libprotozero-dev"
# Image formats, each optional: without its library a file of the kind ends with an error that says so. libdcmtk-dev to
# libopenjp2-7-dev decode compressed DICOM files; libre2-dev reads the patterns of --group-by; libboost-dev (headers) speaks
# HTTP for keel serve, with libssl-dev over TLS.
KEEL_PACKAGES="$KEEL_PACKAGES libtiff-dev libwebp-dev libgif-dev libdcmtk-dev libcharls-dev libopenjp2-7-dev libre2-dev libboost-dev libssl-dev"
# The Python package, and its tests; without them neither is built. mypy and python3-torch serve slow tests, and no script installs them.
KEEL_PYTHON_PACKAGES="pybind11-dev python3-dev python3-numpy"
# MPI is optional: without it, or one rank alone, nothing of it is needed.
KEEL_TEST_PACKAGES="catch2 libbenchmark-dev libsimde-dev zlib1g-dev pkgconf python3 libopenmpi-dev openmpi-bin $KEEL_PYTHON_PACKAGES"
# For what plays a cluster on one machine: tests/slurm, scripts/namespaces.sh. Not installed by any script.
KEEL_CLUSTER_PACKAGES="slurm-wlm munge iproute2"
# For the ranks' tests under other makes of MPI (tests/mpi): MPICH beside Open MPI, and a Debian 13 in a folder. Not installed by any script.
KEEL_MPI_PACKAGES="libmpich-dev mpich debootstrap"
# For the tests of containers (tests/containers): the image without an engine, the manifest's schema. Not installed by any script.
KEEL_CONTAINER_PACKAGES="buildah debootstrap python3-yaml python3-jsonschema"
# For slow tests of DICOM files and of the DICOM node (an archive, a checker of objects), which are skipped without them. Not installed by any
# script.
KEEL_DICOM_PACKAGES="python3-pydicom python3-numpy python3-pil dcmtk libgdcm-tools dicom3tools orthanc"
KEEL_FUZZ_PACKAGES="clang-14 libclang-rt-14-dev libomp-14-dev"

require_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ "$(id -u)" -ne 0 ]; then
        echo "Missing Debian packages; as root: apt-get install ${missing[*]}" >&2
        return 1
    fi
    echo "Installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
