"""Patterns of wrong gradients: what was written in the place of the gradient.

Each function takes the evidence on a leaf. It returns the facts of its pattern, such as
the factor or the axis, if the pattern explains the whole leaf, to the digits that can
be told; otherwise None. `causes.py` has the words for each.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from secant.checking.evidence import (
    Evidence,
    index_text,
    near,
    number_text,
    shape_text,
    shift_of,
)

Facts = dict[str, Any]
"""The facts of a sentence, by the names of its `{places}`."""

# A gradient that differs from the slope by less than this share of it, and nowhere by
# more, is that of nearly the same function.
_SMALL_FAULT = 1e-4

# --- Gradients of another shape -----------------------------------------------------


def shape(e: Evidence) -> Facts:
    """The shapes of gradient and leaf, without more to say about them."""
    return {
        "came": shape_text(e.gradient.shape),
        "due": shape_text(e.slope.shape),
    }


def _batch_axis(
    e: Evidence, reduction: Callable[[np.ndarray], np.ndarray]
) -> Facts | None:
    if e.gradient.shape[1:] != e.slope.shape or e.gradient.ndim != e.slope.ndim + 1:
        return None
    if not e.equals_slope(reduction(e.gradient)):
        return None
    return {**shape(e), "length": len(e.gradient)}


def batch_axis_sum(e: Evidence) -> Facts | None:
    """The gradient has a batch axis in front, whose sum is the slope."""
    return _batch_axis(e, lambda gradient: gradient.sum(0))


def batch_axis_mean(e: Evidence) -> Facts | None:
    """The gradient has a batch axis in front, whose mean is the slope."""
    return _batch_axis(e, lambda gradient: gradient.mean(0))


def shape_transposed(e: Evidence) -> Facts | None:
    """The transposed gradient is the slope."""
    return shape(e) if e.equals_slope(e.gradient.T) else None


def reshaped(e: Evidence) -> Facts | None:
    """The gradient, reshaped to the leaf's shape, is the slope."""
    if e.gradient.size != e.slope.size:
        return None
    return shape(e) if e.equals_slope(e.gradient.reshape(e.slope.shape)) else None


def axis_lost(e: Evidence) -> Facts | None:
    """The gradient has fewer axes than the leaf."""
    return shape(e) if e.gradient.ndim < e.slope.ndim else None


# --- Gradients that are not finite --------------------------------------------------


def branch_not_taken(e: Evidence) -> Facts | None:
    """The gradient is not finite where f is smooth, and f has branches."""
    return overflow(e) if e.branches else None


def overflow(e: Evidence) -> Facts | None:
    """The gradient is not finite somewhere where f is smooth."""
    not_finite = ~np.isfinite(e.gradient)
    return {} if np.any(not_finite & e.smooth & np.isfinite(e.slope)) else None


def no_slope_at_0(e: Evidence) -> Facts | None:
    """The gradient is not finite only where x is 0."""
    return {} if (e.x[~np.isfinite(e.gradient)] == 0).all() else None


# --- Digits -------------------------------------------------------------------------


def fewer_digits(e: Evidence) -> Facts | None:
    """All numbers are those of a coarser dtype, each close to its slope."""
    # A few numbers could all be simple ones, such as 1 and 1/2.
    if len(np.unique(abs(e.gradient))) < 3:
        return None
    with np.errstate(over="ignore"):
        for fewer in (jnp.bfloat16, jnp.float16, jnp.float32):
            eps = float(jnp.finfo(fewer).eps)
            kept = (e.gradient.astype(fewer).astype(np.float64) == e.gradient).all()
            close = ~(abs(e.gradient - e.slope) > eps * abs(e.slope))
            if eps > jnp.finfo(e.dtype).eps and kept and close.all():
                return {"dtype": np.dtype(fewer).name}
    return None


# --- Ties ---------------------------------------------------------------------------


def tie_total(e: Evidence) -> Facts | None:
    """The slope along the diagonal is none of those that a choice gives."""
    if not e.tie or not e.tie[2]:
        return None
    gradient, slope, _ = e.tie
    return {"came": number_text(gradient), "due": number_text(slope)}


def tie_to_one(e: Evidence) -> Facts | None:
    """One tied number has the whole slope."""
    chosen = np.argwhere(e.gradient)
    return {"place": index_text(chosen[0])} if len(chosen) == 1 else None


