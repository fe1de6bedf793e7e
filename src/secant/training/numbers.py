"""What is taken for a number where a setting is one."""

from math import isfinite
from operator import index
from typing import Any

import numpy as np

from secant.errors import InvalidInput


def is_number(value: Any) -> bool:
    """Whether something is a finite real number; `True` is none."""
    real = isinstance(value, int | float | np.integer | np.floating)
    if not real or isinstance(value, bool):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # more digits than a float holds
        return False


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
