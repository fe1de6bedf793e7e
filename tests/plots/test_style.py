"""Figures of one's own, the caller's settings, and the fonts for Korean."""

import inspect
import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from secant import InvalidInput, plots
from secant.plots import style, translations

PICTURES = [
    getattr(plots, name)
    for name in plots.__all__
    if inspect.isfunction(getattr(plots, name)) and not name.startswith("draw_")
]


def test_there_are_pictures():
    assert len(PICTURES) > 6


@pytest.mark.parametrize("picture", PICTURES, ids=lambda f: f.__name__)
def test_every_picture_takes_axes_and_a_language(picture):
    parameters = inspect.signature(picture).parameters
    assert {"ax", "axes"} & set(parameters)
    assert parameters["language"].default == "en"


def test_axes_of_ones_own_are_drawn_into():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    made = plots.secant_and_tangent(np.sin, 1.0, ax=right)
    assert made is figure
    assert not left.lines
    assert right.lines


def test_the_users_style_is_not_changed():
    before = dict(mpl.rcParams)
    plots.secant_and_tangent(np.sin, 1.0)
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ("none", "ax is str: pass Matplotlib axes"),
        (np.zeros(2), "ax is ndarray"),
    ],
)
def test_objects_that_are_no_axes_are_refused(axes, message):
    with pytest.raises(InvalidInput, match=message):
        plots.secant_and_tangent(np.sin, 1.0, ax=axes)


def test_too_few_axes_are_refused():
    with (
        pytest.raises(InvalidInput, match=r"axes holds 1, .* needs 2"),
        style.multiple_axes(Figure().subplots(), 2, (1, 1)),
    ):
        pass


def test_an_unknown_language_is_refused():
    with pytest.raises(InvalidInput, match=r"no language 'kr'\. Known: en, ko"):
        plots.secant_and_tangent(np.sin, 1.0, language="kr")


def test_korean_labels_are_korean(korean):
    axes = plots.secant_and_tangent(np.sin, 1.0, language="ko").axes[0]
    assert axes.get_title("left") == "할선과 접선"


def test_korean_without_a_font_becomes_english_without_a_warning(monkeypatch):
    monkeypatch.setattr(style, "KOREAN_FONTS", ())
    monkeypatch.setitem(style.STYLE, "font.family", ["DejaVu Sans"])
    figure = plots.secant_and_tangent(np.sin, 1.0, language="ko")
    figure.canvas.draw()  # warns of letters that no font has
    assert figure.axes[0].get_title("left") == "Secant and tangent"


@pytest.mark.skipif(not style.KOREAN_FONTS, reason="no font has Korean letters here")
def test_korean_letters_are_drawn_where_a_font_has_them():
    figure = plots.secant_and_tangent(np.sin, 1.0, language="ko")
    figure.canvas.draw()  # warns of letters that no font has


def test_korean_texts_have_the_placeholders_of_the_english_ones():
    for english, korean in translations.KOREAN.items():
        assert sorted(re.findall(r"\{\d?(:.*?)?\}", english)) == sorted(
            re.findall(r"\{\d?(:.*?)?\}", korean)
        ), english
        assert re.search("[가-힣]", korean)


def test_every_text_of_a_picture_has_a_korean_one():
    folder = Path(plots.__file__).parent
    said = {
        text
        for file in folder.glob("*.py")
        for text in re.findall(r'\btr\(\s*"(.*?)"', file.read_text(encoding="utf-8"))
    }
    assert len(said) > 20
    assert said <= {text.replace("\n", "\\n") for text in translations.KOREAN}
