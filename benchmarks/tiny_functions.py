"""Derivatives of functions that take a microsecond, beside other libraries.

    python benchmarks/tiny_functions.py [--rounds 31] [--before FOLDER]

What a library takes beside the function: `derivative` of one number, and `gradient` of
three. Each round calls all contenders in turn, ten times each. A cell has the median of
their microseconds, the evaluations of f, and the error relative to the largest entry.
The last columns have medians of ratios, each taken within a round: Secant over the
faster of numdifftools and jacobi, which estimate errors, too, and over another build.
Markdown tables.

`--before` names the `src` of another build of Secant, such as that of a worktree of an
earlier commit, which is measured in the same rounds.
"""

import argparse
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter
from typing import Any

import jacobi
import numdifftools
import numpy as np
from another_build import another_build
from scipy import differentiate
from scipy.optimize._numdiff import approx_derivative

import secant

CALLS = 10
Compute = Callable[["Case"], Any]


@dataclass(frozen=True)
class Case:
    """A function at a point, and its exact derivative.

    Attributes:
        name: In words.
        f: The function of one number, or of an array of three.
        x: The point.
        exact: The derivatives there.
        of_arrays: The same for arrays of many numbers, as `scipy.differentiate` asks.
    """

    name: str
    f: Callable[[Any], Any]
    x: Any
    exact: Any
    of_arrays: Callable[[Any], Any] | None = None


def rosenbrock(x: Any) -> Any:
    a, b, c = x
    return 100 * (b - a * a) ** 2 + (1 - a) ** 2 + 100 * (c - b * b) ** 2 + (1 - b) ** 2


ONE = [
    Case("`math.exp` at 1", math.exp, 1.0, math.e, np.exp),
    Case("`math.sin` at 1", math.sin, 1.0, math.cos(1), np.sin),
    Case("`np.tanh` at 0.5", np.tanh, 0.5, 1 / math.cosh(0.5) ** 2),
    Case("x³ − 2x at 1.5", lambda x: x * x * x - 2 * x, 1.5, 4.75),
    Case(
        "10⁶ + sin x at 1: rounding asks for longer steps",
        lambda x: 1e6 + math.sin(x),
        1.0,
        math.cos(1),
        lambda x: 1e6 + np.sin(x),
    ),
    Case(
        "sin x to 6 decimals at 1: a grid",
        lambda x: round(math.sin(x), 6),
        1.0,
        math.cos(1),
        lambda x: np.round(np.sin(x), 6),
    ),
]
THREE = [
    Case(
        "x²y + sin z at (1, 2, 3)",
        lambda x: x[0] ** 2 * x[1] + math.sin(x[2]),
        np.array([1.0, 2.0, 3.0]),
        np.array([4.0, 1.0, math.cos(3)]),
    ),
    Case(
        "Rosenbrock's valley at (−1.2, 1, 0.8)",
        rosenbrock,
        np.array([-1.2, 1.0, 0.8]),
        np.array([-215.6, -8.0, -40.0]),
    ),
]

OF_ONE: dict[str, Compute] = {
    "Secant": lambda c: secant.derivative(c.f, c.x).value,
    "numdifftools": lambda c: numdifftools.Derivative(c.f)(c.x),
    "jacobi": lambda c: jacobi.jacobi(c.f, c.x)[0],
    "`scipy.differentiate`": lambda c: (
        differentiate.derivative(c.of_arrays or c.f, c.x).df
    ),
    "`approx_derivative`": lambda c: approx_derivative(lambda x: c.f(x[0]), c.x),
}
OF_THREE: dict[str, Compute] = {
    "Secant": lambda c: secant.gradient(c.f, c.x).value,
    "numdifftools": lambda c: numdifftools.Gradient(c.f)(c.x),
    "jacobi": lambda c: jacobi.jacobi(c.f, c.x)[0],
    "`approx_derivative`": lambda c: approx_derivative(c.f, c.x),
}


def rounds_of(
    contenders: dict[str, Compute], case: Case, rounds: int
) -> dict[str, list[float]]:
    """For each contender its microseconds for one call, in each round."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, compute in contenders.items():
            start = perf_counter()
            for _ in range(CALLS):
                compute(case)
            times[name].append(1e6 * (perf_counter() - start) / CALLS)
    return times


def evaluations_and_error(compute: Compute, case: Case) -> str:
    count = 0

    def counted(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def g(x: Any) -> Any:
            nonlocal count
            count += np.size(x) // np.size(case.x)
            return f(x)

        return g

    of_arrays = counted(case.of_arrays or case.f)
    found = compute(replace(case, f=counted(case.f), of_arrays=of_arrays))
    error = np.max(np.abs(found - case.exact)) / np.max(np.abs(case.exact))
    return f"{count} / {error:.0e}"


def ratio(ours: list[float], *others: list[float]) -> str:
    """The median of our time over the least of the others', round by round."""
    return f"{median(a / min(b) for a, *b in zip(ours, *others, strict=True)):.2f}"


def table(contenders: dict[str, Compute], cases: list[Case], rounds: int) -> None:
    has_before = "before" in contenders
    columns = [*contenders, "ratio to the faster of numdifftools and jacobi"]
    columns += ["ratio to before"] * has_before
    print("\n| µs / evaluations / error | " + " | ".join(columns) + " |")
    print("|---|" + "---|" * len(columns))
    for case in cases:
        told = {n: evaluations_and_error(c, case) for n, c in contenders.items()}
        us = rounds_of(contenders, case, rounds)
        cells = [f"{median(us[name]):,.0f} / {told[name]}" for name in contenders]
        cells.append(ratio(us["Secant"], us["numdifftools"], us["jacobi"]))
        if has_before:
            cells.append(ratio(us["Secant"], us["before"]))
        print(f"| {case.name} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--before")
    options = parser.parse_args()
    # Peers warn of what they overflow in; the errors show it.
    warnings.simplefilter("ignore")
    before_one: dict[str, Compute] = {}
    before_three: dict[str, Compute] = {}
    if options.before:
        before = another_build(options.before)
        before_one["before"] = lambda c: before.derivative(c.f, c.x).value
        before_three["before"] = lambda c: before.gradient(c.f, c.x).value
    table(OF_ONE | before_one, ONE, options.rounds)
    table(OF_THREE | before_three, THREE, options.rounds)


if __name__ == "__main__":
    main()
