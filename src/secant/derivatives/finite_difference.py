"""Derivatives by their definition: central differences with a fixed step.

    f'(x) ≈ (f(x + h) - f(x - h)) / 2h

The truncation error is h²/6 times the third derivative. The rounding error is about
1e-16/h times f in float64, since two nearly equal numbers are subtracted. With h = 1e-4
both are tiny. In float32 the rounding error leaves almost no digit, so that `x` is
always perturbed in float64, whatever its dtype.

f should compute in float64, too. A function that rounds to float32, as JAX does unless
`jax_enable_x64` is on, returns values whose difference holds about three digits.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from secant.arrays import Array, ArrayLike
from secant.derivatives.validation import (
    STEP_SIZE,
    Floats,
    Function,
    as_elementwise,
    as_function,
    as_number,
    as_point,
    changed_argument,
    entry_name,
    refuse_not_finite,
    refuse_overflow,
)
from secant.errors import InvalidInput, short_repr
from secant.validation import as_whole_number, validate


def numerical_diff(f: Function, x: ArrayLike, h: float = 1e-4) -> Array:
    """The slope of a function of one variable: `(f(x + h) - f(x - h)) / 2h`.

    Args:
        f: A function of a number; for an array of points, one that works
            elementwise, as for a plot.
        x: The point, a real number, or an array of points.
        h: The step, to both sides.

    Returns:
        A float; for an array, slopes of its shape, float64.

    Raises:
        InvalidInput: `x`, `h` or a value of `f` is no finite real number, `f` does not
            work elementwise, or `h` is lost beside a large `x`.

    Example:
        The notebook's own digits: the slope of x² + 16 at 3.

        >>> numerical_diff(lambda x: x * x + 4.0**2, 3.0)
        6.00000000000378
        >>> numerical_diff(lambda x: x**2, [0, 1, 2]).round(6)
        array([0., 2., 4.])
    """
    f, h, point = as_function(f), validate("h", h, STEP_SIZE), as_point(x)
    _refuse_lost_step(point, range(point.size), h)
    if point.ndim == 0:
        # A Python number stays one: f may use `math`, f-strings or `**`.
        x0 = float(point) if isinstance(x, int | float) else point[()]
        above = as_number(f(x0 + h), lambda: f"where x is {x0 + h!r}")
        below = as_number(f(x0 - h), lambda: f"where x is {x0 - h!r}")
        slopes = np.array((above - below) / (2 * h))
    else:
        above = as_elementwise(f(point + h), point + h)
        below = as_elementwise(f(point - h), point - h)
        with np.errstate(over="ignore"):
            slopes = (above - below) / (2 * h)
    refuse_overflow(slopes, "x")
    return slopes if point.ndim else float(slopes)


def partial_derivative(
    f: Function,
    x: ArrayLike,
    index: int | tuple[int, ...] | None = None,
    h: float = 1e-4,
) -> float:
    """The slope along one coordinate: `(f(x + h eᵢ) - f(x - h eᵢ)) / 2h`.

    Args:
        f: A function of an array of x's shape that returns one real number.
        x: The point, an array of real numbers of any shape.
        index: The coordinate `i`: an int, for several dimensions a tuple, for none
            `()` or None. Negative ones count from the end.
        h: The step, to both sides.

    Returns:
        The slope.

    Raises:
        InvalidInput: As for `numerical_gradient`; or `index` names no entry of `x`.

    Example:
        >>> round(partial_derivative(lambda x: x[0] ** 2 + x[1] ** 2, [3, 4], 1), 9)
        8.0
    """
    f, h = as_function(f), validate("h", h, STEP_SIZE)
    point, shared = _perturbable(x)
    entry = _entry(index, point.shape)
    (slope,) = _slopes(f, point, [entry], h)
    refuse_overflow(np.array(slope), entry_name(entry, point.shape))
    if slope == 0 and not shared:
        refuse_unread(f, point, x)
    return slope


def numerical_gradient(f: Function, x: ArrayLike, h: float = 1e-4) -> Floats:
    """The slopes along every coordinate: `(f(x + h eᵢ) - f(x - h eᵢ)) / 2h`.

    A writable float64 array is perturbed in place, and restored bit for bit, however
    the call ends. So the textbook's `f = lambda w: net.loss(x, t)` works with the array
    that `net` holds. Anything else is perturbed in a float64 copy, which only a
    function that uses its argument can see. If f does not use it, and x is an array
    that can be written to, the function is refused; a constant function is not.

    Args:
        f: A function of an array of x's shape that returns one real number.
        x: The point: real numbers of any shape and dtype, a NumPy or JAX array or a
            list; an empty one has an empty gradient.
        h: The step along each coordinate, to both sides.

    Returns:
        The gradient, float64, of x's shape. It points to where `f` rises most, minus
        the gradient to where `f` falls most.

    Raises:
        InvalidInput: `x` or `h` is not finite and real, `h` is lost beside a large
            `x[i]`, or `f` does not return a finite real number, changes its argument,
            or reads the caller's array in place of it. An error that `f` raises passes
            through, with a note that names the perturbed coordinate.

    Example:
        >>> numerical_gradient(lambda x: x[0] ** 2 + x[1] ** 2, [3, 4])
        array([6., 8.])
        >>> W = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> numerical_gradient(lambda w: np.sum(W**2), W).round(6)
        array([[2., 4.],
               [6., 8.]])
    """
    f, h = as_function(f), validate("h", h, STEP_SIZE)
    point, shared = _perturbable(x)
    slopes = _slopes(f, point, range(point.size), h)
    gradient = np.array(slopes, np.float64).reshape(point.shape)
    refuse_overflow(gradient, "x")
    if not shared and not gradient.any():
        refuse_unread(f, point, x)
    return gradient


def _slopes(f: Function, x: Floats, entries: Sequence[int], h: float) -> list[float]:
    """The slopes along some entries of `x`, counted as if it had one dimension.

    There may be 40,000 entries: the work for each one is kept small.
    """
    _refuse_lost_step(x, entries, h)
    memory = x.view(np.ndarray)
    flat = memory.flat
    before = memory.copy()
    values = before.ravel().tolist()

    def value_at(perturbed: float) -> float:
        flat[entry] = perturbed
        try:
            value = f(x)
        except Exception as error:
            error.add_note(f"raised by f where {_where(entry, x.shape, perturbed)}")
            raise
        if flat[entry] != perturbed:
            raise changed_argument(entry, x.shape)
        if isinstance(value, float) and isfinite(value):
            return float(value)
        return as_number(value, lambda: f"where {_where(entry, x.shape, perturbed)}")

    slopes: list[float] = []
    try:
        for entry in entries:
            value = values[entry]
            # One comparison before each entry's turn, and one of all entries at the
            # end, find every lasting change by f at little cost.
            if flat[entry] != value:
                raise changed_argument(entry, x.shape)
            slope = (value_at(value + h) - value_at(value - h)) / (2 * h)
            flat[entry] = value
            slopes.append(slope)
        changed = memory != before
        if changed.any():
            raise changed_argument(int(np.argmax(changed)), x.shape)
    finally:
        np.copyto(memory, before)
    return slopes


def _where(entry: int, shape: tuple[int, ...], perturbed: float) -> str:
    return f"{entry_name(entry, shape)} is nudged to {perturbed!r}"


def _perturbable(x: ArrayLike) -> tuple[Floats, bool]:
    """The array to perturb, and whether it is the caller's own memory."""
    own = _is_array(x) and x.dtype == np.float64 and x.flags.writeable
    if own and not _overlaps(x):
        refuse_not_finite(np.asarray(x), "x")
        # A view: if f reshapes its argument, the caller's array keeps its shape.
        return x.view(), True
    return as_point(x), False


