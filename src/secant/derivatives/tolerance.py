"""The accuracy of derivatives along lines: the target, the estimates, the outcome."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from secant.derivatives.validation import Floats

DEFAULT_RTOL = 1e-12
"""Default relative tolerance, where none is given: cheap, and enough for most."""

RMS_OF_ROUNDING = 0.3
"""Standard deviation of the rounding to a grid, in units of its spacing: 1/√12."""


class Outcome(IntEnum):
    """The outcome of a line, the worst last."""

    CONVERGED = 0
    ROUNDING = 1
    NOISE = 2
    BUDGET = 3
    KINK = 4
    DIVERGED = 5


@dataclass
class Accuracy:
    """The requested accuracy, and the known errors of f's values.

    Attributes:
        tolerance: Relative to `scale`; None for `DEFAULT_RTOL`.
        sigma: Standard deviation of f's noise, for each of its entries.
        may_measure_noise: Whether noise may be measured where differences look noisy.
        may_find_grid: Whether it may be looked for a grid of f's values.
        may_find_plateaus: Whether it may be looked for plateaus of f.
        per_line: Whether each line has a scale of its own.
        scale: The largest derivative so far, of lines that share one.
        per_entry: Whether each of f's entries is a scale of its own, too.
        resolution: The spacing of f's values or the height of its plateaus, as far as
            they are known; 0 for none.
    """

    tolerance: float | None
    sigma: Floats
    may_measure_noise: bool
    may_find_grid: bool
    may_find_plateaus: bool
    per_line: bool
    scale: float = 0.0
    per_entry: bool = False
    resolution: float = 0.0

    def learn(self, spacing: Floats) -> bool:
        """Takes the rounding of f's values to a grid for a noise of theirs.

        Args:
            spacing: Of the grid, for each entry of f; 0 for none.

        Returns:
            Whether that is more noise than was known.
        """
        sigma = RMS_OF_ROUNDING * spacing
        is_new = bool((sigma > self.sigma).any())
        self.sigma = np.maximum(self.sigma, sigma)
        self.resolution = max(self.resolution, float(spacing.max(initial=0.0)))
        return is_new

    def targets(self, value: Floats) -> Floats:
        """The error to reach, for each line and entry."""
        sizes: Floats = abs(value)
        largest: Floats = sizes.max(axis=1, initial=0.0, keepdims=True)
        if not self.per_line:
            self.scale = max(self.scale, float(largest.max(initial=0.0)))
            largest = np.full_like(largest, self.scale)
        if not self.per_entry:
            sizes = np.broadcast_to(largest, value.shape)
        else:
            # An entry with slope 0 beside others that are not needs no accuracy.
            sizes = np.where((sizes == 0) & (largest > 0), np.inf, sizes)
        return (DEFAULT_RTOL if self.tolerance is None else self.tolerance) * sizes


@dataclass
class LineDerivatives:
    """Derivatives along lines, each of shape (lines, entries of f).

    Attributes:
        value: The derivatives.
        error: Estimates of their errors.
        step: The shortest step that each is made of.
        outcome: How each line ended: an `Outcome` as a float.
    """

    value: Floats
    error: Floats
    step: Floats
    outcome: Floats
