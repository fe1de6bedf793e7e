"""Mosaics: many small images in one large image."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from secant.errors import InvalidInput
from secant.plots.style import hide_frame


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


def as_count(name: str, value: object) -> int:
    """A positive whole number.

    Raises:
        InvalidInput: It is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidInput(f"{name} is {value!r}: pass a whole number, 1 or above")
    return value
