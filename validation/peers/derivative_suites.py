"""Functions, points and demanded tolerances of other libraries' tests of derivatives.

Restated as facts from the tests of SciPy 1.17.1 (`scipy.differentiate`,
`scipy.optimize._numdiff`), numdifftools 0.11.2, statsmodels 0.14.6 (`tools.numdiff`)
and jacobi 0.9.2; the distributions and statsmodels' data and models are those of the
installed packages. Where a test draws points at random (Hypothesis), points are drawn
from the same range. A method has the tolerance that the peer's own has: `forward` that
of 2-point, `central` that of 3-point, `complex` that of the complex step. Where bounds
make SciPy's 2-point turn round, `central` does, with that tolerance. What SciPy is told
by `step_direction` Secant is told by `method`. The true derivatives are formulas, or
mpmath's.
"""

import itertools
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import numpy as np
import scipy.optimize
import scipy.special
import scipy.stats

from secant import (
    derivative,
    directional_derivative,
    gradient,
    hessian,
    jacobian,
)
from secant.errors import SecantError

RTOL = 1e-7
"""What NumPy's `assert_allclose` demands unless told otherwise."""

SCIPY_RTOL = 4 * float(np.finfo(np.float64).eps) ** 0.5
"""What SciPy's `xp_assert_close` demands in float64."""

DRAWS = 20
"""Points in the place of those that Hypothesis draws."""

CENTRAL = ("central",)
SIDES = ("central", "forward", "backward")
METHODS = (*SIDES, "complex")


@dataclass(frozen=True)
class Case:
    """A derivative that a peer's test asks for, and how near it has to be.

    Attributes:
        suite: Whose test.
        name: Of the test, with what varies.
        ask: A function of Secant.
        arguments: Its arguments.
        true: The true derivative.
        rtol: The demanded relative error.
        atol: The demanded absolute error.
        options: More arguments.
        bars: The demanded absolute error may be larger by so many estimated ones.
        largest: The largest estimated error that is allowed.
        entry: The part of the result that the test looks at.
    """

    suite: str
    name: str
    ask: Callable[..., Any]
    arguments: tuple[Any, ...]
    true: Any
    rtol: float = RTOL
    atol: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)
    bars: float = 0.0
    largest: float = np.inf
    entry: Callable[[np.ndarray], np.ndarray] = np.asarray


def by_method(methods: Iterable[str], *arguments: Any, **more: Any) -> Iterator[Case]:
    """A case for each method."""
    suite, name, *rest = arguments
    options = more.pop("options", {})
    for method in methods:
        yield Case(
            suite,
            f"{name}, {method}",
            *rest,
            **more,
            options={**options, "method": method},
        )


# --- scipy.differentiate --------------------------------------------------------------


def scipy_differentiate() -> Iterator[Case]:
    """The tests of derivative, jacobian and hessian."""
    suite = "scipy.differentiate"
    ndtr, density = scipy.special.ndtr, scipy.stats.norm().pdf
    for x in (0.6, *np.linspace(-0.05, 1.05, 10)):
        yield Case(
            suite, f"ndtr at {x:.3g}", derivative, (ndtr, x), density(x), SCIPY_RTOL
        )
    from scipy.stats import _distr_params

    for name, parameters in _distr_params.distcont:
        law = getattr(scipy.stats, name)(*parameters)
        x = law.median() + 0.1
        yield Case(
            suite,
            f"cdf of {name}{parameters}",
            derivative,
            (law.cdf, x),
            law.pdf(x),
            SCIPY_RTOL,
            1e-10,
        )

    def waves(x: float) -> np.ndarray:
        several = [x, np.sin(3 * x), x + np.sin(10 * x), np.sin(20 * x) * (x - 1) ** 2]
        return np.array(several)

    yield Case(
        suite, "four waves", derivative, (waves, 0.0), [1, 3, 11, 20], SCIPY_RTOL
    )
    for tolerance in (1e-3, 1e-6):
        yield Case(
            suite,
            f"ndtr, tolerance {tolerance:g}",
            derivative,
            (ndtr, 1.0),
            density(1.0),
            tolerance,
            options={"tolerance": tolerance},
        )
    for x in np.linspace(0, 2, 10):
        method = "forward" if x < 0.6 else "backward" if x > 1.4 else "central"
        yield Case(
            suite,
            f"exp, NaN outside [0, 2], at {x:.3g}, {method}",
            derivative,
            (lambda x: math.exp(x) if 0 <= x <= 2 else np.nan, x),
            math.exp(x),
            SCIPY_RTOL,
            options={"method": method},
        )
    for x, p in itertools.product((1, 2, 3, 4), (2, 3)):
        yield from by_method(
            SIDES,
            suite,
            f"x^{p} at {x}",
            derivative,
            (lambda x, p=p: x**p, x),
            p * x ** (p - 1),
            SCIPY_RTOL,
        )
    for dtype, x in itertools.product((np.float32, np.float64), (0.65, 0.7)):
        x = float(dtype(x))
        yield from by_method(
            SIDES,
            suite,
            f"exp in {dtype.__name__} at {x:.2g}",
            derivative,
            (lambda x, dtype=dtype: np.exp(dtype(x)), x),
            math.exp(x),
            float(np.finfo(dtype).eps) ** 0.5,
        )
    yield Case(
        suite,
        "x^99 - 1",
        derivative,
        (lambda x: x**99 - 1, 7),
        99 * 7.0**98,
        SCIPY_RTOL,
    )
    for n in range(6):
        yield Case(
            suite,
            f"2 x^{n}",
            derivative,
            (lambda x, n=n: 2 * x**n, 1.5),
            2 * n * 1.5 ** (n - 1),
            1e-15,
        )
    yield Case(suite, "3 x - 1", derivative, (lambda x: 3 * x - 1, 2), 3.0, SCIPY_RTOL)
    saddles = {
        "(x - 1)^3": lambda x: (x - 1) ** 3,
        "(x - 1)^3, (x - 1)^5": lambda x: (x - 1) ** (5 if x > 1 else 3),
    }
    for name, f in saddles.items():
        yield from by_method(
            SIDES,
            suite,
            f"{name} at 1, which SciPy expects to fail in",
            derivative,
            (f, 1.0),
            0.0,
            1e-7,
            1e-16,
        )
    yield from _scipy_jacobians(suite)
    yield from _scipy_hessians(suite)


