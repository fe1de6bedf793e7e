"""Sums, products, quotients and remainders."""

from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import primitives

from secant.propagation.delta import UNCHANGED, Array, Change, Sum, explicit
from secant.propagation.numerics import expm1, log_ratio, over
from secant.propagation.registry import (
    bilinear,
    binary,
    composed,
    elementwise,
    linear,
    moving,
)

moving(lax.neg_p)
linear(lax.sub_p)
bilinear(lax.mul_p)


def _joined(a: Sum, b: Sum, otherwise: Sum) -> Sum:
    """A sum with 0 is the other number: so arrays with holes are joined."""
    not_a, not_b = ((x == 0) & (dx == 0) for x, dx in (a, b))
    x, dx = (
        jnp.where(not_a, of_b, jnp.where(not_b, of_a, other))
        for of_a, of_b, other in zip(a, b, otherwise, strict=True)
    )
    return x, dx


linear(lax.add_p, choose=_joined)
linear(primitives.add_jaxvals_p, choose=_joined)


def _quotient(ans: Array, values: list[Array], changes: list[Change]) -> Array:
    (_, b), (da, db) = values, changes
    if db is UNCHANGED:
        return da / b
    return (explicit(ans, da) - ans * db) / (b + db)


binary(lax.div_p, _quotient, "Δ(a/b) = (Δa - (a/b) Δb) / (b + Δb)")


def _remainder(ans: Array, values: list[Array], changes: list[Change]) -> Array:
    """`Δ = (Δa - n Δb) - k |b + Δb|`, n the quotient before, k how far it moves on.

    The remainder has the sign of the dividend and is smaller than the divisor; `k`
    is what brings it back there, decided by numbers that are not rounded together.
    """
    a, b = values
    da, db = (explicit(v, c) for v, c in zip(values, changes, strict=True))
    turns = jnp.round((a - ans) / b)
    moved = da - turns * db
    divisor = abs(b + db)
    positive = (a > -da) | ((a == -da) & (a > 0))
    # Mirrored where the dividend is negative, so that 0 <= ans + moved < divisor.
    r, move = (jnp.where(positive, v, -v) for v in (ans, moved))
    k = jnp.floor((r + move) / divisor)
    # Rounding may have put k one off: what is left must be in [0, divisor), exactly.
    short = (r - k * divisor) + move < 0
    beyond = (r - (k + 1) * divisor) + move >= 0
    k = k + beyond - short
    return moved - jnp.where(positive, k, -k) * divisor


binary(lax.rem_p, _remainder, "Δa - n Δb, and a divisor for each turn more or less")


# Complex numbers: their parts, and their modulus.

linear(lax.complex_p)
linear(lax.real_p)
linear(lax.imag_p)
linear(lax.conj_p)


def modulus_change(x: Array, dx: Array, ans: Array) -> Array:
    """`Δ|x| = (Δr (2r + Δr) + Δi (2i + Δi)) / (|x| + |x + Δx|)`, x = r + i√-1."""
    r, i, dr, di = jnp.real(x), jnp.imag(x), jnp.real(dx), jnp.imag(dx)
    size = ans + abs(x + dx)
    return dr * over(r + (r + dr), size) + di * over(i + (i + di), size)


# Powers, roots and polynomials.


def _square(x: Array, dx: Array, ans: Array) -> Array:
    return dx * (x + (x + dx))


def _integer_power(x: Array, dx: Array, ans: Array, *, y: int) -> Array:
    """By squaring, with the difference carried along.

    Δ(u²) = Δu (u + (u + Δu)),  Δ(u x) = Δu x + (u + Δu) Δx,
    Δ(1/u) = -Δu / (u (u + Δu)).
    """
    if y == 0:
        return jnp.zeros_like(x)
    there = x + dx
    # u, u + Δu and Δu, where u is x to the power of y's leading bits.
    u, u_there, du = x, there, dx
    for bit in f"{abs(y):b}"[1:]:
        u, u_there, du = u * u, u_there * u_there, du * (u + u_there)
        if bit == "1":
            u, u_there, du = u * x, u_there * there, du * x + u_there * dx
    return du if y > 0 else -(du / u) / u_there


def _one_minus_square(x: Array, dx: Array, ans: Array) -> Array:
    return -_square(x, dx, ans)


def _sqrt(x: Array, dx: Array, ans: Array) -> Array:
    return over(dx, ans + jnp.sqrt(x + dx))


def _rsqrt(x: Array, dx: Array, ans: Array) -> Array:
    there = jnp.sqrt(x + dx)
    return -over(dx, jnp.sqrt(x) + there) * ans / there


def _cbrt(x: Array, dx: Array, ans: Array) -> Array:
    there = jnp.cbrt(x + dx)
    return over(dx, ans * ans + ans * there + there * there)


elementwise(lax.square_p, _square, "Δ(x²) = Δx (x + (x + Δx))", complex_too=True)
elementwise(
    lax.integer_pow_p,
    _integer_power,
    "by squaring: Δ(u²) = Δu (u + (u + Δu))",
    complex_too=True,
)
_one_minus_square_p = getattr(lax, "one_minus_square_p", None)  # from JAX 0.11 on
if _one_minus_square_p is not None:
    elementwise(_one_minus_square_p, _one_minus_square, "-Δ(x²)", complex_too=True)
elementwise(lax.sqrt_p, _sqrt, "Δ√x = Δx / (√x + √(x + Δx))", complex_too=True)
elementwise(lax.rsqrt_p, _rsqrt, "Δ(1/√x) = -Δx / ((√x + √x') √x √x'), x' = x + Δx")
elementwise(lax.cbrt_p, _cbrt, "Δ∛x = Δx / (a² + ab + b²), a = ∛x, b = ∛(x + Δx)")


def _power(ans: Array, values: list[Array], changes: list[Change]) -> Array:
    """`x^y expm1(w)`, `w = (y + Δy) log(1 + Δx/x) + Δy log x`.

    Plain subtraction where that is large, x changes its sign, or the power of a
    negative number changes: there nothing cancels.
    """
    (x, y), (dx, dy) = values, changes
    y_there, step_y = y, None
    if dy is not UNCHANGED:
        whole = jnp.issubdtype(y.dtype, jnp.integer)
        y_there, step_y = (dy, dy - y) if whole else (y + dy, dy)
    w, safe, there = jnp.zeros_like(ans), jnp.ones_like(ans, bool), x
    if dx is not UNCHANGED:
        there = x + dx
        safe = jnp.sign(x) * jnp.sign(there) > 0
        base, step = jnp.where(safe, x, 1), jnp.where(safe, dx, 0)
        w = y_there * log_ratio(step / base, (base + step) / base)
    if step_y is not None:
        safe = safe & (x > 0)
        w = w + step_y * jnp.log(jnp.where(x > 0, x, 1))
    near = safe & (abs(w) < 2) & jnp.isfinite(ans)
    carried = ans * expm1(jnp.where(near, w, 0))
    return jnp.where(near, carried, lax.pow(there, y_there) - ans)


binary(lax.pow_p, _power, "x^y expm1((y + Δy) log1p(Δx/x) + Δy log x)")


def _horner(x: Array, *coefficients: Array, **_: Any) -> Array:
    total = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        total = total * x + c
    return total


_polynomial_p = getattr(lax, "polynomial_p", None)  # from JAX 0.12 on
if _polynomial_p is not None:
    composed(_polynomial_p, _horner, "Horner's products and sums")
