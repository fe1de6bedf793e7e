"""Paths are drawn as they went; one that flies off is cut, not bent."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from secant import DescentStatus, InvalidInput, descend, plots


def ravine(x):
    return x[0] ** 2 / 20 + x[1] ** 2


@pytest.fixture(scope="module")
def descents():
    return {
        str(rate): descend(ravine, [-7.0, 2.0], rate, 30) for rate in (0.9, 0.03, 1.1)
    }


def test_each_descent_has_a_picture_with_its_name_and_status(descents):
    axes = plots.descent_paths(ravine, descents).axes
    assert [ax.get_title("left") for ax in axes] == ["0.9", "0.03", "1.1"]
    assert "still falling, 30 steps" in axes[0].get_xlabel()
    assert "diverged: leaves the\npicture at step" in axes[2].get_xlabel()


def test_the_drawn_path_is_that_of_the_descent(descents):
    axes = plots.descent_paths(ravine, descents).axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), descents["0.9"].path)
    np.testing.assert_array_equal(axes.lines[1].get_xydata(), [[-7, 2]])


def test_paths_that_stay_near_are_fully_visible(descents):
    axes = plots.descent_paths(ravine, descents).axes[0]
    low, high = np.array([axes.get_xlim(), axes.get_ylim()]).T
    path = descents["0.9"].path
    assert ((path > low) & (path < high)).all()


@pytest.mark.parametrize("rate", [1.1, 10.0, 1e200])
def test_a_diverged_path_is_cut_along_its_own_direction(rate):
    descent = descend(ravine, [-7.0, 2.0], rate, 300)
    assert descent.status is DescentStatus.DIVERGED
    figure = plots.descent_paths(ravine, descent)
    figure.canvas.draw()
    drawn = figure.axes[0].lines[0].get_xydata()
    assert np.abs(drawn).max() < 200
    if len(descent.path) > 1:
        drawn_way, way = (np.diff(p[:2], axis=0)[0] for p in (drawn, descent.path))
        way = way / np.abs(way).max()
        assert drawn_way / np.abs(drawn_way).max() == pytest.approx(way)


def test_on_the_surface_the_path_lies_at_its_values(descents):
    figure = plots.descent_surfaces(ravine, descents)
    figure.canvas.draw()
    x, y, z = figure.axes[0].lines[0].get_data_3d()
    np.testing.assert_allclose(z, x**2 / 20 + y**2)
    assert len(x) == 31
    # The diverged one ends inside the picture.
    assert 1 < len(figure.axes[2].lines[0].get_data_3d()[0]) < 31


@pytest.mark.parametrize(
    ("descents", "message"),
    [
        ({}, "descents is empty"),
        ({"a": 3}, r"descents\['a'\] is int"),
        (descend(lambda x: x[0] ** 2, [1.0]), "contours need two variables"),
    ],
)
def test_an_object_that_is_no_descent_is_refused(descents, message):
    with pytest.raises(InvalidInput, match=message):
        plots.descent_paths(ravine, descents)


def test_flat_axes_are_refused_for_a_surface(descents):
    with pytest.raises(InvalidInput, match="axes are flat"):
        plots.descent_surfaces(ravine, descents["0.9"], axes=Figure().subplots())
