"""Every picture speaks Korean, whichever of its texts are needed."""

import numpy as np
import pytest

from secant import DescentStatus, InvalidInput, descend, plots
from secant.checking import Verdict
from secant.history import History
from secant.plots import translations
from secant.plots.descents import STATUS_TEXTS


def bowl(x):
    return x[0] ** 2 + x[1] ** 2


def everything(figure):
    """All words of a figure but names, numbers and formulas."""
    for ax in figure.axes:
        yield from (ax.get_title("left"), ax.get_xlabel(), ax.get_ylabel())
        yield from (text.get_text() for text in ax.texts)
        legend = ax.get_legend()
        yield from (text.get_text() for text in legend.get_texts()) if legend else ()


PICTURES = {
    "slope": lambda run, x, t: plots.secant_and_tangent(np.sin, 1.0, language="ko"),
    "field": lambda run, x, t: plots.gradient_field(bowl, arrows=3, language="ko"),
    "paths": lambda run, x, t: plots.descent_paths(
        bowl, {"a": descend(bowl, [1.0, 2.0], 3.0, 9)}, language="ko"
    ),
    "surfaces": lambda run, x, t: plots.descent_surfaces(
        bowl, descend(bowl, [1.0, 2.0], 0.1, 9), language="ko"
    ),
    "training": lambda run, x, t: plots.training(run.history, language="ko"),
    "no step": lambda run, x, t: plots.training(
        History(np.zeros(0), ()), language="ko"
    ),
    "runs": lambda run, x, t: plots.training_runs({"가": run}, language="ko"),
    "batches": lambda run, x, t: plots.batch_losses(
        run.net, x, t, draws=2, language="ko"
    ),
    "methods": lambda run, x, t: plots.comparison([("a", 1.0, 1.0)], language="ko"),
    "curves": lambda run, x, t: plots.error_curves(
        [
            (f"{how}, float32", np.array([1.0, 2.0]), np.array([1.0, 2.0]))
            for how in ("subtracted", "propagated")
        ],
        language="ko",
    ),
    "errors": lambda run, x, t: plots.gradient_errors(
        np.ones((2, 2, 2)), language="ko"
    ),
    "weights": lambda run, x, t: plots.weight_images(run.net, language="ko"),
    "samples": lambda run, x, t: plots.predictions(run.net, x, t, language="ko"),
    "mistakes": lambda run, x, t: plots.confident_mistakes(
        run.net, x, run.net.predict(x).argmax(axis=1), language="ko"
    ),
    "confusion": lambda run, x, t: plots.confusion_matrix(run.net, x, t, language="ko"),
    "surface": lambda run, x, t: plots.loss_surface(
        run.net, x[:5], t[:5], points=3, language="ko"
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_no_english_sentence_is_left(name, korean, run, digits):
    texts = list(everything(PICTURES[name](run, *digits[1])))
    templates = {
        text for text in translations.KOREAN if len(text) > 6 and "{" not in text
    }
    assert not templates & set(texts)
    assert any("가" <= letter <= "힣" for text in texts for letter in text)


def test_every_status_of_a_descent_is_translated():
    assert set(STATUS_TEXTS) == set(DescentStatus)
    assert set(STATUS_TEXTS.values()) <= set(translations.KOREAN)


def test_every_verdict_of_a_check_is_translated():
    assert set(Verdict) <= set(translations.KOREAN)


def test_a_run_is_drawn_in_its_reader_s_language(korean, run):
    assert "정확도" in set(everything(run.plot(language="ko")))


def test_values_are_put_in_their_places(korean):
    tr = translations.translator("ko")
    text = "{:.1%} of {:,} samples are right"
    assert tr(text, 0.9, 1000) == "표본 1,000개 중 90.0%를 맞힘"


def test_a_language_is_en_or_ko():
    with pytest.raises(InvalidInput, match="Known: en, ko"):
        translations.translator("de")
