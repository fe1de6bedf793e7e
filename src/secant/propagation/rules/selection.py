"""What chooses between numbers, and what rounds them to whole ones.

Larger and smaller do not depend on where one counts from: with everything counted from
the result before, `max` of the operands afterwards is the difference itself. Which of
them it is goes along, for those who compare with it.
"""

from collections.abc import Callable
from functools import partial
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
    clamped,
    exact_sum,
    explicit,
    extreme,
    is_number,
    larger,
    smaller,
    two_sum,
    widened,
)
from secant.propagation.jaxpr_tools import crossed
from secant.propagation.numerics import over, risen
from secant.propagation.registry import Primitive, elementwise, special
from secant.propagation.rules.arithmetic import modulus_change

# --- The largest, the smallest, the nearest within bounds ---


def _chosen(
    primitive: Primitive,
    note: str,
    choose: Callable[..., Sum] | None = None,
    *,
    over_axes: bool = False,
) -> None:
    """`Δf(a, b, …) = f((a - ans) + Δa, (b - ans) + Δb, …)`.

    For what picks one of its operands by their order, or, over axes, one of an array's
    elements.

    Args:
        primitive: What picks.
        note: Its formula.
        choose: The same of sums; None if they cannot be compared here.
        over_axes: Whether it is one of an array's elements.
    """

    def rule(
        ans: Array, values: list[Array], changes: list[Change], **params: Any
    ) -> Array:
        (before,) = widened(ans)
        if over_axes:
            before = jnp.expand_dims(before, params["axes"])
        moved = [
            risen(before, *widened(v, explicit(v, c)))
            for v, c in zip(values, changes, strict=True)
        ]
        change = primitive.bind(*moved, **params).astype(ans.dtype)
        of_sums = choose
        if of_sums is None or not values[0].size or jnp.iscomplexobj(ans):
            return change
        how = {"axes": params["axes"]} if over_axes else {}
        return Chosen(change, lambda: of_sums(*map(exact_sum, values, changes), **how))

    special(primitive, rule, note, knows_choice=True)


_chosen(lax.max_p, "max((a - ans) + Δa, (b - ans) + Δb)", larger)
_chosen(lax.min_p, "min((a - ans) + Δa, (b - ans) + Δb)", smaller)
_chosen(lax.clamp_p, "clamp of (each - ans) + its Δ", clamped)
_largest, _smallest = partial(extreme, largest=True), partial(extreme, largest=False)
_chosen(lax.reduce_max_p, "max((x - ans) + Δx)", _largest, over_axes=True)
_chosen(lax.reduce_min_p, "min((x - ans) + Δx)", _smallest, over_axes=True)
_chosen(lax.pmax_p, "max of (each - ans) + its Δ")
_chosen(lax.pmin_p, "min of (each - ans) + its Δ")


def _select(ans: Array, values: list[Array], changes: list[Change]) -> Change:
    """The chosen case's change; `(chosen then - ans) + its change` where that moves."""
    (which, *cases), (moved, *kinds) = values, changes
    moves = list(map(explicit, cases, kinds))
    choose = partial(_of_cases, after(which, moved), cases, kinds)
    if moved is UNCHANGED:
        change = lax.select_n(which, *moves)
        chosen = any(isinstance(kind, Chosen) for kind in kinds)
        return Chosen(change, choose) if chosen else change
    change = lax.select_n(moved, *moves)
    other = lax.select_n(moved, *cases)
    there = lax.select_n(moved, *map(after, cases, moves))
    stays = jnp.broadcast_to(which == moved, jnp.shape(ans))
    change = lax.select(stays, change, crossed(ans, other, change, there))
    return Chosen(change, choose) if is_number(ans) else change


def _of_cases(which: Array, cases: list[Array], moves: list[Change]) -> Sum:
    before, by = zip(*map(exact_sum, cases, moves), strict=True)
    return lax.select_n(which, *before), lax.select_n(which, *by)


special(
    lax.select_n_p,
    _select,
    "Δ of the case that is chosen at x + dx, from ans",
    knows_choice=True,
)

# --- Without the sign, and the sign alone ---


def _abs(x: Array, dx: Array, ans: Array) -> Array:
    """`max(d, -2|x| - d)`, where d is dx away from 0."""
    if jnp.iscomplexobj(x):
        return modulus_change(x, dx, ans)
    away = jnp.where(x < 0, -dx, dx)
    return jnp.maximum(away, -2 * ans - away)


def _sign(x: Array, dx: Array, ans: Array) -> Array:
    """The sign of a rounded sum is that of the sum; `Δ(z/|z|)` is a quotient's."""
    there = x + dx
    if not jnp.iscomplexobj(x):
        return jnp.sign(there) - ans
    size, size_there = abs(x), abs(there)
    turned = over(dx - ans * modulus_change(x, dx, size), size_there)
    return jnp.where(there == 0, -ans, turned)


def _positive(x: Sum) -> Sum:
    below = sum(x) < 0
    before, by = (jnp.where(below, -part, part) for part in x)
    return before, by


elementwise(
    lax.abs_p,
    _abs,
    "max(d, -2|x| - d), d = Δx sign x",
    complex_too=True,
    choose=_positive,
)
elementwise(lax.sign_p, _sign, "sign(x + Δx) - sign x", complex_too=True)

# --- Whole numbers ---


def _floor(x: Array, dx: Array, ans: Array) -> Array:
    return _whole(jnp.floor, x, dx, ans)


def _ceil(x: Array, dx: Array, ans: Array) -> Array:
    return _whole(jnp.ceil, x, dx, ans)


def _whole(f: Any, x: Array, dx: Array, ans: Array) -> Array:
    """`f(s + e) - ans` of the exact sum: e decides where s is a whole number."""
    s, e = two_sum(x, dx)
    whole = f(s)
    change = jnp.where(whole == ans, 0, whole - ans)  # inf - inf
    return change + jnp.where(whole == s, f(e), 0)


def _round(x: Array, dx: Array, ans: Array, *, rounding_method: Any) -> Array:
    """As `floor`; at a half, e decides too.

    A sum so large that e counts whole numbers is whole, and even where e has a tie.
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
    change = jnp.where(whole == ans, 0, whole - ans)
    return change + jnp.where(below == s, rest, 0)


elementwise(lax.floor_p, _floor, "floor(x + Δx) - floor x, the sum exact")
elementwise(lax.ceil_p, _ceil, "ceil(x + Δx) - ceil x, the sum exact")
elementwise(lax.round_p, _round, "round(x + Δx) - round x, the sum exact")
