"""Slicing, gather and scatter, at indices that may change.

If an index changes from `i` to `i'`, a linear `f` has the difference
`Δf = [f(x; i') - f(x; i)] + f(Δx; i')`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive

from secant.propagation.builders import (
    def_composition,
    def_data_movement,
    def_higher_order,
    def_rule,
)
from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Delta,
    ExactSum,
    SelectionDelta,
    drop_selection,
    exact_sum,
    is_inexact,
    materialize,
    ordering_keys,
    upcast_16bit,
    value_after,
)
from secant.propagation.jaxpr_tools import (
    ValuesAndDeltas,
    Walk,
    bind,
    vmap_jaxpr,
    walk_function,
)
from secant.propagation.numerics import delta_from, subtract_unless_same

# --- Gather ---

def_data_movement(lax.dynamic_slice_p, 0)


def _gather(
    ans: Array,
    values: list[Array],
    deltas: list[Delta],
    *,
    fill_value: Any,
    **params: Any,
) -> Delta:
    """The elements at the indices; the fill value, for those outside, is constant."""
    (x, index), (dx, index_delta) = values, deltas

    def read(x: Array, index: Array, fill: Any) -> Array:
        return lax.gather_p.bind(x, index, fill_value=fill, **params)

    if not is_inexact(x):
        return read(value_after(x, dx), value_after(index, index_delta), fill_value)
    # NaN if the fill value is NaN or infinite.
    no_change = None if fill_value is None else fill_value - fill_value
    there = value_after(index, index_delta)
    delta = 0 if dx is UNCHANGED else read(drop_selection(dx), there, no_change)

    def compute_selected() -> ExactSum:
        before, by = exact_sum(x, dx)
        return read(before, there, fill_value), read(by, there, no_change)

    if index_delta is UNCHANGED:
        selected = isinstance(dx, SelectionDelta)
        return SelectionDelta(delta, compute_selected) if selected else delta
    # The axes of the result belong either to the window or to the indices.
    window = params["dimension_numbers"].offset_dims
    axes = [axis for axis in range(ans.ndim) if axis not in window]
    same = lax.broadcast_in_dim((index == there).all(-1), ans.shape, axes)
    delta = subtract_unless_same(read(x, there, fill_value), ans, same) + delta
    return SelectionDelta(delta, compute_selected)


def_rule(
    lax.gather_p,
    _gather,
    "gather of Δx; where an index changes, counted from ans",
    accepts_selection=True,
)


# --- Scatter ---

def_data_movement(lax.dynamic_update_slice_p, 0, 1)


def _scatter_linear(
    write: Callable[..., Array],
    ans: Array,
    values: list[Array],
    deltas: list[Delta],
    params: dict[str, Any],
) -> Array:
    """A scatter that is linear in array and updates; 16 bits are summed in float32."""
    x, index, updates = values
    there = value_after(index, deltas[1])
    options = _scatter_options(params)
    if not is_inexact(x):
        x_there, u_there = value_after(x, deltas[0]), value_after(updates, deltas[2])
        return write(x_there, there, u_there, **options)
    dx, du = upcast_16bit(materialize(x, deltas[0]), materialize(updates, deltas[2]))
    delta = write(dx, there, du, **options)
    if deltas[1] is not UNCHANGED:
        x, updates = upcast_16bit(x, updates)
        now, then = (write(x, i, updates, **options) for i in (index, there))
        delta = subtract_unless_same(then, now, jnp.all(index == there)) + delta
    return delta.astype(ans.dtype)


def _def_scatter_add(primitive: Primitive, write: Callable[..., Array]) -> None:
    def rule(
        ans: Array, values: list[Array], deltas: list[Delta], **params: Any
    ) -> Array:
        return _scatter_linear(write, ans, values, deltas, params)

    def_rule(primitive, rule, "Δf = f(Δx); where an index changes, as for gather")


def _def_scatter_extreme(primitive: Primitive, select: Callable[..., Array]) -> None:
    """Defines `Δ = max((x - ans) + Δx, (u - ans) + Δu)`, ans at the target of `u`."""

    def rule(
        ans: Array, values: list[Array], deltas: list[Delta], **params: Any
    ) -> Delta:
        x, index, updates = values
        there = value_after(index, deltas[1])
        if not is_inexact(x):
            x_there = value_after(x, deltas[0])
            u_there = value_after(updates, deltas[2])
            return select(x_there, there, u_there, **_scatter_options(params))
        at_x, at_u = upcast_16bit(ans, _read_back(ans, there, updates, params))
        x, dx = upcast_16bit(x, materialize(x, deltas[0]))
        u, du = upcast_16bit(updates, materialize(updates, deltas[2]))
        from_x, from_u = delta_from(at_x, x, dx), delta_from(at_u, u, du)
        difference = select(from_x, there, from_u, **_scatter_options(params))
        difference = difference.astype(ans.dtype)
        if not u.size:
            return difference

        def compute_selected() -> ExactSum:
            sums = exact_sum(values[0], deltas[0]), exact_sum(updates, deltas[2])
            return _winning_sums(select, sums[0], there, sums[1], params)

        return SelectionDelta(difference, compute_selected)

    note = "max((x - ans) + Δx, (u - ans) + Δu)"
    def_rule(primitive, rule, note, accepts_selection=True)


def _winning_sums(
    select: Callable[..., Array],
    x: ExactSum,
    index: Array,
    u: ExactSum,
    params: dict[str, Any],
) -> ExactSum:
    """The winning exact sum for each element of `x`: `x` itself or an update.

    The scatter first finds the best rounded sums, then the best rounding errors among
    those. The winning updates then write their numbers, so that the winner's two parts
    can be copied. If there is a NaN among the sums, the result is NaN.
    """
    (s, e), (t, f) = ordering_keys(*x), ordering_keys(*u)
    options = _scatter_options(params)
    best = select(s, index, t, **options)
    is_best = t == _read_back(best, index, t, params)
    behind = -jnp.inf if select is lax.scatter_max else jnp.inf
    e, f = jnp.where(s == best, e, behind), jnp.where(is_best, f, behind)
    best_error = select(e, index, f, **options)
    wins = is_best & (f == _read_back(best_error, index, f, params))
    number = lax.iota(jnp.int32, t.size).reshape(t.shape)
    none = jnp.full(s.shape, -1, jnp.int32)
    winner = lax.scatter_max(none, index, jnp.where(wins, number, -1), **options)
    before, by = (
        jnp.where(winner < 0, of_x, of_u.reshape(-1)[jnp.maximum(winner, 0)])
        for of_x, of_u in zip(x, u, strict=True)
    )
    return jnp.where(jnp.isnan(best), jnp.nan, before), by


def _scatter_options(params: dict[str, Any]) -> dict[str, Any]:
    """The params as the public functions of `jax.lax` take them."""
    names = ("dimension_numbers", "indices_are_sorted", "unique_indices", "mode")
    return {name: params[name] for name in names}


def _read_back(
    x: Array, index: Array, updates: Array, params: dict[str, Any], fill: Any = 0
) -> Array:
    """The elements of an array at the updates' targets: the scatter's own gather."""
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


_def_scatter_add(lax.scatter_add_p, lax.scatter_add)
_def_scatter_add(lax.scatter_sub_p, lax.scatter_sub)
_def_scatter_extreme(lax.scatter_max_p, lax.scatter_max)
_def_scatter_extreme(lax.scatter_min_p, lax.scatter_min)


# --- Scatter with several updates for one element ---


def _flat_targets(x: Array, index: Array, updates: Array, params: Any) -> Array:
    """The position in flat `x` to which each update goes; x.size if it is outside."""
    positions = lax.iota(jnp.int32, x.size).reshape(x.shape)
    targets = _read_back(positions, index, updates, params, -1).reshape(-1)
    return jnp.where(targets < 0, x.size, targets)


def _scatter_mul(x: Array, index: Array, updates: Array, **params: Any) -> Array:
    """Sorts the updates by target, and multiplies neighbours in a parallel scan."""
    targets, factors = lax.sort(
        (_flat_targets(x, index, updates, params), updates.reshape(-1)), num_keys=1
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


def_composition(
    lax.scatter_mul_p, _scatter_mul, "x times a scan of the updates of each element"
)


def _scatter_apply(
    x: Array,
    index: Array,
    updates: Array,
    *,
    update_jaxpr: Any,
    update_consts: Any,
    **params: Any,
) -> Array:
    """`x.at[i].apply(f)`: applies `f` as many times as `i` names an element.

    Iteration k of the loop applies `f` for the k-th update of each element.
    """
    targets, updates = lax.sort(
        (_flat_targets(x, index, updates, params), updates.reshape(-1)), num_keys=1
    )
    turn = jnp.arange(targets.size) - jnp.searchsorted(targets, targets)
    apply = vmap_jaxpr(update_jaxpr, update_consts, 1)

    def step(number: Array, flat: Array) -> Array:
        at = jnp.where(turn == number, targets, x.size)
        (applied,) = apply(flat.at[at].get(mode="clip"), updates)
        return flat.at[at].set(applied, mode="drop")

    turns = jnp.max(turn, initial=-1) + 1
    return lax.fori_loop(0, turns, step, x.reshape(-1)).reshape(x.shape)


def _scatter(
    walk: Walk, values: list[Array], deltas: list[Delta], **params: Any
) -> ValuesAndDeltas:
    """A scatter without `apply` is linear: the same update stays for the deltas."""
    ans = bind(lax.scatter_p, values, params)
    if params["update_jaxpr"] is None:
        return [ans], [_scatter_linear(lax.scatter, ans, values, deltas, params)]
    return [ans], walk_function(walk, partial(_scatter_apply, **params), values, deltas)


def_higher_order(lax.scatter_p, _scatter, "Δf = f(Δx); of `apply`, its function's")
