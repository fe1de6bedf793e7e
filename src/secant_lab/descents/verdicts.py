"""The verdict on a descent, from its trajectory and the surface."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from secant_lab.descents.critical_points import (
    critical_point_near,
    largest_curvature,
    minimum_below,
)
from secant_lab.descents.trajectories import Trajectory
from secant_lab.expressions import Expression

# A descent has arrived if at most this share of the way from the start remains.
_ARRIVED = 1e-3

# The largest rate on a parabola of curvature 1 with which a descent does not diverge.
# With momentum m: 2(1 + m); with Nesterov's 2(1 + m)/(1 + 2m). (Goh, "Why Momentum
# Really Works", Distill 2017; Lessard, Recht & Packard 2016, section 4.)
_BEARABLE = {"sgd": 2.0, "momentum": 3.8, "nesterov": 3.8 / 2.8}


@dataclass(frozen=True)
class View:
    """The visible part of a surface: from `low` to `high`, (2,) each."""

    low: tuple[float, float]
    high: tuple[float, float]

    @property
    def width(self) -> float:
        """The longer side."""
        return float(np.subtract(self.high, self.low).max())

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Whether each of the points, (points, 2), is visible."""
        inside = (points >= np.array(self.low)) & (points <= np.array(self.high))
        return np.all(inside, axis=1)


@dataclass(frozen=True)
class Verdict:
    """The outcome of a descent, with numbers by name, for sentences in any language.

    Attributes:
        status: One of the names in `judge`.
        facts: Numbers and booleans by name; a point is a list of two numbers.
    """

    status: str
    facts: dict[str, Any]


def judge(f: Expression, trajectory: Trajectory, view: View) -> Verdict:
    """The verdict on a trajectory: the first of these statuses that applies.

    - `nowhere`: f has no finite value or no finite gradient at the start.
    - `flat_minimum`, `flat_saddle`, `flat_maximum`, `flat`: the gradient is 0 at the
      start.
    - `diverged`: the value rose above those of the first half of the steps and stayed
      there, or became infinite. `step`: the first step after which the value was always
      higher than before. `limit`, if the rate is above it: the largest rate at which
      the descent is stable, `bearable / curvature`. For plain descent it is `2/λ`,
      with λ the largest curvature between the points before and after that step. A
      plain step that rises proves this: `f(x - rg) ≤ f(x) - r(1 - rλ/2) |g|²`.
    - `edge`: a step led to a point where f has no value.
    - `converged`, `saddle`: at the last point at most a thousandth of the way to a
      minimum or a saddle point remains, which a Newton step finds. `step`: since when.
    - `left`: the descent continues outside the picture. `step`: the first step outside.
    - `swings`: over the last half of the steps the value did not fall, or more than
      half of these steps reversed direction. `stalled`: whether the former holds;
      `limit`: as above, at the last points.
    - `crawls`, `nearly`: the descent has not arrived. `left`: the share of the straight
      way from the start to the minimum below that remains; 10 % or more crawls.
    - `underway`: the same, but no minimum was found below.

    Args:
        f: The surface.
        trajectory: A descent on it.
        view: The visible part of it.
    """
    start, end = trajectory.path[0], trajectory.path[-1]
    if not np.isfinite(np.r_[trajectory.values[0], trajectory.gradients[0]]).all():
        return Verdict("nowhere", {})
    if _is_flat(f, trajectory, view):
        there = critical_point_near(f, start)
        kind = there.kind if there else "flat"
        return Verdict("flat" if kind == "flat" else f"flat_{kind}", {})
    if trajectory.ended and not _blew_up(trajectory):
        return Verdict("edge", {"step": trajectory.steps + 1})
    if _rose(trajectory):
        return _diverged(f, trajectory)
    there = None if trajectory.ended else critical_point_near(f, end)
    if there and there.kind in ("minimum", "saddle") and _is_at(trajectory, there.x):
        status = "converged" if there.kind == "minimum" else "saddle"
        since = _since(trajectory, there.x)
        facts = {
            "step": since,
            "at": there.x.tolist(),
            "turns": _reverses(trajectory, 0, since + 1),
        }
        return Verdict(status, facts)
    if trajectory.ended or view.contains(trajectory.path[[0, -1]]).tolist() == [
        True,
        False,
    ]:
        return Verdict("left", {"step": _first_outside(trajectory, view)})
    half = trajectory.steps // 2
    stalled = _stalled(trajectory)
    if trajectory.steps >= 4 and (
        stalled or _reverses(trajectory, half, trajectory.steps)
    ):
        facts = {"stalled": stalled} | _limit(f, trajectory, trajectory.path[-2:])
        return Verdict("swings", facts)
    below = minimum_below(f, end, 4 * view.width)
    if below is None:
        return Verdict("underway", {})
    left = float(np.hypot(*(end - below)) / np.hypot(*(start - below)))
    status = "crawls" if left > 0.1 else "nearly"
    return Verdict(status, {"left": left, "to": below.tolist()})


