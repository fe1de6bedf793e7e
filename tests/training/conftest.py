"""A task small enough to be learned in a moment."""

import numpy as np
import pytest

from secant import MLP


@pytest.fixture
def clusters():
    """Three clusters of points in the plane, one for each class."""
    draw = np.random.default_rng(0)

    def samples(count):
        t = draw.integers(3, size=count)
        centres = np.array([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])
        return centres[t] + 0.4 * draw.standard_normal((count, 2)), t

    return samples(120), samples(60)


@pytest.fixture
def net():
    return MLP((2, 8, 3), "tanh", init="xavier", seed=4)
