"""The plane goes through the network, and the path lies on it where it went."""

import numpy as np
import pytest
from matplotlib.contour import QuadContourSet

from secant import MLP, InvalidInput, plots
from secant.plots.loss_surfaces import Plane

NET = MLP((3, 4, 2), init="xavier", seed=2)
X, T = np.eye(3), [0, 1, 1]


def flat(params):
    return np.concatenate([np.ravel(params[name]) for name in NET.params])


def moved(a, b):
    """Weights off the network's along its first two coordinates."""
    params = {name: value.copy() for name, value in NET.params.items()}
    params["W1"].flat[0] += a
    params["W1"].flat[1] += b
    return params


PATH = [moved(4.0, 0.5), moved(2.0, -0.5), moved(1.0, 0.4), moved(0.0, 0.0)]


def test_a_random_direction_is_as_long_as_the_weights_of_each_neuron():
    first, second = Plane.random(NET.params, seed=1).directions
    for name in ("W1", "W2"):
        lengths = np.linalg.norm(NET.params[name], axis=0)
        np.testing.assert_allclose(np.linalg.norm(first[name], axis=0), lengths)
        assert not np.allclose(first[name], second[name])
    assert not first["b1"].any()


def test_the_middle_of_the_plane_is_the_network():
    plane = Plane.random(NET.params)
    np.testing.assert_array_equal(flat(plane.at(0, 0)), flat(NET.params))
    z = plane.losses(lambda w: NET.replace(w).loss(X, T), [0.0, 1.0], [0.0])
    assert z[0, 0] == pytest.approx(float(NET.loss(X, T)))
    assert z.shape == (1, 2)


def test_a_path_in_a_plane_is_found_again_with_all_its_distances():
    plane = Plane.of_path(PATH)
    trace = plane.project(PATH)
    assert sum(plane.shares) == pytest.approx(1)
    np.testing.assert_allclose(trace[-1], 0, atol=1e-12)
    went = np.array([flat(each) for each in PATH])
    for i in range(len(PATH)):
        np.testing.assert_allclose(
            np.linalg.norm(trace - trace[i], axis=1),
            np.linalg.norm(went - went[i], axis=1),
            atol=1e-12,
        )
        np.testing.assert_allclose(flat(plane.at(*trace[i])), went[i], atol=1e-12)


def test_the_path_is_drawn_and_the_contours_are_of_the_loss():
    figure = plots.loss_surface(NET, X, T, PATH, points=9)
    axes = figure.axes[0]
    np.testing.assert_allclose(
        axes.lines[0].get_xydata(), Plane.of_path(PATH).project(PATH)
    )
    assert axes.get_xlabel().startswith("direction 1: 9")
    (filled, *_) = (c for c in axes.collections if isinstance(c, QuadContourSet))
    low, high = filled.levels[[0, -1]]
    assert low <= float(NET.loss(X, T)) <= high


def test_a_path_may_be_laid_on_random_directions():
    figure = plots.loss_surface(NET, X, T, PATH, directions="random", points=5)
    trace = figure.axes[0].lines[0].get_xydata()
    np.testing.assert_allclose(trace, Plane.random(NET.params).project(PATH))


@pytest.mark.parametrize(
    ("path", "settings", "message"),
    [
        (PATH[:2], {}, "path has 2 points"),
        ([NET.params] * 3, {}, "that are all equal"),
        ([3, 4, 5], {}, "the weights are int"),
        ([*PATH[:2], MLP((3, 2)).params], {}, "of this network"),
        ((), {"directions": "pca"}, "no kind of directions 'pca'"),
        ((), {"points": 2}, "points is 2: pass a whole number, 3 or above"),
        ((), {"reach": 0}, "reach is 0: pass a finite number above 0"),
    ],
)
def test_bad_input_is_refused(path, settings, message):
    with pytest.raises(InvalidInput, match=message):
        plots.loss_surface(NET, X, T, path, **settings)


def test_a_network_that_is_not_finite_is_refused():
    broken = MLP((3, 4, 2))
    broken.params["W1"][:] = np.nan
    with pytest.raises(InvalidInput, match="no loss around the network is finite"):
        plots.loss_surface(broken, X, T, points=3)
