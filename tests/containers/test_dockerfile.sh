#!/usr/bin/env bash
# Builds the files of scripts/containers with buildah, without an engine and without a registry, trains in the one image and serves in the other:
#   tests/containers/test_dockerfile.sh [PREFIX]
# The base image is made by debootstrap (KEEL_BASE: a Debian 12 in a folder that is there already), once, and kept in /var/tmp. With PREFIX, an
# installed Keel built on Debian 12, the first stage, which compiles all of it for half an hour, is left out. Skipped (77) where something is missing.
set -euo pipefail

tree=$(cd "$(dirname "$0")/../.." && pwd)
prefix=${1:-}
base=${KEEL_BASE:-/var/tmp/keel-debian12}

skip() {
    echo "skipped: $1"
    exit 77
}

[ "$(id -u)" -eq 0 ] || skip "wants root"
command -v buildah >/dev/null || skip "wants buildah"
if [ ! -e "$base/etc/debian_version" ]; then
    command -v debootstrap >/dev/null || skip "wants debootstrap"
    debootstrap --variant=minbase bookworm "$base" "${KEEL_DEBIAN:-http://deb.debian.org/debian}" >/dev/null || skip "no Debian 12 could be made in $base"
fi

scratch=$(mktemp -d -p /var/tmp)
# Storage of its own, which is gone afterwards; vfs and chroot want nothing of the kernel. No policy of the system is needed: nothing is pulled.
echo '{"default": [{"type": "insecureAcceptAnything"}]}' > "$scratch/policy.json"
image() { buildah --root "$scratch/storage" --runroot "$scratch/run" --storage-driver vfs "$@"; }
trap 'image rm --all >/dev/null 2>&1 || true; rm -rf "$scratch"' EXIT

container=$(image from scratch)
image add -q "$container" "$base" / >/dev/null
image commit -q --signature-policy "$scratch/policy.json" --rm "$container" localhost/debian:12-slim >/dev/null

# A clean tree, as from a clone.
mkdir "$scratch/tree"
git -C "$tree" ls-files -z | (cd "$tree" && tar --null --ignore-failed-read -T - -c 2>/dev/null) | tar -x -C "$scratch/tree"
[ -z "$prefix" ] || cp -a "$prefix" "$scratch/tree/installed"

# build FILE TAG: an image of scripts/containers/FILE; with a prefix of what follows its second FROM, with the installed Keel in the place of the
# first stage's.
build() {
    local file=$scratch/tree/scripts/containers/$1
    if [ -n "$prefix" ]; then
        awk '/^FROM/ {stages++} stages != 1' "$file" | sed 's|^COPY --from=build /opt/keel|COPY installed|' > "$file.short"
        file=$file.short
    fi
    sed -i 's|^FROM debian:12-slim|FROM localhost/debian:12-slim|' "$file"
    image bud -q --signature-policy "$scratch/policy.json" --isolation chroot --pull-never -t "localhost/$2" -f "$file" "$scratch/tree" >/dev/null
}
# run COMMAND...: in the container.
run() { image run --isolation chroot "$container" "$@"; }
# has_libraries: all that the program links.
has_libraries() {
    ! run sh -c 'ldd /opt/keel/bin/keel' | grep 'not found' || { echo "the image lacks libraries"; exit 1; }
}

build Dockerfile keel
container=$(image from --signature-policy "$scratch/policy.json" --pull-never localhost/keel)
[ "$(image inspect --format '{{index .OCIv1.Config.Entrypoint 0}}' "$container")" = keel ]
has_libraries
[ "$(run sh -c 'echo $OMPI_MCA_odls_base_sigkill_timeout')" -ge 30 ]
run keel --version
run keel data synth /tmp/phantom --count 40 --size 64 --balanced --quiet
run mpirun --allow-run-as-root --oversubscribe --bind-to none -n 2 keel train --model resnet20 --data phantom:/tmp/phantom --out /tmp/run \
    --image-size 32 --batch-size 4 --epochs 1 --threads 1 --oversubscribe --quiet
run test -s /tmp/run/checkpoints/best.safetensors
run sh -c 'test -x /usr/sbin/sshd && /usr/sbin/sshd -t -h /dev/null 2>&1 | grep -vq "Bad configuration"'
echo "the image trains on two ranks"

# The image that serves: a user without rights, and answers over HTTP and DICOM from files that the other image made.
model=$(image mount "$container")/tmp/run/checkpoints/best.safetensors
# The installed Keel of a prefix links Open MPI, which the image itself does without.
[ -z "$prefix" ] || sed -i 's/ libssl3/ libssl3 libopenmpi3/' "$scratch/tree/scripts/containers/serve.Dockerfile"
build serve.Dockerfile keel-serve
container=$(image from --signature-policy "$scratch/policy.json" --pull-never localhost/keel-serve)
[ "$(image inspect --format '{{.OCIv1.Config.User}}' "$container")" = 65532:65532 ]
[ "$(image inspect --format '{{index .OCIv1.Config.Entrypoint 1}}' "$container")" = serve ]
has_libraries
install -D -m 644 "$model" "$(image mount "$container")/models/phantom.safetensors"
run timeout --preserve-status -s TERM 60 keel serve /models/phantom.safetensors --listen 127.0.0.1:18080 --dicom KEEL:18104 --dicom-peer NOBODY@127.0.0.1:1 \
    --dicom-queue /var/lib/keel/dicom > "$scratch/served" 2>&1 &
served=$!
for _ in $(seq 600); do
    kill -0 "$served" || { cat "$scratch/served"; exit 1; }
    [ "$(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:18080/v2/health/ready)" != 200 ] || break
    sleep 0.1
done
curl -sf http://127.0.0.1:18080/v2/models/phantom | grep '"inputs"' >/dev/null
[ "$(stat -c %u "$(image mount "$container")/var/lib/keel/dicom")" -eq 65532 ]
! command -v echoscu >/dev/null || echoscu -aec KEEL 127.0.0.1 18104
wait "$served" || { echo "keel serve does not end well"; cat "$scratch/served"; exit 1; }
echo "the image of $(du -sm "$(image mount "$container")" | cut -f1) MB, $(stat -c %s "$(image mount "$container")/opt/keel/bin/keel" | awk '{printf "%.0f", $1 / 1e6}') of them keel itself, serves"
