"""The rooms as widgets: what Python gives, what the kernel answers."""

import json
import subprocess
import sys

import pytest
import traitlets

from secant.errors import InvalidInput
from secant_lab.rooms import descent, slope
from secant_lab.translations import STATIC
from secant_lab.widgets import Descent, Slope


@pytest.fixture
def ask():
    """Asks a widget as its visual does, and gives back the answer."""

    def asked(widget, name, **given):
        sent = []
        widget.send = sent.append
        widget._handle_custom_msg({"id": 7, "ask": name, "given": given}, [])
        (message,) = sent
        assert message["id"] == 7
        assert json.loads(json.dumps(message, allow_nan=False)) == message
        return message["answer"]

    return asked


def test_a_slope_has_the_state_that_its_visual_shares():
    picture = Slope("x**2", x=1, h=0.25, kind="forward", low=-1, high=2)
    assert picture._state == ["formula", "x", "h", "kind", "low", "high"]
    assert picture.get_state(picture._state) == {
        **{"formula": "x**2", "x": 1.0, "h": 0.25},
        **{"kind": "forward", "low": -1.0, "high": 2.0},
    }


def test_dragged_values_reach_python():
    picture, seen = Slope("x**2"), []
    picture.observe(lambda change: seen.append(change["new"]), "x")
    picture.set_state({"x": 1.25})
    assert picture.x == 1.25
    assert seen == [1.25]


@pytest.mark.parametrize("widget", [Slope, Descent])
def test_all_of_the_state_is_shared(widget):
    picture = widget()
    assert set(picture._state) < set(picture.trait_names(sync=True))
    room = STATIC / "rooms" / widget.__name__.lower()
    texts = "".join(path.read_text("utf-8") for path in room.glob("*.js"))
    state = texts.partition("const STATE = {")[2].partition("}")[0]
    assert [word.split(":")[0].strip() for word in _entries(state)] == picture._state


def _entries(text):
    return [part for part in text.replace("\n", " ").split(", ") if ":" in part]


def test_the_kernel_answers_like_the_server(ask):
    given = {"formula": "x**3", "x": 1, "h": 0.5, "kind": "central"}
    assert ask(Slope(), "slope/point", **given) == slope.point(**given)
    given = {"formula": "x0**2 + x1**2", "left": -1, "right": 1}
    given |= {"bottom": -1, "top": 1}
    assert ask(Descent(), "descent/heights", **given) == descent.heights(**given)


@pytest.mark.parametrize(
    ("name", "given", "code"),
    [
        ("slope/point", {"formula": "sinn(x)", "x": 1, "h": 1}, "unknown_name"),
        ("slope/point", {"formula": "__import__('os')", "x": 1, "h": 1}, "character"),
        ("slope/point", {"formula": "x", "x": "1", "h": 1}, "type"),
        ("slope/point", {"formula": "x"}, "missing"),
        ("slope/point", {"formula": "x", "x": 1, "h": 1, "y": 1}, "entry"),
        ("slope/no", {}, "address"),
        ("descent/heights", {}, "address"),
        ("__class__", {}, "address"),
    ],
)
def test_a_failed_request_is_reported(ask, name, given, code):
    error = ask(Slope(), name, **given)["error"]
    assert error["code"] == code
    assert len(error["message"]) > 20


def test_an_internal_error_is_reported_as_a_bug(ask, monkeypatch):
    def broken():
        raise ZeroDivisionError("of the test")

    monkeypatch.setattr(Slope, "_answers", {"broken": broken})
    assert "ZeroDivisionError" in ask(Slope(), "broken")["error"]["message"]


@pytest.mark.parametrize("message", [None, 3, {}, {"id": "x", "ask": 1}, []])
def test_other_messages_are_ignored(message):
    picture, sent = Slope(), []
    picture.send = sent.append
    picture._handle_custom_msg(message, [])
    assert sent == []


@pytest.mark.parametrize(
    ("widget", "given", "says"),
    [
        pytest.param(Slope, {"formula": "sinn(x)"}, "'sin'", id="formula"),
        pytest.param(Slope, {"h": 0}, "between", id="h"),
        pytest.param(Slope, {"kind": "backward"}, "central", id="kind"),
        pytest.param(Slope, {"low": 1, "high": 0}, "less than", id="view"),
        pytest.param(Slope, {"language": "fr"}, "'en', 'ko'", id="language"),
        pytest.param(Descent, {"formula": "x0 + z"}, "there is no 'z'", id="surface"),
        pytest.param(Descent, {"runs": "sgd"}, "write a number", id="no rate"),
        pytest.param(Descent, {"runs": "sgdd:1"}, "'sgd'", id="optimizer"),
        pytest.param(Descent, {"steps": 0}, "1 to 500", id="steps"),
        pytest.param(Descent, {"speed": 7}, "4, 12 or 40", id="speed"),
        pytest.param(Descent, {"look": "below"}, "perspective", id="look"),
        pytest.param(Descent, {"turn": 270}, "-180 to 180", id="turn"),
        pytest.param(Descent, {"tilt": 0}, "10 to 80", id="tilt"),
    ],
)
def test_invalid_input_is_reported(widget, given, says):
    with pytest.raises(InvalidInput, match=says):
        widget(**given)


def test_another_type_is_refused():
    with pytest.raises(traitlets.TraitError):
        Slope().x = "1"


def test_without_the_extra_the_error_names_the_package():
    code = (
        "import sys; sys.modules['anywidget'] = None\n"
        "from secant.errors import SecantError\n"
        "try: import secant_lab.widgets\n"
        "except SecantError as error: print(error)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert 'pip install "secant[jupyter]"' in said.stdout
