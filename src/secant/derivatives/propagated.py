# JAX types half of its own names, as for propagation/.
# pyright: standard
"""Derivatives by difference propagation, without subtraction.

`secant.difference` propagates the change `f(x + h d) - f(x)` through f's operations and
never subtracts. So h may be arbitrarily short, and only rounding errors are left.
"""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from secant.arrays import jax_array
from secant.compat import quick_compilation
from secant.derivatives.lines import Lines
from secant.derivatives.rounding_error import ROUNDING_ALLOWANCE, with_rounding_error
from secant.derivatives.tolerance import LineDerivatives, Outcome
from secant.derivatives.validation import Floats
from secant.errors import InvalidInput
from secant.freed_memory import count_program
from secant.propagation import MissingRule, difference
from secant.propagation.coordinates import (
    block_length,
    change_bytes,
    displacement,
    map_in_blocks,
)
from secant.propagation.jaxpr_tools import float_dtypes, iter_equations

PROPAGATED_STEP_RATIO = 2.0**-66
"""The step, in units of the initial step of real differences."""

KINK_RTOL = 1e-9
"""Relative difference of the slopes on both sides above which there is a kink.

Slopes at a smooth point differ by roundings, and at a kink by far more.
"""

MAX_COMPILED_EQUATIONS = 10_000
"""Operations of a program that is compiled, at most.

XLA's time grows faster than their number: 3 s for the 5,000 of erf's second difference,
100 s for the 30,000 of log_ndtr's, which take 2 s one by one.
"""

UNTRACEABLE = (TypeError, IndexError, MissingRule)

CompiledProgram = Callable[..., Any]


def propagated_derivatives(
    f: Callable[[Any], Any], lines: Lines, order: int, *, each: bool
) -> tuple[LineDerivatives, Any, int]:
    """The derivatives along lines, from differences propagated forward.

    Differences are propagated backward, too, along a few random directions. If these
    slopes differ from the forward ones, as at a kink, all lines are propagated
    backward. Everything is computed in float64, whether or not `jax_enable_x64` is on.
    f is compiled at the first call, as by `jax.jit`, and again if it no longer gives
    the value of the compiled program.

    Args:
        f: A function made of JAX operations.
        lines: The lines.
        order: Of the derivative.
        each: Whether every line is probed by itself.

    Returns:
        Values and errors, f at the point, and the number of evaluations of f.

    Raises:
        InvalidInput: JAX cannot trace f, or an operation of f has no rule.
    """
    with jax.enable_x64(True):
        centre = _value(f, _point(lines), lines)
        if not len(lines):
            return LineDerivatives(*np.zeros((4, 0, centre.size))), centre, 1
        alone = lines.shape is None
        try:
            program = _compiled(f, alone, order)
        except TypeError:  # f cannot be hashed
            program = _program(f, alone, order)
        used = 0

        def slopes_along(lines: Lines, side: int = 1) -> Floats:
            nonlocal program, used
            value, found = _run(program, lines, side)
            if used == 0 and not _agrees(value, centre):
                _compiled.cache_clear()
                program = _program(f, alone, order)
                found = _run(program, lines, side)[1]
            used += len(lines) * order
            return found

        epsilon = _epsilon(f, lines)
        probed = with_rounding_error(slopes_along, lines, each=each, epsilon=epsilon)
        outcome = np.full(probed.slopes.shape, float(Outcome.ROUNDING))
        backward = slopes_along(probed.probes, -1)
        jump = abs(backward - probed.along_probes)
        if probed.weights is None:
            parts = abs(probed.slopes)
        else:
            parts = abs(probed.weights) @ abs(probed.slopes)
        rtol = max(KINK_RTOL, ROUNDING_ALLOWANCE * epsilon)
        if (jump > rtol * parts).any():
            # Only the lines that cross the kink are uncertain.
            if probed.weights is not None:
                probed = with_rounding_error(
                    slopes_along, lines, each=True, epsilon=epsilon
                )
                backward = slopes_along(lines, -1)
            jump = abs(probed.slopes - backward) / 2
            outcome[jump > rtol * abs(probed.slopes)] = Outcome.KINK
            value, error = (probed.slopes + backward) / 2, probed.error + 1.25 * jump
        else:
            value, error = probed.slopes, probed.error
    if not np.isfinite(value).all():
        raise InvalidInput(
            "a propagated difference of f is not finite: choose a point where f is "
            "smooth, or look for a log(0), a division by 0 or an overflow in f"
        )
    step = np.repeat(
        PROPAGATED_STEP_RATIO * lines.initial_step[:, np.newaxis],
        value.shape[1],
        axis=1,
    )
    return LineDerivatives(value, error, step, outcome), centre, used + 1


def _point(lines: Lines) -> Any:
    x = lines.x if lines.shape is None else lines.x.reshape(lines.shape)
    return jax_array(x)