def tie_shared(e: Evidence) -> Facts | None:
    """Several tied numbers have equal parts of the slope."""
    parts = e.gradient[e.gradient != 0]
    same = parts.size > 1 and np.allclose(parts, parts.flat[0], rtol=1e-5, atol=0)
    return {"count": f"{parts.size:,}"} if same else None


def tie_other(e: Evidence) -> Facts | None:
    """Any other choice among tied numbers."""
    return {}


# --- Values: the whole leaf ---------------------------------------------------------


def zero(e: Evidence) -> Facts | None:
    """The gradient is 0 everywhere."""
    return None if e.gradient.any() else {}


def jump(e: Evidence) -> Facts | None:
    """Every coordinate that is wrong is one where f jumps."""
    return {} if np.any(e.jump) and not (e.wrong & ~np.asarray(e.jump)).any() else None


def unread(e: Evidence) -> Facts | None:
    """The slope is 0 everywhere."""
    return {} if e.measured.all() and not e.slope.any() else None


def small_number(e: Evidence) -> Facts | None:
    """Most coordinates are wrong, each by a tiny share of its slope."""
    fault = abs(e.gradient - e.slope)[e.wrong]
    small = (fault <= _SMALL_FAULT * abs(e.slope[e.wrong])).all()
    if not small or 2 * e.wrong.sum() < e.measured.sum():
        return None
    share = float((fault / abs(e.slope[e.wrong])).max())
    return {"share": f"{share:.0e}".replace("e-0", "e-")}


def sign(e: Evidence) -> Facts | None:
    """The gradient is minus the slope."""
    return {} if e.gradient.size > 1 and e.explained(-e.slope) else None


def _times(e: Evidence, **facts: Any) -> Facts:
    number = number_text(e.factor, e.uncertainty(e.factor * e.slope))
    return {"factor": number, **facts}


def _length_of(e: Evidence, factor: float) -> int | None:
    """The length of an axis that is this factor, if there is one."""
    lengths = (n for n in sorted(e.axes) if n > 1 and near(factor, n))
    return next(lengths, None) if factor else None


def sum_for_mean(e: Evidence) -> Facts | None:
    """The gradient is n times the slope, with n the length of an axis."""
    length = _length_of(e, e.factor)
    return _times(e, length=length) if length else None


def mean_for_sum(e: Evidence) -> Facts | None:
    """The slope is n times the gradient, with n the length of an axis."""
    length = _length_of(e, 1 / e.factor) if e.factor else None
    return _times(e, length=length) if length else None


def two_too_many(e: Evidence) -> Facts | None:
    """The gradient is twice the slope, or minus twice."""
    return _times(e) if near(abs(e.factor), 2.0) else None


def two_missing(e: Evidence) -> Facts | None:
    """The gradient is half the slope, or minus half."""
    return _times(e) if near(abs(e.factor), 0.5) else None


def factor(e: Evidence) -> Facts | None:
    """The gradient is c times the slope."""
    return _times(e) if e.factor else None


def exchanged_leaves(e: Evidence) -> Facts | None:
    """The slope is the gradient of another leaf."""
    here = e.measured
    for other in e.others:
        if other.shape != e.slope.shape or not other.any():
            continue
        if (abs(other - e.slope)[here] <= e.tolerance[here]).all():
            return {}
    return None


def _axis_orders(e: Evidence) -> Iterator[tuple[int, ...]]:
    """Every order of the axes but their own."""
    orders = itertools.permutations(range(e.slope.ndim))
    return itertools.islice(orders, 1, None)


def _joined(axes: tuple[int, ...]) -> str:
    return ", ".join(map(str, axes))


def transposed(e: Evidence) -> Facts | None:
    """The gradient is the slope with its axes in another order."""
    for order in _axis_orders(e):
        other = e.slope.transpose(order)
        if other.shape == e.slope.shape and e.explained(other):
            return {"order": _joined(order)}
    return None


def read_in_another_order(e: Evidence) -> Facts | None:
    """The gradient is the slope, transposed and then reshaped."""
    for order in _axis_orders(e):
        if e.explained(e.slope.transpose(order).reshape(e.slope.shape)):
            return {"order": _joined(order)}
    return None


def mirrored(e: Evidence) -> Facts | None:
    """The gradient is the slope, flipped along some axes."""
    for count in range(1, e.slope.ndim + 1):
        for axes in itertools.combinations(range(e.slope.ndim), count):
            if e.explained(np.flip(e.slope, axes)):
                return {"axes": _joined(axes)}
    return None


