"""Neville's recursion for every coefficient, and the error that it tells."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secant.derivatives.extrapolation import extrapolate

coefficients = st.lists(st.floats(-10, 10), min_size=3, max_size=3)


@pytest.mark.parametrize("power", [0, 1, 2])
@given(coefficients)
def test_polynomials_are_read_off_exactly(power, terms):
    s = np.array([1.0, 0.5, 0.2, 0.1])
    values = np.polynomial.polynomial.polyval(s, terms)
    found = extrapolate(s[:, None], values[:, None, None], np.zeros((4, 1, 1)), power)
    assert found.value[0, 0] == pytest.approx(terms[power], abs=1e-11)
    assert found.rounding[0, 0] == 0


def test_errors_are_amplified_as_they_are_in_truth():
    s = np.array([0.4, 0.2, 0.1]) ** 2
    noise = np.array([1e-6, 2e-6, 4e-6])[:, None, None]
    values = np.cos(np.sqrt(s))[:, None, None]
    found = extrapolate(s[:, None], values, noise)
    worst = max(
        abs(
            extrapolate(s[:, None], values + noise * signs, noise).value - found.value
        ).max()
        for signs in np.array(np.meshgrid(*[[-1, 1]] * 3)).T.reshape(-1, 3, 1, 1)
    )
    assert worst <= found.rounding[0, 0] * (1 + 1e-9) + found.truncation[0, 0]


def test_of_noisy_values_the_largest_steps_are_trusted():
    h = np.array([0.1, 0.01, 1e-3, 1e-4])
    values = np.full((4, 1, 1), 2.0) + np.array([1, -1, 1, -1])[:, None, None] * 1e-6
    found = extrapolate(h[:, None], values, (1e-7 / h)[:, None, None])
    assert found.step[0, 0] == 0.01
