"""What a value changes by: the second half of all that difference propagation carries.

Beside each value of a program stands its change on the way from `x` to `x + dx`:

- of a number (floating or complex): the *difference* `Δ`, of the value's shape and
  dtype. The value afterwards is `value + Δ`, a sum that is never rounded: `Δ` may be
  far smaller than the spacing of floats at the value.
- of an integer, a truth value or a random key, which differ by no small amount: what
  it *becomes*, again of the value's shape and dtype.
- `UNCHANGED`, if it cannot change at all. That is known before anything runs, and
  whatever depends on nothing else is not computed twice.

A number that is one of several, as a maximum is, carries more: which of them it
becomes, without rounding (`Chosen`).
"""

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import jax
import jax.numpy as jnp
from jax import lax

Array = Any


class _Unchanged:
    """The one object `UNCHANGED`."""

    def __repr__(self) -> str:
        return "UNCHANGED"


UNCHANGED: Final = _Unchanged()
"""The change of what does not change."""

# To JAX it is structure, not a leaf: lists of changes go through loops as they are.
jax.tree_util.register_pytree_node(
    _Unchanged, lambda _: ((), None), lambda *_: UNCHANGED
)

Change = Any
"""An array, or `UNCHANGED`; for rules that ask for it, also a `Chosen`."""

Sum = tuple[Array, Array]
"""A number and by how much it changes; what it becomes is their sum, not rounded."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """How a number changes that is chosen from several, not computed from them.

    At `x + dx` it may be another of them. By how much it differs from the one before
    is a number that is rounded, and by which it cannot be told from its neighbours:
    the new maximum would not be found among those that it is the maximum of. So the
    choice is kept: the one that is chosen at `x + dx`, as it was, and its own change.

    Attributes:
        difference: `Δ`, as of any number.
        choose: Gives the pair, in the value's dtype; called where a comparison asks.
    """

    difference: Array
    choose: Callable[[], Sum]

    @cached_property
    def sum(self) -> Sum:
        """The chosen number before, and its own change."""
        return self.choose()


def is_number(x: Array) -> bool:
    """Whether a value changes by a difference: it is floating or complex."""
    return jnp.issubdtype(x.dtype, jnp.inexact)


def as_array(x: Any) -> Array:
    """A value as JAX's array; random keys are ones already."""
    return x if isinstance(x, jax.Array) else jnp.asarray(x)


def explicit(value: Array, change: Change) -> Array:
    """The change as an array: of what is `UNCHANGED`, zeros or the value itself."""
    if change is not UNCHANGED:
        return difference_of(change)
    return jnp.zeros_like(value) if is_number(value) else value


def after(value: Array, change: Change) -> Array:
    """The value at `x + dx`, rounded to its dtype."""
    if change is UNCHANGED:
        return value
    return value + difference_of(change) if is_number(value) else change


def difference_of(change: Change) -> Change:
    """The change without what is known of how it was chosen."""
    return change.difference if isinstance(change, Chosen) else change


def exact_sum(value: Array, change: Change) -> Sum:
    """What a value becomes, as two arrays whose sum is not rounded.

    Of integers, what they become, twice.
    """
    if isinstance(change, Chosen):
        return change.sum
    if is_number(value):
        return value, explicit(value, change)
    became = after(value, change)
    return became, became


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """`a + b` exactly, as a rounded sum and what rounding took from it.

    Knuth (1969), The Art of Computer Programming 2, 4.2.2, Theorem B. For dtypes of
    16 bits, whose intermediate results XLA may keep in 32, pass float32. Mind XLA
    elsewhere too: it takes `(x + 1) - 1` for `x`, as it does any two constants that
    are added one after another, but leaves `1 - (x + 1)` as it stands.

    Example:
        >>> s, e = two_sum(jnp.float32(1), jnp.float32(1e-9))
        >>> float(s), float(e)
        (1.0, 9.9999997...e-10)
    """
    s = a + b
    finite = jnp.isfinite(s)
    # The choice keeps XLA from simplifying (a + b) - a to b, as it does where a is a
    # constant of the program. Where s overflows, there is no error to speak of.
    of_b = s - jnp.where(finite, a, jnp.zeros_like(a))
    e = (a - (s - of_b)) + (b - of_b)
    return s, jnp.where(finite, e, jnp.zeros_like(e))


def widened(*arrays: Array) -> tuple[Array, ...]:
    """The arrays in float32 if they are of 16 bits, else as they are.

    A rule's intermediate results need more digits than the eight or eleven bits that
    its result is rounded to.
    """
    dtype = arrays[0].dtype
    if not jnp.issubdtype(dtype, jnp.floating) or dtype.itemsize >= 4:
        return arrays
    digits = jnp.finfo(dtype).nmant
    # XLA takes a rounding to 16 bits and back for none, in one place and not in the
    # next: a value would differ from itself by more than it changes. The exponent is
    # left alone, as to reduce it would make small numbers of float16 zeros.
    return tuple(lax.reduce_precision(a.astype(jnp.float32), 8, digits) for a in arrays)


def exact_order(value: Array, change: Change) -> tuple[Array, Array]:
    """Two arrays whose lexicographic order is that of the values at `x + dx`.

    For numbers, the rounded sum and its error; for integers, what they become, twice.
    """
    if change is UNCHANGED or not is_number(value):
        return exact_sum(value, change)
    return two_sum(*widened(*exact_sum(value, change)))


def gap(a: Array, da: Change, b: Array, db: Change) -> Array:
    """`(a + da) - (b + db)`, its sign exact, its value rounded once or so.

    Both differences are taken with what rounding takes from them. The larger parts
    cancel without error or not at all, and then so do the smaller. Where a sum is
    infinite, the rounded sums decide, and infinity is not apart from itself.
    """
    a, da, b, db = widened(*exact_sum(a, da), *exact_sum(b, db))
    s, t = a + da, b + db
    p, q = two_sum(a, -b)
    g, h = two_sum(da, -db)
    r, e = two_sum(q, h)
    apart = s - t
    infinite = jnp.where(s == t, 0, apart)
    return jnp.where(jnp.isfinite(apart), ((p + g) + r) + e, infinite)


# Which of several sums is the largest or the smallest, none of them rounded.
#
# A choice copies one of the pairs it is given, and does no arithmetic to it.


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
