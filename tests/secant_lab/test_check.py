"""The room of checks: each planted fault gets its verdict and its cause."""

import inspect
import json
import re
from pathlib import Path

import numpy as np
import pytest

import secant
from secant.checking.causes import CauseKind
from secant.errors import InvalidInput
from secant_lab import server
from secant_lab.expressions import FUNCTIONS, expression
from secant_lab.fault_catalogue import BACKPROPS
from secant_lab.rooms import check
from secant_lab.translations import dictionary

STATIC = Path(server.__file__).parent / "static"

ALL = ["W1", "b1", "W2", "b2"]

# For each fault: the parameters that are wrong, the cause, and facts of it.
FOUND = {
    "no_mean": (ALL, "sum_for_mean", {"length": 20, "factor": "20"}),
    "halved": (ALL, "two_missing", {"factor": "0.5"}),
    "sign": (ALL, "sign", {}),
    "bias_not_summed": (["b1"], "batch_axis_sum", {"length": 20, "came": "20×12"}),
    "bias_averaged": (["b1"], "mean_for_sum", {"length": 20}),
    "slope_forgotten": (["W1", "b1"], "", {}),
    "slope_of_output": (["W1", "b1"], "", {}),
    "transposed": (["W1"], "transposed", {}),
    "shape_transposed": (["W2"], "shape_transposed", {"came": "5×12", "due": "12×5"}),
    "index_off": (["W1"], "shifted", {"by": 1, "axis": 0}),
    "one_weight": (["W1"], "single_factor", {"place": "[3, 7]", "factor": "1.01"}),
    "mask_forgotten": (["W1", "b1"], "", {}),
    "mask_of_inputs": (["W1", "b1"], "", {}),
    "decay_forgotten": (["W1"], "decay_missing", {"factor": "0.05"}),
}


def by_name(found):
    return {leaf["name"]: leaf for leaf in found["leaves"]}


# --- gradients of a network ---------------------------------------------------------


def test_every_gradient_of_the_table_is_tried_here():
    assert set(BACKPROPS) == {*FOUND, "right", "blank_sample"}


# Each further loss takes long to compile.
OTHER_LOSSES = ("mask_forgotten", "mask_of_inputs", "decay_forgotten")


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, marks=pytest.mark.slow if fault in OTHER_LOSSES else ())
        for fault in FOUND
    ],
)
def test_each_planted_fault_gets_its_verdict_and_its_cause(fault):
    wrong, code, facts = FOUND[fault]
    found = check.planted(fault)
    assert found["verdict"] == "wrong"
    assert [leaf["name"] for leaf in found["leaves"]] == ALL
    for name, leaf in by_name(found).items():
        assert (leaf["verdict"] == "wrong") == (name in wrong)
        assert leaf["cause"]["code"] == (code if name in wrong else "")
        if name in wrong:
            assert leaf["cause"]["facts"].items() >= facts.items()
    # What is furthest off is of a parameter that is wrong.
    worst = found["leaves"][found["worst"][0]["leaf"]]
    assert worst["name"] in wrong


@pytest.mark.parametrize("fault", FOUND)
def test_a_fault_is_one_line_and_what_to_write_instead_is_beside_it(fault):
    code = BACKPROPS[fault].code()
    assert [kind for kind, _ in code if kind != "same"] == ["wrong", "right"]
    shown = [line for kind, line in code if kind != "right"]
    mended = [line for kind, line in code if kind != "wrong"]
    backprop = BACKPROPS[fault]
    for function, lines in ((backprop.gradient, shown), (backprop.model, mended)):
        source = inspect.getsource(function)
        assert all(line.strip() in source for line in lines)
        assert lines[-1] == "}"


