"""Reading and writing at indices, which may themselves change.

Where an index moves, `Δf = [f(x; i') - f(x; i)] + f(Δx; i')` for what is linear.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive

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
    is_number,
    widened,
)
from secant.propagation.jaxpr_tools import Carried, Walk, lifted
from secant.propagation.numerics import risen
from secant.propagation.registry import (
    apart,
    bind,
    composed,
    moving,
    program,
    special,
    through,
)

# --- Reading ---

moving(lax.dynamic_slice_p, 0)


def _gather(
    ans: Array,
    values: list[Array],
    changes: list[Change],
    *,
    fill_value: Any,
    **params: Any,
) -> Change:
    """What is read beyond the edge, the fill value, does not change."""
    (x, index), (dx, moved) = values, changes

    def read(x: Array, index: Array, fill: Any) -> Array:
        return lax.gather_p.bind(x, index, fill_value=fill, **params)

    if not is_number(x):
        return read(after(x, dx), after(index, moved), fill_value)
    no_change = None if fill_value is None else fill_value - fill_value  # or NaN
    there = after(index, moved)
    change = 0 if dx is UNCHANGED else read(difference_of(dx), there, no_change)

    def choose() -> Sum:
        before, by = exact_sum(x, dx)
        return read(before, there, fill_value), read(by, there, no_change)

    if moved is UNCHANGED:
        return Chosen(change, choose) if isinstance(dx, Chosen) else change
    # Of the result's axes, those that are no window's are the indices'.
    window = params["dimension_numbers"].offset_dims
    axes = [axis for axis in range(ans.ndim) if axis not in window]
    same = lax.broadcast_in_dim((index == there).all(-1), ans.shape, axes)
    change = apart(read(x, there, fill_value), ans, same) + change
    return Chosen(change, choose)


special(
    lax.gather_p,
    _gather,
    "gather of Δx; where an index moves, from ans",
    knows_choice=True,
)

# --- Writing ---

moving(lax.dynamic_update_slice_p, 0, 1)


def _written(
    write: Callable[..., Array],
    ans: Array,
    values: list[Array],
    changes: list[Change],
    params: dict[str, Any],
) -> Array:
    """Linear in array and updates; of 16 bits, sums are taken in float32."""
    x, index, updates = values
    there = after(index, changes[1])
    places = _places(params)
    if not is_number(x):
        moved = after(x, changes[0]), after(updates, changes[2])
        return write(moved[0], there, moved[1], **places)
    dx, du = widened(explicit(x, changes[0]), explicit(updates, changes[2]))
    change = write(dx, there, du, **places)
    if changes[1] is not UNCHANGED:
        x, updates = widened(x, updates)
        now, then = (write(x, i, updates, **places) for i in (index, there))
        change = apart(then, now, jnp.all(index == there)) + change
    return change.astype(ans.dtype)


def _summed(primitive: Primitive, write: Callable[..., Array]) -> None:
    def rule(
        ans: Array, values: list[Array], changes: list[Change], **params: Any
    ) -> Array:
        return _written(write, ans, values, changes, params)

    special(primitive, rule, "Δf = f(Δx); where an index moves, as for gather")


def _extreme(primitive: Primitive, choose: Callable[..., Array]) -> None:
    """`max((x - ans) + Δx, (u - ans) + Δu)`, ans that of the place where u goes."""

    def rule(
        ans: Array, values: list[Array], changes: list[Change], **params: Any
    ) -> Change:
        x, index, updates = values
        there = after(index, changes[1])
        if not is_number(x):
            moved = after(x, changes[0]), after(updates, changes[2])
            return choose(moved[0], there, moved[1], **_places(params))
        before, beside = widened(ans, _read_back(ans, there, updates, params))
        x, dx = widened(x, explicit(x, changes[0]))
        u, du = widened(updates, explicit(updates, changes[2]))
        risen_x, risen_u = risen(before, x, dx), risen(beside, u, du)
        change = choose(risen_x, there, risen_u, **_places(params)).astype(ans.dtype)
        if not u.size:
            return change

        def winners() -> Sum:
            sums = exact_sum(values[0], changes[0]), exact_sum(updates, changes[2])
            return _winners(choose, sums[0], there, sums[1], params)

        return Chosen(change, winners)

    note = "max((x - ans) + Δx, (u - ans) + Δu)"
    special(primitive, rule, note, knows_choice=True)


def _winners(
    choose: Callable[..., Array], x: Sum, index: Array, u: Sum, params: dict[str, Any]
) -> Sum:
    """Of each place, the update that stays there, or x; a NaN, if there is one."""
    (s, e), (t, f) = exact_order(*x), exact_order(*u)
    places = _places(params)
    best = choose(s, index, t, **places)
    first = t == _read_back(best, index, t, params)
    behind = -jnp.inf if choose is lax.scatter_max else jnp.inf
    e, f = jnp.where(s == best, e, behind), jnp.where(first, f, behind)
    rest = choose(e, index, f, **places)
    wins = first & (f == _read_back(rest, index, f, params))
    number = lax.iota(jnp.int32, t.size).reshape(t.shape)
    none = jnp.full(s.shape, -1, jnp.int32)
    at = lax.scatter_max(none, index, jnp.where(wins, number, -1), **places)
    before, by = (
        jnp.where(at < 0, of_x, of_u.reshape(-1)[jnp.maximum(at, 0)])
        for of_x, of_u in zip(x, u, strict=True)
    )
    return jnp.where(jnp.isnan(best), jnp.nan, before), by


def _places(params: dict[str, Any]) -> dict[str, Any]:
    """The params as the public functions of `jax.lax` take them."""
    names = ("dimension_numbers", "indices_are_sorted", "unique_indices", "mode")
    return {name: params[name] for name in names}


def _read_back(
    x: Array, index: Array, updates: Array, params: dict[str, Any], fill: Any = 0
) -> Array:
    """What an array holds where the updates go: the gather that a scatter mirrors."""
    where = params["dimension_numbers"]
    dropped = {*where.inserted_window_dims, *where.operand_batching_dims}
    window = iter(where.update_window_dims)
    return lax.gather(
        x,
        index,
        lax.GatherDimensionNumbers(
            offset_dims=where.update_window_dims,
            collapsed_slice_dims=where.inserted_window_dims,
            start_index_map=where.scatter_dims_to_operand_dims,
            operand_batching_dims=where.operand_batching_dims,
            start_indices_batching_dims=where.scatter_indices_batching_dims,
        ),
        slice_sizes=[
            1 if axis in dropped else updates.shape[next(window)]
            for axis in range(x.ndim)
        ],
        unique_indices=params["unique_indices"],
        indices_are_sorted=params["indices_are_sorted"],
        mode=params["mode"],
        fill_value=fill,
    )


_summed(lax.scatter_add_p, lax.scatter_add)
_summed(lax.scatter_sub_p, lax.scatter_sub)
_extreme(lax.scatter_max_p, lax.scatter_max)
_extreme(lax.scatter_min_p, lax.scatter_min)


# --- Writing to one place many times ---


def _targets(x: Array, index: Array, updates: Array, params: Any) -> Array:
    """Of each update, the place where it goes, in a flat array; x.size for none."""
    places = lax.iota(jnp.int32, x.size).reshape(x.shape)
    targets = _read_back(places, index, updates, params, -1).reshape(-1)
    return jnp.where(targets < 0, x.size, targets)


def _multiplied(x: Array, index: Array, updates: Array, **params: Any) -> Array:
    """The updates of one place, brought together by sorting, in a scan of products."""
    targets, factors = lax.sort(
        (_targets(x, index, updates, params), updates.reshape(-1)), num_keys=1
    )

    def product(a: tuple[Array, Array], b: tuple[Array, Array]) -> Any:
        (at_a, p), (at_b, q) = a, b
        return at_b, jnp.where(at_a == at_b, p * q, q)

    _, factors = lax.associative_scan(product, (targets, factors))
    last = jnp.append(targets[:-1] != targets[1:], True)
    at = jnp.where(last, targets, x.size)
    return x * jnp.ones(x.size, x.dtype).at[at].set(factors, mode="drop").reshape(
        x.shape
    )


composed(lax.scatter_mul_p, _multiplied, "x times a scan of the updates of each place")


def _applied(
    x: Array,
    index: Array,
    updates: Array,
    *,
    update_jaxpr: Any,
    update_consts: Any,
    **params: Any,
) -> Array:
    """Of `x.at[i].apply(f)`: f, as many times as a place is named."""
    targets, updates = lax.sort(
        (_targets(x, index, updates, params), updates.reshape(-1)), num_keys=1
    )
    turn = jnp.arange(targets.size) - jnp.searchsorted(targets, targets)
    apply = lifted(update_jaxpr, update_consts, 1)

    def step(number: Array, flat: Array) -> Array:
        at = jnp.where(turn == number, targets, x.size)
        (applied,) = apply(flat.at[at].get(mode="clip"), updates)
        return flat.at[at].set(applied, mode="drop")

    turns = jnp.max(turn, initial=-1) + 1
    return lax.fori_loop(0, turns, step, x.reshape(-1)).reshape(x.shape)


def _scatter(
    walk: Walk, values: list[Array], changes: list[Change], **params: Any
) -> Carried:
    """Which update stays, of several for one place, is the same for their changes."""
    ans = bind(lax.scatter_p, values, params)
    if params["update_jaxpr"] is None:
        return [ans], [_written(lax.scatter, ans, values, changes, params)]
    return [ans], through(walk, partial(_applied, **params), values, changes)


program(lax.scatter_p, _scatter, "Δf = f(Δx); of `apply`, its function's")
