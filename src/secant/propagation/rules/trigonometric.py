"""Sine, cosine, tangent and their inverses."""

import math

import jax.numpy as jnp
from jax import lax

from secant.propagation.delta import Array, Change, explicit, two_sum
from secant.propagation.numerics import is_double, over, polynomial
from secant.propagation.registry import binary, elementwise


def _sin(x: Array, dx: Array, ans: Array) -> Array:
    """`sin(x) (cos Δx - 1) + cos(x) sin Δx`; where |Δx| > 1, nothing cancels."""
    there, e = two_sum(x, dx)
    near = abs(dx) <= 1
    sine, less = _small_angle(jnp.where(near, dx, 0))
    cosine = jnp.cos(jnp.where(near, x, there))
    far = (jnp.sin(there) - ans) + e * cosine
    return jnp.where(near, ans * less + cosine * sine, far)


def _cos(x: Array, dx: Array, ans: Array) -> Array:
    """`cos(x) (cos Δx - 1) - sin(x) sin Δx`; where |Δx| > 1, nothing cancels."""
    there, e = two_sum(x, dx)
    near = abs(dx) <= 1
    sine, less = _small_angle(jnp.where(near, dx, 0))
    of_x = jnp.sin(jnp.where(near, x, there))
    far = (jnp.cos(there) - ans) - e * of_x
    return jnp.where(near, ans * less - of_x * sine, far)


def _small_angle(d: Array) -> tuple[Array, Array]:
    """`sin d` and `cos d - 1` for |d| <= 1, by Taylor's series."""
    orders = range(9 if is_double(d) else 5, -1, -1)
    square = d * d
    sine = [(-1) ** k / math.factorial(2 * k + 1) for k in orders]
    less = [-((-1) ** k) / math.factorial(2 * k + 2) for k in orders]
    return d * polynomial(square, sine), square * polynomial(square, less)


def _tan(x: Array, dx: Array, ans: Array) -> Array:
    there, e = two_sum(x, dx)
    return jnp.sin(dx) / (jnp.cos(x) * (jnp.cos(there) - e * jnp.sin(there)))


def edges(x: Array, dx: Array) -> tuple[Array, Array, Array, Array]:
    """`1 - x`, `1 + x`, and both at `x + dx`, each with all of its digits."""
    less, of_less = two_sum(-x, jnp.ones_like(x))
    more, of_more = two_sum(x, jnp.ones_like(x))
    return less, more, (less - dx) + of_less, (more + dx) + of_more


def _asin(x: Array, dx: Array, ans: Array) -> Array:
    less, more, less_there, more_there = edges(x, dx)
    cosines = jnp.sqrt(less * more) + jnp.sqrt(less_there * more_there)
    return 2 * jnp.atan(over(dx, cosines))


def _acos(x: Array, dx: Array, ans: Array) -> Array:
    return -_asin(x, dx, ans)


def _atan(x: Array, dx: Array, ans: Array) -> Array:
    """`atan(Δx / (1 + x (x + Δx)))`, beyond a right angle plus or minus π.

    Both sides of the fraction are divided by |x| where its square might overflow.
    """
    scale = jnp.clip(abs(x), 1, jnp.finfo(x.dtype).max)
    below = 1 / scale + (x / scale) * (x + dx)
    half_turn = jnp.where(below < 0, jnp.pi * jnp.sign(dx), 0).astype(x.dtype)
    return jnp.atan(dx / scale / below) + half_turn


elementwise(lax.sin_p, _sin, "sin(x) (cos Δx - 1) + cos(x) sin Δx")
elementwise(lax.cos_p, _cos, "cos(x) (cos Δx - 1) - sin(x) sin Δx")
elementwise(lax.tan_p, _tan, "Δ tan x = sin Δx / (cos x cos(x + Δx))")
elementwise(lax.asin_p, _asin, "Δ asin x = 2 atan(Δx / (√(1 - x²) + √(1 - (x + Δx)²)))")
elementwise(lax.acos_p, _acos, "-Δ asin x")
elementwise(lax.atan_p, _atan, "Δ atan x = atan(Δx / (1 + x (x + Δx)))")


def _atan2(ans: Array, values: list[Array], changes: list[Change]) -> Array:
    """The angle between (x, y) and (x + Δx, y + Δy), from their cross and dot products.

    Across the cut along the negative x-axis a turn is added or taken away; from the
    origin and to it there is no angle between them.
    """
    y, x = jnp.broadcast_arrays(*values)
    dy, dx = (explicit(v, c) for v, c in zip(values, changes, strict=True))
    y_there, x_there = y + dy, x + dx
    size = jnp.maximum(abs(x), abs(y))
    unit = jnp.where(size > 0, size, 1)
    cross = dy * (x / unit) - dx * (y / unit)
    angle = jnp.atan2(cross, (x / unit) * x_there + (y / unit) * y_there)
    apart = jnp.atan2(y_there, x_there) - ans
    turn = 2 * jnp.pi
    turned = angle + turn * jnp.round((apart - angle) / turn)
    at_origin = (size == 0) | ((x_there == 0) & (y_there == 0))
    return jnp.where(at_origin, apart, turned)


binary(lax.atan2_p, _atan2, "the angle between before and after, by atan2(cross, dot)")
