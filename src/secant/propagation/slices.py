"""Changes of one slice of an array, on their way through a program.

    a = x w + b,   Δw = h at (i, j)   →   Δa = x[:, i] h in column j, 0 in all others

An operation that treats positions along an axis each by itself changes at the slice's
position alone, so that its rule is applied to that slice of its operands and of its
result. A sum over the slice's axis ends it: the result changes as a whole. Where an
operation is neither, the slice becomes a delta of the whole array.

The slice's position is known when the program runs, its shape before. So a program for
many nudges, one after the other or side by side, is compiled once.
"""

from collections.abc import Callable, Sequence
from typing import Any

from jax.extend.core import Primitive

from secant.propagation.axes import AxisLabels, axis_labels
from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Delta,
    SliceDelta,
    drop_selection,
    is_inexact,
    slice_of,
    widen_slice,
)


def has_slices(deltas: Sequence[Delta]) -> bool:
    """Whether one of the deltas is that of a slice."""
    return any(isinstance(delta, SliceDelta) for delta in deltas)


def widen_slices(values: Sequence[Array], deltas: Sequence[Delta]) -> list[Delta]:
    """The deltas, those of slices as deltas of their whole arrays."""
    return [
        widen_slice(value, delta) if isinstance(delta, SliceDelta) else delta
        for value, delta in zip(values, deltas, strict=True)
    ]


def slice_difference(
    primitive: Primitive,
    rule: Callable[..., Delta],
    ans: Array,
    values: Sequence[Array],
    deltas: Sequence[Delta],
    params: dict[str, Any],
    *,
    accepts_selection: bool,
) -> Delta | None:
    """The delta of a primitive's result, if it follows from slices of its operands.

    Args:
        primitive: The primitive, with one result.
        rule: The function of its rule.
        ans: The result.
        values: The operands.
        deltas: Their deltas, some of them of slices.
        params: The primitive's params.
        accepts_selection: Whether the rule gets a `SelectionDelta` as it is.

    Returns:
        A delta, mostly a `SliceDelta`; None if all of the operands are needed.
    """
    labels = axis_labels(primitive, values, ans, params)
    if labels is None:
        return None
    # The delta of whole numbers is their value at x + dx: a sum needs all of them.
    changing = [v for v, d in zip(values, deltas, strict=True) if d is not UNCHANGED]
    may_sum = labels.sums and len(changing) == 1
    may_sum = may_sum and all(map(is_inexact, [ans, *changing]))
    position = _common_position(labels, deltas, may_sum=may_sum)
    if not position:
        return None
    parts: list[Array] = []
    part_deltas: list[Delta] = []
    for value, delta, own in zip(values, deltas, labels.operands, strict=True):
        index = _index(own, position)
        if isinstance(delta, SliceDelta):
            delta = widen_slice(value, delta, list(index))
            delta = delta.delta if isinstance(delta, SliceDelta) else delta
        parts.append(slice_of(value, index))
        part_deltas.append(delta)
    if not accepts_selection:
        part_deltas = list(map(drop_selection, part_deltas))
    index = _index(labels.result, position)
    part = slice_of(ans, index)
    if labels.shape_param:
        params = {**params, labels.shape_param: part.shape}
    change = rule(part, parts, part_deltas, **params)
    if change is UNCHANGED:
        return UNCHANGED
    return SliceDelta(change, index) if index else change


def _common_position(
    labels: AxisLabels, deltas: Sequence[Delta], *, may_sum: bool
) -> dict[Any, Array]:
    """The labels along which all changes are in one slice, and its position there.

    Args:
        labels: Of a primitive.
        deltas: Of its operands.
        may_sum: Whether to take labels that are summed over.
    """
    changing = [
        (delta, own)
        for delta, own in zip(deltas, labels.operands, strict=True)
        if delta is not UNCHANGED
    ]
    positions = [
        {own[axis]: i for axis, i in delta.index.items() if own[axis] is not None}
        if isinstance(delta, SliceDelta)
        else {}
        for delta, own in changing
    ]
    first, *others = positions
    return {
        label: i
        for label, i in first.items()
        if all(other.get(label) is i for other in others)
        and (may_sum or label in labels.result)
    }


def _index(own: Sequence[Any], position: dict[Any, Array]) -> dict[int, Array]:
    return {
        axis: position[label] for axis, label in enumerate(own) if label in position
    }
