#!/usr/bin/env python3
"""Holds keel estimate against the runs that follow: time and peak memory, on one rank and on two.

    scripts/check_estimate.py KEEL [--data NAME=SPEC ...] [--ranks 1,2] [--seconds 20]

Without --data it draws a phantom set. Prints a line a run: what was estimated, what came, and by how much they differ.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time



def launched(ranks):
    """The words before keel that start so many ranks."""
    if ranks == 1:
        return []
    words = ["mpirun", "-n", str(ranks)]
    return words + (["--allow-run-as-root"] if os.geteuid() == 0 else [])


def share_of(process):
    """What a process holds, bytes; of pages that several hold, as ranks do, its part."""
    with open(f"/proc/{process}/smaps_rollup") as file:
        return 1024 * int(re.search(r"^Pss:\s+(\d+) kB", file.read(), re.MULTILINE)[1])


def peak_of_tree(process, every=0.1):
    """The most that the processes of a session held at once, bytes; and how long they ran."""
    peak, began = 0, time.monotonic()
    while process.poll() is None:
        held = 0
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and os.getsid(int(name)) == process.pid:  # mpirun gives its ranks groups of their own
                    with open(f"/proc/{name}/comm") as file:
                        held += share_of(name) if file.read().strip() == "keel" else 0
            except (OSError, ProcessLookupError, TypeError):
                continue
        peak = max(peak, held)
        time.sleep(every)
    return peak, time.monotonic() - began


def check(keel, name, data, ranks, seconds, folder, options):
    line = ["--data", data, "--out", os.path.join(folder, f"{name}-{ranks}"), *options]
    estimate = subprocess.run([*launched(ranks), keel, "estimate", *line, "--json", "--seconds", str(seconds)],
                              capture_output=True, text=True)
    if estimate.returncode != 0:
        sys.exit(estimate.stderr)
    said = json.loads(estimate.stdout)
    process = subprocess.Popen([*launched(ranks), keel, "train", *line, "--quiet", "--json"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    memory, took = peak_of_tree(process)
    if process.returncode != 0:
        sys.exit(process.stderr.read().decode())
    run, need = said["run_seconds"], said["memory_bytes"]
    print(f"{name}, {ranks} rank{'' if ranks == 1 else 's'}: time {run['value']:.1f} s ({run['low']:.1f} to {run['high']:.1f}), "
          f"took {took:.1f} s: {100 * (run['value'] / took - 1):+.1f} %; memory {need / 1e6:.0f} MB, "
          f"held {memory / 1e6:.0f} MB: {100 * (need / memory - 1):+.1f} %", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keel")
    parser.add_argument("--data", action="append", default=[], metavar="NAME=SPEC OPTIONS",
                        help="a name, a data set, and options of keel train behind it, in one word")
    parser.add_argument("--ranks", default="1,2")
    parser.add_argument("--seconds", type=float, default=20)
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="keel-estimate-")
    try:
        runs = [word.split("=", 1) for word in arguments.data]
        if not runs:
            phantom = os.path.join(folder, "phantom")
            subprocess.run([arguments.keel, "data", "synth", phantom, "--count", "400", "--quiet"], check=True,
                           stdout=subprocess.DEVNULL)
            runs = [("phantom", f"phantom:{phantom} --model densenet121 --image-size 224 --batch-size 16 --epochs 2")]
        for name, words in runs:
            data, *options = words.split()
            for ranks in (int(word) for word in arguments.ranks.split(",")):
                check(os.path.abspath(arguments.keel), name, data, ranks, arguments.seconds, folder, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