def _is_array(x: object) -> bool:
    return isinstance(x, np.ndarray) and not isinstance(x, np.ma.MaskedArray)


def _overlaps(x: Array) -> bool:
    """Whether two entries share memory, as those of `as_strided` views may."""
    if x.flags.forc or x.size < 2:
        return False
    offsets = np.zeros((), np.int64)
    for length, stride in zip(x.shape, x.strides, strict=True):
        places = np.arange(length, dtype=np.int64) * stride
        offsets = offsets[..., np.newaxis] + places
    return bool((np.diff(np.sort(offsets, axis=None)) < x.itemsize).any())


def _entry(index: Any, shape: tuple[int, ...]) -> int:
    """The entry that `index` names, counted in one dimension."""
    numbers: tuple[Any, ...] = () if index is None else np.index_exp[index]
    try:
        entry = 0
        for number, length in zip(map(as_whole_number, numbers), shape, strict=True):
            if number is None:
                raise IndexError
            entry = entry * length + range(length)[number]
    except (ValueError, IndexError):  # of another length, or out of range
        example = tuple(max(length - 1, 0) for length in shape)
        last = str(example[0]) if len(example) == 1 else str(example)
        hint = "there is no entry" if 0 in shape else f"pass one up to index={last}"
        raise InvalidInput(
            f"index is {short_repr(index)}, which names no entry of x of shape "
            f"{shape}: {hint}"
        ) from None
    return entry


