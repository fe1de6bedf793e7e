"""Which of several sums is the largest or the smallest, none of them rounded.

A choice copies one of the pairs it is given, and does no arithmetic to it.
"""

import math
import operator
from collections.abc import Callable, Sequence

import jax.numpy as jnp
from jax import lax

from secant.propagation.changes import Array, Sum, exact_order, gap


def larger(a: Sum, b: Sum) -> Sum:
    """The larger of two sums; a NaN, if one of them is."""
    return _better(operator.ge, a, b)


def smaller(a: Sum, b: Sum) -> Sum:
    """The smaller of two sums; a NaN, if one of them is."""
    return _better(operator.le, a, b)


def _better(keeps: Callable[[Array, int], Array], a: Sum, b: Sum) -> Sum:
    first = keeps(gap(*a, *b), 0) | jnp.isnan(sum(a))
    return jnp.where(first, a[0], b[0]), jnp.where(first, a[1], b[1])


def clamped(low: Sum, x: Sum, high: Sum) -> Sum:
    """The sum within bounds."""
    return smaller(larger(low, x), high)


def rests(s: Array, e: Array, axes: Sequence[int], *, largest: bool) -> Array:
    """What decides between rounded sums that are equal; far behind for all others.

    Of those whose rounded sums `s` are the best, and of NaN, it is `e`.
    """
    best = (jnp.max if largest else jnp.min)(s, axis=tuple(axes), keepdims=True)
    behind = -jnp.inf if largest else jnp.inf
    return jnp.where((s == best) | jnp.isnan(s), e, behind)


def extreme(x: Sum, axes: Sequence[int], *, largest: bool) -> Sum:
    """The largest of an array's sums over axes, or the smallest; a NaN, if one is."""
    axes = [axis % x[0].ndim for axis in axes]
    kept = [axis for axis in range(x[0].ndim) if axis not in axes]
    before, by = (lax.transpose(part, [*kept, *axes]) for part in x)
    shape = [before.shape[axis] for axis in range(len(kept))]
    size = math.prod(before.shape[len(kept) :])
    before, by = (part.reshape(*shape, size) for part in (before, by))
    last = len(shape)
    rest = rests(*exact_order(before, by), [last], largest=largest)
    place = (jnp.argmax if largest else jnp.argmin)(rest, axis=last, keepdims=True)
    before, by = (jnp.take_along_axis(part, place, axis=last) for part in (before, by))
    return before.reshape(shape), by.reshape(shape)
