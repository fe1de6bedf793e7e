"""Each neuron's weights stand in their tile, on one scale around white."""

import numpy as np
import pytest

from secant import MLP, InvalidInput, plots


def test_each_tile_holds_the_weights_into_its_neuron():
    net = MLP((6, 4, 2), weight_init_std=1.0)
    figure = plots.weight_images(net, columns=3, shape=(2, 3))
    sheet = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(sheet[:2, 5:8], net.params["W1"][:, 1].reshape(2, 3))
    np.testing.assert_array_equal(sheet[4:, :3], net.params["W1"][:, 3].reshape(2, 3))
    assert sheet.mask[2:4].all()


def test_the_scale_is_even_around_0():
    figure = plots.weight_images({"W1": np.full((4, 3), -2.0)})
    assert figure.axes[0].images[0].get_clim() == (-2, 2)


def test_at_most_the_requested_neurons_are_drawn():
    figure = plots.weight_images(MLP((4, 9, 2)), neurons=5, columns=5)
    assert figure.axes[0].images[0].get_array().shape == (2, 5 * 4 - 2)


@pytest.mark.parametrize(
    ("net", "settings", "message"),
    [
        (MLP((7, 2)), {}, "7 inputs, which is not a square number"),
        (MLP((6, 2)), {"shape": (2, 2)}, "which is not 2 × 2"),
        ({"b1": np.zeros(3)}, {}, "without a W1"),
        (3, {}, "net is int"),
        ({"W1": np.full((4, 2), np.nan)}, {}, "no finite number"),
        (MLP((4, 2)), {"neurons": 0}, "neurons is 0"),
    ],
)
def test_weights_that_form_no_image_are_refused(net, settings, message):
    with pytest.raises(InvalidInput, match=message):
        plots.weight_images(net, **settings)
