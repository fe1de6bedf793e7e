"""What asks for the order of numbers: it is that of the sums `x + dx`, not rounded.

A comparison of two is the sign of their gap, which is exact; what was chosen from
others is compared as the sum that it is (`Chosen`). To sort many, each sum is a pair:
the rounded sum and what rounding took from it. Rounding keeps order, so that pairs are
ordered by their first halves and, those being equal, by their second.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax

from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Change,
    Chosen,
    Sum,
    after,
    difference_of,
    exact_order,
    exact_sum,
    explicit,
    gap,
    is_number,
    rests,
    two_sum,
    widened,
)
from secant.propagation.numerics import risen
from secant.propagation.registry import Primitive, special

# --- Comparisons ---


_NOTE = "the same question at x + dx, the sums exact"


def _comparison(primitive: Primitive) -> None:
    """A question about two sums is the same about their gap and 0.

    Where nothing moves, so does no answer, whatever XLA made of the user's sums.
    """

    def rule(
        ans: Array, values: list[Array], changes: list[Change], **params: Any
    ) -> Array:
        (a, b), (da, db) = values, changes
        apart = gap(a, da, b, db)
        if isinstance(da, Chosen) or isinstance(db, Chosen):
            # It is 0 already; but of arithmetic, and a difference of it is rounded.
            apart = jnp.where(_same(exact_sum(a, da), exact_sum(b, db)), 0, apart)
        there = primitive.bind(apart, jnp.zeros_like(apart), **params)
        still = (explicit(a, da) == 0) & (explicit(b, db) == 0)
        return jnp.where(still, ans, there)

    special(primitive, rule, _NOTE, knows_choice=True)


def _same(a: Sum, b: Sum) -> Array:
    return (a[0] == b[0]) & (a[1] == b[1])


for _primitive in (lax.eq_p, lax.ne_p, lax.lt_p, lax.le_p, lax.gt_p, lax.ge_p):
    _comparison(_primitive)


def _total(primitive: Primitive, of_rests: Callable[..., Array]) -> None:
    """In the order that has a place for NaN and tells -0 from 0."""

    def rule(ans: Array, values: list[Array], changes: list[Change]) -> Array:
        (s, e), (t, f) = map(exact_order, values, changes)
        same = lax.eq_to_p.bind(s, t)
        return (~same & primitive.bind(s, t)) | (same & of_rests(e, f))

    special(primitive, rule, _NOTE, knows_choice=True)


_total(lax.eq_to_p, jnp.equal)
_total(lax.lt_to_p, jnp.less)
_total(lax.le_to_p, jnp.less_equal)


def _is_finite(ans: Array, values: list[Array], changes: list[Change]) -> Array:
    return jnp.isfinite(after(values[0], changes[0]))


special(lax.is_finite_p, _is_finite, "whether x + dx, rounded, is finite")

# --- The place of the largest and the smallest ---


def _extreme(primitive: Primitive, *, largest: bool) -> None:
    def rule(
        ans: Array, values: list[Array], changes: list[Change], **params: Any
    ) -> Array:
        """Of those whose rounded sums are the best, the one whose rest is; or a NaN."""
        s, e = exact_order(values[0], changes[0])
        rest = rests(s, e, params["axes"], largest=largest)
        return primitive.bind(rest, **params)

    note = "the place at x + dx, the sums exact; the first of ties"
    special(primitive, rule, note, knows_choice=True)


_extreme(lax.argmax_p, largest=True)
_extreme(lax.argmin_p, largest=False)

# --- Sorting ---


def _sort(
    ans: list[Array],
    values: list[Array],
    changes: list[Change],
    *,
    num_keys: int,
    dimension: int,
    **_: Any,
) -> list[Change]:
    """Sorted anew by the sums; `Δ = (what stands there then - ans) + its change`."""
    by = [
        key
        for value, change in zip(values[:num_keys], changes[:num_keys], strict=True)
        for key in _keys(value, change)
    ]
    stay = all(change is UNCHANGED for change in changes[:num_keys])
    # Where the order stays, so does what it was made of and what does not change.
    moving = [i for i, c in enumerate(changes) if c is not UNCHANGED or not stay]
    placed = [] if stay else [i for i, v in enumerate(values) if is_number(v)]
    if stay:
        changes = list(map(difference_of, changes))
    sums = list(map(exact_sum, values, changes))
    ordered = lax.sort(
        [*by, *(sums[i][1] for i in moving), *(sums[i][0] for i in placed)],
        dimension=dimension,
        is_stable=True,
        num_keys=len(by),
    )[len(by) :]
    results: list[Change] = list(changes)
    for i, change in zip(moving, ordered[: len(moving)], strict=True):
        results[i] = change
    for i, there in zip(placed, ordered[len(moving) :], strict=True):
        results[i] = _placed(ans[i], there, results[i])
    return results


def _keys(value: Array, change: Change) -> tuple[Array, ...]:
    """What sorts as the sums do. Complex numbers: by real part, then by imaginary."""
    if change is UNCHANGED or not is_number(value):
        return (after(value, change),)
    if jnp.iscomplexobj(value):
        before, by = exact_sum(value, change)
        real = exact_order(jnp.real(before), jnp.real(by))
        return *real, *exact_order(jnp.imag(before), jnp.imag(by))
    return exact_order(value, change)


def _placed(ans: Array, there: Array, change: Array) -> Chosen:
    moved = risen(*widened(ans, there, change)).astype(ans.dtype)
    return Chosen(moved, lambda: (there, change))


def _top(
    ans: list[Array],
    values: list[Array],
    changes: list[Change],
    *,
    k: int,
    axis: int,
    **_: Any,
) -> list[Change]:
    """Sorted by the sums, the largest first; 0 before -0, NaN first and -NaN last."""
    x, dx = exact_sum(values[0], changes[0])
    s, e = two_sum(*widened(x, dx))
    minus = jnp.signbit(s)
    keys = (minus | ~jnp.isnan(s), -s, -e, minus)
    place = lax.broadcasted_iota(ans[1].dtype, x.shape, axis)
    ordered = lax.sort(
        [*keys, x, dx, place], dimension=axis, is_stable=True, num_keys=len(keys)
    )
    there, change, place = (
        lax.slice_in_dim(part, 0, k, axis=axis) for part in ordered[len(keys) :]
    )
    return [_placed(ans[0], there, change), place]


_ANEW = "(x there - ans) + its Δ"
special(lax.sort_p, _sort, f"sorted anew; {_ANEW}", knows_choice=True)
special(lax.top_k_p, _top, f"the largest anew; {_ANEW}", knows_choice=True)


def _roughly_top(
    ans: list[Array],
    values: list[Array],
    changes: list[Change],
    *,
    reduction_dimension: int,
    **params: Any,
) -> list[Change]:
    """As `top_k`; which are the largest is asked, roughly, of the rounded sums."""
    x, dx = exact_sum(values[0], changes[0])
    _, place = lax.approx_top_k_p.bind(
        x + dx, reduction_dimension=reduction_dimension, **params
    )
    there, change = (
        jnp.take_along_axis(part, place, axis=reduction_dimension) for part in (x, dx)
    )
    return [_placed(ans[0], there, change), place]


_ROUGHLY = "as top_k, for the sums rounded"
special(lax.approx_top_k_p, _roughly_top, _ROUGHLY, knows_choice=True)
