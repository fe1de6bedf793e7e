"""A task small enough to be learned in a moment."""

import numpy as np
import pytest

from secant import MLP, Run

# A program of several files without tests: `test_kills.py` imports it.
collect_ignore = ["kills.py", "killing"]


class Drawn:
    """A picture that takes no time to draw."""

    def savefig(self, file, format):
        file.write(b"a picture")


@pytest.fixture
def real_pictures():
    """A test that asks for it draws the pictures of its runs."""


@pytest.fixture(autouse=True)
def no_pictures(request, monkeypatch):
    """Runs are saved by the hundred, and `tests/plots` looks at their pictures."""
    if "real_pictures" not in request.fixturenames:
        monkeypatch.setattr(Run, "plot", lambda run, **_: Drawn())


@pytest.fixture(scope="session")
def clusters():
    """Three clusters of points in the plane, one for each class."""
    draw = np.random.default_rng(0)

    def samples(count):
        t = draw.integers(3, size=count)
        centres = np.array([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])
        x = centres[t] + 0.4 * draw.standard_normal((count, 2))
        for array in (x, t):
            array.flags.writeable = False
        return x, t

    return samples(120), samples(60)


@pytest.fixture(scope="session")
def net():
    return MLP((2, 8, 3), "tanh", init="xavier", seed=4)
