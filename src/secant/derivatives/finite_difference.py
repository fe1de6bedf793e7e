"""Derivatives by their definition: nudge, look, nudge the other way, divide.

`f'(x) ≈ (f(x + h) - f(x - h)) / 2h`, the central difference. It is off by h²/6
times the third derivative, because h is not 0, and by about 1e-16/h times f,
because two nearly equal numbers are subtracted: with h = 1e-4 both are tiny in
float64, and the second is all that is left of the answer in float32. Hence every
nudge happens in float64, whatever came.

A function should do all its arithmetic in float64 as well: one that rounds to
float32 (JAX does, unless `jax_enable_x64` is on) returns values whose difference
holds some three digits.
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
from secant.errors import InvalidInput, short
from secant.validation import as_whole_number, validate


def numerical_diff(f: Function, x: ArrayLike, h: float = 1e-4) -> Array:
    """The slope of a function of one variable: `(f(x + h) - f(x - h)) / 2h`.

    Args:
        f: A function of a number; for an array of places, one that works
            elementwise, as for a plot.
        x: The place, a real number, or an array of places.
        h: How far `x` is nudged, to both sides.

    Returns:
        A float; for an array, slopes of its shape, float64.

    Raises:
        InvalidInput: `x`, `h` or what `f` returns is no finite real number, `f` does
            not work elementwise, or `h` is lost beside a large `x`.

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
        # A Python number stays one: f may be made of `math`, f-strings or `**`.
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
        index: Which coordinate `i` is nudged: an int, for several dimensions a
            tuple, for none `()` or None. Negative ones count from the end.
        h: How far it is nudged, to both sides.

    Returns:
        The slope.

    Raises:
        InvalidInput: As `numerical_gradient`; or `index` names no entry of `x`.

    Example:
        >>> round(partial_derivative(lambda x: x[0] ** 2 + x[1] ** 2, [3, 4], 1), 9)
        8.0
    """
    f, h = as_function(f), validate("h", h, STEP_SIZE)
    point, shared = _nudgeable(x)
    entry = _entry(index, point.shape)
    (slope,) = _slopes(f, point, [entry], h)
    refuse_overflow(np.array(slope), entry_name(entry, point.shape))
    if slope == 0 and not shared:
        refuse_unread(f, point, x)
    return slope


def numerical_gradient(f: Function, x: ArrayLike, h: float = 1e-4) -> Floats:
    """The slopes along every coordinate: `(f(x + h eᵢ) - f(x - h eᵢ)) / 2h`.

    A writable float64 array is nudged in place and is restored, bit for bit,
    however the call ends: the textbook's `f = lambda w: net.loss(x, t)` works with
    the very array that `net` holds. Anything else is nudged in a float64 copy, which
    only a function that uses its argument can see; one that does not is told apart
    from a flat one and refused, where x is an array that can be written to.

    Args:
        f: A function of an array of x's shape that returns one real number.
        x: The point: real numbers of any shape and dtype, a NumPy or JAX array or a
            list; an empty one has an empty gradient.
        h: How far each coordinate is nudged, to both sides.

    Returns:
        The gradient, float64, of x's shape. It points to where `f` rises most; minus
        it points to where `f` falls most.

    Raises:
        InvalidInput: `x` or `h` is not finite and real, `h` is lost beside a large
            `x[i]`, `f` returns something else than a finite real number, changes its
            argument, or reads the caller's own array in place of it. What `f` raises
            passes through, with a note of which coordinate was nudged.

    Example:
        >>> numerical_gradient(lambda x: x[0] ** 2 + x[1] ** 2, [3, 4])
        array([6., 8.])
        >>> W = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> numerical_gradient(lambda w: np.sum(W**2), W).round(6)
        array([[2., 4.],
               [6., 8.]])
    """
    f, h = as_function(f), validate("h", h, STEP_SIZE)
    point, shared = _nudgeable(x)
    slopes = _slopes(f, point, range(point.size), h)
    gradient = np.array(slopes, np.float64).reshape(point.shape)
    refuse_overflow(gradient, "x")
    if not shared and not gradient.any():
        refuse_unread(f, point, x)
    return gradient


def _slopes(f: Function, x: Floats, entries: Sequence[int], h: float) -> list[float]:
    """The slopes along some entries of `x`, counted as if it had one dimension.

    Everything here that is done for each entry counts: there may be 40,000.
    """
    _refuse_lost_step(x, entries, h)
    memory = x.view(np.ndarray)
    flat = memory.flat
    before = memory.copy()
    values = before.ravel().tolist()

    def value_at(nudged: float) -> float:
        flat[entry] = nudged
        try:
            value = f(x)
        except Exception as error:
            error.add_note(f"raised by f where {_where(entry, x.shape, nudged)}")
            raise
        if flat[entry] != nudged:
            raise changed_argument(entry, x.shape)
        if isinstance(value, float) and isfinite(value):
            return float(value)
        return as_number(value, lambda: f"where {_where(entry, x.shape, nudged)}")

    slopes: list[float] = []
    try:
        for entry in entries:
            value = values[entry]
            # Looking at an entry just before its turn, and at all of them in the
            # end, finds whatever f changed and left changed, at little cost.
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


def _where(entry: int, shape: tuple[int, ...], nudged: float) -> str:
    return f"{entry_name(entry, shape)} is nudged to {nudged!r}"


def _nudgeable(x: ArrayLike) -> tuple[Floats, bool]:
    """What to nudge, and whether it is the caller's own memory."""
    own = _is_array(x) and x.dtype == np.float64 and x.flags.writeable
    if own and not _overlaps(x):
        refuse_not_finite(np.asarray(x), "x")
        # A view: should f give its argument another shape, the caller's keeps its.
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
    """The entry that `index` names, counted as if there were one dimension."""
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
            f"index is {short(index)}, which names no entry of x of shape {shape}: "
            f"{hint}"
        ) from None
    return entry


