#!/usr/bin/env python3
"""Compares calls from Python with the same calls in C++, in turn, in one process: check_python.py CHECKPOINT

Prints, for arrays that are read where they lie, how much longer a call of keel.Predictor takes than one of C++'s
Predictor::predict(), which is timed inside of the module. PYTHONPATH names the package (build/release/python). Exits
with 1 where the ratio of the medians is above --most.
"""

import argparse
import statistics
import sys
import time

import keel
import numpy as np


def compare(model: keel.Predictor, batch: int, seconds: float) -> float:
    """Returns the ratio of the medians of calls in turn, and prints it with its spread."""
    shape = (batch, model.image_size, model.image_size, model.channels)
    images = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    out = np.empty((batch, len(model.labels)), np.float32)
    compiled = model._model
    for _ in range(3):
        model.predict(images, out=out)
    python, plain = [], []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(python) < 11:
        start = time.perf_counter()
        model.predict(images, out=out)
        python.append(time.perf_counter() - start)
        plain.append(compiled.seconds(images))
    ratio = statistics.median(python) / statistics.median(plain)
    differences = [a - b for a, b in zip(python, plain)]
    print(
        f"batch {batch:3}: C++ {1e3 * statistics.median(plain):8.3f} ms, "
        f"Python {1e3 * statistics.median(python):8.3f} ms, ratio {ratio:.4f}, "
        f"median difference {1e6 * statistics.median(differences):+7.1f} us, {len(python)} calls each"
    )
    return ratio


def overhead(model: keel.Predictor) -> None:
    """Prints what a call costs beside the computing: one of no image."""
    empty = np.empty((0, model.image_size, model.image_size, model.channels), np.float32)
    calls = 2000
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(calls):
            model.predict(empty)
        best = min(best, (time.perf_counter() - start) / calls)
    print(f"a call without an image: {1e6 * best:.1f} us")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("--batch", type=int, action="append", help="images a call [default: 1 and 16]")
    parser.add_argument("--seconds", type=float, default=20, help="that each comparison takes [default: 20]")
    parser.add_argument("--most", type=float, default=1.01, help="ratio that is good enough [default: 1.01]")
    arguments = parser.parse_args()
    worst = 0.0
    for batch in arguments.batch or [1, 16]:
        model = keel.load(arguments.checkpoint, batch=batch)
        if batch == (arguments.batch or [1])[0]:
            overhead(model)
        worst = max(worst, compare(model, batch, arguments.seconds))
    return 0 if worst <= arguments.most else 1


if __name__ == "__main__":
    sys.exit(main())
