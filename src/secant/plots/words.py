"""Translations of the texts in plots, from English to Korean.

Every function of `secant.plots` takes `language="en"` or `language="ko"`. If no
installed font has Korean letters, Korean plots are in English, since Matplotlib would
draw empty boxes.
"""

from collections.abc import Callable

from secant.errors import unknown_name
from secant.plots import style

KOREAN = {
    # runs
    "Loss": "손실",
    "Accuracy": "정확도",
    "step": "단계",
    "mean loss of the batch": "배치의 평균 손실",
    "share of samples that are right": "맞힌 표본의 비율",
    "batch": "배치",
    "mean of {}": "{}개의 평균",
    "no step was taken": "한 단계도 가지 않았습니다",
    "train": "훈련",
    "test": "테스트",
    "validation": "검증",
    "{}: {:.1%} at the end": "{}: 마지막에 {:.1%}",
    "Loss, mean of {} steps": "손실, {}단계의 평균",
    "Accuracy on test samples": "테스트 표본의 정확도",
    "Accuracy on training samples": "훈련 표본의 정확도",
    # methods
    "Cost and error of each gradient method": "기울기를 구하는 방법의 비용과 오차",
    "milliseconds a step": "한 단계의 시간(밀리초)",
    "error, relative to backprop in float64": "float64 역전파에 대한 상대 오차",
    "Error of the central difference for every step h": (
        "간격 h에 따른 중심 차분의 오차"
    ),
    "error of the slopes, relative": "기울기의 상대 오차",
    # checks
    "right": "맞음",
    "rounding": "반올림 오차",
    "kink": "꺾인 점",
    "wrong": "틀림",
    "not finite": "유한하지 않음",
    "error, in units of the tolerance": "오차(허용 오차의 배수)",
    "index along axis 0": "0번 축의 번호",
    "index along axis 1": "1번 축의 번호",
    "index": "번호",
    "axes 1 to {}, side by side": "1번부터 {}번까지의 축, 나란히",
    # slopes
    "Secant and tangent": "할선과 접선",
    "secant, h = {:g}: slope {:.4g}": "할선, h = {:g}: 기울기 {:.4g}",
    "tangent: slope {:.4g}": "접선: 기울기 {:.4g}",
    # fields and descents
    "The gradient, downhill": "기울기: 내려가는 쪽",
    "converged": "수렴",
    "still falling": "아직 내려가는 중",
    "bounces": "진동",
    "diverged": "발산",
    "hardly moved": "거의 움직이지 않음",
    "started flat": "평평한 곳에서 시작",
    "{}, {:,} steps\nlast value {:.3g}": "{}, {:,}단계\n마지막 값 {:.3g}",
    "{}: leaves the\npicture at step {:,}": "{}: {:,}단계에\n그림을 벗어남",
    # batches
    "Loss of random batches": "무작위 배치의 손실",
    "samples a batch": "배치의 표본 수",
    "loss": "손실",
    "a batch": "배치 하나",
    "all {:,} samples: {:.3f}": "전체 표본 {:,}개: {:.3f}",
    "two standard errors, ± 2σ/√n": "표준 오차의 두 배, ± 2σ/√n",
    # weights, samples, confusion
    "Weights of the first layer": "첫 층의 가중치",
    "Samples and predictions": "표본과 예측",
    "The most confident mistakes": "가장 확신한 오답",
    "answer, probability (true class)": "답, 확률 (정답)",
    "Confusion matrix": "혼동 행렬",
    "{:.1%} of {:,} samples are right": "표본 {1:,}개 중 {0:.1%}를 맞힘",
    "predicted": "예측",
    "true": "정답",
    "no mistake among {:,} samples": "표본 {:,}개 중 오답이 없습니다",
    # searches
    "trial": "시도",
    "best so far": "지금까지 가장 좋은 값",
    "pruned": "가지치기됨",
    "outlier": "이상값",
    # surfaces
    "Loss around the network": "신경망 둘레의 손실",
    "Loss around the path of training": "훈련 경로 둘레의 손실",
    "random direction {}, in norms of the weights": "무작위 방향 {}, 가중치 노름의 배수"
    "",
    "direction {}: {:.0%} of the path": "방향 {}: 경로의 {:.0%}",
}
"""The Korean text of every English text, with the same placeholders."""

