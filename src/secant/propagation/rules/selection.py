"""Selection of numbers, absolute value, sign and rounding.

The order of numbers does not depend on the origin from which they are counted. Counted
from the result at `x`, an operand at `x + dx` is `(a - ans) + Δa`, and the maximum of
these numbers is the difference of the maximum itself:

    max(a + Δa, b + Δb) - ans = max((a - ans) + Δa, (b - ans) + Δb)

One of the two `a - ans` is 0, so nothing is rounded if the same operand is selected at
`x + dx`. The `SelectionDelta` also knows the selected operand, for later comparisons.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive

from secant.propagation.builders import def_elementwise, def_rule
from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Delta,
    ExactSum,
    SelectionDelta,
    clamp_sum,
    exact_sum,
    extreme_sum,
    is_inexact,
    materialize,
    max_sum,
    min_sum,
    two_sum,
    upcast_16bit,
    value_after,
)
from secant.propagation.jaxpr_tools import delta_across
from secant.propagation.numerics import delta_from, safe_divide
from secant.propagation.rules.arithmetic import modulus_difference

# --- Maxima, minima and bounds ---


def _def_selection(
    primitive: Primitive,
    note: str,
    select: Callable[..., ExactSum] | None = None,
    *,
    over_axes: bool = False,
) -> None:
    """Defines `Δf(a, b, …) = f((a - ans) + Δa, (b - ans) + Δb, …)`.

    Args:
        primitive: It selects one of its operands by their order, or one of the
            elements of an array.
        note: Its formula.
        select: The same function of exact sums. None if the operands are not on this
            device, so that they cannot be compared.
        over_axes: Whether it selects an element of an array.
    """

    def rule(
        ans: Array, values: list[Array], deltas: list[Delta], **params: Any
    ) -> Delta:
        (origin,) = upcast_16bit(ans)
        if over_axes:
            origin = jnp.expand_dims(origin, params["axes"])
        from_origin = [
            delta_from(origin, *upcast_16bit(v, materialize(v, d)))
            for v, d in zip(values, deltas, strict=True)
        ]
        difference = primitive.bind(*from_origin, **params).astype(ans.dtype)
        of_sums = select
        if of_sums is None or not values[0].size or jnp.iscomplexobj(ans):
            return difference
        own = {"axes": params["axes"]} if over_axes else {}
        return SelectionDelta(
            difference, lambda: of_sums(*map(exact_sum, values, deltas), **own)
        )

    def_rule(primitive, rule, note, accepts_selection=True)


_largest = partial(extreme_sum, largest=True)
_smallest = partial(extreme_sum, largest=False)
_def_selection(lax.max_p, "max((a - ans) + Δa, (b - ans) + Δb)", max_sum)
_def_selection(lax.min_p, "min((a - ans) + Δa, (b - ans) + Δb)", min_sum)
_def_selection(lax.clamp_p, "clamp of (each - ans) + its Δ", clamp_sum)
_def_selection(lax.reduce_max_p, "max((x - ans) + Δx)", _largest, over_axes=True)
_def_selection(lax.reduce_min_p, "min((x - ans) + Δx)", _smallest, over_axes=True)
_def_selection(lax.pmax_p, "max of (each - ans) + its Δ")
_def_selection(lax.pmin_p, "min of (each - ans) + its Δ")


# --- Selection by an index or a truth value ---


def _select_n(ans: Array, values: list[Array], deltas: list[Delta]) -> Delta:
    """The delta of the case that is selected at `x + dx`, counted from `ans`.

    If the selector does not change, it is that case's own delta. Where it changes, the
    delta is `(case - ans) + Δcase`.
    """
    (which, *cases), (which_there, *case_deltas) = values, deltas
    differences = list(map(materialize, cases, case_deltas))
    there = value_after(which, which_there)
    compute_selected = partial(_selected_case, there, cases, case_deltas)
    if which_there is UNCHANGED:
        delta = lax.select_n(which, *differences)
        selected = any(isinstance(delta, SelectionDelta) for delta in case_deltas)
        return SelectionDelta(delta, compute_selected) if selected else delta
    delta = lax.select_n(which_there, *differences)
    other = lax.select_n(which_there, *cases)
    then = lax.select_n(which_there, *map(value_after, cases, differences))
    same = jnp.broadcast_to(which == which_there, jnp.shape(ans))
    # Numbers that do not change have no rounding that changes.
    moves = any(delta is not UNCHANGED for delta in case_deltas)
    within = lax.select_n(which, *differences) if moves else None
    across = delta_across(ans, other, delta, then, within)
    delta = lax.select(same, delta, across)
    return SelectionDelta(delta, compute_selected) if is_inexact(ans) else delta


def _selected_case(which: Array, cases: list[Array], deltas: list[Delta]) -> ExactSum:
    before, by = zip(*map(exact_sum, cases, deltas), strict=True)
    return lax.select_n(which, *before), lax.select_n(which, *by)


def_rule(
    lax.select_n_p,
    _select_n,
    "Δ of the case that is selected at x + dx, counted from ans",
    accepts_selection=True,
)


# --- Absolute value and sign ---


def _abs(x: Array, dx: Array, ans: Array) -> Array:
    """`max(d, -2|x| - d)`, with `d = dx sign(x)` the move away from 0."""
    if jnp.iscomplexobj(x):
        return modulus_difference(x, dx, ans)
    away = jnp.where(x < 0, -dx, dx)
    return jnp.maximum(away, -2 * ans - away)


def _sign(x: Array, dx: Array, ans: Array) -> Array:
    """A rounded sum has the sign of the sum. `Δ(z/|z|)` is that of a quotient."""
    there = x + dx
    if not jnp.iscomplexobj(x):
        return jnp.sign(there) - ans
    size, size_there = abs(x), abs(there)
    change = safe_divide(dx - ans * modulus_difference(x, dx, size), size_there)
    return jnp.where(there == 0, -ans, change)


def _abs_sum(x: ExactSum) -> ExactSum:
    below = sum(x) < 0
    before, by = (jnp.where(below, -part, part) for part in x)
    return before, by


def_elementwise(
    lax.abs_p,
    _abs,
    "max(d, -2|x| - d), d = Δx sign x",
    complex_too=True,
    select=_abs_sum,
)
def_elementwise(lax.sign_p, _sign, "sign(x + Δx) - sign x", complex_too=True)


# --- Rounding to whole numbers ---


def _floor(x: Array, dx: Array, ans: Array) -> Array:
    return _round_by(jnp.floor, x, dx, ans)


def _ceil(x: Array, dx: Array, ans: Array) -> Array:
    return _round_by(jnp.ceil, x, dx, ans)


def _round_by(f: Any, x: Array, dx: Array, ans: Array) -> Array:
    """`f(s + e) - ans` of the exact sum; `e` decides where `s` is a whole number."""
    s, e = two_sum(x, dx)
    whole = f(s)
    change = jnp.where(whole == ans, 0, whole - ans)  # 0 instead of inf - inf
    return change + jnp.where(whole == s, f(e), 0)


def _round(x: Array, dx: Array, ans: Array, *, rounding_method: Any) -> Array:
    """As `floor`; the rounding error `e` also decides where `s` is half-way.

    Where `s` is so large that `e` has whole parts, `s` is a whole number, and an even
    one if `e` is half-way.
    """
    s, e = two_sum(x, dx)
    whole = lax.round(s, rounding_method)
    below = jnp.floor(s)
    half = s - below == 0.5
    whole = jnp.where(half & (e < 0), below, whole)
    whole = jnp.where(half & (e > 0), below + 1, whole)
    if rounding_method == lax.RoundingMethod.AWAY_FROM_ZERO:
        tie = abs(e - jnp.trunc(e)) == 0.5
        rest = jnp.where(tie & ((s > 0) != (e > 0)), jnp.trunc(e), lax.round(e))
    else:
        rest = jnp.round(e)
    delta = jnp.where(whole == ans, 0, whole - ans)
    return delta + jnp.where(below == s, rest, 0)


def_elementwise(lax.floor_p, _floor, "floor(x + Δx) - floor x, the sum exact")
def_elementwise(lax.ceil_p, _ceil, "ceil(x + Δx) - ceil x, the sum exact")
def_elementwise(lax.round_p, _round, "round(x + Δx) - round x, the sum exact")


def _nextafter(ans: Array, values: list[Array], deltas: list[Delta]) -> Array:
    """`Δx`, and how the step from x to its neighbour changes.

    The step at x + dx is that of the rounded sums; where these are equal, f is y.
    """
    (x, y), (dx, dy) = values, deltas
    there, target = value_after(x, dx), value_after(y, dy)
    neighbour = lax.nextafter(there, target)
    change = materialize(x, dx) + ((neighbour - there) - (ans - x))
    change = jnp.where(there == target, (y - ans) + materialize(y, dy), change)
    return jnp.where(jnp.isfinite(change), change, neighbour - ans)


def_rule(lax.nextafter_p, _nextafter, "Δx + Δ(step), the step that of rounded sums")
