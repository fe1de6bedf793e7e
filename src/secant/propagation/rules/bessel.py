"""Modified Bessel functions, exponentially scaled."""

import math

import jax.numpy as jnp
from jax import lax

from secant.propagation.changes import Array
from secant.propagation.formulas import expm1, is_double
from secant.propagation.registry import elementwise


def _carried(order: int, a: Array, d: Array) -> Array:
    """The change of `exp(-x) Iₙ(x)` from a >= 0 to a + d >= 0.

    Of `1/π ∫ exp(-x (1 - cos θ)) cos nθ dθ` over 0 … π, term by term of the trapezoid
    rule, which converges exponentially for periodic functions; where x is large they
    are a narrow bell about 0, and the nodes are laid under it (Trefethen & Weideman
    2014, "The exponentially convergent trapezoidal rule", SIAM Review 56, 385-458).
    """
    # exp(-reach) of the bell's height is left beyond the last node.
    count, reach = (22, 40.0) if is_double(a) else (12, 20.0)
    # Where the nodes lie makes no difference to the sum, so none to its slope.
    smaller = lax.stop_gradient(jnp.maximum(jnp.minimum(a, a + d), reach / 2))
    step = 2 * jnp.asin(jnp.sqrt(reach / 2 / smaller)) / count
    total = jnp.zeros_like(a)
    for k in range(1, count + 1):
        half = jnp.sin(k * step / 2)
        u = 2 * half * half
        # The last node is the interval's end, or lies where there is nothing.
        weight = 0.5 if k == count else 1.0
        wave = 1.0 if order == 0 else 1 - u
        total = total + weight * wave * jnp.exp(-a * u) * expm1(-d * u)
    return total * step / math.pi


def _i0e(x: Array, dx: Array, ans: Array) -> Array:
    """Even: from |x| to |x + dx|."""
    same = jnp.sign(x) * jnp.sign(x + dx) >= 0
    sign = jnp.where(x == 0, jnp.sign(dx), jnp.sign(x))
    d = jnp.where(same, sign * dx, -sign * dx - 2 * abs(x))
    return _carried(0, abs(x), d)


def _i1e(x: Array, dx: Array, ans: Array) -> Array:
    """Odd; where the sign changes, nothing cancels."""
    same = jnp.sign(x) * jnp.sign(x + dx) > 0
    sign = jnp.sign(x)
    carried = sign * _carried(1, abs(x), jnp.where(same, sign * dx, 0))
    return jnp.where(same, carried, lax.bessel_i1e(x + dx) - ans)


_NOTE = "of 1/π ∫ exp(-x (1 - cos θ)) cos nθ dθ, under the integral"
elementwise(lax.bessel_i0e_p, _i0e, _NOTE)
elementwise(lax.bessel_i1e_p, _i1e, _NOTE)
