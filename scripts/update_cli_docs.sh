#!/bin/sh
# Writes docs/cli.md from the program's own --help: scripts/update_cli_docs.sh [path of the keel program]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
keel=$(readlink -f "${1:-$root/build/release/cli/keel}")

# The names in the list of commands of `keel "$@" --help`.
names() { "$keel" "$@" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z]*\).*/\1/p'; }

# Heading and help of `keel "$@"`, then of its commands.
describe() {
    printf '\n## keel%s\n\n```\n' "${*:+ $*}"
    "$keel" "$@" --help
    printf '```\n'
    for name in $(names "$@"); do (describe "$@" "$name"); done
}

new=$(mktemp)
trap 'rm -f "$new"' EXIT
cat > "$new" <<'INTRODUCTION'
# The command line

Written by `scripts/update_cli_docs.sh` from `--help`; a test compares the two.

Results go to stdout, all else to stderr. With `--json` stdout holds exactly one JSON object; a command that fails leaves it empty.
An error is one line on stderr, `keel COMMAND: [who] what was wanted, what came`.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | out of memory, or a bug in Keel |
| 2 | usage: an option, a configuration or an argument that cannot be honoured |
| 3 | bad input: data or a checkpoint that is malformed or does not fit |
| 4 | diverged: NaN or infinity in training |
| 5 | the system refused to read or write |
| 6 | `keel fit`: no model keeps to the limits; the result says which comes nearest |
| 69 | another rank died, stopped or left; `keel launch` starts the rest again from the last checkpoint |
| 75 | stopped by SIGTERM or SIGUSR1 with its state saved: the same command with `--resume auto` goes on |
| 130 | interrupted by SIGINT |

`keel train` takes its options from, each before those after it: flags, `--set KEY=VALUE`, `--config FILE.toml`, the
configuration of the run that is resumed, the defaults. A key is the option's name with `_` for `-`; a run directory's
`config.toml` holds all of them and is itself a valid `--config`.
INTRODUCTION
describe >> "$new"
cp "$new" "$root/docs/cli.md"
