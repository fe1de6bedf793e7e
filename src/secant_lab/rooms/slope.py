"""The room of slopes: a curve with secant and tangent, and the errors of the slope."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from secant import difference
from secant_lab.expressions import MAX_COMPILED, Expression, expression
from secant_lab.localized_error import LocalizedError

SAMPLES = 401
"""The number of points of a curve."""

STEPS = 10.0 ** -np.arange(0, 16.25, 0.25)
"""The steps of the error chart, from 1 to 1e-16."""

KINDS = ("central", "forward")

# For a program on a few numbers, whose compilation takes longer than its run.
_FAST_COMPILE = {"xla_backend_optimization_level": 0}

_MAX_COORDINATE = 1e6
_TINY_STEP = 1e-20


def curve(formula: str, low: float, high: float) -> dict[str, Any]:
    """The curve between two values of x.

    Args:
        formula: A formula of `x`, as `expression` parses it.
        low: The lowest x.
        high: The highest x.

    Returns:
        `x` and `y`: lists; None in `y` stands for a value that is not finite.

    Raises:
        LocalizedError: The formula is invalid, or `low` is not below `high`.

    Example:
        >>> drawn = curve("x**2", -1, 1)
        >>> drawn["x"][0], drawn["y"][0]
        (-1.0, 1.0)
    """
    f = expression(formula)
    if not -_MAX_COORDINATE <= low < high <= _MAX_COORDINATE:
        raise LocalizedError(
            "range",
            f"the curve goes from {low:g} to {high:g}: pass a low less than high, both "
            "between -1 million and 1 million",
            low=f"{low:g}",
            high=f"{high:g}",
        )
    x = np.linspace(low, high, SAMPLES)
    return {"x": _plain(x), "y": _plain(f(x))}


def point(formula: str, x: float, h: float, kind: str = "central") -> dict[str, Any]:
    """The secant and the tangent at a point, and the error of the slope for every h.

        central: (f(x + h) - f(x - h)) / 2h      forward: (f(x + h) - f(x)) / h

    There are four ways to compute the secant's slope: by subtraction and by difference
    propagation (`secant.difference`), in float32 and in float64. All use the same
    point, `x` rounded to float32. The tangent's slope is `jax.jvp` in float64.

    Args:
        formula: A formula of `x`.
        x: The point.
        h: The step, above 0.
        kind: `"central"` or `"forward"`.

    Returns:
        `x`, `y`; `secant`: its two points and its slope; `tangent`: its slope, or None
        if the slopes on the `left` and on the `right` differ; `steps`; `ways`: for each
        way its name, its slope and error at `h`, and its errors at all steps. None
        stands for a number that is not finite, and for an error without a tangent.

    Raises:
        LocalizedError: An argument is invalid.

    Example:
        >>> found = point("x**2", 3.0, 0.5, "forward")
        >>> found["secant"]["slope"], found["tangent"]["slope"]
        (6.5, 6.0)
    """
    f = expression(formula)
    if not abs(x) <= _MAX_COORDINATE:
        raise LocalizedError(
            "x",
            f"x is {x:g}: pass a number between -1 million and 1 million",
            x=f"{x:g}",
        )
    if not 1e-30 <= h <= _MAX_COORDINATE:
        raise LocalizedError(
            "h", f"h is {h:g}: pass a number between 1e-30 and 1 million", h=f"{h:g}"
        )
    if kind not in KINDS:
        raise LocalizedError(
            "secant", f'kind is {kind!r}: write "central" or "forward"', came=kind
        )
    x = float(np.float32(x))
    # The chosen step, those of the chart, and a tiny one for the slope of each side.
    steps = np.concatenate([[h], STEPS, [_TINY_STEP]])
    slopes: dict[tuple[str, str], np.ndarray] = {}
    for dtype in ("float32", "float64"):
        ahead, behind = _propagated(f, x, steps, dtype)
        slopes["subtracted", dtype] = _subtracted(f, x, steps, kind, dtype)
        with np.errstate(all="ignore"):
            slopes["propagated", dtype] = (
                (ahead - behind) / (2 * steps) if kind == "central" else ahead / steps
            )
    tangent = _tangent(
        f, x, left=-behind[-1] / _TINY_STEP, right=ahead[-1] / _TINY_STEP
    )
    truth = np.nan if tangent["slope"] is None else tangent["slope"]
    ways = []
    for (how, dtype), found in slopes.items():
        with np.errstate(invalid="ignore"):
            errors = _plain(np.abs(found - truth))
        ways.append(
            {
                "how": how,
                "dtype": dtype,
                "slope": _plain(found)[0],
                "error": errors[0],
                "errors": errors[1:-1],
            }
        )
    start, end = (x - h if kind == "central" else x), x + h
    y, y_start, y_end = _plain(f(np.array([x, start, end])))
    return {
        "x": x,
        "y": y,
        "secant": {
            "x": [start, end],
            "y": [y_start, y_end],
            # Difference propagation in float64, the most accurate of the four.
            "slope": ways[-1]["slope"],
        },
        "tangent": tangent,
        "steps": _plain(STEPS),
        "ways": ways,
    }


def _subtracted(
    f: Expression, x: float, steps: np.ndarray, kind: str, dtype: str
) -> np.ndarray:
    """The slopes by subtraction, as in a textbook."""
    at, h = np.full(len(steps), x, dtype), steps.astype(dtype)
    with np.errstate(all="ignore"):
        slopes = (
            (f(at + h) - f(at - h)) / (2 * h)
            if kind == "central"
            else (f(at + h) - f(at)) / h
        )
    return slopes.astype(float)


def _propagated(
    f: Expression, x: float, steps: np.ndarray, dtype: str
) -> tuple[np.ndarray, np.ndarray]:
    """f(x + h) - f(x) and f(x - h) - f(x), propagated through the formula."""
    with jax.enable_x64(dtype == "float64"):
        at = jnp.full(len(steps), x, dtype)
        ahead, behind = _compiled(f)(at, jnp.asarray(steps, dtype))
        return np.asarray(ahead, float), np.asarray(behind, float)


@lru_cache(maxsize=MAX_COMPILED)
def _compiled(f: Expression) -> Callable[..., tuple[jax.Array, jax.Array]]:
    # Compiled as a whole: one by one, the operations take ten times as long.
    change = difference(f)
    return jax.jit(
        lambda x, h: (change(x, h)[1], change(x, -h)[1]), compiler_options=_FAST_COMPILE
    )


@lru_cache(maxsize=MAX_COMPILED)
def _compiled_tangent(f: Expression) -> Callable[[Any], jax.Array]:
    return jax.jit(
        lambda x: jax.jvp(f, (x,), (jnp.ones_like(x),))[1],
        compiler_options=_FAST_COMPILE,
    )


def _tangent(f: Expression, x: float, *, left: float, right: float) -> dict[str, Any]:
    """The tangent's slope; None if the slopes left and right of `x` differ."""
    with jax.enable_x64(True):
        slope = float(_compiled_tangent(f)(jnp.float64(x)))
    # The comparison is false for NaN and inf.
    with np.errstate(invalid="ignore"):
        apart = abs(left - right)
    smooth = apart <= 1e-9 * (1 + abs(left) + abs(right)) < np.inf
    known = _plain(np.array([slope if smooth else np.nan, left, right]))
    return dict(zip(("slope", "left", "right"), known, strict=True))


def _plain(values: np.ndarray) -> list[float | None]:
    """The values as JSON, which has neither inf nor NaN."""
    finite = np.isfinite(values)
    return [
        float(value) if fine else None
        for value, fine in zip(values, finite, strict=True)
    ]
