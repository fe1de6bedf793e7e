"""What a check needs of slopes, wherever they come from."""

from typing import NamedTuple

import numpy as np


class Sides(NamedTuple):
    """Slopes along coordinates, float64, one number for each.

    Attributes:
        ahead: (f(x + h eᵢ) - f(x)) / h.
        behind: (f(x) - f(x - h eᵢ)) / h.
        error: How far their mean may be off by what is known beforehand.
    """

    ahead: np.ndarray
    behind: np.ndarray
    error: np.ndarray

    @property
    def slope(self) -> np.ndarray:
        """The central slope: the mean of both sides."""
        return (self.ahead + self.behind) / 2

    @property
    def gap(self) -> np.ndarray:
        """By how much the sides differ: h f'' on a smooth curve, more at a kink."""
        return abs(self.ahead - self.behind)
