"""The slope from one side, where the other side hides it.

A wall beside the point, a jump or a steep rise, leaves no central quotient that
converges, while those of the side without a wall do. Their slope is that of f at the
point if f has no kink there. The other side tells, closer than its wall: with a step t,

    |(f(x) - f(x - t)) / t - f'₊| ≤ t |f''| / 2 + rounding / t

so that the least of these distances, over shrinking steps, bounds a kink that remained
unseen. It is added to the error.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from secant.derivatives.difference_quotients import Formula
from secant.derivatives.evaluation import UNDEFINED, Evaluation
from secant.derivatives.lines import EPSILON, Lines
from secant.derivatives.ridders import solve
from secant.derivatives.tolerance import Accuracy, LineDerivatives, Outcome
from secant.derivatives.validation import Booleans, Floats

MAX_ONE_SIDED_LINES = 8
"""Lines that are looked at from each side, at most: each costs as much as before."""

MAX_DOUBT = 1e-3
"""Largest error of a slope from one side, relative to it, that is taken."""

_PROBES = 2.0 ** -np.arange(2.0, 46.0, 4.0)
"""Steps to the other side, in units of the initial step."""


def from_one_side(
    f: Evaluation,
    lines: Lines,
    centre: Floats,
    accuracy: Accuracy,
    *,
    room: Floats,
    limit: Floats,
    budget: float = np.inf,
) -> Iterator[tuple[int, Booleans, LineDerivatives]]:
    """The slopes that quotients of one side converge to, and the other does not deny.

    Args:
        f: The function.
        lines: The lines.
        centre: f at the point, (lines, entries).
        accuracy: The tolerance, and what was known of f's noise at first.
        room: The longest step allowed, (lines,).
        limit: The distance to the bounds of f, (lines,).
        budget: How many evaluations may be spent.

    Yields:
        A line, the mask of its entries that are known, and their derivatives.
    """
    end = f.used + budget
    for line in range(len(lines)):
        one = [line]
        for side in (1, -1):
            own = replace(accuracy)
            left = end - f.used - len(_PROBES)
            if left < Formula(1, side).min_steps + 1:
                return
            try:
                found = solve(
                    f,
                    lines[one],
                    Formula(1, side),
                    centre[one],
                    own,
                    room=room[one],
                    limit=limit[one],
                    budget=left,
                )
            except UNDEFINED:  # f is not defined on this side
                f.trouble = None
                continue
            known = found.outcome <= Outcome.ROUNDING
            known &= found.error < MAX_DOUBT * abs(found.value)
            # On a staircase, neighbouring points agree by accident.
            if not known.any() or own.resolution:
                continue
            doubt = _doubt(f, lines[one], centre[one], found.value, -side)
            found.error += doubt
            found.outcome[:] = Outcome.ROUNDING
            known &= doubt <= MAX_DOUBT * abs(found.value)
            if known.any():
                yield line, known[0], found
                break


def _doubt(
    f: Evaluation, line: Lines, centre: Floats, slope: Floats, side: int
) -> Floats:
    """By how much the slope to a side may differ from that of the other.

    Two neighbouring steps have to agree, since one may do so by accident.
    """
    t = side * _PROBES * line.initial_step[0]
    which = np.zeros(len(t), np.intp)
    values = f.at(line, which, t)
    f.trouble = None
    lines = line[which]
    h = lines.representable_step(t)[:, np.newaxis]
    shift = line.rounding_shift()[:, np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore"):
        rounding = 2 * EPSILON * np.maximum(abs(values), abs(centre))
        rounding = rounding + abs(slope) * shift
        far = abs((values - centre) / h - slope) + rounding / abs(h)
    far = np.where(np.isfinite(far), far, np.inf)
    return np.maximum(far[1:], far[:-1]).min(axis=0, keepdims=True)
