"""What a neuron of the first layer looks for, as an image."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from secant.errors import InvalidInput
from secant.networks import MLP
from secant.plots.mosaics import COUNT, Mosaic, as_images
from secant.plots.style import AROUND_ZERO, figure_of, one
from secant.plots.words import speaker
from secant.validation import validate


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
        neurons: How many are shown at most, from the first on.
        columns: Images a row.
        shape: Height and width of the inputs as an image; square if not given.
        title: A line above.
        ax: Where to draw; a new figure if not given.
        language: `en` or `ko`.

    Returns:
        The figure: orange above 0, blue below, white at 0, all on one scale, which
        the strongest thousandth exceeds.

    Raises:
        InvalidInput: There is no W1, its inputs make no image, or no weight is
            finite.

    Example:
        >>> figure = weight_images(MLP((9, 4, 2)), columns=4)
        >>> figure.axes[0].images[0].get_array().shape
        (3, 18)
    """
    say = speaker(language)
    weights = _first_layer(net)[:, : validate("neurons", neurons, COUNT)]
    images = as_images(weights.T, shape)
    columns = min(validate("columns", columns, COUNT), len(images))
    mosaic = Mosaic(images, columns, (2, 2))
    finite = np.abs(weights[np.isfinite(weights)])
    if not len(finite):
        raise InvalidInput("W1 holds no finite number: nothing can be seen of it")
    reach = float(np.quantile(finite, 0.999)) or float(finite.max()) or 1.0
    with one(ax, mosaic.size(7.6, 0.0)) as ax:
        image = ax.imshow(
            np.ma.masked_invalid(mosaic.sheet()),
            cmap=AROUND_ZERO,
            vmin=-reach,
            vmax=reach,
            interpolation="nearest",
        )
        mosaic.frame(ax)
        bar = figure_of(ax).colorbar(image, ax=ax, shrink=0.8, pad=0.02)
        bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
        ax.set_title(title or say("Weights of the first layer"))
        return figure_of(ax)


def _first_layer(net: Any) -> np.ndarray:
    params = net.params if isinstance(net, MLP) else net
    if not isinstance(params, Mapping) or np.ndim(params.get("W1", 0)) != 2:
        raise InvalidInput(
            f"net is {type(net).__name__} without a W1 of shape (inputs, neurons): "
            "pass a network, its params or its gradients"
        )
    return np.asarray(params["W1"], np.float64)
