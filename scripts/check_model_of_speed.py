#!/usr/bin/env python3
"""Holds the model of speed (keel bench --model-of this) against what is measured on this machine.

Both figures of a run are of the same steps, each span of work at its best of them, so that other load counts as little
as it can; still, run it on a quiet machine. Prints a table a run by kind of work, with --layers by layer as well, and
one of all runs. Exits with 1 where a total is further off than --within.
"""
import argparse
import json
import subprocess
import sys

RUNS = [("train", "f32"), ("infer", "f32"), ("int8", "f32"), ("train", "bf16"), ("infer", "bf16")]


def bench(arguments, model, mode, precision, batch):
    steps = arguments.steps if batch > 4 else 3 * arguments.steps
    command = [arguments.keel, "bench", "--json", "--quiet", "--model-of", "this", "--model", model, "--mode", mode,
               "--precision", precision, "--batch", str(batch), "--steps", str(steps)]
    if arguments.threads:
        command += ["--threads", str(arguments.threads)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}: {result.stderr.strip()}")
    return json.loads(result.stdout)


def show(rows, name):
    print(f"  {name:58} {'measured ms':>12} {'model ms':>10} {'ratio':>6}")
    for label, measured, modelled in rows:
        if measured > 0:
            print(f"  {label:58} {measured:12.3f} {modelled:10.3f} {modelled / measured:6.2f}")


def layer_name(layer):
    work = layer.get("algorithm", layer["kind"])
    return f"{layer['layer'][-28:]} {layer['pass']} {work} {layer.get('shape', '')}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keel", default="build/release/cli/keel", help="the program [default: %(default)s]")
    parser.add_argument("--models", default="resnet50,densenet121")
    parser.add_argument("--batches", default="16,1")
    parser.add_argument("--runs", default="f32,int8", help="of f32, int8, bf16 [default: %(default)s]")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--within", type=float, default=0.15, help="of a total [default: %(default)s]")
    parser.add_argument("--layers", action="store_true")
    arguments = parser.parse_args()
    wanted = arguments.runs.split(",")
    totals = []
    for model in arguments.models.split(","):
        for batch in map(int, arguments.batches.split(",")):
            for mode, precision in RUNS:
                if ("int8" if mode == "int8" else precision) not in wanted:
                    continue
                figures = bench(arguments, model, mode, precision, batch)
                name = f"{model} {mode} {figures['precision']} batch {batch}, {figures['threads']} threads"
                print(f"{name}: {figures['processor']}")
                show([(k["kind"], k["measured_ms"], k["ms"]) for k in figures["kinds"]], "kind of work")
                if arguments.layers:
                    show([(layer_name(x), x["measured_ms"], x["ms"]) for x in figures["layers"]], "layer")
                totals.append((name, figures["measured_ms"], figures["step_ms"]))
                print()
    show(totals, "all")
    off = [name for name, measured, modelled in totals if abs(modelled / measured - 1) > arguments.within]
    for name in off:
        print(f"further off than {100 * arguments.within:.0f} %: {name}")
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(main())
