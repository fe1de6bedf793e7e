"""Surfaces that descents go down: values, gradients and curvatures of a formula.

Differences are carried through the formula (`secant.difference`), so that no gradient
loses digits, however small the nudge.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from secant.propagation import central_slopes
from secant_lab.expressions import Expression, expression

VARIABLES = ("x0", "x1")

ALIASES = {"x": "x0", "y": "x1"}

# A program for a few numbers: it is waited for while it is compiled, not while it runs.
HASTY = {"xla_backend_optimization_level": 0}

# Half the distance of the points whose gradients tell the curvature: the gradients
# have all their digits, and lose about five to the subtraction. Powers of two, so that
# no digit is lost where f is a parabola.
_APART = 2.0**-17

# Points whose curvature is found at once: one compiled program for any number.
_TOGETHER = 9


class Views(NamedTuple):
    """What a surface is like at points."""

    values: np.ndarray
    """f, (points,)."""
    gradients: np.ndarray
    """Its gradients, (points, 2)."""
    hessians: np.ndarray
    """Its second derivatives, (points, 2, 2)."""


def surface(formula: str) -> Expression:
    """The surface that a formula of `x0` and `x1` (or `x` and `y`) describes.

    Raises:
        ExpressionError: The formula cannot be read.
    """
    return expression(formula, VARIABLES, ALIASES)


def value_and_gradient(
    f: Expression, x: jax.Array, nudge: float = 2.0**-27
) -> tuple[jax.Array, jax.Array]:
    """The value at `x`, (2,), and the central differences `(f(x+h) - f(x-h)) / 2h`."""
    gradient = central_slopes(lambda x: f(x[0], x[1]), x, jnp.arange(2), nudge)
    return f(x[0], x[1]), gradient


def views(f: Expression, points: np.ndarray) -> Views:
    """Value, gradient and curvature at points, (points, 2).

    The second derivatives are central differences of the gradients; not finite where
    f has no value nearby.

    Example:
        >>> seen = views(surface("x0**2 + 3*x0*x1"), np.array([[1.0, 2.0]]))
        >>> seen.values, seen.gradients
        (array([7.]), array([[8., 3.]]))
        >>> seen.hessians
        array([[[2., 3.],
                [3., 0.]]])
    """
    parts = [
        _views(f, points[start : start + _TOGETHER])
        for start in range(0, len(points), _TOGETHER)
    ]
    return Views(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _views(f: Expression, points: np.ndarray) -> Views:
    count = len(points)
    padded = np.concatenate([points, np.repeat(points[-1:], _TOGETHER - count, 0)])
    # Large coordinates are far apart: the nudge is to be seen there, too.
    apart = _APART * np.maximum(1, np.abs(padded).max(axis=1))
    along = apart[:, None, None] * np.concatenate([np.zeros((1, 2)), *_both_ways()])
    with jax.enable_x64(True), np.errstate(all="ignore"):
        values, gradients = map(np.asarray, _compiled(f)(padded[:, None] + along))
        second = (gradients[:, 1:3] - gradients[:, 3:]) / (2 * apart[:, None, None])
    hessians = (second + second.transpose(0, 2, 1)) / 2
    return Views(values[:count, 0], gradients[:count, 0], hessians[:count])


def _both_ways() -> tuple[np.ndarray, np.ndarray]:
    return np.eye(2), -np.eye(2)


@lru_cache(maxsize=64)
def _compiled(f: Expression) -> Callable[[Any], tuple[jax.Array, jax.Array]]:
    def look(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        return value_and_gradient(f, x)

    return jax.jit(jax.vmap(jax.vmap(look)), compiler_options=HASTY)
