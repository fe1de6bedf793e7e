"""Many small images as one large."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from secant.errors import InvalidInput
from secant.plots.style import bare
from secant.validation import WholeNumber

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
