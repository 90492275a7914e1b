#!/usr/bin/env python3
"""Keel beside ONNX Runtime on the same ONNX files, in turn: a Markdown table of medians and ratios.

scripts/compare_onnx.py FILE.onnx ... [--batch 1,16] [--rounds 5]
scripts/compare_onnx.py --make DIR      writes torchvision's networks there first: mobilenet_v2, efficientnet_b0, squeezenet1_1,
                                        shufflenet_v2_x1_0, densenet121, resnet50, with random weights

Runs in a Python that has onnxruntime (and for --make torch and torchvision): KEEL_PEERS_PYTHON names one. Each program is a process of its own
with as many threads, and images of 224 pixels; a rate is that of its median step. Ratios are taken within a round, every other round runs in reverse.
"""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
NETWORKS = ["mobilenet_v2", "efficientnet_b0", "squeezenet1_1", "shufflenet_v2_x1_0", "densenet121", "resnet50"]


def make(folder):
    import torch
    import torchvision
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name in NETWORKS:
        torch.manual_seed(0)
        model = getattr(torchvision.models, name)(weights=None).eval()
        files.append(folder / f"{name}.onnx")
        extra = {"dynamo": False} if torch.__version__ >= "2.5" else {}
        torch.onnx.export(model, torch.randn(1, 3, 224, 224), files[-1], opset_version=17, input_names=["input"], output_names=["output"],
                          dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}}, **extra)
    return files


def time_onnx_runtime(path, batch, threads, steps):
    """Prints the median seconds of a step."""
    import time
    import numpy
    import onnxruntime
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    x = {session.get_inputs()[0].name: numpy.random.randn(batch, 3, 224, 224).astype(numpy.float32)}
    seconds = []
    for step in range(steps + 3):
        start = time.perf_counter()
        session.run(None, x)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"rate": batch / median(seconds[3:]), "version": onnxruntime.__version__}))


def output_of(command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.onnx")
    parser.add_argument("--make", type=Path, metavar="DIR", help="write networks there, and measure them")
    parser.add_argument("--batch", default="1,16", help="images a step [default: %(default)s]")
    parser.add_argument("--rounds", type=int, default=5, help="alternations [default: %(default)s]")
    parser.add_argument("--threads", type=int, default=2, help="of each program [default: %(default)s]")
    parser.add_argument("--keel", type=Path, default=ROOT / "build/release/cli/keel", help="the program [default: %(default)s]")
    parser.add_argument("--own", action="store_true", help="beside Keel's own model of the same name, not ONNX Runtime")
    parser.add_argument("--time", nargs=2, type=int, metavar=("BATCH", "STEPS"), help=argparse.SUPPRESS)
    o = parser.parse_args()
    if o.time:
        return time_onnx_runtime(o.files[0], o.time[0], o.threads, o.time[1])
    python = os.environ.get("KEEL_PEERS_PYTHON", sys.executable)
    if o.make and python != sys.executable:
        os.execve(python, [python, *sys.argv], {**os.environ, "KEEL_PEERS_PYTHON": python})
    files = o.files + (make(o.make) if o.make else [])

    def keel(path, batch, steps, *more):
        shared = ["--mode", "infer", "--batch", batch, "--steps", steps, "--warmup", 3, "--threads", o.threads, "--json", "--quiet"]
        return output_of([o.keel, "bench", *(more or ("--checkpoint", path)), *shared])["images_per_second"]

    def onnx_runtime(path, batch, steps):
        return output_of([python, __file__, path, "--time", batch, steps, "--threads", o.threads])["rate"]

    def own(path, batch, steps):
        return keel(path, batch, steps, "--model", path.stem)

    other = own if o.own else onnx_runtime
    print(f"| network | batch | Keel, images/s | {'its own model' if o.own else 'ONNX Runtime'}, images/s | ratio (range) |\n|---|---|---|---|---|")
    for path in files:
        for batch in map(int, o.batch.split(",")):
            steps, ours, theirs = max(5, 40 // batch), [], []
            for turn in range(o.rounds):
                for program, rates in [(keel, ours), (other, theirs)][:: 1 if turn % 2 == 0 else -1]:
                    rates.append(program(path, batch, steps))
            ratios = [a / b for a, b in zip(ours, theirs)]
            print(f"| {path.stem} | {batch} | {median(ours):.1f} | {median(theirs):.1f} | {median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) |",
                  flush=True)


if __name__ == "__main__":
    main()
