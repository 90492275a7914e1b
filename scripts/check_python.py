#!/usr/bin/env python3
"""Compares calls from Python with the same calls in C++, in turn, in one process: check_python.py CHECKPOINT

Prints, for arrays that are read where they lie, how much more of the processor's time, which other programs change
little, a call of keel.Predictor takes than one of C++'s Predictor::predict() inside of the module, on one thread. PYTHONPATH names the package (build/release/python). Exits
with 1 where the ratio of the medians is above --most.
"""

import argparse
import random
import statistics
import sys
import time
from typing import Callable, Dict, List

import keel
import numpy as np


def compare(model: keel.Predictor, batch: int, seconds: float) -> float:
    """Returns the ratio of the medians of calls in turn, and prints it beside that of the first deciles."""
    shape = (batch, model.image_size, model.image_size, model.channels)
    images = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    out = np.empty((batch, len(model.labels)), np.float32)
    compiled = model._model

    def python() -> float:
        start = time.process_time()
        model.predict(images, out=out)
        return time.process_time() - start

    def plain() -> float:
        start = time.process_time()
        compiled.seconds(images)
        return time.process_time() - start

    taken: Dict[Callable[[], float], List[float]] = {python: [], plain: []}
    order = list(taken)
    for call in order * 3:
        call()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(taken[plain]) < 20:
        random.shuffle(order)  # whoever comes second finds other caches and another team than who comes first
        for call in order:
            taken[call].append(call())
    first, median = ({call: at(times) for call, times in taken.items()} for at in (first_decile, statistics.median))
    print(
        f"batch {batch:3}, {len(taken[plain])} calls each: first decile C++ {1e3 * first[plain]:.3f} ms, "
        f"Python {1e3 * first[python]:.3f} ms, ratio {first[python] / first[plain]:.4f}; medians "
        f"{1e3 * median[plain]:.3f} and {1e3 * median[python]:.3f} ms, ratio {median[python] / median[plain]:.4f}"
    )
    return median[python] / median[plain]


def first_decile(times: List[float]) -> float:
    """Returns the time that a tenth of the calls keep below: what else runs on the machine only adds to times."""
    return statistics.quantiles(times, n=10)[0]


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
    keel.set_threads(1)
    worst = 0.0
    for batch in arguments.batch or [1, 16]:
        model = keel.load(arguments.checkpoint, batch=batch)
        if batch == (arguments.batch or [1])[0]:
            overhead(model)
        worst = max(worst, compare(model, batch, arguments.seconds))
    return 0 if worst <= arguments.most else 1


if __name__ == "__main__":
    sys.exit(main())
