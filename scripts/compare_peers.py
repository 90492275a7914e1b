#!/usr/bin/env python3
"""Keel beside PyTorch and ONNX Runtime on the same work, in turn: a Markdown table of medians and ratios.

scripts/compare_peers.py --peers DIR [--onnx DIR] [WORK ...], where WORK is MODEL:MODE:BATCH, e.g. densenet121:train:16 or resnet50:int8:1.

DIR of --peers holds torch_bench.py (run with /usr/bin/python3, which must have torch and torchvision) and ort_bench.js; DIR of --onnx holds
MODEL.onnx and node_modules with onnxruntime-node, and adds ONNX Runtime to the rows of inference. Rows of int8 compare with its MODEL.int8.onnx, and
with Keel's own fp32 in place of PyTorch. PyTorch runs channels_last and, where
libjemalloc.so.2 is installed, with jemalloc and huge pages, which is its best. Every program runs once a round, as a process of its own;
a rate is what it prints itself (of its median step), the peak memory that of the process. Ratios are taken within a round.
"""
import argparse
import glob
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
WORK = [f"{model}:{task}" for task in ("train:16", "infer:16", "infer:1") for model in ("densenet121", "resnet50")]


class Work:
    def __init__(self, text):
        self.text = text
        self.model, self.mode, batch = text.split(":")
        self.batch = int(batch)
        self.steps = 3 if self.mode == "train" else max(4, 20 // self.batch)


def run(command, environment, pattern):
    """(images a second, peak MB) of one process; the rate is the last number that `pattern` finds in its output."""
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    found = re.findall(pattern, output)
    if process.returncode != 0 or not found:
        sys.exit(f"{' '.join(map(str, command))} failed with {process.returncode}: {output}")
    return float(found[-1]), usage.ru_maxrss / 1e3


def keel(options, work, mode=None):
    return run([options.keel, "bench", "--model", work.model, "--mode", mode or work.mode, "--batch", str(work.batch), "--steps", str(work.steps),
                "--warmup", "2", "--threads", str(options.threads), "--json", "--quiet"], {}, r'"images_per_second":([\d.]+)')


def torch(options, work):
    command = ["/usr/bin/python3", options.peers / "torch_bench.py", work.model, str(options.threads), str(work.batch), work.mode,
               str(work.steps), "cl"]
    environment = {}
    if jemalloc := glob.glob("/usr/lib/*/libjemalloc.so.2"):
        environment = {"THP_MEM_ALLOC_ENABLE": "1", "LD_PRELOAD": jemalloc[0],
                       "MALLOC_CONF": "thp:always,dirty_decay_ms:-1,muzzy_decay_ms:-1"}
    return run(command, environment, r"([\d.]+) img/s")


def keel_fp32(options, work):
    return keel(options, work, "infer")


def onnx_runtime(options, work):
    kind = ".int8" if work.mode == "int8" else ""
    return run(["node", options.peers / "ort_bench.js", str(work.batch), options.onnx / f"{work.model}{kind}.onnx"],
               {"NODE_PATH": str(options.onnx / "node_modules")}, r"([\d.]+) img/s")


def measure(options, work):
    """Results by program: one (rate, MB) a round. Every other round runs in reverse, so that a drift of the machine cancels out."""
    programs = {"keel": keel, "torch": keel_fp32 if work.mode == "int8" else torch}
    if options.onnx and work.mode != "train":
        programs["onnx"] = onnx_runtime
    results = {name: [] for name in programs}
    for turn in range(options.rounds):
        for name in list(programs)[:: 1 if turn % 2 == 0 else -1]:
            results[name].append(programs[name](options, work))
            print(f"{work.text} round {turn + 1}: {name} {results[name][-1][0]:.2f} img/s", file=sys.stderr, flush=True)
    return results


def row(work, results):
    ours = [rate for rate, _ in results["keel"]]
    our_memory = median(mb for _, mb in results["keel"])
    cells = [work.text, f"{median(ours):.2f}"]
    for name in ("torch", "onnx"):
        if name not in results:
            cells += ["", ""]
            continue
        theirs = [rate for rate, _ in results[name]]
        ratios = [a / b for a, b in zip(ours, theirs)]
        cells += [f"{median(theirs):.2f}", f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"]
    memory = {name: median(mb for _, mb in values) for name, values in results.items()}
    cells += [f"{memory[name]:.0f}" if name in memory else "" for name in ("keel", "torch", "onnx")]
    return cells + [f"{our_memory / memory['torch']:.2f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", nargs="*", metavar="WORK", default=WORK, help="MODEL:MODE:BATCH [default: %(default)s]")
    parser.add_argument("--peers", type=Path, required=True, help="folder of torch_bench.py and ort_bench.js")
    parser.add_argument("--onnx", type=Path, help="folder of MODEL.onnx and node_modules; without it ONNX Runtime is left out")
    parser.add_argument("--keel", type=Path, default=ROOT / "build/release/cli/keel", help="the program [default: %(default)s]")
    parser.add_argument("--rounds", type=int, default=5, help="alternations [default: %(default)s]")
    parser.add_argument("--threads", type=int, default=2, help="of Keel and PyTorch; ort_bench.js takes 2 [default: %(default)s]")
    options = parser.parse_args()

    print("| work | Keel, img/s | PyTorch (int8: Keel fp32), img/s | ratio (range) | ONNX Runtime, img/s | ratio (range) | peak MB: Keel | PyTorch | "
          "ONNX Runtime | Keel / PyTorch |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for text in options.work:
        work = Work(text)
        print("| " + " | ".join(row(work, measure(options, work))) + " |", flush=True)


if __name__ == "__main__":
    main()
