"""Weights of the first layer as images."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from secant.errors import InvalidInput
from secant.networks import MLP
from secant.plots.mosaics import Mosaic, as_count, as_images
from secant.plots.style import DIVERGING, figure_of, single_axes
from secant.plots.words import translator


def weight_images(
    net: MLP | Mapping[str, Any],
    *,
    neurons: int = 50,
    columns: int = 10,
    shape: tuple[int, int] | None = None,
    title: str = "",
    ax: Axes | None = None,
    language: str = "en",
) -> Figure:
    """The weights into each neuron of the first layer, or their gradients.

    Args:
        net: A network, or a dict with W1 of shape (inputs, neurons): parameters or
            gradients.
        neurons: The largest number of neurons; the first ones are drawn.
        columns: The number of images in a row.
        shape: Height and width of the inputs as an image; square by default.
        title: The title.
        ax: The axes to draw into; a new figure by default.
        language: `en` or `ko`.

    Returns:
        The figure: orange above 0, blue below, white at 0, on one scale, which the
        largest thousandth of the weights exceeds.

    Raises:
        InvalidInput: There is no W1, its inputs are not an image, or no weight is
            finite.

    Example:
        >>> figure = weight_images(MLP((9, 4, 2)), columns=4)
        >>> figure.axes[0].images[0].get_array().shape
        (3, 18)
    """
    tr = translator(language)
    weights = _first_layer(net)[:, : as_count("neurons", neurons)]
    images = as_images(weights.T, shape)
    columns = min(as_count("columns", columns), len(images))
    mosaic = Mosaic(images, columns, (2, 2))
    finite = np.abs(weights[np.isfinite(weights)])
    if not len(finite):
        raise InvalidInput("W1 holds no finite number: pass finite weights")
    limit = float(np.quantile(finite, 0.999)) or float(finite.max()) or 1.0
    with single_axes(ax, mosaic.figure_size(7.6, 0.0)) as ax:
        image = ax.imshow(
            np.ma.masked_invalid(mosaic.as_image()),
            cmap=DIVERGING,
            vmin=-limit,
            vmax=limit,
            interpolation="nearest",
        )
        mosaic.set_limits(ax)
        bar = figure_of(ax).colorbar(image, ax=ax, shrink=0.8, pad=0.02)
        bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
        ax.set_title(title or tr("Weights of the first layer"))
        return figure_of(ax)


def _first_layer(net: Any) -> np.ndarray:
    params = net.params if isinstance(net, MLP) else net
    if not isinstance(params, Mapping) or np.ndim(params.get("W1", 0)) != 2:
        raise InvalidInput(
            f"net is {type(net).__name__} without a W1 of shape (inputs, neurons): "
            "pass a network, its params or its gradients"
        )
    return np.asarray(params["W1"], np.float64)