def test_the_right_one_is_right_and_a_naive_check_calls_it_wrong():
    found = check.planted("right", h=1e-4)
    assert found["verdict"] in ("right", "rounding")
    assert found["resolution"] < 1e-3
    assert {kind for kind, _ in check.code("right")["code"]} == {"same"}
    assert found["naive"]["size"] == 221
    assert found["naive"]["wrong"] == found["naive"]["false"] > 20
    assert found["naive"]["missed"] == 0
    # Truly right: float64 says so, too, with differences that are subtracted.
    backprop = BACKPROPS["right"]
    problem = backprop.problem
    for name, gradient in backprop(problem.params).items():
        params = {k: np.float64(v) for k, v in problem.params.items()}

        def loss(values, params=params, name=name):
            p = {**params, name: values}
            h = secant.sigmoid(problem.x @ p["W1"] + p["b1"])
            return secant.softmax_cross_entropy(h @ p["W2"] + p["b2"], problem.t)

        slopes = secant.numerical_gradient(loss, params[name])
        assert np.allclose(gradient, slopes, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_the_naive_check_is_the_textbooks_in_float32():
    found = by_name(check.planted("right", h=1e-2))
    p = BACKPROPS["right"].problem
    h = np.float32(1e-2)

    def loss(value):
        bias = p.params["b2"].copy()
        bias[3] = value
        return np.float32(p.f({**p.params, "b2": bias}))

    middle = p.params["b2"][3]
    slope = (loss(middle + h) - loss(middle - h)) / (2 * h)
    assert found["b2"]["naive"][3] == pytest.approx(float(slope), rel=1e-6)


def test_a_larger_step_makes_the_naive_check_see_more():
    wrong = {h: check.planted("right", h)["naive"]["wrong"] for h in (1e-2, 1e-5)}
    assert wrong[1e-5] > 2 * wrong[1e-2]


@pytest.mark.slow
def test_a_blank_sample_stands_on_the_corner_of_relu():
    found = check.planted("blank_sample")
    assert found["verdict"] == "kink"
    kink = by_name(found)["b1"]
    assert kink["verdict"] == "kink"
    low, high = sorted((kink["kink"]["below"], kink["kink"]["above"]))
    place = found["worst"][0]
    assert found["leaves"][place["leaf"]]["name"] == "b1"
    assert kink["beside"]["secant"]["mark"][place["at"]] == "kink"
    assert low - 1e-6 <= kink["gradient"][0] <= high + 1e-6
    assert high - low > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("fault", BACKPROPS)
def test_results_are_always_json(fault):
    found = check.planted(fault)
    plain = json.loads(json.dumps(found, allow_nan=False))
    assert plain["verdict"] == found["verdict"]


# --- functions of one's own ---------------------------------------------------------

OWN = {
    "right": ("x**2*y + sin(y)", ("2*x*y", "x**2 + cos(y)"), (1.0, 0.5), "right", {}),
    "one wrong": (
        *("x**2*y + sin(y)", ("2*x*y", "x**2 - cos(y)"), (1.0, 0.5), "wrong"),
        {"y": ""},
    ),
    "factor": ("x**3", ("2*x**2",), (1.5,), "wrong", {"x": "factor"}),
    "sign": ("cos(x)", ("sin(x)",), (0.7,), "wrong", {"x": "sign"}),
    "square": ("x**2", ("x",), (0.7,), "wrong", {"x": "two_missing"}),
    "constant": ("x**3 + 1", ("3*x**2 + 1",), (0.7,), "wrong", {"x": "constant_added"}),
    "branch": ("relu(x)*y", ("y", "relu(x)"), (0.3, 0.5), "wrong", {"x": "branch"}),
    "zero": ("x*y", ("0", "x"), (0.3, 0.5), "wrong", {"x": "zero"}),
    "exchanged": (
        *("sin(x)*y", ("sin(x)", "y*cos(x)"), (0.3, 0.5), "wrong"),
        {"x": "exchanged_leaves", "y": "exchanged_leaves"},
    ),
    "corner": ("abs(x) + y**2", ("sign(x)", "2*y"), (0.0, 1.0), "kink", {}),
    "an end": ("sqrt(x)", ("1/(2*sqrt(x))",), (0.0,), "not finite", {}),
    "four": (
        *("x*y*z + exp(w)", ("y*z", "x*z", "x*y", "exp(w)"), (1.0, 2.0, -1.0, 0.5)),
        *("right", {}),
    ),
    "the fourth": (
        *("x*y*z + w**2", ("y*z", "x*z", "x*y", "w"), (1.0, 2.0, -1.0, 0.5), "wrong"),
        {"w": "two_missing"},
    ),
}


def asked(formula, slopes, point, **more):
    names = check.VARIABLES[: len(slopes)]
    typed = {f"d{name}": slope for name, slope in zip(names, slopes, strict=True)}
    where = dict(zip(names, point, strict=True))
    return check.own(formula, len(slopes), **typed, **where, **more)


@pytest.mark.parametrize("case", OWN)
def test_functions_of_ones_own(case):
    formula, slopes, point, verdict, wrong = OWN[case]
    found = asked(formula, slopes, point)
    assert found["verdict"] == verdict
    leaves = by_name(found)
    assert list(leaves) == list(check.VARIABLES[: len(slopes)])
    if verdict == "wrong":
        causes = {
            name: leaf["cause"]["code"]
            for name, leaf in leaves.items()
            if leaf["verdict"] == "wrong"
        }
        assert causes == wrong
    assert json.loads(json.dumps(found, allow_nan=False))["verdict"] == verdict


def test_the_middle_place_is_the_point_and_the_others_lie_around_it():
    found = asked("x*y*z*w", ("y*z*w", "x*z*w", "x*y*w", "x*y*z"), (1, 2, 3, 4))
    half = check.SIDE**2 // 2
    for name, middle in zip(check.VARIABLES, (1, 2, 3, 4), strict=True):
        places = found["places"][name]
        assert places[half] == middle
        assert (min(places), max(places)) == (middle - 1, middle + 1)
        assert len({round(place, 5) for place in places}) == check.SIDE
    # All four differ between places: a slope that is right in one plane is not enough.
    rows = set(zip(*found["places"].values(), strict=True))
    assert len(rows) == check.SIDE**2


def test_a_derivative_that_is_right_at_the_point_only_is_wrong():
    found = asked("x**3", ("3*x",), (1.0,))
    (leaf,) = found["leaves"]
    assert found["verdict"] == "wrong"
    middle = check.SIDE // 2
    marks = leaf["beside"]["secant"]["mark"]
    assert marks[middle] == ""
    assert marks.count("wrong") == leaf["wrong"] > 5


def test_points_without_a_value_are_left_out():
    found = asked("log(x)", ("1/x",), (0.5,))
    assert found["verdict"] == "right"
    places, slopes = found["places"]["x"], found["leaves"][0]["slope"]
    marks = found["leaves"][0]["beside"]["naive"]["mark"]
    assert [mark == "out" for mark in marks] == [x is None for x in places]
    # -0.5, -0.3, -0.1 and then 0.1 …
    assert places[:3] == slopes[:3] == [None] * 3
    assert None not in places[3:]
    assert found["naive"]["size"] == len(places) - 3


def test_missed_faults_of_a_naive_check_are_counted():
    naive = check.planted("one_weight", h=1e-2)["naive"]
    assert naive["wrong"] == naive["false"] + 1 - naive["missed"]
    # Of a slope that is 0 and not 1e-6 it knows nothing.
    naive = asked("1e-6*x", ("0",), (1.0,))["naive"]
    assert (naive["wrong"], naive["missed"]) == (0, check.SIDE)


@pytest.mark.slow
@pytest.mark.parametrize("function", FUNCTIONS)
def test_differences_propagate_through_every_function(function):
    takes, _ = FUNCTIONS[function]
    formula = f"{function}({', '.join(['0.3*x + 1.2', 'y'][:takes])})"
    if function in ("asin", "acos", "atanh"):
        formula = f"{function}(0.3*x)"
    found = asked(formula, ("7", "7"), (0.5, 0.4), reach=0.05)
    f = expression(formula, ("x", "y"))
    slope = secant.numerical_diff(lambda x: float(f(np.array(x), np.array(0.4))), 0.5)
    middle = check.SIDE**2 // 2
    assert found["leaves"][0]["slope"][middle] == pytest.approx(slope, rel=1e-5)


def test_rounding_is_called_rounding_and_a_naive_check_calls_it_wrong():
    slope = "sin(x)/x**2 - 2*(1 - cos(x))/x**3"
    found = asked("(1 - cos(x))/x**2", (slope,), (0.01,), reach=0.005)
    assert found["verdict"] == "rounding"
    assert found["naive"]["wrong"] > 5
    assert found["naive"]["error"] > 0.5


@pytest.mark.parametrize(
    ("changed", "field", "says"),
    [
        ({"formula": "sinn(x)"}, "formula", "'sin'"),
        ({"formula": ""}, "formula", "no formula"),
        ({"dx": "2*"}, "dx", "cannot be read"),
        ({"dy": "z"}, "dy", "no 'z'"),
        ({"dx": "__import__('os')"}, "dx", "means nothing"),
        ({"dx": "x" * 201}, "dx", "201"),
        ({"dy": "(" * 150 + "x" + ")" * 150}, "dy", "301 characters"),
        ({"variables": 0}, "variables", "1 to 4"),
        ({"variables": 5}, "variables", "1 to 4"),
        ({"x": 1e9}, "x", "million"),
        ({"y": float("nan")}, "y", "million"),
        ({"reach": 0}, "reach", "0.001"),
        ({"reach": -1}, "reach", "0.001"),
        ({"reach": 1e9}, "reach", "0.001"),
        ({"h": 0}, "h", "between"),
        ({"formula": "log(x - 5)"}, "formula", "no finite value"),
        ({"formula": "exp(exp(exp(9*x)))"}, "formula", "no finite value"),
    ],
)
def test_invalid_input_is_reported_with_its_field(changed, field, says):
    good = {"formula": "x*y", "variables": 2, "dx": "y", "dy": "x", "x": 1, "y": 1}
    with pytest.raises(InvalidInput, match=says) as told:
        check.own(**good | changed)
    assert told.value.facts["field"] == field


def test_an_unknown_fault_is_reported():
    with pytest.raises(InvalidInput, match="transposed"):
        check.planted("transpose")
    with pytest.raises(InvalidInput, match="between"):
        check.planted("right", h=0.0)


# --- words --------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_fault_has_its_words(language):
    page = dictionary(STATIC / "rooms/check" / f"{language}.js")
    assert {f"check.{fault}" for fault in BACKPROPS} <= set(page)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_room_s_own_words_are_those_of_causes_that_exist(language):
    page = dictionary(STATIC / "rooms/check" / f"{language}.js")
    codes = {kind.code for kind in CauseKind} | {"unknown", "below"}
    own = [re.match(r"check\.(?:own\.)?(?:cause|fix)\.(\w+)", key) for key in page]
    found = {match[1] for match in own if match}
    assert len(found) > 20
    assert found <= codes


def test_a_cause_has_texts_in_both_languages():
    found = asked("x**3", ("2*x**2",), (1.5,))
    (leaf,) = found["leaves"]
    cause = leaf["cause"]
    assert cause["sentence"]["en"].endswith("times the slope")
    assert cause["sentence"]["ko"].endswith("배예요")
    assert cause["fix"].keys() == {"en", "ko"}


def test_the_page_is_answered(client):
    answer = client.post("/api/check/planted", json={"fault": "sign"}).json()
    assert answer["verdict"] == "wrong"
    refused = client.post("/api/check/planted", json={"fault": "no"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "fault")
    question = {"formula": "x*", "variables": 1, "dx": "1"}
    error = client.post("/api/check/own", json=question).json()["error"]
    assert (error["code"], error["facts"]["field"]) == ("syntax", "formula")
