"""Sums, products and extrema over axes, and running ones."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive

from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Change,
    after,
    is_number,
    widened,
)
from secant.propagation.jaxpr_tools import lifted
from secant.propagation.registry import composed, linear, special

# --- Sums ---


def summing(primitive: Primitive) -> None:
    """A sum, linear; of 16 bits it is taken in float32, as are its rounding errors."""

    def rule(
        ans: Array, values: list[Array], changes: list[Change], **params: Any
    ) -> Array:
        moved = primitive.bind(*widened(changes[0]), **params)
        return moved.astype(ans.dtype)

    special(primitive, rule, "Δf = f(Δx), in float32 for 16 bits")


summing(lax.reduce_sum_p)
summing(lax.cumsum_p)
summing(lax.reduce_window_sum_p)
linear(lax.fft_p)


# --- Products of tensors ---


def _product(primitive: Primitive) -> None:
    def rule(
        ans: Array, values: list[Array], changes: list[Change], **params: Any
    ) -> Array:
        """`Δf = f(Δa, b + Δb) + f(a, Δb)`, linear in each of two operands.

        Where the result has more digits than an operand, `b + Δb` is not rounded to
        the operand's: `Δf = f(Δa, b) + f(Δa, Δb) + f(a, Δb)`.
        """
        (a, b), (da, db) = values, changes

        def f(a: Array, b: Array) -> Array:
            return primitive.bind(a, b, **params)

        there = after(a, da), after(b, db)
        if not is_number(ans):
            return f(*there)
        if any(
            change is not UNCHANGED and not is_number(value)
            for value, change in zip(values, changes, strict=True)
        ):
            return f(*there) - ans
        if da is UNCHANGED:
            return f(a, db)
        if db is UNCHANGED:
            return f(da, b)
        if jnp.finfo(b.dtype).bits < jnp.finfo(ans.dtype).bits:
            return f(da, b) + (f(da, db) + f(a, db))
        return f(da, there[1]) + f(a, db)

    special(primitive, rule, "Δf = f(Δa, b + Δb) + f(a, Δb)")


_product(lax.dot_general_p)
_product(lax.conv_general_dilated_p)


# --- Reductions by any operation ---


def _reduced(
    operation: Callable[..., Sequence[Array]],
    operands: Sequence[Array],
    axes: Sequence[int],
) -> list[Array]:
    """Over axes, by a tree: halves of each axis with one another, until one is left.

    Args:
        operation: `operation(*a, *b) -> c`, associative, elementwise; a, b and c as
            many arrays as there are operands.
        operands: Arrays of one shape.
        axes: Over which; not empty.
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


def _products(x: Array, *, axes: Sequence[int], **_: Any) -> Array:
    if any(not x.shape[axis] for axis in axes):
        return jnp.ones([n for i, n in enumerate(x.shape) if i not in axes], x.dtype)
    return _reduced(lambda a, b: [lax.mul(a, b)], [x], axes)[0]


composed(lax.reduce_prod_p, _products, "a tree of products")


def _by_any(
    *operands: Array, jaxpr: Any, dimensions: Sequence[int], **_: Any
) -> list[Array]:
    n = len(operands) // 2
    arrays, starts = operands[:n], operands[n:]
    kept = [size for i, size in enumerate(arrays[0].shape) if i not in dimensions]
    starts = [jnp.broadcast_to(start, kept) for start in starts]
    if any(not arrays[0].shape[axis] for axis in dimensions):
        return starts
    inner = _reduced(lifted(jaxpr, jaxpr.consts, arrays[0].ndim), arrays, dimensions)
    return list(lifted(jaxpr, jaxpr.consts, len(kept))(*starts, *inner))


composed(lax.reduce_p, _by_any, "a tree of the operation", widen=False)


# --- Running ones ---


def _running(primitive: Primitive, operation: Callable[..., Array], note: str) -> None:
    def scan(x: Array, *, axis: int, reverse: bool) -> Array:
        return lax.associative_scan(operation, x, axis=axis, reverse=reverse)

    composed(primitive, scan, note)


_running(lax.cumprod_p, lax.mul, "a scan of products")
_running(lax.cummax_p, lax.max, "a scan of maxima")
_running(lax.cummin_p, lax.min, "a scan of minima")
_running(lax.cumlogsumexp_p, jnp.logaddexp, "a scan of `logaddexp`")
