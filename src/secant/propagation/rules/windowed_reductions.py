"""Windowed reductions: pooling, and the operations of its gradient.

A window of n elements is reduced by about log2(n) operations, not n - 1. With
`r_n[i] = x[i] ∘ x[i + 1] ∘ … ∘ x[i + n - 1]` for every position `i`,

    r_2n[i] = r_n[i] ∘ r_n[i + n]        r_n+1[i] = r_n[i] ∘ x[i + n]

Each line is one operation on whole, shifted arrays. An operation that is commutative
too can reduce one axis after the other, and the strides are applied at the end. The
differences go through the rule of the operation.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive

from secant.propagation.builders import def_composition
from secant.propagation.delta import Array
from secant.propagation.jaxpr_tools import vmap_jaxpr

Operation = Callable[..., Sequence[Array]]
Sizes = Sequence[int]


@dataclass(frozen=True)
class _Windows:
    """The positions of the windows, by axis: the params of `lax.reduce_window`."""

    window_dimensions: Sizes
    window_strides: Sizes
    padding: Sequence[tuple[int, int]]
    base_dilation: Sizes
    window_dilation: Sizes

    def padded(self, x: Array, fill: Any) -> Array:
        """The array with its padding and with gaps between its elements."""
        margins = [
            (*sides, step - 1)
            for sides, step in zip(self.padding, self.base_dilation, strict=True)
        ]
        return lax.pad(x, jnp.asarray(fill, x.dtype), margins)

    def counts(self, shape: Sizes) -> list[int]:
        """The number of windows along each axis of a padded array."""
        return [
            max(0, (n - (size - 1) * step - 1) // stride + 1)
            for n, size, step, stride in zip(
                shape,
                self.window_dimensions,
                self.window_dilation,
                self.window_strides,
                strict=True,
            )
        ]

    def offsets(self) -> Iterator[tuple[int, ...]]:
        """The offset of each element of a window from the window's start."""
        axes = zip(self.window_dimensions, self.window_dilation, strict=True)
        return itertools.product(*(range(0, n * step, step) for n, step in axes))

    def spread(self, shape: Sizes, offset: Sizes) -> list[tuple[int, int, int]]:
        """The padding that moves one number for each window to an offset in it."""
        reach = zip(self.counts(shape), self.window_strides, strict=True)
        return [
            (first, n - first - (count - 1) * stride - 1, stride - 1)
            for n, first, (count, stride) in zip(shape, offset, reach, strict=True)
        ]

    def elements(self, padded: Array, offset: Sizes) -> Array:
        """The element at an offset in each window."""
        stops = [
            n - high
            for n, (_, high, _) in zip(
                padded.shape, self.spread(padded.shape, offset), strict=True
            )
        ]
        return lax.slice(padded, offset, stops, self.window_strides)


# --- Reductions ---


def _reduce_windows(
    operation: Operation,
    operands: Sequence[Array],
    fills: Sequence[Any],
    windows: _Windows,
) -> list[Array]:
    """The reduction of each window, axis by axis.

    Args:
        operation: `operation(*a, *b) -> c`, associative, commutative and elementwise.
            `a`, `b` and `c` are as many arrays as there are operands.
        operands: Arrays of one shape.
        fills: The numbers in the padding and in the gaps.
        windows: The windows.
    """
    parts = [windows.padded(x, s) for x, s in zip(operands, fills, strict=True)]
    counts = windows.counts(parts[0].shape)
    if not all(counts):
        return [jnp.zeros(counts, part.dtype) for part in parts]
    for axis, count in enumerate(counts):
        size, step = windows.window_dimensions[axis], windows.window_dilation[axis]
        stride = windows.window_strides[axis]
        parts = [
            lax.slice_in_dim(part, 0, (count - 1) * stride + 1, stride, axis)
            for part in _reduce_neighbours(operation, parts, size, step, axis)
        ]
    return parts


def _reduce_neighbours(
    operation: Operation, parts: Sequence[Array], n: int, step: int, axis: int
) -> Sequence[Array]:
    """Each element combined with the n - 1 that follow it, by doubling."""
    if n == 1:
        return parts
    if n % 2:
        before, rest = n - 1, parts
        first = _reduce_neighbours(operation, parts, before, step, axis)
    else:
        before = n // 2
        first = rest = _reduce_neighbours(operation, parts, before, step, axis)
    shift, size = before * step, rest[0].shape[axis]
    return operation(
        *(lax.slice_in_dim(a, 0, size - shift, axis=axis) for a in first),
        *(lax.slice_in_dim(b, shift, size, axis=axis) for b in rest),
    )


