"""Sums, products, quotients, powers and roots."""

from jax import lax

from secant.propagation.changes import UNCHANGED, Array, Change, explicit
from secant.propagation.registry import bilinear, linear, special

linear(lax.neg_p)
linear(lax.add_p)
linear(lax.sub_p)
bilinear(lax.mul_p)


def _quotient(ans: Array, values: list[Array], changes: list[Change]) -> Array:
    (_, b), (da, db) = values, changes
    if db is UNCHANGED:
        return da / b
    return (explicit(ans, da) - ans * db) / (b + db)


special(lax.div_p, _quotient, "Δ(a/b) = (Δa - (a/b) Δb) / (b + Δb)")
