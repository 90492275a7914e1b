#!/usr/bin/python3
"""Makes tests/engine/golden/scores.json: scikit-learn's roc_auc_score and average_precision_score of random scores with ties.

Needs Debian's python3-sklearn. The scores are drawn by the generator of test_score_curve.cpp, so that the file holds results alone.
"""

import json
import pathlib

from sklearn.metrics import average_precision_score, roc_auc_score

# samples, distinct scores, positives in a thousand
CASES = [(n, levels, share) for n in (10, 100, 1000, 20000) for levels in (2, 7, 101, 1 << 30) for share in (5, 100, 500, 900)]


class Draws:
    """Knuth's MMIX generator, its upper 31 bits."""

    def __init__(self, state):
        self.state = state

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        return (self.state >> 33) % n


def case(seed, n, levels, share):
    draws = Draws(seed)
    scores, targets = [], []
    for _ in range(n):
        scores.append(draws.below(levels) / levels)
        targets.append(int(draws.below(1000) < share))
    if sum(targets) in (0, n):
        return None
    return {"seed": seed, "samples": n, "levels": levels, "positives_per_mille": share, "auroc": roc_auc_score(targets, scores),
            "average_precision": average_precision_score(targets, scores)}


cases = [case(seed, *parameters) for seed, parameters in enumerate(CASES, 1)]
path = pathlib.Path(__file__).parent / "golden" / "scores.json"
path.parent.mkdir(exist_ok=True)
path.write_text("[\n" + ",\n".join(json.dumps(c) for c in cases if c) + "\n]\n")
