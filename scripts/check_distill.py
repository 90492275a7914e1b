#!/usr/bin/env python3
"""What a student gains by its teacher: trains a teacher on a phantom set of many images, then students alone and taught
on a set of fewer, with several seeds, and prints the mean AUROC on the latter's test split of each, the gain, and the
share of the gap to the teacher that it closes.

    scripts/check_distill.py build/release/cli/keel WORK --seeds 1 2 3

The teacher has seen none of the students' images, and all of them see augmented ones: what a teacher says of images that it was
trained on is little more than their labels, and what it says of ever new ones is what a student learns from (Beyer et al., 2022).
WORK keeps the data, the runs and the teachers' answers: what is there is not made again.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

WANTED_GAIN = 0.005


def run(command):
    print("+", " ".join(command), file=sys.stderr, flush=True)
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def phantom(o, name, images, seed):
    """Draws a phantom set, if it is not there."""
    folder = o.work / name
    if not folder.exists():
        run([o.keel, "data", "synth", str(folder), "--count", str(images), "--size", "96", "--balanced",
             "--seed", str(seed)])
    return folder


def trained(o, name, model, data, seed, epochs, extra):
    """Returns the best checkpoint of a run, which goes on where it was."""
    out = o.work / name
    command = [o.keel, "train", "--config", "docs/recipes/phantom_demo.toml", "--model", model,
               "--data", f"phantom:{data}", "--out", str(out), "--epochs", str(epochs),
               "--seed", str(seed), "--quiet", "--resume", "auto"]
    if o.threads:
        command += ["--threads", str(o.threads)]
    run(command + extra)
    return out / "checkpoints" / "best.safetensors"


def settings(options):
    return [word for option in options for word in ("--set", option)]


def auroc(o, checkpoint, data):
    result = run([o.keel, "eval", "--checkpoint", str(checkpoint), "--data", f"phantom:{data}",
                  "--split", "test", "--json", "--quiet"])
    return json.loads(result)["auroc"]["mean"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keel")
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--images", type=int, default=2000, help="of the students' set, in all splits")
    parser.add_argument("--teacher-images", type=int, default=8000, help="of the teacher's")
    parser.add_argument("--epochs", type=int, default=10, help="of students")
    parser.add_argument("--teacher-epochs", type=int, default=16)
    parser.add_argument("--threads", type=int, default=0, help="compute threads; 0: the allowed cores")
    parser.add_argument("--teacher", type=pathlib.Path, help="a checkpoint, in place of one that is trained")
    parser.add_argument("--teacher-model", default="densenet121")
    parser.add_argument("--student-model", default="resnet18")
    parser.add_argument("--augment", nargs="*", help="more options of all runs, KEY=VALUE",
                        default=["rotate=8", "shift=0.05", "brightness=0.1", "contrast=0.1"])
    parser.add_argument("--options", nargs="*", default=["hint_weight=1"],
                        help="more options of taught students, KEY=VALUE")
    o = parser.parse_args()
    o.keel, o.work = str(pathlib.Path(o.keel).resolve()), o.work.resolve()
    o.teacher = o.teacher and o.teacher.resolve()
    os.chdir(pathlib.Path(__file__).resolve().parent.parent)

    o.work.mkdir(parents=True, exist_ok=True)
    data = phantom(o, "phantom", o.images, 1)
    teacher = o.teacher or trained(o, "teacher", o.teacher_model, phantom(o, "teacher_phantom", o.teacher_images, 2), 0,
                                   o.teacher_epochs, settings(o.augment))
    of_teacher = auroc(o, teacher, data)
    print(f"teacher {o.teacher or o.teacher_model}: mean AUROC {of_teacher:.4f}", flush=True)
    gains = []
    for seed in o.seeds:
        alone = auroc(o, trained(o, f"alone{seed}", o.student_model, data, seed, o.epochs, settings(o.augment)), data)
        taught = auroc(o, trained(o, f"taught{seed}", o.student_model, data, seed, o.epochs,
                                  ["--teacher", str(teacher), "--teacher-cache", str(o.work / "answers")] +
                                  settings(o.augment + o.options)), data)
        gains.append((alone, taught))
        print(f"seed {seed}: {o.student_model} alone {alone:.4f}, taught {taught:.4f}, {taught - alone:+.4f}",
              flush=True)
    alone, taught = (statistics.mean(x) for x in zip(*gains))
    gap = of_teacher - alone
    print(f"mean: alone {alone:.4f}, taught {taught:.4f}, gain {taught - alone:+.4f}"
          + (f", {100 * (taught - alone) / gap:.0f} % of the gap of {gap:.4f}" if gap > 0 else ""))
    return 0 if taught - alone >= WANTED_GAIN else 1


if __name__ == "__main__":
    sys.exit(main())
