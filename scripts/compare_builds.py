#!/usr/bin/env python3
"""Two builds of Keel on the same work, in turn: a Markdown table of ratios, new against old, each with its interval.

scripts/compare_builds.py OLD NEW [WORK ...], where OLD and NEW are programs `keel` and WORK is
  MODEL:MODE:BATCH     keel bench, MODE train, infer or int8, e.g. densenet121:train:16
  input                images a second from PNG files, read, decoded and augmented (keel data bench)
  start:MODEL          one image through `keel predict`, from the start of the process to its end

A ratio is of two runs that follow each other; every other round runs in reverse. The interval is that of the median of the ratios: from the
k-th smallest to the k-th largest, k so that it holds the true median with at least 90 % whatever the distribution; with fewer than 5 rounds
there is none. Ends with 1 where a whole interval lies below --limit: then it is slower, and not by chance alone.
"""
import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

WORK = ["densenet121:train:16", "resnet50:train:16", "densenet121:infer:16", "resnet50:infer:16", "densenet121:infer:1", "resnet50:infer:1",
        "densenet121:int8:16", "resnet50:int8:16", "input", "start:resnet50"]


def output_of(command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed with {done.returncode}: {done.stderr}")
    return done.stdout


class Bench:
    """Images a second of a step in the middle."""

    def __init__(self, text, threads):
        model, mode, batch = text.split(":")
        steps = 3 if mode == "train" else max(4, 20 // int(batch))
        self.words = ["bench", "--model", model, "--mode", mode, "--batch", batch, "--steps", steps, "--warmup", 1, "--threads", threads,
                      "--json", "--quiet"]
        self.batch = int(batch)

    def rate(self, program):
        return 1e3 * self.batch / json.loads(output_of([program, *self.words]))["step_ms_median"]


class Input:
    """Images a second, read and decoded from a set that is drawn for it."""

    def __init__(self, folder, program):
        self.data = f"phantom:{folder}/phantom"
        output_of([program, "data", "synth", "--quiet", "--count", 200, "--size", 512, f"{folder}/phantom"])

    def rate(self, program):
        return json.loads(output_of([program, "data", "bench", self.data, "--json", "--quiet"]))["results"][0]["images_per_second"]


class Start:
    """Processes a second."""

    def __init__(self, model, folder, program, threads):
        self.checkpoint, self.threads = f"{folder}/{model}/checkpoints/last.safetensors", threads
        data = f"{folder}/start"
        output_of([program, "data", "synth", "--quiet", "--count", 24, "--size", 256, data])
        self.image = next(Path(data).rglob("*.png"))
        output_of([program, "train", "--quiet", "--model", model, "--data", f"phantom:{data}", "--out", f"{folder}/{model}", "--epochs", 1,
                   "--max-steps", 1, "--batch-size", 2, "--image-size", 64])

    def rate(self, program):
        start = time.perf_counter()
        output_of([program, "predict", "--quiet", "--json", "--threads", self.threads, "--checkpoint", self.checkpoint, self.image])
        return 1 / (time.perf_counter() - start)


def work_of(text, folder, options):
    if text == "input":
        return Input(folder, options.old)
    if text.startswith("start:"):
        return Start(text[6:], folder, options.old, options.threads)
    return Bench(text, options.threads)


def interval(ratios):
    """(low, high) of the median by order statistics, 90 % at least; None where so few cannot tell."""
    ordered, n = sorted(ratios), len(ratios)
    for k in range(n // 2, 0, -1):  # the k-th smallest and largest
        outside = 2 * sum(math.comb(n, i) for i in range(k)) / 2**n
        if outside <= 0.1:
            return ordered[k - 1], ordered[n - k]
    return None


def ratios_of(work, options):
    ratios = []
    for turn in range(options.rounds):
        rates = {}
        for name in ("old", "new")[:: 1 if turn % 2 == 0 else -1]:
            rates[name] = work.rate(getattr(options, name))
        ratios.append(rates["new"] / rates["old"])
    return ratios


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("work", nargs="*", metavar="WORK", default=WORK, help="[default: all of %(default)s]")
    parser.add_argument("--rounds", type=int, default=5, help="[default: %(default)s]")
    parser.add_argument("--threads", type=int, default=2, help="[default: %(default)s]")
    parser.add_argument("--limit", type=float, default=0.97, help="what is slower than this is too slow [default: %(default)s]")
    options = parser.parse_args()

    slower = []
    print("| work | new / old | interval of the median |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for text in options.work:
            ratios = ratios_of(work_of(text, folder, options), options)
            bounds = interval(ratios)
            print(f"| {text} | {median(ratios):.3f} | {f'{bounds[0]:.3f}-{bounds[1]:.3f}' if bounds else 'too few rounds'} |", flush=True)
            if bounds and bounds[1] < options.limit:
                slower.append(text)
    if slower:
        sys.exit(f"slower than {options.limit} of the old build: {', '.join(slower)}")


if __name__ == "__main__":
    main()