def _columns(*rows: Any) -> np.ndarray:
    return np.array(rows)


SCIPY_MAPS: dict[str, tuple[int, Callable[..., Any], Callable[..., Any]]] = {
    "x²y, 5x + sin y": (
        2,
        lambda z: _columns(z[0] ** 2 * z[1], 5 * z[0] + np.sin(z[1])),
        lambda x, y: [[2 * x * y, x**2], [5, np.cos(y)]],
    ),
    "polar": (
        2,
        lambda z: _columns(z[0] * np.cos(z[1]), z[0] * np.sin(z[1])),
        lambda r, a: [[np.cos(a), -r * np.sin(a)], [np.sin(a), r * np.cos(a)]],
    ),
    "spherical": (
        3,
        lambda z: _columns(
            z[0] * np.sin(z[1]) * np.cos(z[2]),
            z[0] * np.sin(z[1]) * np.sin(z[2]),
            z[0] * np.cos(z[1]),
        ),
        lambda r, a, b: [
            [
                np.sin(a) * np.cos(b),
                r * np.cos(a) * np.cos(b),
                -r * np.sin(a) * np.sin(b),
            ],
            [
                np.sin(a) * np.sin(b),
                r * np.cos(a) * np.sin(b),
                r * np.sin(a) * np.cos(b),
            ],
            [np.cos(a), -r * np.sin(a), 0],
        ],
    ),
    "3 to 4": (
        3,
        lambda z: _columns(
            z[0], 5 * z[2], 4 * z[1] ** 2 - 2 * z[2], z[2] * np.sin(z[0])
        ),
        lambda x, y, z: [
            [1, 0, 0],
            [0, 0, 5],
            [0, 8 * y, -2],
            [z * np.cos(x), 0, np.sin(x)],
        ],
    ),
    "3 to 3": (
        3,
        lambda z: _columns(
            5 * z[1], 4 * z[0] ** 2 - 2 * np.sin(z[1] * z[2]), z[1] * z[2]
        ),
        lambda x, y, z: [
            [0, 5, 0],
            [8 * x, -2 * z * np.cos(y * z), -2 * y * np.cos(y * z)],
            [0, z, y],
        ],
    ),
    "Rosenbrock": (
        5,
        lambda z: scipy.optimize.rosen(z),
        lambda *z: scipy.optimize.rosen_der(np.array(z)),
    ),
}


def _scipy_jacobians(suite: str) -> Iterator[Case]:
    for (name, (n, f, true)), shape, dtype in itertools.product(
        SCIPY_MAPS.items(), ((), (6,), (2, 3)), (np.float64, np.float32)
    ):
        draws = np.random.default_rng(458912319542).random((n, *shape))
        single = dtype is np.float32
        for i, x in enumerate(draws.reshape(n, -1).T):
            x = x.astype(dtype).astype(np.float64)
            yield Case(
                suite,
                f"Jacobian of {name}, {dtype.__name__}, point {i} of {shape}",
                jacobian,
                (lambda x, f=f, dtype=dtype: f(x.astype(dtype)), x),
                true(*x),
                4 * float(np.finfo(dtype).eps) ** 0.5,
                1.99e-3 if single else 1e-10,
            )
    b = np.random.default_rng(23892589425245).random(3)
    _, f, true = SCIPY_MAPS["3 to 3"]

    def within(x: np.ndarray) -> np.ndarray:
        inside = b[0] <= x[0] <= b[0] + 0.25 and b[1] - 0.1 <= x[1] <= b[1]
        return f(x) if inside else np.full(3, np.nan)

    # It has no method for each coordinate, but bounds.
    box = (np.array([b[0], b[1] - 0.1, -np.inf]), np.array([b[0] + 0.25, b[1], np.inf]))
    yield Case(
        suite,
        "NaN outside a box",
        jacobian,
        (within, b),
        true(*b),
        SCIPY_RTOL,
        1e-8,
        options={"bounds": box},
    )


