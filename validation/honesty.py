"""How often the error that comes with a derivative holds: |value - true| ≤ error.

    python validation/honesty.py [--draws 40]

Elementary functions at random places and scales, the same with noise, rounded values,
kinks near by, and gradients of the problems of Moré, Garbow & Hillstrom; seeded. Prints
the table that stands in docs/derivatives.md.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from sys import path

import mpmath
import numpy as np

import secant

path.append(str(Path(__file__).parents[1] / "benchmarks"))

MP = mpmath.mp
MP.dps = 40


@dataclass(frozen=True)
class Elementary:
    """A function, the same in mpmath, and where it is defined."""

    name: str
    f: Callable
    exact: Callable
    lowest: float = -np.inf


def _special() -> list[Elementary]:
    from scipy import special

    return [
        Elementary("gamma", special.gamma, mpmath.gamma, 0.1),
        Elementary("log-gamma", special.gammaln, mpmath.loggamma, 0.01),
        Elementary("erf", special.erf, mpmath.erf),
        Elementary(
            "normal density",
            lambda x: np.exp(-x * x / 2) / np.sqrt(2 * np.pi),
            lambda x: mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi),
        ),
    ]


ELEMENTARY = [
    Elementary("exp", np.exp, mpmath.exp),
    Elementary("expm1", np.expm1, mpmath.expm1),
    Elementary("sin", np.sin, mpmath.sin),
    Elementary("cos", np.cos, mpmath.cos),
    Elementary("tan", np.tan, mpmath.tan),
    Elementary("sinh", np.sinh, mpmath.sinh),
    Elementary("tanh", np.tanh, mpmath.tanh),
    Elementary("atan", np.arctan, mpmath.atan),
    Elementary("asinh", np.arcsinh, mpmath.asinh),
    Elementary("log", np.log, mpmath.log, 0),
    Elementary("log1p", np.log1p, lambda x: mpmath.log(1 + x), -1),
    Elementary("sqrt", np.sqrt, mpmath.sqrt, 0),
    Elementary("x^1.5", lambda x: x**1.5, lambda x: x ** mpmath.mpf("1.5"), 0),
    Elementary("1/x", lambda x: 1 / x, lambda x: 1 / x, 0),
    Elementary("x³ - x", lambda x: x**3 - x, lambda x: x**3 - x),
    Elementary(
        "x exp(-x²)", lambda x: x * np.exp(-x * x), lambda x: x * mpmath.exp(-x * x)
    ),
    Elementary("Runge", lambda x: 1 / (1 + 25 * x * x), lambda x: 1 / (1 + 25 * x * x)),
    Elementary("sin 50x", lambda x: np.sin(50 * x), lambda x: mpmath.sin(50 * x)),
    Elementary(
        "exp(sin x) / (1 + x²)",
        lambda x: np.exp(np.sin(x)) / (1 + x * x),
        lambda x: mpmath.exp(mpmath.sin(x)) / (1 + x * x),
    ),
    Elementary(
        "sigmoid", lambda x: 1 / (1 + np.exp(-x)), lambda x: 1 / (1 + mpmath.exp(-x))
    ),
    *_special(),
]


def cases(draws: int, seed: int = 0) -> Iterator[tuple[Elementary, float]]:
    """Functions and places, from 0.001 to 1,000 in size, where f is finite."""
    draw = np.random.default_rng(seed)
    for case in ELEMENTARY:
        for i in range(draws):
            size = 10 ** draw.uniform(-3, 3 if i % 2 else 1)
            x = float(size if case.lowest > -np.inf or draw.random() < 0.5 else -size)
            x = max(x, case.lowest + 1e-3)
            with np.errstate(over="ignore"):
                fine = np.isfinite(case.f(4 * x)) and abs(case.f(x)) < 1e100
            yield case, x if fine else x / 100


def true_derivative(case: Elementary, x: float, order: int) -> float:
    """To far more digits than a float has."""
    h = mpmath.mpf(10) ** -10 * max(abs(x), 1)
    return float(mpmath.diff(case.exact, mpmath.mpf(x), order, h=h))


def elementary(draws: int, order: int, **options) -> tuple[np.ndarray, np.ndarray]:
    """True errors and estimated ones."""
    true, told = [], []
    for case, x in cases(draws):
        result = secant.derivative(case.f, x, order=order, **options)
        true.append(abs(result.value - true_derivative(case, x, order)))
        told.append(result.error)
    return np.array(true), np.array(told)


def noisy(draws: int, level: float, **options) -> tuple[np.ndarray, np.ndarray]:
    """The same with Gaussian noise, relative to max(1, |f|)."""
    true, told = [], []
    draw = np.random.default_rng(1)
    for case, x in cases(draws, seed=1):
        sigma = level * max(1.0, abs(float(case.f(x))))

        def f(x, case=case, sigma=sigma):
            return case.f(x) + sigma * draw.standard_normal()

        if "noise" in options and options["noise"] == "known":
            result = secant.derivative(f, x, **{**options, "noise": sigma})
        else:
            result = secant.derivative(f, x, **options)
        true.append(abs(result.value - true_derivative(case, x, 1)))
        told.append(result.error)
    return np.array(true), np.array(told)


def coarse(
    draws: int, rounding: Callable[[float], float], **options
) -> tuple[np.ndarray, np.ndarray]:
    """With values that are rounded: to float32, decimals, digits, whole numbers."""
    true, told = [], []
    for case, x in cases(draws, seed=5):
        if abs(case.f(x)) > 1e30:  # beyond float32
            continue

        def f(x, case=case):
            value = case.f(x)
            return rounding(value) if np.isreal(value) else np.nan

        result = secant.derivative(f, x, **options)
        true.append(abs(result.value - true_derivative(case, x, 1)))
        told.append(result.error)
    return np.array(true), np.array(told)


def coarse_point(draws: int, **options) -> tuple[np.ndarray, np.ndarray]:
    """With x read in steps of 1/1000."""
    true, told = [], []
    for case, x in cases(draws, seed=5):
        result = secant.derivative(lambda x, f=case.f: f(round(x, 3)), x, **options)
        true.append(abs(result.value - true_derivative(case, x, 1)))
        told.append(result.error)
    return np.array(true), np.array(told)


COARSE = {
    "float32": np.float32,
    **{
        f"{d} decimal{'s' * (d > 1)}": partial(round, ndigits=d)
        for d in (1, 2, 3, 4, 6, 8)
    },
    **{
        f"{d} digits": lambda value, d=d: float(f"{value:.{d}g}")
        for d in (3, 4, 6, 7, 8)
    },
    "floor of 1,000 f": lambda value: np.floor(1000 * value) / 1000,
}


def kinked(draws: int, **options) -> tuple[np.ndarray, np.ndarray]:
    """With a kink at a distance of 1e-9 to 1 of the scale of x."""
    true, told = [], []
    draw = np.random.default_rng(2)
    for case, x in cases(draws, seed=2):
        away = float(10 ** draw.uniform(-9, 0) * min(abs(x), 1) * draw.choice([-1, 1]))
        slope = float(draw.uniform(0.1, 10))

        def f(y, case=case, at=x + away, slope=slope):
            return case.f(y) + slope * abs(y - at)

        result = secant.derivative(f, x, **options)
        exact = true_derivative(case, x, 1) + slope * np.sign(x - (x + away))
        true.append(abs(result.value - exact))
        told.append(result.error)
    return np.array(true), np.array(told)


def cancelling(draws: int) -> tuple[np.ndarray, np.ndarray]:
    """By the complex step, beside the sine of x times up to 1e10, which cancels."""
    true, told = [], []
    draw = np.random.default_rng(5)
    for case, x in cases(draws):
        size, exact = 10 ** draw.uniform(2, 10), true_derivative(case, x, 1)
        # Log-gamma takes no complex numbers. A slope below the rounding is lost in f.
        if case.name == "log-gamma" or abs(exact) < 1e-13 * size:
            continue

        def f(x, case=case, size=size):
            return (size * np.sin(x) + case.f(x)) - size * np.sin(x)

        result = secant.derivative(f, x, method="complex")
        true.append(abs(result.value - exact))
        told.append(result.error)
    return np.array(true), np.array(told)


def gradients(**options) -> tuple[np.ndarray, np.ndarray]:
    """Of the problems of Moré, Garbow & Hillstrom, at their starts and near by."""
    from problems import PROBLEMS

    true, told = [], []
    draw = np.random.default_rng(3)
    for problem in PROBLEMS:
        start = problem.start(20)
        for spread in (0, 0.1, 0.5):
            x = start + spread * draw.standard_normal(start.shape)
            result = secant.gradient(problem.f, x, **options)
            true.append(abs(result.value - problem.exact(x.astype(np.longdouble))))
            told.append(result.error)
    return np.concatenate(true), np.concatenate(told)


def row(name: str, true: np.ndarray, told: np.ndarray) -> str:
    """One row of the table."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(told > 0, true / told, np.where(true > 0, np.inf, 0))
        cautious = np.median(told[true > 0] / true[true > 0])
    high = np.quantile(ratio, 0.99, method="lower")
    return (
        f"| {name} | {len(true):,} | {100 * np.mean(true <= told):.1f} % | "
        f"{high:.2g} | {cautious:.0f} |"
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=40)
    draws = parser.parse_args().draws
    warnings.simplefilter("ignore")
    print(
        "| | cases | true ≤ estimated | 99th percentile of true / estimated "
        "| median of estimated / true |"
    )
    print("|---|---:|---:|---:|---:|")

    def show(name: str, found: tuple[np.ndarray, np.ndarray]) -> None:
        print(row(name, *found), flush=True)

    for method in ("central", "forward", "backward"):
        show(f"elementary, `{method}`", elementary(draws, 1, method=method))
    for order in (2, 3, 4):
        show(f"elementary, `central`, order {order}", elementary(draws, order))
    for tolerance in (1e-3, 1e-6):
        found = elementary(draws, 1, tolerance=tolerance)
        show(f"elementary, `central`, tolerance {tolerance:.0e}", found)
    show("elementary, noise 1e-6, unknown", noisy(draws, 1e-6))
    show("elementary, noise 1e-6, given", noisy(draws, 1e-6, noise="known"))
    show("elementary, noise 1e-6, measured", noisy(draws, 1e-6, noise="measure"))
    for name, rounding in COARSE.items():
        show(f"elementary, {name}", coarse(draws, rounding))
    for options in ({"method": "forward"}, {"noise": "measure"}, {"tolerance": 1e-3}):
        ((option, value),) = options.items()
        for name in ("float32", "4 decimals", "6 digits"):
            found = coarse(draws, COARSE[name], **options)
            show(f"elementary, {name}, {option} {value}", found)
    show("elementary, x in steps of 0.001", coarse_point(draws))
    show("a kink nearby", kinked(draws))
    show("elementary, terms that cancel, `complex`", cancelling(draws))
    for method in ("central", "forward", "complex", "difference"):
        show(f"MGH gradients, `{method}`", gradients(method=method))


if __name__ == "__main__":
    main()
