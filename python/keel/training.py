"""Training: the runs of `keel train`, without its folder of reports."""

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Tuple, Type, Union

from . import _keel
from ._errors import UsageError
from ._images import Path
from ._options import text_of


@dataclass(frozen=True)
class ResumeReport:
    """A run goes on from a checkpoint."""

    file: str
    epoch: int
    step: int
    warnings: List[str]


@dataclass(frozen=True)
class TrainStart:
    """What a run is about."""

    model: str
    label_names: List[str]
    train_samples: int
    val_samples: int
    total_steps: int
    images_per_step: int
    parameters: int
    precision: str
    warnings: List[str]


@dataclass(frozen=True)
class StepReport:
    """A step is done."""

    epoch: int
    epochs: int
    step: int
    samples_done: int
    samples: int
    lr: float
    mean_loss: float
    images_per_second: float


@dataclass(frozen=True)
class EpochReport:
    """An epoch is done and, where val_loss is not None, validated."""

    epoch: int
    epochs: int
    step: int
    lr: float
    train_loss: float
    images_per_second: float
    seconds: float
    bad_images: int
    val_loss: Optional[float]
    auroc: Optional[List[Optional[float]]]
    mean_auroc: Optional[float]
    accuracy: Optional[float]
    auc: Optional[float]


@dataclass(frozen=True)
class CheckpointReport:
    """A checkpoint was saved or, where `error` says why, could not be."""

    step: int
    best: bool
    error: str


@dataclass(frozen=True)
class SkippedStep:
    """A step whose loss or gradient was not finite; it was not applied."""

    epoch: int
    step: int
    what: str
    lr: float
    samples: List[str]


@dataclass(frozen=True)
class BadImage:
    """An image that could not be read and was left out."""

    name: str
    reason: str


@dataclass(frozen=True)
class TrainResult:
    """How a run ended."""

    end: str  # "finished", "out of patience", "paused" (pause_after) or "stopped"
    reason: str  # of a stop
    model: str
    epochs: int
    steps: int
    best_metric: Optional[float]
    metric_name: str
    best: str  # checkpoints; "" without `out`
    last: str


class TrainObserver:
    """Hears what a run does. Override what you want to know.

    All calls come on the thread that trains. What they throw stops the run: its state is saved, then the exception goes
    on its way.
    """

    def on_resume(self, report: ResumeReport) -> None:
        """Is called before on_start() where a run goes on."""

    def on_start(self, start: TrainStart) -> None:
        """Is called before the first step."""

    def on_step(self, report: StepReport) -> None:
        """Is called after each step."""

    def on_epoch(self, report: EpochReport) -> None:
        """Is called after each epoch and its validation."""

    def on_checkpoint(self, report: CheckpointReport) -> None:
        """Is called after each checkpoint."""

    def on_skip(self, step: SkippedStep) -> None:
        """Is called for a step that was not applied."""

    def on_bad_image(self, bad: BadImage) -> None:
        """Is called for an image that was left out."""

    def on_remark(self, text: str) -> None:
        """Is called with what should be known and shows only on the way."""

    def should_stop(self) -> Optional[str]:
        """Is asked between steps; returns why the run is to stop, or None."""
        return None


_REPORTS: Dict[str, Type[Any]] = {
    "on_resume": ResumeReport,
    "on_start": TrainStart,
    "on_step": StepReport,
    "on_epoch": EpochReport,
    "on_checkpoint": CheckpointReport,
    "on_skip": SkippedStep,
    "on_bad_image": BadImage,
    "on_remark": lambda text: text,  # type: ignore[dict-item]
}


def train(
    config: Optional[Path] = None,
    *,
    observer: Optional[TrainObserver] = None,
    resume: Union[None, str, Path] = None,
    force: bool = False,
    **options: Any,
) -> TrainResult:
    """Trains a model: the weights of `keel train` with the same options, to the bit.

    `config`: a TOML file. `options`: what `keel train --help` lists, with _ for -, e.g. model="densenet121",
    data="nih:/data/nih", out="runs/chexnet", epochs=10; train_options() lists them. Checkpoints go to OUT/checkpoints,
    nowhere without `out`. `resume`: "auto", the newest of them, if there is one, or a checkpoint; then the options are
    those of its run, but for what is said here, and `force` lets others go on than matter. Ctrl-C stops the run: its
    state is saved, then KeyboardInterrupt is thrown.
    """
    told = TrainObserver() if observer is None else observer
    for name in options:
        if name not in _known():
            raise UsageError(f"[train] there is no option {name!r}; keel.train_options() lists them")

    def tell(name: str, values: Dict[str, Any]) -> None:
        getattr(told, name)(_REPORTS[name](**values))

    ask: Callable[[], Optional[str]] = told.should_stop
    texts: List[Tuple[str, Union[str, bytes]]] = [(key, text_of(value)) for key, value in options.items()]
    return TrainResult(
        **_keel.train(
            texts,
            config=config,
            out=text_of(options.get("out", "")),
            resume="" if resume is None else text_of(resume),
            force=force,
            tell=tell,
            ask=ask,
        )
    )


def train_options() -> Dict[str, str]:
    """Returns the options of train(), and what each is for."""
    return dict(_keel.train_options())


def _known() -> Dict[str, str]:
    return train_options()
