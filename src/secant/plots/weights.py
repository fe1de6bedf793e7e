"""What a neuron of the first layer looks for, as an image."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from secant.errors import InvalidInput
from secant.nn.networks import MLP
from secant.plots.style import AROUND_ZERO, bare, figure_of, one
from secant.plots.translations import speaker
from secant.validation import WholeNumber, validate

# Many small images as one large.

COUNT = WholeNumber(low=1)
"""Of images, or of columns of them."""


@dataclass(frozen=True, eq=False)
class Mosaic:
    """Images row after row.

    Attributes:
        images: (images, height, width).
        columns: Images a row.
        gap: Pixels between rows and between columns.

    Example:
        >>> Mosaic(np.ones((3, 2, 2)), 2, (1, 1)).sheet()
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
        """Where an image begins: its first row and column."""
        row, column = divmod(number, self.columns)
        height, width = self.images.shape[1:]
        return row * (height + self.gap[0]), column * (width + self.gap[1])

    def sheet(self) -> np.ndarray:
        """All of them, NaN between."""
        count, height, width = self.images.shape
        bottom, right = (
            self.corner(count - 1)[0],
            self.corner(min(count, self.columns) - 1)[1],
        )
        sheet = np.full((bottom + height, right + width), np.nan)
        for number, image in enumerate(self.images):
            top, left = self.corner(number)
            sheet[top : top + height, left : left + width] = image
        return sheet

    def size(self, width: float, room: float) -> tuple[float, float]:
        """Of a figure that is so wide, with room for a title, in inches."""
        rows, columns = self.sheet().shape
        return width, width * rows / columns + room

    def write_above(self, ax: Axes, number: int, text: str, color: str) -> None:
        """A caption over an image."""
        top, left = self.corner(number)
        middle = left + self.images.shape[2] / 2 - 0.5
        ax.text(
            *(middle, top - 1.5, text),
            ha="center",
            va="bottom",
            color=color,
            fontsize=9,
        )

    def frame(self, ax: Axes, above: float = 0.5) -> None:
        """Nothing but the images, and room for the first row's captions."""
        bare(ax)
        rows, columns = self.sheet().shape
        ax.set_xlim(-0.5, columns - 0.5)
        ax.set_ylim(rows - 0.5, -above)


def as_images(rows: np.ndarray, shape: tuple[int, int] | None) -> np.ndarray:
    """Rows of numbers as images: square, if not said otherwise.

    Args:
        rows: (images, numbers).
        shape: Height and width.

    Returns:
        (images, height, width).

    Raises:
        InvalidInput: The numbers of a row make no image of that shape.

    Example:
        >>> as_images(np.zeros((5, 784)), None).shape
        (5, 28, 28)
    """
    size = rows.shape[1]
    side = int(np.sqrt(size))
    height, width = (side, side) if shape is None else shape
    if height * width != size:
        came = "is no square number" if shape is None else f"is not {height} × {width}"
        raise InvalidInput(
            f"a sample has {size} inputs, which {came}, so that they make no image: "
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
