"""The resolution of a function's values: the grid on which they lie.

A function that computes in float32, prints six digits, rounds to cents or counts
returns numbers of a grid, and its error is up to half of the grid's spacing. Nothing
smooth tells: quotients of such values may agree to the last digit by accident, on a
wrong slope or on 0. But a value of a grid is a short number, in binary or in decimal,
and a float64 that a smooth function returns is short by accident only:

    P(the last k of 53 bits are 0)          = 2⁻ᵏ
    P(d significant digits give the float)  ≈ 10^(d - 15.95)

So a few short values at points that are not short themselves name the grid.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from math import frexp, log2
from typing import Any

import numpy as np

from secant.derivatives.evaluation import Evaluation
from secant.derivatives.lines import Indices, Lines
from secant.derivatives.noise import PROBE_POINTS, ecnoise
from secant.derivatives.tolerance import RMS_OF_ROUNDING
from secant.derivatives.validation import Booleans, Floats

MIN_SURPRISE = 40.0
"""Bits by which the values are shorter than those of a smooth function, at least."""

FAR = (1.0, 4.0, 16.0)
"""Distances, in units of the longest step, that tell a constant from a plateau."""

GRID_PROBES = 2 + 2 * len(FAR)
"""Points at which f is asked once more, at most, to find the grid of its values."""

_PROBES = np.array([0.7071067811865476, -0.5773502691896258])
"""The points in units of a step: numbers that are not short."""

BISECTIONS = 12
"""Evaluations that tell a plateau of a staircase from one that ends in a ramp."""

WIDER = 16
"""Width over which a ramp changes so many times as much, in units of the last interval.

