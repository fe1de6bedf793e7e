"""ECnoise: noise is measured, and what is smooth is not taken for noise."""

import numpy as np
import pytest

from secant.derivatives.noise import PROBE_POINTS, ecnoise, measure_noise


@pytest.mark.parametrize("level", [1e-12, 1e-6, 1e-2])
def test_gaussian_noise_is_measured_within_a_factor_of_four(level):
    found = []
    for seed in range(40):
        draw = np.random.default_rng(seed)
        t = np.linspace(1, 1 + 1e-8, PROBE_POINTS)
        one = ecnoise(np.sin(t) + level * draw.standard_normal(PROBE_POINTS))
        if one is not None:
            found.append(one / level)
    assert len(found) >= 34
    assert np.mean((np.array(found) > 0.25) & (np.array(found) < 4)) >= 0.95
    assert np.median(found) == pytest.approx(1, rel=0.3)


@pytest.mark.parametrize("f", [np.exp, np.sin, np.log, lambda t: t**5])
def test_smooth_functions_have_no_noise(f):
    assert ecnoise(f(np.linspace(1, 2, PROBE_POINTS))) is None


def test_the_distance_is_found_by_itself():
    # In steps of 1e-3, ten thousand times as far apart as the first look is.
    sigma, seen = measure_noise(lambda t: np.round(np.sin(1 + t), 3)[:, None], 0.1)
    assert seen
    assert 1e-4 < sigma[0] < 1e-3


def test_entries_are_measured_apart():
    draw = np.random.default_rng(0)

    def ask(t):
        noise = draw.standard_normal((len(t), 3)) * [1e-8, 1e-4, 0]
        return np.stack([np.sin(t), np.cos(t), 0 * t], axis=1) + noise

    sigma, _ = measure_noise(ask, 1.0)
    assert 1e-9 < sigma[0] < 1e-7
    assert 1e-5 < sigma[1] < 1e-3
    assert sigma[2] == 0
