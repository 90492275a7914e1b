#!/usr/bin/env python3
"""How good keel tune is: asynchronous halving against random search with the same core hours, and what the search itself costs.

scripts/check_tune.py --data medmnist:pneumoniamnist.npz [--seeds 5] [--trials 40] [--epochs 9] ... For each seed: a search of --trials by ASHA and TPE; one
whose trials are random and all trained to their end, with the core hours that the first took; the best score of each, and the share of its
cost after which the first had reached what the second came to. Then, with --overhead N: the jobs of a search of N trials once more, without the
search, by as many workers, and by how much its wall-clock time is above theirs. Exit code 1 where ASHA is worse on average, or the overhead above --most."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).resolve().parent.parent
SPACE = """lr = { log_uniform = [1e-5, 0.3] }
optimizer = { choice = ["sgd", "adamw"] }
momentum = { uniform = [0, 0.95], when = { optimizer = "sgd" } }
weight_decay = { log_uniform = [1e-5, 0.3] }
batch_size = { log_integer = [32, 256] }
label_smoothing = { uniform = [0, 0.2] }
"""


def config(o):
    return (f'model = "{o.model}"\ndata = "{o.data}"\nimage_size = {o.image_size}\nepochs = {o.epochs}\nworkers = 1\n'
            f'small_stem = {str(o.image_size < 64).lower()}\n')


def search(o, folder, seed, more):
    (folder / "base.toml").write_text(config(o))
    (folder / "space.toml").write_text(SPACE)
    start = time.time()
    run = subprocess.run([o.keel, "tune", "--config", folder / "base.toml", "--space", folder / "space.toml", "--out", folder / "search", "--seed", str(seed),
                          "--threads", str(o.threads), "--parallel", str(o.parallel), "--quiet", "--json", *more], stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        sys.exit(f"keel tune failed with {run.returncode}")
    return json.loads(run.stdout), time.time() - start


def outcomes(folder):
    """The outcomes in their order, with the core hours of all until then."""
    used = 0
    for line in (folder / "search/tune.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if "ending" in entry:
            used += entry["core_seconds"] / 3600
            yield entry, used


def trained(folder):
    """The epochs that all trials of a search were trained."""
    return sum({entry["trial"]: entry["epochs"] for entry, _ in outcomes(folder)}.values())


def shares(o, folder):
    """After each outcome the share of the search's cost until then: of core hours, or of epochs."""
    epochs, done = {}, []
    for entry, used in outcomes(folder):
        epochs[entry["trial"]] = entry["epochs"]
        done.append(sum(epochs.values()) if o.by_epochs else used)
    return [each / done[-1] for each in done]


def compare(o):
    rows = []
    print("| seed | ASHA | core hours | random | core hours | share of its cost until ASHA was there |\n|---|---|---|---|---|---|", flush=True)
    for seed in range(o.seeds):
        with tempfile.TemporaryDirectory(dir=o.work) as work:
            asha, random = Path(work, "asha"), Path(work, "random")
            asha.mkdir()
            random.mkdir()
            first, _ = search(o, asha, seed, ["--trials", str(o.trials)])
            same = ["--core-hours", str(first["core_hours"])]
            if o.by_epochs:
                same = ["--trials", str(max(1, round(trained(asha) / o.epochs)))]
            second, _ = search(o, random, seed, ["--method", "full", "--search", "random", *same])
            reached = [part for entry, part in zip((e for e, _ in outcomes(asha)), shares(o, asha)) if (entry["score"] or 0) >= second["score"]]
            share = reached[0] if reached else None
            rows.append((first["score"], second["score"], share))
            print(f"| {seed} | {first['score']:.4f} | {first['core_hours']:.3f} | {second['score']:.4f} ({second['trials']} trials) | {second['core_hours']:.3f} | "
                  f"{'never' if share is None else f'{share:.2f}'} |", flush=True)
    difference = mean(a - b for a, b, _ in rows)
    print(f"ASHA is better in {sum(a > b for a, b, _ in rows)} of {len(rows)}, by {difference:+.4f} on average; at half the cost as good in "
          f"{sum(s is not None and s <= 0.5 for _, _, s in rows)}.")
    return difference >= 0


def run_alone(o, source, folder):
    """The jobs of a search in its order, by o.parallel workers, each a process of keel train; its wall-clock time."""
    jobs = [(entry["trial"], entry["epochs"]) for entry, _ in outcomes(source) if entry["ending"] == "complete"]
    configs = {trial: (source / f"search/trials/{trial:04}.toml").read_text() for trial, _ in jobs}
    done, lock = set(), threading.Condition()

    def take():
        with lock:
            while jobs:
                for job in jobs:
                    if not any(t == job[0] and e < job[1] for t, e in jobs) and not any(t == job[0] for t in under_way):
                        jobs.remove(job)
                        under_way.append(job[0])
                        return job
                lock.wait()
            return None

    under_way = []

    def worker():
        while (job := take()) is not None:
            trial, epochs = job
            file = folder / f"{trial}.toml"
            file.write_text(configs[trial])
            pause = [] if epochs == o.epochs else ["--pause-after", str(epochs)]
            subprocess.run([o.keel, "train", "--config", file, "--out", folder / str(trial), "--resume", "auto", "--quiet",
                            *(pause or ["--pause-after", "0"])], stdout=subprocess.DEVNULL, check=False)
            with lock:
                under_way.remove(trial)
                done.add(job)
                lock.notify_all()

    start = time.time()
    workers = [threading.Thread(target=worker) for _ in range(o.parallel)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    return time.time() - start


def overhead(o):
    ratios = []
    for round_ in range(o.rounds):
        with tempfile.TemporaryDirectory(dir=o.work) as work:
            source, alone = Path(work, "tune"), Path(work, "alone")
            source.mkdir()
            alone.mkdir()
            result, wall = search(o, source, round_, ["--trials", str(o.overhead)])
            without = run_alone(o, source, alone)
            idle = 1 - result["core_hours"] * 3600 / o.threads / (wall * o.parallel)
            ratios.append(wall / without - 1)
            print(f"round {round_}: {wall:.1f} s, its jobs alone {without:.1f} s: {ratios[-1]:+.1%}; workers were free for {idle:.1%} of the search", flush=True)
    best = sorted(ratios)[len(ratios) // 2]
    print(f"overhead: {best:+.1%}")
    return best <= o.most


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keel", default=str(ROOT / "build/release/cli/keel"))
    parser.add_argument("--data", required=True, help="as for keel train, e.g. medmnist:pneumoniamnist.npz")
    parser.add_argument("--model", default="resnet20")
    parser.add_argument("--image-size", type=int, default=28)
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--threads", type=int, default=max(1, len(os.sched_getaffinity(0)) // 2))
    parser.add_argument("--by-epochs", action="store_true", help="equal epochs in place of equal core hours: for a machine that others use as well")
    parser.add_argument("--overhead", type=int, default=0, metavar="TRIALS")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--most", type=float, default=0.03)
    parser.add_argument("--work", help="folder for what is written")
    o = parser.parse_args()
    good = compare(o) if o.seeds > 0 else True
    good = (overhead(o) if o.overhead > 0 else True) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
