"""Validation of points, and of the values that a function returns.

Each error says what came, why it has no slope, and what to write instead. As in the
formulas, the function is called `f` and its argument `x`.
"""

from collections.abc import Callable
from math import isfinite
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from secant.arrays import Array, ArrayLike, as_real, first_entry, is_traced
from secant.errors import InvalidInput, short_repr
from secant.validation import RealNumber, as_real_number

Function: TypeAlias = Callable[[Any], Any]
"""A function to differentiate: of an array, to one real number."""

Floats: TypeAlias = NDArray[np.float64]
Booleans: TypeAlias = NDArray[np.bool_]

STEP_SIZE = RealNumber(0, 1e300, "neither", example="1e-4")
"""h: a slope is divided by 2h, which must not overflow."""


def as_function(f: object, name: str = "f") -> Function:
    """`f`, if it is callable.

    Raises:
        InvalidInput: It is not.

    Example:
        >>> as_function(9.0)
        Traceback (most recent call last):
        secant.errors.InvalidInput: f is 9.0, which is no function: pass f itself, ...
    """
    if not callable(f):
        raise InvalidInput(
            f"{name} is {short_repr(f)}, which is no function: pass {name} itself, not "
            f"{name}(x), and pass it first"
        )
    return f


def as_point(x: ArrayLike, name: str = "x") -> Floats:
    """`x` as a new float64 array.

    Raises:
        InvalidInput: It holds something other than finite real numbers.

    Example:
        >>> as_point([3, 4])
        array([3., 4.])
    """
    if isinstance(x, np.ma.MaskedArray):
        raise InvalidInput(
            f"{name} is a masked array, and f has no slope along what is missing: pass "
            f"{name}.compressed() or {name}.filled(0.0)"
        )
    if is_traced(x):
        raise InvalidInput(
            f"{name} is traced by JAX (jit, vmap or grad), so it has no values to "
            "nudge: call outside of the traced function"
        )
    array = _as_array(x)
    if array.dtype.kind == "O":
        # Fractions, for example; what is no number is refused by its name below.
        numbers = [number_or_none(v) for v in (array.ravel() if array.ndim else [x])]
        if all(number is not None and isfinite(number) for number in numbers):
            x = np.array(numbers, float).reshape(array.shape)
    with np.errstate(over="ignore"):
        point = np.array(as_real(x, name), np.float64)
    refuse_not_finite(point, name)
    return point


def as_number(value: object, where: Callable[[], str]) -> float:
    """A value of `f` as a float.

    Args:
        value: What `f` returned.
        where: Returns the words for the point, for an error.

    Raises:
        InvalidInput: It is not one real number, or not finite.

    Example:
        >>> as_number(np.array([9.0]), lambda: "where x[0] is 3.0")
        Traceback (most recent call last):
        secant.errors.InvalidInput: f returned an array of shape (1,) where x[0] is ...
    """
    number = number_or_none(value)
    if number is None:
        array = _as_array(value)
        raise InvalidInput(
            f"f returned {_what(value, array)} {where()}, and a slope needs one "
            f"real number: {_instead(value, array)}"
        )
    if not isfinite(number):
        raise InvalidInput(
            f"f is {number} {where()}, and a slope needs finite values: choose a "
            "point where f is finite on both sides, a smaller h, or look for a log(0), "
            "a division by 0 or an overflow in f"
        )
    return number


def number_or_none(value: Any) -> float | None:
    """A real number of any type as a float: a `Decimal` and mpmath's numbers, too.

    Example:
        >>> from decimal import Decimal
        >>> number_or_none(Decimal("0.5")), number_or_none("0.5"), number_or_none(None)
        (0.5, None, None)
    """
    number = as_real_number(value)
    if number is not None or isinstance(value, np.ndarray | bool | complex):
        return number
    if _as_array(value).dtype.kind != "O":
        return None
    try:
        return float(value)
    except Exception:  # no number, or a tracer
        return None