def shifted(e: Evidence) -> Facts | None:
    """The gradient is the slope, rolled along one axis."""
    for axis, length in enumerate(e.slope.shape):
        shift = shift_of(e.gradient, e.slope, axis) if length > 1 else 0
        if shift and e.explained(np.roll(e.slope, shift, axis)):
            by = shift if shift <= length // 2 else shift - length
            return {"by": by, "axis": axis}
    return None


def _times_x(e: Evidence) -> Facts:
    return {"factor": number_text(abs(e.decay), e.uncertainty(e.decay * e.x))}


def decay_missing(e: Evidence) -> Facts | None:
    """The gradient is the slope less c x, with c > 0."""
    return _times_x(e) if e.decay > 0 else None


def decay_too_many(e: Evidence) -> Facts | None:
    """The gradient is the slope plus c x, with c > 0."""
    return _times_x(e) if e.decay < 0 else None


def constant_added(e: Evidence) -> Facts | None:
    """The gradient is the slope plus c, in three coordinates or more."""
    if e.measured.sum() < 3:
        return None
    c = float(np.median((e.gradient - e.slope)[e.measured]))
    if not c or not e.explained(e.slope + c):
        return None
    return {"constant": number_text(c, e.uncertainty(np.full(e.x.shape, c)))}


# --- Values: some coordinates -------------------------------------------------------


def branch(e: Evidence) -> Facts | None:
    """The wrong coordinates are those on one side of 0, and there are two or more."""
    wrong, here = e.wrong, e.measured
    for side, name in ((e.x < 0, "x < 0"), (e.x > 0, "x > 0"), (e.x == 0, "x = 0")):
        inside = wrong & side
        if wrong.sum() >= 2 and (wrong == inside).all() and (here & ~side).any():
            # It must be most of that side: a few could be negative by chance.
            expected = here & side & (abs(e.slope) + abs(e.gradient) > 0)
            if inside.sum() >= 0.9 * expected.sum():
                return {"where": name}
    return None


def _place(e: Evidence, **facts: Any) -> Facts:
    return {"place": index_text(e.wrong_indices[0]), **facts}


def single_sign(e: Evidence) -> Facts | None:
    """One coordinate is wrong: it has the opposite sign."""
    if e.single is None:
        return None
    gradient, slope = e.single
    return _place(e) if slope and near(gradient, -slope) else None


def single_zero(e: Evidence) -> Facts | None:
    """One coordinate is wrong: it is 0."""
    return _place(e) if e.single and e.single[0] == 0 else None


def single_factor(e: Evidence) -> Facts | None:
    """One coordinate is wrong, and its slope is not 0."""
    if e.single is None or not e.single[1]:
        return None
    gradient, slope = e.single
    return _place(e, factor=number_text(gradient / slope))


def single(e: Evidence) -> Facts | None:
    """One coordinate is wrong."""
    return _place(e) if e.single else None


def _several(e: Evidence) -> bool:
    """Whether at most half of the coordinates are wrong, so that a place says much."""
    return e.slope.ndim > 0 and len(e.wrong_indices) <= e.measured.sum() / 2


def one_index(e: Evidence) -> Facts | None:
    """All wrong coordinates have one index of an axis in common."""
    if not _several(e) or e.slope.ndim < 2 or len(e.wrong_indices) < 2:
        return None
    for axis, indices in enumerate(e.wrong_indices.T):
        if len(np.unique(indices)) == 1:
            return {"index": int(indices[0]), "axis": axis}
    return None


def block(e: Evidence) -> Facts | None:
    """The wrong coordinates fill a block."""
    wrong = e.wrong_indices
    if not _several(e) or len(wrong) < 2:
        return None
    spans = [int(span) for span in np.ptp(wrong, axis=0) + 1]
    if np.prod(spans) != len(wrong):
        return None
    return {"block": shape_text(tuple(spans)), "place": index_text(wrong.min(0))}


def some_signs(e: Evidence) -> Facts | None:
    """The wrong coordinates have the opposite sign."""
    if not _several(e):
        return None
    if not np.allclose(e.slope[e.wrong], -e.gradient[e.wrong], rtol=1e-3):
        return None
    return {"count": f"{len(e.wrong_indices):,}"}