def _scipy_hessians(suite: str) -> Iterator[Case]:
    rosen, true = scipy.optimize.rosen, scipy.optimize.rosen_hess
    for shape in ((), (4,), (2, 4)):
        draws = np.random.default_rng(458912319542).random((3, *shape))
        for i, x in enumerate(draws.reshape(3, -1).T):
            yield Case(
                suite,
                f"Hessian of Rosenbrock, point {i} of {shape}",
                hessian,
                (rosen, x),
                true(x),
                SCIPY_RTOL,
                1e-8,
            )
    x = np.random.default_rng(458912319542).random(3).astype(np.float32)
    matrix = true(x.astype(np.float64))
    rtol = 4 * float(np.finfo(np.float32).eps) ** 0.5
    yield Case(
        suite,
        "Hessian of Rosenbrock, float32",
        hessian,
        (lambda x: rosen(x.astype(np.float32)), x.astype(np.float64)),
        matrix,
        rtol,
        0.01 * float(abs(matrix[matrix != 0].min())),
    )


# --- scipy.optimize._numdiff ----------------------------------------------------------

POINTS = {"forward": "2-point", "central": "3-point", "complex": "complex step"}


def scipy_numdiff() -> Iterator[Case]:
    """The tests of approx_derivative."""
    suite = "scipy.optimize._numdiff"

    def curve(x: np.ndarray) -> np.ndarray:
        return np.array([x[0] ** 2, np.tan(x[0]), np.exp(x[0])])

    def wave(x: np.ndarray) -> Any:
        return np.sin(x[0] * x[1]) * np.log(x[0])

    def wave_slope(x: float, y: float) -> list[float]:
        a, b = math.cos(x * y) * math.log(x), math.sin(x * y)
        return [y * a + b / x, x * a]

    def field_of(x: np.ndarray) -> np.ndarray:
        return np.array(
            [x[0] * np.sin(x[1]), x[1] * np.cos(x[0]), x[0] ** 3 * x[1] ** -0.5]
        )

    def field_slope(x: float, y: float) -> list[list[float]]:
        return [
            [math.sin(y), x * math.cos(y)],
            [-y * math.sin(x), math.cos(x)],
            [3 * x**2 * y**-0.5, -0.5 * x**3 * y**-1.5],
        ]

    def exps(x: np.ndarray) -> np.ndarray:
        return np.array([np.exp(-x[0]), np.exp(x[1])])

    at_half = [[2 * 0.5], [math.cos(0.5) ** -2], [math.exp(0.5)]]
    tried: tuple[tuple[str, Any, Any, Any, Any, tuple[float, ...]], ...] = (
        ("sinh", derivative, np.sinh, 1.0, math.cosh(1), (1e-6, 1e-9, 1e-12)),
        ("exp in math", derivative, math.exp, 1.0, math.e, (1e-6, 1e-8)),
        ("x², tan, exp", jacobian, curve, [0.5], at_half, (1e-6, 1e-9, 1e-12)),
        (
            "sin xy log x",
            gradient,
            wave,
            [100.0, -0.5],
            wave_slope(100.0, -0.5),
            (1e-6, 3e-9, 1e-12),
        ),
        (
            "x sin y, …",
            jacobian,
            field_of,
            [-100.0, 0.2],
            field_slope(-100.0, 0.2),
            (1e-5, 1e-6, 1e-12),
        ),
        (
            "x sin y, … nearby",
            jacobian,
            field_of,
            [-0.1, 0.1],
            field_slope(-0.1, 0.1),
            (1e-2, 1e-4),
        ),
    )
    for name, ask, f, x, true, tolerances in tried:
        for method, rtol in zip(POINTS, tolerances, strict=False):
            yield Case(
                suite,
                f"{name}, {POINTS[method]}",
                ask,
                (f, x),
                true,
                rtol,
                options={"method": method},
            )
    yield from _numdiff_bounds(suite, field_of, field_slope, exps)
    yield from _numdiff_dtypes(suite)
    corner = np.array([0.0, 0.0])
    yield Case(
        suite,
        "xy, cos xy at 0",
        jacobian,
        (lambda x: np.array([x[0] * x[1], np.cos(x[0] * x[1])]), corner),
        np.zeros((2, 2)),
        0.0,
    )
    true = np.array(field_slope(-10.0, 10.0))
    yield Case(
        suite,
        "x sin y, …, check_derivative",
        jacobian,
        (field_of, [-10.0, 10.0]),
        true,
        0.0,
        1e-9 * np.maximum(abs(true), 1),
    )
    yield from _numdiff_chain(suite)
    rng = np.random.default_rng(11290049580398)
    operators = (
        (np.sinh, [1.0], [[math.cosh(1)]], (1e-5, 5e-6, 5e-6)),
        (curve, [0.5], at_half, (1e-5, 5e-6, 5e-6)),
        (wave, [100.0, -0.5], [wave_slope(100.0, -0.5)], (1e-5, 5e-6, 1e-7)),
        (field_of, [-100.0, 0.2], field_slope(-100.0, 0.2), (1e-5, 1e-6, 1e-7)),
    )
    for i, (f, x, true, tolerances) in enumerate(operators):
        for turn in range(10):
            p = rng.uniform(-10, 10, len(x))
            for method, rtol in zip(POINTS, tolerances, strict=True):
                yield Case(
                    suite,
                    f"direction {turn} of function {i}, {POINTS[method]}",
                    directional_derivative,
                    (f, x, p),
                    np.array(true) @ p,
                    rtol,
                    options={"method": method},
                    entry=np.ravel,
                )

    def tents(x: np.ndarray) -> Any:
        return -abs(x[0] + 1) + abs(x[1] + 1)

    for method, true, bounds in (
        ("forward", [-1, 1], None),
        ("backward", [1, -1], None),
        ("central", [1, -1], (-np.inf, -1)),
        ("central", [-1, 1], (-1, np.inf)),
    ):
        yield Case(
            suite,
            f"abs(y + 1) - abs(x + 1) at -1, {method}, bounds {bounds}",
            gradient,
            (tents, [-1.0, -1.0]),
            true,
            options={"method": method, "bounds": bounds},
        )


