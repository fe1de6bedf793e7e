"""Whether another build of Secant gives the same derivatives, bit for bit.

    python validation/same_derivatives.py FOLDER [--draws 4]

FOLDER is the `src` of that build, such as of a worktree of an earlier commit. The
elementary functions of `honesty.py` at random places: as they are, coarse in each of
the ways of `coarse_values.py`, with noise, and with a kink, a jump or an end of the
domain near by; each with `derivative`, without a tolerance and with two, and in a
`gradient` of three variables. Value, error, step, status, all points of evaluation in
their order, and errors that are raised have to be equal. Prints a line for each kind.
"""

import argparse
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from sys import path
from types import ModuleType
from typing import Any

import numpy as np
from coarse_values import KINDS as COARSE
from coarse_values import Coarse
from honesty import cases

import secant

path.append(str(Path(__file__).parents[1] / "benchmarks"))

from another_build import another_build

Function = Callable[[Any], Any]
Kind = Callable[[Function, float], Function]
"""Makes a new function of an elementary one and its place."""


def coarse(kind: Coarse) -> Kind:
    def made(f: Function, x: float) -> Function:
        return lambda p: kind.value(f(p if kind.point is None else kind.point(p)))

    return made


def noisy(size: float) -> Kind:
    """With other noise at every call, so that no value may be asked for twice."""

    def made(f: Function, x: float) -> Function:
        draw = np.random.default_rng(0)
        return lambda p: f(p) + size * draw.standard_normal()

    return made


def ending(outside: Function) -> Kind:
    """Defined up to 3 % beyond the place."""

    def made(f: Function, x: float) -> Function:
        return lambda p: f(p) if abs(p) < 1.03 * abs(x) else outside(p)

    return made


KINDS: dict[str, Kind] = {
    "as it is": lambda f, x: f,
    **{kind.name: coarse(kind) for kind in COARSE},
    **{f"noise {size:.0e}": noisy(size) for size in (1e-3, 1e-6, 1e-9, 1e-13)},
    "lost beside 10⁶": lambda f, x: lambda p: 1e6 + f(p),
    "even": lambda f, x: lambda p: f(p) + f(2 * x - p),
    "constant": lambda f, x: lambda p: 0.7,
    "kink": lambda f, x: lambda p: f(p) + abs(p - x),
    "kink near by": lambda f, x: lambda p: f(p) + abs(p - 1.01 * x),
    "jump": lambda f, x: lambda p: f(p) + (p > x),
    "another value at the place": lambda f, x: lambda p: f(p) + (p == x),
    "NaN beyond": ending(lambda p: math.nan),
    "an error beyond": ending(lambda p: 1 / 0),
    "an unexpected error beyond": ending(lambda p: [][0].missing),
    "None beyond": ending(lambda p: None),
    "an array": lambda f, x: lambda p: np.array([f(p), p]),
}


def outcome_of(compute: Callable[..., Any], f: Function, x: Any, **options: Any) -> Any:
    """All that a call gives, and the points at which it asks f."""
    points: list[bytes] = []

    def g(point: Any) -> Any:
        points.append(np.array(point).tobytes())
        return f(point)

    try:
        found = compute(g, x, **options)
    except Exception as error:
        notes = getattr(error, "__notes__", [])
        return type(error).__name__, str(error), notes, points
    arrays = [np.asarray(a) for a in (found.value, found.error, found.step)]
    numbers = [(a.shape, a.tobytes()) for a in arrays]
    return numbers, found.status, found.evaluations, points


def compare(kind: Kind, before: ModuleType, draws: int) -> tuple[int, int]:
    """How many derivatives were computed, and how many differ."""
    count = different = 0
    for case, x in cases(draws):

        def of_three(case: Any = case, x: float = x) -> Function:
            f = kind(case.f, x)
            return lambda v: f(float(v[0])) * float(v[2]) + math.sin(v[1])

        for tolerance in (None, 1e-6, 1e-14):
            one, other = (
                outcome_of(b.derivative, kind(case.f, x), x, tolerance=tolerance)
                for b in (secant, before)
            )
            count, different = count + 1, different + (one != other)
        one, other = (
            outcome_of(b.gradient, of_three(), [x, 0.7, -1.3]) for b in (secant, before)
        )
        count, different = count + 1, different + (one != other)
    return count, different


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--draws", type=int, default=4)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    before = another_build(options.folder)
    total = wrong = 0
    print("| | derivatives | different |")
    print("|---|---:|---:|")
    for name, kind in KINDS.items():
        count, different = compare(kind, before, options.draws)
        total, wrong = total + count, wrong + different
        print(f"| {name} | {count:,} | {different:,} |", flush=True)
    print(f"| all | {total:,} | {wrong:,} |")


if __name__ == "__main__":
    main()
