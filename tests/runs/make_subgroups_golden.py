#!/usr/bin/python3
"""Makes tests/runs/golden/subgroups.json: scikit-learn's AUROC, and the rates of errors at a threshold, of groups of random scores.

Needs Debian's python3-sklearn. Scores, truth and groups are drawn by the generator of test_subgroups.cpp, so that the file holds
results alone.
"""

import json
import pathlib

from sklearn.metrics import confusion_matrix, roc_auc_score

# samples, distinct scores, positives in a thousand, groups, threshold
CASES = [(n, levels, share, groups, threshold)
         for n in (60, 500, 5000) for levels in (5, 101, 1 << 30) for share, groups, threshold in ((300, 2, 0.5), (100, 3, 0.75), (50, 5, 0.9))]


class Draws:
    """Knuth's MMIX generator, its upper 31 bits."""

    def __init__(self, state):
        self.state = state

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        return (self.state >> 33) % n


def measures(scores, targets, threshold):
    if not scores:
        return {"positives": 0, "negatives": 0, "auroc": None, "false_negative_rate": None, "false_positive_rate": None}
    tn, fp, fn, tp = confusion_matrix(targets, [int(s >= threshold) for s in scores], labels=[0, 1]).ravel()
    return {"positives": int(tp + fn), "negatives": int(tn + fp),
            "auroc": float(roc_auc_score(targets, scores)) if 0 < sum(targets) < len(targets) else None,
            "false_negative_rate": float(fn / (fn + tp)) if fn + tp else None,
            "false_positive_rate": float(fp / (fp + tn)) if fp + tn else None}


def case(seed, n, levels, share, groups, threshold):
    draws = Draws(seed)
    rows = [(draws.below(levels) / levels, int(draws.below(1000) < share), draws.below(groups)) for _ in range(n)]
    of_group = [[row for row in rows if row[2] == g] for g in range(groups)]
    return {"seed": seed, "samples": n, "levels": levels, "positives_per_mille": share, "groups": groups, "threshold": threshold,
            "measures": [measures([r[0] for r in part], [r[1] for r in part], threshold) for part in of_group]}


path = pathlib.Path(__file__).parent / "golden" / "subgroups.json"
path.parent.mkdir(exist_ok=True)
path.write_text("[\n" + ",\n".join(json.dumps(case(seed, *c)) for seed, c in enumerate(CASES, 1)) + "\n]\n")