def _numdiff_bounds(
    suite: str, field_of: Any, field_slope: Any, exps: Any
) -> Iterator[Case]:
    cases = [
        (
            "exp -x, exp y",
            exps,
            [1.0, 1.0],
            [[-math.exp(-1), 0], [0, math.e]],
            (0.0, 2.0),
            (1e-6, 1e-9),
        ),
        (
            "x sin y, … at two bounds",
            field_of,
            [-1.0, 1.0],
            field_slope(-1.0, 1.0),
            (-np.ones(2), np.ones(2)),
            (1e-6,),
        ),
        (
            "x sin y, …, 1e-8 of room",
            field_of,
            [10.0, 10.0],
            field_slope(10.0, 10.0),
            (np.full(2, 10 - 3e-9), np.full(2, 10 + 2e-9)),
            (1e-6, 1e-6),
        ),
    ]
    low, high = np.ones(2), np.full(2, 2.0)
    for bounds in (None, (low, np.inf), (-np.inf, high), (low, high)):
        cases.append(
            (
                f"x sin y, …, bounds {bounds}",
                field_of,
                [1.0, 2.0],
                field_slope(1.0, 2.0),
                bounds,
                (np.nan, 1e-9),
            )
        )
    for name, f, x, true, bounds, tolerances in cases:
        for points, rtol in zip(POINTS.values(), tolerances, strict=False):
            if rtol == rtol:
                yield Case(
                    suite,
                    f"{name}, {points}",
                    jacobian,
                    (f, x),
                    true,
                    rtol,
                    options={"bounds": bounds},
                )
    for x, (points, rtol) in itertools.product(
        (0.0, 1e-8), (("2-point", 1e-6), ("3-point", 1e-9))
    ):
        yield Case(
            suite,
            f"x, NaN outside ±1e-8, at {x:g}, {points}",
            derivative,
            (lambda x: x if abs(x) <= 1e-8 else np.nan, x),
            1.0,
            rtol,
            options={"bounds": (-1e-8, 1e-8)},
        )


def _numdiff_dtypes(suite: str) -> Iterator[Case]:
    places = np.linspace(0, 1, 100)
    noise = np.random.default_rng(1).random(100)
    for inside, outside in ((np.float32, np.float64), (np.float32, np.float32)):

        def line(p: Any, inside: Any = inside, outside: Any = outside) -> np.ndarray:
            p = p.astype(inside)
            return (p[0] + p[1] * places - noise).astype(outside)

        yield Case(
            suite,
            f"a line, {inside.__name__} to {outside.__name__}",
            jacobian,
            (line, np.array([-1.0, -1.0])),
            np.stack([np.ones(100), places], 1),
            RTOL,
            1e-3,
        )
    for dtype in (np.float16, np.float32, np.float64):
        eps = float(np.finfo(dtype).eps)
        h = eps**0.5
        yield Case(
            suite,
            f"sin in {dtype.__name__}",
            derivative,
            (lambda x, dtype=dtype: float(np.sin(dtype(x))), 1.0),
            math.cos(1),
            0.0,
            h / 2 * math.sin(1 + h) + eps / h * math.sin(1 + h),
            options={"method": "forward"},
        )


def _numdiff_chain(suite: str) -> Iterator[Case]:
    """Nocedal & Wright, Numerical Optimization, 2nd edition, page 198."""
    n = 50
    low, high = -0.1 * (1 + np.arange(n)), 0.1 * (1 + np.arange(n))
    x = np.where(np.arange(n) % 2 == 0, low, high) * (1 - 1e-7)

    def chain(x: np.ndarray) -> np.ndarray:
        e = x[1:] ** 3 - x[:-1] ** 2
        return np.hstack((0, 3 * e)) + np.hstack((2 * e, 0))

    true = np.zeros((n, n))
    for i in range(n - 1):  # of 2 e in row i, of 3 e in the next
        true[i, i] -= 4 * x[i]
        true[i, i + 1] += 6 * x[i + 1] ** 2
        true[i + 1, i] -= 6 * x[i]
        true[i + 1, i + 1] += 9 * x[i + 1] ** 2
    for method, lower, upper in itertools.product(
        POINTS, (-np.inf, low), (np.inf, high)
    ):
        given = [name for name, b in (("below", lower), ("above", upper)) if np.ndim(b)]
        if method == "complex" and given:
            continue
        yield Case(
            suite,
            f"a chain of 50, bounds {' and '.join(given) or 'none'}, {POINTS[method]}",
            jacobian,
            (chain, x),
            true,
            1e-6,
            options={"method": method, "bounds": (lower, upper) if given else None},
        )


# --- numdifftools ---------------------------------------------------------------------


