"""Functions whose gradients are known, for any number of variables.

Rosenbrock's valley and problems of Moré, Garbow & Hillstrom (1981), "Testing
unconstrained optimization software", ACM Transactions on Mathematical Software 7(1),
17-41, written from their formulas: sums of squared residuals, each with its starting
point and with its gradient by hand. They work with the arrays of NumPy and of JAX.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from secant.arrays import namespace

Array = Any


@dataclass(frozen=True)
class Problem:
    """A function, its gradient, and where MGH start from, for n variables."""

    name: str
    f: Callable[[Array], Array]
    exact: Callable[[Array], Array]
    start: Callable[[int], np.ndarray]


def _rosenbrock(x: Array) -> Array:
    xp = namespace(x)
    return xp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def _rosenbrock_gradient(x: Array) -> Array:
    gradient = np.zeros_like(x)
    valley = x[1:] - x[:-1] ** 2
    gradient[:-1] = -400 * x[:-1] * valley - 2 * (1 - x[:-1])
    gradient[1:] += 200 * valley
    return gradient


def _powell(x: Array) -> Array:
    xp = namespace(x)
    a, b, c, d = x[0::4], x[1::4], x[2::4], x[3::4]
    return xp.sum(
        (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4
    )


def _powell_gradient(x: Array) -> Array:
    a, b, c, d = x[0::4], x[1::4], x[2::4], x[3::4]
    gradient = np.empty_like(x)
    gradient[0::4] = 2 * (a + 10 * b) + 40 * (a - d) ** 3
    gradient[1::4] = 20 * (a + 10 * b) + 4 * (b - 2 * c) ** 3
    gradient[2::4] = 10 * (c - d) - 8 * (b - 2 * c) ** 3
    gradient[3::4] = -10 * (c - d) - 40 * (a - d) ** 3
    return gradient


def _trigonometric(x: Array) -> Array:
    xp = namespace(x)
    i = np.arange(1, x.size + 1)
    cosines = xp.cos(x)
    residuals = x.size - xp.sum(cosines) + i * (1 - cosines) - xp.sin(x)
    return xp.sum(residuals**2)


def _trigonometric_gradient(x: Array) -> Array:
    i = np.arange(1, x.size + 1)
    r = x.size - np.cos(x).sum() + i * (1 - np.cos(x)) - np.sin(x)
    return 2 * (np.sin(x) * r.sum() + r * (i * np.sin(x) - np.cos(x)))


def _brown(x: Array) -> Array:
    xp = namespace(x)
    residuals = x[:-1] + xp.sum(x) - (x.size + 1)
    return xp.sum(residuals**2) + (xp.prod(x) - 1) ** 2


def _brown_gradient(x: Array) -> Array:
    r = x[:-1] + x.sum() - (x.size + 1)
    gradient = np.full_like(x, 2 * r.sum())
    gradient[:-1] += 2 * r
    product = np.prod(x)
    return gradient + 2 * (product - 1) * product / x


def _between(x: Array) -> tuple[Array, Array]:
    """The neighbours of each entry, 0 beyond the ends."""
    xp = namespace(x)
    zero = xp.zeros_like(x[:1])
    return xp.concatenate([zero, x[:-1]]), xp.concatenate([x[1:], zero])


def _boundary_residuals(x: Array) -> Array:
    h = 1 / (x.size + 1)
    t = h * np.arange(1, x.size + 1)
    before, after = _between(x)
    return 2 * x - before - after + h**2 * (x + t + 1) ** 3 / 2


def _boundary(x: Array) -> Array:
    return namespace(x).sum(_boundary_residuals(x) ** 2)


def _boundary_gradient(x: Array) -> Array:
    h = 1 / (x.size + 1)
    t = h * np.arange(1, x.size + 1)
    r = _boundary_residuals(x)
    before, after = _between(r)
    return 2 * (r * (2 + 1.5 * h**2 * (x + t + 1) ** 2) - before - after)


def _broyden_residuals(x: Array) -> Array:
    before, after = _between(x)
    return (3 - 2 * x) * x - before - 2 * after + 1


def _broyden(x: Array) -> Array:
    return namespace(x).sum(_broyden_residuals(x) ** 2)


def _broyden_gradient(x: Array) -> Array:
    r = _broyden_residuals(x)
    before, after = _between(r)
    return 2 * (r * (3 - 4 * x) - after - 2 * before)


def _variable(x: Array) -> Array:
    xp = namespace(x)
    weighted = xp.sum(np.arange(1, x.size + 1) * (x - 1))
    return xp.sum((x - 1) ** 2) + weighted**2 + weighted**4


def _variable_gradient(x: Array) -> Array:
    j = np.arange(1, x.size + 1)
    weighted = np.sum(j * (x - 1))
    return 2 * (x - 1) + (2 * weighted + 4 * weighted**3) * j


def _penalty(x: Array) -> Array:
    xp = namespace(x)
    return 1e-5 * xp.sum((x - 1) ** 2) + (xp.sum(x**2) - 0.25) ** 2


def _penalty_gradient(x: Array) -> Array:
    return 2e-5 * (x - 1) + 4 * (np.sum(x**2) - 0.25) * x


def _grid(n: int) -> np.ndarray:
    return np.arange(1, n + 1) / (n + 1)


ROSENBROCK = Problem(
    "Rosenbrock",
    _rosenbrock,
    _rosenbrock_gradient,
    lambda n: np.resize([-1.2, 1.0], n),
)

PROBLEMS = [
    ROSENBROCK,
    Problem(
        "Extended Powell singular",
        _powell,
        _powell_gradient,
        lambda n: np.resize([3.0, -1.0, 0.0, 1.0], n),
    ),
    Problem(
        "Trigonometric",
        _trigonometric,
        _trigonometric_gradient,
        lambda n: np.full(n, 1 / n),
    ),
    Problem("Brown almost-linear", _brown, _brown_gradient, lambda n: np.full(n, 0.5)),
    Problem(
        "Discrete boundary value",
        _boundary,
        _boundary_gradient,
        lambda n: _grid(n) * (_grid(n) - 1),
    ),
    Problem(
        "Broyden tridiagonal", _broyden, _broyden_gradient, lambda n: np.full(n, -1.0)
    ),
    Problem(
        "Variably dimensioned",
        _variable,
        _variable_gradient,
        lambda n: 1 - np.arange(1, n + 1) / n,
    ),
    Problem("Penalty I", _penalty, _penalty_gradient, lambda n: np.arange(1.0, n + 1)),
]
