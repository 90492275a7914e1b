"""Scores of predictions, the numbers of `keel eval` and `keel score`.

Targets are 1 (or True) where a label is present, 0 where it is not, below 0 where that is not known: such samples are
left out. A score that is NaN is an InputError. What is undefined, because there are no positives or no negatives, is
None. All arithmetic is in double.
"""

from dataclasses import dataclass
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from . import _keel
from ._errors import UsageError


class Interval(NamedTuple):
    """A 95 % confidence interval."""

    low: float
    high: float


class BestF1(NamedTuple):
    """The threshold with the highest F1 score, the highest such one."""

    threshold: float
    f1: float


class OperatingPoint(NamedTuple):
    """Yes from `threshold` on, and what that gives."""

    threshold: float
    sensitivity: float
    specificity: float


class RocCurve(NamedTuple):
    """A point a distinct score, from the highest down; (0, 0) is not among them."""

    thresholds: npt.NDArray[np.float64]
    true_positive_rate: npt.NDArray[np.float64]
    false_positive_rate: npt.NDArray[np.float64]


class LabelAuroc(NamedTuple):
    """AUROC of each label, and the mean over those for which it is defined."""

    per_label: List[Optional[float]]
    mean: Optional[float]


@dataclass(frozen=True)
class LabelScore:
    """One label's row of the table that `keel score` prints."""

    label: str
    positives: int
    negatives: int
    auroc: Optional[float]
    interval: Optional[Interval]
    average_precision: Optional[float]
    calibration_error: Optional[float]
    best_f1: Optional[BestF1]


def _real(values: Any, kind: Any, what: str, axes: int) -> npt.NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind not in "bifu" or array.ndim != axes:
        raise UsageError(f"[metrics] wanted {what} of {axes} axes, numbers, got {array.dtype} {list(array.shape)}")
    return np.require(array, kind, ["C", "A"])


def _pair(scores: Any, targets: Any, axes: int = 1) -> Tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    a, b = _real(scores, np.float64, "scores", axes), _real(targets, np.float32, "targets", axes)
    if a.shape != b.shape:
        raise UsageError(f"[metrics] {list(a.shape)} scores and {list(b.shape)} targets do not belong together")
    return a, b


def _curve(scores: Any, targets: Any) -> _keel.ScoreCurve:
    return _keel.ScoreCurve(*_pair(scores, targets))


def _interval(pair: Optional[Tuple[float, float]]) -> Optional[Interval]:
    return None if pair is None else Interval(*pair)


def _point(values: Optional[Tuple[float, float, float]]) -> Optional[OperatingPoint]:
    return None if values is None else OperatingPoint(*values)


def auroc(scores: Any, targets: Any) -> Optional[float]:
    """Returns the area under the ROC curve of scores {n}: ties count half (the Mann-Whitney statistic)."""
    return _curve(scores, targets).auroc()


def auroc_interval(scores: Any, targets: Any) -> Optional[Interval]:
    """Returns the 95 % interval of auroc(), by DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988)."""
    return _interval(_curve(scores, targets).auroc_interval())


def average_precision(scores: Any, targets: Any) -> Optional[float]:
    """Returns the sum over the thresholds, highest first, of precision times the recall gained."""
    return _curve(scores, targets).average_precision()


def best_f1(scores: Any, targets: Any) -> Optional[BestF1]:
    """Returns the threshold with the highest F1 score, and the score."""
    best = _curve(scores, targets).best_f1()
    return None if best is None else BestF1(*best)


def roc_curve(scores: Any, targets: Any) -> Optional[RocCurve]:
    """Returns the ROC curve."""
    curve = _curve(scores, targets)
    if curve.positives == 0 or curve.negatives == 0:
        return None
    thresholds, hits, alarms = curve.points()
    return RocCurve(thresholds, hits / curve.positives, alarms / curve.negatives)


