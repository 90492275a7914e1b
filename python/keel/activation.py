"""Where in an image a model sees a label."""

from typing import Any, List, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _keel
from ._errors import UsageError
from ._images import Floats, Input, Path, prepared

Label = Union[int, str]


class ClassActivation:
    """Maps of a model of layers: class activation maps of DenseNet and ResNet, Grad-CAM of VGG and of any `layer`.

    `layer`: a module's dotted name, as `keel models --model NAME` lists them. Any thread may ask; one is served at a
    time. Quantized models and graphs of other programs have no layers: they are an InputError.
    """

    def __init__(self, path: Path, layer: str = "") -> None:
        self._activation = _keel.Activation(path, layer)
        self._spec = self._activation.spec
        self._input = Input(self._spec.image_size, self._spec.channels)

    @property
    def spec(self) -> _keel.ModelSpec:
        """What the file says of the model."""
        return self._spec

    @property
    def labels(self) -> Tuple[str, ...]:
        """The names of the outputs, in order."""
        return self._spec.labels

    @property
    def layer(self) -> str:
        """The layer whose map is weighed."""
        return self._activation.layer

    @property
    def uses_gradients(self) -> bool:
        """Whether maps are Grad-CAM's, of which what is below 0 means nothing."""
        return self._activation.uses_gradients

    def maps(
        self,
        images: Any,
        labels: Optional[Sequence[Label]] = None,
        *,
        layout: Optional[str] = None,
        pixels: Optional[bool] = None,
    ) -> Floats:
        """Returns float32 {n, h, w, labels} of the layer's size; `labels`: numbers or names, None: all.

        Class activation: sum over channels c of W[label, c] * A[y, x, c], whose mean plus the label's bias is its
        logit. Grad-CAM: the same with the mean gradient of the logit by the channel's map for W. `images` as
        Predictor.predict() takes them.
        """
        chosen = range(len(self.labels)) if labels is None else labels
        numbers = [self._number(label) for label in chosen]
        given = prepared(images, layout, self._input, pixels)
        if not numbers:
            raise UsageError("[heatmap] wanted a label, got none")
        return self._activation.maps(self._activation.inputs(given) if isinstance(given, list) else given, numbers)

    def overlay(
        self,
        image: Any,
        label: Label,
        *,
        colors: str = "inferno",
        opacity: float = 0.65,
        layout: Optional[str] = None,
        pixels: Optional[bool] = True,
    ) -> npt.NDArray[np.uint8]:
        """Returns an image, uint8 {h, w, 3} in its own size, with the map of a label laid over it.

        `image`: a path, a file's bytes or pixels. `colors`: inferno or viridis. Class activation maps are spread from
        their least to their greatest value, Grad-CAM's from 0.
        """
        given: Union[Floats, List[Any]] = prepared(image, layout, self._input, pixels)
        if not isinstance(given, list) or len(given) != 1:
            raise UsageError("[heatmap] wanted one image: a path, a file's bytes or pixels")
        return self._activation.overlay(given[0], self._number(label), colors, opacity)

    def _number(self, label: Label) -> int:
        if isinstance(label, str):
            if label not in self.labels:
                raise UsageError(f"[heatmap] the model knows no label {label!r}")
            return self.labels.index(label)
        return int(label)
