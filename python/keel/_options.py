"""Options of Keel's tables as texts, as a command line gives them."""

from typing import Any, Union

import os


def text_of(value: Any) -> Union[str, bytes]:
    """Returns the text of a value: True is "true", a list has commas, a path is its bytes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(str(one) for one in value)
    if isinstance(value, os.PathLike):
        return os.fsencode(value)
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return str(value)
