"""Moving numbers about: what is done to the values is done to their changes."""

from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import primitives

from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Change,
    after,
    difference_of,
    is_number,
    two_sum,
    widened,
)
from secant.propagation.registry import Primitive, in_dtype, linear, moving, special

moving(lax.reshape_p)
moving(lax.broadcast_in_dim_p)
moving(lax.transpose_p)
moving(lax.squeeze_p)
moving(lax.rev_p)
moving(lax.slice_p)
moving(lax.pad_p)
moving(lax.concatenate_p)
moving(lax.split_p)
moving(lax.stack_p)
moving(lax.unstack_p)
moving(lax.tile_p)
moving(lax.copy_p)
moving(lax.stop_gradient_p)
moving(lax.sharding_constraint_p)
moving(primitives.name_p)

# --- Several operands, each with a result of its own ---


def _each(primitive: Primitive, *in_step: str) -> None:
    """`Δ` of each result is done to its own operand's; what stays is left alone.

    Args:
        primitive: With as many results as operands.
        in_step: Params that hold one entry for each operand.
    """

    def rule(
        ans: list[Array], values: list[Array], changes: list[Change], **params: Any
    ) -> list[Change]:
        moving = [i for i, change in enumerate(changes) if change is not UNCHANGED]
        own = {name: tuple(params[name][i] for i in moving) for name in in_step}
        moved = primitive.bind(*(changes[i] for i in moving), **{**params, **own})
        results: list[Change] = list(changes)
        for i, change in zip(moving, moved, strict=True):
            results[i] = change
        return results

    special(primitive, rule, "each result's Δ, of its own operand")


_each(lax.optimization_barrier_p)
_each(lax.device_put_p, "devices", "srcs", "copy_semantics")

# --- Other dtypes, fewer digits ---


def _rounded(
    ans: Array, values: list[Array], changes: list[Change], **_: Any
) -> Change:
    return changes[0]


special(lax.reduce_precision_p, _rounded, "Δx: rounding is no part of what f means")


def _converted(
    ans: Array,
    values: list[Array],
    changes: list[Change],
    *,
    new_dtype: Any,
    **params: Any,
) -> Array:
    (x,), (dx,) = values, changes
    bind = partial(lax.convert_element_type_p.bind, new_dtype=new_dtype, **params)
    if is_number(x) and is_number(ans):
        # Rounding to fewer digits is left out: it is no part of what f means.
        return in_dtype(dx, bind)
    dx = difference_of(dx)
    if is_number(ans):
        return _counted(x, dx, ans)
    if jnp.issubdtype(ans.dtype, jnp.integer) and not jnp.iscomplexobj(x):
        s, e = two_sum(*widened(x, dx))
        return bind(s) + _cut_off(s, e, ans.dtype)
    return bind(after(x, dx))


def _counted(n: Array, became: Array, ans: Array) -> Array:
    """`became - n` of integers, which neither wraps nor is rounded before it is taken.

    The bits of unsigned integers hold the distance between any two signed ones.
    """
    if n.dtype == bool:
        return became.astype(ans.dtype) - n.astype(ans.dtype)
    bits = jnp.dtype(f"uint{jnp.iinfo(n.dtype).bits}")
    low, high = jnp.minimum(n, became), jnp.maximum(n, became)
    distance = (high.astype(bits) - low.astype(bits)).astype(ans.dtype)
    return jnp.where(became < n, -distance, distance)


def _cut_off(s: Array, e: Array, dtype: Any) -> Array:
    """What the rest of a sum adds to its whole part, towards 0; not where that is full.

    A sum so large that its rest counts whole numbers is whole itself.
    """
    bounds = jnp.iinfo(dtype)
    inside = (s >= float(bounds.min)) & (s < float(bounds.max))
    rest = jnp.where(s > 0, jnp.floor(e), jnp.where(s < 0, jnp.ceil(e), 0))
    return jnp.where(inside & (jnp.trunc(s) == s), rest, 0).astype(dtype)


special(
    lax.convert_element_type_p,
    _converted,
    "Δ in the other dtype; to integers, x + dx cut off, the sum exact",
    knows_choice=True,
)


def _reread(
    ans: Array, values: list[Array], changes: list[Change], **params: Any
) -> Array:
    """The bits of `x + dx`, rounded."""
    there = lax.bitcast_convert_type_p.bind(after(values[0], changes[0]), **params)
    return there - ans if is_number(ans) else there


special(lax.bitcast_convert_type_p, _reread, "the bits of x + dx, rounded")

# --- Along an axis that has a name ---

linear(lax.psum_p)
moving(lax.ppermute_p)
moving(lax.all_gather_p)
moving(lax.all_to_all_p)