def numdifftools_suite() -> Iterator[Case]:
    """The tests of Derivative, Gradient, Jacobian, Hessian, and of Fornberg's rules."""
    suite = "numdifftools"

    def rosen(x: np.ndarray) -> Any:
        return (1 - x[0]) ** 2 + 105 * (x[1] - x[0] ** 2) ** 2

    v = np.array([1.0, -1.0]) / math.sqrt(2)
    yield Case(
        suite,
        "Rosenbrock along (1, -1)",
        directional_derivative,
        (rosen, [2.0, 3.0], v),
        743.87633380824832,
    )
    for n in range(1, 5):
        true = (0.0, -1.0, 0.0, 1.0, 0.0)[n]
        yield from by_method(
            SIDES if n > 1 else METHODS,
            suite,
            f"cos at π/2, order {n}",
            derivative,
            (np.cos, np.pi / 2),
            true,
            RTOL,
            1e-4,
            options={"order": n},
        )
    rng = np.random.default_rng(0)
    draws = rng.uniform(0, 10, DRAWS)
    chosen = (7.6564547238847105, 8.9428143931508, 2.2204460492503134e-14, 0.0)
    for x, n in itertools.product((*chosen, *draws), range(1, 5)):
        true = (-np.sin(x), -np.cos(x), np.sin(x), np.cos(x))[n - 1]
        yield from by_method(
            SIDES if n > 1 else METHODS,
            suite,
            f"cos at {x:.5g}, order {n}",
            derivative,
            (np.cos, x),
            true,
            1e-6,
            1e-14,
            options={"order": n},
            bars=100.0,
        )
    for method in METHODS:
        if method != "complex":
            for x, true in ((0.0, 0.0), (1.0, 12.0)):
                yield Case(
                    suite,
                    f"2 x³ at {x:g}, Hessian, {method}",
                    hessian,
                    (lambda x: 2 * x[0] * x[0] * x[0], [x]),
                    [[true]],
                    RTOL,
                    0 if true else 1e-13,
                    options={"method": method},
                )
        for x, true in ((0.0, 0.0), (1.0, 6.0)):
            yield Case(
                suite,
                f"2 x³ at {x:g}, {method}",
                derivative,
                (lambda x: 2 * x * x * x, x),
                true,
                RTOL,
                0 if true else 1e-13,
                options={"method": method},
            )
    yield Case(
        suite,
        "x³ at 2, 3 by 2",
        derivative,
        (lambda x: x * x * x, np.full((3, 2), 2.0)),
        np.full((3, 2), 12.0),
        1e-8,
    )
    yield Case(suite, "exp at 0", derivative, (np.exp, 0.0), 1.0, 1e-8)
    x = np.linspace(0, 2 * np.pi, 13)
    yield Case(
        suite, "sin at 13 points", derivative, (np.sin, x), np.cos(x), RTOL, 1e-8
    )
    yield Case(
        suite,
        "sinh at 0",
        derivative,
        (np.sinh, 0.0),
        1.0,
        options={"method": "backward"},
    )
    yield from by_method(
        ("central", "forward"), suite, "log", derivative, (np.log, 0.001), 1000.0
    )
    yield from _numdifftools_jacobians(suite, rng)
    yield from _numdifftools_hessians(suite, rng)
    yield from _numdifftools_elementary(suite, rng)


def _numdifftools_jacobians(suite: str, rng: np.random.Generator) -> Iterator[Case]:
    def powers(x: float) -> np.ndarray:
        return np.array([x, x**2, x**3])

    draws = [*rng.uniform(-1000, 1000, DRAWS), 0.0, 1000.0]
    wide = rng.choice([-1, 1], DRAWS) * 10.0 ** rng.uniform(-53, 53, DRAWS)
    for x, (rtol, atol) in (
        *((x, (1e-3, 1e-6)) for x in draws),
        *((x, (RTOL, 1e-6)) for x in wide),
    ):
        yield from by_method(
            METHODS,
            suite,
            f"x, x², x³ at {x:.4g}",
            derivative,
            (powers, x),
            [1, 2 * x, 3 * x**2],
            rtol,
            atol,
        )
    e = math.exp(3)
    yield from by_method(
        METHODS,
        suite,
        "xyz + exp(x) y",
        gradient,
        (lambda x: x[0] * x[1] * x[2] + np.exp(x[0]) * x[1], [3.0, 5.0, 7.0]),
        [35 + 5 * e, 21 + e, 15],
    )
    places = np.arange(0, 1, 0.1)
    targets = 1 + 2 * np.exp(0.75 * places)
    yield from by_method(
        METHODS,
        suite,
        "squares of an exact fit",
        jacobian,
        (
            lambda c: (c[0] + c[1] * np.exp(c[2] * places) - targets) ** 2,
            [1.0, 2.0, 0.75],
        ),
        np.zeros((10, 3)),
        RTOL,
        1e-12,
    )

    def sums(x: np.ndarray) -> np.ndarray:
        return np.array([x[0] ** 2 + x[1] ** 2, x[0] ** 3 + x[1] ** 3])

    for x, y in ((1.0, 2.0), (3.0, 4.0), *zip((1, 2, 3, 4), (5, 6, 7, 8), strict=True)):
        yield from by_method(
            METHODS,
            suite,
            f"x² + y², x³ + y³ at ({x:g}, {y:g})",
            jacobian,
            (sums, [x, y]),
            [[2 * x, 2 * y], [3 * x**2, 3 * y**2]],
        )
    yield Case(
        suite,
        "one value, shape (1,)",
        jacobian,
        (lambda x: np.array([np.sum(x**2) - 1]), [1.0, 2.0]),
        [[2, 4]],
    )
    yield Case(
        suite,
        "two copies",
        jacobian,
        (lambda x: np.array([x, x]), [1.0, 2.0]),
        [np.eye(2), np.eye(2)],
    )
    for x, y, z in ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)):
        yield Case(
            suite,
            f"xyz², xyz at {x:g}",
            jacobian,
            (lambda x: np.array([x[0] * x[1] * x[2] ** 2, x.prod()]), [x, y, z]),
            [[y * z**2, x * z**2, 2 * x * y * z], [y * z, x * z, x * y]],
        )
    yield from by_method(
        METHODS,
        suite,
        "x² of 500",
        jacobian,
        (lambda x: x**2, np.ones(500)),
        2 * np.eye(500),
    )
    yield Case(
        suite,
        "1 / (exp x + cos y + 10)",
        gradient,
        (lambda x: 1 / (np.exp(x[0]) + np.cos(x[1]) + 10), [1.0, 2.0]),
        [-0.017961123762187736, 0.0060082083648822],
    )
    yield from by_method(
        METHODS,
        suite,
        "sum of squares",
        gradient,
        (lambda x: np.sum(x**2), [1.0, 2.0, 3.0]),
        [2, 4, 6],
    )


