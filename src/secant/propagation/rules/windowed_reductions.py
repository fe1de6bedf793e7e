"""Windows that move over an array: pooling, and what its gradient is made of."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive

from secant.propagation.delta import Array
from secant.propagation.jaxpr_tools import lifted
from secant.propagation.registry import composed

Operation = Callable[..., Sequence[Array]]
Sizes = Sequence[int]


@dataclass(frozen=True)
class _Windows:
    """Where the windows lie, by axis; the params of `lax.reduce_window`."""

    window_dimensions: Sizes
    window_strides: Sizes
    padding: Sequence[tuple[int, int]]
    base_dilation: Sizes
    window_dilation: Sizes

    def padded(self, x: Array, fill: Any) -> Array:
        """The array with its margins, and with holes between its elements."""
        margins = [
            (*sides, step - 1)
            for sides, step in zip(self.padding, self.base_dilation, strict=True)
        ]
        return lax.pad(x, jnp.asarray(fill, x.dtype), margins)

    def counts(self, shape: Sizes) -> list[int]:
        """How many windows lie on an array that is padded."""
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

    def places(self) -> Iterator[tuple[int, ...]]:
        """Where in a window its elements lie."""
        axes = zip(self.window_dimensions, self.window_dilation, strict=True)
        return itertools.product(*(range(0, n * step, step) for n, step in axes))

    def spread(self, shape: Sizes, place: Sizes) -> list[tuple[int, int, int]]:
        """The padding that brings a number of each window to a place in it."""
        reach = zip(self.counts(shape), self.window_strides, strict=True)
        return [
            (first, n - first - (count - 1) * stride - 1, stride - 1)
            for n, first, (count, stride) in zip(shape, place, reach, strict=True)
        ]

    def elements(self, padded: Array, place: Sizes) -> Array:
        """Each window's element at a place in it."""
        stops = [
            n - after
            for n, (_, after, _) in zip(
                padded.shape, self.spread(padded.shape, place), strict=True
            )
        ]
        return lax.slice(padded, place, stops, self.window_strides)


# --- Reductions ---


def _reduced(
    operation: Operation,
    operands: Sequence[Array],
    starts: Sequence[Any],
    windows: _Windows,
) -> list[Array]:
    """What an operation makes of each window, axis by axis.

    Args:
        operation: `operation(*a, *b) -> c`, associative and commutative, elementwise;
            a, b and c as many arrays as there are operands.
        operands: Arrays of one shape.
        starts: What the operation leaves as it is.
        windows: The windows.
    """
    parts = [windows.padded(x, s) for x, s in zip(operands, starts, strict=True)]
    counts = windows.counts(parts[0].shape)
    if not all(counts):
        return [jnp.zeros(counts, part.dtype) for part in parts]
    for axis, count in enumerate(counts):
        size, step = windows.window_dimensions[axis], windows.window_dilation[axis]
        stride = windows.window_strides[axis]
        parts = [
            lax.slice_in_dim(part, 0, (count - 1) * stride + 1, stride, axis)
            for part in _neighbours(operation, parts, size, step, axis)
        ]
    return parts


def _neighbours(
    operation: Operation, parts: Sequence[Array], n: int, step: int, axis: int
) -> Sequence[Array]:
    """Each element with the n - 1 that follow: about log2(n) operations."""
    if n == 1:
        return parts
    if n % 2:
        before, rest = n - 1, parts
        first = _neighbours(operation, parts, before, step, axis)
    else:
        before = n // 2
        first = rest = _neighbours(operation, parts, before, step, axis)
    shift, size = before * step, rest[0].shape[axis]
    return operation(
        *(lax.slice_in_dim(a, 0, size - shift, axis=axis) for a in first),
        *(lax.slice_in_dim(b, shift, size, axis=axis) for b in rest),
    )


def _extrema(primitive: Primitive, operation: Callable[..., Array], sign: int) -> None:
    def reduced(x: Array, **params: Any) -> Array:
        least = (
            -sign * jnp.inf
            if jnp.issubdtype(x.dtype, jnp.floating)
            else (jnp.iinfo(x.dtype).min if sign > 0 else jnp.iinfo(x.dtype).max)
        )
        windows = _Windows(**params)
        return _reduced(lambda a, b: [operation(a, b)], [x], [least], windows)[0]

    composed(primitive, reduced, "the extrema of two, along each axis")


_extrema(lax.reduce_window_max_p, lax.max, 1)
_extrema(lax.reduce_window_min_p, lax.min, -1)


def _by_any(*operands: Array, jaxpr: Any, consts: Any, **params: Any) -> list[Array]:
    n = len(operands) // 2
    operation = lifted(jaxpr, consts, operands[0].ndim)
    return _reduced(operation, operands[:n], operands[n:], _Windows(**params))


composed(lax.reduce_window_p, _by_any, "the operation, along each axis", widen=False)


# --- What the gradient of pooling is made of ---


def _selected(
    x: Array, select: Primitive, windows: _Windows, others: Callable[[int], Any]
) -> Any:
    """Of each window, what `others` gives for the place that a comparison selects."""
    padded = windows.padded(x, -jnp.inf if select is lax.ge_p else jnp.inf)
    first, *places = windows.places()
    best, chosen = windows.elements(padded, first), others(0)
    for number, place in enumerate(places, 1):
        element = windows.elements(padded, place)
        keep = select.bind(best, element)
        best = lax.select(keep, best, element)
        chosen = lax.select(keep, chosen, others(number))
    return chosen


def _gathered(tangents: Array, x: Array, *, select_prim: Any, **params: Any) -> Array:
    windows = _Windows(**params)
    padded, places = windows.padded(tangents, 0), list(windows.places())
    return _selected(
        x, select_prim, windows, lambda i: windows.elements(padded, places[i])
    )


def _scattered(source: Array, x: Array, *, select_prim: Any, **params: Any) -> Array:
    still = [1] * x.ndim
    windows = _Windows(**params, base_dilation=still, window_dilation=still)
    shape = windows.padded(x, 0).shape
    counts = windows.counts(shape)
    winner = _selected(
        x, select_prim, windows, lambda i: jnp.full(counts, i, jnp.int32)
    )
    zero = jnp.zeros((), source.dtype)
    total = jnp.zeros(shape, source.dtype)
    for number, place in enumerate(windows.places()):
        part = jnp.where(winner == number, source, 0)
        total = total + lax.pad(part, zero, windows.spread(shape, place))
    inside = [(-before, -after, 0) for before, after in windows.padding]
    return lax.pad(total, zero, inside)


composed(lax.select_and_gather_add_p, _gathered, "the element that wins at x + dx")
composed(lax.select_and_scatter_add_p, _scattered, "to the place that wins at x + dx")
