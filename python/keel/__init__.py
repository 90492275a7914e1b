"""Keel from Python: trained models that predict, explain and are scored, in NumPy's arrays and DLPack's tensors.

    model = keel.load("best.safetensors")
    scores = model.predict("00000001_000.png")     # {1, labels}
    scores = model.predict(batch)                  # float32 {n, size, size, channels}, read where it lies

docs/python.md is the guide.
"""

from . import metrics
from ._errors import DivergedError, Error, InputError, IoError, StorageError, UsageError
from ._keel import (
    ModelSpec,
    Tensor,
    __version__,
    from_dlpack,
    memory_in_use,
    multiplies_bf16,
    set_memory_limit,
    set_threads,
    thread_shortage,
    threads,
    trim_memory,
)
from .activation import ClassActivation
from .evaluation import Evaluation, evaluate
from .files import Imported, Quantized, export_model, import_model, quantize, read_model_spec
from .predictor import NoAnswer, Predictor, load
from .training import (
    BadImage,
    CheckpointReport,
    EpochReport,
    ResumeReport,
    SkippedStep,
    StepReport,
    TrainObserver,
    TrainResult,
    TrainStart,
    train,
    train_options,
)

__all__ = [
    "BadImage",
    "CheckpointReport",
    "ClassActivation",
    "DivergedError",
    "EpochReport",
    "Error",
    "Evaluation",
    "Imported",
    "InputError",
    "IoError",
    "ModelSpec",
    "NoAnswer",
    "Predictor",
    "Quantized",
    "ResumeReport",
    "SkippedStep",
    "StepReport",
    "StorageError",
    "Tensor",
    "TrainObserver",
    "TrainResult",
    "TrainStart",
    "UsageError",
    "__version__",
    "evaluate",
    "export_model",
    "from_dlpack",
    "import_model",
    "load",
    "memory_in_use",
    "metrics",
    "multiplies_bf16",
    "quantize",
    "read_model_spec",
    "set_memory_limit",
    "set_threads",
    "thread_shortage",
    "threads",
    "train",
    "train_options",
    "trim_memory",
]