def _value(f: Callable[[Any], Any], at: Any, lines: Lines) -> Any:
    points = list(at.ravel()) if lines.shape is None else [at]
    values = [np.asarray(f(point)) for point in points]
    for value in values:
        if value.dtype.kind not in "iuf" and "float" not in value.dtype.name:
            raise InvalidInput(
                f"f returned an array of {value.dtype} at x, and a slope needs real "
                "numbers: return a floating-point number or an array of them"
            )
    return np.stack(values) if lines.shape is None else values[0]


def _epsilon(f: Callable[[Any], Any], lines: Lines) -> float:
    """The rounding error of the coarsest dtype in f, which may cast."""
    at = _point(lines)
    try:
        program = jax.make_jaxpr(f)(at.ravel()[0] if lines.shape is None else at)
    except UNTRACEABLE as error:
        raise _untraceable(error) from error
    dtypes = [np.dtype(float), *float_dtypes(program)]
    return max(float(jnp.finfo(dtype).eps) for dtype in dtypes)


def _untraceable(error: Exception) -> InvalidInput:
    reason = str(error).partition("\n")[0]
    return InvalidInput(
        f"no difference can be propagated through f ({reason}): write f with "
        'jax.numpy in place of numpy and math, or use method="central"'
    )


def _agrees(compiled: Any, now: Any) -> bool:
    """Whether the compiled program still gives f's value, up to rounding."""
    compiled = np.asarray(compiled, float)
    now = np.asarray(now, float)
    near = 1e-5 if now.dtype == np.float32 else 1e-11
    return compiled.shape == now.shape and bool(
        (abs(compiled - now) <= near * abs(now).max(initial=0)).all()
    )


def _run(program: CompiledProgram, lines: Lines, side: int) -> tuple[Any, Floats]:
    """The value at the point, and the slopes along lines."""
    steps = side * PROPAGATED_STEP_RATIO * lines.initial_step
    try:
        value, slopes = program(_point(lines), lines.entries, lines.directions, steps)
    except UNTRACEABLE as error:
        raise _untraceable(error) from error
    return value, np.asarray(slopes, float).reshape(len(lines), -1)


def _program(f: Callable[[Any], Any], alone: bool, order: int) -> CompiledProgram:
    """A program for the value at a point and the slopes along lines."""

    def change(g: Callable[[Any], Any], dx: Any) -> Callable[[Any], Any]:
        return lambda at: difference(g)(at, dx)[1]

    def bytes_each(at: Any) -> int:
        start = jax.ShapeDtypeStruct((), at.dtype) if alone else at
        return order * change_bytes(jax.make_jaxpr(f)(start), start)

    def program(at: Any, entries: Any, d: Any, h: Any) -> Any:
        def along(entries: Any, d: Any, h: Any) -> Any:
            if alone:
                point, dx = at.ravel()[entries[0]], h * d[0]
            else:
                point, dx = at, displacement(at, entries, h * d)
            g = f
            for _ in range(order):
                g = change(g, dx)
            return g(point) / h**order

        value = jax.vmap(f)(at.ravel()) if alone else f(at)
        return value, map_in_blocks(along, (entries, d, h), bytes_each(at))

    count_program()
    if order == 1:
        return jax.jit(program)
    # A second difference has ten times the operations of a first one, and XLA's time to
    # fuse them grows faster: 51 s for erf's, 3.5 s without.
    compiled = jax.jit(program, compiler_options=quick_compilation())

    @cache
    def traced(shape: tuple[int, ...], moving: int, count: int) -> tuple[Any, int]:
        """The program for so many lines, None if it is compiled, and their number."""
        at = jax.ShapeDtypeStruct(shape, float)
        length = min(count, block_length(bytes_each(at)))
        row = jax.ShapeDtypeStruct((length,), float)
        d = jax.ShapeDtypeStruct((length, moving), float)
        entries = jax.ShapeDtypeStruct((length, moving), np.intp)
        found = compiled.trace(at, entries, d, row).jaxpr
        size = sum(1 for _ in iter_equations(found))
        return (found if size > MAX_COMPILED_EQUATIONS else None), length

    def program_by_size(at: Any, entries: Any, d: Any, h: Any) -> Any:
        long, length = traced(at.shape, d.shape[1], len(h))
        if long is None:
            return compiled(at, entries, d, h)
        return _by_operations(long, at, (entries, d, h), length)

    return program_by_size


def _by_operations(program: Any, at: Any, rows: Sequence[Any], length: int) -> Any:
    """The results of a program that is not compiled, for rows in blocks of a length."""
    count = len(rows[0])
    evaluate = core.jaxpr_as_fun(program)
    slopes: list[Any] = []
    value = None
    for start in range(0, count, length):
        # The last block repeats the last row.
        block = np.minimum(np.arange(start, start + length), count - 1)
        value, found = evaluate(at, *(jnp.asarray(row[block]) for row in rows))
        slopes.append(np.asarray(found))
    return value, np.concatenate(slopes)[:count]


_compiled = lru_cache(maxsize=32)(_program)
