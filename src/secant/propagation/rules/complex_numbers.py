"""Complex numbers: their parts, and their modulus."""

import jax.numpy as jnp
from jax import lax

from secant.propagation.changes import Array
from secant.propagation.formulas import over
from secant.propagation.registry import linear

linear(lax.complex_p)
linear(lax.real_p)
linear(lax.imag_p)
linear(lax.conj_p)


def modulus_change(x: Array, dx: Array, ans: Array) -> Array:
    """`Δ|x| = (Δr (2r + Δr) + Δi (2i + Δi)) / (|x| + |x + Δx|)`, x = r + i√-1."""
    r, i, dr, di = jnp.real(x), jnp.imag(x), jnp.real(dx), jnp.imag(dx)
    size = ans + abs(x + dx)
    return dr * over(r + (r + dr), size) + di * over(i + (i + di), size)
