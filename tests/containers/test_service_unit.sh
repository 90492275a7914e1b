#!/usr/bin/env bash
# tests/containers/test_service_unit.sh KEEL: scripts/systemd/keel-serve.service as systemd-analyze sees it, with this keel in the place of the
# installed one. Units that are broken on purpose are noticed. Skipped (77) where systemd-analyze is missing.
set -euo pipefail
keel=$(readlink -f "$1")
cd "$(dirname "$0")/../.."
command -v systemd-analyze >/dev/null || { echo "skipped: wants systemd-analyze"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unit=$folder/keel-serve.service

verify() { systemd-analyze verify "$unit" > "$folder/said" 2>&1 && [ ! -s "$folder/said" ]; }
installed() { sed "s|^ExecStart=/usr/bin/keel|ExecStart=$keel|" scripts/systemd/keel-serve.service > "$unit"; }

installed
verify || { echo "FAILED: the unit is not sound"; cat "$folder/said"; exit 1; }
# What breaks a unit is said, so that silence means something.
for change in 's/^Type=notify/Type=notifies/' 's/^WatchdogSec=.*/WatchdogSec=soon/' 's/^ProtectSystem=.*/ProtectSystem=very/' \
    's|^ExecStart=.*|ExecStart=/no/such/program|' 's/^RestrictAddressFamilies=/RestrictAdressFamilies=/'; do
    installed
    sed -i "$change" "$unit"
    ! verify || { echo "FAILED: not noticed: $change"; exit 1; }
done
installed
exposure=$(systemd-analyze security --offline=yes "$unit" 2>/dev/null | sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\).*/\1/p')
awk -v exposure="$exposure" 'BEGIN { exit !(exposure != "" && exposure <= 2.0) }' || { echo "FAILED: exposure $exposure of 10, wanted 2 at most"; exit 1; }
"$keel" serve --help | grep -- --config >/dev/null  # what ExecStart gives it
echo "the unit is sound, 5 broken ones are not; exposure $exposure of 10"
