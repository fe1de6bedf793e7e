"""Functions that change their formula exactly at x, of one slope on both sides."""

import numpy as np
import pytest
from jax.scipy.special import ndtr

from secant import check_gradient, derivative


@pytest.mark.parametrize("x", [np.float32(-1), np.float64(1)])
def test_the_right_gradient_at_a_seam_is_right(x):
    report = check_gradient(ndtr, x)
    assert report.verdict == "right", report


def test_a_derivative_at_a_seam_is_the_density():
    found = derivative(ndtr, -1.0, method="difference")
    true = np.exp(-0.5) / np.sqrt(2 * np.pi)
    assert found.success
    assert abs(found.value - true) <= found.error <= 1e-15