def _numdifftools_hessians(suite: str, rng: np.random.Generator) -> Iterator[Case]:
    def mixed(x: np.ndarray) -> Any:
        return x[0] + x[1] ** 2 + x[2] ** 3

    yield from by_method(
        SIDES,
        suite,
        "x + y² + z³ at 1, 2, 3, curvatures",
        hessian,
        (mixed, [1.0, 2.0, 3.0]),
        [0, 2, 18],
        RTOL,
        1e-8,
        entry=np.diagonal,
    )
    chosen = (
        [0.0, 16.003907623933742, 68.02057249966789],
        [1.2009289063e-314] * 3,
        [88.01663712016305] * 3,
        [0.0, 19.945812226807096, 54.11322414875562],
        *rng.uniform(-100, 100, (DRAWS, 3)),
    )
    for x in chosen:
        yield from by_method(
            SIDES,
            suite,
            f"x + y² + z³ at {x[0]:.3g}, {x[1]:.3g}, {x[2]:.3g}, curvatures",
            hessian,
            (mixed, x),
            [0, 2, 6 * x[2]],
            1e-5,
            options={},
            bars=100.0,
            entry=np.diagonal,
        )
    # Two ions in a trap, at rest: their distance d has C / d³ = m w² / 2.
    stiffness = 39.96 * 1.66e-27 * (2 * np.pi * 1e6) ** 2
    from scipy import constants

    charge = constants.e**2 / (4 * np.pi * constants.epsilon_0)
    a = (charge / (4 * stiffness)) ** (1 / 3)
    yield Case(
        suite,
        "two ions",
        hessian,
        (
            lambda x: 0.5 * stiffness * np.sum(x**2) + charge / abs(x[0] - x[1]),
            [-a, a],
        ),
        stiffness * np.array([[2, -1], [-1, 2]]),
        1e-4,
    )
    yield from by_method(
        SIDES,
        suite,
        "cos(x - y) at 0, Hessian",
        hessian,
        (lambda x: np.cos(x[0] - x[1]), [0.0, 0.0]),
        [[-1, 1], [1, -1]],
    )
    e = math.exp(3)
    yield from by_method(
        SIDES,
        suite,
        "xyz + exp(x) y, Hessian",
        hessian,
        (lambda x: x[0] * x[1] * x[2] + np.exp(x[0]) * x[1], [3.0, 5.0, 7.0]),
        [[5 * e, e + 7, 5], [e + 7, 0, 3], [5, 3, 0]],
        RTOL,
        1e-4,
    )
    s, c = math.sin(15), math.cos(15)
    for name, f, true in (
        ("cos", np.cos, [[-25 * c, -15 * c - s], [-15 * c - s, -9 * c]]),
        ("sin", np.sin, [[-25 * s, c - 15 * s], [c - 15 * s, -9 * s]]),
    ):
        yield from by_method(
            SIDES,
            suite,
            f"{name} xy, Hessian",
            hessian,
            (lambda x, f=f: f(x[0] * x[1]), [3.0, 5.0]),
            true,
            RTOL,
            1e-4,
        )


ELEMENTARY = {
    "cos": "cos",
    "sin": "sin",
    "tan": "tan",
    "cosh": "cosh",
    "sinh": "sinh",
    "tanh": "tanh",
    "arcsinh": "asinh",
    "exp": "exp",
    "expm1": "expm1",
    "exp2": "exp2",
    "square": "square",
    "sqrt": "sqrt",
    "log": "log",
    "log1p": "log1p",
    "log10": "log10",
    "log2": "log2",
    "arccos": "acos",
    "arcsin": "asin",
    "arctan": "atan",
    "arccosh": "acosh",
    "arctanh": "atanh",
}
"""NumPy's name and mpmath's."""