def _refuse_lost_step(x: Floats, entries: Sequence[int], h: float) -> None:
    """Floats lie the farther apart the larger they are: 1e16 + 1e-4 is 1e16."""
    values = x.ravel()
    chosen = np.array(entries, np.intp)
    with np.errstate(over="ignore", invalid="ignore"):
        above, below = values[chosen] + h, values[chosen] - h
        # At most 1 %: of the slope, no more than that is lost with it.
        lost = ~(abs((above - below) - 2 * h) <= 0.02 * h)
    if lost.any():
        first = int(np.argmax(lost))
        # Rounding and truncation err about equally where h is ε^(1/3) of x.
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
    """Refuses a function that reads the caller's own array, not its argument.

    To be called when every slope along a copy came out as exactly 0. The caller's
    array is changed for a moment, the argument is not: should the value follow,
    the zeros say nothing about `f`.

    Args:
        f: The function.
        point: The copy that was nudged.
        own: What the caller passed. Nothing can be told from anything else than an
            array that can be written to.
        remedy: What else helps, after "use the argument".

    Raises:
        InvalidInput: It does.
    """
    if not _is_array(own) or own.size == 0:
        return
    locked = not own.flags.writeable
    if locked:
        # A lock that its owner set can be lifted for a moment, as nothing stays
        # changed; memory that is read-only by nature refuses.
        try:
            own.flags.writeable = True
        except ValueError:
            return
    value = as_number(f(point), lambda: "at x")
    saved = own.copy()
    try:
        with np.errstate(all="ignore"):
            own[...] = _another(saved)
            follows = float(f(point)) != value
    except Exception:
        # f cannot be asked again (a budget of calls, say): nothing is known.
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
    """Other values than those of `array`."""
    # Not all moved by as much: softmax, for one, would not notice.
    pattern: Array = np.resize(np.array([1, 2, 3]), array.shape)
    if array.dtype.kind == "b":
        return array ^ (pattern == 1)
    if array.dtype.kind in "iu":
        return array ^ pattern.astype(array.dtype)
    return (array + (1 + abs(array)) * pattern / 4).astype(array.dtype)
