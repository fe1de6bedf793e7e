"""The lessons: a notebook in two languages with one code, and a program; both run."""

import contextlib
import importlib.util
import io
import json
import runpy
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
ENGLISH = ROOT / "lessons" / "neural-network-learning.ipynb"
KOREAN = ROOT / "lessons" / "neural-network-learning.ko.ipynb"
BY_HAND = ROOT / "lessons" / "difference_propagation_by_hand.py"
both = pytest.mark.parametrize("path", [ENGLISH, KOREAN], ids=["english", "korean"])


def cells(path, kind):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def sources(path, kind):
    return ["".join(cell["source"]) for cell in cells(path, kind)]


def kinds_of_output(code):
    """What each cell shows: text, pictures."""
    return [
        [
            kind
            for output in cell["outputs"]
            for kind in sorted(output.get("data", {"text": 0}))
        ]
        for cell in code
    ]


def test_both_languages_have_the_same_code():
    assert sources(ENGLISH, "code") == sources(KOREAN, "code")


def test_each_text_has_its_translation():
    english, korean = sources(ENGLISH, "markdown"), sources(KOREAN, "markdown")
    assert len(english) == len(korean)
    for one, other in zip(english, korean, strict=True):
        assert one.count("⚠") == other.count("⚠")
        assert one.count("$") == other.count("$")
        assert any("가" <= letter <= "힣" for letter in other)
        assert not any("가" <= letter <= "힣" for letter in one)


@both
def test_outputs_are_kept_from_one_run_from_top_to_bottom(path):
    code = cells(path, "code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    pictures = [kind for kinds in kinds_of_output(code) for kind in kinds]
    assert pictures.count("image/png") >= 10


@both
def test_no_cell_ends_in_an_error_or_a_warning(path):
    for cell in cells(path, "code"):
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr", output


@pytest.mark.slow
def test_every_cell_runs_and_shows_what_is_kept(monkeypatch):
    """In one run for both languages, since both have the same code."""
    pytest.importorskip(
        "nbclient", reason="a lesson runs in Jupyter's kernel: nbclient"
    )
    spec = importlib.util.spec_from_file_location("lessons", ROOT / "tools/lessons.py")
    lessons = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lessons)
    # Its 10,000 steps take longer than to compile them as users do.
    monkeypatch.setenv("XLA_FLAGS", "")
    ran = lessons.run(ENGLISH)
    code = [cell for cell in ran["cells"] if cell["cell_type"] == "code"]
    for path in (ENGLISH, KOREAN):
        assert kinds_of_output(code) == kinds_of_output(cells(path, "code"))


# --- difference_propagation_by_hand.py --------------------------------------------


@pytest.fixture(scope="module")
def by_hand():
    """The names that the lesson defines and what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        names = runpy.run_path(str(BY_HAND))
    return names, printed.getvalue()


def numbers(text):
    """The rows of a printed table, as arrays of numbers."""
    lines = [line.split() for line in text.splitlines()]
    return [np.array(line, float) for line in lines if line[0][0].isdigit()]


def test_the_lesson_by_hand_prints_what_its_text_says(by_hand):
    one_function, network, training = by_hand[1].split("\n\n")

    for dx, subtracted, propagated, true in numbers(one_function):
        # Seven digits, but for NumPy's exp, which is not the same on all processors.
        assert propagated == pytest.approx(true, rel=1e-6)
        assert dx > 1e-8 or subtracted == 0

    errors = {h: row for h, *row in numbers(network)}
    assert all(propagated < 1e-6 for h, (_, propagated) in errors.items() if h < 1e-2)
    assert errors[1e-4][0] > 1e-4  # the textbook's step, subtracted in float32
    assert errors[1e-8][0] > 0.1  # nothing of the gradient is left

    steps = [line.split() for line in training.splitlines()[1:]]
    losses = [float(step[3]) for step in steps]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 10
    assert steps[-1][-1] == "100%"


def test_the_lesson_by_hand_fits_an_evening():
    assert len(BY_HAND.read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("dx", [0.3, -0.3, 1e-3, -1e-6])
def test_each_rule_by_hand_gives_the_difference(by_hand, dx):
    names, _ = by_hand
    D, x = names["D"], np.array([[0.7, 2.0], [0.9, 1.2]])
    d = dx * np.array([[1.0, -0.5], [0.8, 0.3]])
    functions = {
        "add": lambda x: 1.5 + x + x,
        "mul": lambda x: 2.0 * x * x,
        "matmul": lambda x: x @ x,
        "truediv": lambda x: (x + 1.0) / (x * x),
        **{name: names[name] for name in ("exp", "log", "tanh", "mean")},
        "maximum": lambda x: names["maximum"](x, 0.8),
    }
    for name, f in functions.items():
        expected = f(D(x + d)).value - f(D(x)).value
        np.testing.assert_allclose(
            f(D(x, d)).delta, expected, rtol=1e-14 / abs(dx), err_msg=name
        )