def true_derivative(name: str, x: float, order: int) -> float:
    """By mpmath, with 60 digits."""
    import mpmath

    own = {
        "exp2": lambda x: mpmath.mpf(2) ** x,
        "square": lambda x: x * x,
        "log2": lambda x: mpmath.log(x) / mpmath.log(2),
    }
    f = own.get(name) or getattr(mpmath, ELEMENTARY[name])
    with mpmath.workdps(60):
        return float(mpmath.diff(f, mpmath.mpf(float(x)), order).real)


def _numdifftools_elementary(suite: str, rng: np.random.Generator) -> Iterator[Case]:
    draws = rng.uniform(0.1, 0.98, 3)
    for name, place, order in itertools.product(ELEMENTARY, draws, range(1, 5)):
        x = place + 1 if name == "arccosh" else place
        true = true_derivative(name, x, order)
        yield Case(
            suite,
            f"{name} at {x:.3g}, order {order}, Fornberg",
            derivative,
            (getattr(np, name), x),
            true,
            1e-6,
            1e-15,
            options={"order": order},
            bars=1.0,
        )
    for name, (order, first) in itertools.product(ELEMENTARY, ((1, 1e-4), (2, 1e-2))):
        if name == "arccosh":
            continue
        for x in np.linspace(first, 0.98, 5):
            true = true_derivative(name, x, order)
            yield Case(
                suite,
                f"{name} at {x:.3g}, order {order}, multicomplex",
                derivative,
                (getattr(np, name), x),
                true,
                options={"order": order},
            )
    # What it demands of algopy's exact derivatives, at any number.
    for x in rng.choice([-1, 1], DRAWS) * 10.0 ** rng.uniform(-300, 2.84, DRAWS):
        yield Case(suite, f"exp at {x:.3g}", derivative, (np.exp, x), np.exp(x))
        yield Case(suite, f"sinh at {x:.3g}", derivative, (np.sinh, x), np.cosh(x))
    for x in 10.0 ** rng.uniform(-5, 300, DRAWS):
        yield Case(suite, f"log at {x:.3g}", derivative, (np.log, x), 1 / x)


# --- statsmodels ----------------------------------------------------------------------


def statsmodels_suite() -> Iterator[Case]:
    """The tests of tools.numdiff: 200 observations, and its own models if installed."""
    suite = "statsmodels"
    old = np.random.RandomState(187678)
    data = old.randn(200, 3)
    y = data @ np.ones(3) + 0.1 * old.randn(200)
    fit = np.linalg.pinv(data) @ y
    decimals = {"central": 5, "forward": 6, "complex": 13}
    for name, beta in (("ones", np.ones(3)), ("least squares", fit)):
        residual = y - data @ beta
        functions = (
            ("sum", gradient, lambda b: (data @ b).sum(0), data.sum(0)),
            (
                "sum of squares",
                gradient,
                lambda b: ((y - data @ b) ** 2).sum(0),
                -2 * data.T @ residual,
            ),
            (
                "squares",
                jacobian,
                lambda b: (y - data @ b) ** 2,
                -2 * data * residual[:, None],
            ),
        )
        for (what, ask, f, true), (method, digits) in itertools.product(
            functions, decimals.items()
        ):
            yield Case(
                suite,
                f"{what} at {name}, {method}",
                ask,
                (f, beta),
                true,
                0.0,
                1.5 * 10.0**-digits,
                options={"method": method},
            )
        for what, f, true in (
            ("sum", functions[0][2], np.zeros((3, 3))),
            ("sum of squares", functions[1][2], 2 * data.T @ data),
        ):
            yield Case(
                suite,
                f"{what} at {name}, Hessian",
                hessian,
                (f, beta),
                true,
                0.0,
                1.5e-6,
            )
    yield Case(suite, "2 x", jacobian, (lambda x: 2 * x, [1, 2]), 2 * np.eye(2))
    for x in (1.0, 2.0):
        yield Case(suite, f"2 x at {x:g}", derivative, (lambda x: 2 * x, x), 2.0, 1e-8)
    if find_spec("statsmodels"):
        yield from _statsmodels_models(suite)


def _statsmodels_models(suite: str) -> Iterator[Case]:
    import statsmodels.api as sm

    spector = sm.datasets.spector.load()
    logit = sm.Logit(spector.endog, sm.add_constant(spector.exog, prepend=False))
    place = np.array([1.0, 0.25, 1.4, -7.0])
    anes = sm.datasets.anes96.load()
    exog = sm.add_constant(np.asarray(anes.exog), prepend=False)
    many = sm.MNLogit(np.asarray(anes.endog), exog)
    for name, model, x, relative in (
        ("logit", logit, place, True),
        ("multinomial logit", many, many.fit(disp=0).params.ravel("F"), False),
    ):
        score, curvature = np.ravel(model.score(x)), np.asarray(model.hessian(x))
        for method, atol in (
            ("forward", 0.15),
            ("central", 0.15),
            ("complex", 1.5e-11),
        ):
            yield Case(
                suite,
                f"score of {name}, {method}",
                gradient,
                (model.loglike, x),
                score,
                0.0,
                atol,
                options={"method": method},
            )
        demanded = {
            "forward": (0.0, 1.5e-4 if relative else 1.5e-2),
            "central": (1e-9, 0.0) if relative else (0.0, 1.5e-4),
            "complex": (1e-13, 0.0) if relative else (0.0, 1.5e-8),
        }
        for method, (rtol, atol) in demanded.items():
            yield Case(
                suite,
                f"Hessian of {name} from its score, {method}",
                jacobian,
                (lambda x, model=model: np.ravel(model.score(x)), x),
                curvature,
                rtol,
                atol,
                options={"method": method},
            )
        yield Case(
            suite,
            f"Hessian of {name} from its likelihood",
            hessian,
            (model.loglike, x),
            curvature,
            1e-9 if relative else 0.0,
            0.0 if relative else 1.5e-5,
        )