KOREAN_CAUSES = {
    "branch_not_taken": (
        "함수에는 기울기가 있는데 값이 유한하지 않아요. 쓰이지 않는 갈래에서 "
        "0으로 나누고 있어요."
    ),
    "no_slope_at_0": (
        "0에서 함수에 기울기가 없어요. 거기서 끝나거나, 한없이 가파르거나, 꺾여요."
    ),
    "zero": "모두 0이에요. 이 매개변수까지 아무것도 전해지지 않아요.",
    "sign": "부호가 반대예요. 올라가는 쪽이 아니라 내려가는 쪽을 가리켜요.",
    "factor": "모든 값이 기울기의 {factor}배예요.",
    "sum_for_mean": (
        "모든 값이 {factor}배로 커요. 손실은 표본 {length}개의 "
        "평균인데 기울기는 합이에요."
    ),
    "mean_for_sum": (
        "모든 값이 기울기의 {factor}배예요. 표본 {length}개를 더해야 하는데 평균했어요."
    ),
    "two_too_many": "모든 값이 기울기의 {factor}배예요. 2가 하나 더 있어요.",
    "two_missing": "모든 값이 기울기의 {factor}배, 절반이에요.",
    "transposed": "전치됐어요. [i, j]의 값이 [j, i]에 있어요. 대각선만 맞아요.",
    "read_in_another_order": "값은 맞는데 읽은 순서가 달라요.",
    "mirrored": "축 {axes} 방향으로 뒤집혔어요.",
    "shifted": (
        "축 {axis} 방향으로 {by}만큼 밀렸어요. 행마다 이웃 행의 기울기가 들어 있어요."
    ),
    "exchanged_leaves": "서로 바뀌었어요. 다른 매개변수의 기울기가 여기에 맞아요.",
    "decay_missing": "가중치의 {factor}배인 항, 곧 가중치 감소가 빠졌어요.",
    "decay_too_many": "가중치의 {factor}배인 항이 더 들어 있어요.",
    "constant_added": "모든 값에 같은 상수가 더해져 있어요: {constant}.",
    "branch": "{where}인 곳에서만 모두 틀렸어요. 함수의 그쪽 갈래는 기울기가 달라요.",
    "single": "{place}의 값 하나만 틀렸어요. 나머지는 모두 맞아요.",
    "single_sign": "{place}의 값 하나만 부호가 반대예요. 나머지는 모두 맞아요.",
    "single_zero": "{place}의 값 하나만 0이에요. 나머지는 모두 맞아요.",
    "single_factor": (
        "{place}의 값 하나만 기울기의 {factor}배예요. 나머지는 모두 맞아요."
    ),
    "one_index": "틀린 값은 모두 축 {axis}의 인덱스 {index}에 있어요.",
    "block": "{place}부터 {block} 크기의 블록이 틀렸어요.",
    "some_signs": "값 {count}개의 부호가 반대예요.",
    "fewer_digits": "{dtype}의 자릿수밖에 없어요.",
    "batch_axis_sum": (
        "모양이 {due}이어야 하는데 {came}이에요. 표본 "
        "{length}개마다 행이 따로 있고, 그 합이 기울기예요."
    ),
    "batch_axis_mean": (
        "모양이 {due}이어야 하는데 {came}이에요. 표본 "
        "{length}개마다 행이 따로 있고, 그 평균이 기울기예요."
    ),
    "shape_transposed": "모양이 {due}이어야 하는데 {came}이에요. 전치됐어요.",
    "reshaped": "모양이 {due}이어야 하는데 {came}이에요. 값은 맞아요.",
    "axis_lost": (
        "모양이 {due}이어야 하는데 {came}이에요. 축 하나를 따라서도 더해 버렸어요."
    ),
    "shape": "모양이 {due}이어야 하는데 {came}이에요.",
}
"""The Korean text of each cause in `secant.checking.causes`, by code."""

LANGUAGES = ("en", "ko")


def translator(language: str) -> Callable[..., str]:
    """A function `tr(text, *values)`: the text in that language, with the values.

    Args:
        language: `en` or `ko`.

    Raises:
        InvalidInput: `language` is another one.

    Example:
        >>> translator("en")("mean of {}", 10)
        'mean of 10'
    """
    if language not in LANGUAGES:
        raise unknown_name("language", language, LANGUAGES)
    korean = language == "ko" and style.KOREAN_FONTS

    def tr(text: str, *values: object) -> str:
        return (KOREAN[text] if korean else text).format(*values)

    return tr


def cause_text(found: str, language: str) -> str:
    """The text of a `Cause` of a wrong gradient in that language.

    A text without a translation, or that is not a `Cause`, is returned unchanged.
    """
    code, facts = getattr(found, "code", ""), getattr(found, "facts", {})
    korean = language == "ko" and style.KOREAN_FONTS
    if not korean or code not in KOREAN_CAUSES:
        return str(found)
    text = KOREAN_CAUSES[code].format(**facts)
    if "seen" not in facts:
        return text
    return f"{text} (값 {facts['size']}개 중 {facts['seen']}개를 본 결과)"
