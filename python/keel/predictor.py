"""Trained models that predict."""

from typing import Any, Dict, List, NamedTuple, Optional, Tuple, cast

import numpy as np

from . import _keel
from ._errors import InputError, UsageError
from ._images import Floats, Input, Path, as_array, prepared

_FLOAT = np.dtype(np.float32)
_LEAST_CHUNK = 16  # files and pixels that become inputs at a time, at least


class NoAnswer(NamedTuple):
    """An image of a call for which there is no answer, its place from 0, and why."""

    image: int
    why: str


class Predictor:
    """A model for inference: load it once, call it from any number of threads.

    `batch`: the number of images a call for which kernels are chosen; any other works, too. `precision`: "f32", "bf16",
    or "auto", bf16 where the processor multiplies it. `tta` ("none", "flip", "ten-crop"), `resize` and `crop`: how
    images are shown to the model, as in `keel predict`. `calibrated`: probabilities are calibrated.
    """

    def __init__(
        self,
        path: Path,
        *,
        batch: int = 1,
        precision: str = "f32",
        tta: str = "none",
        resize: int = 0,
        crop: int = 0,
        calibrated: bool = False,
    ) -> None:
        self._model = _keel.Model(path, batch, precision, tta, resize, crop)
        self._spec = self._model.spec
        self._input = Input(self._model.input_size, self._model.input_channels)
        size, channels = self._input
        self._plain = (size, size, channels) if size != channels else None  # else layouts look alike
        self._arguments: Tuple[Path, Dict[str, Any]] = (
            path,
            dict(batch=batch, precision=precision, tta=tta, resize=resize, crop=crop, calibrated=calibrated),
        )
        if calibrated:
            self._spec.calibrated(np.empty((0, len(self._spec.labels)), np.float32))

    def __reduce__(self) -> Any:
        return (_load_with, self._arguments)

    def __repr__(self) -> str:
        return (
            f"<keel.Predictor {self._spec.name}, {len(self.labels)} labels, {self._input.size} x {self._input.size} x "
            f"{self._input.channels}, {self.precision}>"
        )

    @property
    def spec(self) -> _keel.ModelSpec:
        """What the file says of the model."""
        return self._spec

    @property
    def labels(self) -> Tuple[str, ...]:
        """The names of the outputs, in order; of a model of classes they are the classes."""
        return self._spec.labels

    @property
    def multi_label(self) -> bool:
        """Whether labels do not exclude one another: sigmoid of each, else softmax over all."""
        return self._spec.multi_label

    @property
    def image_size(self) -> int:
        """The side in pixels of the square images that predict() takes as float32."""
        return self._input.size

    @property
    def channels(self) -> int:
        """The channels of those images."""
        return self._input.channels

    @property
    def precision(self) -> str:
        """What the model computes in, "f32" or "bf16"; precision_note says why it is not what was asked for."""
        return self._model.precision

    @property
    def precision_note(self) -> str:
        """What is to be known of the precision, "" where there is nothing."""
        return self._model.precision_note

    @property
    def batch(self) -> int:
        """The number of images a call for which kernels were chosen."""
        return int(self._arguments[1]["batch"])

    def thresholds(self, rule: Optional[str] = None) -> Optional[List[Optional[float]]]:
        """Returns from which probability on each label is a yes, as `keel threshold` measured it by a rule.

        None where nothing was measured; None for a label that has no threshold. Thresholds are of probabilities before
        calibration. `rule`: "youden", "f1" or "sensitivity"; None: the one that was chosen there.
        """
        points = self._spec.operating_points
        if points is None:
            return None
        rules = points["rules"]
        name = points["chosen"] if rule is None else rule
        if name not in rules:
            raise UsageError(f"[threshold] wanted a rule of {', '.join(sorted(rules))}, got {name!r}")
        return [None if point is None else point[0] for point in rules[name]]

    def predict(
        self,
        images: Any,
        *,
        layout: Optional[str] = None,
        pixels: Optional[bool] = None,
        out: Any = None,
        unanswered: Optional[List[NoAnswer]] = None,
    ) -> Any:
        """Returns the probabilities of images, float32 {n, labels}.

        `images`: a path, a file's bytes, an array or tensor (DLPack), or a list of these. float32 arrays are what the
        model sees, resized and normalized, {n, size, size, channels}, and are read where they lie; with `pixels` they
        are pixels from 0 to 1. uint8 and uint16 arrays are pixels of any size, which are resized and normalized.
        `layout`: NHWC, NCHW, NHW, HWC, CHW or HW; None: the only one that fits the model.

        `out`: float32 {n, labels}, dense, an array or a tensor, which the results are written to, and which is
        returned. An image that cannot be read, or whose pixels or results are NaN or infinite, is an InputError; where
        `unanswered` is a list, that gets a NoAnswer for each, and the image's results are NaN.
        """
        return self._scores(images, layout, pixels, out, unanswered, False)

    __call__ = predict

    def logits(
        self,
        images: Any,
        *,
        layout: Optional[str] = None,
        pixels: Optional[bool] = None,
        out: Any = None,
        unanswered: Optional[List[NoAnswer]] = None,
    ) -> Any:
        """Returns what predict() makes probabilities of."""
        return self._scores(images, layout, pixels, out, unanswered, True)

    def inputs(self, images: Any, *, layout: Optional[str] = None, pixels: Optional[bool] = None) -> Floats:
        """Returns what the model sees of images, float32 {n, size, size, channels}, resized and normalized."""
        given = prepared(images, layout, self._input, pixels)
        return self._model.inputs(given, True)[0] if isinstance(given, list) else given

    def _scores(
        self,
        images: Any,
        layout: Optional[str],
        pixels: Optional[bool],
        out: Any,
        unanswered: Optional[List[NoAnswer]],
        logits: bool,
    ) -> Any:
        given = images if self._is_plain(images, layout, pixels) else prepared(images, layout, self._input, pixels)
        target = None if out is None else _target(out, (len(given), len(self.labels)))
        if isinstance(given, list):
            scores, none = self._of_items(given, target, logits, unanswered is None)
        else:
            if target is not None and np.may_share_memory(given, target):
                raise UsageError("[predictor] out lies in the memory of the images")
            scores, none = self._model.run(given, logits, target)
        if none and unanswered is None:
            more = f"; and {len(none) - 1} more have none" if len(none) > 1 else ""
            raise InputError(
                f"[predictor] image {none[0][0] + 1} of {len(given)} has no answer: {none[0][1]}{more}"
            )
        if unanswered is not None:
            unanswered.extend(NoAnswer(*one) for one in none)
        if self._arguments[1]["calibrated"] and not logits:
            calibrated = self._spec.calibrated(scores)
            if target is None:
                return calibrated
            target[...] = calibrated
        return scores if out is None else out

    def _is_plain(self, images: Any, layout: Optional[str], pixels: Optional[bool]) -> bool:
        """Returns whether images are what the model reads, at a glance: little of Python's is in the caches here."""
        return (
            type(images) is np.ndarray
            and images.dtype is _FLOAT
            and images.shape[1:] == self._plain
            and not pixels
            and layout is None
            and images.flags.carray
        )

    def _of_items(
        self, items: List[Any], target: Optional[Floats], logits: bool, strict: bool
    ) -> Tuple[Floats, List[Tuple[int, str]]]:
        scores = np.empty((len(items), len(self.labels)), np.float32) if target is None else target
        none: List[Tuple[int, str]] = []
        step = max(self.batch, _LEAST_CHUNK)
        for begin in range(0, len(items), step):
            inputs, unread = self._model.inputs(items[begin : begin + step], strict)
            unscored = self._model.run(inputs, logits, scores[begin : begin + len(inputs)])[1]
            why = {**dict(unscored), **dict(unread)}
            none.extend((begin + image, why[image]) for image in sorted(why))
        return scores, none


def _load_with(path: Path, arguments: Dict[str, Any]) -> Predictor:
    return Predictor(path, **arguments)


def _target(out: Any, shape: Tuple[int, int]) -> Floats:
    """Returns a view of what results are written to."""
    if isinstance(out, (np.ndarray, _keel.Tensor)):
        view = np.asarray(out)
        if view.dtype is _FLOAT and view.shape == shape and view.flags.carray:
            return view
    elif hasattr(out, "__dlpack__"):
        try:
            view = np.asarray(_keel.from_dlpack(out))
        except (RuntimeError, BufferError) as error:
            raise UsageError(f"[predictor] out, of {type(out).__name__}, is not to be written to: {error}") from error
    else:
        view = as_array(out, "predictor")
    fine = view.dtype == np.float32 and view.flags.c_contiguous and view.flags.aligned and view.flags.writeable
    if view.shape != shape or not fine:
        raise UsageError(
            f"[predictor] wanted an out of float32 {list(shape)}, dense and to be written to, "
            f"got {view.dtype} {list(view.shape)}"
            + ("" if view.flags.writeable else ", which is read-only")
            + ("" if view.flags.c_contiguous else ", which is not dense")
        )
    return cast(Floats, view)


load = Predictor  # reads better where the class does not matter
