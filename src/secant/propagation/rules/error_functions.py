"""The error function, its complement and its inverse."""

import math

import jax.numpy as jnp
from jax import lax

from secant.propagation.changes import Array, two_sum
from secant.propagation.formulas import (
    expm1,
    is_double,
    leading,
    mean,
    mean_of_few,
    polynomial,
)
from secant.propagation.registry import elementwise

_SLOPE = 2 / math.sqrt(math.pi)

# Cody (1969), "Rational Chebyshev approximations for the error function", Math. Comp.
# 23, 631-637: exp(x²) erfc(x) for 0.46875 <= x <= 4, and for x > 4 in 1/x².
_MIDDLE = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594,
     6.61191906371416295e1, 2.98635138197400131e2, 8.81952221241769090e2,
     1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2,
     1.62138957456669019e3, 3.29079923573345963e3, 4.36261909014324716e3,
     3.43936767414372164e3, 1.23033935480374942e3),
)  # fmt: skip
_OUTER = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1,
     1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1,
     6.05183413124413191e-2, 2.33520497626869185e-3),
)  # fmt: skip


def scaled_complement(x: Array) -> Array:
    """`exp(x²) erfc(x)` for x >= 0.47, with all digits (Cody 1969)."""
    inner = jnp.clip(x, 0.4, 4)
    middle = polynomial(inner, _MIDDLE[0]) / polynomial(inner, _MIDDLE[1])
    outer = jnp.maximum(x, 4)
    z = 1 / (outer * outer)
    rest = z * polynomial(z, _OUTER[0]) / polynomial(z, _OUTER[1])
    return jnp.where(x <= 4, middle, (1 / math.sqrt(math.pi) - rest) / outer)


def gaussian(x: Array) -> Array:
    """`exp(-x²)`, the square in two parts: rounded, it costs x² ulp (Cody 1969)."""
    # Beyond 30 it is 0 in any dtype.
    x = jnp.clip(x, -30, 30)
    high = leading(x)
    bell = jnp.exp(-high * high)
    # Not the product of two exponentials: XLA makes one of them, of a rounded sum.
    return bell * (1 + expm1(-(x - high) * (x + high)))


def _erf(x: Array, dx: Array, ans: Array) -> Array:
    """`2/√π exp(-x²) ∫ exp(-2xs - s²) ds` over 0 … Δx, where that is well scaled.

    Elsewhere nothing cancels in a subtraction, if in the tails it is one of erfc's.
    """
    stretch = abs(dx) * (2 * abs(x) + abs(dx))
    near = stretch < 0.5
    d = jnp.where(near, dx, 0)
    inside = jnp.where(near, x, 0)
    integral = mean_of_few(
        lambda s: jnp.exp(-s * (2 * inside + s)), d, 9 if is_double(x) else 5
    )
    carried = _SLOPE * gaussian(inside) * d * integral

    there, e = two_sum(x, dx)
    side = jnp.where(x + there < 0, -1, 1).astype(x.dtype)
    a, b, e = side * x, side * there, side * e
    in_tail = jnp.minimum(a, b) > 0.5
    tails = gaussian(a) * scaled_complement(a) - gaussian(b) * (
        scaled_complement(b) - _SLOPE * e
    )
    far = jnp.where(in_tail, side * tails, lax.erf(there) - lax.erf(x))
    return jnp.where(near, carried, far)


def _erfc(x: Array, dx: Array, ans: Array) -> Array:
    return -_erf(x, dx, ans)


elementwise(lax.erf_p, _erf, "2/√π exp(-x²) ∫ exp(-2xs - s²) ds over 0 … Δx")
elementwise(lax.erfc_p, _erfc, "-Δ erf x")


def _erf_inv(x: Array, dx: Array, ans: Array) -> Array:
    """`Δx` times the mean of `1 / erf'`, or subtraction where Δx is large.

    With p = 1 - |x| = erfc(y), `exp(y²) = exp(y²) erfc(y) / p`, which does not amplify
    the error of y.
    """
    sign = jnp.where(x < 0, -1, 1).astype(x.dtype)
    p = 1 - abs(x)

    def left(s: Array) -> Array:
        """`1 - |x + s|`."""
        return jnp.where(sign * (x + s) > 0, p - sign * s, 1 - abs(x + s))

    p_there = left(dx)
    near = abs(dx) < 1.3 * jnp.minimum(p, p_there)
    d = jnp.where(near, dx, 0)

    def reciprocal_slope(s: Array) -> Array:
        rest = left(s)
        y = abs(_inverse(x + s, rest))
        # Near 0, where the scaled complement is not to be had, exp(y²) itself.
        inner = jnp.exp(jnp.where(y < 0.5, y, 0) ** 2)
        outer = scaled_complement(y) / jnp.where(rest > 0, rest, 1)
        return jnp.where(y < 0.5, inner, outer) / _SLOPE

    carried = d * mean(reciprocal_slope, d, 14 if is_double(x) else 8)
    return jnp.where(near, carried, _inverse(x + dx, p_there) - _inverse(x, p))


def _inverse(x: Array, p: Array) -> Array:
    """`erf_inv(x)` with `p = 1 - |x|`: one of Newton's steps from XLA's, 17 ulp off."""
    y = lax.erf_inv(x)
    size = abs(y)
    tail = (size > 0.5) & jnp.isfinite(y) & (p > 0)
    inner = jnp.where(tail, size, 1)
    bell = gaussian(inner)
    step = (bell * scaled_complement(inner) - p) / (_SLOPE * bell)
    return jnp.where(tail, jnp.sign(y) * (inner + step), y)


elementwise(lax.erf_inv_p, _erf_inv, "Δx times the mean of √π/2 exp(erf_inv²)")
