#!/usr/bin/env python3
"""Training on two ranks of one thread beside two runs of one thread that do not communicate, in turn: a Markdown table.

scripts/weak_scaling.py [MODEL ...]. Each side runs once a round, on the same two cores, so that both have the same memory traffic. Efficiency is
images a second of the ranks over those of the two runs together, within a round; printed are medians and the range of the rounds. Where a machine
holds up one core or the other at random, ranks wait for the slower one, runs apart do not: "best steps" compares the least times of a step.
"""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
MPIRUN = ["mpirun", "--bind-to", "none", "-n", "2"] + (["--allow-run-as-root"] if os.getuid() == 0 else [])


def bench(options, model, warmup, before=()):
    return subprocess.Popen([*before, options.keel, "bench", "--model", model, "--mode", "train", "--batch", str(options.batch), "--steps",
                             str(options.steps), "--warmup", str(warmup), "--threads", "1", "--json", "--quiet"],
                            stdout=subprocess.PIPE, text=True)


def result(process):
    output = process.communicate()[0]
    if process.returncode != 0:
        sys.exit(f"{' '.join(process.args)} failed with {process.returncode}")
    return json.loads(output)


def apart(options, model, cores):
    runs = [bench(options, model, 3, ["taskset", "-c", str(core)]) for core in cores]
    done = [result(run) for run in runs]
    return {"images_per_second": sum(run["images_per_second"] for run in done), "step_ms_min": sum(run["step_ms_min"] for run in done) / 2}


def together(options, model, cores):
    return result(bench(options, model, 2, [*MPIRUN, "taskset", "-c", ",".join(map(str, cores))]))  # ten steps of trials before


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["densenet121", "resnet50"])
    parser.add_argument("--keel", default=ROOT / "build/release/cli/keel")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[:2]
    print("| model | apart, img/s | 2 ranks, img/s | efficiency (range) | best steps | sums, ms | waited for, ms |")
    print("|---|---|---|---|---|---|---|")
    for model in options.models:
        rounds = []
        for turn in range(options.rounds):
            sides = [apart, together] if turn % 2 == 0 else [together, apart]
            done = {side.__name__: side(options, model, cores) for side in sides}
            rounds.append((done["apart"], done["together"]))
            print(f"{model} round {turn + 1}: {done['apart']['images_per_second']:.2f} apart, {done['together']['images_per_second']:.2f} together",
                  file=sys.stderr, flush=True)
        rates = [[side["images_per_second"] for side in pair] for pair in rounds]
        ratios = sorted(ranks / runs for runs, ranks in rates)
        print(f"| {model}, batch {options.batch} | {median(r[0] for r in rates):.2f} | {median(r[1] for r in rates):.2f} | "
              f"{median(ratios):.3f} ({ratios[0]:.3f}-{ratios[-1]:.3f}) | "
              f"{median(a['step_ms_min'] / t['step_ms_min'] for a, t in rounds):.3f} | {median(t['sums_ms'] for _, t in rounds):.1f} | "
              f"{median(t['exposed_ms'] for _, t in rounds):.1f} |", flush=True)


main()
