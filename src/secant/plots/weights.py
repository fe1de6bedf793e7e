"""Weights of the first layer as images."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from secant.errors import InvalidInput
from secant.nn.networks import MLP
from secant.plots.style import DIVERGING, figure_of, hide_frame, single_axes
from secant.plots.translations import translator
from secant.validation import WholeNumber, validate

# Mosaics: many small images in one large image.

COUNT = WholeNumber(low=1)
"""Of images, or of columns of them."""


@dataclass(frozen=True, eq=False)
class Mosaic:
    """Images in rows.

    Attributes:
        images: (images, height, width).
        columns: The number of images in a row.
        gap: Pixels between rows and between columns.

    Example:
        >>> Mosaic(np.ones((3, 2, 2)), 2, (1, 1)).as_image()
        array([[ 1.,  1., nan,  1.,  1.],
               [ 1.,  1., nan,  1.,  1.],
               [nan, nan, nan, nan, nan],
               [ 1.,  1., nan, nan, nan],
               [ 1.,  1., nan, nan, nan]])
    """

    images: np.ndarray
    columns: int
    gap: tuple[int, int]

    def corner(self, number: int) -> tuple[int, int]:
        """The first row and column of an image."""
        row, column = divmod(number, self.columns)
        height, width = self.images.shape[1:]
        return row * (height + self.gap[0]), column * (width + self.gap[1])

    def as_image(self) -> np.ndarray:
        """All images in one array, with NaN between them."""
        count, height, width = self.images.shape
        bottom, right = (
            self.corner(count - 1)[0],
            self.corner(min(count, self.columns) - 1)[1],
        )
        mosaic = np.full((bottom + height, right + width), np.nan)
        for number, image in enumerate(self.images):
            top, left = self.corner(number)
            mosaic[top : top + height, left : left + width] = image
        return mosaic

    def figure_size(self, width: float, title_height: float) -> tuple[float, float]:
        """The size of a figure of that width, in inches."""
        rows, columns = self.as_image().shape
        return width, width * rows / columns + title_height

    def add_caption(self, ax: Axes, number: int, text: str, color: str) -> None:
        """Write a caption above an image."""
        top, left = self.corner(number)
        middle = left + self.images.shape[2] / 2 - 0.5
        ax.text(
            *(middle, top - 1.5, text),
            ha="center",
            va="bottom",
            color=color,
            fontsize=9,
        )

    def set_limits(self, ax: Axes, above: float = 0.5) -> None:
        """Show only the images, with space above for the first row's captions."""
        hide_frame(ax)
        rows, columns = self.as_image().shape
        ax.set_xlim(-0.5, columns - 0.5)
        ax.set_ylim(rows - 0.5, -above)


def as_images(rows: np.ndarray, shape: tuple[int, int] | None) -> np.ndarray:
    """Rows of numbers as images.

    Args:
        rows: (images, numbers).
        shape: Height and width; square by default.

    Returns:
        (images, height, width).

    Raises:
        InvalidInput: A row does not have height × width numbers.

    Example:
        >>> as_images(np.zeros((5, 784)), None).shape
        (5, 28, 28)
    """
    size = rows.shape[1]
    side = int(np.sqrt(size))
    height, width = (side, side) if shape is None else shape
    if height * width != size:
        reason = "not a square number" if shape is None else f"not {height} × {width}"
        raise InvalidInput(
            f"a sample has {size} inputs, which is {reason}, so it is not an image: "
            "pass shape=(height, width)"
        )
    return rows.reshape(-1, height, width)


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
    weights = _first_layer(net)[:, : validate("neurons", neurons, COUNT)]
    images = as_images(weights.T, shape)
    columns = min(validate("columns", columns, COUNT), len(images))
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
