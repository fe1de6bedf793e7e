"""The context of a check: a gradient, the slopes of its function, and their point."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from secant.checking.point import Point, as_float64, in_kind_of
from secant.checking.precision import Precision
from secant.checking.slope_source import OneSidedSlopes, SlopeQuery, SlopeSource

TINY = float(np.finfo(np.float64).tiny)
"""The smallest normal number: what a tolerance is at least where it divides."""

GradientFunction = Callable[[Sequence[Any]], list[np.ndarray]]
"""A gradient: all leaves in, an array for each leaf of floats out."""


@dataclass(frozen=True)
class CheckContext:
    """A gradient and the slopes of its function, to be compared at one point.

    Attributes:
        point: Where.
        source: Where slopes come from.
        function: The gradient as a function of the leaves; None if only its values at
            the point are known.
        values: The values of the gradient at the point.
        reference: A function that is rounded as the gradient is: the gradient itself;
            where only values are known, JAX's own, if there is one.
        value: What the function returned.
        rng: Draws shifts of x, and directions.
        progress: Called with how many coordinates were nudged since the last call.
    """

    point: Point
    source: SlopeSource
    function: GradientFunction | None
    values: list[np.ndarray]
    reference: GradientFunction | None
    value: float
    rng: np.random.Generator
    progress: Callable[[int], object] = lambda done: None

    @cached_property
    def precision(self) -> Precision:
        """The precision of the coarsest dtype of the program."""
        return Precision.of(self.source.dtype)

    def nudge_sizes(self, leaf: int) -> np.ndarray:
        """The size of each coordinate of the flattened leaf, for its nudge."""
        return self.point.nudge_sizes(leaf, TINY).ravel()

    def one_sided_slopes(
        self,
        leaf: int,
        indices: np.ndarray,
        *,
        shrink: float = 1.0,
        progress: Callable[[int], object] = lambda done: None,
    ) -> OneSidedSlopes:
        """The one-sided slopes at the point, and how far they may be off.

        A change that underflows on its way is multiplied by all that would have
        followed: by the largest slope at most, as a guess.
        """
        query = SlopeQuery(leaf, indices, self.point.leaves, shrink, progress)
        found = self.source.one_sided(query)
        if not self.source.exact:
            return found
        values = np.concatenate([np.ravel(gradient) for gradient in self.values])
        largest = float(abs(values[np.isfinite(values)]).max(initial=0.0))
        return found._replace(error=found.error * max(1.0, largest))

    def largest_slope(self) -> float:
        """The largest slope times its x."""
        scales = [self.point.scales(i) for i in range(len(self.values))]
        return max(
            float(abs(np.where(np.isfinite(g), g * x, 0.0)).max(initial=0.0))
            for g, x in zip(self.values, scales, strict=True)
            if g.shape == x.shape
        )

    def random_direction(self) -> list[np.ndarray]:
        """A random array for each leaf of floats, uniform from -1 to 1."""
        shapes = [np.shape(self.point.leaves[i]) for i in self.point.real]
        return [self.rng.uniform(-1, 1, shape) for shape in shapes]

    def in_float64(self, factor: float) -> list[Any]:
        """All leaves, those of floats in float64 and multiplied."""
        return self.point.with_real(
            [
                in_kind_of(leaf, factor * as_float64(leaf))
                for leaf in (self.point.leaves[i] for i in self.point.real)
            ]
        )
