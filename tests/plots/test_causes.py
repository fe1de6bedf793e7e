"""Causes of wrong gradients, told in Korean below their pictures."""

import numpy as np
import pytest

from secant import plots
from secant.checking.diagnosis import UNKNOWN, likely_cause
from secant.checking.evidence import Evidence
from secant.plots import style
from secant.plots.translations import cause_text

SLOPE = np.array([[1.0, -2.0, 3.0], [4.0, 0.5, -6.0]])


def found(gradient, slope=SLOPE):
    return likely_cause(Evidence(gradient, slope, slope**2, 1e-6 * abs(SLOPE)))


@pytest.fixture
def korean_letters(monkeypatch):
    """As if a font with Korean letters were at hand: nothing is drawn with it here."""
    monkeypatch.setattr(style, "KOREAN_FONTS", ("a font",))


@pytest.mark.usefixtures("korean_letters")
@pytest.mark.parametrize(
    ("gradient", "says"),
    [
        (-SLOPE, "부호가 반대예요"),
        (3 * SLOPE, "모든 값이 기울기의 3배예요"),
        (SLOPE + 0.25, "모든 값에 같은 상수가 더해져 있어요: 0.25"),
        (np.roll(SLOPE, 1, axis=1), "축 1 방향으로 1만큼 밀렸어요"),
        (0 * SLOPE, "모두 0이에요"),
    ],
)
def test_a_cause_is_translated_with_its_facts(gradient, says):
    assert cause_text(found(gradient), "ko").startswith(says)
    assert cause_text(found(gradient), "en") == found(gradient)


@pytest.mark.usefixtures("korean_letters")
def test_an_untranslated_text_is_unchanged():
    assert cause_text("a note", "ko") == "a note"
    assert cause_text(UNKNOWN, "ko") == ""


def test_a_picture_without_korean_letters_tells_the_cause_in_english(monkeypatch):
    monkeypatch.setattr(style, "KOREAN_FONTS", ())
    told = found(-SLOPE)
    figure = plots.gradient_errors(SLOPE, note=told, language="ko")
    assert figure.get_supxlabel() == told
