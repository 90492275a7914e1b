#!/usr/bin/env python3
"""What keel scale predicts beside what ranks take, on this machine: a Markdown table, and exit code 1 where they differ by more than --within.

scripts/check_scale.py [--ranks 2,4] [--model resnet18] ... In each round, for each number of ranks: a trace, which says how long each rank computes
in each step beside the others; keel doctor under mpirun, which measures messages and shared memory; keel scale of the two; and another run of
keel bench on the ranks, which is what was predicted. Sums come after backward (--overlap off), which is what can be compared. Medians over the
rounds, the last column that of the ratios within a round.

--lone takes the traces of as many runs at once that do not communicate. These are not in step: what ranks that update their weights at the same
moment take of each other's memory bandwidth is in none of their traces. Where ranks outnumber cores the runs share them as the ranks do."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
MPIRUN = ["mpirun", "--oversubscribe", "--bind-to", "none"] + (["--allow-run-as-root"] if os.getuid() == 0 else [])


def start(command):
    return subprocess.Popen([*command], stdout=subprocess.PIPE, text=True)


def output(process):
    text = process.communicate()[0]
    if process.returncode != 0:
        sys.exit(f"{' '.join(process.args)} failed with {process.returncode}")
    return json.loads(text)


def bench(o, steps, more):
    return [o.keel, "bench", "--mode", "train", "--model", o.model, "--batch", str(o.batch), "--image-size", str(o.image_size), "--steps", str(steps),
            "--warmup", "3", "--threads", "1", "--json", "--quiet", *more]


def mpirun(o, ranks, cores):
    if ranks <= len(cores):
        return [*o.prefix, *MPIRUN, "-n", str(ranks), "taskset", "-c", ",".join(map(str, cores))]
    # Equally many on each core, in every run: where the system is left to divide them it does so now in one way and now in another.
    pinned = f'set -- $(({cores[0]} + OMPI_COMM_WORLD_RANK % 2 * {cores[-1] - cores[0]})) "$@"; exec taskset -c "$@"'
    return [*o.prefix, *MPIRUN, "--mca", "mpi_yield_when_idle", "1", "-n", str(ranks), "sh", "-c", pinned, "sh"]


def run_ranks(o, ranks, cores, trace):
    placed = ["--oversubscribe"] if ranks > len(cores) else ["--bind", "always"]
    output(start([*mpirun(o, ranks, cores), *bench(o, o.steps, ["--overlap", "off", "--trace", trace, *placed])]))


def traced(o, ranks, cores, folder):
    if not o.lone:
        run_ranks(o, ranks, cores, f"{folder}/traced.json")
        return [f"{folder}/traced.json"]
    traces = [f"{folder}/trace{r}.json" for r in range(ranks)]
    for run in [start([*o.prefix, "taskset", "-c", str(cores[r % len(cores)]), *bench(o, o.steps, ["--trace", trace])])
                for r, trace in enumerate(traces)]:
        output(run)
    return traces


def predicted(o, ranks, cores, folder):
    traces = traced(o, ranks, cores, folder)
    costs = output(start([*mpirun(o, ranks, cores), o.keel, "doctor", "--json"]))["self_test"]
    machine = Path(folder) / "machine.toml"
    machine.write_text(f"""ranks_per_node = {ranks}
[network]
gbits = {8e3 / costs["beta_ns_per_kb"]}
latency_us = {costs["alpha_us"]}
add_ns = {costs["gamma_ns_per_kb"] / 1e3}
[node]
wait_us = {costs["node_alpha_us"]}
sum_ns = {costs["node_gamma_ns_per_kb"] / 1e3}
""")
    report = output(start([*o.prefix, o.keel, "scale", "--model", o.model, "--batch", str(o.batch), "--image-size", str(o.image_size), "--machine", str(machine),
                           "--traces", ",".join(traces), "--nodes", "1", "--no-overlap", "--steps", "3", "--threads", "1", "--json", "--quiet"]))
    return report["points"][0]["step_ms"]


def measured(o, ranks, cores, folder):
    """The mean step, as the prediction is one, from the end of the first to that of the last; all ranks end a step together."""
    trace = f"{folder}/ranks.json"
    run_ranks(o, ranks, cores, trace)
    ends = sorted(event["ts"] + event["dur"] for event in json.loads(Path(trace).read_text())["traceEvents"]
                  if event["pid"] == 0 and event["name"] == "sgd_update")
    updates = len(ends) // o.steps
    return 1e-3 * (ends[-1] - ends[updates - 1]) / (o.steps - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", default="2,4")
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lone", action="store_true", help="traces of runs that do not communicate")
    parser.add_argument("--within", type=float, default=5, help="percent")
    parser.add_argument("--prefix", default="", help="words before each command, as in 'nice -n -20' on a machine that others use")
    parser.add_argument("--keel", default=str(ROOT / "build/release/cli/keel"))
    o = parser.parse_args()
    o.prefix = o.prefix.split()
    cores = sorted(os.sched_getaffinity(0))[:2]
    far = False
    print("| ranks on two cores | predicted ms a step | measured | by |\n|---|---|---|---|")
    for ranks in map(int, o.ranks.split(",")):
        pairs = []
        for turn in range(o.rounds):
            with tempfile.TemporaryDirectory() as folder:
                pairs.append((predicted(o, ranks, cores, folder), measured(o, ranks, cores, folder)))
            print(f"{ranks} ranks, round {turn + 1}: predicted {pairs[-1][0]:.1f} ms, measured {pairs[-1][1]:.1f}", file=sys.stderr, flush=True)
        guess, truth = median(p for p, _ in pairs), median(m for _, m in pairs)
        off = 100 * (median(p / m for p, m in pairs) - 1)
        far = far or abs(off) > o.within
        print(f"| {ranks}, {o.model}, batch {o.batch} | {guess:.1f} | {truth:.1f} | {off:+.1f} % |", flush=True)
    sys.exit(1 if far else 0)


main()
