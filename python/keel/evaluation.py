"""Models over the images of a data set."""

import contextlib
import os
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _keel
from ._errors import IoError
from ._images import Floats, Path
from ._options import text_of
from .metrics import LabelScore, label_scores


@dataclass(frozen=True)
class Evaluation:
    """What models say of a split, and its scores, those of `keel eval`. Rows are samples in the split's order."""

    spec: _keel.ModelSpec
    names: List[str]
    probabilities: Floats  # {samples, labels}
    targets: Optional[Floats]  # of labels: {samples, labels}, -1 where it is not known
    classes: Optional[npt.NDArray[np.int32]]  # of classes: {samples}
    loss: float
    auroc: Optional[List[Optional[float]]]  # of each label
    mean_auroc: Optional[float]
    accuracy: Optional[float]  # of classes
    auc: Optional[float]  # of classes
    patients: List[str]  # whose image it is; empty where the data do not say
    attributes: Dict[str, List[str]]  # of the samples, by name: sex, age, ...
    origin: str  # how the split was made
    precision: str
    remarks: List[str]  # what is to be known of the data and of the scores

    @property
    def labels(self) -> Tuple[str, ...]:
        """The names of the columns."""
        return self.spec.labels

    def table(self) -> List[LabelScore]:
        """Returns all scores of each label; of classes each against the rest."""
        if self.targets is not None:
            return label_scores(self.probabilities, self.targets, self.labels)
        return label_scores(self.probabilities, self._one_hot(), self.labels)

    def write_csv(self, path: Path) -> None:
        """Writes the file of predictions that `keel eval --predictions` writes and `keel score` reads.

        Under a temporary name first, which then takes the place of what was there.
        """
        temporary = os.fsencode(path) + b".%d.tmp" % os.getpid()
        try:
            with open(temporary, "xb") as file:
                file.write("".join(self._lines()).encode("utf-8", "surrogateescape"))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise _as_io_error(error) from error

    def _lines(self) -> Iterator[str]:
        names = list(self.attributes)
        heading = ["Image Index"] + [f"prob_{label}" for label in self.labels]
        heading += ["class"] if self.targets is None else [f"true_{label}" for label in self.labels]
        numbers: Dict[str, int] = {}
        known = any(self.patients)
        heading += (["patient"] if known else []) + [f"attr_{name}" for name in names]
        yield ",".join(_field(title) for title in heading) + "\n"
        for i, name in enumerate(self.names):
            row = [name] + [f"{p:.9g}" for p in self.probabilities[i].tolist()]
            if self.targets is not None:
                row += ["" if target < 0 else str(int(target > 0.5)) for target in self.targets[i].tolist()]
            elif self.classes is not None:
                row.append(self.labels[self.classes[i]])
            if known:
                whose = self.patients[i]
                row.append(str(numbers.setdefault(whose, len(numbers) + 1)) if whose else "")
            row += [self.attributes[name][i] for name in names]
            yield ",".join(_field(value) for value in row) + "\n"

    def _one_hot(self) -> npt.NDArray[np.bool_]:
        assert self.classes is not None
        return np.equal(self.classes[:, np.newaxis], np.arange(len(self.labels)))


def _field(value: str) -> str:
    """Returns a value as a field of a CSV file for readers that go by lines."""
    value = value.replace("\n", " ").replace("\r", " ")
    plain = not any(c in value for c in ',";\t') and value.strip() == value
    return value if plain else '"' + value.replace('"', '""') + '"'


def _as_io_error(error: OSError) -> IoError:
    raised = IoError(f"[predictions] {error}")
    raised.errno = error.errno
    return raised


def evaluate(
    checkpoints: Union[Path, Sequence[Path]],
    data: str,
    *,
    split: str = "test",
    data_options: Mapping[str, Any] = {},
    tta: str = "none",
    resize: int = 0,
    crop: int = 0,
    precision: str = "f32",
    calibrated: bool = False,
    batch: int = 16,
    workers: int = 2,
    max_bad: float = 0.001,
    progress: Optional[Callable[[int, int], Any]] = None,
) -> Evaluation:
    """Scores a model, or several as an ensemble, on a split of a data set, as `keel eval` does.

    `data`: "nih:DIR", "folder:DIR", ... (docs/data_formats.md), which is read and divided as the first checkpoint's run
    did, but for what `data_options` say, by the keys of a configuration. `split`: train, val, test or all.
    `progress(done, total)` is called after every batch; what it throws ends the work.
    """
    one = isinstance(checkpoints, (str, bytes, os.PathLike))
    files: List[Path] = [checkpoints] if one else list(checkpoints)  # type: ignore[list-item, arg-type]
    return Evaluation(
        **_keel.evaluate(
            files,
            data,
            split=split,
            options={key: text_of(value) for key, value in data_options.items()},
            views=tta,
            resize=resize,
            crop=crop,
            precision=precision,
            calibrated=calibrated,
            batch=batch,
            workers=workers,
            max_bad=max_bad,
            progress=progress,
        )
    )
