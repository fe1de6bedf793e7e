"""The likeliest cause of a wrong gradient, where its pattern shows one.

Each cause is one entry of `CauseKind`: a function that finds its pattern, and its words
in English and Korean. The pattern is a guess at what was written in place of the
gradient. It counts only if it explains the whole leaf, to the digits that can be told.

A new cause is one function and one entry here, and a planted fault in
`tests/checking/faults.py`. Reports, pictures and the page of `secant lab` take its
words from here.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, Self

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

Language = Literal["en", "ko"]

_LANGUAGES: tuple[Language, ...] = ("en", "ko")

Premise = Literal["shape", "not finite", "digits", "tie", "values"]
"""The data of a pattern: gradients of another shape; those that are not
finite; the digits of all numbers; gradients where numbers are tied; or the values of
those that are clearly wrong."""

# A fault has so few digits that any pattern seems to explain it, unless it is at least
# this many tolerances large.
_CLEAR_FAULT = 30

# A gradient that differs from the slope by less than this share of it, and nowhere by
# more, is that of nearly the same function.
_SMALL_FAULT = 1e-4

# --- Gradients of another shape -----------------------------------------------------


def _shapes(e: Evidence) -> Facts:
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
    return {**_shapes(e), "length": len(e.gradient)}


def _batch_axis_sum(e: Evidence) -> Facts | None:
    return _batch_axis(e, lambda gradient: gradient.sum(0))


def _batch_axis_mean(e: Evidence) -> Facts | None:
    return _batch_axis(e, lambda gradient: gradient.mean(0))


def _shape_transposed(e: Evidence) -> Facts | None:
    return _shapes(e) if e.equals_slope(e.gradient.T) else None


def _reshaped(e: Evidence) -> Facts | None:
    if e.gradient.size != e.slope.size:
        return None
    return _shapes(e) if e.equals_slope(e.gradient.reshape(e.slope.shape)) else None


def _axis_lost(e: Evidence) -> Facts | None:
    return _shapes(e) if e.gradient.ndim < e.slope.ndim else None


# --- Gradients that are not finite --------------------------------------------------


def _branch_not_taken(e: Evidence) -> Facts | None:
    return _overflow(e) if e.branches else None


def _overflow(e: Evidence) -> Facts | None:
    not_finite = ~np.isfinite(e.gradient)
    return {} if np.any(not_finite & e.smooth & np.isfinite(e.slope)) else None


def _no_slope_at_0(e: Evidence) -> Facts | None:
    return {} if (e.x[~np.isfinite(e.gradient)] == 0).all() else None


# --- Digits -------------------------------------------------------------------------


def _fewer_digits(e: Evidence) -> Facts | None:
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


def _tie_total(e: Evidence) -> Facts | None:
    if not e.tie or not e.tie[2]:
        return None
    gradient, slope, _ = e.tie
    return {"came": number_text(gradient), "due": number_text(slope)}


def _tie_to_one(e: Evidence) -> Facts | None:
    chosen = np.argwhere(e.gradient)
    return {"place": index_text(chosen[0])} if len(chosen) == 1 else None


def _tie_shared(e: Evidence) -> Facts | None:
    parts = e.gradient[e.gradient != 0]
    same = parts.size > 1 and np.allclose(parts, parts.flat[0], rtol=1e-5, atol=0)
    return {"count": f"{parts.size:,}"} if same else None


def _tie_other(e: Evidence) -> Facts | None:
    return {}


# --- Values: the whole leaf ---------------------------------------------------------


def _zero(e: Evidence) -> Facts | None:
    return None if e.gradient.any() else {}


def _jump(e: Evidence) -> Facts | None:
    return {} if np.any(e.jump) and not (e.wrong & ~np.asarray(e.jump)).any() else None


def _unread(e: Evidence) -> Facts | None:
    return {} if e.measured.all() and not e.slope.any() else None


def _small_number(e: Evidence) -> Facts | None:
    fault = abs(e.gradient - e.slope)[e.wrong]
    small = (fault <= _SMALL_FAULT * abs(e.slope[e.wrong])).all()
    if not small or 2 * e.wrong.sum() < e.measured.sum():
        return None
    share = float((fault / abs(e.slope[e.wrong])).max())
    return {"share": f"{share:.0e}".replace("e-0", "e-")}


def _sign(e: Evidence) -> Facts | None:
    return {} if e.gradient.size > 1 and e.explained(-e.slope) else None


def _times(e: Evidence, **facts: Any) -> Facts:
    number = number_text(e.factor, e.uncertainty(e.factor * e.slope))
    return {"factor": number, **facts}


def _length_of(e: Evidence, factor: float) -> int | None:
    """The length of an axis that is this factor, if there is one."""
    lengths = (n for n in sorted(e.axes) if n > 1 and near(factor, n))
    return next(lengths, None) if factor else None


def _sum_for_mean(e: Evidence) -> Facts | None:
    length = _length_of(e, e.factor)
    return _times(e, length=length) if length else None


def _mean_for_sum(e: Evidence) -> Facts | None:
    length = _length_of(e, 1 / e.factor) if e.factor else None
    return _times(e, length=length) if length else None


def _two_too_many(e: Evidence) -> Facts | None:
    return _times(e) if near(abs(e.factor), 2.0) else None


def _two_missing(e: Evidence) -> Facts | None:
    return _times(e) if near(abs(e.factor), 0.5) else None


def _factor(e: Evidence) -> Facts | None:
    return _times(e) if e.factor else None


def _exchanged_leaves(e: Evidence) -> Facts | None:
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


def _transposed(e: Evidence) -> Facts | None:
    for order in _axis_orders(e):
        other = e.slope.transpose(order)
        if other.shape == e.slope.shape and e.explained(other):
            return {"order": _joined(order)}
    return None


def _read_in_another_order(e: Evidence) -> Facts | None:
    for order in _axis_orders(e):
        if e.explained(e.slope.transpose(order).reshape(e.slope.shape)):
            return {"order": _joined(order)}
    return None


def _mirrored(e: Evidence) -> Facts | None:
    for count in range(1, e.slope.ndim + 1):
        for axes in itertools.combinations(range(e.slope.ndim), count):
            if e.explained(np.flip(e.slope, axes)):
                return {"axes": _joined(axes)}
    return None


def _shifted(e: Evidence) -> Facts | None:
    for axis, length in enumerate(e.slope.shape):
        shift = shift_of(e.gradient, e.slope, axis) if length > 1 else 0
        if shift and e.explained(np.roll(e.slope, shift, axis)):
            by = shift if shift <= length // 2 else shift - length
            return {"by": by, "axis": axis}
    return None


def _times_x(e: Evidence) -> Facts:
    return {"factor": number_text(abs(e.decay), e.uncertainty(e.decay * e.x))}


def _decay_missing(e: Evidence) -> Facts | None:
    return _times_x(e) if e.decay > 0 else None


def _decay_too_many(e: Evidence) -> Facts | None:
    return _times_x(e) if e.decay < 0 else None


def _constant_added(e: Evidence) -> Facts | None:
    if e.measured.sum() < 3:
        return None
    c = float(np.median((e.gradient - e.slope)[e.measured]))
    if not c or not e.explained(e.slope + c):
        return None
    return {"constant": number_text(c, e.uncertainty(np.full(e.x.shape, c)))}


# --- Values: some coordinates -------------------------------------------------------


def _branch(e: Evidence) -> Facts | None:
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


def _single_sign(e: Evidence) -> Facts | None:
    if e.single is None:
        return None
    gradient, slope = e.single
    return _place(e) if slope and near(gradient, -slope) else None


def _single_zero(e: Evidence) -> Facts | None:
    return _place(e) if e.single and e.single[0] == 0 else None


def _single_factor(e: Evidence) -> Facts | None:
    if e.single is None or not e.single[1]:
        return None
    gradient, slope = e.single
    return _place(e, factor=number_text(gradient / slope))


def _single(e: Evidence) -> Facts | None:
    return _place(e) if e.single else None


def _several(e: Evidence) -> bool:
    """Whether at most half of the coordinates are wrong, so that a place says much."""
    return e.slope.ndim > 0 and len(e.wrong_indices) <= e.measured.sum() / 2


def _one_index(e: Evidence) -> Facts | None:
    if not _several(e) or e.slope.ndim < 2 or len(e.wrong_indices) < 2:
        return None
    for axis, indices in enumerate(e.wrong_indices.T):
        if len(np.unique(indices)) == 1:
            return {"index": int(indices[0]), "axis": axis}
    return None


def _block(e: Evidence) -> Facts | None:
    wrong = e.wrong_indices
    if not _several(e) or len(wrong) < 2:
        return None
    spans = [int(span) for span in np.ptp(wrong, axis=0) + 1]
    if np.prod(spans) != len(wrong):
        return None
    return {"block": shape_text(tuple(spans)), "place": index_text(wrong.min(0))}


def _some_signs(e: Evidence) -> Facts | None:
    if not _several(e):
        return None
    if not np.allclose(e.slope[e.wrong], -e.gradient[e.wrong], rtol=1e-3):
        return None
    return {"count": f"{len(e.wrong_indices):,}"}


# --- The causes ---------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Entry:
    """A cause's pattern and its words; sentences stand without their full stop.

    Attributes:
        find: Returns the facts of the sentences, if the pattern explains the leaf.
        en: What the cause is.
        ko: The same in Korean.
        fix_en: What to change.
        fix_ko: The same in Korean.
        premise: What the pattern is looked for in.
    """

    find: Callable[[Evidence], Facts | None]
    en: str
    ko: str
    fix_en: str
    fix_ko: str
    premise: Premise = "values"


class CauseKind(Enum):
    """All causes, in the order in which they are tried: special ones come first."""

    BATCH_AXIS_SUM = _Entry(
        _batch_axis_sum,
        "its shape is {came}, not {due}: a batch axis of {length} is left, whose sum "
        "is the slope",
        "모양이 {due}이어야 하는데 {came}이에요. 표본 {length}개마다 행이 따로 있고, "
        "그 합이 기울기예요",
        "Sum over the samples: .sum(axis=0)",
        "표본에 대해 더하세요: .sum(axis=0)",
        "shape",
    )
    BATCH_AXIS_MEAN = _Entry(
        _batch_axis_mean,
        "its shape is {came}, not {due}: a batch axis of {length} is left, whose mean "
        "is the slope",
        "모양이 {due}이어야 하는데 {came}이에요. 표본 {length}개마다 행이 따로 있고, "
        "그 평균이 기울기예요",
        "Take the mean over the samples: .mean(axis=0)",
        "표본에 대해 평균하세요: .mean(axis=0)",
        "shape",
    )
    SHAPE_TRANSPOSED = _Entry(
        _shape_transposed,
        "its shape is {came}, not {due}: transposed",
        "모양이 {due}이어야 하는데 {came}이에요. 전치됐어요",
        "Exchange the factors of the product: h.T @ d, not d.T @ h",
        "곱하는 순서를 바꾸세요. d.T @ h가 아니라 h.T @ d예요",
        "shape",
    )
    RESHAPED = _Entry(
        _reshaped,
        "its shape is {came}, not {due}: the numbers are right, so reshape them to the "
        "shape of the leaf",
        "모양이 {due}이어야 하는데 {came}이에요. 값은 맞아요",
        "Reshape it to {due}",
        "모양을 {due}(으)로 바꾸세요",
        "shape",
    )
    AXIS_LOST = _Entry(
        _axis_lost,
        "its shape is {came}, not {due}: a sum went over one axis too many",
        "모양이 {due}이어야 하는데 {came}이에요. 축 하나를 따라서도 더해 버렸어요",
        "Sum over the samples only",
        "표본에 대해서만 더하세요",
        "shape",
    )
    SHAPE = _Entry(
        _shapes,
        "its shape is {came}, not {due}",
        "모양이 {due}이어야 하는데 {came}이에요",
        "Return an array of the shape of its parameter",
        "기울기의 모양은 매개변수의 모양과 같아야 해요",
        "shape",
    )
    BRANCH_NOT_TAKEN = _Entry(
        _branch_not_taken,
        "the gradient is not finite where the function has a slope: a branch that "
        "jnp.where does not take has no finite derivative there (guard its argument: "
        "f(where(ok, x, 1.0)))",
        "함수에는 기울기가 있는데 값이 유한하지 않아요. 쓰이지 않는 갈래에서 0으로 "
        "나누고 있어요",
        "Choose the argument before the branch is computed: where(ok, f(where(ok, x, "
        "1.0)), 0.0), not where(ok, f(x), 0.0)",
        "그 갈래의 입력을 f(where(ok, x, 1))처럼 막아 주세요",
        "not finite",
    )
    OVERFLOW = _Entry(
        _overflow,
        "the gradient is not finite where the function has a slope: a number of the "
        "backward pass overflows, or is divided by 0",
        "함수에는 기울기가 있는데 값이 유한하지 않아요. 역전파하는 길에서 수가 너무 "
        "커지거나 0으로 나누고 있어요",
        "Look for a product of a huge number and 0, or scale x",
        "아주 큰 수와 0의 곱을 찾아보거나, x의 크기를 바꿔 보세요",
        "not finite",
    )
    NO_SLOPE_AT_0 = _Entry(
        _no_slope_at_0,
        "at 0 the function has no slope: it ends, is infinitely steep, or has a kink "
        "there",
        "0에서 함수에 기울기가 없어요. 거기서 끝나거나, 한없이 가파르거나, 꺾여요",
        "Keep away from 0, or add a small number before the root or the logarithm",
        "0을 피하거나, 제곱근이나 로그 앞에 작은 수를 더해 주세요",
        "not finite",
    )
    FEWER_DIGITS = _Entry(
        _fewer_digits,
        "the gradient has the digits of {dtype}: it was computed or kept in it",
        "{dtype}의 자릿수밖에 없어요",
        "Compute and keep it in the dtype of the parameters",
        "매개변수와 같은 자료형으로 계산하고 보관하세요",
        "digits",
    )
    TIE_TOTAL = _Entry(
        _tie_total,
        "numbers are tied at x, and no choice among them gives this: where all "
        "coordinates move by the same, the slope is {due}, and by the gradient {came}",
        "값이 같은 원소들이 있는 점인데, 어느 것을 골라도 이 값이 나오지 않아요. 모든 "
        "좌표를 똑같이 움직이면 기울기는 {due}인데, 이 기울기로는 {came}이에요",
        "Give the slope of the tied numbers to one of them, or share it among them",
        "값이 같은 원소 하나에 기울기를 모두 주거나 나누어 주세요",
        "tie",
    )
    TIE_TO_ONE = _Entry(
        _tie_to_one,
        "numbers are tied at x, where slopes depend on the direction; the gradient "
        "gives the whole slope to the one at {place}",
        "값이 같은 원소들이 있어서 기울기가 방향마다 달라요. 이 기울기는 {place}의 "
        "원소에 모두 주었어요",
        "Leave it, or move x to where nothing is tied to compare",
        "그대로 두세요. 비교하려면 값이 서로 다른 점으로 옮기세요",
        "tie",
    )
    TIE_SHARED = _Entry(
        _tie_shared,
        "numbers are tied at x, where slopes depend on the direction; the gradient "
        "shares the slope equally among {count} of them",
        "값이 같은 원소들이 있어서 기울기가 방향마다 달라요. 이 기울기는 원소 "
        "{count}개에 똑같이 나누어 주었어요",
        "Leave it, or move x to where nothing is tied to compare",
        "그대로 두세요. 비교하려면 값이 서로 다른 점으로 옮기세요",
        "tie",
    )
    TIE_OTHER = _Entry(
        _tie_other,
        "numbers are tied at x, where slopes depend on the direction; the gradient is "
        "one of those near x, or a mean of several",
        "값이 같은 원소들이 있어서 기울기가 방향마다 달라요. 이 기울기는 바로 옆의 "
        "점들 가운데 하나의 기울기이거나, 여러 점의 평균이에요",
        "Leave it, or move x to where nothing is tied to compare",
        "그대로 두세요. 비교하려면 값이 서로 다른 점으로 옮기세요",
        "tie",
    )
    JUMP = _Entry(
        _jump,
        "f jumps at x, where it has no slope: what is measured grows as the step "
        "shrinks",
        "여기서 함수가 뛰어올라요. 간격을 줄일수록 기울기가 한없이 커져서, 기울기가 "
        "없어요",
        "Move x away from the jump, or replace f by a function without one",
        "뛰어오르는 점에서 x를 옮기거나, 끊기지 않는 함수로 바꾸세요",
    )
    ZERO = _Entry(
        _zero,
        "all zero: nothing reaches this leaf (a stop_gradient, a term or an argument "
        "that the backward rule forgets)",
        "모두 0이에요. 이 매개변수까지 아무것도 전해지지 않아요",
        "Look for the term that the backward pass forgets",
        "역전파하는 길에서 빠뜨린 항을 찾아보세요",
    )
    UNREAD = _Entry(
        _unread,
        "f does not change with this leaf, so that every slope is 0: f reads another "
        "array than its argument, or rounds its changes away",
        "이 매개변수를 움직여도 함숫값이 그대로라 기울기가 모두 0이에요. f가 인수가 "
        "아닌 다른 배열을 읽거나, 반올림으로 변화를 없애고 있어요",
        "Use the argument, as in lambda w: loss(w, x, t)",
        "lambda w: loss(w, x, t)처럼 인수를 사용하세요",
    )
    SMALL_NUMBER = _Entry(
        _small_number,
        "right but for {share} of the slope: the gradient is that of f without a small "
        "number, such as the 1e-7 in log(y + 1e-7), or with another one",
        "기울기의 {share}배만큼만 어긋나요. log(y + 1e-7)의 1e-7처럼 f에 더한 작은 "
        "수를 빼고 구한 기울기예요",
        "Leave it if that is meant: f and the gradient belong to nearly the same "
        "function. Otherwise keep the small number in the derivative as well",
        "일부러 그랬다면 그대로 두세요. f와 거의 같은 함수의 기울기예요. 아니라면 "
        "미분할 때도 그 작은 수를 남겨 두세요",
    )
    SIGN = _Entry(
        _sign,
        "the sign: the gradient is minus the slope",
        "부호가 반대예요. 올라가는 쪽이 아니라 내려가는 쪽을 가리켜요",
        "Take output minus target, not target minus output; or drop the minus that "
        "belongs to the descent",
        "정답에서 출력을 빼지 말고 출력에서 정답을 빼세요. 또는 경사 하강법에 붙어야 "
        "할 마이너스를 지우세요",
    )
    SUM_FOR_MEAN = _Entry(
        _sum_for_mean,
        "a constant factor: the gradient is {factor} times the slope, a sum for a mean "
        "over an axis of {length}",
        "모든 값이 {factor}배로 커요. 손실은 표본 {length}개의 평균인데 기울기는 "
        "합이에요",
        "Divide by {length}, once, where the backward pass begins",
        "역전파를 시작할 때 {length}(으)로 한 번 나누세요",
    )
    MEAN_FOR_SUM = _Entry(
        _mean_for_sum,
        "a constant factor: the gradient is {factor} times the slope, a mean for a sum "
        "over an axis of {length}",
        "모든 값이 기울기의 {factor}배예요. 표본 {length}개를 더해야 하는데 평균했어요",
        "Sum over the samples: the mean was already taken where the backward pass "
        "began",
        "표본에 대해 더하세요. 평균은 역전파를 시작할 때 이미 구했어요",
    )
    TWO_TOO_MANY = _Entry(
        _two_too_many,
        "a constant factor: the gradient is {factor} times the slope, with a 2 too "
        "many, as from a square's derivative",
        "모든 값이 기울기의 {factor}배예요. 2가 하나 더 있어요",
        "Halve it: the derivative of half a square is x, not 2x",
        "반으로 나누세요. 제곱의 절반을 미분하면 2x가 아니라 x예요",
    )
    TWO_MISSING = _Entry(
        _two_missing,
        "a constant factor: the gradient is {factor} times the slope, with a 2 "
        "missing, as from a square's derivative",
        "모든 값이 기울기의 {factor}배, 절반이에요",
        "Do not divide by 2: only half the sum of squares has a factor 1/2, the cross "
        "entropy has none",
        "나누고 있는 2를 지우세요. 1/2은 오차제곱합에 있고, 교차 엔트로피에는 없어요",
    )
    FACTOR = _Entry(
        _factor,
        "a constant factor: the gradient is {factor} times the slope",
        "모든 값이 기울기의 {factor}배예요",
        "Look for a constant that is missing, or that is multiplied in twice",
        "빠뜨렸거나 두 번 곱한 상수를 찾아보세요",
    )
    EXCHANGED_LEAVES = _Entry(
        _exchanged_leaves,
        "exchanged leaves: the gradient given for another leaf fits here",
        "서로 바뀌었어요. 다른 매개변수의 기울기가 여기에 맞아요",
        "Return the gradients in the order of the parameters",
        "매개변수와 같은 순서로 기울기를 돌려주세요",
    )
    TRANSPOSED = _Entry(
        _transposed,
        "transposed: the gradient is the slope with its axes in the order {order}",
        "전치됐어요. [i, j]의 값이 [j, i]에 있어요. 대각선만 맞아요",
        "Exchange the factors of the product: x.T @ d, not d.T @ x. The shape of a "
        "square matrix does not show it",
        "곱하는 순서를 바꾸세요. d.T @ x가 아니라 x.T @ d예요. 정사각 행렬이라 모양만 "
        "봐서는 알 수 없어요",
    )
    READ_IN_ANOTHER_ORDER = _Entry(
        _read_in_another_order,
        "transposed and then reshaped: the gradient holds the numbers of the slope, "
        "read with its axes in the order {order}",
        "값은 맞는데 읽은 순서가 달라요",
        "Transpose before reshaping, not after",
        "모양을 바꾸기 전에 전치하세요",
    )
    MIRRORED = _Entry(
        _mirrored,
        "mirrored along axis {axes}: a convolution's kernel is flipped and should not "
        "be, or the reverse",
        "축 {axes} 방향으로 뒤집혔어요",
        "Flip it back: a convolution flips its kernel, a correlation does not",
        "다시 뒤집으세요. 합성곱은 커널을 뒤집고, 상관은 뒤집지 않아요",
    )
    SHIFTED = _Entry(
        _shifted,
        "shifted by {by} along axis {axis}: an index is off",
        "축 {axis} 방향으로 {by}만큼 밀렸어요. 행마다 이웃 행의 기울기가 들어 있어요",
        "Look for an index that is off by {by}",
        "{by}만큼 어긋난 인덱스를 찾아보세요",
    )
    DECAY_MISSING = _Entry(
        _decay_missing,
        "a term proportional to the parameter is missing: {factor} times x, as of "
        "weight decay",
        "가중치의 {factor}배인 항, 곧 가중치 감소가 빠졌어요",
        "Add {factor} · x to the gradient",
        "기울기에 {factor} · x를 더하세요",
    )
    DECAY_TOO_MANY = _Entry(
        _decay_too_many,
        "a term proportional to the parameter is too many: {factor} times x, as of "
        "weight decay",
        "가중치의 {factor}배인 항이 더 들어 있어요",
        "Subtract {factor} · x from the gradient, or add the weight decay to the loss "
        "as well",
        "{factor} · x를 빼거나, 손실 함수에도 가중치 감소를 더하세요",
    )
    CONSTANT_ADDED = _Entry(
        _constant_added,
        "a constant is added: {constant} in each coordinate",
        "모든 값에 같은 상수가 더해져 있어요: {constant}",
        "Subtract {constant}",
        "{constant}을(를) 빼세요",
    )
    BRANCH = _Entry(
        _branch,
        "a branch: wrong exactly where {where}",
        "{where}인 곳에서만 모두 틀렸어요. 함수의 그쪽 갈래는 기울기가 달라요",
        "Write the slope of that branch there; that of relu is 0 for x < 0",
        "그 갈래의 기울기를 따로 쓰세요. relu라면 x < 0에서 0이에요",
    )
    SINGLE_SIGN = _Entry(
        _single_sign,
        "a single coordinate, of the wrong sign, at {place}; all others are right",
        "{place}의 값 하나만 부호가 반대예요. 나머지는 모두 맞아요",
        "Look for code that writes to that place only",
        "그 자리에만 값을 쓰는 코드를 찾아보세요",
    )
    SINGLE_ZERO = _Entry(
        _single_zero,
        "a single coordinate, which is 0, at {place}; all others are right",
        "{place}의 값 하나만 0이에요. 나머지는 모두 맞아요",
        "Look for a loop that ends one step too early",
        "하나 일찍 끝나는 반복문을 찾아보세요",
    )
    SINGLE_FACTOR = _Entry(
        _single_factor,
        "a single coordinate, {factor} times the slope, at {place}; all others are "
        "right",
        "{place}의 값 하나만 기울기의 {factor}배예요. 나머지는 모두 맞아요",
        "Look for code that writes to that place only",
        "그 자리에만 값을 쓰는 코드를 찾아보세요",
    )
    SINGLE = _Entry(
        _single,
        "a single coordinate, at {place}; all others are right",
        "{place}의 값 하나만 틀렸어요. 나머지는 모두 맞아요",
        "Look for code that writes to that place only",
        "그 자리에만 값을 쓰는 코드를 찾아보세요",
    )
    ONE_INDEX = _Entry(
        _one_index,
        "all wrong coordinates have index {index} along axis {axis}",
        "틀린 값은 모두 축 {axis}의 인덱스 {index}에 있어요",
        "Look at that row or column: is it used several times, and written only once?",
        "그 행이나 열을 보세요. 여러 번 쓰이는데 한 번만 기록하지 않았나요?",
    )
    BLOCK = _Entry(
        _block,
        "a block of {block} from index {place} on is wrong",
        "{place}부터 {block} 크기의 블록이 틀렸어요",
        "Look at the code that computes that block",
        "그 블록을 계산하는 코드를 보세요",
    )
    SOME_SIGNS = _Entry(
        _some_signs,
        "the sign of {count} coordinates",
        "값 {count}개의 부호가 반대예요",
        "Look for an absolute value, or for the square root of a square",
        "절댓값이나 제곱의 제곱근을 찾아보세요",
    )

    @property
    def code(self) -> str:
        """Its name for programs: `"sum_for_mean"`."""
        return self.name.lower()

    def sentence(self, language: Language) -> str:
        """The sentence that names the cause, with `{places}` for facts."""
        return self.value.en if language == "en" else self.value.ko

    def fix(self, language: Language) -> str:
        """The fix, with `{places}` for facts."""
        return self.value.fix_en if language == "en" else self.value.fix_ko

    def __reduce_ex__(self, proto: Any) -> tuple[Any, ...]:
        """Pickled by its name: a function in its value cannot be found again."""
        return getattr, (CauseKind, self.name)


# Follows a sentence about a leaf that was not measured everywhere.
_AS_SEEN = {
    "en": " (as seen in {seen} of {size})",
    "ko": " (값 {size}개 중 {seen}개를 본 결과)",
}


class Cause(str):
    """The sentence that names the likeliest cause; `""` where no pattern shows.

    Attributes:
        kind: Which cause; None where no pattern shows.
        facts: What the sentences mention, by name.

    Example:
        >>> cause = Cause(CauseKind.SHIFTED, {"by": 1, "axis": 0})
        >>> cause
        'shifted by 1 along axis 0: an index is off'
        >>> cause.code, cause.facts["axis"], cause.fix()
        ('shifted', 0, 'Look for an index that is off by 1')
    """

    kind: CauseKind | None
    facts: Facts

    def __new__(
        cls, kind: CauseKind | None = None, facts: Mapping[str, Any] | None = None
    ) -> Self:
        """The English sentence is the string itself."""
        facts = dict(facts or {})
        cause = super().__new__(cls, _sentence(kind, facts, "en"))
        cause.kind, cause.facts = kind, facts
        return cause

    def __getnewargs__(self) -> tuple[CauseKind | None, Facts]:  # type: ignore[override]
        """The arguments of a copy."""
        return self.kind, self.facts

    @property
    def code(self) -> str:
        """The code of the cause, for programs: `"factor"`; `""` if there is none."""
        return self.kind.code if self.kind else ""

    def sentence(self, language: Language = "en") -> str:
        """The cause in words, English or Korean, without a full stop."""
        return _sentence(self.kind, self.facts, language)

    def fix(self, language: Language = "en") -> str:
        """The fix in words, English or Korean, without a full stop."""
        return self.kind.fix(language).format(**self.facts) if self.kind else ""

    def to_dict(self) -> dict[str, Any]:
        """The cause in types that JSON knows, its words by language."""
        return {
            "code": self.code,
            "facts": self.facts,
            "sentence": {language: self.sentence(language) for language in _LANGUAGES},
            "fix": {language: self.fix(language) for language in _LANGUAGES},
        }


def _sentence(kind: CauseKind | None, facts: Facts, language: Language) -> str:
    if kind is None:
        return ""
    text = kind.sentence(language)
    if "seen" in facts:
        text += _AS_SEEN[language]
    return text.format(**facts)


UNKNOWN = Cause()
"""No pattern shows."""


def likely_cause(evidence: Evidence) -> Cause:
    """The first cause whose pattern explains the leaf; `UNKNOWN` if none does.

    Example:
        >>> slope = np.array([1.0, -2.0, 3.0])
        >>> likely_cause(Evidence(-slope, slope, slope, 1e-6 * abs(slope)))
        'the sign: the gradient is minus the slope'
    """
    if evidence.gradient.shape != evidence.slope.shape:
        return _first("shape", evidence)
    if not np.isfinite(evidence.gradient).all():
        return _first("not finite", evidence)
    if evidence.tie:
        return _first("tie", evidence)
    fault = abs(evidence.gradient - evidence.slope)[evidence.wrong]
    if not (fault > _CLEAR_FAULT * evidence.tolerance[evidence.wrong]).any():
        return UNKNOWN
    cause = _first("values", evidence)
    seen, size = int(evidence.measured.sum()), evidence.slope.size
    if seen == size or not cause:
        return cause
    return Cause(cause.kind, {**cause.facts, "seen": f"{seen:,}", "size": f"{size:,}"})


def lost_digits(evidence: Evidence) -> Cause:
    """The coarser dtype that the gradient has been through, or `UNKNOWN`.

    Example:
        >>> slope = np.array([0.1, 0.2, 0.3])
        >>> gradient = slope.astype(np.float16).astype(np.float64)
        >>> lost_digits(Evidence(gradient, slope, slope, 1e-6 * slope))
        'the gradient has the digits of float16: it was computed or kept in it'
    """
    return _first("digits", evidence)


def _first(premise: Premise, evidence: Evidence) -> Cause:
    for kind in CauseKind:
        if kind.value.premise == premise:
            facts = kind.value.find(evidence)
            if facts is not None:
                return Cause(kind, facts)
    return UNKNOWN
