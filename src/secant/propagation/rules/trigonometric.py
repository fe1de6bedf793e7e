"""Trigonometric functions and their inverses."""

import math

import jax.numpy as jnp
from jax import lax

from secant.propagation.builders import def_binary, def_elementwise
from secant.propagation.delta import Array, Delta, materialize, two_sum
from secant.propagation.numerics import is_double, polynomial, safe_divide


def _sin(x: Array, dx: Array, ans: Array) -> Array:
    """`sin(x) (cos Δx - 1) + cos(x) sin Δx`; where |Δx| > 1, nothing cancels."""
    there, e = two_sum(x, dx)
    near = abs(dx) <= 1
    sin_dx, cos_dx_minus_one = _sin_and_cos_minus_one(jnp.where(near, dx, 0))
    cos_x = jnp.cos(jnp.where(near, x, there))
    far = (jnp.sin(there) - ans) + e * cos_x
    return jnp.where(near, ans * cos_dx_minus_one + cos_x * sin_dx, far)


def _cos(x: Array, dx: Array, ans: Array) -> Array:
    """`cos(x) (cos Δx - 1) - sin(x) sin Δx`; where |Δx| > 1, nothing cancels."""
    there, e = two_sum(x, dx)
    near = abs(dx) <= 1
    sin_dx, cos_dx_minus_one = _sin_and_cos_minus_one(jnp.where(near, dx, 0))
    sin_x = jnp.sin(jnp.where(near, x, there))
    far = (jnp.cos(there) - ans) - e * sin_x
    return jnp.where(near, ans * cos_dx_minus_one - sin_x * sin_dx, far)


def _sin_and_cos_minus_one(d: Array) -> tuple[Array, Array]:
    """`sin d` and `cos d - 1` for |d| <= 1, by Taylor's series."""
    orders = range(9 if is_double(d) else 5, -1, -1)
    square = d * d
    sin = [(-1) ** k / math.factorial(2 * k + 1) for k in orders]
    cos_minus_one = [-((-1) ** k) / math.factorial(2 * k + 2) for k in orders]
    return d * polynomial(square, sin), square * polynomial(square, cos_minus_one)


def _tan(x: Array, dx: Array, ans: Array) -> Array:
    there, e = two_sum(x, dx)
    return jnp.sin(dx) / (jnp.cos(x) * (jnp.cos(there) - e * jnp.sin(there)))


def one_minus_and_plus(x: Array, dx: Array) -> tuple[Array, Array, Array, Array]:
    """`1 - x`, `1 + x`, and both at `x + dx`, each with all its digits."""
    minus, minus_error = two_sum(-x, jnp.ones_like(x))
    plus, plus_error = two_sum(x, jnp.ones_like(x))
    return minus, plus, (minus - dx) + minus_error, (plus + dx) + plus_error


def _asin(x: Array, dx: Array, ans: Array) -> Array:
    minus, plus, minus_there, plus_there = one_minus_and_plus(x, dx)
    cosines = jnp.sqrt(minus * plus) + jnp.sqrt(minus_there * plus_there)
    return 2 * jnp.atan(safe_divide(dx, cosines))


def _acos(x: Array, dx: Array, ans: Array) -> Array:
    return -_asin(x, dx, ans)


def _atan(x: Array, dx: Array, ans: Array) -> Array:
    """`atan(Δx / (1 + x (x + Δx)))`, plus or minus π if it exceeds a right angle.

    Numerator and denominator are divided by |x|, whose square might overflow.
    """
    scale = jnp.clip(abs(x), 1, jnp.finfo(x.dtype).max)
    denominator = 1 / scale + (x / scale) * (x + dx)
    half_turn = jnp.where(denominator < 0, jnp.pi * jnp.sign(dx), 0).astype(x.dtype)
    return jnp.atan(dx / scale / denominator) + half_turn


def_elementwise(lax.sin_p, _sin, "sin(x) (cos Δx - 1) + cos(x) sin Δx")
def_elementwise(lax.cos_p, _cos, "cos(x) (cos Δx - 1) - sin(x) sin Δx")
def_elementwise(lax.tan_p, _tan, "Δ tan x = sin Δx / (cos x cos(x + Δx))")
def_elementwise(
    lax.asin_p, _asin, "Δ asin x = 2 atan(Δx / (√(1 - x²) + √(1 - (x + Δx)²)))"
)
def_elementwise(lax.acos_p, _acos, "-Δ asin x")
def_elementwise(lax.atan_p, _atan, "Δ atan x = atan(Δx / (1 + x (x + Δx)))")


def _atan2(ans: Array, values: list[Array], deltas: list[Delta]) -> Array:
    """The angle between (x, y) and (x + Δx, y + Δy), from their cross and dot products.

    Across the cut along the negative x-axis, a whole turn is added or subtracted. If
    one of the points is the origin, there is no angle, and the result is plain
    subtraction.
    """
    y, x = jnp.broadcast_arrays(*values)
    dy, dx = (materialize(v, c) for v, c in zip(values, deltas, strict=True))
    y_there, x_there = y + dy, x + dx
    size = jnp.maximum(abs(x), abs(y))
    unit = jnp.where(size > 0, size, 1)
    cross = dy * (x / unit) - dx * (y / unit)
    angle = jnp.atan2(cross, (x / unit) * x_there + (y / unit) * y_there)
    subtracted = jnp.atan2(y_there, x_there) - ans
    turn = 2 * jnp.pi
    change = angle + turn * jnp.round((subtracted - angle) / turn)
    at_origin = (size == 0) | ((x_there == 0) & (y_there == 0))
    return jnp.where(at_origin, subtracted, change)


def_binary(
    lax.atan2_p, _atan2, "the angle between before and after, by atan2(cross, dot)"
)
