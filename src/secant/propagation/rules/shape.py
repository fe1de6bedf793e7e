"""Data movement, other dtypes, and axes with names.

A primitive that only moves numbers moves their differences in the same way.
"""

from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive, primitives

from secant.propagation.builders import def_data_movement, def_linear, def_rule
from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Delta,
    cast_delta,
    drop_selection,
    is_inexact,
    two_sum,
    upcast_16bit,
    value_after,
)

def_data_movement(lax.reshape_p)
def_data_movement(lax.broadcast_in_dim_p)
def_data_movement(lax.transpose_p)
def_data_movement(lax.squeeze_p)
def_data_movement(lax.rev_p)
def_data_movement(lax.slice_p)
def_data_movement(lax.pad_p)
def_data_movement(lax.concatenate_p)
def_data_movement(lax.split_p)
def_data_movement(lax.stack_p)
def_data_movement(lax.unstack_p)
def_data_movement(lax.tile_p)
def_data_movement(lax.copy_p)
def_data_movement(lax.stop_gradient_p)
def_data_movement(lax.sharding_constraint_p)
def_data_movement(primitives.name_p)


# --- Several operands, each with its own result ---


def _def_per_operand(primitive: Primitive, *in_step: str) -> None:
    """Defines a rule that binds the primitive to the deltas of changing operands.

    Args:
        primitive: It has as many results as operands.
        in_step: The params with one entry for each operand.
    """

    def rule(
        ans: list[Array], values: list[Array], deltas: list[Delta], **params: Any
    ) -> list[Delta]:
        changing = [i for i, delta in enumerate(deltas) if delta is not UNCHANGED]
        own = {name: tuple(params[name][i] for i in changing) for name in in_step}
        moved = primitive.bind(*(deltas[i] for i in changing), **{**params, **own})
        results: list[Delta] = list(deltas)
        for i, delta in zip(changing, moved, strict=True):
            results[i] = delta
        return results

    def_rule(primitive, rule, "each result's Δ, of its own operand")


_def_per_operand(lax.optimization_barrier_p)
_def_per_operand(lax.device_put_p, "devices", "srcs", "copy_semantics")


# --- Other dtypes and fewer digits ---


def _reduce_precision(
    ans: Array, values: list[Array], deltas: list[Delta], **_: Any
) -> Delta:
    return deltas[0]


def_rule(
    lax.reduce_precision_p, _reduce_precision, "Δx: rounding is no part of f's meaning"
)


def _convert_element_type(
    ans: Array,
    values: list[Array],
    deltas: list[Delta],
    *,
    new_dtype: Any,
    **params: Any,
) -> Array:
    (x,), (dx,) = values, deltas
    bind = partial(lax.convert_element_type_p.bind, new_dtype=new_dtype, **params)
    if is_inexact(x) and is_inexact(ans):
        # The difference leaves out that the value is rounded to fewer digits: rounding
        # is no part of f's meaning.
        return cast_delta(dx, bind)
    dx = drop_selection(dx)
    if is_inexact(ans):
        return _integer_difference(x, dx, ans)
    if jnp.issubdtype(ans.dtype, jnp.integer) and not jnp.iscomplexobj(x):
        s, e = two_sum(*upcast_16bit(x, dx))
        return bind(s) + _truncated_rest(s, e, ans.dtype)
    return bind(value_after(x, dx))


def _integer_difference(n: Array, there: Array, ans: Array) -> Array:
    """`there - n` of integers as a float, without overflow and rounded only once.

    An unsigned integer holds the distance of any two signed integers of its size.
    """
    if n.dtype == bool:
        return there.astype(ans.dtype) - n.astype(ans.dtype)
    bits = jnp.dtype(f"uint{jnp.iinfo(n.dtype).bits}")
    low, high = jnp.minimum(n, there), jnp.maximum(n, there)
    distance = (high.astype(bits) - low.astype(bits)).astype(ans.dtype)
    return jnp.where(there < n, -distance, distance)


def _truncated_rest(s: Array, e: Array, dtype: Any) -> Array:
    """The whole number by which the rounding error `e` changes `trunc(s)`.

    It matters only where `s` is a whole number, and only within the integer's range.
    """
    bounds = jnp.iinfo(dtype)
    inside = (s >= float(bounds.min)) & (s < float(bounds.max))
    rest = jnp.where(s > 0, jnp.floor(e), jnp.where(s < 0, jnp.ceil(e), 0))
    return jnp.where(inside & (jnp.trunc(s) == s), rest, 0).astype(dtype)


def_rule(
    lax.convert_element_type_p,
    _convert_element_type,
    "Δ in the other dtype; to integers, the exact sum x + dx, truncated",
    accepts_selection=True,
)


def _bitcast_convert_type(
    ans: Array, values: list[Array], deltas: list[Delta], **params: Any
) -> Array:
    """The bits of `x + dx`, rounded."""
    there = lax.bitcast_convert_type_p.bind(value_after(values[0], deltas[0]), **params)
    return there - ans if is_inexact(ans) else there


def_rule(
    lax.bitcast_convert_type_p, _bitcast_convert_type, "the bits of x + dx, rounded"
)


# --- Axes with names ---

def_linear(lax.psum_p)
def_data_movement(lax.ppermute_p)
def_data_movement(lax.all_gather_p)
def_data_movement(lax.all_to_all_p)
