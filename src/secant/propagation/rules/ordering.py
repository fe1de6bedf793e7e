"""Comparisons, sorting and the position of an extreme: by the exact sums `x + dx`.

A comparison at `x + dx` must not depend on how `x + dx` rounds: with `dx = 1e-12` and
`x = 1`, `x + dx > 1` is true, though the float next to 1 is 1.0000001. So no sum is
rounded before it is compared.

- To compare two sums, `exact_difference` computes `(a + Δa) - (b + Δb)` with an exact
  sign, and the same comparison is made with 0. An operand that was selected from others
  takes part as the pair that its `SelectionDelta` knows.
- To order many sums, each is a pair of keys: the rounded sum and its rounding error.
  Rounding is monotone, so pairs in lexicographic order are sums in order.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive

from secant.propagation.builders import def_rule
from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Delta,
    ExactSum,
    SelectionDelta,
    drop_selection,
    exact_difference,
    exact_sum,
    is_inexact,
    materialize,
    ordering_keys,
    tie_breakers,
    two_sum,
    upcast_16bit,
    value_after,
)
from secant.propagation.numerics import delta_from

# --- Comparisons ---

_COMPARED = "the same comparison at x + dx, of exact sums"


def _def_comparison(primitive: Primitive) -> None:
    """Compares the exact difference of two sums with 0.

    If neither operand changes, the answer at `x` stays. The difference cannot decide
    then: XLA may compute an operand of the program twice and round it differently, so
    that two equal numbers seem to differ.
    """

    def rule(
        ans: Array, values: list[Array], deltas: list[Delta], **params: Any
    ) -> Array:
        (a, b), (da, db) = values, deltas
        apart = exact_difference(a, da, b, db)
        if isinstance(da, SelectionDelta) or isinstance(db, SelectionDelta):
            # Equal pairs differ by 0 already. But that 0 comes from arithmetic, and in
            # a difference of this difference, arithmetic is rounded.
            same = _is_same_sum(exact_sum(a, da), exact_sum(b, db))
            apart = jnp.where(same, 0, apart)
        there = primitive.bind(apart, jnp.zeros_like(apart), **params)
        unchanged = (materialize(a, da) == 0) & (materialize(b, db) == 0)
        return jnp.where(unchanged, ans, there)

    def_rule(primitive, rule, _COMPARED, accepts_selection=True)


def _is_same_sum(a: ExactSum, b: ExactSum) -> Array:
    return (a[0] == b[0]) & (a[1] == b[1])


for _primitive in (lax.eq_p, lax.ne_p, lax.lt_p, lax.le_p, lax.gt_p, lax.ge_p):
    _def_comparison(_primitive)


def _def_total_order(
    primitive: Primitive, compare_errors: Callable[..., Array]
) -> None:
    """Compares in the total order, which has a place for NaN and tells -0 from 0."""

    def rule(ans: Array, values: list[Array], deltas: list[Delta]) -> Array:
        (s, e), (t, f) = map(ordering_keys, values, deltas)
        same = lax.eq_to_p.bind(s, t)
        return (~same & primitive.bind(s, t)) | (same & compare_errors(e, f))

    def_rule(primitive, rule, _COMPARED, accepts_selection=True)


_def_total_order(lax.eq_to_p, jnp.equal)
_def_total_order(lax.lt_to_p, jnp.less)
_def_total_order(lax.le_to_p, jnp.less_equal)


def _is_finite(ans: Array, values: list[Array], deltas: list[Delta]) -> Array:
    return jnp.isfinite(value_after(values[0], deltas[0]))


def_rule(lax.is_finite_p, _is_finite, "whether x + dx, rounded, is finite")


# --- The position of the largest or smallest number ---


def _def_argextreme(primitive: Primitive, *, largest: bool) -> None:
    """Finds the best rounded sums, and among them the best rounding error; or a NaN."""

    def rule(
        ans: Array, values: list[Array], deltas: list[Delta], **params: Any
    ) -> Array:
        s, e = ordering_keys(values[0], deltas[0])
        keys = tie_breakers(s, e, params["axes"], largest=largest)
        return primitive.bind(keys, **params)

    note = "the position at x + dx, by exact sums; the first of ties"
    def_rule(primitive, rule, note, accepts_selection=True)


_def_argextreme(lax.argmax_p, largest=True)
_def_argextreme(lax.argmin_p, largest=False)


# --- Sorting ---


def _sort(
    ans: list[Array],
    values: list[Array],
    deltas: list[Delta],
    *,
    num_keys: int,
    dimension: int,
    **_: Any,
) -> list[Delta]:
    """Sorts again by exact sums; `Δ = (x' - ans) + Δx'`, x' the number placed there."""
    keys = [
        key
        for value, delta in zip(values[:num_keys], deltas[:num_keys], strict=True)
        for key in _sort_keys(value, delta)
    ]
    same_order = all(delta is UNCHANGED for delta in deltas[:num_keys])
    # If the order is the same, x' = ans: only differences are sorted, of the numbers
    # that change.
    changing = [i for i, d in enumerate(deltas) if d is not UNCHANGED or not same_order]
    selected = [] if same_order else [i for i, v in enumerate(values) if is_inexact(v)]
    if same_order:
        deltas = list(map(drop_selection, deltas))
    sums = list(map(exact_sum, values, deltas))
    ordered = lax.sort(
        [*keys, *(sums[i][1] for i in changing), *(sums[i][0] for i in selected)],
        dimension=dimension,
        is_stable=True,
        num_keys=len(keys),
    )[len(keys) :]
    results: list[Delta] = list(deltas)
    for i, delta in zip(changing, ordered[: len(changing)], strict=True):
        results[i] = delta
    for i, there in zip(selected, ordered[len(changing) :], strict=True):
        results[i] = _selection_delta(ans[i], there, results[i])
    return results


