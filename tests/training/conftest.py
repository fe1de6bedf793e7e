"""A task small enough to be learned in a moment."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from secant import MLP, Run
from secant.training.run_folder import PICTURE_FILE

# A program of several files without tests: `test_kills.py` imports it.
collect_ignore = ["kills.py", "killing"]


class Drawn:
    """A picture that is drawn already."""

    def __init__(self, path):
        self.path = path

    def savefig(self, path):
        shutil.copy(self.path, path)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """One picture of a run."""
    path = tmp_path_factory.mktemp("drawn") / PICTURE_FILE
    path.write_bytes(b"")
    return Drawn(path)


@pytest.fixture(autouse=True)
def draws_no_picture(request, drawn, monkeypatch):
    """Runs are saved by the hundred, and `tests/plots` looks at their pictures."""
    if Path(request.path).name != "test_run.py":
        monkeypatch.setattr(Run, "plot", lambda run, **_: drawn)


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
