"""`RecordPath` keeps the first and the last weights, and evenly spaced ones between."""

from dataclasses import dataclass

import numpy as np
import pytest

from secant import MLP, InvalidInput, RecordPath, fit


@dataclass
class Told:
    step: int

    @property
    def params(self):
        return {"W1": np.full(2, float(self.step))}


@pytest.mark.parametrize("most", [3, 4, 7, 50])
def test_memory_is_bounded_and_the_path_evenly_covered(most):
    path = RecordPath(most)
    for step in range(400):
        path(Told(step))
        assert len(path.steps) == len(path.params) <= most
        assert path.steps[0] == 0
        assert path.steps[-1] == step
        apart = np.diff(path.steps[:-1])
        assert len(set(apart)) <= 1  # all but the latest stand equally far apart
        assert path.steps[-1] - path.steps[-2 if step else -1] <= max(apart, default=1)
        assert [params["W1"][0] for params in path.params] == path.steps
    assert len(path.steps) > most // 2


def test_the_weights_from_fit_are_copied():
    path = RecordPath()
    net, data = MLP((2, 3, 2), init="xavier"), ([[0.0, 1.0], [1.0, 0.0]], [0, 1])
    run = fit(net, data, "backprop", iterations=30, batch_size=2, callbacks=[path])
    assert path.steps[0] == 0
    assert path.steps[-1] == 30
    np.testing.assert_allclose(path.params[0]["W1"], net.params["W1"], rtol=1e-6)
    np.testing.assert_array_equal(path.params[-1]["W1"], run.net.params["W1"])
    assert isinstance(path.params[0]["W1"], np.ndarray)


@pytest.mark.parametrize("most", [2, 0, 1.5, True, "all"])
def test_an_invalid_bound_is_refused(most):
    with pytest.raises(InvalidInput, match="most is"):
        RecordPath(most)
