"""What f may return, and that whatever is wrong is told with its place."""

import math
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from secant.derivatives import derivative, gradient, jacobian
from secant.errors import InvalidInput


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param(np.array([9.0]), r"an array of shape \(1,\) at x", id="one-entry"),
        pytest.param(np.ones((2, 2)), r"an array of shape \(2, 2\) at x", id="matrix"),
        pytest.param(None, "has f a `return`", id="None"),
        pytest.param(True, "a comparison has no slope", id="bool"),
        pytest.param(1 + 2j, "y.real", id="complex"),
        pytest.param("9", "'9' .str. at x", id="str"),
        pytest.param(np.ma.masked, "a masked value at x", id="masked"),
        pytest.param(float("nan"), "f is nan at x", id="nan"),
        pytest.param(float("inf"), "f is inf at x", id="inf"),
    ],
)
def test_values_that_are_no_finite_real_number(value, words):
    with pytest.raises(InvalidInput, match=words):
        gradient(lambda x: value, [1.0, 2.0])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param(None, "has f a `return`", id="None"),
        pytest.param("9", "f returned '9' .str. at x", id="str"),
        pytest.param([[1], [2, 3]], "needs real numbers", id="ragged"),
        pytest.param(np.ma.masked_equal([1.0, 2.0], 2), "a masked array", id="masked"),
        pytest.param(np.array([1.0, np.nan]), r"f\[1\] is nan at x", id="nan"),
    ],
)
def test_values_that_are_no_array_of_real_numbers(value, words):
    with pytest.raises(InvalidInput, match=words):
        jacobian(lambda x: value, [1.0, 2.0])


def test_a_value_that_is_nan_however_near():
    def f(x):
        return x[0] + (math.nan if x[1] != 2.0 else 1.0)

    with pytest.raises(InvalidInput, match=r"f is nan where x\[1\] is 2\.\d+, and a"):
        gradient(f, [1.0, 2.0])


def test_a_value_of_another_shape_somewhere():
    with pytest.raises(InvalidInput, match=r"where x\[0\] is 1\.\d+, and one of shape"):
        jacobian(lambda x: x if x[0] <= 1 else x[:1], [1.0, 2.0])


def test_an_error_of_f_is_raised_with_the_point():
    def f(x):
        if x[1] > 2:
            raise KeyError("simulator")
        return x[0]

    with pytest.raises(KeyError) as caught:
        gradient(f, [1.0, 2.0])
    assert caught.value.__notes__[0].startswith("raised by f where x[1] is 2.")


def test_a_function_that_is_defined_nowhere_near_raises_its_own_error():
    def f(x):
        return math.sqrt(-((x - 1) ** 2))

    with pytest.raises(ValueError, match="math domain error") as caught:
        derivative(f, 1.0)
    assert caught.value.__notes__[0].startswith("raised by f where x is 0.99999")


@pytest.mark.parametrize("error", [ValueError, OverflowError, IndexError, RuntimeError])
def test_an_error_a_step_away_shortens_the_step(error):
    def f(x):
        if abs(x - 1) > 0.01:
            raise error("did not converge")
        return math.exp(x)

    found = derivative(f, 1.0)
    assert abs(found.value - math.e) <= found.error < 1e-10


def test_a_function_that_is_not_defined_at_the_point():
    with pytest.raises(ZeroDivisionError):
        derivative(lambda x: 1 / x, 0.0)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param(1.0, r"an array of shape \(\) for 1 points", id="number"),
        pytest.param(
            np.ones(3), r"has to return one value for each, \(1,\)", id="three"
        ),
        pytest.param(
            np.ones((1, 2)), r"an array of shape \(1, 2\) for 1 points", id="two-each"
        ),
        pytest.param(np.array(["9"]), "an array of <U1", id="str"),
    ],
)
def test_vectorized_values_that_do_not_fit(value, words):
    with pytest.raises(InvalidInput, match=words):
        gradient(lambda x: value, [1.0, 2.0], vectorized=True)


def test_an_error_of_a_vectorized_function_names_a_point():
    def f(x):
        if len(x) > 1:
            raise RuntimeError("simulator")
        return x[:, 0]

    with pytest.raises(RuntimeError) as caught:
        gradient(f, [1.0, 2.0], vectorized=True)
    assert "x[0] is 1." in caught.value.__notes__[0]


@pytest.mark.parametrize("kind", [int, np.float32, np.int64, np.longdouble])
def test_any_kind_of_real_number(kind):
    found = gradient(lambda x: kind(8), [1.0, 2.0], noise=0)
    np.testing.assert_array_equal(found.value, 0)


# --- what f and x may be -------------------------------------------------------------


@pytest.mark.parametrize("kind", [Fraction, Decimal, mpmath.mpf, np.longdouble])
def test_numbers_that_are_no_floats(kind):
    found = derivative(lambda x: kind(x) * kind(x), 1.5)
    assert abs(found.value - 3.0) <= found.error < 1e-12
    found = derivative(lambda x: x * x, kind("1.5"))
    assert abs(found.value - 3.0) <= found.error < 1e-12
    found = gradient(lambda x: kind(x[0]) * kind(x[1]), [kind(2), kind(3)])
    np.testing.assert_allclose(found.value, [3.0, 2.0])
    found = jacobian(lambda x: [kind(x[0]), kind(2)], [1.0])
    np.testing.assert_allclose(found.value, [[1.0], [0.0]])


@pytest.mark.parametrize("value", [None, "1.5", [Fraction(1, 2), None], object()])
def test_objects_that_are_no_numbers(value):
    with pytest.raises(InvalidInput, match="f returned"):
        derivative(lambda x: value, 1.0)


def test_a_number_of_one_entry():
    for shape in ((), (1,), (1, 1)):
        found = derivative(lambda x, s=shape: np.full(s, x**3), 2.0)
        assert found.value.shape == shape
        np.testing.assert_allclose(found.value, 12.0)


def test_a_budget_that_is_too_small_is_said_before_f_is_called():
    def f(x):
        raise AssertionError

    for of in (gradient, jacobian):
        with pytest.raises(InvalidInput, match="takes at least 4001 here"):
            of(f, np.ones(1000), max_evaluations=100)
