"""What a descent came to, from its path and the ground that it went over."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from secant_lab.descents.courses import Course
from secant_lab.descents.valleys import (
    largest_curvature,
    minimum_below,
    stationary_near,
)
from secant_lab.expressions import Expression

# This part of the way from the start may be left: then one has arrived.
_ARRIVED = 1e-3

# The largest rate on a parabola of curvature 1 with which a descent does not diverge.
# With momentum m: 2(1 + m); with Nesterov's 2(1 + m)/(1 + 2m). (Goh, "Why Momentum
# Really Works", Distill 2017; Lessard, Recht & Packard 2016, section 4.)
_BEARABLE = {"sgd": 2.0, "momentum": 3.8, "nesterov": 3.8 / 2.8}


@dataclass(frozen=True)
class View:
    """What is seen of a surface: from `low` to `high` in both directions, (2,) each."""

    low: tuple[float, float]
    high: tuple[float, float]

    @property
    def width(self) -> float:
        """The longer side."""
        return float(np.subtract(self.high, self.low).max())

    def holds(self, points: np.ndarray) -> np.ndarray:
        """Which of the points, (points, 2), lie in it."""
        inside = (points >= np.array(self.low)) & (points <= np.array(self.high))
        return np.all(inside, axis=1)


@dataclass(frozen=True)
class Verdict:
    """What happened, and its numbers by name, for sentences in any language.

    Attributes:
        status: One of the names in `judge`.
        facts: Numbers and truth values; points are lists of two.
    """

    status: str
    facts: dict[str, Any]


def judge(f: Expression, course: Course, view: View) -> Verdict:
    """What a course came to: the first of these that holds.

    - `nowhere`: f has no finite value or gradient at the start.
    - `flat_minimum`, `flat_saddle`, `flat_maximum`, `flat`: the gradient is 0 at the
      start.
    - `diverged`: the value rose above all of the first half of the steps and stayed
      there, or rose to infinity. `step`: the first after which it was always higher
      than before. `limit`, where the rate is above it: the largest rate that the
      curvature bears, `bearable / curvature`; `2/λ` for plain descent, with λ the
      largest curvature between the points before and after that step. That a plain
      step rises proves that it is: `f(x - rg) ≤ f(x) - r(1 - rλ/2) |g|²`.
    - `edge`: a step led to where f has no value.
    - `converged`, `saddle`: the last point is within a thousandth of the way from a
      minimum or a saddle point, which Newton's step finds. `step`: since when.
    - `left`: it goes on outside the picture. `step`: the first out there.
    - `swings`: over the last half of the steps the value came no lower, or more than
      half of these steps turned back on the one before. `stalled`: the former;
      `limit` as above, at the last points.
    - `crawls`, `nearly`: it was still on its way; `left` is the share of the straight
      way from the start to the minimum below that is not done, above and below 10 %.
    - `underway`: the same, and no minimum is found below.

    Args:
        f: The surface.
        course: A descent over it.
        view: What is looked at.
    """
    start, end = course.path[0], course.path[-1]
    if not np.isfinite(np.r_[course.values[0], course.gradients[0]]).all():
        return Verdict("nowhere", {})
    if _is_flat(f, course, view):
        there = stationary_near(f, start)
        kind = there.kind if there else "flat"
        return Verdict("flat" if kind == "flat" else f"flat_{kind}", {})
    if course.ended and not _blew_up(course):
        return Verdict("edge", {"step": course.steps + 1})
    if _rose(course):
        return _diverged(f, course)
    there = None if course.ended else stationary_near(f, end)
    if there and there.kind in ("minimum", "saddle") and _is_at(course, there.x):
        status = "converged" if there.kind == "minimum" else "saddle"
        since = _since(course, there.x)
        facts = {
            "step": since,
            "at": there.x.tolist(),
            "turns": _turns_back(course, 0, since + 1),
        }
        return Verdict(status, facts)
    if course.ended or view.holds(course.path[[0, -1]]).tolist() == [True, False]:
        return Verdict("left", {"step": _first_outside(course, view)})
    half = course.steps // 2
    stalled = _stalled(course)
    if course.steps >= 4 and (stalled or _turns_back(course, half, course.steps)):
        facts = {"stalled": stalled} | _limit(f, course, course.path[-2:])
        return Verdict("swings", facts)
    below = minimum_below(f, end, 4 * view.width)
    if below is None:
        return Verdict("underway", {})
    left = float(np.linalg.norm(end - below) / np.linalg.norm(start - below))
    status = "crawls" if left > 0.1 else "nearly"
    return Verdict(status, {"left": left, "to": below.tolist()})


def _is_flat(f: Expression, course: Course, view: View) -> bool:
    """Whether the first gradient is rounding, and nothing came of it."""
    gradient = float(np.abs(course.gradients[0]).max())
    if gradient == 0:
        return True
    curvature = abs(largest_curvature(f, course.path[:1]))
    return gradient <= 1e-13 * curvature * view.width


def _blew_up(course: Course) -> bool:
    """Whether it ended among huge numbers, and not at a place where f has no value."""
    return bool(np.abs(course.path[-1]).max() > 1e30 or abs(course.values[-1]) > 1e30)


def _rose(course: Course) -> bool:
    values = course.values
    if course.ended:
        return bool(values[-1] > values[0])
    before = values[: course.steps // 2 + 1]
    spread = float(values.max() - values.min())
    risen = float(values[-1] - before.max())
    # Of a descent that goes to and fro for ever only roundings differ.
    return course.steps > 0 and risen > 1e-3 * spread > 1e-12 * np.abs(values).max()


def _diverged(f: Expression, course: Course) -> Verdict:
    lowest = int(np.flatnonzero(course.values == course.values.min())[-1])
    facts: dict[str, Any] = {"step": lowest + 1}
    between = np.linspace(0, 1, 9)[:, None]
    before, after = course.path[[lowest, min(lowest + 1, course.steps)]]
    limit = _limit(f, course, before + between * (after - before))
    # As near as the curvature is known.
    if limit and course.rate >= limit["limit"] * (1 - 1e-6):
        facts |= limit
    return Verdict("diverged", facts)


def _limit(f: Expression, course: Course, points: np.ndarray) -> dict[str, Any]:
    """The largest rate that the curvature at the points bears, where one is known."""
    curvature = largest_curvature(f, points)
    if course.optimizer not in _BEARABLE or not curvature > 0:
        return {}
    bearable = _BEARABLE[course.optimizer]
    limit = bearable / curvature
    return {"bearable": bearable, "curvature": curvature, "limit": limit}


def _is_at(course: Course, place: np.ndarray) -> bool:
    away = np.linalg.norm(course.path - place, axis=1)
    if away[-1] > _ARRIVED * away[0]:
        return False
    # What is there and moves on has not arrived.
    last = np.linalg.norm(course.path[-1] - course.path[-2])
    return bool(last <= 10 * _ARRIVED * away[0] or away[-1] <= 1e-9 * away[0])


def _since(course: Course, place: np.ndarray) -> int:
    """The step from which on it stays within a thousandth of the way."""
    away = np.linalg.norm(course.path - place, axis=1)
    outside = np.flatnonzero(away > _ARRIVED * away[0])
    return int(outside[-1]) + 1


def _turns_back(course: Course, first: int, last: int) -> bool:
    """Whether most steps between these two turn back on the one before."""
    steps = np.diff(course.path[first : last + 1], axis=0)
    if len(steps) < 3:
        return False
    return bool(((steps[1:] * steps[:-1]).sum(axis=1) < 0).mean() > 0.5)


def _stalled(course: Course) -> bool:
    values, half = course.values, course.steps // 2
    spread = float(values.max() - values.min())
    noise = 1e-9 * spread + 1e-12 * float(np.abs(values).max())
    before, after = values[: half + 1], values[half + 1 :]
    return bool(len(after) and after.min() >= before.min() - noise)


def _first_outside(course: Course, view: View) -> int:
    outside = ~view.holds(course.path)
    return int(outside.argmax()) if outside.any() else course.steps + 1
