"""Reductions over axes, cumulative reductions and products of tensors.

Sums and products of tensors are linear in each operand. Every other reduction is
written as a tree (or, if cumulative, a parallel scan) of its operation, and the
differences go through the rules of that operation. A tree has two advantages over a
loop. A program of log2(n) operations on whole arrays is short, so the differences of
all n elements take log2(n) steps. And the rounding errors of n operations grow with
log2(n) instead of n.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive

from secant.propagation.builders import def_composition, def_linear, def_rule
from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Delta,
    is_inexact,
    upcast_16bit,
    value_after,
)
from secant.propagation.jaxpr_tools import primitive_of, vmap_jaxpr
from secant.propagation.registry import MissingRule

# --- Sums ---


def _def_sum(primitive: Primitive) -> None:
    """Defines `Δf = f(Δx)`, with 16 bits summed in float32 to keep rounding small."""

    def rule(
        ans: Array, values: list[Array], deltas: list[Delta], **params: Any
    ) -> Array:
        difference = primitive.bind(*upcast_16bit(deltas[0]), **params)
        return difference.astype(ans.dtype)

    def_rule(primitive, rule, "Δf = f(Δx), in float32 for 16 bits")


_def_sum(lax.reduce_sum_p)
_def_sum(lax.cumsum_p)
_def_sum(lax.reduce_window_sum_p)
def_linear(lax.fft_p)


# --- Products of tensors ---


def _def_contraction(primitive: Primitive) -> None:
    """Defines `Δf = f(Δa, b + Δb) + f(a, Δb)`, linear in each of two operands.

    Further operands are integers, as the sizes of groups of rows, and stay the same.
    If the result has more digits than the operands, `b + Δb` is not rounded to theirs:
    `Δf = f(Δa, b) + f(Δa, Δb) + f(a, Δb)`.
    """

    def rule(
        ans: Array, values: list[Array], deltas: list[Delta], **params: Any
    ) -> Array:
        (a, b, *more), (da, db, *others) = values, deltas
        if any(delta is not UNCHANGED for delta in others):
            raise MissingRule("where its groups change")

        def f(a: Array, b: Array) -> Array:
            return primitive.bind(a, b, *more, **params)

        there = value_after(a, da), value_after(b, db)
        if not is_inexact(ans):
            return f(*there)
        if any(
            delta is not UNCHANGED and not is_inexact(value)
            for value, delta in ((a, da), (b, db))
        ):
            return f(*there) - ans
        if da is UNCHANGED:
            return f(a, db)
        if db is UNCHANGED:
            return f(da, b)
        if jnp.finfo(b.dtype).bits < jnp.finfo(ans.dtype).bits:
            return f(da, b) + (f(da, db) + f(a, db))
        return f(da, there[1]) + f(a, db)

    def_rule(primitive, rule, "Δf = f(Δa, b + Δb) + f(a, Δb)")


_def_contraction(lax.dot_general_p)
_def_contraction(lax.conv_general_dilated_p)
_def_contraction(
    primitive_of(
        lax.ragged_dot,
        jax.ShapeDtypeStruct((1, 1), jnp.float32),
        jax.ShapeDtypeStruct((1, 1, 1), jnp.float32),
        jax.ShapeDtypeStruct((1,), jnp.int32),
    )
)


# --- Reductions by any operation ---


def _tree_reduce(
    operation: Callable[..., Sequence[Array]],
    operands: Sequence[Array],
    axes: Sequence[int],
) -> list[Array]:
    """A reduction by a tree: the two halves of an axis are combined until one is left.

    Args:
        operation: `operation(*a, *b) -> c`, associative and elementwise. `a`, `b` and
            `c` are as many arrays as there are operands.
        operands: Arrays of one shape.
        axes: The axes; each has at least one element.
    """
    parts = list(operands)
    for axis in axes:
        while (size := parts[0].shape[axis]) > 1:
            half = size // 2
            first, second, rest = (
                [lax.slice_in_dim(p, start, stop, axis=axis) for p in parts]
                for start, stop in ((0, half), (half, 2 * half), (2 * half, size))
            )
            parts = list(operation(*first, *second))
            if size % 2:
                parts = [
                    lax.concatenate([p, r], axis)
                    for p, r in zip(parts, rest, strict=True)
                ]
    return [lax.squeeze(p, axes) for p in parts]


def _reduce_prod(x: Array, *, axes: Sequence[int], **_: Any) -> Array:
    if any(not x.shape[axis] for axis in axes):
        return jnp.ones([n for i, n in enumerate(x.shape) if i not in axes], x.dtype)
    return _tree_reduce(lambda a, b: [lax.mul(a, b)], [x], axes)[0]


def_composition(lax.reduce_prod_p, _reduce_prod, "a tree of products")


def _reduce(
    *operands: Array, jaxpr: Any, dimensions: Sequence[int], **_: Any
) -> list[Array]:
    n = len(operands) // 2
    arrays, starts = operands[:n], operands[n:]
    kept = [size for i, size in enumerate(arrays[0].shape) if i not in dimensions]
    starts = [jnp.broadcast_to(start, kept) for start in starts]
    if any(not arrays[0].shape[axis] for axis in dimensions):
        return starts
    inner = _tree_reduce(
        vmap_jaxpr(jaxpr, jaxpr.consts, arrays[0].ndim), arrays, dimensions
    )
    return list(vmap_jaxpr(jaxpr, jaxpr.consts, len(kept))(*starts, *inner))


def_composition(lax.reduce_p, _reduce, "a tree of the operation", widen=False)


# --- Cumulative reductions ---


def _def_cumulative(
    primitive: Primitive, operation: Callable[..., Array], note: str
) -> None:
    def scan(x: Array, *, axis: int, reverse: bool) -> Array:
        return lax.associative_scan(operation, x, axis=axis, reverse=reverse)

    def_composition(primitive, scan, note)


_def_cumulative(lax.cumprod_p, lax.mul, "a scan of products")
_def_cumulative(lax.cummax_p, lax.max, "a scan of maxima")
_def_cumulative(lax.cummin_p, lax.min, "a scan of minima")
_def_cumulative(lax.cumlogsumexp_p, jnp.logaddexp, "a scan of `logaddexp`")
