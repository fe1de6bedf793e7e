"""Arithmetic: sums, products, quotients, remainders, powers, roots, complex parts."""

from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import primitives

from secant.propagation.builders import (
    def_bilinear,
    def_binary,
    def_composition,
    def_data_movement,
    def_elementwise,
    def_linear,
)
from secant.propagation.delta import UNCHANGED, Array, Delta, ExactSum, materialize
from secant.propagation.numerics import expm1, log_ratio, safe_divide

def_data_movement(lax.neg_p)
def_linear(lax.sub_p)
def_bilinear(lax.mul_p)


def _add_selection(a: ExactSum, b: ExactSum, otherwise: ExactSum) -> ExactSum:
    """A sum with 0 is the other number. Programs join arrays with zeros like this."""
    no_a, no_b = ((x == 0) & (dx == 0) for x, dx in (a, b))
    x, dx = (
        jnp.where(no_a, of_b, jnp.where(no_b, of_a, other))
        for of_a, of_b, other in zip(a, b, otherwise, strict=True)
    )
    return x, dx


def_linear(lax.add_p, select=_add_selection)
def_linear(primitives.add_jaxvals_p, select=_add_selection)


def _div(ans: Array, values: list[Array], deltas: list[Delta]) -> Array:
    (_, b), (da, db) = values, deltas
    if db is UNCHANGED:
        return da / b
    return (materialize(ans, da) - ans * db) / (b + db)


def_binary(lax.div_p, _div, "Δ(a/b) = (Δa - (a/b) Δb) / (b + Δb)")


def _rem(ans: Array, values: list[Array], deltas: list[Delta]) -> Array:
    """`Δ = (Δa - n Δb) - k |b + Δb|`; the quotient is `n` at x, `n ± k` at x + dx.

    The remainder has the sign of the dividend and is smaller than the divisor. `k`
    brings it back into this range. The test for `k` adds the small change last, so that
    rounding does not hide it.
    """
    a, b = values
    da, db = (materialize(v, c) for v, c in zip(values, deltas, strict=True))
    n = jnp.round((a - ans) / b)
    change = da - n * db
    divisor = abs(b + db)
    positive = (a > -da) | ((a == -da) & (a > 0))
    # Mirrored where the dividend is negative, so that the remainder is in [0, divisor).
    r, dr = (jnp.where(positive, v, -v) for v in (ans, change))
    k = jnp.floor((r + dr) / divisor)
    # Rounding may make k wrong by one: the remainder must be in [0, divisor) exactly.
    below = (r - k * divisor) + dr < 0
    beyond = (r - (k + 1) * divisor) + dr >= 0
    k = k + beyond - below
    return change - jnp.where(positive, k, -k) * divisor


def_binary(lax.rem_p, _rem, "Δa - n Δb - k |b + Δb|, n and n ± k the quotients")


# --- Complex numbers: their parts and modulus ---

def_linear(lax.complex_p)
def_linear(lax.real_p)
def_linear(lax.imag_p)
def_linear(lax.conj_p)


def modulus_difference(x: Array, dx: Array, ans: Array) -> Array:
    """`Δ|x| = (Δr (2r + Δr) + Δi (2i + Δi)) / (|x| + |x + Δx|)`, x = r + i√-1."""
    r, i, dr, di = jnp.real(x), jnp.imag(x), jnp.real(dx), jnp.imag(dx)
    size = ans + abs(x + dx)
    return dr * safe_divide(r + (r + dr), size) + di * safe_divide(i + (i + di), size)


# --- Powers, roots and polynomials ---


def _square(x: Array, dx: Array, ans: Array) -> Array:
    return dx * (x + (x + dx))


def _integer_pow(x: Array, dx: Array, ans: Array, *, y: int) -> Array:
    """Repeated squaring of `u` together with its difference.

    Δ(u²) = Δu (u + (u + Δu)),  Δ(u x) = Δu x + (u + Δu) Δx,
    Δ(1/u) = -Δu / (u (u + Δu)).
    """
    if y == 0:
        return jnp.zeros_like(x)
    there = x + dx
    # u is x to the power of y's leading bits. The loop carries u, u + Δu and Δu.
    u, u_there, du = x, there, dx
    for bit in f"{abs(y):b}"[1:]:
        u, u_there, du = u * u, u_there * u_there, du * (u + u_there)
        if bit == "1":
            u, u_there, du = u * x, u_there * there, du * x + u_there * dx
    return du if y > 0 else -(du / u) / u_there


def _one_minus_square(x: Array, dx: Array, ans: Array) -> Array:
    return -_square(x, dx, ans)


def _sqrt(x: Array, dx: Array, ans: Array) -> Array:
    return safe_divide(dx, ans + jnp.sqrt(x + dx))


def _rsqrt(x: Array, dx: Array, ans: Array) -> Array:
    there = jnp.sqrt(x + dx)
    return -safe_divide(dx, jnp.sqrt(x) + there) * ans / there


def _cbrt(x: Array, dx: Array, ans: Array) -> Array:
    there = jnp.cbrt(x + dx)
    return safe_divide(dx, ans * ans + ans * there + there * there)


def_elementwise(lax.square_p, _square, "Δ(x²) = Δx (x + (x + Δx))", complex_too=True)
def_elementwise(
    lax.integer_pow_p,
    _integer_pow,
    "by squaring: Δ(u²) = Δu (u + (u + Δu))",
    complex_too=True,
)
_one_minus_square_p = getattr(lax, "one_minus_square_p", None)  # from JAX 0.11 on
if _one_minus_square_p is not None:
    def_elementwise(_one_minus_square_p, _one_minus_square, "-Δ(x²)", complex_too=True)
def_elementwise(lax.sqrt_p, _sqrt, "Δ√x = Δx / (√x + √(x + Δx))", complex_too=True)
def_elementwise(lax.rsqrt_p, _rsqrt, "Δ(1/√x) = -Δx / ((√x + √x') √x √x'), x' = x + Δx")
def_elementwise(lax.cbrt_p, _cbrt, "Δ∛x = Δx / (a² + ab + b²), a = ∛x, b = ∛(x + Δx)")


def _pow(ans: Array, values: list[Array], deltas: list[Delta]) -> Array:
    """`x^y expm1(w)`, `w = (y + Δy) log(1 + Δx/x) + Δy log x`.

    Where `w` is large, `x` changes its sign, or the power of a negative number
    changes, nothing cancels, and the result is plain subtraction.
    """
    (x, y), (dx, dy) = values, deltas
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
    growth = ans * expm1(jnp.where(near, w, 0))
    return jnp.where(near, growth, lax.pow(there, y_there) - ans)


def_binary(lax.pow_p, _pow, "x^y expm1((y + Δy) log1p(Δx/x) + Δy log x)")


def _polynomial(x: Array, *coefficients: Array, **_: Any) -> Array:
    total = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        total = total * x + c
    return total


_polynomial_p = getattr(lax, "polynomial_p", None)  # from JAX 0.12 on
if _polynomial_p is not None:
    def_composition(_polynomial_p, _polynomial, "Horner's products and sums")
