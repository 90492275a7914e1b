#!/usr/bin/env python3
"""make_old_run.py KEEL: writes what lies beside this file, by the program KEEL of a release; tests/runs/test_old_files.cpp
holds newer ones to it.

    pack/           24 tiny chest X-rays, by keel data pack
    init.sparse     a ResNet18 of four channels: all other weights are 0, and stay so, which makes its files small
    last.sparse     the checkpoint of a run that was stopped within its first epoch
    run/            the run directory at the end of its second epoch, without checkpoints
    scores.csv      predictions of the validation split by last.sparse, from keel eval
    expected.json   samples of the pack by split and label, the loss by last.sparse, the CRC-32 of the weights at the end and
                    the library of convolutions that made them

A .sparse file is zlib's stream of chunks: two u32, bytes that are 0 and bytes that follow as they are.
The numbers are those of AVX2."""
import array
import json
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

KEEL = os.path.abspath(sys.argv[1])
HERE = pathlib.Path(__file__).resolve().parent
ALIVE = 4
RANDOM = random.Random(1)


def keel(*words):
    environment = dict(os.environ, KEEL_ISA="avx2", OMP_NUM_THREADS="1")
    done = subprocess.run([KEEL, *words], env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def sparse(data):
    chunks, at = [], 0
    for literal in re.finditer(rb"[^\0](?:[^\0]|\0{1,15}(?=[^\0]))*", data):
        chunks.append(struct.pack("<II", literal.start() - at, len(literal[0])) + literal[0])
        at = literal.end()
    chunks.append(struct.pack("<II", len(data) - at, 0))
    return zlib.compress(b"".join(chunks), 9)


def convolution(oc, ic, k, alive_ic):
    values = array.array("f", bytes(4 * oc * ic * k * k))
    for o in range(ALIVE):
        for i in range(alive_ic):
            for t in range(k * k):
                values[(o * ic + i) * k * k + t] = RANDOM.gauss(0, (2 / (alive_ic * k * k)) ** 0.5)
    return (oc, ic, k, k), values


def vector(n, alive, other):
    return (n,), array.array("f", [alive] * ALIVE + [other] * (n - ALIVE))


def resnet18():
    tensors = {}

    def norm(name, n):
        tensors[name + ".weight"], tensors[name + ".bias"] = vector(n, 1, 0), vector(n, 0.125, 0)
        tensors[name + ".running_mean"], tensors[name + ".running_var"] = vector(n, 0, 0), vector(n, 1, 1)

    tensors["conv1.weight"] = convolution(64, 1, 3, 1)
    norm("bn1", 64)
    ic = 64
    for stage, oc in enumerate((64, 128, 256, 512), 1):
        for block in range(2):
            prefix = "layer%d.%d." % (stage, block)
            tensors[prefix + "conv1.weight"] = convolution(oc, ic, 3, ALIVE)
            norm(prefix + "bn1", oc)
            tensors[prefix + "conv2.weight"] = convolution(oc, oc, 3, ALIVE)
            norm(prefix + "bn2", oc)
            if ic != oc:
                tensors[prefix + "downsample.0.weight"] = convolution(oc, ic, 1, ALIVE)
                norm(prefix + "downsample.1", oc)
            ic = oc
    fc = array.array("f", bytes(4 * 14 * 512))
    for label in range(14):
        for i in range(ALIVE):
            fc[512 * label + i] = RANDOM.gauss(0, 0.5)
    tensors["fc.weight"], tensors["fc.bias"] = ((14, 512), fc), ((14,), array.array("f", bytes(4 * 14)))
    return tensors


def safetensors(tensors):
    header, body = {}, []
    at = 0
    for name, (shape, values) in tensors.items():
        data = values.tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(data)]}
        body.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(body)


def crc_of_tensors(file, names):
    """CRC-32 of the bytes of these tensors, in the order of their names."""
    data = file.read_bytes()
    size = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + size])
    crc = 0
    for name in sorted(names):
        begin, end = header[name]["data_offsets"]
        crc = zlib.crc32(data[8 + size + begin:8 + size + end], crc)
    return crc


def main():
    for old in ("pack", "run"):
        shutil.rmtree(HERE / old, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        keel("data", "synth", "phantom", "--count", "24", "--size", "64", "--balanced", "--quiet")
        keel("data", "pack", "phantom:phantom", "pack", "--size", "16", "--quiet")
        tensors = resnet18()
        init = safetensors(tensors)
        pathlib.Path("init.safetensors").write_bytes(init)
        keel("train", "--model", "resnet18", "--small-stem", "--data", "pack:pack", "--out", "run", "--image-size", "16",
             "--batch-size", "4", "--epochs", "2", "--max-steps", "2", "--init", "init.safetensors", "--schedule", "constant",
             "--lr", "0.01", "--ema-decay", "0.5", "--rotate", "10", "--brightness", "0.25", "--seed", "5", "--threads", "1",
             "--quiet")
        last = pathlib.Path("run/checkpoints/last.safetensors")
        stopped = last.read_bytes()
        scores = json.loads(keel("eval", "--checkpoint", str(last), "--data", "pack:pack", "--split", "val", "--predictions",
                                 "scores.csv", "--json", "--quiet"))
        keel("train", "--out", "run", "--resume", "auto", "--max-steps", "0", "--quiet")
        library = json.loads(keel("doctor", "--json"))["onednn"]
        expected = {"pack": json.loads(keel("data", "info", "pack:pack", "--json"))["splits"], "loss": scores["loss"],
                    "library": library, "crc": crc_of_tensors(last, tensors)}
        (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
        (HERE / "init.sparse").write_bytes(sparse(init))
        (HERE / "last.sparse").write_bytes(sparse(stopped))
        shutil.copy("scores.csv", HERE)
        shutil.copytree("pack", HERE / "pack")
        (HERE / "run").mkdir()
        for name in ("config.toml", "metrics.csv", "metrics.jsonl", "machine.json", "val_predictions.csv"):
            shutil.copy("run/" + name, HERE / "run")


main()
