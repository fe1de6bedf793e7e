"""Exponentials and logarithms, logistic and hyperbolic functions."""

import math

import jax.numpy as jnp
import numpy as np
from jax import lax

from secant.propagation.builders import def_elementwise
from secant.propagation.delta import Array, two_sum
from secant.propagation.numerics import (
    exp_difference,
    expm1,
    is_double,
    leading_half,
    log_ratio,
    safe_divide,
)
from secant.propagation.rules.trigonometric import one_minus_and_plus

_LN2 = math.log(2)
# ln 2 in two parts. The first part times half of a number's digits is exact.
_LN2_IN_TWO = {
    False: (0x162E / 2**13, 3.194618494530941723e-5),
    True: (0x58B90BF / 2**27, 5.5459262969660602465e-9),
}


def _exp(x: Array, dx: Array, ans: Array) -> Array:
    if jnp.iscomplexobj(x):
        return ans * _complex_expm1(dx)
    return exp_difference(x, dx, ans)


def _complex_expm1(d: Array) -> Array:
    """`expm1(a) cos b - 2 sin²(b/2)`, and `exp(a) sin b` for the imaginary part."""
    a, b = jnp.real(d), jnp.imag(d)
    growth, half = expm1(a), jnp.sin(b / 2)
    return lax.complex(growth * jnp.cos(b) - 2 * half * half, (growth + 1) * jnp.sin(b))


def _exp2(x: Array, dx: Array, ans: Array) -> Array:
    there, e = two_sum(x, dx)
    far = dx > 1
    near = _exp2_of(x) * expm1(jnp.where(far, 0, dx) * _LN2)
    return jnp.where(far, _exp2_of(there) * (1 + e * _LN2) - ans, near)


def _exp2_of(x: Array) -> Array:
    """`exp(x ln 2)` with an exact product. XLA's `exp2` has an error of 30 ulp.

    The product is split as in Cody & Waite (1980), Software Manual for the Elementary
    Functions.
    """
    high, low = _LN2_IN_TWO[is_double(x)]
    x_high = leading_half(x)
    s, e = two_sum(x_high * high, x_high * low + (x - x_high) * _LN2)
    return jnp.exp(s) * (1 + e)


def _expm1(x: Array, dx: Array, ans: Array) -> Array:
    return exp_difference(x, dx, jnp.exp(x))


def _log(x: Array, dx: Array, ans: Array) -> Array:
    return _log_of_quotient(x, dx, x + dx, ans)


def _log1p(x: Array, dx: Array, ans: Array) -> Array:
    one_more, e = two_sum(x, jnp.ones_like(x))
    return _log_of_quotient(one_more, dx, (one_more + dx) + e, ans)


def _log2(x: Array, dx: Array, ans: Array) -> Array:
    return _log_of_quotient(x, dx, x + dx, ans * _LN2) / _LN2


def _log_of_quotient(x: Array, dx: Array, there: Array, log_x: Array) -> Array:
    """`log(there / x)`, without a quotient that might overflow."""
    z = dx / x
    far = (z > float(np.sqrt(jnp.finfo(x.dtype).max))) | (x < 0)
    ratio = there / jnp.where(far, 1, x)
    return log_ratio(jnp.where(far, 1, z), ratio) - jnp.where(far, log_x, 0)


def logistic_difference(x: Array, dx: Array, height: int = 1) -> Array:
    """`height Δσ`, `Δσ = σ(b) σ(-a) (1 - exp(a - b))`, a the smaller end, b the larger.

    No factor cancels, in the tails either. One end, `x + Δx`, is a rounded sum; σ
    there is corrected for the rounding error: Δσ/σ = Δx (1 - σ).
    """
    there, e = two_sum(x, dx)
    up = dx >= 0
    of_x = lax.logistic(jnp.where(up, -x, x))
    rounded = lax.logistic(jnp.where(up, there, -there))
    of_there = rounded * (1 + jnp.where(up, e, -e) * (1 - rounded))
    # The height comes first: the product of the other factors may underflow.
    rise = jnp.where(up, -height, height) * expm1(-abs(dx))
    return of_x * of_there * rise


def _logistic(x: Array, dx: Array, ans: Array) -> Array:
    return logistic_difference(x, dx)


