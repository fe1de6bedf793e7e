"""Translations of the texts in plots, from English to Korean.

Every function of `secant.plots` takes `language="en"` or `language="ko"`. If no
installed font has Korean letters, Korean plots are in English, since Matplotlib would
draw empty boxes.
"""

from collections.abc import Callable

from secant.plots import style
from secant.validation import Choice, validate

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
    "subtracted": "뺄셈",
    "propagated": "차분 전파",
    # checks
    "right": "맞음",
    "rounding": "반올림 오차",
    "kink": "꺾인 점",
    "tie": "같은 값",
    "inconclusive": "판정 불가",
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
    "oscillates": "진동",
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
    "random direction {}, in norms of the weights": "무작위 방향 {}, 가중치 노름 단위",
    "direction {}: {:.0%} of the path": "방향 {}: 경로의 {:.0%}",
}
"""The Korean text of every English text, with the same placeholders."""

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
    language = validate("language", language, Choice(LANGUAGES))
    korean = language == "ko" and style.KOREAN_FONTS

    def tr(text: str, *values: object) -> str:
        return (KOREAN[text] if korean else text).format(*values)

    return tr


def cause_text(found: str, language: str) -> str:
    """The text of a `Cause` of a wrong gradient in that language.

    Any other text is returned unchanged.
    """
    sentence = getattr(found, "sentence", None)
    korean = language == "ko" and style.KOREAN_FONTS
    return sentence("ko") if sentence and korean else str(found)
