"""Short series: all the digits of float32 up to NEAR."""

import mpmath
import numpy as np
import pytest

from secant.nn.activations import NEAR, short_expm1, short_log1p


@pytest.mark.parametrize(
    ("short", "exact"),
    [(short_expm1, mpmath.expm1), (short_log1p, mpmath.log1p)],
    ids=["expm1", "log1p"],
)
def test_up_to_near_a_short_series_has_every_digit_of_float32(short, exact):
    d = np.array([s * NEAR * 10.0**-k for k in range(0, 30, 3) for s in (1, -1)])
    found = np.array([float(exact(v)) for v in d])
    half_a_unit = 2.0**-24
    assert (abs(short(d) - found) <= half_a_unit * abs(found)).all()
    single = d.astype(np.float32)
    expected = np.array([float(exact(float(v))) for v in single])
    assert short(single).dtype == np.float32
    assert (abs(short(single) - expected) <= 3 * half_a_unit * abs(expected)).all()


def test_beyond_near_it_does_not():
    """Or NEAR would be smaller than it need be."""
    assert abs(short_expm1(8 * NEAR) / np.expm1(8 * NEAR) - 1) > 2.0**-24
