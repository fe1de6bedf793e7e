"""The room of slopes: a curve, the secant and the tangent at a point, and their gap."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from secant import difference
from secant_lab.expressions import Expression, expression
from secant_lab.localized_error import LocalizedError

SAMPLES = 401
"""Points of a curve."""

STEPS = 10.0 ** -np.arange(0, 16.25, 0.25)
"""The steps whose errors are drawn, from 1 to 1e-16."""

KINDS = ("central", "forward")

# A program for a few numbers: it is waited for while it is compiled, not while it runs.
_HASTY = {"xla_backend_optimization_level": 0}

_FURTHEST = 1e6
_NEAR = 1e-20


def curve(formula: str, low: float, high: float) -> dict[str, Any]:
    """The curve between two places.

    Args:
        formula: Of `x`, as `expression` reads it.
        low: Where it begins.
        high: Where it ends.

    Returns:
        `x` and `y`, lists; None in `y` where there is no finite value.

    Raises:
        LocalizedError: The formula cannot be read, or `low` is not below `high`.

    Example:
        >>> drawn = curve("x**2", -1, 1)
        >>> drawn["x"][0], drawn["y"][0]
        (-1.0, 1.0)
    """
    f = expression(formula)
    if not -_FURTHEST <= low < high <= _FURTHEST:
        raise LocalizedError(
            "range",
            f"the curve is to go from {low:g} to {high:g}: let low be less than high, "
            "and both lie within a million",
            low=f"{low:g}",
            high=f"{high:g}",
        )
    x = np.linspace(low, high, SAMPLES)
    return {"x": _plain(x), "y": _plain(f(x))}


def point(formula: str, x: float, h: float, kind: str = "central") -> dict[str, Any]:
    """The secant and the tangent at a point, and the error of the slope for every h.

        central: (f(x + h) - f(x - h)) / 2h      forward: (f(x + h) - f(x)) / h

    Four ways to the secant's slope: plain subtraction and differences carried
    (`secant.difference`), in float32 and in float64. All start from the same point,
    `x` rounded to float32. The tangent's slope is the differences' limit, `jax.jvp`
    in float64.

    Args:
        formula: Of `x`.
        x: The point.
        h: The step: more than 0.
        kind: `"central"` or `"forward"`.

    Returns:
        `x`, `y`; `secant`: its two points and its slope; `tangent`: its slope, or
        None with the slopes on the `left` and on the `right` where they differ;
        `steps` and `ways`: for each way its name, its slope and error at `h`, and its
        errors at all steps. None stands for what is not finite, or has no tangent to
        be compared with.

    Raises:
        LocalizedError: An argument that cannot be worked with.

    Example:
        >>> found = point("x**2", 3.0, 0.5, "forward")
        >>> found["secant"]["slope"], found["tangent"]["slope"]
        (6.5, 6.0)
    """
    f = expression(formula)
    if not abs(x) <= _FURTHEST:
        raise LocalizedError(
            "x", f"x is {x:g}: let it lie within a million", x=f"{x:g}"
        )
    if not 1e-30 <= h <= _FURTHEST:
        raise LocalizedError(
            "h", f"h is {h:g}: let it lie between 1e-30 and a million", h=f"{h:g}"
        )
    if kind not in KINDS:
        raise LocalizedError(
            "secant", f'kind is {kind!r}: write "central" or "forward"', came=kind
        )
    x = float(np.float32(x))
    # The chosen step, those of the picture, and one to see each side's own slope.
    steps = np.concatenate([[h], STEPS, [_NEAR]])
    slopes: dict[tuple[str, str], np.ndarray] = {}
    for dtype in ("float32", "float64"):
        ahead, behind = _propagated(f, x, steps, dtype)
        slopes["subtracted", dtype] = _subtracted(f, x, steps, kind, dtype)
        with np.errstate(all="ignore"):
            slopes["propagated", dtype] = (
                (ahead - behind) / (2 * steps) if kind == "central" else ahead / steps
            )
    tangent = _tangent(f, x, left=-behind[-1] / _NEAR, right=ahead[-1] / _NEAR)
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
            # The best of the four: no digit of it is lost.
            "slope": ways[-1]["slope"],
        },
        "tangent": tangent,
        "steps": _plain(STEPS),
        "ways": ways,
    }


def _subtracted(
    f: Expression, x: float, steps: np.ndarray, kind: str, dtype: str
) -> np.ndarray:
    """The slopes as they stand in a textbook."""
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


@lru_cache(maxsize=64)
def _compiled(f: Expression) -> Callable[..., tuple[jax.Array, jax.Array]]:
    # Compiled whole: one by one, a formula's operations take ten times as long.
    change = difference(f)
    return jax.jit(
        lambda x, h: (change(x, h)[1], change(x, -h)[1]), compiler_options=_HASTY
    )


@lru_cache(maxsize=64)
def _compiled_tangent(f: Expression) -> Callable[[Any], jax.Array]:
    return jax.jit(
        lambda x: jax.jvp(f, (x,), (jnp.ones_like(x),))[1], compiler_options=_HASTY
    )


def _tangent(f: Expression, x: float, *, left: float, right: float) -> dict[str, Any]:
    """Its slope; where left and right of `x` differ there is none."""
    with jax.enable_x64(True):
        slope = float(_compiled_tangent(f)(jnp.float64(x)))
    # NaN and inf are not near anything.
    smooth = abs(left - right) <= 1e-9 * (1 + abs(left) + abs(right)) < np.inf
    known = _plain(np.array([slope if smooth else np.nan, left, right]))
    return dict(zip(("slope", "left", "right"), known, strict=True))


def _plain(values: np.ndarray) -> list[float | None]:
    """As JSON holds it: it knows neither inf nor NaN."""
    finite = np.isfinite(values)
    return [
        float(value) if fine else None
        for value, fine in zip(values, finite, strict=True)
    ]
