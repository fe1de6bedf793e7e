"""The lessons: one notebook in each language, of the same code, that runs."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGLISH = ROOT / "lessons" / "neural-network-learning.ipynb"
KOREAN = ROOT / "lessons" / "neural-network-learning.ko.ipynb"
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
@both
def test_every_cell_runs_and_shows_what_is_kept(path):
    pytest.importorskip(
        "nbclient", reason="a lesson runs in Jupyter's kernel: nbclient"
    )
    spec = importlib.util.spec_from_file_location("lessons", ROOT / "tools/lessons.py")
    lessons = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lessons)
    ran = lessons.run(path)
    code = [cell for cell in ran["cells"] if cell["cell_type"] == "code"]
    assert kinds_of_output(code) == kinds_of_output(cells(path, "code"))
