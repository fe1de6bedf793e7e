"""Both languages have words for everything that may be said."""

import ast
import re
from pathlib import Path

import pytest

from secant_lab.translations import STATIC, dictionary, korean_text

LAB = STATIC.parent
# What is raised with a code: the code is the first text among the arguments.
RAISING = {"LocalizedError", "RequestError", "ExpressionError", "_refuse", "refuse"}
FOLDERS = sorted(path.parent for path in STATIC.rglob("ko.js"))


def codes():
    """The codes of every refusal in the lab's source, with the names of its facts."""
    for path in sorted(LAB.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", None))
            texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
            texts = [text for text in texts if isinstance(text, str)]
            if name in RAISING and texts:
                yield path, texts[0], {word.arg for word in node.keywords}


def words(language):
    found = {}
    for path in STATIC.rglob(f"{language}.js"):
        found |= dictionary(path)
    return found


def test_every_refusal_has_korean_words():
    assert len({code for _, code, _ in codes()}) > 25
    said = words("ko")
    assert not [code for _, code, _ in codes() if f"error.{code}" not in said]


def test_they_speak_of_nothing_that_the_refusal_does_not_know():
    said = words("ko")
    for path, code, facts in codes():
        spoken = set(re.findall(r"\{(\w+)\}", said[f"error.{code}"]))
        assert spoken <= facts | {"column"}, (path.name, code)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_both_languages_have_the_same_texts(folder):
    english, korean = (dictionary(folder / f"{name}.js") for name in ("en", "ko"))
    assert english
    assert not set(english) - set(korean)
    # An error without English words is told in the server's own.
    assert not {key for key in korean.keys() - english.keys() if "error." not in key}


@pytest.mark.parametrize("path", sorted(STATIC.rglob("ko.js")), ids=str)
def test_no_line_of_a_dictionary_is_overlooked(path):
    text = Path(path).read_text(encoding="utf-8")
    keys = re.findall(r'^ *"([\w.]+)":', text, flags=re.MULTILINE)
    assert list(dictionary(path)) == keys


def test_facts_stand_in_the_sentence():
    said = korean_text("error.host", {"came": "evil.example", "ours": "127.0.0.1:1"})
    assert "evil.example" in said
    assert korean_text("error.never_heard", {}) == ""
