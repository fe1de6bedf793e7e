"""How often the error holds where f's values are coarse, for every kind and call.

    python validation/coarse_values.py [--cases 100]

Functions in float32, rounded, printed, counted, on a grid of x; each with `derivative`
(central, forward, backward, a tolerance, measured noise), `directional_derivative`,
`gradient`, `jacobian` and `hessian`. A function of two variables is the sum of two
elementary functions at places of their own. Prints the tables of docs/derivatives.md:
the share of all entries whose true error is within the estimated one, and the share of
estimates that are at most 100 times as large as with the noise told.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from honesty import ELEMENTARY, Elementary, true_derivative

import secant
from secant.derivatives.tolerance import RMS_OF_ROUNDING


@dataclass(frozen=True)
class Coarse:
    """A way in which values are coarse.

    Attributes:
        name: Of the kind.
        value: What is left of a value.
        spacing: Of the grid at a value.
        point: What is left of a coordinate; None for all of it.
        width: The spacing of the coordinates.
    """

    name: str
    value: Callable[[float], float] = lambda value: value
    spacing: Callable[[float], float] = lambda value: 0.0
    point: Callable[[float], float] | None = None
    width: Callable[[float], float] = lambda x: 0.0


def _decimals(d: int) -> Coarse:
    name = f"{d} decimal{'s' * (d > 1)}"
    return Coarse(name, lambda value: round(value, d), lambda value: 10.0**-d)


def _digits(d: int) -> Coarse:
    def spacing(value: float) -> float:
        return 10.0 ** (np.floor(np.log10(abs(value) or 1.0)) + 1 - d)

    return Coarse(f"`%.{d}g`", lambda value: float(f"{value:.{d}g}"), spacing)


def _float32(value: float) -> float:
    return float(np.spacing(np.float32(abs(value))))


KINDS = [
    Coarse("float32", np.float32, _float32),
    Coarse("float32 inside", np.float32, _float32, np.float32, _float32),
    *map(_decimals, range(1, 9)),
    *map(_digits, range(3, 9)),
    Coarse("floor of 1,000 f", lambda v: np.floor(1000 * v) / 1000, lambda v: 1e-3),
    Coarse("counts", lambda v: int(np.floor(1000 * v)), lambda v: 1.0),
    Coarse("x in steps of 0.001", point=lambda x: round(x, 3), width=lambda x: 1e-3),
]

COUNTED = 1000.0
"""Counts are of 1,000 f."""


@dataclass(frozen=True)
class Sum:
    """A sum of elementary functions, each of a coordinate of its own, and coarse."""

    terms: tuple[Elementary, ...]
    kind: Coarse

    def __call__(self, point) -> float:
        total = 0.0
        for term, x in zip(self.terms, np.atleast_1d(point), strict=True):
            x = float(x) if self.kind.point is None else float(self.kind.point(x))
            value = term.f(x)
            if not np.isreal(value) or not np.isfinite(value):
                return np.nan
            total += float(value)
        return self.kind.value(total)

    @property
    def factor(self) -> float:
        return COUNTED if self.kind.name == "counts" else 1.0

    def exact(self, point, order: int = 1) -> np.ndarray:
        """The derivatives of each term by its own coordinate."""
        pairs = zip(self.terms, np.atleast_1d(point), strict=True)
        return self.factor * np.array(
            [true_derivative(term, float(x), order) for term, x in pairs]
        )

    def noise(self, point) -> float:
        """The standard deviation of what is lost."""
        places = [float(x) for x in np.atleast_1d(point)]
        exact = sum(t.f(x) for t, x in zip(self.terms, places, strict=True))
        from_x = max(
            abs(slope) * self.kind.width(x)
            for slope, x in zip(self.exact(point), places, strict=True)
        )
        return RMS_OF_ROUNDING * max(self.kind.spacing(float(exact)), from_x)


def _places(terms: int, count: int) -> Iterator[tuple[tuple[Elementary, ...], list]]:
    draw = np.random.default_rng(11)
    made = 0
    while made < count:
        chosen = [ELEMENTARY[i] for i in draw.integers(len(ELEMENTARY), size=terms)]
        point = []
        for case in chosen:
            size = 10 ** draw.uniform(-3, 2)
            positive = case.lowest > -np.inf or draw.random() < 0.5
            point.append(max(size if positive else -size, case.lowest + 1e-3))
        with np.errstate(all="ignore"):
            near = [abs(c.f(4 * x)) for c, x in zip(chosen, point, strict=True)]
            at = [abs(c.f(x)) for c, x in zip(chosen, point, strict=True)]
        if np.isfinite(near).all() and max(at) < 1e8:
            made += 1
            yield tuple(chosen), point


def _derivative(**options):
    def call(f: Sum, point: list, **more):
        found = secant.derivative(lambda x: f(x), point[0], **options, **more)
        return found, f.exact(point)[0]

    return call


def _gradient(f: Sum, point: list, **more):
    return secant.gradient(f, point, **more), f.exact(point)


def _jacobian(f: Sum, point: list, **more):
    second = Sum(f.terms[1:], f.kind)
    found = secant.jacobian(lambda p: np.array([f(p), second(p[1:])]), point, **more)
    slopes = f.exact(point)
    return found, np.array([slopes, [0.0, slopes[1]]])


def _hessian(f: Sum, point: list, **more):
    return secant.hessian(f, point, **more), np.diag(f.exact(point, 2))


def _directional(f: Sum, point: list, **more):
    direction = np.array([1.0, -0.5])
    found = secant.directional_derivative(f, point, direction, **more)
    return found, f.exact(point) @ direction


CALLS = {
    "central": (1, _derivative()),
    "forward": (1, _derivative(method="forward")),
    "backward": (1, _derivative(method="backward")),
    "tolerance": (1, _derivative(tolerance=1e-3)),
    "measured": (1, _derivative(noise="measure")),
    "directional": (2, _directional),
    "gradient": (2, _gradient),
    "jacobian": (2, _jacobian),
    "hessian": (2, _hessian),
}


def study(kind: Coarse, call: str, cases: int) -> tuple[float, float]:
    """The share of errors that hold, and of those up to 100 times as told noise."""
    terms, derivative = CALLS[call]
    holds: list[np.ndarray] = []
    narrow: list[np.ndarray] = []
    for chosen, point in islice(_places(terms, cases), cases):
        f = Sum(chosen, kind)
        found, exact = derivative(f, point)
        holds.append(np.ravel(abs(found.value - exact) <= found.error))
        if call != "measured":
            told, _ = derivative(f, point, noise=f.noise(point))
            narrow.append(np.ravel(found.error <= 100 * told.error))
    share = 100 * np.concatenate(holds).mean()
    return share, 100 * np.concatenate(narrow).mean() if narrow else np.nan


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--kinds", nargs="*", default=[kind.name for kind in KINDS])
    parser.add_argument("--calls", nargs="*", default=list(CALLS))
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| true ≤ estimated, % | " + " | ".join(asked.calls) + " |")
    print("|---|" + "---:|" * len(asked.calls))
    narrow: dict[str, list[float]] = {}
    for kind in KINDS:
        if kind.name not in asked.kinds:
            continue
        found = [study(kind, call, asked.cases) for call in asked.calls]
        cells = " | ".join(f"{share:.0f}" for share, _ in found)
        print(f"| {kind.name} | {cells} |", flush=True)
        narrow[kind.name] = [share for _, share in found]
    rest = [call for call in asked.calls if call != "measured"]
    print("\n| ≤ 100 × that with told noise, % | " + " | ".join(rest) + " |")
    print("|---|" + "---:|" * len(rest))
    for name, shares in narrow.items():
        cells = " | ".join(f"{share:.0f}" for share in shares if not np.isnan(share))
        print(f"| {name} | {cells} |")


if __name__ == "__main__":
    main()