def_elementwise(lax.exp_p, _exp, "Δ exp x = exp(x) expm1(Δx)", complex_too=True)
def_elementwise(lax.exp2_p, _exp2, "Δ 2ˣ = 2ˣ expm1(Δx ln 2)")
def_elementwise(lax.expm1_p, _expm1, "Δ expm1 x = exp(x) expm1(Δx)")
def_elementwise(lax.log_p, _log, "Δ log x = log1p(Δx/x)")
def_elementwise(lax.log1p_p, _log1p, "Δ log1p x = log1p(Δx/(1 + x))")
_log2_p = getattr(lax, "log2_p", None)  # from JAX 0.11 on
if _log2_p is not None:
    def_elementwise(_log2_p, _log2, "Δ log₂ x = log1p(Δx/x) / ln 2")
def_elementwise(
    lax.logistic_p,
    _logistic,
    "Δσ = σ(b) σ(-a) (1 - exp(a - b)), a and b the smaller and the larger end",
)


# --- Hyperbolic functions and their inverses ---


def _sinh(x: Array, dx: Array, ans: Array) -> Array:
    middle, e = two_sum(x, dx / 2)
    return _twice_sinh(dx / 2) * (_cosh_of(middle) + e * _twice_sinh(middle) / 2)


def _cosh(x: Array, dx: Array, ans: Array) -> Array:
    middle, e = two_sum(x, dx / 2)
    return _twice_sinh(dx / 2) * (_twice_sinh(middle) / 2 + e * _cosh_of(middle))


def _twice_sinh(x: Array) -> Array:
    """`2 sinh x`. XLA's own loses digits as x grows."""
    return expm1(x) - expm1(-x)


def _cosh_of(x: Array) -> Array:
    return (jnp.exp(x) + jnp.exp(-x)) / 2


def _tanh(x: Array, dx: Array, ans: Array) -> Array:
    return logistic_difference(2 * x, 2 * dx, height=2)


def _asinh(x: Array, dx: Array, ans: Array) -> Array:
    there = x + dx
    # Mirrored to x >= 0. Where the sign changes, nothing cancels.
    sign = jnp.where(x < 0, -1, 1).astype(x.dtype)
    same = sign * there >= 0
    a, d = abs(x), jnp.where(same, sign * dx, 0)
    change = _log_quotient(a, d, _asinh_root(a), _asinh_root(a + d))
    return jnp.where(same, sign * change, jnp.asinh(there) - ans)


def _asinh_root(a: Array) -> Array:
    """`√(1 + a²)`, also where the square overflows."""
    large = a > 1 / jnp.finfo(a.dtype).eps
    return jnp.where(large, a, jnp.sqrt(1 + jnp.where(large, 0, a) ** 2))


def _acosh(x: Array, dx: Array, ans: Array) -> Array:
    below = x - 1
    there = below + dx
    return _log_quotient(x, dx, _acosh_root(below), _acosh_root(there))


def _acosh_root(below: Array) -> Array:
    """`√(x² - 1)` from `below = x - 1`, also where the square overflows."""
    return jnp.sqrt(below) * jnp.sqrt(below + 2)


def _log_quotient(a: Array, d: Array, c: Array, c_there: Array) -> Array:
    """`log((b + √(b² ± 1)) / (a + √(a² ± 1)))` with `b = a + d`.

    The quotient is 1 + z, z = d (1 + (a + b) / (sum of the roots)) / (a + root of a).

    Args:
        a: The first argument of asinh or acosh.
        d: Its difference.
        c: The root `√(a² ± 1)`.
        c_there: The root `√(b² ± 1)`.
    """
    b = a + d
    z = (d + d * safe_divide(a + b, c + c_there)) / (a + c)
    return log_ratio(jnp.where(d == 0, 0, z), (b + c_there) / (a + c))


def _atanh(x: Array, dx: Array, ans: Array) -> Array:
    minus, plus, minus_there, plus_there = one_minus_and_plus(x, dx)
    z = 2 * dx / (minus_there * plus)
    return log_ratio(z, (plus_there / plus) * (minus / minus_there)) / 2


def_elementwise(lax.sinh_p, _sinh, "Δ sinh x = 2 cosh(x + Δx/2) sinh(Δx/2)")
def_elementwise(lax.cosh_p, _cosh, "Δ cosh x = 2 sinh(x + Δx/2) sinh(Δx/2)")
def_elementwise(lax.tanh_p, _tanh, "Δ tanh x = 2 Δσ(2x)")
def_elementwise(
    lax.asinh_p, _asinh, "log1p(Δx (1 + (a + b)/(A + B)) / (a + A)), A = √(1 + a²)"
)
def_elementwise(lax.acosh_p, _acosh, "as asinh, with A = √(a² - 1)")
def_elementwise(
    lax.atanh_p, _atanh, "Δ atanh x = ½ log1p(2 Δx / ((1 - x - Δx)(1 + x)))"
)
