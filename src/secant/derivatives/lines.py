"""Lines through a point, and the points on them where a function is evaluated.

Every derivative here is one along lines: a gradient along the axes, a Hessian along
the axes and the diagonals between two of them, a directional derivative along one
direction. On a line the function depends on one number: `g(t) = f(x + t d)`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secant.derivatives.validation import Floats, entry_name

Indices = NDArray[np.intp]

EPSILON = float(np.finfo(float).eps)

INITIAL_STEP_RATIO = 0.25
"""Initial step, in units of the scale of its coordinate."""

MAX_STEP_RATIO = 4.0
"""Largest step, in units of the initial one."""

TINY = 1e-100
"""Size below which a coordinate counts as 0."""

PERTURBED_STEPS = (1.0, 1.4142135623730951, 1.718281828459045, 1.2599210498948732)
"""Steps at a point and beside it, in units of the first: no sums of each other."""

MIN_PERTURBATION = 2.0**-28
"""Least perturbation that reveals rounding, in units of the scale of a coordinate.

A few floats away, cos(0.01) is the same number. At 2⁻²⁸, second differences of f's
curvature are still far below rounding.
"""


@dataclass(frozen=True)
class Lines:
    """Lines `x + t d`. Most directions are 0 in almost every entry.

    Attributes:
        x: The point, with one dimension.
        shape: The shape of the points that f is given; None where f is given each
            entry of `x` alone, as for `derivative`.
        entries: For each line the entries of `x` that move, (lines, moving).
        directions: By how much they move for t = 1, of the same shape.
        initial_step: For each line the step to begin with, in units of t.
        max_step: For each line the longest step that makes sense.
    """

    x: Floats
    shape: tuple[int, ...] | None
    entries: Indices
    directions: Floats
    initial_step: Floats
    max_step: Floats

    def __len__(self) -> int:
        """The number of lines."""
        return len(self.initial_step)

    def __getitem__(self, which: Any) -> "Lines":
        """Some of the lines."""
        return Lines(
            self.x,
            self.shape,
            self.entries[which],
            self.directions[which],
            self.initial_step[which],
            self.max_step[which],
        )

    def displaced(self, which: Indices, t: Floats) -> Floats:
        """The moving entries at points on lines: (points, moving)."""
        step = t[:, np.newaxis] * self.directions[which]
        return self.x[self.entries[which]] + step

    def points(self, which: Indices, t: Floats) -> "Points":
        """Points on lines, for one after the other."""
        displaced = self.displaced(which, t)
        entries, x = self.entries[which], self.x.astype(displaced.dtype)
        if displaced.shape[1] != 1:
            return Points(x, self.shape, list(entries), list(displaced))
        return Points(x, self.shape, entries[:, 0].tolist(), displaced[:, 0].tolist())

    def stacked(self, which: Indices, t: Floats) -> Floats:
        """Points on lines in one array: (points, *shape)."""
        displaced = self.displaced(which, t)
        if self.shape is None:
            return displaced[:, 0]
        points = np.tile(self.x.astype(displaced.dtype), (len(which), 1))
        np.put_along_axis(points, self.entries[which], displaced, axis=1)
        return points.reshape(-1, *self.shape)

    def together(self) -> "Lines":
        """The one line along which all these move, each by its initial step for t = 1.

        Where each is the line of a point of its own, the first of them.
        """
        if self.shape is None or len(self) == 1:
            first = self[:1]
            return replace(
                first,
                directions=first.directions * first.initial_step,
                initial_step=np.ones(1),
                max_step=first.max_step / first.initial_step,
            )
        moved = np.zeros(len(self.x))
        np.add.at(moved, self.entries, self.directions * self.initial_step[:, None])
        return Lines(
            self.x,
            self.shape,
            np.arange(len(moved), dtype=np.intp)[np.newaxis],
            moved[np.newaxis],
            np.ones(1),
            (self.max_step / self.initial_step).min(keepdims=True),
        )

    def describe(self, line: int, t: float) -> str:
        """A point on a line in words."""
        entries = self.entries[line]
        displaced = self.x[entries] + t * self.directions[line]
        if self.shape is None:
            return f"where x is {float(displaced[0])!r}"
        named = [
            f"{entry_name(int(entry), self.shape)} is {float(value)!r}"
            for entry, value in zip(entries[:3], displaced, strict=False)
        ]
        if len(entries) > len(named):
            named.append("…")
        return f"where {', '.join(named)}"

    def representable_step(self, t: Floats) -> Floats:
        """The step that rounding makes of `t`, one for each line.

        `x + t` is rounded. Along one coordinate the difference is known, and a quotient
        divided by it loses nothing. Along several, each rounds by itself.
        """
        if self.entries.shape[1] != 1:
            return t
        at = self.x[self.entries[:, 0]]
        d = self.directions[:, 0]
        return ((at + t * d) - at) / d

    def rounding_shift(self) -> Floats:
        """The largest rounding error of a point, in units of t: ε |x / d|."""
        d = np.where(self.directions == 0, np.inf, abs(self.directions))
        return EPSILON * (abs(self.x[self.entries]) / d).max(axis=1)

    def distance_to_bounds(self, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
        """The distance of the point to the bounds, behind and ahead on each line."""
        at, d = self.x[self.entries], self.directions
        down, up = lower[self.entries] - at, upper[self.entries] - at
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = np.stack([down / d, up / d])
        ends[:, d == 0] = np.array([[-np.inf], [np.inf]])
        back, ahead = ends.min(axis=0), ends.max(axis=0)
        return -back.max(axis=1), ahead.min(axis=1)


class Points(Sequence[Any]):
    """Points on lines, each a new array that is made when it is asked for.

    A gradient may need 40,000 of them; as a list they would be as many arrays of x's
    size.

    Args:
        x: The point on all lines, with one dimension.
        shape: The shape of the points; None where each is its moving entry alone.
        entries: For each point the entry of `x` that moved, or an array of them.
        displaced: What it is there.
    """

    def __init__(
        self,
        x: Any,
        shape: tuple[int, ...] | None,
        entries: Sequence[Any],
        displaced: Sequence[Any],
    ) -> None:
        self._x, self._shape = x, shape
        self._entries, self._displaced = entries, displaced

    def __len__(self) -> int:
        """The number of points."""
        return len(self._displaced)

    def __getitem__(self, index: Any) -> Any:
        """A point for an index, a list of points for a slice."""
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        if self._shape is None:
            return self._displaced[index]
        point = self._x.copy()
        point[self._entries[index]] = self._displaced[index]
        return point.reshape(self._shape)


def scale(x: Floats) -> Floats:
    """The length over which a function is expected to bend: log(1 + |x|), 1 for 0.

    Below 1 it is about |x| itself, so that the first step keeps the sign of `x`. Far
    above 1 it grows slowly: a sine at 10⁶ need not be a slow one. Charges and times of
    atoms are as small as 1e-35, and have a scale of their own; below `TINY`, numbers
    count as 0.
    """
    size = abs(x)
    # Never so short that x + h keeps few digits of h.
    least = 2.0**12 * np.spacing(size)
    return np.where(size < TINY, 1.0, np.maximum(np.log1p(size), least))


def _noisy_step(x: Floats) -> Floats:
    """How long a step may be where noise hides all of a coordinate's own size.

    A coordinate may be tiny by chance, or so large that the initial step is a small
    part of it.
    """
    longest: Floats = INITIAL_STEP_RATIO * np.maximum(1.0, abs(x))
    return longest


def axes(x: Floats, step: Floats | None) -> Lines:
    """The lines along each coordinate of `x`."""
    return _along_coordinates(x, step, x.shape)


def elementwise_lines(x: Floats, step: Floats | None) -> Lines:
    """A line for each entry of `x`, where f is given that entry alone."""
    return _along_coordinates(x, step, None)


def _along_coordinates(
    x: Floats, step: Floats | None, shape: tuple[int, ...] | None
) -> Lines:
    flat = x.ravel()
    initial = INITIAL_STEP_RATIO * scale(flat) if step is None else step.ravel()
    max_step = MAX_STEP_RATIO * initial
    if step is None:
        max_step = np.maximum(max_step, _noisy_step(flat))
    entries = np.arange(flat.size, dtype=np.intp)[:, np.newaxis]
    return Lines(flat, shape, entries, np.ones((flat.size, 1)), initial, max_step)


def along_direction(x: Floats, direction: Floats, step: Floats | None) -> Lines:
    """The one line along a direction."""
    flat, d = x.ravel(), direction.ravel()
    moving = d != 0
    if step is not None or not moving.any():
        initial = INITIAL_STEP_RATIO if step is None else step.ravel()[0]
        max_step = MAX_STEP_RATIO * initial
    else:
        at, rate = flat[moving], abs(d[moving])
        initial = INITIAL_STEP_RATIO * (scale(at) / rate).min()
        max_step = max(MAX_STEP_RATIO * initial, (_noisy_step(at) / rate).min())
    entries = np.arange(flat.size, dtype=np.intp)[np.newaxis]
    steps = np.array([initial, max_step], float)
    return Lines(flat, x.shape, entries, d[np.newaxis], steps[:1], steps[1:])


def random_probes(along: Lines, inward: Indices | None = None) -> tuple[Lines, Floats]:
    """Four lines in random directions, and their weights on the axes: (4, axes).

    The derivative along one is the weighted sum of those along the axes. In the first
    two lines each coordinate moves by its own initial step, in the others all alike.

    Args:
        along: The axes.
        inward: 1 or -1 for each axis that may only move to that side.
    """
    draw = np.random.default_rng(0)
    signs = draw.choice([-1, 1], (4, len(along)))
    if inward is not None:
        signs = np.where(inward, inward, signs)
    initial = along.initial_step
    sizes = np.repeat([initial, np.full(len(along), initial.max())], 2, axis=0)
    weights = signs * draw.uniform(0.5, 1.0, signs.shape) * sizes
    entries = np.tile(along.entries[:, 0], (4, 1))
    steps = np.ones(4)
    probes = Lines(
        along.x, along.shape, entries, weights, steps, MAX_STEP_RATIO * steps
    )
    return probes, weights


def perturbed(
    lines: Lines, times: int, epsilon: float, lower: Floats, upper: Floats
) -> Lines:
    """The same lines through a point some roundings away, within bounds.

    Their steps are others, too: where large terms cancel that are linear in the step,
    the same step is rounded alike at all points nearby.

    Args:
        lines: The lines.
        times: How many equal distances to move; each point is made of whole floats.
        epsilon: The relative rounding error of f's arithmetic.
        lower: Bounds of each entry of x, or of all.
        upper: The same.
    """
    draw = np.random.default_rng(0)
    signs, sizes = draw.choice([-1, 1], lines.x.shape), draw.uniform(0.5, 1)
    ratio = max(MIN_PERTURBATION, min(64 * epsilon, epsilon**0.6))
    apart = ratio * sizes * scale(lines.x)
    # Whole floats, so that the distances are exactly equal; twice the spacing, since
    # it doubles above a power of 2.
    unit = 2 * np.spacing(np.maximum(abs(lines.x), apart))
    distance = unit * np.maximum(32, np.round(apart / unit))
    # Away from a bound that is near.
    far = 4 * distance
    signs = np.where(
        lines.x + far > upper, -1, np.where(lines.x - far < lower, 1, signs)
    )
    return replace(
        lines,
        x=np.clip(lines.x + times * signs * distance, lower, upper),
        initial_step=lines.initial_step * PERTURBED_STEPS[times],
    )


def diagonals(along: Lines, inward: Indices) -> Lines:
    """The lines halfway between each two of the axes.

    Args:
        along: The axes.
        inward: 1 or -1 for each: the side with more room; 0 where both have as much.
    """
    one, other = np.triu_indices(len(along), 1)
    lengths = np.where(inward, inward, 1) * along.initial_step
    return Lines(
        along.x,
        along.shape,
        np.stack([one, other], axis=1),
        np.stack([lengths[one], lengths[other]], axis=1),
        np.ones(len(one)),
        np.full(len(one), MAX_STEP_RATIO),
    )
