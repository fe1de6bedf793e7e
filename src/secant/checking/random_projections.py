"""Random projections: slopes of a large leaf along random directions, and a search.

    Σᵢ gᵢ vᵢ    against    (f(x + h v) - f(x - h v)) / 2h,    vᵢ = ± the size of xᵢ

One direction v tests all coordinates at once. If the gradient is off by eᵢ, the two
sides differ by Σᵢ eᵢ vᵢ. The random signs make that a sum with the standard deviation
√Σ (eᵢ vᵢ)², so that errors rarely cancel, and never in several directions; one error
alone shows with its whole size in every direction. Rounding adds up in the same way: n
right terms of one size are off by √n roundings of one term, relative to which an error
in a single coordinate has to stand out. The report says how large it must be.

Where the sides differ, the faults are found by bisection, into eight parts instead of
two. A part is tested along a random direction that is 0 outside it; the parts that
differ are cut again, down to 32 coordinates, which are then nudged one by one. One
fault among n coordinates takes 8 log₈(n / 32) directions: 40 of a million.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from secant.checking.context import CheckContext
from secant.checking.propagated import PropagatedSlopes
from secant.checking.report import Entry, LeafReport
from secant.checking.rounding import rounding_spread
from secant.checking.verdict import Verdict, judge

DIRECTIONS = 8
"""The number of random directions of a test."""

# Into how many parts a group that differs is cut.
_PARTS = 8

# A group of this size is compared coordinate by coordinate.
_SMALL_GROUP = 32

# The search ends after so many directions, or with so many small groups: a gradient
# that is wrong everywhere need not be found wrong everywhere.
_MAX_DIRECTIONS = 400
_MAX_GROUPS = 4

_TINY = 1e-300


@dataclass
class _Projections:
    """A leaf, and how far a projection of its gradient may be off.

    Attributes:
        check: The check.
        source: Its source of slopes, along any direction.
        leaf: Which leaf of floats.
        scales: The sizes of its coordinates.
        spread: The largest measured spread of rounding, relative to the tolerance.
    """

    check: CheckContext
    source: PropagatedSlopes
    leaf: int
    scales: np.ndarray
    spread: float = 0.0

    def random_direction(self) -> np.ndarray:
        return self.scales * self.check.rng.choice([-1.0, 1.0], len(self.scales))

    def gradient_and_slope(
        self, direction: np.ndarray, leaves: Sequence[Any] | None = None
    ) -> tuple[float, float]:
        """The projected gradient and the slope, along a direction in this leaf."""
        check = self.check
        values = check.values
        if leaves is not None and check.reference:
            values = check.reference(leaves)
        moves = [
            np.zeros(np.shape(check.point.leaves[place])) for place in check.point.real
        ]
        moves[self.leaf] = direction.reshape(moves[self.leaf].shape)
        gradient = float(values[self.leaf].ravel() @ direction)
        return gradient, self.source.along_direction(moves, leaves)

    def tolerance(self, direction: np.ndarray) -> float:
        """The roundings of all terms, each of them as likely up as down."""
        terms = self.check.values[self.leaf].ravel() * direction
        return self.check.precision.tolerance * float(np.sqrt(terms @ terms))

    def differs(self, direction: np.ndarray) -> bool:
        """Whether gradient and slope differ along a direction, rounding included."""
        gradient, slope = self.gradient_and_slope(direction)
        return abs(gradient - slope) > (1 + self.spread) * self.tolerance(direction)

    def measure(self) -> list[Entry]:
        """Several random directions, each an entry as if it was a coordinate."""
        name = f"{self.check.point.names[self.check.point.real[self.leaf]]} · v"
        found = []
        for _ in range(DIRECTIONS):
            direction = self.random_direction()
            gradient, slope = self.gradient_and_slope(direction)
            error = tolerance = self.tolerance(direction)
            if not abs(gradient - slope) <= tolerance:
                pair = partial(self.gradient_and_slope, direction)
                spread = float(rounding_spread(self.check, pair))
                self.spread = max(self.spread, spread / max(tolerance, _TINY))
                tolerance += spread
            found.append(Entry(name, gradient, slope, error, tolerance, slope, slope))
            self.check.progress(len(self.scales) // DIRECTIONS)
        return found

    def wrong_groups(self) -> list[np.ndarray]:
        """Small groups of coordinates that differ: the first few that are found."""
        stack = [np.arange(len(self.scales))]
        found: list[np.ndarray] = []
        directions = 0
        while stack and directions < _MAX_DIRECTIONS and len(found) < _MAX_GROUPS:
            # The deepest group first: a few coordinates that are named help more than
            # all halves known to be wrong.
            group = stack.pop()
            if len(group) <= _SMALL_GROUP:
                found.append(group)
                continue
            for part in np.array_split(group, _PARTS):
                direction = np.zeros(len(self.scales))
                direction[part] = self.random_direction()[part]
                directions += 1
                if self.differs(direction):
                    stack.append(part)
        return found


def project(check: CheckContext, leaf: int, source: PropagatedSlopes) -> LeafReport:
    """The report on a leaf by random directions, and on the faults that they find."""
    gradient = check.values[leaf].ravel()
    not_finite = np.flatnonzero(~np.isfinite(gradient))
    if len(not_finite):
        return LeafReport.of(check, leaf, judge(check, leaf, not_finite[:_SMALL_GROUP]))
    scales = check.point.scales(leaf).ravel()
    projections = _Projections(check, source, leaf, scales)
    found = projections.measure()
    hidden = max(one.tolerance for one in found) / float(np.median(scales))
    reason = (
        f"{DIRECTIONS} random directions through all {len(scales):,}; they cannot see "
        f"errors in single coordinates below {hidden:.1g}, nor errors that cancel in "
        "all of them"
    )
    if not any(abs(one.gradient - one.slope) > one.tolerance for one in found):
        # The largest coordinates are nudged by themselves all the same.
        largest = np.sort(np.argsort(-abs(gradient))[:_SMALL_GROUP])
        return LeafReport.of(check, leaf, judge(check, leaf, largest), reason)
    groups = projections.wrong_groups()
    indices = np.unique(np.concatenate(groups)) if groups else np.arange(0)
    report = LeafReport.of(check, leaf, judge(check, leaf, indices), reason)
    if report.wrong:
        return report
    # Wrong along directions, but in no coordinate by so much that it shows there.
    worst = max(found, key=lambda one: abs(one.gradient - one.slope) / one.tolerance)
    return replace(report, verdict=Verdict.WRONG, worst=worst)
