# JAX types half of its own names, as for propagation/.
# pyright: standard
"""Derivatives by difference propagation: the change of f carried through f.

`f(x + h d) - f(x)` is never formed by subtraction (see `secant.difference`), so that
h may be as short as one likes, and all that is left of the error is rounding.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from secant.derivatives.lines import Lines
from secant.derivatives.ridders import Outcome, Slopes
from secant.derivatives.rounding_error import CARE, looked_at
from secant.derivatives.validation import Floats
from secant.errors import InvalidInput
from secant.propagation import MissingRule, difference
from secant.propagation.coordinates import change_bytes, displacement, map_in_blocks
from secant.propagation.jaxpr_tools import float_dtypes

STEP = 2.0**-66
"""Of the nudge, in units of the first step that subtracted differences would take."""

SAME = 1e-9
"""Of slopes on both sides: they differ by roundings or, at a kink, by far more."""

UNTRACEABLE = (TypeError, IndexError, MissingRule)

Program = Callable[..., Any]


def carried(
    f: Callable[[Any], Any], lines: Lines, order: int, *, each: bool
) -> tuple[Slopes, Any, int]:
    """The derivatives along lines, from differences carried ahead.

    They are carried back, too, along a few directions and, where that comes out
    otherwise, as at a kink, along all lines. All is computed in float64 whether or not
    `jax_enable_x64` is on. f is compiled when it first comes, as by `jax.jit`, and
    once more where it no longer gives the value that it was compiled for.

    Args:
        f: A function made of JAX operations.
        lines: The lines.
        order: Of the derivative.
        each: Whether every line is looked at by itself.

    Returns:
        Values and errors, f at the point, and how often f was evaluated.

    Raises:
        InvalidInput: JAX cannot trace f, or there is no rule for what it does.
    """
    with jax.enable_x64(True):
        centre = _value(f, _place(lines), lines)
        if not len(lines):
            return Slopes(*np.zeros((4, 0, centre.size))), centre, 1
        alone = lines.shape is None
        try:
            program = _compiled(f, alone, order)
        except TypeError:  # f cannot be hashed
            program = _program(f, alone, order)
        used = 0

        def slope(lines: Lines, side: int = 1) -> Floats:
            nonlocal program, used
            value, found = _run(program, lines, side)
            if used == 0 and not _alike(value, centre):
                _compiled.cache_clear()
                program = _program(f, alone, order)
                found = _run(program, lines, side)[1]
            used += len(lines) * order
            return found

        epsilon = _epsilon(f, lines)
        looked = looked_at(slope, lines, each=each, epsilon=epsilon)
        outcome = np.full(looked.slopes.shape, float(Outcome.ROUNDING))
        back = slope(looked.probes, -1)
        apart = abs(back - looked.along_probes)
        if looked.weights is None:
            parts = abs(looked.slopes)
        else:
            parts = abs(looked.weights) @ abs(looked.slopes)
        if (apart > max(SAME, CARE * epsilon) * parts).any():
            # Beside a kink only the lines that cross it are uncertain.
            if looked.weights is not None:
                looked = looked_at(slope, lines, each=True, epsilon=epsilon)
                back = slope(lines, -1)
            apart = abs(looked.slopes - back) / 2
            outcome[apart > max(SAME, CARE * epsilon) * abs(looked.slopes)] = (
                Outcome.SIDES
            )
            value, error = (looked.slopes + back) / 2, looked.error + 1.25 * apart
        else:
            value, error = looked.slopes, looked.error
    if not np.isfinite(value).all():
        raise InvalidInput(
            "a carried difference of f is not finite: choose a point where f is "
            "smooth, or look for a log(0), a division by 0 or an overflow in f"
        )
    step = np.repeat(STEP * lines.first[:, np.newaxis], value.shape[1], axis=1)
    return Slopes(value, error, step, outcome), centre, used + 1


def _place(lines: Lines) -> Any:
    x = lines.x if lines.shape is None else lines.x.reshape(lines.shape)
    return jnp.asarray(x)


def _value(f: Callable[[Any], Any], at: Any, lines: Lines) -> Any:
    places = list(at.ravel()) if lines.shape is None else [at]
    values = [np.asarray(f(place)) for place in places]
    for value in values:
        if value.dtype.kind not in "iuf" and "float" not in value.dtype.name:
            raise InvalidInput(
                f"f returned an array of {value.dtype} at x, and a slope needs real "
                "numbers: return a floating-point number or an array of them"
            )
    return np.stack(values) if lines.shape is None else values[0]


def _epsilon(f: Callable[[Any], Any], lines: Lines) -> float:
    """One rounding of the coarsest floats that f reckons with: it may cast."""
    at = _place(lines)
    try:
        program = jax.make_jaxpr(f)(at.ravel()[0] if lines.shape is None else at)
    except UNTRACEABLE as error:
        raise _untraceable(error) from error
    dtypes = [np.dtype(float), *float_dtypes(program)]
    return max(float(jnp.finfo(dtype).eps) for dtype in dtypes)


def _untraceable(error: Exception) -> InvalidInput:
    reason = str(error).partition("\n")[0]
    return InvalidInput(
        f"no difference can be carried through f ({reason}): write f with "
        'jax.numpy in place of numpy and math, or use method="central"'
    )


def _alike(compiled: Any, now: Any) -> bool:
    """Whether the compiled function is still f, up to rounding."""
    compiled = np.asarray(compiled, float)
    now = np.asarray(now, float)
    near = 1e-5 if now.dtype == np.float32 else 1e-11
    return compiled.shape == now.shape and bool(
        (abs(compiled - now) <= near * abs(now).max(initial=0)).all()
    )


def _run(program: Program, lines: Lines, side: int) -> tuple[Any, Floats]:
    """The value at the point, and the slopes along lines."""
    steps = side * STEP * lines.first
    try:
        value, slopes = program(_place(lines), lines.entries, lines.directions, steps)
    except UNTRACEABLE as error:
        raise _untraceable(error) from error
    return value, np.asarray(slopes, float).reshape(len(lines), -1)


def _program(f: Callable[[Any], Any], alone: bool, order: int) -> Program:
    """A program for the value at a point and the slopes along lines."""

    def change(g: Callable[[Any], Any], dx: Any) -> Callable[[Any], Any]:
        return lambda at: difference(g)(at, dx)[1]

    def program(at: Any, entries: Any, d: Any, h: Any) -> Any:
        def along(entries: Any, d: Any, h: Any) -> Any:
            if alone:
                place, dx = at.ravel()[entries[0]], h * d[0]
            else:
                place, dx = at, displacement(at, entries, h * d)
            g = f
            for _ in range(order):
                g = change(g, dx)
            return g(place) / h**order

        start = at.ravel()[0] if alone else at
        bytes_each = order * change_bytes(jax.make_jaxpr(f)(start), start)
        value = jax.vmap(f)(at.ravel()) if alone else f(at)
        return value, map_in_blocks(along, (entries, d, h), bytes_each)

    return jax.jit(program)


_compiled = lru_cache(maxsize=32)(_program)
