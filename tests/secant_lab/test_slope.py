"""The room of slopes gives the numbers that mathematics gives."""

import json
import math
import time

import mpmath
import numpy as np
import pytest

import secant
from secant.errors import InvalidInput
from secant_lab.expressions import FUNCTION_COSTS, FUNCTIONS, MAX_FUNCTIONS
from secant_lab.rooms import slope
from secant_lab.rooms.slope import STEPS


def ways(found):
    return {(way["how"], way["dtype"]): way for way in found["ways"]}


# --- the curve ----------------------------------------------------------------------


def test_a_curve_is_the_formula_at_evenly_spaced_places():
    drawn = slope.curve("sin(3*x) + x**2", -2, 2)
    x = np.array(drawn["x"])
    assert (x[0], x[-1]) == (-2, 2)
    assert np.allclose(np.diff(x), 4 / (slope.SAMPLES - 1))
    assert np.allclose(drawn["y"], np.sin(3 * x) + x**2, rtol=1e-14)


def test_where_a_curve_has_no_value_there_is_a_gap():
    y = slope.curve("log(x)", -1, 1)["y"]
    assert y[: slope.SAMPLES // 2 + 1] == [None] * (slope.SAMPLES // 2 + 1)
    assert None not in y[slope.SAMPLES // 2 + 1 :]


@pytest.mark.parametrize(("low", "high"), [(1, 1), (2, 1), (-1e9, 0), (0, 1e300)])
def test_a_curve_from_nowhere_to_nowhere_is_refused(low, high):
    with pytest.raises(InvalidInput, match="less than"):
        slope.curve("x", low, high)


# --- secant and tangent -------------------------------------------------------------

FORMULAS = {
    "x**2": lambda x: x**2,
    "0.01*x**2 + 0.1*x": lambda x: mpmath.mpf(0.01) * x**2 + mpmath.mpf(0.1) * x,
    "sin(3*x)*exp(-x**2/4)": lambda x: mpmath.sin(3 * x) * mpmath.exp(-(x**2) / 4),
    "sigmoid(2*x)": lambda x: 1 / (1 + mpmath.exp(-2 * x)),
    "x**4 - 3*x**2 + x": lambda x: x**4 - 3 * x**2 + x,
}


@pytest.mark.parametrize("kind", ["central", "forward"])
@pytest.mark.parametrize("formula", FORMULAS)
def test_slopes_and_errors_are_those_of_fifty_digits(formula, kind):
    f = FORMULAS[formula]
    found = slope.point(formula, 0.7, 0.25, kind)
    x = mpmath.mpf(found["x"])
    with mpmath.workdps(50):
        tangent = mpmath.diff(f, x)

        def exact(h):
            h = mpmath.mpf(h)
            if kind == "central":
                return (f(x + h) - f(x - h)) / (2 * h)
            return (f(x + h) - f(x)) / h

        assert found["tangent"]["slope"] == pytest.approx(float(tangent), rel=4e-15)
        assert found["secant"]["slope"] == pytest.approx(float(exact(0.25)), rel=4e-15)
        for dtype, digits in (("float32", 2e-6), ("float64", 1e-14)):
            way = ways(found)["propagated", dtype]
            off = [abs(float(exact(h) - tangent)) for h in STEPS]
            # The formula's own error, and the roundings of the dtype: no cancellation.
            assert np.allclose(way["errors"], off, rtol=1e-3, atol=digits)


def test_subtraction_loses_digits_for_small_h_and_propagation_does_not():
    found = ways(slope.point("sin(3*x)*exp(-x**2/4)", 0.7, 1e-6))
    assert found["subtracted", "float32"]["error"] > 1e-3
    assert found["subtracted", "float64"]["error"] < 1e-8
    assert found["propagated", "float32"]["error"] < 1e-5
    # With h far below the spacing of floats nothing is left of the one ...
    lost = {way: found[way]["errors"][-1] for way in found}
    assert lost["subtracted", "float64"] > 0.5
    # ... and the other is as good as ever.
    assert lost["propagated", "float64"] < 1e-14
    assert lost["propagated", "float32"] < 1e-5


def test_subtraction_is_numerical_diff():
    found = slope.point("x**3", 1.5, 1e-3)
    here = secant.numerical_diff(lambda x: x**3, 1.5, 1e-3)
    way = ways(found)["subtracted", "float64"]
    assert way["slope"] == pytest.approx(here, rel=1e-14)


def test_a_forward_secant_starts_at_the_point_and_a_central_one_before_it():
    assert slope.point("x**2", 1, 0.5, "forward")["secant"]["x"] == [1, 1.5]
    central = slope.point("x**2", 1, 0.5)["secant"]
    assert (central["x"], central["y"]) == ([0.5, 1.5], [0.25, 2.25])


def test_every_way_starts_from_the_same_point():
    found = slope.point("x**2", 0.1, 0.5)
    assert found["x"] == float(np.float32(0.1))
    assert found["y"] == found["x"] ** 2


@pytest.mark.parametrize(
    ("formula", "x", "left", "right"),
    [
        ("abs(x)", 0, -1, 1),
        ("relu(x - 1)", 1, 0, 1),
        ("max(x, 2*x)", 0, 1, 2),
        ("log(x)", 0, None, None),
        ("sqrt(x)", -1, None, None),
    ],
)
def test_at_a_corner_there_is_no_tangent(formula, x, left, right):
    found = slope.point(formula, x, 0.1)
    assert found["tangent"] == {"slope": None, "left": left, "right": right}
    assert all(way["error"] is None for way in found["ways"])


@pytest.mark.parametrize("x", [-1e-3, 1e-3, 2.0])
def test_beside_a_corner_there_is_one(x):
    assert slope.point("abs(x)", x, 0.1)["tangent"]["slope"] == math.copysign(1, x)


@pytest.mark.parametrize(
    "formula", ["1/x", "log(x)", "exp(exp(exp(x)))", "x**x", "sqrt(x)", "3", "tan(x)"]
)
@pytest.mark.parametrize("x", [-1.0, 0.0, 1.0, 5.0])
def test_results_are_always_json(formula, x):
    found = slope.point(formula, x, 1.0)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_no_formula_keeps_the_compiler_for_long(name):
    takes, _ = FUNCTIONS[name]
    formula = "x"
    for _ in range(MAX_FUNCTIONS // FUNCTION_COSTS.get(name, 1)):
        formula = f"{name}({', '.join([formula, 'x/2'][:takes])})"
    # Without a bound it is minutes. Of this process alone; a busy core is slower.
    began = time.process_time()
    slope.point(formula, 1.7, 0.5)
    assert time.process_time() - began < 15


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"h": 0}, "between"),
        ({"h": -1}, "between"),
        ({"h": 1e-300}, "between"),
        ({"h": float("nan")}, "between"),
        ({"x": 1e9}, "million"),
        ({"x": float("nan")}, "million"),
        ({"kind": "backward"}, "central"),
        ({"formula": "sinn(x)"}, "'sin'"),
    ],
)
def test_invalid_input_is_reported(changed, says):
    good = {"formula": "x", "x": 1, "h": 0.1}
    with pytest.raises(InvalidInput, match=says):
        slope.point(**good | changed)


def test_slopes_that_are_infinite_on_both_sides_are_no_tangent():
    # inf - inf is NaN, of which NumPy would warn.
    found = slope.point("x / 0", 1.0, 0.5)
    assert found["tangent"] == {"slope": None, "left": None, "right": None}