def calibration_error(probabilities: Any, targets: Any, bins: int = 15) -> Optional[float]:
    """Returns the expected calibration error over equal parts of [0, 1] (Naeini et al. 2015).

    None, too, where one of them is no probability.
    """
    if bins < 1:
        raise UsageError(f"[metrics] wanted 1 bin or more, got {bins}")
    return _keel.calibration_error(*_pair(probabilities, targets), bins)


def youden_point(scores: Any, targets: Any) -> Optional[OperatingPoint]:
    """Returns the point of the highest sensitivity + specificity - 1, as `keel threshold` does."""
    return _point(_curve(scores, targets).youden_point())


def f1_point(scores: Any, targets: Any) -> Optional[OperatingPoint]:
    """Returns the point of the best F1 score."""
    return _point(_curve(scores, targets).f1_point())


def sensitivity_point(scores: Any, targets: Any, least: float = 0.9) -> Optional[OperatingPoint]:
    """Returns the highest threshold whose sensitivity is at least `least`, in (0, 1]."""
    if not 0 < least <= 1:
        raise UsageError(f"[metrics] wanted a least sensitivity above 0 and up to 1, got {least}")
    return _point(_curve(scores, targets).sensitivity_point(least))


def fit_platt(logits: Any, targets: Any) -> Optional[Tuple[float, float]]:
    """Returns slope and offset that make sigmoid(slope * z + offset) most likely (Platt 1999)."""
    return _keel.fit_platt(*_pair(logits, targets))


def label_auroc(scores: Any, targets: Any) -> LabelAuroc:
    """Returns auroc() of each column of {samples, labels}."""
    a, b = _pair(scores, targets, 2)
    return LabelAuroc(*_keel.label_auroc(np.require(a, np.float32, ["C"]), b))


def label_scores(scores: Any, targets: Any, labels: Optional[Sequence[str]] = None) -> List[LabelScore]:
    """Returns all scores of each column of {samples, labels}; `labels` are the columns' names, None: their numbers."""
    a, b = _pair(scores, targets, 2)
    names = [str(k) for k in range(a.shape[1])] if labels is None else list(labels)
    if len(names) != a.shape[1]:
        raise UsageError(f"[metrics] {len(names)} labels do not belong to {a.shape[1]} columns")
    rows = []
    for k, name in enumerate(names):
        column, truth = np.ascontiguousarray(a[:, k]), np.ascontiguousarray(b[:, k])
        curve = _keel.ScoreCurve(column, truth)
        best = curve.best_f1()
        rows.append(
            LabelScore(
                name,
                curve.positives,
                curve.negatives,
                curve.auroc(),
                _interval(curve.auroc_interval()),
                curve.average_precision(),
                _keel.calibration_error(column, truth, 15),
                None if best is None else BestF1(*best),
            )
        )
    return rows


def _with_classes(scores: Any, classes: Any) -> Tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    a, b = _real(scores, np.float32, "scores", 2), np.asarray(classes)
    if b.dtype.kind not in "iu" or b.shape != a.shape[:1]:
        wanted = f"a whole number for each of {a.shape[0]} rows"
        raise UsageError(f"[metrics] wanted {wanted}, got {b.dtype} {list(b.shape)}")
    if b.size and (int(b.min()) < 0 or int(b.max()) >= a.shape[1]):
        raise UsageError(f"[metrics] wanted classes from 0 to {a.shape[1] - 1}, got {int(b.min())} to {int(b.max())}")
    return a, np.require(b, np.int32, ["C", "A"])


def accuracy(scores: Any, classes: Any) -> float:
    """Returns the share of rows of {samples, classes} whose highest score, the first of equals, is their class's."""
    return _keel.accuracy(*_with_classes(scores, classes))


def class_auc(probabilities: Any, classes: Any) -> Optional[float]:
    """Returns AUC as MedMNIST's evaluator defines it (Yang et al. 2023)."""
    return _keel.class_auc(*_with_classes(probabilities, classes))