def _refuse_lost_step(x: Floats, entries: Sequence[int], h: float) -> None:
    """Refuses a step that rounding swallows: 1e16 + 1e-4 is 1e16."""
    values = x.ravel()
    chosen = np.array(entries, np.intp)
    with np.errstate(over="ignore", invalid="ignore"):
        above, below = values[chosen] + h, values[chosen] - h
        # The step may change by 1 %, and the slope with it.
        lost = ~(abs((above - below) - 2 * h) <= 0.02 * h)
    if lost.any():
        first = int(np.argmax(lost))
        # Rounding and truncation errors are about equal for h = ε^(1/3) x.
        better = 6e-6 * float(abs(values[chosen]).max())
        name = entry_name(int(chosen[first]), x.shape)
        raise InvalidInput(
            f"h = {h!r} is lost beside {name} = {float(values[chosen[first]])!r}: "
            f"x + h and x - h are rounded to {float(above[first])!r} and "
            f"{float(below[first])!r}; pass h={better:.0e}, or measure x in larger "
            "units"
        )


def refuse_unread(
    f: Function,
    point: Floats,
    own: ArrayLike,
    remedy: str = ", or let f read, and pass, `W.astype(float)`",
) -> None:
    """Refuses a function that reads the caller's array and not its argument.

    It is called when every slope along a copy is exactly 0. It changes the caller's
    array for a moment, but not the argument. If the value of `f` changes, `f` reads the
    caller's array, and the zeros say nothing about it; unless it reads its argument,
    too.

    Args:
        f: The function.
        point: The copy that was perturbed.
        own: What the caller passed. Only an array that can be written to is examined.
        remedy: What else helps, after "use the argument".

    Raises:
        InvalidInput: The function reads the caller's array.
    """
    if not _is_array(own) or own.size == 0:
        return
    locked = not own.flags.writeable
    if locked:
        # The owner's read-only flag can be lifted for a moment, since the array is
        # restored; memory that is read-only itself raises an error.
        try:
            own.flags.writeable = True
        except ValueError:
            return
    value = as_number(f(point), lambda: "at x")
    saved = own.copy()
    try:
        with np.errstate(all="ignore"):
            # At an exact fit the slopes are 0, and what was fitted may be the point.
            if float(f(_another(point))) != value:
                return
            own[...] = _another(saved)
            follows = float(f(point)) != value
    except Exception:
        # f cannot be called again (it may count its calls): nothing is known.
        return
    finally:
        np.copyto(own, saved)
        if locked:
            own.flags.writeable = False
    if follows:
        raise InvalidInput(
            "every slope is 0 because f reads the array that was passed and not its "
            "argument, a float64 copy of it: use the argument, as in "
            f"`lambda w: loss(w, x, t)`{remedy}"
        )


def _another(array: Array) -> Array:
    """Values that differ from those of `array`."""
    # Changed by different amounts: softmax, for example, ignores a common shift.
    pattern: Array = np.resize(np.array([1, 2, 3]), array.shape)
    if array.dtype.kind == "b":
        return array ^ (pattern == 1)
    if array.dtype.kind in "iu":
        return array ^ pattern.astype(array.dtype)
    return (array + (1 + abs(array)) * pattern / 4).astype(array.dtype)
