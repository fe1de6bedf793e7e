"""Derivatives in Python floats are those of arrays, bit for bit, at the same points.

The way of arrays, `secant.derivatives.ridders`, is the oracle: it gives what
`derivative` gives where no line may begin in floats.
"""

import math
import random
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from secant.derivatives import (
    derivative,
    directional_derivative,
    gradient,
    jacobian,
    solver,
)
from secant.derivatives.resolution import are_long, grid_spacing

# --- functions of all kinds ----------------------------------------------------------


def noisy(size):
    """A sine with other noise at every call: no value may be asked for twice."""
    draw = random.Random(0)
    return lambda x: math.sin(x) + size * draw.gauss(0, 1)


def raising_after(count):
    calls = iter(range(count))

    def f(x):
        if next(calls, None) is None:
            raise KeyError("no more values")
        return math.exp(x)

    return f


KINDS = {
    "exp": lambda a: lambda x: math.exp(a * x),
    "sin": lambda a: lambda x: math.sin(a * x),
    "fast sine": lambda a: lambda x: math.sin(40 * a * x),
    "polynomial": lambda a: lambda x: a + x * (a + x * (1.1 + a * x)),
    "line": lambda a: lambda x: a * x + 0.7,
    "square": lambda a: lambda x: (x - a) ** 2,
    "pole": lambda a: lambda x: 1 / (x - a),
    "bell": lambda a: lambda x: math.exp(-((x - a) ** 2)),
    "lost beside a constant": lambda a: lambda x: 1e7 + math.sin(a * x),
    "cancelling": lambda a: lambda x: 1 - math.cos(a * x),
    "logarithm": lambda a: lambda x: math.log(x - a),
    "root": lambda a: lambda x: np.sqrt(x - a),
    "power": lambda a: lambda x: x**a,
    "overflowing": lambda a: lambda x: math.exp(100 * a * x),
    "huge": lambda a: lambda x: 1e300 * math.sin(a * x),
    "tiny": lambda a: lambda x: 1e-300 * math.sin(a * x),
    "slope beyond float64": lambda a: lambda x: 1.9 * x * (1 - 5 * x * x) * 1e308,
    "change beyond float64": lambda a: lambda x: 1.7e308 * math.tanh(20 * (x - a)),
    "constant": lambda a: lambda x: a,
    "kink": lambda a: lambda x: abs(x - a) + 0.3 * x,
    "relu": lambda a: lambda x: max(0.0, x - a),
    "jump": lambda a: lambda x: math.sin(x) + (x > a),
    "jump at one point": lambda a: lambda x: math.sin(x) + (x == a),
    "counted": lambda a: lambda x: float(math.floor(20 * a * x)),
    "rounded": lambda a: lambda x: round(math.sin(a * x), 4),
    "printed": lambda a: lambda x: float(f"{math.exp(a * x):.9g}"),
    "of a rounded x": lambda a: lambda x: math.sin(a * round(x, 2)),
    "float32": lambda a: lambda x: np.float32(math.sin(a * x)),
    "float32 inside": lambda a: lambda x: float(np.float32(math.sin(a * x))),
    "noise": lambda a: noisy(1e-6),
    "little noise": lambda a: noisy(1e-13),
    "whole": lambda a: lambda x: int(10 * x),
    "NumPy": lambda a: lambda x: np.sin(a * x),
    "array": lambda a: lambda x: np.array([x, a * x * x]),
    "None somewhere": lambda a: lambda x: None if x > a else x * x,
    "raising later": lambda a: raising_after(int(4 * abs(a))),
}

COORDINATES = st.sampled_from([0.0, 1.0, -1.0, 0.5, 3.0]) | st.floats(-4, 4)
NUMBERS = COORDINATES | st.floats(1e-9, 1e9) | st.floats(-1e-120, 1e-120)


def summed(one):
    """A function of an array, whose terms are coupled."""

    def f(x):
        flat = [float(entry) for entry in x.ravel()]
        terms = [one(entry) for entry in flat]
        return sum(terms[1:], terms[0]) * (1 + 0.1 * flat[0])

    return f


def outcome_of(compute, f, x, **options):
    """All that a call gives, as bytes, and the points at which it asks f, in order."""
    points = []

    def g(point):
        points.append(np.array(point).tobytes())
        return f(point)

    try:
        found = compute(g, x, **options)
    except Exception as error:
        return type(error), str(error), getattr(error, "__notes__", []), points
    numbers = [np.asarray(a) for a in (found.value, found.error, found.step)]
    return (
        [(a.shape, a.dtype, a.tobytes()) for a in numbers],
        type(found.value),
        found.evaluations,
        found.success,
        found.status,
        points,
    )