A jump stays what it is. The first bisections find the end of the plateau, from points
that may be far beyond it.
"""

_ON_THE_WAY = 0.61803398874989485
"""Place of one more point on the plateau, in units of the distance that is flat."""

_SPREAD = 1.6180339887498949
"""Distance of points whose scatter is measured, in units of that to the plateau's end.
"""

PLATEAU_PROBES = BISECTIONS + PROBE_POINTS + 4
"""Evaluations that the height of a plateau costs, at most."""

MIN_JUMP_SHARE = 1 / 3
"""A jump is more than this share of the change over the wider interval."""

MANY_ENTRIES = 64
"""Entries of f that are looked at, one by one, at every point."""

_DIGITS = 15.95
"""Decimal digits of a float64."""


def plateau_height(
    values_at: Callable[[float], Floats],
    centre: Floats,
    flat: float,
    changed: float,
    side: int = 0,
) -> Floats:
    """The height of the step in which f leaves a plateau, for each entry of f.

    Between a point on the plateau and one beyond, bisection finds the end of the
    plateau. Where f goes on from there like a ramp, as relu does, the change of f
    grows with the distance beyond. Where it jumps, it stays. (The changes that
    bisection met on its way do not tell: a ramp that begins just before the last point
    beyond the plateau has the same value there all the while.)

    Args:
        values_at: f's values, (entries,), at a distance from the point; NaN where f is
            not defined.
        centre: Those at the point.
        flat: A distance with the same values.
        changed: A longer one with other values, there or on the other side.
        side: The side of the point to stay on; 0 for both.

    Returns:
        The jump, 0 where there is none; more where points a plateau apart scatter more.

    Example:
        A sensor reads x in steps of 0.01, so that sin(x) jumps by 0.01 cos(x).

        >>> def values_at(t):
        ...     return np.atleast_1d(np.sin(np.round(1 + t, 2)))
        >>> plateau_height(values_at, values_at(0.0), 0.001, 0.03)
        array([0.0055...])
        >>> plateau_height(lambda t: np.fmax([t - 0.01], 0), np.zeros(1), 0.001, 0.03)
        array([0.])
    """
    before: Floats = centre
    after: Floats = values_at(changed)
    if (after == centre).all():  # then the values changed on the other side
        flat, changed = -flat, -changed
        after = values_at(changed)
    # A wave has equal values at a distance, too, and others on the way.
    is_flat: Booleans = values_at(_ON_THE_WAY * flat) == centre
    for _ in range(BISECTIONS):
        middle = (flat + changed) / 2
        values = values_at(middle)
        if (values == centre).all():
            flat, before = middle, values
        else:
            changed, after = middle, values
    jump: Floats = abs(after - before)
    beyond = values_at(flat + WIDER * (changed - flat))
    whole = np.fmax(jump, abs(beyond - before))  # f need not be defined beyond
    jump[~((jump > MIN_JUMP_SHARE * whole) & is_flat)] = 0.0  # where it is NaN, too
    if not jump.any():
        return jump
    # Where several coordinates are rounded, each has steps of its own: points that are
    # a plateau apart show all of them as noise.
    apart = _SPREAD * abs(changed)
    t = apart * (np.arange(PROBE_POINTS) - (0 if side else PROBE_POINTS // 2))
    spread = np.stack([values_at(float(one)) for one in t])
    if not np.isfinite(spread).all():
        return jump
    noise = [ecnoise(column) or 0.0 for column in spread.T]
    return np.maximum(jump, np.where(jump > 0, np.array(noise) / RMS_OF_ROUNDING, 0.0))


class GridSearch:
    """Looks for the grid of f's values, from those at the steps that are taken anyway.

    Where they seem to lie on one, f is asked at two more points that are not short
    numbers: x² at 3 ± 1/4 is short, too, and on no grid. Where f has one value at all
    steps, points further and further away tell a constant from a plateau.

    Args:
        f: The function.
        line: The line on which it is asked.
        side: The side of the point to stay on; 0 for both.
        centre: f at the point, (1, entries).
        step: Of the first two points.
        far: Steps to the points further away, rising.

    Attributes:
        decided: Whether the answer is known, so that more values tell nothing new.
    """

    def __init__(
        self,
        f: Evaluation,
        line: Lines,
        side: int,
        *,
        centre: Floats,
        step: float = 0.0,
        far: Sequence[float] = (),
    ) -> None:
        self._f, self._line, self._side = f, line, side
        self._centre, self._step = centre, step
        self._far = list(far)
        self._probed: list[tuple[float, Floats]] = []
        self.decided = False

    def spacing(
        self, ahead: Floats, behind: Floats, *, is_last: bool = False
    ) -> Floats:
        """The spacing of the grid for each entry of f, as far as the values tell.

        Args:
            ahead: The values so far on one side of the point, (points, entries).
            behind: Those on the other side.
            is_last: Whether no more values come where they have not changed yet.

        Returns:
            The spacing, or the height of the plateau that the point is on; 0 for none.
        """
        seen = np.concatenate([self._centre, ahead, behind])
        spacing = grid_spacing(seen)
        flat, seems = _is_one_value(seen), spacing > 0
        if seems.any() and not self._probed:
            self._probe(self._step)
        jump = seems & self._is_jump(ahead, behind)
        if is_last and jump.any() and self._far:
            self._probe(self._far.pop(0))
            jump = seems & self._is_jump(ahead, behind)
        while is_last and self._far and self._is_still(flat).any():
            self._probe(self._far.pop(0))
        self.decided = is_last or not (flat | jump).any()
        if self._probed:
            far = [values for _, values in self._probed]
            spacing = grid_spacing(np.concatenate([seen, *far]), abs(seen).max(axis=0))
        is_grid = flat | (seems & ~jump)
        height = np.where(is_grid, spacing, 0.0)
        if (flat & (height == 0)).any():
            height = np.maximum(height, self._height_far_away(flat))
        return height

    def _is_still(self, flat: Booleans) -> Booleans:
        """Which flat entries have had no other value anywhere."""
        if not self._probed:
            return flat
        changed = np.concatenate([values for _, values in self._probed])
        return flat & ~(self._is_change(changed)).any(axis=0)

    def _is_change(self, values: Floats) -> Booleans:
        change: Booleans = np.isfinite(values) & (values != self._centre)
        return change

    def _height_far_away(self, flat: Booleans) -> Floats:
        """The height of a plateau that is wider than the first steps."""
        for step, probed in self._probed:
            for distance, values in zip(self._sided(step), probed, strict=True):
                changed = flat & self._is_change(values[np.newaxis])[0]
                if changed.any():
                    return self.plateau_height(0.0, float(distance), changed)
        return np.zeros(len(flat))

    def plateau_height(self, flat: float, changed: float, entries: Booleans) -> Floats:
        """The height of the step in which some entries leave the point's plateau.

        Args:
            flat: A distance at which they have the point's values.
            changed: A longer one at which one of them has another, on either side.
            entries: Which entries of f; the height of all others is 0.
        """

        def values_at(t: float) -> Floats:
            t = abs(t) * self._side if self._side else t
            return self._values_at(np.array([t]))[0, entries]

        flat = flat if changed > 0 else -flat
        height = np.zeros(len(entries))
        height[entries] = plateau_height(
            values_at, self._centre[0, entries], flat, changed, self._side
        )
        return height

    def _sided(self, step: float) -> Floats:
        if not self._side:
            return step * _PROBES
        probes: Any = abs(_PROBES)
        return self._side * step * probes

    def _is_jump(self, ahead: Floats, behind: Floats) -> Booleans:
        """Whether f has one value on each side: short ones, and on no grid."""
        probed = [values[:, np.newaxis] for _, values in self._probed]
        first = np.concatenate([ahead, *(values[0] for values in probed)])
        second = np.concatenate([behind, *(values[1] for values in probed)])
        if self._side:
            return _is_one_value(np.concatenate([first, second]))
        return _is_one_value(first) & _is_one_value(second)

    def _probe(self, step: float) -> None:
        t = self._sided(step)
        self._probed.append((step, self._values_at(t)))

    def _values_at(self, t: Floats) -> Floats:
        """The values at points so far away that f may not be made for them.

        Where f is not defined, or raises an error of any kind, they are NaN.
        """
        values: Floats = np.full((len(t), self._centre.shape[1]), np.nan)
        on_line = np.zeros(1, np.intp)
        for i in range(len(t)):
            with suppress(Exception):
                (values[i],) = self._f.at(self._line, on_line, t[i : i + 1])
        self._f.trouble = None
        return values


def _is_one_value(values: Floats) -> Booleans:
    """Whether all values of an entry that are finite are one."""
    finite = values[np.isfinite(values).all(axis=1)]
    same: Booleans = (finite == finite[:1]).all(axis=0)
    return same


def grid_spacing(values: Floats, largest: Floats | None = None) -> Floats:
    """The spacing of the grid on which values lie.

    A grid has a fixed spacing (rounded to cents, counts) or a fixed number of digits
    (float32, six digits); then the spacing at the largest value counts.

    Args:
        values: Of f at distinct points, finite, (points, entries).
        largest: The size of the largest value that a quotient is made of, (entries,);
            where it is None or 0, that of all values counts.

    Returns:
        The spacing for each entry; 0 where the values are too long, too few or too
        equal to tell.

    Example:
        >>> x = np.linspace(1.1, 1.2, 4)
        >>> grid_spacing(np.stack([np.sin(x), np.round(np.sin(x), 3)], axis=1))
        array([0.   , 0.001])
    """
    finite: Any = values[np.isfinite(values).all(axis=1)]
    entries: int = finite.shape[1]
    sizes: Floats = np.zeros(entries) if largest is None else largest
    if entries > MANY_ENTRIES:  # a few stand for all, unless one is on a grid
        some = finite[:, :: -(-entries // MANY_ENTRIES)]
        if not any(_spacing(np.unique(column)) for column in some.T):
            return np.zeros(entries)
    columns = zip(finite.T, sizes, strict=True)
    return np.array([_spacing(np.unique(column), size) for column, size in columns])


def _spacing(distinct: Floats, largest: float = 0.0) -> float:
    some = distinct[distinct != 0]
    if len(distinct) < 2 or not len(some):
        return 0.0
    if not (0 < largest < np.inf):
        largest = float(abs(some).max())
    return max(_binary_spacing(some, largest), _decimal_spacing(some, largest))


def are_long(values: Sequence[float]) -> bool:
    """Whether one value is so long that `grid_spacing` is 0, whatever the others are.

    Example:
        >>> are_long([0.1 + 0.2, 0.5, 1.0]), are_long([0.25, 0.5, 1.0])
        (True, False)
    """
    count = len(values)
    return any(
        not _is_surprise(count, _trailing_zeros(value) - 1) for value in values if value
    ) and any(
        not _is_surprise(count, log2(10) * (_DIGITS - _decimal_digits(value)[0]))
        for value in values
    )


def _is_surprise(count: int, bits: float) -> bool:
    """Whether so many values, each so many bits too short, lie on a grid."""
    return count * bits >= MIN_SURPRISE


def _trailing_zeros(value: float) -> int:
    """The last of a float's 53 bits that are 0."""
    whole = abs(int(frexp(value)[0] * 2.0**53))
    return (whole & -whole).bit_length() - 1


