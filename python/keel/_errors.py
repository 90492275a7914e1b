"""The exceptions of Keel. A message says who, what was wanted, what came."""


class Error(Exception):
    """Every exception of Keel's own."""


class UsageError(Error, ValueError):
    """An argument that cannot be honoured."""


class InputError(Error, ValueError):
    """Data from outside (an image, a label file, a checkpoint) that is malformed or does not fit."""


class IoError(Error, OSError):
    """The system refused a read or a write; `errno` says why, None where that is not known."""


class StorageError(IoError):
    """The storage does not answer. This may pass, and says nothing of the file."""


class DivergedError(Error, ArithmeticError):
    """Training produced NaN or infinity."""
