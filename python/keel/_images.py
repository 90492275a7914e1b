"""What callers bring as images: files, their bytes, and arrays in several layouts and types."""

import os
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple, Union, cast

import numpy as np
import numpy.typing as npt

from ._errors import UsageError

Floats = npt.NDArray[np.float32]
AnyArray = npt.NDArray[Any]
Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]

LAYOUTS = ("NHWC", "NCHW", "HWC", "CHW", "NHW", "HW")


_MOST_CHANNELS = 4  # of what images usually are


class Input(NamedTuple):
    """What a model takes: the side of its square images in pixels, their channels."""

    size: int
    channels: int


def is_file(value: object) -> bool:
    """Returns whether a value is an image file: its path or its bytes."""
    return isinstance(value, (str, os.PathLike, bytes, bytearray, memoryview))


def file_item(value: Any) -> Any:
    """Returns a path as it is, and a file's bytes as an array on them."""
    if isinstance(value, (str, os.PathLike)):
        return value
    memory = memoryview(value)
    if not memory.contiguous:
        raise UsageError("[images] wanted a file's bytes side by side, got a memoryview with steps")
    return np.frombuffer(memory, np.uint8) if memory.nbytes else np.empty(0, np.uint8)


def as_array(value: Any, what: str = "images") -> AnyArray:
    """Returns a view of an array, of a DLPack tensor or of what NumPy makes an array of."""
    if isinstance(value, np.ma.MaskedArray) and bool(np.any(value.mask)):
        raise UsageError(f"[{what}] wanted an array, got one some of whose elements are masked")
    if isinstance(value, np.ndarray):
        return np.asarray(value)
    if hasattr(value, "__dlpack__"):
        try:
            return cast(AnyArray, np.from_dlpack(value))
        except (RuntimeError, BufferError, TypeError, ValueError) as error:
            raise UsageError(f"[{what}] a tensor of {type(value).__name__} is not to be had: {error}") from error
    if hasattr(value, "__array__") or hasattr(value, "__array_interface__"):
        return np.asarray(value)
    raise UsageError(
        f"[{what}] wanted a path, a file's bytes, an array, a tensor with __dlpack__ or a list of these, "
        f"got {type(value).__name__}"
    )


def is_pixels(array: AnyArray, pixels: Optional[bool]) -> bool:
    """Returns whether an array holds pixels, which are resized and normalized, and not what the model sees."""
    if array.dtype in (np.dtype(np.uint8), np.dtype(np.uint16)):
        if pixels is False:
            raise UsageError(f"[images] {array.dtype} are pixels; what the model sees is float32")
        return True
    if array.dtype == np.dtype(np.float32):
        return bool(pixels)
    raise UsageError(
        f"[images] wanted uint8 or uint16 (pixels) or float32, in the machine's order of bytes, got {array.dtype}"
    )


def in_layout(array: AnyArray, layout: str) -> AnyArray:
    """Returns an array in a layout as a view {n, h, w, c}. Throws UsageError where it has other axes."""
    if layout not in LAYOUTS:
        raise UsageError(f"[images] wanted a layout of {', '.join(LAYOUTS)}, got {layout!r}")
    if array.ndim != len(layout):
        raise UsageError(f"[images] {layout} has {len(layout)} axes, the array {list(array.shape)}")
    order = [layout.index(axis) for axis in "NHWC" if axis in layout]
    view = array.transpose(order)
    if "N" not in layout:
        view = view[np.newaxis]
    return view if "C" in layout else view[..., np.newaxis]


def _fits(view: AnyArray, wanted: Input, pixels: bool) -> bool:
    n, h, w, c = view.shape
    if pixels:
        return c in ({1, 3} if wanted.channels == 1 else {1, wanted.channels})
    return (h, w, c) == (wanted.size, wanted.size, wanted.channels)


def to_nhwc(array: AnyArray, layout: Optional[str], wanted: Input, pixels: bool) -> AnyArray:
    """Returns a view {n, h, w, c}, by the layout or, where none is given, by the only one that fits the model."""
    if layout is not None:
        return in_layout(array, layout)
    fitting: List[Tuple[str, AnyArray]] = []
    for name in LAYOUTS:
        if len(name) != array.ndim:
            continue
        view = in_layout(array, name)
        if not _fits(view, wanted, pixels):
            continue
        if name == "NHW" and pixels and array.shape[2] <= _MOST_CHANNELS:
            continue  # a last axis as short as that is one of channels, which do not fit
        if not any((view.shape, view.strides) == (other.shape, other.strides) for _, other in fitting):
            fitting.append((name, view))
    if len(fitting) == 1:
        return fitting[0][1]
    if fitting:
        names = " or ".join(name for name, _ in fitting)
        raise UsageError(f"[images] an array {list(array.shape)} may be {names}: layout says which")
    size = "h, w" if pixels else f"{wanted.size}, {wanted.size}"
    raise UsageError(
        f"[images] wanted {'pixels' if pixels else 'images'} [n, {size}, {wanted.channels}] or another layout of them, "
        f"got {list(array.shape)}"
    )


def dense(array: AnyArray) -> Floats:
    """Returns an array itself where it is dense and aligned, else a copy."""
    return np.require(array, np.float32, ["C", "A"])


def pixel_items(view: AnyArray) -> List[AnyArray]:
    """Returns the images of a view {n, h, w, c} as arrays {h, w, c}, dense."""
    return [np.require(image, None, ["C", "A"]) for image in view]


def prepared(
    images: Any, layout: Optional[str], wanted: Input, pixels: Optional[bool]
) -> Union[Floats, List[Any]]:
    """Returns what the model sees, {n, size, size, channels}, or a list of items that become that.

    An item is a path, a file's bytes as an array {n}, or pixels {h, w, c}.
    """
    if is_file(images):
        return [file_item(images)]
    if isinstance(images, (list, tuple)):
        return _prepared_list(images, layout, wanted, pixels)
    array = as_array(images)
    as_pixels = is_pixels(array, pixels)
    view = to_nhwc(array, layout, wanted, as_pixels)
    return pixel_items(view) if as_pixels else dense(view)


def _prepared_list(
    images: Sequence[Any], layout: Optional[str], wanted: Input, pixels: Optional[bool]
) -> Union[Floats, List[Any]]:
    items: List[Any] = []
    seen: List[AnyArray] = []
    for place, image in enumerate(images):
        if is_file(image):
            items.append(file_item(image))
            continue
        array = as_array(image)
        as_pixels = is_pixels(array, pixels)
        view = to_nhwc(array, layout, wanted, as_pixels)
        if view.shape[0] != 1:
            raise UsageError(f"[images] wanted one image in place {place} of the list, got {view.shape[0]}")
        if as_pixels:
            items.extend(pixel_items(view))
        else:
            seen.append(dense(view))
    if not seen:
        return items
    if items:
        raise UsageError("[images] a list holds files or pixels, or what the model sees, not both")
    if len({image.shape for image in seen}) > 1:
        raise UsageError("[images] a list of what the model sees holds images of several sizes")
    return np.concatenate(seen)
