"""Causes of a wrong gradient: the pattern of each, and its words in two languages.

A new cause is one function of `patterns.py`, one entry here and one example in
`tests/checking/test_diagnosis.py`. Reports, pictures and the page of `secant lab` take
its words from here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from secant.checking import patterns
from secant.checking.evidence import Evidence
from secant.checking.patterns import Facts

Language = Literal["en", "ko"]

LANGUAGES: tuple[Language, ...] = ("en", "ko")

Premise = Literal["shape", "not finite", "digits", "tie", "values"]
"""The data of a pattern: gradients of another shape; those that are not
finite; the digits of all numbers; gradients where numbers are tied; or the values of
those that are clearly wrong."""


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
        patterns.batch_axis_sum,
        "its shape is {came}, not {due}: a batch axis of {length} is left, whose sum "
        "is the slope",
        "모양이 {due}이어야 하는데 {came}이에요. 표본 {length}개마다 행이 따로 있고, "
        "그 합이 기울기예요",
        "Sum over the samples: .sum(axis=0)",
        "표본에 대해 더하세요: .sum(axis=0)",
        "shape",
    )
    BATCH_AXIS_MEAN = _Entry(
        patterns.batch_axis_mean,
        "its shape is {came}, not {due}: a batch axis of {length} is left, whose mean "
        "is the slope",
        "모양이 {due}이어야 하는데 {came}이에요. 표본 {length}개마다 행이 따로 있고, "
        "그 평균이 기울기예요",
        "Take the mean over the samples: .mean(axis=0)",
        "표본에 대해 평균하세요: .mean(axis=0)",
        "shape",
    )
    SHAPE_TRANSPOSED = _Entry(
        patterns.shape_transposed,
        "its shape is {came}, not {due}: transposed",
        "모양이 {due}이어야 하는데 {came}이에요. 전치됐어요",
        "Exchange the factors of the product: h.T @ d, not d.T @ h",
        "곱하는 순서를 바꾸세요. d.T @ h가 아니라 h.T @ d예요",
        "shape",
    )
    RESHAPED = _Entry(
        patterns.reshaped,
        "its shape is {came}, not {due}: the numbers are right, so reshape them to the "
        "shape of the leaf",
        "모양이 {due}이어야 하는데 {came}이에요. 값은 맞아요",
        "Reshape it to {due}",
        "모양을 {due}(으)로 바꾸세요",
        "shape",
    )
    AXIS_LOST = _Entry(
        patterns.axis_lost,
        "its shape is {came}, not {due}: a sum went over one axis too many",
        "모양이 {due}이어야 하는데 {came}이에요. 축 하나를 따라서도 더해 버렸어요",
        "Sum over the samples only",
        "표본에 대해서만 더하세요",
        "shape",
    )
    SHAPE = _Entry(
        patterns.shape,
        "its shape is {came}, not {due}",
        "모양이 {due}이어야 하는데 {came}이에요",
        "Return an array of the shape of its parameter",
        "기울기의 모양은 매개변수의 모양과 같아야 해요",
        "shape",
    )
    BRANCH_NOT_TAKEN = _Entry(
        patterns.branch_not_taken,
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
        patterns.overflow,
        "the gradient is not finite where the function has a slope: a number of the "
        "backward pass overflows, or is divided by 0",
        "함수에는 기울기가 있는데 값이 유한하지 않아요. 역전파하는 길에서 수가 너무 "
        "커지거나 0으로 나누고 있어요",
        "Look for a product of a huge number and 0, or scale x",
        "아주 큰 수와 0의 곱을 찾아보거나, x의 크기를 바꿔 보세요",
        "not finite",
    )
    NO_SLOPE_AT_0 = _Entry(
        patterns.no_slope_at_0,
        "at 0 the function has no slope: it ends, is infinitely steep, or has a kink "
        "there",
        "0에서 함수에 기울기가 없어요. 거기서 끝나거나, 한없이 가파르거나, 꺾여요",
        "Keep away from 0, or add a small number before the root or the logarithm",
        "0을 피하거나, 제곱근이나 로그 앞에 작은 수를 더해 주세요",
        "not finite",
    )
    FEWER_DIGITS = _Entry(
        patterns.fewer_digits,
        "the gradient has the digits of {dtype}: it was computed or kept in it",
        "{dtype}의 자릿수밖에 없어요",
        "Compute and keep it in the dtype of the parameters",
        "매개변수와 같은 자료형으로 계산하고 보관하세요",
        "digits",
    )
    TIE_TOTAL = _Entry(
        patterns.tie_total,
        "numbers are tied at x, and no choice among them gives this: where all "
        "coordinates move by the same, the slope is {due}, and by the gradient {came}",
        "값이 같은 원소들이 있는 점인데, 어느 것을 골라도 이 값이 나오지 않아요. 모든 "
        "좌표를 똑같이 움직이면 기울기는 {due}인데, 이 기울기로는 {came}이에요",
        "Give the slope of the tied numbers to one of them, or share it among them",
        "값이 같은 원소 하나에 기울기를 모두 주거나 나누어 주세요",
        "tie",
    )
    TIE_TO_ONE = _Entry(
        patterns.tie_to_one,
        "numbers are tied at x, where slopes depend on the direction; the gradient "
        "gives the whole slope to the one at {place}",
        "값이 같은 원소들이 있어서 기울기가 방향마다 달라요. 이 기울기는 {place}의 "
        "원소에 모두 주었어요",
        "Leave it, or move x to where nothing is tied to compare",
        "그대로 두세요. 비교하려면 값이 서로 다른 점으로 옮기세요",
        "tie",
    )
    TIE_SHARED = _Entry(
        patterns.tie_shared,
        "numbers are tied at x, where slopes depend on the direction; the gradient "
        "shares the slope equally among {count} of them",
        "값이 같은 원소들이 있어서 기울기가 방향마다 달라요. 이 기울기는 원소 "
        "{count}개에 똑같이 나누어 주었어요",
        "Leave it, or move x to where nothing is tied to compare",
        "그대로 두세요. 비교하려면 값이 서로 다른 점으로 옮기세요",
        "tie",
    )
    TIE_OTHER = _Entry(
        patterns.tie_other,
        "numbers are tied at x, where slopes depend on the direction; the gradient is "
        "one of those near x, or a mean of several",
        "값이 같은 원소들이 있어서 기울기가 방향마다 달라요. 이 기울기는 바로 옆의 "
        "점들 가운데 하나의 기울기이거나, 여러 점의 평균이에요",
        "Leave it, or move x to where nothing is tied to compare",
        "그대로 두세요. 비교하려면 값이 서로 다른 점으로 옮기세요",
        "tie",
    )
    JUMP = _Entry(
        patterns.jump,
        "f jumps at x, where it has no slope: what is measured grows as the step "
        "shrinks",
        "여기서 함수가 뛰어올라요. 간격을 줄일수록 기울기가 한없이 커져서, 기울기가 "
        "없어요",
        "Move x away from the jump, or replace f by a function without one",
        "뛰어오르는 점에서 x를 옮기거나, 끊기지 않는 함수로 바꾸세요",
    )
    ZERO = _Entry(
        patterns.zero,
        "all zero: nothing reaches this leaf (a stop_gradient, a term or an argument "
        "that the backward rule forgets)",
        "모두 0이에요. 이 매개변수까지 아무것도 전해지지 않아요",
        "Look for the term that the backward pass forgets",
        "역전파하는 길에서 빠뜨린 항을 찾아보세요",
    )
    UNREAD = _Entry(
        patterns.unread,
        "f does not change with this leaf, so that every slope is 0: f reads another "
        "array than its argument, or rounds its changes away",
        "이 매개변수를 움직여도 함숫값이 그대로라 기울기가 모두 0이에요. f가 인수가 "
        "아닌 다른 배열을 읽거나, 반올림으로 변화를 없애고 있어요",
        "Use the argument, as in lambda w: loss(w, x, t)",
        "lambda w: loss(w, x, t)처럼 인수를 사용하세요",
    )
    SMALL_NUMBER = _Entry(
        patterns.small_number,
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
        patterns.sign,
        "the sign: the gradient is minus the slope",
        "부호가 반대예요. 올라가는 쪽이 아니라 내려가는 쪽을 가리켜요",
        "Take output minus target, not target minus output; or drop the minus that "
        "belongs to the descent",
        "정답에서 출력을 빼지 말고 출력에서 정답을 빼세요. 또는 경사 하강법에 붙어야 "
        "할 마이너스를 지우세요",
    )
    SUM_FOR_MEAN = _Entry(
        patterns.sum_for_mean,
        "a constant factor: the gradient is {factor} times the slope, a sum for a mean "
        "over an axis of {length}",
        "모든 값이 {factor}배로 커요. 손실은 표본 {length}개의 평균인데 기울기는 "
        "합이에요",
        "Divide by {length}, once, where the backward pass begins",
        "역전파를 시작할 때 {length}(으)로 한 번 나누세요",
    )
    MEAN_FOR_SUM = _Entry(
        patterns.mean_for_sum,
        "a constant factor: the gradient is {factor} times the slope, a mean for a sum "
        "over an axis of {length}",
        "모든 값이 기울기의 {factor}배예요. 표본 {length}개를 더해야 하는데 평균했어요",
        "Sum over the samples: the mean was already taken where the backward pass "
        "began",
        "표본에 대해 더하세요. 평균은 역전파를 시작할 때 이미 구했어요",
    )
    TWO_TOO_MANY = _Entry(
        patterns.two_too_many,
        "a constant factor: the gradient is {factor} times the slope, with a 2 too "
        "many, as from a square's derivative",
        "모든 값이 기울기의 {factor}배예요. 2가 하나 더 있어요",
        "Halve it: the derivative of half a square is x, not 2x",
        "반으로 나누세요. 제곱의 절반을 미분하면 2x가 아니라 x예요",
    )
    TWO_MISSING = _Entry(
        patterns.two_missing,
        "a constant factor: the gradient is {factor} times the slope, with a 2 "
        "missing, as from a square's derivative",
        "모든 값이 기울기의 {factor}배, 절반이에요",
        "Do not divide by 2: only half the sum of squares has a factor 1/2, the cross "
        "entropy has none",
        "나누고 있는 2를 지우세요. 1/2은 오차제곱합에 있고, 교차 엔트로피에는 없어요",
    )
    FACTOR = _Entry(
        patterns.factor,
        "a constant factor: the gradient is {factor} times the slope",
        "모든 값이 기울기의 {factor}배예요",
        "Look for a constant that is missing, or that is multiplied in twice",
        "빠뜨렸거나 두 번 곱한 상수를 찾아보세요",
    )
    EXCHANGED_LEAVES = _Entry(
        patterns.exchanged_leaves,
        "exchanged leaves: the gradient given for another leaf fits here",
        "서로 바뀌었어요. 다른 매개변수의 기울기가 여기에 맞아요",
        "Return the gradients in the order of the parameters",
        "매개변수와 같은 순서로 기울기를 돌려주세요",
    )
    TRANSPOSED = _Entry(
        patterns.transposed,
        "transposed: the gradient is the slope with its axes in the order {order}",
        "전치됐어요. [i, j]의 값이 [j, i]에 있어요. 대각선만 맞아요",
        "Exchange the factors of the product: x.T @ d, not d.T @ x. The shape of a "
        "square matrix does not show it",
        "곱하는 순서를 바꾸세요. d.T @ x가 아니라 x.T @ d예요. 정사각 행렬이라 모양만 "
        "봐서는 알 수 없어요",
    )
    READ_IN_ANOTHER_ORDER = _Entry(
        patterns.read_in_another_order,
        "transposed and then reshaped: the gradient holds the numbers of the slope, "
        "read with its axes in the order {order}",
        "값은 맞는데 읽은 순서가 달라요",
        "Transpose before reshaping, not after",
        "모양을 바꾸기 전에 전치하세요",
    )
    MIRRORED = _Entry(
        patterns.mirrored,
        "mirrored along axis {axes}: a convolution's kernel is flipped and should not "
        "be, or the reverse",
        "축 {axes} 방향으로 뒤집혔어요",
        "Flip it back: a convolution flips its kernel, a correlation does not",
        "다시 뒤집으세요. 합성곱은 커널을 뒤집고, 상관은 뒤집지 않아요",
    )
    SHIFTED = _Entry(
        patterns.shifted,
        "shifted by {by} along axis {axis}: an index is off",
        "축 {axis} 방향으로 {by}만큼 밀렸어요. 행마다 이웃 행의 기울기가 들어 있어요",
        "Look for an index that is off by {by}",
        "{by}만큼 어긋난 인덱스를 찾아보세요",
    )
    DECAY_MISSING = _Entry(
        patterns.decay_missing,
        "a term proportional to the parameter is missing: {factor} times x, as of "
        "weight decay",
        "가중치의 {factor}배인 항, 곧 가중치 감소가 빠졌어요",
        "Add {factor} · x to the gradient",
        "기울기에 {factor} · x를 더하세요",
    )
    DECAY_TOO_MANY = _Entry(
        patterns.decay_too_many,
        "a term proportional to the parameter is too many: {factor} times x, as of "
        "weight decay",
        "가중치의 {factor}배인 항이 더 들어 있어요",
        "Subtract {factor} · x from the gradient, or add the weight decay to the loss "
        "as well",
        "{factor} · x를 빼거나, 손실 함수에도 가중치 감소를 더하세요",
    )
    CONSTANT_ADDED = _Entry(
        patterns.constant_added,
        "a constant is added: {constant} in each coordinate",
        "모든 값에 같은 상수가 더해져 있어요: {constant}",
        "Subtract {constant}",
        "{constant}을(를) 빼세요",
    )
    BRANCH = _Entry(
        patterns.branch,
        "a branch: wrong exactly where {where}",
        "{where}인 곳에서만 모두 틀렸어요. 함수의 그쪽 갈래는 기울기가 달라요",
        "Write the slope of that branch there; that of relu is 0 for x < 0",
        "그 갈래의 기울기를 따로 쓰세요. relu라면 x < 0에서 0이에요",
    )
    SINGLE_SIGN = _Entry(
        patterns.single_sign,
        "a single coordinate, of the wrong sign, at {place}; all others are right",
        "{place}의 값 하나만 부호가 반대예요. 나머지는 모두 맞아요",
        "Look for code that writes to that place only",
        "그 자리에만 값을 쓰는 코드를 찾아보세요",
    )
    SINGLE_ZERO = _Entry(
        patterns.single_zero,
        "a single coordinate, which is 0, at {place}; all others are right",
        "{place}의 값 하나만 0이에요. 나머지는 모두 맞아요",
        "Look for a loop that ends one step too early",
        "하나 일찍 끝나는 반복문을 찾아보세요",
    )
    SINGLE_FACTOR = _Entry(
        patterns.single_factor,
        "a single coordinate, {factor} times the slope, at {place}; all others are "
        "right",
        "{place}의 값 하나만 기울기의 {factor}배예요. 나머지는 모두 맞아요",
        "Look for code that writes to that place only",
        "그 자리에만 값을 쓰는 코드를 찾아보세요",
    )
    SINGLE = _Entry(
        patterns.single,
        "a single coordinate, at {place}; all others are right",
        "{place}의 값 하나만 틀렸어요. 나머지는 모두 맞아요",
        "Look for code that writes to that place only",
        "그 자리에만 값을 쓰는 코드를 찾아보세요",
    )
    ONE_INDEX = _Entry(
        patterns.one_index,
        "all wrong coordinates have index {index} along axis {axis}",
        "틀린 값은 모두 축 {axis}의 인덱스 {index}에 있어요",
        "Look at that row or column: is it used several times, and written only once?",
        "그 행이나 열을 보세요. 여러 번 쓰이는데 한 번만 기록하지 않았나요?",
    )
    BLOCK = _Entry(
        patterns.block,
        "a block of {block} from index {place} on is wrong",
        "{place}부터 {block} 크기의 블록이 틀렸어요",
        "Look at the code that computes that block",
        "그 블록을 계산하는 코드를 보세요",
    )
    SOME_SIGNS = _Entry(
        patterns.some_signs,
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