def _def_window_extreme(
    primitive: Primitive, operation: Callable[..., Array], sign: int
) -> None:
    def reduced(x: Array, **params: Any) -> Array:
        least = (
            -sign * jnp.inf
            if jnp.issubdtype(x.dtype, jnp.floating)
            else (jnp.iinfo(x.dtype).min if sign > 0 else jnp.iinfo(x.dtype).max)
        )
        windows = _Windows(**params)
        return _reduce_windows(lambda a, b: [operation(a, b)], [x], [least], windows)[0]

    def_composition(primitive, reduced, "the extrema of two, along each axis")


_def_window_extreme(lax.reduce_window_max_p, lax.max, 1)
_def_window_extreme(lax.reduce_window_min_p, lax.min, -1)


def _reduce_window(
    *operands: Array, jaxpr: Any, consts: Any, **params: Any
) -> list[Array]:
    """`start ∘ x[i] ∘ x[i + 1] ∘ …` over the elements of a window that are in `x`.

    The start need not be neutral (a product may start at 2), so it enters each window
    once, and the padding and the gaps do not enter: a mask goes with the numbers.
    """
    n, windows = len(operands) // 2, _Windows(**params)
    xs, starts = operands[:n], operands[n:]
    operation = vmap_jaxpr(jaxpr, consts, xs[0].ndim)

    def masked(*parts: Array) -> Sequence[Array]:
        (*a, in_a), (*b, in_b) = parts[: n + 1], parts[n + 1 :]
        both = operation(*a, *b)
        chosen = [
            jnp.where(in_a & in_b, of_both, jnp.where(in_a, of_a, of_b))
            for of_both, of_a, of_b in zip(both, a, b, strict=True)
        ]
        return [*chosen, in_a | in_b]

    inside = jnp.ones(xs[0].shape, bool)
    *reduced, some = _reduce_windows(masked, [*xs, inside], [*starts, False], windows)
    begins = [jnp.full_like(a, s) for a, s in zip(reduced, starts, strict=True)]
    return [
        jnp.where(some, total, begin)
        for total, begin in zip(operation(*begins, *reduced), begins, strict=True)
    ]


def_composition(
    lax.reduce_window_p,
    _reduce_window,
    "the operation, along each axis, from the start",
    widen=False,
)


# --- The gradient of pooling ---


def _select_in_windows(
    x: Array, select: Primitive, windows: _Windows, others: Callable[[int], Any]
) -> Any:
    """`others(i)` for each window, `i` the number of the element that is selected.

    The comparisons have rules, so the selection is the one at `x + dx`.
    """
    padded = windows.padded(x, -jnp.inf if select is lax.ge_p else jnp.inf)
    first, *offsets = windows.offsets()
    best, selected = windows.elements(padded, first), others(0)
    for number, offset in enumerate(offsets, 1):
        element = windows.elements(padded, offset)
        keep = select.bind(best, element)
        best = lax.select(keep, best, element)
        selected = lax.select(keep, selected, others(number))
    return selected


def _select_and_gather_add(
    tangents: Array, x: Array, *, select_prim: Any, **params: Any
) -> Array:
    windows = _Windows(**params)
    padded, offsets = windows.padded(tangents, 0), list(windows.offsets())
    return _select_in_windows(
        x, select_prim, windows, lambda i: windows.elements(padded, offsets[i])
    )


def _select_and_scatter_add(
    source: Array, x: Array, *, select_prim: Any, **params: Any
) -> Array:
    ones = [1] * x.ndim
    windows = _Windows(**params, base_dilation=ones, window_dilation=ones)
    shape = windows.padded(x, 0).shape
    counts = windows.counts(shape)
    winner = _select_in_windows(
        x, select_prim, windows, lambda i: jnp.full(counts, i, jnp.int32)
    )
    zero = jnp.zeros((), source.dtype)
    total = jnp.zeros(shape, source.dtype)
    for number, offset in enumerate(windows.offsets()):
        part = jnp.where(winner == number, source, 0)
        total = total + lax.pad(part, zero, windows.spread(shape, offset))
    inside = [(-low, -high, 0) for low, high in windows.padding]
    return lax.pad(total, zero, inside)


def_composition(
    lax.select_and_gather_add_p,
    _select_and_gather_add,
    "the element that wins at x + dx",
)
def_composition(
    lax.select_and_scatter_add_p,
    _select_and_scatter_add,
    "to the place that wins at x + dx",
)
