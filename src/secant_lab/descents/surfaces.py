"""Surfaces: values, gradients and curvatures of a formula of two variables.

`secant.difference` propagates the differences through the formula, so that a gradient
loses no digits, however small the step.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from secant.propagation import central_slopes
from secant_lab.expressions import MAX_COMPILED, Expression, expression

VARIABLES = ("x0", "x1")

ALIASES = {"x": "x0", "y": "x1"}

# For a program on a few numbers, whose compilation takes longer than its run.
FAST_COMPILE = {"xla_backend_optimization_level": 0}

# The step of the second derivatives, which are differences of gradients: the gradients
# are exact, and their subtraction costs about five digits. It is a power of two, so
# that a parabola loses none.
_CURVATURE_STEP = 2.0**-17

# The number of points in one call, so that one compiled program serves any number.
_BLOCK = 9


class SurfaceSamples(NamedTuple):
    """A surface at some points."""

    values: np.ndarray
    """The values of f, (points,)."""
    gradients: np.ndarray
    """The gradients of f, (points, 2)."""
    hessians: np.ndarray
    """The second derivatives of f, (points, 2, 2)."""


def surface(formula: str) -> Expression:
    """The surface that a formula of `x0` and `x1` (or `x` and `y`) describes.

    Raises:
        ExpressionError: The formula is invalid.
    """
    return expression(formula, VARIABLES, ALIASES)


def value_and_gradient(
    f: Expression, x: jax.Array, h: float = 2.0**-27
) -> tuple[jax.Array, jax.Array]:
    """The value at `x`, (2,), and the central differences `(f(x+h) - f(x-h)) / 2h`."""
    gradient = central_slopes(lambda x: f(x[0], x[1]), x, jnp.arange(2), h)
    return f(x[0], x[1]), gradient


def sample_surface(f: Expression, points: np.ndarray) -> SurfaceSamples:
    """Values, gradients and second derivatives at points, (points, 2).

    The second derivatives are central differences of the gradients. They are not finite
    if f has no value nearby.

    Example:
        >>> seen = sample_surface(surface("x0**2 + 3*x0*x1"), np.array([[1.0, 2.0]]))
        >>> seen.values, seen.gradients
        (array([7.]), array([[8., 3.]]))
        >>> seen.hessians
        array([[[2., 3.],
                [3., 0.]]])
    """
    parts = [
        _sample_block(f, points[start : start + _BLOCK])
        for start in range(0, len(points), _BLOCK)
    ]
    return SurfaceSamples(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _sample_block(f: Expression, points: np.ndarray) -> SurfaceSamples:
    count = len(points)
    padded = np.concatenate([points, np.repeat(points[-1:], _BLOCK - count, 0)])
    # Floats at large coordinates are far apart: the step must be larger than that.
    apart = _CURVATURE_STEP * np.maximum(1, np.abs(padded).max(axis=1))
    along = apart[:, None, None] * np.concatenate([np.zeros((1, 2)), *_both_ways()])
    with jax.enable_x64(True), np.errstate(all="ignore"):
        values, gradients = map(np.asarray, _compiled(f)(padded[:, None] + along))
        second = (gradients[:, 1:3] - gradients[:, 3:]) / (2 * apart[:, None, None])
    hessians = (second + second.transpose(0, 2, 1)) / 2
    return SurfaceSamples(values[:count, 0], gradients[:count, 0], hessians[:count])


def _both_ways() -> tuple[np.ndarray, np.ndarray]:
    return np.eye(2), -np.eye(2)


@lru_cache(maxsize=MAX_COMPILED)
def _compiled(f: Expression) -> Callable[[Any], tuple[jax.Array, jax.Array]]:
    def look(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        return value_and_gradient(f, x)

    return jax.jit(jax.vmap(jax.vmap(look)), compiler_options=FAST_COMPILE)
