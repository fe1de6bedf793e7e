"""The room of slopes: a curve, the secant and the tangent at a point, and their gap."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from secant import propagation
from secant.errors import InvalidInput
from secant.lab.expressions import Expression, expression

SAMPLES = 401
"""Points of a curve."""

STEPS = 10.0 ** -np.arange(0, 16.25, 0.25)
"""The steps whose errors are drawn, from 1 to 1e-16."""

KINDS = ("central", "forward")

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
        InvalidInput: The formula cannot be read, or `low` is not below `high`.

    Example:
        >>> drawn = curve("x**2", -1, 1)
        >>> drawn["x"][0], drawn["y"][0]
        (-1.0, 1.0)
    """
    f = expression(formula)
    if not -_FURTHEST <= low < high <= _FURTHEST:
        raise InvalidInput(
            f"the curve is to go from {low:g} to {high:g}: let low be less than high, "
            "and both lie within a million"
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
        InvalidInput: An argument that cannot be worked with.

    Example:
        >>> found = point("x**2", 3.0, 0.5, "forward")
        >>> found["secant"]["slope"], found["tangent"]["slope"]
        (6.5, 6.0)
    """
    f = expression(formula)
    if not abs(x) <= _FURTHEST:
        raise InvalidInput(f"x is {x:g}: let it lie within a million")
    if not 1e-30 <= h <= _FURTHEST:
        raise InvalidInput(f"h is {h:g}: let it lie between 1e-30 and a million")
    if kind not in KINDS:
        raise InvalidInput(f'kind is {kind!r}: write "central" or "forward"')
    x = float(np.float32(x))
    start, end = (x - h if kind == "central" else x), x + h
    # The chosen step goes first, so that one run answers for it, too.
    steps = np.concatenate([[h], STEPS])
    tangent = _tangent(f, x)
    ways = []
    for dtype in ("float32", "float64"):
        for how, slopes_of in (("subtracted", _subtracted), ("carried", _carried)):
            slopes = slopes_of(f, x, steps, kind, dtype)
            errors = (
                np.full(len(steps), np.nan)
                if tangent["slope"] is None
                else np.abs(slopes - tangent["slope"])
            )
            ways.append(
                {
                    "how": how,
                    "dtype": dtype,
                    "slope": _plain(slopes)[0],
                    "error": _plain(errors)[0],
                    "errors": _plain(errors)[1:],
                }
            )
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
    """The slope as it stands in a textbook."""
    at, h = np.full(len(steps), x, dtype), steps.astype(dtype)
    with np.errstate(all="ignore"):
        slopes = (
            (f(at + h) - f(at - h)) / (2 * h)
            if kind == "central"
            else (f(at + h) - f(at)) / h
        )
    return slopes.astype(float)


def _carried(
    f: Expression, x: float, steps: np.ndarray, kind: str, dtype: str
) -> np.ndarray:
    """The same slope, whose difference is carried through the formula."""
    with jax.enable_x64(dtype == "float64"):
        at = jnp.full(len(steps), x, dtype)
        h: Any = jnp.asarray(steps, dtype)
        slopes = (
            propagation.slope(f, at, jnp.ones_like(at), h)
            if kind == "central"
            else propagation.difference(f)(at, h)[1] / h
        )
        return np.asarray(slopes, float)


def _tangent(f: Callable[[Any], Any], x: float) -> dict[str, Any]:
    """Its slope; where left and right of `x` differ, both, and none in the middle."""
    with jax.enable_x64(True):
        at = jnp.float64(x)
        sides = jnp.asarray([-_NEAR, _NEAR])
        changes = propagation.difference(f)(jnp.full(2, at), sides)[1]
        left, right = _plain(np.asarray(changes / sides))
        slope = _plain(np.asarray([jax.jvp(f, (at,), (jnp.ones_like(at),))[1]]))[0]
    smooth = (
        left is not None
        and right is not None
        and abs(left - right) <= 1e-9 * (1 + abs(left) + abs(right))
    )
    return {"slope": slope if smooth else None, "left": left, "right": right}


def _plain(values: np.ndarray) -> list[float | None]:
    """As JSON holds it: it knows neither inf nor NaN."""
    finite = np.isfinite(values)
    return [
        float(value) if fine else None
        for value, fine in zip(values, finite, strict=True)
    ]
