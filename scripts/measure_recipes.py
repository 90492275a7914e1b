#!/usr/bin/env python3
"""Measures what each loss, sampler and augmentation gives: the tables of docs/recipes/options.md.

    scripts/measure_recipes.py --pneumonia pneumoniamnist.npz --out DIR [--keel PROGRAM] [--seeds 3] [--sets phantom,pneumonia]

Trains a small network with the defaults and with each option, once a seed, on a phantom set that it draws and on
PneumoniaMNIST, one thread each, and scores the test split with the checkpoint that was best in validation. Runs that are
in DIR already are not repeated. Prints Markdown.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

# What is added to the plain run; of the two sets, where they differ.
OPTIONS = [
    ("plain", [], []),
    ("balanced weights", ["--positive-weights", "balanced"], ["--class-weights", "balanced"]),
    ("sampler balanced", ["--sampler", "balanced"], None),
    ("loss focal", ["--loss", "focal"], None),
    ("loss asymmetric", ["--loss", "asymmetric"], None),
    ("loss auc-margin", ["--loss", "auc-margin"], None),
    ("auc-margin from plain", ["--loss", "auc-margin", "--init", "PLAIN"], None),
    ("mixup 0.2", ["--mixup", "0.2"], None),
    ("cutmix 1", ["--cutmix", "1"], None),
    ("erase 0.5", ["--erase", "0.5"], None),
]

SETS = {
    "phantom": ["--model", "resnet18", "--image-size", "32", "--epochs", "5", "--batch-size", "16", "--lr", "0.001",
                "--warmup-steps", "40", "--ema-decay", "0.98"],
    "pneumonia": ["--model", "resnet18", "--image-size", "28", "--epochs", "2", "--batch-size", "32", "--lr", "0.001",
                  "--warmup-steps", "40", "--ema-decay", "0.98", "--rotate", "10", "--shift", "0.08"],
}


def keel(program, arguments):
    result = subprocess.run([program, *arguments, "--quiet"], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"keel {' '.join(arguments)}\nended with {result.returncode}: {result.stderr}")
    return result.stdout


def measure(program, out, data, name, seed, arguments):
    """Returns the test scores of one run, as keel eval gives them."""
    run = out / f"{name.replace(' ', '-')}-{seed}"
    scores = run / "test_scores.json"
    if not scores.exists():
        plain = str(out / f"plain-{seed}" / "checkpoints" / "best.safetensors")
        arguments = [plain if word == "PLAIN" else word for word in arguments]
        keel(program, ["train", "--data", data, "--out", str(run), "--seed", str(seed), "--threads", "1", "--workers",
                       "1", "--checkpoint-minutes", "0", "--force", *arguments])
        test = json.loads(keel(program, ["eval", "--checkpoint", str(run / "checkpoints" / "best.safetensors"), "--data",
                                         data, "--split", "test", "--threads", "1", "--json"]))
        scores.write_text(json.dumps(test))
    return json.loads(scores.read_text())


def figures(scores):
    """The figures of a run, under the heads of their columns."""
    if "accuracy" in scores:
        return {"AUC": scores["auc"], "accuracy": scores["accuracy"], "loss": scores["loss"]}
    return {"mean AUROC": scores["auroc"]["mean"], "loss": scores["loss"]}


def table(rows):
    """Mean and, in brackets, lowest and highest of the seeds; the plain run's first."""
    heads = list(figures(rows[0][1][0]))
    print("| options | " + " | ".join(heads) + " |")
    print("|---|" + "---|" * len(heads))
    for name, runs in rows:
        cells = []
        for head in heads:
            values = [figures(run)[head] for run in runs]
            cells.append(f"{statistics.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})")
        print(f"| {name} | " + " | ".join(cells) + " |")
    print(flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keel", default="build/release/cli/keel")
    parser.add_argument("--pneumonia", help="pneumoniamnist.npz of MedMNIST v2")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", default="phantom,pneumonia")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    for name in options.sets.split(","):
        if name == "phantom":
            folder = options.out / "phantom-set"
            if not folder.exists():
                keel(options.keel, ["data", "synth", str(folder), "--count", "2000", "--size", "64"])
            data = f"phantom:{folder}"
        elif options.pneumonia is None:
            sys.exit("--pneumonia FILE is wanted for PneumoniaMNIST")
        else:
            data = f"medmnist:{options.pneumonia}"
        rows = []
        for option, first, second in OPTIONS:
            arguments = SETS[name] + (second if name == "pneumonia" and second is not None else first)
            rows.append((option, [measure(options.keel, options.out / name, data, option, seed, arguments)
                                  for seed in range(options.seeds)]))
        print(f"## {name}\n")
        table(rows)


if __name__ == "__main__":
    main()
