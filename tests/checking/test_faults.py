"""Every planted fault is caught and named, and what is right passes."""

import importlib.util
import itertools
import math
from pathlib import Path

import jax
import numpy as np
import pytest

from secant.checking import Verdict, check_gradient, check_hessian_product

_FILE = Path(__file__).parent / "faults.py"
_SPEC = importlib.util.spec_from_file_location("planted_faults", _FILE)
faults = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(faults)

QUICK = [case for case in faults.CASES if case.point is not faults.HUGE]
HUGE = [case for case in faults.CASES if case.point is faults.HUGE]
# Digits that 16 bits never had cannot be lost on the way.
COARSE = [case for case in QUICK if case.verdict in (Verdict.RIGHT, Verdict.KINK)]

in_both = pytest.mark.parametrize(
    "dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)]
)


def by_name(case):
    return case.name


def check(case, dtype):
    if case.apart:
        return check_gradient(case.f, case.at(dtype), case.claim)
    return check_gradient(case.planted, case.at(dtype))


def assert_expected(report, case):
    found = report.verdict
    # Where a few roundings more were made is the compiler's affair.
    if case.verdict is Verdict.RIGHT and found is Verdict.ROUNDING:
        found = Verdict.RIGHT
    assert found is case.verdict, report
    assert report.ok is case.fine
    if case.cause:
        assert any(case.cause in leaf.cause for leaf in report), report
    for leaf in report:
        assert bool(leaf.cause.code) is bool(leaf.cause)


# What takes longest to compile is asked among the slow.
LONG = ("factor 1.001", "kept in bfloat16", "exchanged leaves", "attention, layer norm")


@in_both
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=pytest.mark.slow if case.name in LONG else ())
        for case in QUICK
    ],
    ids=by_name,
)
def test_verdict_and_cause(case, dtype):
    assert_expected(check(case, dtype), case)


@pytest.mark.slow
@in_both
@pytest.mark.parametrize("case", HUGE, ids=by_name)
def test_one_in_a_million(case, dtype):
    report = check(case, dtype)
    assert_expected(report, case)
    (leaf,) = report
    assert leaf.wrong == 1
    assert leaf.checked < 100
    assert "654321" in leaf.worst.name


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("case", COARSE, ids=by_name)
def test_sixteen_bits_raise_no_alarm(case, dtype):
    assert check(case, dtype).ok


@in_both
@pytest.mark.parametrize("case", faults.SECOND_ORDER, ids=by_name)
def test_second_order(case, dtype):
    assert check_gradient(case.planted, case.at(dtype)).ok
    assert_expected(check_hessian_product(case.planted, case.at(dtype)), case)


@in_both
def test_a_value_that_is_off_by_a_thousandth_is_caught(dtype):
    x = faults.SOME.astype(dtype)
    with jax.enable_x64(dtype == "float64"):
        right = np.asarray(jax.grad(faults.waves)(jax.numpy.asarray(x)))
    assert check_gradient(faults.waves, x, right).ok
    report = check_gradient(faults.waves, x, right * np.asarray(1.001, dtype))
    assert report.verdict is Verdict.WRONG


@in_both
def test_a_thousandth_of_a_slope_far_below_the_others_is_caught(dtype):
    small = np.array([1.0, 1e-4, 1e-8], dtype)

    def f(x):
        return jax.numpy.sum(faults.like(x, small) * jax.numpy.sin(x))

    def gradient(x):
        found = faults.like(x, small) * jax.numpy.cos(x)
        return found.at[2].multiply(1.001)

    x = np.array([0.5, 0.7, -0.9], dtype)
    if dtype == "float32":
        x = jax.numpy.asarray(x)
    report = check_gradient(faults.planted(f, gradient), x)
    assert report.verdict is Verdict.WRONG
    assert report.leaves["x"].wrong == 1


@in_both
def test_values_rounded_on_the_way_are_no_alarm(dtype):
    """As of a network in PyTorch: nobody can ask for them in float64."""

    def f(x):
        return jax.numpy.sum(jax.nn.sigmoid(20 * x) * faults.like(x, faults.WEIGHTS))

    x = np.linspace(0.4, 0.7, 12).astype(dtype)
    y = 1 / (1 + np.exp(-20 * x))
    right = 20 * y * (1 - y) * faults.WEIGHTS.astype(dtype)
    assert check_gradient(f, x, right).ok
    assert not check_gradient(f, x, right * np.asarray(1.1, dtype)).ok


# Functions that JAX cannot trace.


def valley(x):
    return float(sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in _pairs(x)))


def _pairs(x):
    return [(float(a), float(b)) for a, b in itertools.pairwise(x)]


def valley_slope(x):
    found = np.zeros(len(x))
    for i, (a, b) in enumerate(_pairs(x)):
        found[i] += -400 * a * (b - a * a) - 2 * (1 - a)
        found[i + 1] += 200 * (b - a * a)
    return found


def rectified(x):
    return math.fsum(max(float(v), 0.0) for v in x)


def rectified_slope(x):
    return np.where(np.asarray(x) > 0, 1.0, 0.0)


HERE = np.array([-1.2, 1.0, 0.7, 0.9])


@pytest.mark.parametrize(
    ("f", "x", "slope", "verdict", "cause"),
    [
        (valley, HERE, valley_slope, Verdict.RIGHT, ""),
        (valley, HERE, lambda x: 1.001 * valley_slope(x), Verdict.WRONG, "1.001 times"),
        (valley, HERE, lambda x: -valley_slope(x), Verdict.WRONG, "the sign"),
        (
            valley, HERE, lambda x: valley_slope(x) * [1, 1, -1, 1], Verdict.WRONG,
            "a single coordinate, of the wrong sign",
        ),
        (
            valley, HERE, lambda x: valley_slope(x)[::-1].copy(), Verdict.WRONG,
            "mirrored",
        ),
        (valley, HERE, lambda x: 0 * x, Verdict.WRONG, "all zero"),
        (
            valley, HERE, lambda x: valley_slope(x) * [1, 1, np.nan, 1],
            Verdict.NOT_FINITE, "not finite where the function has a slope",
        ),
        (rectified, HERE, rectified_slope, Verdict.RIGHT, ""),
        (rectified, HERE * [1, 0, 1, 1], rectified_slope, Verdict.KINK, ""),
        (
            rectified, HERE * [1, 0, 1, 1], lambda x: 2 * (x >= 0), Verdict.WRONG, "",
        ),
        (rectified, HERE, np.ones_like, Verdict.WRONG, "a single coordinate"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("fixed", [False, True], ids=["a function", "its value"])
def test_numpy(f, x, slope, verdict, cause, fixed):
    report = check_gradient(f, x, slope(x) if fixed else slope)
    found = report.verdict
    if verdict is Verdict.RIGHT and found is Verdict.ROUNDING:
        found = Verdict.RIGHT
    assert found is verdict, report
    assert any(cause in leaf.cause for leaf in report), report
