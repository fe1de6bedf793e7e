"""Numerics of the smooth rules: functions that keep all digits of a difference.

They consist of primitives that have rules, so the difference of a difference works.
Where they switch between formulas, the condition depends on `dx` rather than on `x` if
possible: a formula that changes on the way from one `x` to another would cost digits
there.
"""

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from secant.propagation.delta import Array, two_sum


def is_double(x: Array) -> bool:
    """Whether a number's real part has the digits of float64."""
    return jnp.finfo(x.dtype).bits == 64


def polynomial(x: Array, coefficients: Any) -> Array:
    """`c0 xⁿ + c1 xⁿ⁻¹ + …` by Horner's rule."""
    total = jnp.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        total = total * x + c
    return total


def safe_divide(a: Array, b: Array) -> Array:
    """`a / b`, and 0 for 0 / 0."""
    both = (a == 0) & (b == 0)
    return jnp.where(both, 0, a / jnp.where(both, 1, b))


def leading_half(x: Array) -> Array:
    """`x` rounded to half of its digits, so that its square and the rest are exact."""
    bits, digits = (11, 25) if is_double(x) else (8, 11)
    return lax.reduce_precision(x, bits, digits)


def delta_from(ans: Array, value: Array, delta: Array) -> Array:
    """`(value - ans) + delta`, rounded about once: the way from `ans` to `value + Δ`.

    If anything cancels here, it cancels exactly: the two values are close, or the two
    differences are. Where `value` and `ans` are the same infinity, the result is
    `delta`.
    """
    s, e = two_sum(value, -ans)
    same = (value == ans) & ~jnp.isfinite(s)
    return (jnp.where(same, 0, s) + delta) + e


def subtract_unless_same(then: Array, now: Array, same: Array) -> Array:
    """`then - now`, and 0 where `same` says that both are the same element.

    A compiled program may compute one number twice and round it only once: `a b - a b`
    is then the rounding error of the product.
    """
    return jnp.where(same | (then == now), 0, then - now).astype(now.dtype)


# --- Exponentials and logarithms ---


def expm1(d: Array) -> Array:
    """`exp(d) - 1`, by Taylor's series where `d` is small.

    It costs one exponential, half of what XLA's own takes on a CPU. Its error is at
    most 3 ulp.
    """
    small = abs(d) < 0.3
    inner = jnp.where(small, d, 0)
    return jnp.where(small, inner * _expm1_series(inner), jnp.exp(d) - 1)


def _expm1_series(d: Array) -> Array:
    """`(exp(d) - 1) / d` for |d| < 0.3."""
    terms = 14 if is_double(d) else 7
    return polynomial(d, [1 / math.factorial(k) for k in range(terms, 0, -1)])


def exp_difference(x: Array, dx: Array, exp_x: Array) -> Array:
    """`exp(x + dx) - exp(x) = exp(x) expm1(dx)`, with one exponential.

    Where `dx > 1`, nothing cancels, and the left side avoids 0 times infinity.
    """
    there, e = two_sum(x, dx)
    far = dx > 1
    power = jnp.exp(jnp.where(far, there, dx))
    small = abs(dx) < 0.3
    inner = jnp.where(small, dx, 0)
    near = exp_x * jnp.where(small, inner * _expm1_series(inner), power - 1)
    return jnp.where(far, power * (1 + e) - exp_x, near)


def log_ratio(z: Array, ratio: Array) -> Array:
    """`log(1 + z)`, given `z` and `ratio = 1 + z`; it uses the more exact of the two.

    Where `z` is small, the series of `2 atanh(z / (2 + z))`; elsewhere `log(ratio)`.
    XLA's own log1p has an error of 28 ulp in float64 and takes twice as long.
    """
    terms = 12 if is_double(z) else 6
    small = abs(z) < 0.35
    inner = jnp.where(small, z, 0)
    w = inner / (2 + inner)
    series = polynomial(w * w, [1 / k for k in range(2 * terms - 1, 0, -2)])
    return jnp.where(small, 2 * w * series, jnp.log(jnp.where(small, 1, ratio)))


# --- Mean slopes: `f(x + dx) - f(x) = dx` times the mean of `f'` on the way ---


def quadrature_mean(f: Callable[[Array], Array], dx: Array, nodes: int) -> Array:
    """The mean of `f(s)` for `s` from 0 to `dx`, by Gauss-Legendre quadrature.

    A loop over the nodes, for an `f` that takes long to compile.
    """
    at, weights = np.polynomial.legendre.leggauss(nodes)

    def add(total: Array, node: tuple[Array, Array]) -> tuple[Array, None]:
        t, weight = node
        return total + weight * f(t * dx), None

    table = jnp.asarray((at + 1) / 2, dx.dtype), jnp.asarray(weights / 2, dx.dtype)
    return lax.scan(add, jnp.zeros_like(dx), table)[0]


def quadrature_mean_unrolled(
    f: Callable[[Array], Array], dx: Array, nodes: int
) -> Array:
    """As `quadrature_mean`, without a loop, for an `f` that is computed fast."""
    at, weights = np.polynomial.legendre.leggauss(nodes)
    parts = [
        float(weight) / 2 * f(float(t + 1) / 2 * dx)
        for t, weight in zip(at, weights, strict=True)
    ]
    return functools.reduce(operator.add, parts)


def analytic_difference(
    f: Callable[[Array], Array], x: Array, dx: Array, ans: Array
) -> Array:
    """The difference of any analytic function of a complex number.

    `dx` times the mean of the derivative on the way. Where |dx| is not small, plain
    subtraction: the positions of the function's poles and cuts are not known.
    """
    near = abs(dx) < 0.1
    inner = jnp.where(near, dx, 0)

    def derivative(s: Array) -> Array:
        z = x + s
        return jax.jvp(f, (z,), (jnp.ones_like(z),))[1]

    by_mean = inner * quadrature_mean(derivative, inner, 10 if is_double(x) else 6)
    return jnp.where(near, by_mean, f(x + dx) - ans)
