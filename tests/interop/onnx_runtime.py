#!/usr/bin/env python3
"""Exported models in ONNX Runtime beside Keel: tests/interop/onnx_runtime.py KEEL [--models densenet121,resnet50,vgg16] [--count 1600] [--epochs 8]
[--keep DIR].

Models are trained on synthetic X-rays, quantized, and exported. f32: the largest difference of the logits of random images may be 1e-5 of the
largest logit. int8: the mean AUROC of the test images may differ by 0.001 from that of Keel's int8 model. Ends with 77 where there is no
PyTorch, whose Python is looked for, or no onnxruntime in it.
"""
import argparse
import collections
import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from peers import run_among_peers

run_among_peers()
try:
    import numpy
    import onnx
    import onnxruntime
    from PIL import Image
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)

MOST_F32, MOST_AUROC = 1e-5, 0.001
SIDE = 64


def session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(path) + ".optimized"
    opened = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    ops = collections.Counter(node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node)
    return opened, ops


def save_safetensors(path, tensors):
    header, data = {}, b""
    for name, array in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.astype(numpy.float32).tobytes()
    text = json.dumps(header).encode()
    Path(path).write_bytes(len(text).to_bytes(8, "little") + text + data)


def read_scores(path):
    """Probabilities and truth of each image, by its name, of what keel eval --predictions wrote."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    labels = [key[5:] for key in rows[0] if key.startswith("prob_")]
    scores = {row["Image Index"]: [float(row["prob_" + label]) for label in labels] for row in rows}
    truth = {row["Image Index"]: [float(row["true_" + label]) for label in labels] for row in rows}
    return labels, scores, truth


def mean_auroc(scores, truth):
    """Mann and Whitney's statistic of each label, ties counted half."""
    names = sorted(truth)
    values, wanted = numpy.array([scores[name] for name in names]), numpy.array([truth[name] for name in names])
    areas = []
    for label in range(values.shape[1]):
        yes, no = values[wanted[:, label] == 1, label], values[wanted[:, label] == 0, label]
        if len(yes) and len(no):
            areas.append(numpy.mean((yes[:, None] > no[None]) + 0.5 * (yes[:, None] == no[None])))
    return float(numpy.mean(areas))


def pixels(path, channels):
    image = numpy.asarray(Image.open(path).convert("L" if channels == 1 else "RGB"), dtype=numpy.uint8)
    return image.reshape(SIDE, SIDE, channels).transpose(2, 0, 1)


def check(keel, folder, data, model, epochs, split):
    rate = ["--lr", "0.0003"] if model == "vgg16" else []
    run = folder / model
    if not (run / "checkpoints/best.safetensors").exists():
        keel("train", "--model", model, "--data", data, "--out", run, "--image-size", SIDE, "--batch-size", 32, "--epochs", epochs, "--optimizer",
             "adamw", "--lr", "0.001", "--warmup-steps", 40, "--ema-decay", 0.98, "--seed", 1, *rate)
    best, int8 = run / "checkpoints/best.safetensors", folder / f"{model}.int8.safetensors"
    weights, f32, codes = (folder / f"{model}{end}" for end in (".weights.safetensors", ".onnx", ".int8.onnx"))
    keel("quantize", "--checkpoint", best, "--data", data, "--out", int8, "--force")
    keel("export", "--checkpoint", best, "--out", weights, "--force")
    keel("export", "--checkpoint", best, "--out", f32, "--force")
    keel("export", "--checkpoint", int8, "--out", codes, "--outputs", "probabilities", "--preprocessing", "u8", "--force")

    opened, _ = session(f32)
    channels = opened.get_inputs()[0].shape[1]
    images = numpy.random.default_rng(1).standard_normal((8, channels, SIDE, SIDE)).astype(numpy.float32)
    save_safetensors(folder / "check.safetensors", {"input": images, "output": opened.run(None, {"input": images})[0]})
    verified = json.loads(keel("import", weights, "--out", folder / "again.safetensors", "--verify", folder / "check.safetensors", "--image-size", SIDE,
                               "--json", "--force"))["verify"]
    error = verified["largest_difference"] / verified["largest_output"]

    keel("eval", "--checkpoint", int8, "--data", data, "--split", split, "--predictions", folder / "keel.csv")
    keel("eval", "--checkpoint", best, "--data", data, "--split", split, "--predictions", folder / "floats.csv")
    _, scores, truth = read_scores(folder / "keel.csv")
    floats = read_scores(folder / "floats.csv")[1]
    opened, ops = session(codes)
    root, exported, start = Path(data.split(":", 1)[1]) / "images", {}, time.time()
    names = sorted(scores)
    for first in range(0, len(names), 16):
        some = names[first:first + 16]
        batch = numpy.stack([pixels(root / name, channels) for name in some])
        exported.update(zip(some, opened.run(None, {"input": batch})[0].tolist()))
    seconds = time.time() - start
    areas = [mean_auroc(each, truth) for each in (floats, scores, exported)]
    apart = max(abs(a - b) for name in names for a, b in zip(scores[name], exported[name]))
    integers = {op: ops[op] for op in ("QLinearConv", "QGemm", "Conv", "FusedConv") if ops[op]}
    print(f"{model}: f32 {error:.2g} of the largest logit; mean AUROC of {len(names)} images {areas[0]:.4f} in fp32, {areas[1]:.4f} in Keel's int8, "
          f"{areas[2]:.4f} in ONNX Runtime's, probabilities {apart:.3f} apart at most; {integers}, {1000 * seconds / len(names):.1f} ms an image",
          flush=True)
    return error <= MOST_F32 and abs(areas[1] - areas[2]) <= MOST_AUROC and integers.get("QLinearConv", 0) > 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("keel")
    parser.add_argument("--models", default="densenet121,resnet50,vgg16")
    parser.add_argument("--count", type=int, default=1600)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--split", default="test", help="of whose images AUROCs are compared")
    parser.add_argument("--keep", help="folder for the files, which stay")
    o = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(o.keep or temporary)

        def keel(*words):
            done = subprocess.run([o.keel, *map(str, words), "--quiet"], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                sys.exit(f"keel {' '.join(map(str, words))}: {done.stderr}")
            return done.stdout

        if not (folder / "phantom").exists():
            keel("data", "synth", folder / "phantom", "--count", o.count, "--size", SIDE, "--balanced", "--seed", 1)
        data = f"phantom:{folder}/phantom"
        if not all([check(keel, folder, data, model, o.epochs, o.split) for model in o.models.split(",")]):
            sys.exit(f"beyond {MOST_F32} of the largest logit in fp32, or {MOST_AUROC} of the mean AUROC in int8")


if __name__ == "__main__":
    main()