def _is_flat(f: Expression, trajectory: Trajectory, view: View) -> bool:
    """Whether the first gradient is 0 within rounding."""
    gradient = float(np.abs(trajectory.gradients[0]).max())
    if gradient == 0:
        return True
    curvature = abs(largest_curvature(f, trajectory.path[:1]))
    return gradient <= 1e-13 * curvature * view.width


def _blew_up(trajectory: Trajectory) -> bool:
    """Whether the numbers became huge; otherwise f had no value at the next point."""
    return bool(
        np.abs(trajectory.path[-1]).max() > 1e30 or abs(trajectory.values[-1]) > 1e30
    )


def _rose(trajectory: Trajectory) -> bool:
    values = trajectory.values
    if trajectory.ended:
        return bool(values[-1] > values[0])
    before = values[: trajectory.steps // 2 + 1]
    spread = float(values.max() - values.min())
    risen = float(values[-1] - before.max())
    # The values of a descent that oscillates for ever differ by rounding only.
    return trajectory.steps > 0 and risen > 1e-3 * spread > 1e-12 * np.abs(values).max()


def _diverged(f: Expression, trajectory: Trajectory) -> Verdict:
    lowest = int(np.flatnonzero(trajectory.values == trajectory.values.min())[-1])
    facts: dict[str, Any] = {"step": lowest + 1}
    between = np.linspace(0, 1, 9)[:, None]
    before, after = trajectory.path[[lowest, min(lowest + 1, trajectory.steps)]]
    limit = _limit(f, trajectory, before + between * (after - before))
    # With the accuracy of the curvature.
    if limit and trajectory.rate >= limit["limit"] * (1 - 1e-6):
        facts |= limit
    return Verdict("diverged", facts)


def _limit(f: Expression, trajectory: Trajectory, points: np.ndarray) -> dict[str, Any]:
    """The largest stable rate for the curvature at the points; empty if unknown."""
    curvature = largest_curvature(f, points)
    if trajectory.optimizer not in _BEARABLE or not curvature > 0:
        return {}
    bearable = _BEARABLE[trajectory.optimizer]
    limit = bearable / curvature
    return {"bearable": bearable, "curvature": curvature, "limit": limit}


def _distances(trajectory: Trajectory, place: np.ndarray) -> np.ndarray:
    """The distance of each point from a place."""
    # Not by the squares, which overflow where a descent has run away.
    return np.hypot(*(trajectory.path - place).T)


def _is_at(trajectory: Trajectory, place: np.ndarray) -> bool:
    away = _distances(trajectory, place)
    if away[-1] > _ARRIVED * away[0]:
        return False
    # A descent that passes the point at speed has not arrived.
    last = np.hypot(*(trajectory.path[-1] - trajectory.path[-2]))
    return bool(last <= 10 * _ARRIVED * away[0] or away[-1] <= 1e-9 * away[0])


def _since(trajectory: Trajectory, place: np.ndarray) -> int:
    """The step from which on at most a thousandth of the way remains; 0 without way."""
    away = _distances(trajectory, place)
    outside = np.flatnonzero(away > _ARRIVED * away[0])
    return int(outside[-1]) + 1 if outside.size else 0


def _reverses(trajectory: Trajectory, first: int, last: int) -> bool:
    """Whether most steps between these two reverse direction."""
    steps = np.diff(trajectory.path[first : last + 1], axis=0)
    if len(steps) < 3:
        return False
    return bool(((steps[1:] * steps[:-1]).sum(axis=1) < 0).mean() > 0.5)


def _stalled(trajectory: Trajectory) -> bool:
    values, half = trajectory.values, trajectory.steps // 2
    spread = float(values.max() - values.min())
    noise = 1e-9 * spread + 1e-12 * float(np.abs(values).max())
    before, after = values[: half + 1], values[half + 1 :]
    return bool(len(after) and after.min() >= before.min() - noise)


def _first_outside(trajectory: Trajectory, view: View) -> int:
    outside = ~view.contains(trajectory.path)
    return int(outside.argmax()) if outside.any() else trajectory.steps + 1
