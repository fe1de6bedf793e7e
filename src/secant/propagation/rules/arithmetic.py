"""Sums, products, quotients and remainders."""

import jax.numpy as jnp
from jax import lax
from jax.extend.core import primitives

from secant.propagation.changes import UNCHANGED, Array, Change, Sum, explicit
from secant.propagation.registry import bilinear, binary, linear, moving

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
