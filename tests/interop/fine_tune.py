#!/usr/bin/env python3
"""Whether weights from PyTorch's files help a training on other classes: tests/interop/fine_tune.py KEEL [--keep DIR].

A model is trained on synthetic X-rays of ten labels, exported to torchvision's names, loaded by torchvision with strict=True and saved by
torch.save. Trainings on other images with other labels begin with that file and, for comparison, with random weights; the same seed, steps and
order of images. Asserts that the first validation is better with the file, by AUROC and by loss. Exit code 77 without PyTorch.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import peers  # noqa: E402

peers.run_among_peers()
import torch  # noqa: E402
import torchvision  # noqa: E402

BEFORE = "Atelectasis,Cardiomegaly,Effusion,Infiltration,Mass,Nodule,Pneumonia,Pneumothorax,Consolidation,Edema"
AFTER = ["Atelectasis,Cardiomegaly,Consolidation,Edema,Effusion",  # all were among the ten
         "Effusion,Edema,Emphysema,Fibrosis"]  # two were


def read_safetensors(path):
    data = Path(path).read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + at for at in entry["data_offsets"])
        assert entry["dtype"] == "F32", entry
        tensors[name] = torch.frombuffer(bytearray(data[begin:end]), dtype=torch.float32).reshape(entry["shape"])
    return tensors


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("keel")
    parser.add_argument("--keep", help="folder for the files, which stay")
    o = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(o.keep or temporary)

        def keel(*words):
            done = subprocess.run([o.keel, *map(str, words)], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                sys.exit(f"keel {' '.join(map(str, words))}: {done.stderr}")
            return done.stdout

        def train(out, data, labels, epochs, *more):
            keel("train", "--model", "resnet18", "--data", f"csv:{data}/Data_Entry_2017.csv", "--root", data / "images", "--label-columns",
                 "Finding Labels", "--label-separator", "|", "--only-labels", labels, "--channels", 3, "--out", folder / out, "--image-size", 64,
                 "--batch-size", 16, "--epochs", epochs, "--lr", "0.0005", "--seed", 5, "--quiet", *more)
            lines = [json.loads(line) for line in (folder / out / "metrics.jsonl").read_text().splitlines()]
            return [(line["val_auroc_mean"], line["val_loss"], line["step"]) for line in lines if "val_auroc_mean" in line]

        keel("data", "synth", folder / "before", "--count", 2000, "--size", 64, "--balanced", "--seed", 1, "--quiet")
        keel("data", "synth", folder / "after", "--count", 800, "--size", 64, "--balanced", "--seed", 2, "--quiet")
        first = train("trained", folder / "before", BEFORE, 6)
        print(f"trained on ten labels: mean AUROC {first[-1][0]:.4f} after {first[-1][2]} steps")
        keel("export", "--checkpoint", folder / "trained/checkpoints/best.safetensors", "--out", folder / "weights.safetensors")
        model = torchvision.models.resnet18(num_classes=10)
        state = read_safetensors(folder / "weights.safetensors")
        model.load_state_dict(state, strict=True)
        torch.save(model.state_dict(), folder / "weights.pth")
        for i, labels in enumerate(AFTER):
            (random, random_loss, steps), = train(f"random{i}", folder / "after", labels, 1)
            (file, file_loss, same), = train(f"file{i}", folder / "after", labels, 1, "--init", folder / "weights.pth")
            print(f"{labels}, first validation after {steps} steps: mean AUROC {file:.3f}, loss {file_loss:.3f} from the file; "
                  f"{random:.3f}, {random_loss:.3f} from random weights")
            if steps != same or not (file > random and file_loss < random_loss):
                sys.exit("the file did not help")


if __name__ == "__main__":
    main()