def assert_as_in_arrays(compute, make, x, **options):
    here = outcome_of(compute, make(), x, **options)
    with patch.object(solver, "MAX_LINES", 0):
        expected = outcome_of(compute, make(), x, **options)
    assert here == expected


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15)
@given(
    a=COORDINATES,
    x=NUMBERS,
    tolerance=st.sampled_from([None, 0.0, 1e-14, 1e-9, 1e-3]),
    step=st.none() | st.floats(1e-6, 10),
)
@example(a=1.0, x=1.0, tolerance=None, step=None)
@example(a=1.0, x=0.0, tolerance=1e-14, step=None)
# Twelve steps without an end; steps that grow, with little curvature and with more.
@example(a=-3.0636263404057287, x=0.0, tolerance=0.0, step=None)
@example(a=1.0, x=403161.782275107, tolerance=None, step=None)
@example(a=0.0, x=0.001, tolerance=None, step=None)
def test_a_derivative_is_that_of_arrays(kind, a, x, tolerance, step):
    step = None if step is None or step <= 1e-8 * abs(x) else step
    options = {"tolerance": tolerance, "step": step}
    assert_as_in_arrays(derivative, lambda: KINDS[kind](a), x, **options)


@given(
    kind=st.sampled_from(sorted(KINDS)),
    a=COORDINATES,
    x=st.lists(NUMBERS, min_size=1, max_size=9),
    tolerance=st.sampled_from([None, 1e-9]),
)
def test_derivatives_at_several_points_are_those_of_arrays(kind, a, x, tolerance):
    options = {"tolerance": tolerance}
    assert_as_in_arrays(derivative, lambda: KINDS[kind](a), x, **options)


@given(
    kind=st.sampled_from(sorted(KINDS)),
    a=COORDINATES,
    x=st.lists(COORDINATES, min_size=1, max_size=9),
    tolerance=st.sampled_from([None, 1e-9]),
    compute=st.sampled_from([gradient, jacobian]),
)
def test_a_gradient_is_that_of_arrays(kind, a, x, tolerance, compute):
    shape = (2, -1) if len(x) % 2 == 0 else (-1,)
    point = np.array(x).reshape(shape)
    assert_as_in_arrays(
        compute, lambda: summed(KINDS[kind](a)), point, tolerance=tolerance
    )


@given(kind=st.sampled_from(sorted(KINDS)), x=NUMBERS, v=st.floats(-3, 3))
def test_a_directional_derivative_of_one_number_is_that_of_arrays(kind, x, v):
    def compute(f, x):
        return directional_derivative(f, x, [v])

    assert_as_in_arrays(compute, lambda: summed(KINDS[kind](1.5)), [x])


# --- which way is taken ---------------------------------------------------------------


def begins_and_ends_in_floats(compute):
    with patch.object(solver, "solve", side_effect=AssertionError) as by_arrays:
        try:
            compute()
        except AssertionError:
            assert by_arrays.called
            return False
    return True


@pytest.mark.parametrize("kind", ["exp", "sin", "polynomial", "power", "NumPy"])
@pytest.mark.parametrize("x", [0.7, [0.3, 1.7]])
def test_smooth_functions_of_one_number_need_no_arrays(kind, x):
    assert begins_and_ends_in_floats(lambda: derivative(KINDS[kind](1.5), x))


@pytest.mark.parametrize(
    ("kind", "x"), [("lost beside a constant", 1.0), ("bell", 1.5 + 1e-9)]
)
def test_smooth_functions_whose_rounding_asks_for_longer_steps_need_none(kind, x):
    assert begins_and_ends_in_floats(lambda: derivative(KINDS[kind](1.5), x))


@pytest.mark.parametrize("compute", [gradient, jacobian])
def test_gradients_of_few_variables_need_no_arrays(compute):
    x = np.linspace(0.3, 1.7, 8).reshape(2, 4)
    assert begins_and_ends_in_floats(lambda: compute(lambda x: np.exp(x).sum(), x))
    more = np.append(x, 2.0)
    assert not begins_and_ends_in_floats(
        lambda: compute(lambda x: np.exp(x).sum(), more)
    )


@pytest.mark.parametrize(
    ("kind", "a"),
    [
        ("kink", 1.0),
        ("jump at one point", 1.0),
        ("noise", 1.0),
        ("rounded", 1.0),
        ("constant", 1.0),
        ("of a rounded x", 1.0),
        ("root", 0.9),
        ("raising later", 1.0),
        ("array", 1.0),
        ("whole", 1.0),
    ],
)
def test_a_function_that_looks_otherwise_than_smooth_is_left_to_arrays(kind, a):
    assert not begins_and_ends_in_floats(lambda: derivative(KINDS[kind](a), 1.0))


@pytest.mark.parametrize(
    "options",
    [
        {"order": 2},
        {"method": "forward"},
        {"noise": 1e-9},
        {"noise": "measure"},
        {"bounds": (0.0, 2.0)},
        {"max_evaluations": 40},
        {"workers": map},
        {"vectorized": True},
    ],
)
def test_options_that_floats_know_nothing_of_are_left_to_arrays(options):
    assert not begins_and_ends_in_floats(lambda: derivative(np.sin, 1.0, **options))


FINITE = st.floats(allow_nan=False, allow_infinity=False)


COARSE = st.floats(-1e3, 1e3, width=32) | st.integers(-999, 999).map(lambda n: n / 100)


@given(st.lists(FINITE | COARSE, min_size=3) | st.lists(COARSE, min_size=3))
def test_values_of_which_one_is_long_lie_on_no_grid(values):
    is_on_grid = grid_spacing(np.array(values)[:, np.newaxis]).any()
    assert not (are_long(values) and is_on_grid)
