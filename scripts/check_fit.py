#!/usr/bin/env python3
"""Whether keel fit finds a model of several times the speed that loses next to nothing, and whether that holds on the test split.

scripts/check_fit.py --checkpoint FILE --data SPEC [--factor 4] [--max-drop 0.005] [-- more options of keel fit]. Prints a line of JSON; exit code 1 where nothing
is found, where the chosen model's drop on the test split, which nothing was chosen by, is beyond the limit by more than its interval allows, or where a
measurement in turn with the checkpoint does not give the speed. scripts/demo.sh makes a checkpoint of DenseNet121 on the phantom set.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent


def run(words):
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True)
    return done.returncode, json.loads(done.stdout) if done.stdout else None


def rate(o, file, precision):
    code, figures = run([o.keel, "bench", "--checkpoint", str(file), "--mode", "infer", "--precision", precision, "--batch", str(o.batch), "--steps", "20",
                         "--warmup", "3", "--json", "--quiet"])
    if code != 0:
        sys.exit(f"keel bench of {file} failed with {code}")
    return figures["images_per_second"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keel", default=str(ROOT / "build/release/cli/keel"))
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", help="folder of the fit, to go on with [default: one that is removed]")
    parser.add_argument("--factor", type=float, default=4)
    parser.add_argument("--max-drop", type=float, default=0.005)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--alternations", type=int, default=5)
    parser.add_argument("more", nargs="*", help="options of keel fit, behind --")
    o = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(o.out or scratch)
        code, fit = run([o.keel, "fit", "--checkpoint", o.checkpoint, "--data", o.data, "--out", str(out), "--max-drop", str(o.max_drop),
                         "--min-images-per-second", f"{o.factor}x", "--batch-size", str(o.batch), "--json", *o.more])
        if code == 6:
            print(json.dumps({"found": False, "nearest": fit["nearest"], "misses": [miss["text"] for miss in fit["misses"]]}))
            sys.exit(1)
        if code != 0:
            sys.exit(f"keel fit failed with {code}")
        chosen = next(c for c in fit["candidates"] if c["name"] == fit["chosen"])
        own = out / "models" / (fit["candidates"][0]["name"] + ".safetensors")
        precision = "bf16" if chosen["form"] == "bf16" else "f32"
        ratios = [rate(o, fit["model"], precision) / rate(o, own, "f32") for _ in range(o.alternations)]
    test = fit["test"]
    result = {"found": True, "chosen": fit["chosen"], "validation": {k: chosen[k] for k in ("metric", "drop", "drop_interval")}, "test": test,
              "images_per_second": chosen["images_per_second"], "ratio": round(median(ratios), 2), "measured_on": fit["measured_on"]}
    print(json.dumps(result))
    holds = test is None or test["drop"] <= o.max_drop or (test["drop_interval"] is not None and test["drop_interval"][0] <= o.max_drop)
    if not holds or median(ratios) < o.factor * 0.95:  # 5 %: what two measurements of one thing differ by here
        sys.exit(1)


if __name__ == "__main__":
    main()