def _binary_spacing(values: Floats, largest: float) -> float:
    mantissa, exponent = np.frexp(values)
    whole = abs(mantissa * 2.0**53).astype(np.int64)
    zeros = np.log2(whole & -whole).astype(int)
    # All are as long as the longest. An odd last bit is no surprise.
    if not _is_surprise(len(values), zeros.min() - 1):
        return 0.0
    place = int(np.frexp(largest)[1])
    return 2.0 ** _last_place(53 - zeros, exponent - 53 + zeros, place)


def _decimal_spacing(values: Floats, largest: float) -> float:
    digits, places = zip(*map(_decimal_digits, values.tolist()), strict=True)
    if not _is_surprise(len(values), log2(10) * (_DIGITS - max(digits))):
        return 0.0
    # Values that are rounded to 1 are spaced as those below it.
    place = int(np.ceil(np.log10(largest)))
    return 10.0 ** _last_place(np.array(digits), np.array(places), place)


def _last_place(digits: Indices, places: Indices, largest: int) -> int:
    """The place of the last digit at the largest value.

    Most values of a grid of fixed spacing have their last digit at one place, most of
    those with a fixed number of digits have as many. The more frequent one counts.

    Args:
        digits: The digits of each value.
        places: The place of the last of them.
        largest: The place before the first digit of the largest value.
    """
    fixed, floating = places.min(), largest - digits.max()
    as_fixed, as_floating = (places == fixed).sum(), (digits == digits.max()).sum()
    if as_fixed == as_floating:
        return int(max(fixed, floating))
    return int(fixed if as_fixed > as_floating else floating)


def _decimal_digits(value: float) -> tuple[int, int]:
    """The significant digits of a float, and the place of the last one.

    Example:
        >>> _decimal_digits(-12.5), _decimal_digits(3e20)
        ((3, -1), (1, 20))
    """
    text, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    digits = (whole + fraction).lstrip("0")
    place = int(exponent or 0) - len(fraction)
    short = digits.rstrip("0")
    return len(short), place + len(digits) - len(short)
