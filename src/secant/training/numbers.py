"""What is taken for a number where a setting is one."""

from operator import index
from typing import Any

import numpy as np

from secant.errors import InvalidInput


def is_number(value: Any) -> bool:
    """Whether something is a finite real number; `True` is none."""
    return (
        isinstance(value, int | float | np.integer | np.floating)
        and not isinstance(value, bool)
        and bool(np.isfinite(value))
    )


def whole(name: str, value: Any, least: int) -> int:
    """A whole number, as Python's own.

    Raises:
        InvalidInput: It is none, or less than `least`.
    """
    try:
        number = index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise InvalidInput(
            f"{name} is {value!r}: pass a whole number, {least} or above"
        )
    return number