def as_elementwise(values: object, x: Floats) -> Floats:
    """The values of an elementwise `f` as an array of x's shape.

    Raises:
        InvalidInput: They have another shape, or are no finite real numbers.

    Example:
        >>> as_elementwise([1, 4], np.array([1.0, 2.0]))
        array([1., 4.])
    """
    array = _as_array(values)
    if array.shape != x.shape:
        raise InvalidInput(
            f"f returned {_what(values, array)} for x of shape {x.shape}, where "
            "numerical_diff needs a value for each entry: pass "
            "an f that works elementwise, or call numerical_gradient"
        )
    if array.dtype.kind not in "iuf" or np.ma.isMaskedArray(values):
        masked = np.ma.isMaskedArray(values)
        what = "a masked value" if masked else f"an array of {array.dtype}"
        raise InvalidInput(
            f"f returned {what}, and a slope needs real numbers: "
            f"{_instead(values, array)}"
        )
    wrong = ~np.isfinite(array)
    if wrong.any():
        as_number(
            float(array[wrong][0]),
            lambda: f"where {first_entry('x', wrong)} is {float(x[wrong][0])!r}",
        )
    return array.astype(np.float64)


def refuse_not_finite(x: Array, name: str) -> None:
    """Refuses NaN and infinity in a point, and names the first.

    Example:
        >>> refuse_not_finite(np.array([0.0, np.inf]), "x")
        Traceback (most recent call last):
        secant.errors.InvalidInput: x[1] is inf, and there is no slope at such a ...
    """
    wrong = ~np.isfinite(x)
    if wrong.any():
        raise InvalidInput(
            f"{first_entry(name, wrong)} is {x[wrong][0]}, and there is no slope at "
            f"such a point: pass finite numbers (np.isfinite({name}) finds the others)"
        )


def refuse_overflow(slopes: Floats, name: str) -> None:
    """Refuses slopes that overflow although every value of `f` is finite.

    Example:
        >>> refuse_overflow(np.array([1.0, np.inf]), "x")
        Traceback (most recent call last):
        secant.errors.InvalidInput: the slope along x[1] is beyond float64's largest ...
    """
    wrong = ~np.isfinite(slopes)
    if wrong.any():
        raise InvalidInput(
            f"the slope along {first_entry(name, wrong)} is beyond float64's largest "
            "number, 1.8e308: scale f down, as in `lambda x: f(x) / 1e10`"
        )


def changed_argument(entry: int, shape: tuple[int, ...]) -> InvalidInput:
    """The error for a function that changes its argument.

    Args:
        entry: The changed entry, counted as if `x` had one dimension.
        shape: Of `x`.

    Returns:
        The error, for the caller to raise.

    Example:
        >>> changed_argument(0, (2,))
        InvalidInput('f changed its argument: x[0] was another number after ...')
    """
    return InvalidInput(
        f"f changed its argument: {entry_name(entry, shape)} was another number after "
        "the call (x is restored): write `y = x - 1` instead of `x -= 1`, or begin f "
        "with `x = x.copy()`"
    )


def entry_name(entry: int, shape: tuple[int, ...], name: str = "x") -> str:
    """An entry, counted in one dimension, as Python writes it.

    Example:
        >>> entry_name(4, (2, 3))
        'x[1, 1]'
    """
    mask = np.zeros(shape, bool)
    mask.flat[entry] = True
    return first_entry(name, mask)


def _as_array(value: object) -> Array:
    try:
        return np.asarray(value)
    except Exception:  # a ragged list, a tensor that lives elsewhere
        return np.asarray(None)


def _what(value: object, array: Array) -> str:
    if np.ma.isMaskedArray(value):
        return "a masked value"
    if array.ndim:
        return f"an array of shape {array.shape}"
    if value is None or array.dtype.kind in "bc":
        return str(value)
    return f"{short_repr(value)} ({type(value).__name__})"


def _instead(value: object, array: Array) -> str:
    if value is None:
        return "has f a `return`?"
    if array.dtype.kind == "c":
        return "`return abs(y)` or `return y.real`"
    if array.dtype.kind == "b":
        return "a comparison has no slope; return what is compared"
    return "`return float(np.sum(y))`"
