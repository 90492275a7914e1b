"""Models of other programs and for them, and quantized ones."""

import os
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from . import _keel
from ._errors import UsageError
from ._images import Input, Path, prepared
from ._options import text_of

PathOrPaths = Union[Path, Sequence[Path]]


@dataclass(frozen=True)
class Imported:
    """What import_model() found."""

    spec: _keel.ModelSpec
    notes: List[str]  # what was found, guessed and changed
    is_graph: bool  # an ONNX model that is none of Keel's: it predicts, and has no layers
    largest_difference: Optional[float]  # of the outputs of `verify`
    largest_output: Optional[float]


@dataclass(frozen=True)
class LayerReport:
    """A layer of a quantized model."""

    name: str
    arithmetic: str  # int8, int8 requantized or fp32
    snr_db: float
    own_snr_db: float


@dataclass(frozen=True)
class Quantized:
    """What quantize() found."""

    method: str
    candidates: Dict[str, float]
    layers: List[LayerReport]
    fallbacks: List[str]  # layers that stay in fp32, since eight bits are too coarse for them
    warnings: List[str]
    logits_error: float
    same_on_every_isa: bool
    images: int
    held_out: int
    remarks: List[str]  # what is to be known of the data


def _require_free(out: Path, overwrite: bool, who: str) -> None:
    if not overwrite and os.path.lexists(out):
        raise UsageError(f"[{who}] {os.fsdecode(out)} exists; overwrite=True replaces it")


def _paths(files: PathOrPaths) -> List[Path]:
    return [files] if isinstance(files, (str, bytes, os.PathLike)) else list(files)


def read_model_spec(path: Path) -> _keel.ModelSpec:
    """Returns what a file says of its model, without reading its tensors where that is enough."""
    return _keel.read_model_spec(path)


def import_model(
    files: PathOrPaths,
    out: Path,
    *,
    key: str = "",
    model: str = "",
    classes: int = 0,
    channels: int = 0,
    image_size: int = 0,
    pixels: str = "auto",
    mean: Sequence[float] = (),
    std: Sequence[float] = (),
    labels: Sequence[str] = (),
    multi_label: bool = False,
    seed: int = 0,
    verify: Optional[Path] = None,
    overwrite: bool = False,
) -> Imported:
    """Makes a checkpoint of weights of another program, or of an ONNX model, as `keel import` does.

    `files`: one, or several that hold parts of it. docs/interop.md says what is read and what the options mean.
    """
    _require_free(out, overwrite, "import")
    found = _keel.import_weights(
        _paths(files),
        out,
        verify=verify,
        key=key,
        model=model,
        classes=classes,
        channels=channels,
        image_size=image_size,
        pixels=pixels,
        mean=list(mean),
        std=list(std),
        labels=list(labels),
        multi_label=multi_label,
        seed=seed,
    )
    return Imported(**found)


def export_model(
    checkpoint: Path,
    out: Path,
    *,
    type: str = "f32",
    opset: int = 17,
    outputs: str = "logits",
    preprocessing: str = "none",
    overwrite: bool = False,
) -> _keel.ModelSpec:
    """Writes a model for other programs, as `keel export` does, and returns what it is.

    `out` ends in .onnx (what the model computes: `opset`, `outputs` "logits" or "probabilities", `preprocessing`
    "none", "f32" or "u8") or in .safetensors (its weights by torchvision's names: `type` f32, f16 or bf16).
    """
    _require_free(out, overwrite, "export")
    return _keel.export_model(checkpoint, out, type=type, opset=opset, outputs=outputs, preprocessing=preprocessing)


def quantize(
    checkpoint: Path,
    out: Path,
    images: Any = None,
    *,
    data: Optional[str] = None,
    split: str = "train",
    count: int = 200,
    seed: int = 0,
    data_options: Mapping[str, Any] = {},
    method: str = "auto",
    keep: Sequence[str] = (),
    keep_worst: int = 0,
    keep_below: float = 15,
    correct_bias: bool = True,
    layout: Optional[str] = None,
    pixels: Optional[bool] = None,
    overwrite: bool = False,
) -> Quantized:
    """Makes an int8 model of a checkpoint, as `keel quantize` does; Predictor takes it like one.

    It is calibrated with `images`, as Predictor.predict() takes them, of which the last quarter is held out to choose
    by, or with `count` images of a data set (`data`: "nih:DIR", ...). Labels are not used.
    """
    _require_free(out, overwrite, "quantize")
    common: Dict[str, Any] = dict(
        method=method, keep=list(keep), keep_worst=keep_worst, keep_below=keep_below, correct_bias=correct_bias
    )
    if (images is None) == (data is None):
        raise UsageError("[quantize] wanted images or data, and not both")
    if data is not None:
        options = {key: text_of(value) for key, value in data_options.items()}
        report = _keel.quantize_by_data(
            checkpoint, out, data, split=split, count=count, seed=seed, data_options=options, **common
        )
    else:
        spec = read_model_spec(checkpoint)
        given = prepared(images, layout, Input(spec.image_size, spec.channels), pixels)
        if isinstance(given, list):
            given = _keel.Model(checkpoint, 1, "f32", "none", 0, 0).inputs(given, True)[0]
        report = _keel.quantize(checkpoint, out, given, **common)
    layers: List[Tuple[str, str, float, float]] = report.pop("layers")
    return Quantized(layers=[LayerReport(*layer) for layer in layers], **report)