def _sort_keys(value: Array, delta: Delta) -> tuple[Array, ...]:
    """Keys that sort as the sums do; complex numbers by real, then imaginary part."""
    if delta is UNCHANGED or not is_inexact(value):
        return (value_after(value, delta),)
    if jnp.iscomplexobj(value):
        before, by = exact_sum(value, delta)
        real = ordering_keys(jnp.real(before), jnp.real(by))
        return *real, *ordering_keys(jnp.imag(before), jnp.imag(by))
    return ordering_keys(value, delta)


def _selection_delta(ans: Array, there: Array, delta: Array) -> SelectionDelta:
    """The delta from `ans` to the selected number `there + delta`."""
    difference = delta_from(*upcast_16bit(ans, there, delta)).astype(ans.dtype)
    return SelectionDelta(difference, lambda: (there, delta))


def _top_k(
    ans: list[Array],
    values: list[Array],
    deltas: list[Delta],
    *,
    k: int,
    axis: int,
    **_: Any,
) -> list[Delta]:
    """Sorts by exact sums, the largest first; 0 before -0, NaN first, -NaN last."""
    x, dx = exact_sum(values[0], deltas[0])
    s, e = two_sum(*upcast_16bit(x, dx))
    minus = jnp.signbit(s)
    keys = (minus | ~jnp.isnan(s), -s, -e, minus)
    index = lax.broadcasted_iota(ans[1].dtype, x.shape, axis)
    ordered = lax.sort(
        [*keys, x, dx, index], dimension=axis, is_stable=True, num_keys=len(keys)
    )
    there, delta, index = (
        lax.slice_in_dim(part, 0, k, axis=axis) for part in ordered[len(keys) :]
    )
    return [_selection_delta(ans[0], there, delta), index]


def _approx_top_k(
    ans: list[Array],
    values: list[Array],
    deltas: list[Delta],
    *,
    reduction_dimension: int,
    **params: Any,
) -> list[Delta]:
    """As `_top_k`, but by rounded sums: the primitive itself is approximate."""
    x, dx = exact_sum(values[0], deltas[0])
    _, index = lax.approx_top_k_p.bind(
        x + dx, reduction_dimension=reduction_dimension, **params
    )
    there, delta = (
        jnp.take_along_axis(part, index, axis=reduction_dimension) for part in (x, dx)
    )
    return [_selection_delta(ans[0], there, delta), index]


_PLACED = "(x' - ans) + Δx', x' the number placed there"
def_rule(lax.sort_p, _sort, f"sorted again: {_PLACED}", accepts_selection=True)
def_rule(lax.top_k_p, _top_k, f"selected again: {_PLACED}", accepts_selection=True)
def_rule(
    lax.approx_top_k_p,
    _approx_top_k,
    "as top_k, by rounded sums",
    accepts_selection=True,
)
