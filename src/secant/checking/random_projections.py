"""Very large leaves: slopes along random directions, and a search where they disagree.

    Σᵢ gᵢ vᵢ  against  (f(x + h v) - f(x - h v)) / 2h,      vᵢ = ± the size of xᵢ

One direction asks for all coordinates at once. Where the two disagree, the leaf is cut
into parts, and those that disagree into parts again, until single coordinates are
left: a fault in one of 10⁶ takes some twenty questions more. What errors of single
coordinates are too small to be seen among all is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from secant.checking.context import Case
from secant.checking.propagated import CarriedSlopes
from secant.checking.report import Entry, LeafReport, Verdict
from secant.checking.verdict import examine, judge

DIRECTIONS = 8
"""How many random directions are asked."""

# Into how many parts a group that disagrees is cut.
_PARTS = 8

# A group this small is looked at coordinate by coordinate.
_SMALL = 32

# How many groups are asked at most, and how many are opened: what is wrong everywhere
# need not be found everywhere.
_QUESTIONS = 400
_OPENED = 4


@dataclass
class _Projections:
    """A leaf, and how far a projection of its gradient may be off."""

    case: Case
    slopes: CarriedSlopes
    leaf: int
    scales: np.ndarray
    ratio: float = 0.0

    def direction(self) -> np.ndarray:
        return self.scales * self.case.draw.choice([-1.0, 1.0], len(self.scales))

    def ask(
        self, direction: np.ndarray, leaves: Sequence[Any] | None = None
    ) -> tuple[float, float]:
        """Claim and secant along a direction in this leaf."""
        case = self.case
        claimed = case.claimed
        if leaves is not None and case.like:
            claimed = case.like(leaves)
        moves = [
            np.zeros(np.shape(case.point.leaves[place])) for place in case.point.real
        ]
        moves[self.leaf] = direction.reshape(moves[self.leaf].shape)
        claim = float(claimed[self.leaf].ravel() @ direction)
        return claim, self.slopes.along(moves, leaves)

    def apart(self, direction: np.ndarray) -> float:
        """Claim less secant."""
        claim, slope = self.ask(direction)
        return claim - slope

    def roundings(self, direction: np.ndarray) -> float:
        """Roundings of the terms, each as likely up as down."""
        terms = self.case.claimed[self.leaf].ravel() * direction
        return self.case.tolerance * float(np.sqrt(terms @ terms))

    def measure(self) -> list[Entry]:
        """Each direction as if it was a coordinate."""
        name = f"{self.case.point.names[self.case.point.real[self.leaf]]} · v"
        found = []
        for _ in range(DIRECTIONS):
            direction = self.direction()
            claim, slope = self.ask(direction)
            error = tolerance = self.roundings(direction)
            if not abs(claim - slope) <= tolerance:
                spread = float(self.case.scatter(partial(self.ask, direction)))
                self.ratio = max(self.ratio, spread / max(tolerance, 1e-300))
                tolerance += spread
            found.append(Entry(name, claim, slope, error, tolerance, slope, slope))
            self.case.tell(len(self.scales) // DIRECTIONS)
        return found

    def groups(self) -> list[np.ndarray]:
        """The small groups of coordinates that disagree, the first few."""
        queue = [np.arange(len(self.scales))]
        opened: list[np.ndarray] = []
        questions = 0
        while queue and questions < _QUESTIONS and len(opened) < _OPENED:
            # The deepest first: a few coordinates named are worth more than all
            # halves known to be wrong.
            group = queue.pop()
            if len(group) <= _SMALL:
                opened.append(group)
                continue
            for part in np.array_split(group, _PARTS):
                direction = np.zeros(len(self.scales))
                direction[part] = self.direction()[part]
                tolerance = (1 + self.ratio) * self.roundings(direction)
                questions += 1
                if abs(self.apart(direction)) > tolerance:
                    queue.append(part)
        return opened


def project(
    case: Case, leaf: int, slopes: CarriedSlopes, others: tuple[np.ndarray, ...]
) -> LeafReport:
    """The verdict on a leaf by random directions, and the faults that they lead to."""
    claimed = case.claimed[leaf].ravel()
    bad = np.flatnonzero(~np.isfinite(claimed))
    if len(bad):
        return judge(case, leaf, examine(case, leaf, bad[:_SMALL]), others=others)
    scales = case.point.scales(leaf).ravel()
    projections = _Projections(case, slopes, leaf, scales)
    found = projections.measure()
    missed = [abs(one.gradient - one.slope) > one.tolerance for one in found]
    unseen = max(one.tolerance for one in found) / float(np.median(scales))
    reason = (
        f"{DIRECTIONS} random directions through all {len(scales):,}; they cannot see "
        f"errors in single coordinates below {unseen:.1g}, nor errors that cancel in "
        "all of them"
    )
    if not any(missed):
        # The largest coordinates are nudged by themselves all the same.
        first = np.sort(np.argsort(-abs(claimed))[:_SMALL])
        return judge(case, leaf, examine(case, leaf, first), reason=reason)
    groups = projections.groups()
    indices = np.unique(np.concatenate(groups)) if groups else np.arange(0)
    report = judge(
        case, leaf, examine(case, leaf, indices), reason=reason, others=others
    )
    if report.wrong:
        return report
    # Wrong along directions, though in no coordinate by so much that it shows there.
    worst = max(found, key=lambda one: abs(one.gradient - one.slope) / one.tolerance)
    return replace(report, verdict=Verdict.WRONG, worst=worst)
