"""Moving numbers about: what is done to the values is done to their changes."""

from functools import partial
from typing import Any

from jax import lax

from secant.propagation.changes import Array, Change, after, is_number
from secant.propagation.registry import linear, special

linear(lax.reshape_p)
linear(lax.broadcast_in_dim_p)
linear(lax.transpose_p)
linear(lax.squeeze_p)
linear(lax.rev_p)
linear(lax.slice_p)
linear(lax.pad_p)
linear(lax.concatenate_p)
linear(lax.split_p)
linear(lax.copy_p)
linear(lax.stop_gradient_p)


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
        return bind(dx)
    there = bind(after(x, dx))
    return there - ans if is_number(ans) else there


special(
    lax.convert_element_type_p, _converted, "Δ in the other dtype; integers as they are"
)
