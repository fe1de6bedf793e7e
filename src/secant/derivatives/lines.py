"""Straight lines through a point, and the places on them where a function is asked.

Every derivative here is one along lines: a gradient along the axes, a Hessian along
the axes and the diagonals between two of them, a directional derivative along one
direction. On each, the function is one of a single number, `g(t) = f(x + t d)`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secant.derivatives.validation import Floats, entry_name

Numbers = NDArray[np.intp]

EPSILON = float(np.finfo(float).eps)

FIRST_STEP = 0.25
"""Of the first nudge, in units of a coordinate's own scale."""

GROWTH = 4.0
"""By how much the first step is surpassed, at most, where noise asks for that."""

SHAKE = 2.0**-28
"""Of a coordinate's own scale: how far one goes to see other roundings.

Some floats away cos(0.01) is the same; so near, second differences of f are not seen.
"""


@dataclass(frozen=True)
class Lines:
    """Lines `x + t d`, most of whose directions are 0 almost everywhere.

    Attributes:
        x: The point, with one dimension.
        shape: That of the points that f is given; None where each entry of `x` is a
            place of its own, as for `derivative`.
        entries: For each line the entries of `x` that move, (lines, moving).
        directions: By how much for t = 1, of the same shape.
        first: For each line the step to begin with, in units of t.
        reach: For each line the longest step that makes sense.
    """

    x: Floats
    shape: tuple[int, ...] | None
    entries: Numbers
    directions: Floats
    first: Floats
    reach: Floats

    def __len__(self) -> int:
        """How many lines there are."""
        return len(self.first)

    def __getitem__(self, which: Any) -> "Lines":
        """Some of the lines."""
        return Lines(
            self.x,
            self.shape,
            self.entries[which],
            self.directions[which],
            self.first[which],
            self.reach[which],
        )

    def moved(self, which: Numbers, t: Floats) -> Floats:
        """The entries that move, at places on lines: (places, moving)."""
        step = t[:, np.newaxis] * self.directions[which]
        return self.x[self.entries[which]] + step

    def stack(self, which: Numbers, t: Floats) -> Floats:
        """Places in one array: (places, *shape)."""
        moved = self.moved(which, t)
        if self.shape is None:
            return moved[:, 0]
        points = np.tile(self.x.astype(moved.dtype), (len(which), 1))
        np.put_along_axis(points, self.entries[which], moved, axis=1)
        return points.reshape(-1, *self.shape)

    def where(self, line: int, t: float) -> str:
        """A place in words."""
        entries = self.entries[line]
        moved = self.x[entries] + t * self.directions[line]
        if self.shape is None:
            return f"where x is {float(moved[0])!r}"
        named = [
            f"{entry_name(int(entry), self.shape)} is {float(value)!r}"
            for entry, value in zip(entries[:3], moved, strict=False)
        ]
        if len(entries) > len(named):
            named.append("…")
        return f"where {', '.join(named)}"

    def went(self, t: Floats) -> Floats:
        """How far rounding lets each line go for a step `t` of its own.

        `x + t` is rounded. Along one coordinate the way that is really gone is known,
        and a quotient with it loses nothing; along several each is rounded apart.
        """
        if self.entries.shape[1] != 1:
            return t
        at = self.x[self.entries[:, 0]]
        d = self.directions[:, 0]
        return ((at + t * d) - at) / d

    def rounding(self) -> Floats:
        """By how much, in units of t, rounding the places may shift them: ε |x / d|."""
        d = np.where(self.directions == 0, np.inf, abs(self.directions))
        return EPSILON * (abs(self.x[self.entries]) / d).max(axis=1)

    def room(self, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
        """How far one may go back and ahead along each line within bounds."""
        at, d = self.x[self.entries], self.directions
        down, up = lower[self.entries] - at, upper[self.entries] - at
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = np.stack([down / d, up / d])
        ends[:, d == 0] = np.array([[-np.inf], [np.inf]])
        back, ahead = ends.min(axis=0), ends.max(axis=0)
        return -back.max(axis=1), ahead.min(axis=1)


class Places(Sequence[Any]):
    """Places on lines, each a new array, made when it is asked for.

    All at once they would be as many arrays of x's size. There may be 40,000: what can
    be done for all of them at once is.
    """

    def __init__(self, lines: Lines, which: Numbers, t: Floats) -> None:
        moved = lines.moved(which, t)
        self._x = lines.x.astype(moved.dtype)
        self._shape = lines.shape
        single = moved.shape[1] == 1
        self._moved = moved[:, 0].tolist() if single else list(moved)
        entries = lines.entries[which]
        self._entries = entries[:, 0].tolist() if single else list(entries)

    def __len__(self) -> int:
        """How many places there are."""
        return len(self._moved)

    def __getitem__(self, index: Any) -> Any:
        """One of them, or a list of some."""
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        if self._shape is None:
            return self._moved[index]
        point = self._x.copy()
        point[self._entries[index]] = self._moved[index]
        return point.reshape(self._shape)


def scale(x: Floats) -> Floats:
    """The length over which a function is expected to bend: log(1 + |x|), 1 for 0.

    Below 1 it is |x| itself, so that the first step leaves the sign of `x`; far above
    it grows slowly, as nothing says that a sine at 10⁶ is a slow one. What is below
    1e-15 is taken for a 0 that rounding has left.
    """
    # Never so short that x + h has few digits of h.
    least = 2.0**12 * np.spacing(abs(x))
    return np.where(abs(x) < 1e-15, 1.0, np.maximum(np.log1p(abs(x)), least))


def axes(x: Floats, step: Floats | None) -> Lines:
    """The lines along each coordinate of `x`."""
    flat = x.ravel()
    first = FIRST_STEP * scale(flat) if step is None else step.ravel()
    reach = GROWTH * first
    if step is None:
        # A coordinate may be tiny by chance, or so large that the step is a small part
        # of it: steps of its own size might show nothing.
        reach = np.maximum(reach, FIRST_STEP * np.maximum(1.0, abs(flat)))
    entries = np.arange(flat.size, dtype=np.intp)[:, np.newaxis]
    return Lines(flat, x.shape, entries, np.ones((flat.size, 1)), first, reach)


def places(x: Floats, step: Floats | None) -> Lines:
    """A line for each entry of `x`, which f is given alone."""
    along = axes(x, step)
    return replace(along, shape=None)


def ray(x: Floats, direction: Floats, step: Floats | None) -> Lines:
    """The one line along a direction."""
    flat, d = x.ravel(), direction.ravel()
    if step is None:
        moving = d != 0
        ways = scale(flat[moving]) / abs(d[moving])
        first = FIRST_STEP * (ways.min() if ways.size else 1.0)
    else:
        first = step.ravel()[0]
    entries = np.arange(flat.size, dtype=np.intp)[np.newaxis]
    steps = np.array([first], float)
    return Lines(flat, x.shape, entries, d[np.newaxis], steps, GROWTH * steps)


def mixtures(along: Lines, inward: Numbers | None = None) -> tuple[Lines, Floats]:
    """Four lines in random directions, and what they are made of: (4, axes).

    The derivative along one is the sum of those along the axes, so weighted: in the
    first two each coordinate by its own size, in the others all alike.

    Args:
        along: The axes.
        inward: 1 or -1 for each axis that is to be followed to that end alone.
    """
    draw = np.random.default_rng(0)
    signs = draw.choice([-1, 1], (4, len(along)))
    if inward is not None:
        signs = np.where(inward, inward, signs)
    sizes = np.repeat([along.first, np.full(len(along), along.first.max())], 2, axis=0)
    weights = signs * draw.uniform(0.5, 1.0, signs.shape) * sizes
    entries = np.tile(along.entries[:, 0], (4, 1))
    steps = np.ones(4)
    mixed = Lines(along.x, along.shape, entries, weights, steps, GROWTH * steps)
    return mixed, weights


def shaken(
    lines: Lines, times: int, epsilon: float, lower: Floats, upper: Floats
) -> Lines:
    """The same lines through a point that is some roundings away, within bounds.

    Args:
        lines: The lines.
        times: How many equal ways, of whole floats, to go from the point.
        epsilon: One rounding of f's arithmetic, relative.
        lower: Bounds of each entry of x, or of all.
        upper: The same.
    """
    draw = np.random.default_rng(0)
    signs, sizes = draw.choice([-1, 1], lines.x.shape), draw.uniform(0.5, 1)
    apart = max(SHAKE, min(64 * epsilon, epsilon**0.6)) * sizes * scale(lines.x)
    # Of so many floats that every place is one, above a power of 2, too.
    unit = 2 * np.spacing(np.maximum(abs(lines.x), apart))
    way = unit * np.maximum(32, np.round(apart / unit))
    # Away from a bound that is near.
    far = 4 * way
    signs = np.where(
        lines.x + far > upper, -1, np.where(lines.x - far < lower, 1, signs)
    )
    return replace(lines, x=np.clip(lines.x + times * signs * way, lower, upper))


def diagonals(along: Lines, inward: Numbers) -> Lines:
    """The lines that lead halfway between each two of the axes.

    Args:
        along: The axes.
        inward: 1 or -1 for each of them: to which end there is more room; or 0.
    """
    one, other = np.triu_indices(len(along), 1)
    ways = np.where(inward, inward, 1) * along.first
    return Lines(
        along.x,
        along.shape,
        np.stack([one, other], axis=1),
        np.stack([ways[one], ways[other]], axis=1),
        np.ones(len(one)),
        np.full(len(one), GROWTH),
    )
