"""What asks for the order of numbers: it is that of the sums `x + dx`, not rounded.

A sum is a pair: the rounded sum and what rounding took from it. Rounding keeps order,
so that pairs are ordered by their first halves and, those being equal, their second.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax

from secant.propagation.changes import Array, Change, after, exact_order
from secant.propagation.registry import Primitive, special

# --- Comparisons ---


def _comparison(
    primitive: Primitive, of_pairs: Callable[..., Array], note: str = ""
) -> None:
    """A question about two sums: `of_pairs(s_a, e_a, s_b, e_b)`."""

    def rule(
        ans: Array, values: list[Array], changes: list[Change], **params: Any
    ) -> Array:
        (a, b) = map(exact_order, values, changes)
        return of_pairs(*a, *b)

    special(primitive, rule, note or "the same question at x + dx, the sums exact")


_comparison(lax.eq_p, lambda s, e, t, f: (s == t) & (e == f))
_comparison(lax.ne_p, lambda s, e, t, f: (s != t) | (e != f))
_comparison(lax.lt_p, lambda s, e, t, f: (s < t) | ((s == t) & (e < f)))
_comparison(lax.le_p, lambda s, e, t, f: (s < t) | ((s == t) & (e <= f)))
_comparison(lax.gt_p, lambda s, e, t, f: (s > t) | ((s == t) & (e > f)))
_comparison(lax.ge_p, lambda s, e, t, f: (s > t) | ((s == t) & (e >= f)))


def _total(e_decides: Callable[..., Array]) -> Callable[..., Array]:
    """In the order that has a place for NaN and tells -0 from 0."""

    def of_pairs(s: Array, e: Array, t: Array, f: Array) -> Array:
        return lax.lt_to_p.bind(s, t) | (lax.eq_to_p.bind(s, t) & e_decides(e, f))

    return of_pairs


_comparison(lax.lt_to_p, _total(jnp.less))
_comparison(lax.le_to_p, _total(jnp.less_equal))
_comparison(lax.eq_to_p, lambda s, e, t, f: lax.eq_to_p.bind(s, t) & (e == f))


def _is_finite(ans: Array, values: list[Array], changes: list[Change]) -> Array:
    return jnp.isfinite(after(values[0], changes[0]))


special(lax.is_finite_p, _is_finite, "whether x + dx, rounded, is finite")
