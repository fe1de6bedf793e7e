"""Exponentials and logarithms, and the logistic function."""

import math

import jax.numpy as jnp
import numpy as np
from jax import lax

from secant.propagation.changes import Array, two_sum
from secant.propagation.formulas import (
    expm1,
    growth,
    is_double,
    leading,
    log_ratio,
)
from secant.propagation.registry import elementwise

_LN2 = math.log(2)
# ln 2 in two parts; half of a number's digits times the first is exact.
_LN2_IN_TWO = {
    False: (0x162E / 2**13, 3.194618494530941723e-5),
    True: (0x58B90BF / 2**27, 5.5459262969660602465e-9),
}


def _exp(x: Array, dx: Array, ans: Array) -> Array:
    if jnp.iscomplexobj(x):
        return ans * _complex_expm1(dx)
    return growth(x, dx, ans)


def _complex_expm1(d: Array) -> Array:
    """`expm1(a) cos b - 2 sin²(b/2)`, and `exp(a) sin b` for the imaginary part."""
    a, b = jnp.real(d), jnp.imag(d)
    grown, half = expm1(a), jnp.sin(b / 2)
    return lax.complex(grown * jnp.cos(b) - 2 * half * half, (grown + 1) * jnp.sin(b))


def _exp2(x: Array, dx: Array, ans: Array) -> Array:
    there, e = two_sum(x, dx)
    far = dx > 1
    near = _power_of_two(x) * expm1(jnp.where(far, 0, dx) * _LN2)
    return jnp.where(far, _power_of_two(there) * (1 + e * _LN2) - ans, near)


def _power_of_two(x: Array) -> Array:
    """`exp(x ln 2)` with a product that is not rounded: XLA's `exp2` is off by 30 ulp.

    Cody & Waite (1980), Software Manual for the Elementary Functions, on splitting.
    """
    high, low = _LN2_IN_TWO[is_double(x)]
    x_high = leading(x)
    s, e = two_sum(x_high * high, x_high * low + (x - x_high) * _LN2)
    return jnp.exp(s) * (1 + e)


def _expm1(x: Array, dx: Array, ans: Array) -> Array:
    return growth(x, dx, jnp.exp(x))


def _log(x: Array, dx: Array, ans: Array) -> Array:
    return _logarithm_of_quotient(x, dx, x + dx, ans)


def _log1p(x: Array, dx: Array, ans: Array) -> Array:
    one_more, e = two_sum(x, jnp.ones_like(x))
    return _logarithm_of_quotient(one_more, dx, (one_more + dx) + e, ans)


def _log2(x: Array, dx: Array, ans: Array) -> Array:
    return _logarithm_of_quotient(x, dx, x + dx, ans * _LN2) / _LN2


def _logarithm_of_quotient(x: Array, dx: Array, there: Array, log_x: Array) -> Array:
    """`log(there / x)`; a quotient that might overflow is not formed."""
    z = dx / x
    far = (z > float(np.sqrt(jnp.finfo(x.dtype).max))) | (x < 0)
    ratio = there / jnp.where(far, 1, x)
    return log_ratio(jnp.where(far, 1, z), ratio) - jnp.where(far, log_x, 0)


def sigmoid_change(x: Array, dx: Array, height: int = 1) -> Array:
    """`height Δσ`, `Δσ = σ(b) σ(-a) (1 - exp(a - b))`, a the smaller end, b the larger.

    No factor cancels, in the tails either. σ at the end that is a rounded sum is
    corrected for the rounding: Δσ/σ = Δx (1 - σ).
    """
    there, e = two_sum(x, dx)
    up = dx >= 0
    of_x = lax.logistic(jnp.where(up, -x, x))
    rounded = lax.logistic(jnp.where(up, there, -there))
    of_there = rounded * (1 + jnp.where(up, e, -e) * (1 - rounded))
    # The height comes in early: the product of the rest may be too small a number.
    rise = jnp.where(up, -height, height) * expm1(-abs(dx))
    return of_x * of_there * rise


def _logistic(x: Array, dx: Array, ans: Array) -> Array:
    return sigmoid_change(x, dx)


elementwise(lax.exp_p, _exp, "Δ exp x = exp(x) expm1(Δx)", complex_too=True)
elementwise(lax.exp2_p, _exp2, "Δ 2ˣ = 2ˣ expm1(Δx ln 2)")
elementwise(lax.expm1_p, _expm1, "Δ expm1 x = exp(x) expm1(Δx)")
elementwise(lax.log_p, _log, "Δ log x = log1p(Δx/x)")
elementwise(lax.log1p_p, _log1p, "Δ log1p x = log1p(Δx/(1 + x))")
_log2_p = getattr(lax, "log2_p", None)  # from JAX 0.11 on
if _log2_p is not None:
    elementwise(_log2_p, _log2, "Δ log₂ x = log1p(Δx/x) / ln 2")
elementwise(
    lax.logistic_p,
    _logistic,
    "Δσ = σ(b) σ(-a) (1 - exp(a - b)), a and b the smaller and the larger end",
)