# --- jacobi ---------------------------------------------------------------------------


def jacobi_suite() -> Iterator[Case]:
    """The tests of jacobi; it demands small errors, too."""
    suite = "jacobi"
    x = np.array([1.0, 2.0, 3.0])
    outer = np.zeros((3, 3, 3))
    for i, j in itertools.product(range(3), range(3)):
        outer[i, j, i] += x[j]
        outer[i, j, j] += x[i]
    for name, f, true in (
        ("1", lambda x: 1.0, np.zeros(3)),
        ("exp", np.exp, np.diag(np.exp(x))),
        ("x²", lambda x: x**2, np.diag(2 * x)),
        ("ones", np.ones_like, np.zeros((3, 3))),
        ("1 / x", lambda x: x**-1, np.diag(-(x**-2))),
        ("√(x + 1)", lambda x: (x + 1) ** 0.5, np.diag(0.5 * (x + 1) ** -0.5)),
        ("mean of squares", lambda x: np.mean(x**2), 2 * x / 3),
        ("outer product", lambda x: np.outer(x, x), outer),
    ):
        yield Case(suite, name, jacobian, (f, x), true, largest=1e-10)
    yield Case(suite, "exp at 0", derivative, (np.exp, 0), 1.0, largest=1e-10)
    yield Case(
        suite,
        "three times x² at 2",
        derivative,
        (lambda x: np.ones(3) * x**2, 2),
        np.full(3, 4.0),
        largest=1e-10,
    )
    yield Case(suite, "abs(x) at 0", derivative, (abs, 0.0), 0.0, 0.0, largest=0.0)
    yield from by_method(
        SIDES, suite, "x at 0", derivative, (lambda x: x, 0.0), 1.0, largest=1e-10
    )
    for side, method in ((1, "forward"), (-1, "backward")):
        for given in ("central", method):
            yield Case(
                suite,
                f"x at 0, NaN for {'<>'[side < 0]} 0, {given}",
                derivative,
                (lambda x, side=side: x if side * x >= 0 else np.nan, 0.0),
                1.0,
                options={"method": given},
                largest=1e-10,
            )


SUITES: tuple[tuple[str, Callable[[], Iterator[Case]]], ...] = (
    ("scipy.differentiate", scipy_differentiate),
    ("scipy.optimize._numdiff", scipy_numdiff),
    ("numdifftools", numdifftools_suite),
    ("statsmodels", statsmodels_suite),
    ("jacobi", jacobi_suite),
)


@dataclass(frozen=True)
class Answer:
    """What Secant says to a case.

    Attributes:
        right: Whether it is as near as the peer's test demands.
        held: Whether the true derivative is within the estimated error.
        said: What is amiss, in words.
    """

    right: bool
    held: bool
    said: str = ""


def answer(case: Case) -> Answer:
    """Asks Secant, and compares."""
    try:
        found = case.ask(*case.arguments, **case.options)
    except SecantError as error:
        return Answer(False, False, f"refused: {error}")
    value, error = case.entry(found.value), case.entry(found.error)
    true = np.asarray(case.true, dtype=float).reshape(value.shape)
    off = abs(value - true)
    allowed = case.atol + case.rtol * abs(true)
    allowed = np.maximum(allowed, case.bars * error)
    # The truth is rounded, too.
    known = 4 * np.finfo(np.float64).eps * abs(true) + np.finfo(np.float64).tiny
    right = bool((off <= allowed).all() and (error <= case.largest).all())
    held = bool((off <= error + known).all())
    worst = np.unravel_index(np.argmax(off - np.minimum(allowed, error)), off.shape)
    said = f"{value[worst]:.10g} ± {error[worst]:.2g} for {true[worst]:.10g}"
    return Answer(right, held, f"{said}; {found.status}")


def main(only: str = "") -> None:
    """Prints the counts, and every case that is not right."""
    began = perf_counter()
    lines: list[str] = []
    print("| suite | cases | as near as demanded | within the estimated error |")
    print("|---|---:|---:|---:|")
    for suite, cases in SUITES:
        answers = []
        for case in cases():
            if only not in f"{suite} {case.name}":
                continue
            found = answer(case)
            answers.append(found)
            if not (found.right and found.held):
                line = f"| {suite} | {case.name} | {found.said} |"
                print(line, file=sys.stderr, flush=True)
                lines.append(line)
        right = sum(found.right for found in answers)
        held = sum(found.held for found in answers)
        print(f"| {suite} | {len(answers)} | {right} | {held} |", flush=True)
    print("\n| suite | case | Secant |\n|---|---|---|")
    for line in lines:
        print(line)
    print(f"\n{perf_counter() - began:.0f} s", file=sys.stderr)
