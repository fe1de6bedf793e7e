"""Derivatives beside those of SciPy, numdifftools, statsmodels and JAX.

    python benchmarks/derivatives.py [--repeats 5] [--largest 1000]

Gradients of Rosenbrock's valley and of problems of Moré, Garbow & Hillstrom, and
derivatives of elementary functions at 100 places one by one. For each contender, in
turn, the median time of several calls, the evaluations of f, and the largest error in
proportion to the largest entry of the gradient. What compiles does so before the clock.
Two Markdown tables.
"""

import argparse
import warnings
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numdifftools
import numpy as np
from problems import PROBLEMS, ROSENBROCK, Problem
from scipy import differentiate
from scipy.optimize._numdiff import approx_derivative
from statsmodels.tools import numdiff

import secant

Compute = Callable[[Callable[..., Any], np.ndarray], Any]
JITTED: dict[Any, Any] = {}


def scipy_jacobian(f: Callable[..., Any], x: np.ndarray) -> np.ndarray:
    """`scipy.differentiate` hands over points in columns, many at once."""

    def columns(points: np.ndarray) -> np.ndarray:
        flat = points.reshape(points.shape[0], -1)
        return np.array([f(column) for column in flat.T]).reshape(points.shape[1:])

    return differentiate.jacobian(columns, x).df


def jax_grad(f: Callable[..., Any], x: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        if f not in JITTED:
            JITTED[f] = jax.jit(jax.grad(f))
        return np.asarray(JITTED[f](jnp.asarray(x)))


GRADIENTS: dict[str, Compute] = {
    "secant `central`": lambda f, x: secant.gradient(f, x).value,
    "secant `forward`": lambda f, x: secant.gradient(f, x, method="forward").value,
    "secant `complex`": lambda f, x: secant.gradient(f, x, method="complex").value,
    "secant `difference`": lambda f, x: (
        secant.gradient(f, x, method="difference").value
    ),
    "numdifftools `Gradient`": lambda f, x: numdifftools.Gradient(f)(x),
    "`scipy.differentiate.jacobian`": scipy_jacobian,
    "`approx_derivative`, 2-point": lambda f, x: approx_derivative(
        f, x, method="2-point"
    ),
    "`approx_derivative`, 3-point": lambda f, x: approx_derivative(f, x),
    "statsmodels `approx_fprime`, centered": lambda f, x: numdiff.approx_fprime(
        x, f, centered=True
    ),
    "statsmodels `approx_fprime_cs`": lambda f, x: numdiff.approx_fprime_cs(x, f),
    "`jax.grad`, compiled": jax_grad,
}
TRACED = ("secant `difference`", "`jax.grad`, compiled")

ELEMENTARY = [
    (np.exp, np.exp),
    (np.sin, np.cos),
    (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    (np.arctan, lambda x: 1 / (1 + x * x)),
    (np.log1p, lambda x: 1 / (1 + x)),
    (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
]
DERIVATIVES: dict[str, Compute] = {
    "secant `central`": lambda f, x: secant.derivative(f, x).value,
    "secant `central`, vectorized": lambda f, x: (
        secant.derivative(f, x, vectorized=True).value
    ),
    "secant `complex`": lambda f, x: secant.derivative(f, x, method="complex").value,
    "numdifftools `Derivative`": lambda f, x: np.array(
        [numdifftools.Derivative(f)(one) for one in x]
    ),
    "`scipy.differentiate.derivative`": lambda f, x: differentiate.derivative(f, x).df,
    "`approx_derivative`, 3-point": lambda f, x: np.array(
        [approx_derivative(f, one)[0] for one in x]
    ),
}


def counted(f: Callable[..., Any]) -> tuple[Callable[..., Any], list[int]]:
    """f, and how many points it was given."""
    count = [0]

    def g(x: Any) -> Any:
        count[0] += 1
        return f(x)

    return g, count


def measure(
    contenders: dict[str, Compute],
    f: Callable[..., Any],
    x: np.ndarray,
    exact: np.ndarray,
    repeats: int,
) -> list[tuple[str, float, float, str]]:
    """For each contender milliseconds, error and evaluations."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    errors, calls = {}, {}
    for name, compute in contenders.items():
        if name in TRACED:
            found, calls[name] = compute(f, x), "–"
        else:
            g, count = counted(f)
            found = compute(g, x)
            calls[name] = f"{count[0]:,}"
        scale = abs(exact).max()
        errors[name] = float(abs(np.ravel(found) - exact).max() / scale)
    for _ in range(repeats):
        for name, compute in contenders.items():
            start = perf_counter()
            compute(f, x)
            times[name].append(1e3 * (perf_counter() - start))
    return [
        (name, median(times[name]), errors[name], calls[name]) for name in contenders
    ]


def cases(largest: int) -> list[tuple[Problem, int]]:
    sizes = [n for n in (10, 100, 1000) if n <= largest]
    others = [problem for problem in PROBLEMS if problem is not ROSENBROCK]
    return [(ROSENBROCK, n) for n in sizes] + [
        (problem, n) for problem in others for n in sizes[1:] or sizes
    ]


def head(contenders: dict[str, Compute]) -> None:
    print("\n| ms / evaluations / error | " + " | ".join(contenders) + " |")
    print("|---|" + "---|" * len(contenders))


def show(title: str, rows: list[tuple[str, float, float, str]]) -> None:
    cells = [f"{ms:,.1f} / {calls} / {error:.0e}" for _, ms, error, calls in rows]
    print(f"| {title} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--largest", type=int, default=1000)
    options = parser.parse_args()
    # Peers warn of what they overflow in; the errors show it.
    warnings.simplefilter("ignore")
    draw = np.random.default_rng(0)
    head(GRADIENTS)
    for problem, n in cases(options.largest):
        # Away from the start, where many problems have all coordinates alike.
        x = problem.start(n) * (1 + 0.1 * draw.standard_normal(n))
        exact = problem.exact(x.astype(np.longdouble)).astype(float)
        rows = measure(GRADIENTS, problem.f, x, exact, options.repeats)
        show(f"{problem.name}, {n:,}", rows)
    head(DERIVATIVES)
    x = 10 ** draw.uniform(-2, 1, 100)
    for f, slope in ELEMENTARY:
        exact = slope(x.astype(np.longdouble)).astype(float)
        rows = measure(DERIVATIVES, f, x, exact, options.repeats)
        show(f"{f.__name__}, 100 points", rows)


if __name__ == "__main__":
    main()
