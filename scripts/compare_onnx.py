#!/usr/bin/env python3
"""Keel beside ONNX Runtime on the same ONNX files, in turn: a Markdown table of medians and ratios.

scripts/compare_onnx.py FILE.onnx ... [--batch 1,16] [--rounds 5]
scripts/compare_onnx.py --make DIR      writes torchvision's networks there first, with random weights

KEEL_PEERS_PYTHON names a Python that has onnxruntime, and for --make torch and torchvision. Each program is a process of its own with as many
threads, and images of 224 pixels; a rate is that of its median step. Ratios are taken within a round.
"""
import argparse
import os
import sys
from pathlib import Path
from statistics import median

import peers

NETWORKS = ["mobilenet_v2", "efficientnet_b0", "squeezenet1_1", "shufflenet_v2_x1_0", "densenet121", "resnet50"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.onnx")
    parser.add_argument("--make", type=Path, metavar="DIR", help="write networks there, and measure them")
    parser.add_argument("--batch", default="1,16", help="images a step [default: %(default)s]")
    parser.add_argument("--rounds", type=int, default=5, help="alternations [default: %(default)s]")
    parser.add_argument("--threads", type=int, default=2, help="of each program [default: %(default)s]")
    parser.add_argument("--keel", type=Path, default=peers.KEEL, help="the program [default: %(default)s]")
    parser.add_argument("--own", action="store_true", help="beside Keel's own model of the same name, not ONNX Runtime")
    o = parser.parse_args()
    if o.make and peers.PYTHON != sys.executable:
        os.execve(peers.PYTHON, [peers.PYTHON, *sys.argv], dict(os.environ))
    files = o.files + (peers.write_networks(o.make, NETWORKS) if o.make else [])
    other = "its own model" if o.own else "ONNX Runtime"
    print(f"| network | batch | Keel, images/s | {other}, images/s | ratio (range) |\n|---|---|---|---|---|")
    for path in files:
        for batch in map(int, o.batch.split(",")):
            work = ("infer", batch, max(5, 40 // batch), o.threads)
            programs = {"Keel": lambda: peers.time_keel(o.keel, ["--checkpoint", path], *work),
                        other: (lambda: peers.time_keel(o.keel, ["--model", path.stem], *work)) if o.own else
                               (lambda: peers.time_peer("ort", path, *work))}
            results = peers.in_turn(programs, o.rounds, f"{path.stem} {batch}")
            rates = [median(one["rate"] for one in results[program]) for program in programs]
            print(f"| {path.stem} | {batch} | {rates[0]:.1f} | {rates[1]:.1f} | {peers.ratios(results['Keel'], results[other])} |", flush=True)


if __name__ == "__main__":
    main()
