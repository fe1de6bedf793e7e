"""Measure the accuracy of each smooth rule, and write `docs/accuracy.md`.

Usage:
    python validation/accuracy.py > docs/accuracy.md

`tests/propagation/test_accuracy.py` holds the same cases to the same bounds.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
from jax import lax

from secant.propagation import difference

DTYPES = ("float32", "float64", "bfloat16", "float16")
BOUND = 8.0
"""The most ulp a smooth rule may be off where its case says no other number."""

DRAWS = 24
"""How many random x and dx in each span, beside one for each ±10^k."""

# Enough for 20 digits of a difference 1e-30 times as large as dx, in a tail of 1e-30.
mp.mp.dps = 110


@dataclass(frozen=True)
class Case:
    """One rule, where to try it, and what it should give.

    Attributes:
        name: What the table calls it.
        f: The function, of one array or (`operands` > 1) of several.
        exact: The same function of mpmath numbers.
        spans: Where x is drawn from: (low, high), one for each operand if there are
            several; ordinary places first, then tails.
        inside: Whether an x is in the function's domain.
        turns: Where the function is not monotone: its minima and maxima from a to b.
        terms: Where the rule is a sum: a function of a and b, the terms' magnitudes.
        bound: How many ulp in float32 and float64 it may be off.
        why: Why more than 8.
        operands: How many arrays it takes.
        stride: Of the ±10^k, every how many-th; more than 1 for what takes long.
        dtypes: Those that can hold its differences.
    """

    name: str
    f: Callable[..., Any]
    exact: Callable[..., Any]
    spans: Sequence[Any]
    inside: Callable[..., bool] = lambda *_: True
    turns: Callable[[Any, Any], list[Any]] = lambda a, b: []
    terms: Callable[[Any, Any], Any] = lambda a, b: 0
    bound: tuple[float, float] = (BOUND, BOUND)
    why: str = ""
    operands: int = 1
    stride: int = 1
    dtypes: Sequence[str] = DTYPES

    def allowed(self, dtype: str) -> float:
        """How many ulp the rule may be off in a dtype."""
        return dict(zip(DTYPES, self.bound, strict=False)).get(dtype, BOUND)


def measure(case: Case, dtype: str, seed: int = 0) -> tuple[float, tuple[Any, ...]]:
    """The worst error of a rule in ulp, and where: (x…, dx…).

    In units of eps times the way that f goes from x to x + dx: its total variation;
    of several operands the sum of what each of them brings about. Points whose
    difference is below the smallest normal number, or overflows, are left out.
    """
    n = case.operands
    with jax.enable_x64(dtype == "float64"):
        limits = jnp.finfo(dtype)
        columns = _points(case, dtype, np.random.default_rng(seed))
        carry = jax.jit(difference(lambda at: case.f(*at)))
        _, change = carry(tuple(columns[:n]), tuple(columns[n:]))
        # Through float64, which holds each of the four dtypes.
        table = [np.asarray(c).astype(np.float64) for c in (change, *columns)]
    tiny, most, eps = (float(v) for v in (limits.tiny, limits.max, limits.eps))
    errors = {}
    for given, *point in zip(*table, strict=True):
        a = [mp.mpf(float(v)) for v in point[:n]]
        b = [u + mp.mpf(float(v)) for u, v in zip(a, point[n:], strict=True)]
        if min(map(abs, point[n:])) < tiny or not (case.inside(*a) and case.inside(*b)):
            continue
        delta, way = _exact(case, a, b)
        if tiny <= abs(delta) < most / 4:
            finite = np.isfinite(given)
            off = abs(mp.mpf(float(given)) - delta) / way / eps if finite else np.inf
            errors[tuple(map(float, point))] = float(off)
    if len(errors) < 15:
        raise AssertionError(f"{case.name}, {dtype}: {len(errors)} points are too few")
    worst = max(errors, key=errors.__getitem__)
    return errors[worst], worst


def _exact(case: Case, a: list[Any], b: list[Any]) -> tuple[Any, Any]:
    """`f(b) - f(a)` and the length of the way between."""
    if case.operands > 1:  # one after the other
        heights = [case.exact(*b[:i], *a[i:]) for i in range(case.operands + 1)]
    else:
        low, high = sorted((a[0], b[0]))
        turns = case.turns(low, high) if a[0] < b[0] else case.turns(low, high)[::-1]
        heights = [case.exact(s) for s in (a[0], *turns, b[0])]
    way = sum(abs(v - u) for u, v in pairwise(heights))
    return heights[-1] - heights[0], max(way, case.terms(*a[:1], *b[:1]))


def _points(case: Case, dtype: str, rng: np.random.Generator) -> list[Any]:
    """Columns of x and of dx in the dtype: ±10^k, and random sizes."""
    powers = [s * 10.0**k for k in range(-30, 1, case.stride) for s in (1, -1)]
    rows = []
    for span in case.spans:
        ends = span if case.operands > 1 else (span,)
        x = [_draw(rng, *end, len(powers) + DRAWS) for end in ends]
        dx = []
        for i in range(case.operands):
            share = 1 if i == 0 else rng.uniform(-1, 1, len(powers))
            some = rng.uniform(-1, 1, DRAWS) * 10.0 ** rng.uniform(-4, 0, DRAWS)
            dx.append(np.concatenate([np.array(powers) * share, some]))
        rows.append([*x, *dx])
    columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
    return [jnp.asarray(column).astype(dtype) for column in columns]


def _draw(rng: np.random.Generator, low: float, high: float, count: int) -> np.ndarray:
    """Uniform, or in the logarithm where a span goes over orders of magnitude."""
    if low > 0 and high / low > 1000:
        return np.exp(rng.uniform(np.log(low), np.log(high), count))
    return rng.uniform(low, high, count)


def multiples(step: Any, offset: Any = 0) -> Callable[[Any, Any], list[Any]]:
    """Turning points at `offset + k step`."""

    def turns(a: Any, b: Any) -> list[Any]:
        first = int(mp.ceil((a - offset) / step))
        last = int(mp.floor((b - offset) / step))
        return [offset + k * step for k in range(first, last + 1)]

    return turns


def at(*places: Any) -> Callable[[Any, Any], list[Any]]:
    """Turning points at these places."""
    return lambda a, b: [p for p in places if a < p < b]


def positive(x: Any) -> bool:
    """Whether x > 0."""
    return x > 0


def logistic(x: Any) -> Any:
    """The logistic function of an mpmath number."""
    return 1 / (1 + mp.exp(-x))


def _cbrt(x: Any) -> Any:
    return mp.sign(x) * mp.cbrt(abs(x))


def _scaled_bessel(order: int) -> Callable[[Any], Any]:
    return lambda x: mp.besseli(order, x) * mp.exp(-abs(x))


_PSI_ROOT = mp.findroot(mp.digamma, 1.4616)
_I1E_TOP = mp.findroot(lambda x: mp.diff(_scaled_bessel(1), x), 1.5)


def _gamma_cases() -> tuple[Case, ...]:
    def igamma(
        a: float, low: float, high: float, bound: float, where: str = ""
    ) -> Case:
        return Case(
            f"igamma, a = {a}{where}",
            lambda x: lax.igamma(jnp.full_like(x, a), x),
            lambda x: mp.gammainc(a, 0, x, regularized=True),
            [(low, high)],
            positive,
            stride=3,
            bound=(bound, bound),
            dtypes=DTYPES[:2] if where else DTYPES,
            why="its density divides exp of a rounded exponent by exp of XLA's lgamma",
        )

    def betainc(a: float, b: float) -> Case:
        return Case(
            f"betainc, a = {a}, b = {b}",
            lambda x: lax.betainc(jnp.full_like(x, a), jnp.full_like(x, b), x),
            lambda x: mp.betainc(a, b, 0, x, regularized=True),
            [(0.05, 0.95)],
            lambda x: 0 < x < 1,
            stride=3,
            bound=(32, 32),
            why="XLA's lgamma, which gives B(a, b)",
        )

    return (
        igamma(0.5, 0.1, 3.3, 12),
        igamma(3.0, 0.1, 10, 12),
        igamma(30.0, 19, 52, 24),
        igamma(30.0, 0.5, 10, 150, ", far below its mean"),
        Case(
            "igamma, in a",
            lambda a: lax.igamma(a, jnp.full_like(a, 2)),
            lambda a: mp.gammainc(a, 0, 2, regularized=True),
            [(0.5, 4)],
            positive,
            stride=3,
            bound=(32, 600),
            why="XLA's own derivative with respect to a",
        ),
        betainc(0.5, 2.0),
        betainc(5.0, 3.0),
    )


def _zeta_case(name: str, s: float, f: Callable[[Any], Any], factor: int = 1) -> Case:
    return Case(
        name,
        f,
        lambda q: factor * mp.zeta(s, q),
        [(0.1, 3), (0.1, 30)],
        positive,
        stride=3,
    )


CASES: tuple[Case, ...] = (
    Case("neg", lax.neg, lambda x: -x, [(-3, 3)]),
    Case("mul", lax.mul, lambda a, b: a * b, [((-3, 3), (-3, 3))], operands=2),
    Case(
        "div",
        lax.div,
        lambda a, b: a / b,
        [((-3, 3), (0.5, 3))],
        lambda a, b: b > 0,
        operands=2,
    ),
    Case("square", lax.square, lambda x: x * x, [(-3, 3), (1e-6, 1e4)], turns=at(0)),
    *(
        Case(
            f"integer_pow {n}",
            lambda x, n=n: lax.integer_pow(x, n),
            lambda x, n=n: x**n,
            [(-3, 3), (0.1, 10)],
            inside=(lambda x: True) if n > 0 else positive,
            turns=at(0) if n > 0 and n % 2 == 0 else at(),
        )
        for n in (3, 4, 7, -1, -2, -3)
    ),
    Case(
        "pow",
        lax.pow,
        lambda a, b: a**b,
        [((0.1, 3), (-3, 3)), ((1e-3, 100), (-2, 2))],
        lambda a, b: a > 0,
        operands=2,
    ),
    Case("sqrt", lax.sqrt, mp.sqrt, [(0, 3), (1e-6, 1e4)], positive),
    Case("rsqrt", lax.rsqrt, lambda x: 1 / mp.sqrt(x), [(0, 3), (1e-4, 1e4)], positive),
    Case("cbrt", lax.cbrt, _cbrt, [(-3, 3), (1e-6, 1e4)]),
    Case("exp", lax.exp, mp.exp, [(-3, 3), (-80, 80), (-9, 9)]),
    Case("exp2", lax.exp2, lambda x: mp.mpf(2) ** x, [(-3, 3), (-120, 120), (-9, 9)]),
    Case("expm1", lax.expm1, mp.expm1, [(-3, 3), (-80, 80), (-9, 9)]),
    Case("log", lax.log, mp.log, [(0, 3), (1e-6, 1e4)], positive),
    Case("log1p", lax.log1p, mp.log1p, [(-1, 3), (1e-6, 1e4)], lambda x: x > -1),
    Case("logistic", lax.logistic, logistic, [(-3, 3), (-20, 20), (-80, 80)]),
    Case("tanh", lax.tanh, mp.tanh, [(-3, 3), (-9, 9), (-40, 40)]),
    Case("sinh", lax.sinh, mp.sinh, [(-3, 3), (-80, 80), (-9, 9)]),
    Case("cosh", lax.cosh, mp.cosh, [(-3, 3), (-80, 80), (-9, 9)], turns=at(0)),
    Case("asinh", lax.asinh, mp.asinh, [(-3, 3), (1e-6, 1e4)]),
    Case("acosh", lax.acosh, mp.acosh, [(1, 3), (1, 1e4)], lambda x: x > 1),
    Case("atanh", lax.atanh, mp.atanh, [(-1, 1), (0.99, 1)], lambda x: abs(x) < 1),
    Case(
        "sin", lax.sin, mp.sin, [(-3, 3), (-99, 99)], turns=multiples(mp.pi, mp.pi / 2)
    ),
    Case("cos", lax.cos, mp.cos, [(-3, 3), (-99, 99)], turns=multiples(mp.pi)),
    Case("tan", lax.tan, mp.tan, [(-1.6, 1.6)], lambda x: abs(x) < mp.pi / 2),
    Case("asin", lax.asin, mp.asin, [(-1, 1), (0.99, 1)], lambda x: abs(x) < 1),
    Case("acos", lax.acos, mp.acos, [(-1, 1), (-1, -0.99)], lambda x: abs(x) < 1),
    Case("atan", lax.atan, mp.atan, [(-3, 3), (1e-6, 1e4)]),
    Case(
        "atan2",
        lax.atan2,
        mp.atan2,
        [((-3, 3), (0.1, 3)), ((1, 3), (-3, 3))],
        lambda y, x: y > 0 or x > 0,
        operands=2,
    ),
    Case("erf", lax.erf, mp.erf, [(-1, 1), (-4, 4), (-9, 9)]),
    Case("erfc", lax.erfc, mp.erfc, [(-1, 1), (-4, 4), (-9, 9)]),
    Case(
        "erf_inv",
        lax.erf_inv,
        mp.erfinv,
        [(-0.9, 0.9), (0.9, 1)],
        lambda x: abs(x) < 1,
        stride=3,
    ),
    Case(
        "lgamma",
        lax.lgamma,
        lambda x: mp.log(mp.gamma(x)),
        [(0, 3), (1e-4, 100)],
        positive,
        turns=at(_PSI_ROOT),
        stride=2,
    ),
    Case("digamma", lax.digamma, mp.digamma, [(0, 3), (1e-4, 100)], positive, stride=2),
    _zeta_case("polygamma 1", 2, lambda x: lax.polygamma(jnp.full_like(x, 1), x)),
    _zeta_case("polygamma 3", 4, lambda x: lax.polygamma(jnp.full_like(x, 3), x), 6),
    _zeta_case("zeta 1.5", 1.5, lambda x: lax.zeta(jnp.full_like(x, 1.5), x)),
    *_gamma_cases(),
    Case(
        "bessel_i0e",
        lax.bessel_i0e,
        _scaled_bessel(0),
        [(-3, 3), (-99, 99)],
        turns=at(0),
        stride=2,
    ),
    Case(
        "bessel_i1e",
        lax.bessel_i1e,
        _scaled_bessel(1),
        [(-3, 3), (-99, 99)],
        turns=at(-_I1E_TOP, _I1E_TOP),
        terms=lambda a, b: abs(_scaled_bessel(0)(a) - _scaled_bessel(0)(b)),
        stride=2,
    ),
)
if hasattr(lax, "log2_p"):
    CASES += (
        Case("log2", jnp.log2, lambda x: mp.log(x, 2), [(0, 3), (1e-6, 1e4)], positive),
    )


def table() -> str:
    """Every rule's worst error in every dtype, as Markdown."""
    lines = ["| function | " + " | ".join(DTYPES) + " | |", "|---" * 6 + "|"]
    for case in CASES:
        worst = [
            f"{measure(case, dtype)[0]:.1f}" if dtype in case.dtypes else "–"
            for dtype in DTYPES
        ]
        lines.append(f"| {case.name} | " + " | ".join(worst) + f" | {case.why} |")
    return "\n".join(lines)


