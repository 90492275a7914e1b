#!/usr/bin/env python3
"""Keel beside one busy process that is pinned to one of its processors: a Markdown table of its rate against the fair share.

scripts/check_busy.py [WORK ...], where WORK is MODEL:MODE:BATCH or MODEL:MODE:BATCH:bf16, e.g. densenet121:train:16 or resnet50:int8:1. A round is a quiet run
and a run beside the busy process, in turn; the fair share of a team of two, one of whose processors is half another's, is 0.75 of the quiet rate (of n threads:
1 - 1 / 2n). Ratios are of two runs that follow each other. Ends with 1 where a median is below --limit.
"""
import argparse
import json
import os
import subprocess
import sys
from statistics import median

WORK = ["densenet121:train:16", "resnet50:train:16", "densenet121:infer:16", "resnet50:infer:16", "densenet121:infer:1", "resnet50:infer:1",
        "densenet121:int8:1", "resnet50:int8:1"]


def rate(keel, work, threads, seconds):
    """Images a second over about `seconds`, of all steps: a median would leave out those that were held up."""
    model, mode, batch, *precision = work.split(":")
    command = [keel, "bench", "--model", model, "--mode", mode, "--batch", batch, "--threads", str(threads), "--json", "--quiet"]
    command += ["--precision", precision[0]] if precision else []
    once = json.loads(subprocess.run([*command, "--steps", "1", "--warmup", "1"], capture_output=True, text=True, check=True).stdout)
    steps = max(3, round(seconds * 1e3 / once["step_ms_median"]))
    done = subprocess.run([*command, "--steps", str(steps), "--warmup", "1"], capture_output=True, text=True, check=True)
    return 1e3 * int(batch) / json.loads(done.stdout)["step_ms_mean"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", nargs="*", default=WORK, metavar="WORK")
    parser.add_argument("--keel", default="build/release/cli/keel", help="the program")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of each run, about")
    parser.add_argument("--limit", type=float, default=0.85, help="of the fair share")
    options = parser.parse_args()
    processors = sorted(os.sched_getaffinity(0))
    fair = 1 - 1 / (2 * len(processors))
    print(f"{len(processors)} threads, one busy process on processor {processors[-1]}, fair share {fair:.3f}\n\n"
          "| work | quiet, images/s | beside it | of the fair share (range) |\n|---|---|---|---|", flush=True)
    missed = False
    for work in options.work:
        quiet, beside, shares = [], [], []
        for _ in range(options.rounds):
            quiet.append(rate(options.keel, work, len(processors), options.seconds))
            busy = subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=lambda: os.sched_setaffinity(0, processors[-1:]))
            try:
                beside.append(rate(options.keel, work, len(processors), options.seconds))
            finally:
                busy.kill()
                busy.wait()
            shares.append(beside[-1] / quiet[-1] / fair)
        missed = missed or median(shares) < options.limit
        print(f"| {work} | {median(quiet):.1f} | {median(beside):.1f} | {median(shares):.2f} ({min(shares):.2f}-{max(shares):.2f}) |", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
