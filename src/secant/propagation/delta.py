"""Deltas: how a value changes on the way from `x` to `x + dx`.

The interpreter carries a value and its delta through a program:

- The delta of a floating-point or complex number is the *difference* `Δ`, with the
  value's shape and dtype. The value at `x + dx` is the sum `value + Δ`, which is not
  rounded: `Δ` may be far smaller than the spacing of floats at the value.
- The delta of an integer, a truth value or a random key is the value that it has at
  `x + dx`. Such values have no small differences.
- `UNCHANGED` is the delta of a value that cannot change. This is known before anything
  runs, so what depends only on unchanged values is computed once.

A maximum, a sorted number or a clipped one is one of several numbers. Its delta is a
`SelectionDelta`, which also knows which of them is selected at `x + dx`.

An array of which only one slice can change has a `SliceDelta`.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import jax
import jax.numpy as jnp
from jax import lax

from secant.arrays import jax_array

Array = Any


class _Unchanged:
    """The class of the one object `UNCHANGED`."""

    def __repr__(self) -> str:
        return "UNCHANGED"


UNCHANGED: Final = _Unchanged()
"""The delta of a value that does not change."""

# For JAX it is structure, not a leaf, so lists of deltas pass through loops as they
# are.
jax.tree_util.register_pytree_node(
    _Unchanged, lambda _: ((), None), lambda *_: UNCHANGED
)

Delta = Any
"""An array, `UNCHANGED`, or, where it is accepted, another kind of delta of this file.
"""

ExactSum = tuple[Array, Array]
"""A number and its difference; they stand for their sum, which is not rounded."""


# --- Deltas ---


@dataclass(frozen=True, eq=False)
class SelectionDelta:
    """The delta of a number that is selected from several, not computed from them.

    The difference alone is not enough. Let `m = max(a, b)` with `a = 1`, `Δa = 0`,
    `b = 0.1` and `Δb = 2`. At `x`, `m` is `a`. At `x + dx`, `m` is `b + Δb`, so
    `m == b` is true and `m == a` is false; the gradient of a maximum asks exactly these
    questions. The difference

        Δm = (b - m) + Δb

    is rounded, so `m + Δm` is not quite `b + Δb`, and no comparison finds the maximum
    among the numbers from which it was selected. Therefore this class keeps the pair
    `(b, Δb)` as well. Its two parts are copies, so comparisons with `b + Δb` are exact.

    Most programs never compare a selected number with its candidates. The pair costs a
    search for its position, so it is computed only where a comparison asks for it.

    Attributes:
        difference: `Δ`, as of any number.
        compute_selected: Computes the pair, in the value's dtype.
    """

    difference: Array
    compute_selected: Callable[[], ExactSum]

    @cached_property
    def selected(self) -> ExactSum:
        """The number that is selected at `x + dx`: its value at `x`, its difference."""
        return self.compute_selected()


@dataclass(frozen=True, eq=False)
class SliceDelta:
    """The delta of an array of which only one slice can change.

    A nudge of the weight `w[i, j]` changes one column of the layer's pre-activations:
    that of neuron j. Its delta is as long as the batch, and all the others are 0. So
    the cost of a nudge is that of a neuron, not of a layer.

    Attributes:
        delta: Of the slice, with length 1 along the axes of `index`.
        index: The position of the slice along some axes of the array.
    """

    delta: Delta
    index: Mapping[int, Array]


def slice_of(array: Array, index: Mapping[int, Array]) -> Array:
    """The slice of length 1 at a position along some axes, whole along the others."""
    if not index:
        return array
    starts = _starts(array, index)
    sizes = [1 if axis in index else n for axis, n in enumerate(array.shape)]
    return lax.dynamic_slice(array, starts, sizes)


def _starts(array: Array, index: Mapping[int, Array]) -> list[Array]:
    zero = jnp.zeros((), jnp.int32)
    return [index.get(axis, zero).astype(jnp.int32) for axis in range(array.ndim)]


def widen_slice(value: Array, delta: SliceDelta, axes: Sequence[int] = ()) -> Delta:
    """The same delta, of a slice along fewer axes: of the whole array along the others.

    Args:
        value: The array.
        delta: Its delta.
        axes: Those axes of `delta.index` along which it stays a slice.
    """
    kept = {axis: delta.index[axis] for axis in axes}
    rest = {axis: i for axis, i in delta.index.items() if axis not in kept}
    if not rest:
        return delta if kept else delta.delta
    whole = slice_of(value, kept)
    zeros = jnp.zeros_like(whole) if is_inexact(whole) else whole

    def widened(array: Array, part: Array) -> Array:
        return lax.dynamic_update_slice(array, part, _starts(array, rest))

    change = widened(zeros, drop_selection(delta.delta))
    if isinstance(delta.delta, SelectionDelta):
        selection = delta.delta

        def compute_selected() -> ExactSum:
            before, by = selection.selected
            return widened(whole, before), widened(zeros, by)

        change = SelectionDelta(change, compute_selected)
    return SliceDelta(change, kept) if kept else change


def is_inexact(x: Array) -> bool:
    """Whether a value is floating or complex, so that its delta is a difference."""
    return jnp.issubdtype(x.dtype, jnp.inexact)


def as_array(x: Any) -> Array:
    """The value as a JAX array. Random keys are JAX arrays already."""
    return x if isinstance(x, jax.Array) else jax_array(x)


def materialize(value: Array, delta: Delta) -> Array:
    """The delta as an array; for `UNCHANGED`, zeros or the value itself."""
    if isinstance(delta, SliceDelta):
        delta = widen_slice(value, delta)
    if delta is not UNCHANGED:
        return drop_selection(delta)
    return jnp.zeros_like(value) if is_inexact(value) else value


def value_after(value: Array, delta: Delta) -> Array:
    """The value at `x + dx`, rounded to its dtype."""
    if delta is UNCHANGED:
        return value
    return value + drop_selection(delta) if is_inexact(value) else delta


def drop_selection(delta: Delta) -> Delta:
    """The delta without the selected number, if it has one."""
    return delta.difference if isinstance(delta, SelectionDelta) else delta


def exact_sum(value: Array, delta: Delta) -> ExactSum:
    """The value at `x + dx` as two arrays whose sum is not rounded.

    For integers, truth values and keys: the value at `x + dx`, twice.
    """
    if isinstance(delta, SelectionDelta):
        return delta.selected
    if is_inexact(value):
        return value, materialize(value, delta)
    there = value_after(value, delta)
    return there, there


def cast_delta(delta: Delta, convert: Callable[[Array], Array]) -> Delta:
    """The delta in another dtype.

    A selection stays one if the dtype holds all digits. Otherwise the two parts of the
    selected number would be rounded, and comparisons with them would not be exact.
    """
    if delta is UNCHANGED:
        return UNCHANGED
    if isinstance(delta, SliceDelta):
        return SliceDelta(cast_delta(delta.delta, convert), delta.index)
    converted = convert(drop_selection(delta))
    if not isinstance(delta, SelectionDelta):
        return converted
    if jnp.promote_types(delta.difference.dtype, converted.dtype) != converted.dtype:
        return converted

    def compute_selected() -> ExactSum:
        value, difference = delta.selected
        return convert(value), convert(difference)

    return SelectionDelta(converted, compute_selected)


# --- Arithmetic on exact sums ---


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """`a + b` exactly: the rounded sum and its rounding error.

    Knuth (1969), The Art of Computer Programming 2, 4.2.2, Theorem B. For dtypes of
    16 bits, pass float32: XLA may keep their intermediate results in 32 bits. XLA also
    simplifies `(x + 1) - 1` to `x`, and merges any two constants that are added one
    after the other. So the summands are hidden from it.

    In a program it is one call, `TWO_SUM`, with a difference of its own: the rules are
    full of these sums, and a difference of each operation in them makes a second
    difference ten times as long.

    Example:
        >>> s, e = two_sum(jnp.float32(1), jnp.float32(1e-9))
        >>> float(s), float(e)
        (1.0, 9.9999997...e-10)
    """
    return _two_sum(a, b)


def _sum_and_error(a: Array, b: Array) -> tuple[Array, Array]:
    a, b = (_opaque(part) for part in (a, b))
    s = a + b
    finite = jnp.isfinite(s)
    # The selection keeps XLA from simplifying (a + b) - a to b, which it does if a is a
    # constant of the program. A sum that overflows has no rounding error.
    of_b = s - jnp.where(finite, a, jnp.zeros_like(a))
    e = (a - (s - of_b)) + (b - of_b)
    return s, jnp.where(finite, e, jnp.zeros_like(e))


TWO_SUM = "secant_two_sum"
"""The name of the call of `two_sum` in a program."""

_sum_and_error.__name__ = _sum_and_error.__qualname__ = TWO_SUM
_two_sum = jax.jit(_sum_and_error)


def _opaque(a: Array) -> Array:
    # XLA merges `(x + 2) - 3` into `x - 1`, whose rounding error is another one. It
    # does not see that this selection changes nothing, and fuses it. A NaN, doubled,
    # keeps its sign, by which `top_k` orders.
    return jnp.where(a == a, a, a + a)


def upcast_16bit(*arrays: Array) -> tuple[Array, ...]:
    """The arrays in float32 if their dtype has 16 bits; otherwise as they are.

    A rule's intermediate results need more digits than its result, which has 8 bits
    (bfloat16) or 11 (float16). So rules compute in float32 and round once, at the end.

    The cast alone is not safe. In a compiled program, XLA may remove the pair of casts
    float32 → bfloat16 → float32 around a value in one place and keep it in another. The
    rule then sees two versions of one value, which differ by a rounding error of 16
    bits; that is far more than a small `Δ`. `reduce_precision` cannot be removed: it
    rounds the fraction to the digits of the 16 bits everywhere. The exponent keeps
    float32's 8 bits. With float16's 5 bits, small differences would become 0.
    """
    dtype = arrays[0].dtype
    if not jnp.issubdtype(dtype, jnp.floating) or dtype.itemsize >= 4:
        return arrays
    digits = jnp.finfo(dtype).nmant
    return tuple(lax.reduce_precision(a.astype(jnp.float32), 8, digits) for a in arrays)


def ordering_keys(value: Array, delta: Delta) -> tuple[Array, Array]:
    """Two arrays whose lexicographic order is the order of the values at `x + dx`.

    For numbers, the rounded sum and its rounding error. Rounding is monotone, so a
    smaller sum never has a larger rounded sum, and the errors decide between equal
    rounded sums. For integers, the value at `x + dx`, twice.
    """
    parts = upcast_16bit(*exact_sum(value, delta))
    # `two_sum` would turn a -0 that does not change into 0.
    if delta is UNCHANGED or not is_inexact(value):
        return parts
    return two_sum(*parts)


def exact_difference(a: Array, da: Delta, b: Array, db: Delta) -> Array:
    """`(a + da) - (b + db)`, with an exact sign and a value rounded about once.

    `two_sum` splits both differences without error: `a - b = p + q`, `da - db = g + h`,
    and then `q + h = r + e`. The sum of the leading parts `p` and `g` is exact if they
    cancel (within a factor of 2: Sterbenz), and `r` decides. If they do not cancel, `r`
    is too small to change the sign. The same holds for `p + g` and `r`, with `e` as the
    small part.

    If a sum is infinite, the rounded sums decide; two equal infinities differ by 0.
    """
    a, da, b, db = upcast_16bit(*exact_sum(a, da), *exact_sum(b, db))
    s, t = a + da, b + db
    p, q = two_sum(a, -b)
    g, h = two_sum(da, -db)
    r, e = two_sum(q, h)
    apart = s - t
    infinite = jnp.where(s == t, 0, apart)
    return jnp.where(jnp.isfinite(apart), ((p + g) + r) + e, infinite)


# --- Selection among exact sums: it copies one of the pairs, without arithmetic ---


def max_sum(a: ExactSum, b: ExactSum) -> ExactSum:
    """The larger of two sums; a NaN if one of them is NaN."""
    return _select_sum(operator.ge, a, b)


def min_sum(a: ExactSum, b: ExactSum) -> ExactSum:
    """The smaller of two sums; a NaN if one of them is NaN."""
    return _select_sum(operator.le, a, b)


def _select_sum(
    keeps: Callable[[Array, int], Array], a: ExactSum, b: ExactSum
) -> ExactSum:
    first = keeps(exact_difference(*a, *b), 0) | jnp.isnan(sum(a))
    return jnp.where(first, a[0], b[0]), jnp.where(first, a[1], b[1])


def clamp_sum(low: ExactSum, x: ExactSum, high: ExactSum) -> ExactSum:
    """The sum within two bounds."""
    return min_sum(max_sum(low, x), high)


def tie_breakers(s: Array, e: Array, axes: Sequence[int], *, largest: bool) -> Array:
    """Keys whose extreme over axes is the extreme sum.

    Args:
        s: The rounded sums.
        e: Their rounding errors.
        axes: The axes over which sums compete.
        largest: Whether the largest sum wins, or the smallest.

    Returns:
        `e` where the rounded sum is the best one or NaN; elsewhere an infinity, which
        never wins.
    """
    best = (jnp.max if largest else jnp.min)(s, axis=tuple(axes), keepdims=True)
    behind = -jnp.inf if largest else jnp.inf
    return jnp.where((s == best) | jnp.isnan(s), e, behind)


def extreme_sum(x: ExactSum, axes: Sequence[int], *, largest: bool) -> ExactSum:
    """The largest or smallest of an array's sums over axes; a NaN if one is NaN."""
    axes = [axis % x[0].ndim for axis in axes]
    kept = [axis for axis in range(x[0].ndim) if axis not in axes]
    values, differences = (lax.transpose(part, [*kept, *axes]) for part in x)
    shape = [values.shape[axis] for axis in range(len(kept))]
    size = math.prod(values.shape[len(kept) :])
    values, differences = (part.reshape(*shape, size) for part in (values, differences))
    last = len(shape)
    keys = tie_breakers(*ordering_keys(values, differences), [last], largest=largest)
    index = (jnp.argmax if largest else jnp.argmin)(keys, axis=last, keepdims=True)
    values, differences = (
        jnp.take_along_axis(part, index, axis=last) for part in (values, differences)
    )
    return values.reshape(shape), differences.reshape(shape)