_TEXT = """\
# Accuracy of the rules

The table has the largest observed error of `secant.difference` against mpmath with 110
digits, in ulp, for |Δx| from 1e-30 to 1 as far as the dtype allows, at ordinary x and
in the tails. The tests allow each rule 8 ulp, or more for the reason in the last
column.

One ulp is the dtype's eps times the total variation of the function from x to x + Δx:
between two points on both sides of a maximum a difference may cancel to nothing, and no
formula keeps its digits. If two operands change, the unit is the sum of their
contributions. For `bessel_i1e`, a sum of terms of both signs, the unit is the change of
`bessel_i0e`, which has the same terms without signs (near its maximum at 1.55, the
largest error is 63 ulp of its own total variation).

{table}

For |Δx| > 1 the tests allow 64 ulp. Farther from its mean, where `igamma` is almost 0,
it has only the digits of XLA's own `igamma`.

The table leaves out:

- sums, differences, `complex`, `real`, `imag`, `conj` and `rem`, which round once;
- complex arguments of functions other than products, quotients, powers, `sqrt` and
  `exp`: Gauss-Legendre quadrature of the derivative for |Δx| < 0.1, else subtraction;
- changes of the order of `zeta` and `polygamma`, of a and b of `betainc`, and of
  `igamma_grad_a`: subtraction, since JAX has no functions for these derivatives;
- `lgamma` and `digamma` left of 0, by reflection: tests hold `digamma` to 4 ulp, and
  `lgamma` to 8 ulp of the terms `log |sin πx|` and `log Γ(1 - x)`; subtraction if |Δx|
  is more than 1 and than a third of 1 - x;
- `eigh`, `svd`, `qr` and `eig`: tests hold them to 16 ulp of the norm of a change,
  times the condition, and `eig` to 32.

JAX {jax} on {device}; written by `python validation/accuracy.py > docs/accuracy.md`.
"""


def main() -> None:
    """Print the page."""
    device = jax.devices()[0].platform.upper()
    sys.stdout.write(_TEXT.format(table=table(), jax=jax.__version__, device=device))


if __name__ == "__main__":
    main()
