#!/usr/bin/env python3
"""Keel beside PyTorch (eager and compiled), ONNX Runtime and OpenVINO on the same work, in turn: a Markdown table, of this processor.

scripts/compare_peers.py --models DIR [WORK ...] [--peers torch,ort,...], where WORK is MODEL:MODE:BATCH or MODEL:MODE:BATCH:bf16,
e.g. densenet121:train:16, resnet50:infer:1:bf16 or resnet50:int8:1.

KEEL_PEERS_PYTHON names a Python that has torch, torchvision, onnxruntime, openvino, and onnx and nncf for DIR, into which MODEL.onnx and
MODEL.int8.onnx are written where they are not. Peers take their best settings: channels_last, jemalloc and huge pages for PyTorch, one stream of all
threads for OpenVINO. ONNX Runtime has no bf16 and is compared in f32. Each program runs once a round, as a process of its own; a rate is that of its median step,
the memory that of the whole process. Ratios are Keel's rate by theirs, within a round.
"""
import argparse
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import peers

WORK = [f"{model}:{task}" for task in ("train:16", "infer:16", "infer:1", "int8:16", "int8:1") for model in ("densenet121", "resnet50")]
OF_MODE = {"train": ["torch", "torch-compile"], "infer": ["torch", "torch-compile", "ort", "openvino"], "int8": ["ort", "openvino"]}


def processor():
    names = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{names[0] if names else 'an unknown processor'}, {len(names)} processors"


def model_file(folder, model, mode):
    """MODEL.onnx or MODEL.int8.onnx, made where it is missing."""
    file = folder / f"{model}{'.int8' if mode == 'int8' else ''}.onnx"
    if not file.exists():
        code = f"import pathlib, peers; peers.write_networks(pathlib.Path({str(folder)!r}), [{model!r}], {mode == 'int8'})"
        subprocess.run([peers.PYTHON, "-c", code], check=True, stdout=sys.stderr, env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)})
    return file


def programs_of(text, o):
    model, mode, batch, precision = (text.split(":") + ["f32"])[:4]
    batch = int(batch)
    work = (mode, batch, 4 if mode == "train" else max(6, 40 // batch), o.threads)
    programs = {"Keel": lambda: peers.time_keel(o.keel, ["--model", model], *work, precision)}
    for peer in OF_MODE[mode]:
        if peer not in o.peers.split(","):
            continue
        source = model if peer.startswith("torch") else model_file(o.models, model, mode)
        theirs = "f32" if peer == "ort" else precision
        programs[peer] = lambda peer=peer, source=source, theirs=theirs: peers.time_peer(peer, source, *work, theirs)
    return programs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", nargs="*", metavar="WORK", default=WORK, help="MODEL:MODE:BATCH[:PRECISION] [default: %(default)s]")
    parser.add_argument("--models", type=Path, required=True, metavar="DIR", help="folder of MODEL.onnx and MODEL.int8.onnx")
    parser.add_argument("--peers", default="torch,torch-compile,ort,openvino", help="of which each work has some [default: %(default)s]")
    parser.add_argument("--keel", type=Path, default=peers.KEEL, help="the program [default: %(default)s]")
    parser.add_argument("--rounds", type=int, default=5, help="alternations [default: %(default)s]")
    parser.add_argument("--threads", type=int, default=2, help="of each program [default: %(default)s]")
    o = parser.parse_args()

    print(f"{processor()}, {o.threads} threads\n\n| work | program | images/s | Keel's by its (range) | peak MB |\n|---|---|---|---|---|")
    for text in o.work:
        results = peers.in_turn(programs_of(text, o), o.rounds, text)
        for program, each in results.items():
            ratio = "" if program == "Keel" else peers.ratios(results["Keel"], each)
            name = f"{program} {each[0].get('version', '')}".strip()
            print(f"| {text} | {name} | {median(one['rate'] for one in each):.2f} | {ratio} | {median(one['mb'] for one in each):.0f} |", flush=True)


if __name__ == "__main__":
    main()
