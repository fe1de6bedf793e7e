"""Hyperbolic functions and their inverses."""

import jax.numpy as jnp
from jax import lax

from secant.propagation.changes import Array, two_sum
from secant.propagation.formulas import expm1, log_ratio, over
from secant.propagation.registry import elementwise
from secant.propagation.rules.exponential import sigmoid_change
from secant.propagation.rules.trigonometric import edges


def _sinh(x: Array, dx: Array, ans: Array) -> Array:
    middle, e = two_sum(x, dx / 2)
    return _twice_sinh(dx / 2) * (_cosh_of(middle) + e * _twice_sinh(middle) / 2)


def _cosh(x: Array, dx: Array, ans: Array) -> Array:
    middle, e = two_sum(x, dx / 2)
    return _twice_sinh(dx / 2) * (_twice_sinh(middle) / 2 + e * _cosh_of(middle))


def _twice_sinh(x: Array) -> Array:
    """`2 sinh x`; XLA's own loses digits as x grows."""
    return expm1(x) - expm1(-x)


def _cosh_of(x: Array) -> Array:
    return (jnp.exp(x) + jnp.exp(-x)) / 2


def _tanh(x: Array, dx: Array, ans: Array) -> Array:
    return sigmoid_change(2 * x, 2 * dx, height=2)


def _asinh(x: Array, dx: Array, ans: Array) -> Array:
    there = x + dx
    # Mirrored to x >= 0; where the sign changes, nothing cancels.
    sign = jnp.where(x < 0, -1, 1).astype(x.dtype)
    same = sign * there >= 0
    a, d = abs(x), jnp.where(same, sign * dx, 0)
    carried = _area(a, d, _root(a), _root(a + d))
    return jnp.where(same, sign * carried, jnp.asinh(there) - ans)


def _root(a: Array) -> Array:
    """`√(1 + a²)`, also where the square overflows."""
    large = a > 1 / jnp.finfo(a.dtype).eps
    return jnp.where(large, a, jnp.sqrt(1 + jnp.where(large, 0, a) ** 2))


def _acosh(x: Array, dx: Array, ans: Array) -> Array:
    below = x - 1
    there = below + dx
    return _area(x, dx, _root_of_product(below), _root_of_product(there))


def _root_of_product(below: Array) -> Array:
    """`√(x² - 1)` from `x - 1`, also where the square overflows."""
    return jnp.sqrt(below) * jnp.sqrt(below + 2)


def _area(a: Array, d: Array, c: Array, c_there: Array) -> Array:
    """`log((b + √(b² ± 1)) / (a + √(a² ± 1)))` with `b = a + d`, and both roots.

    The quotient is 1 + z, z = d (1 + (a + b) / (roots' sum)) / (a + its root).
    """
    b = a + d
    z = (d + d * over(a + b, c + c_there)) / (a + c)
    return log_ratio(jnp.where(d == 0, 0, z), (b + c_there) / (a + c))


def _atanh(x: Array, dx: Array, ans: Array) -> Array:
    less, more, less_there, more_there = edges(x, dx)
    z = 2 * dx / (less_there * more)
    return log_ratio(z, (more_there / more) * (less / less_there)) / 2


elementwise(lax.sinh_p, _sinh, "Δ sinh x = 2 cosh(x + Δx/2) sinh(Δx/2)")
elementwise(lax.cosh_p, _cosh, "Δ cosh x = 2 sinh(x + Δx/2) sinh(Δx/2)")
elementwise(lax.tanh_p, _tanh, "Δ tanh x = 2 Δσ(2x)")
elementwise(
    lax.asinh_p, _asinh, "log1p(Δx (1 + (a + b)/(A + B)) / (a + A)), A = √(1 + a²)"
)
elementwise(lax.acosh_p, _acosh, "as asinh, with A = √(a² - 1)")
elementwise(lax.atanh_p, _atanh, "Δ atanh x = ½ log1p(2 Δx / ((1 - x - Δx)(1 + x)))")
