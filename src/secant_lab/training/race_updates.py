"""What a page is told of its race: what has changed since it was last told."""

import math
from typing import Any

import numpy as np

from secant.history import Epoch
from secant_lab.training.race import Race
from secant_lab.training.race_entry import Lane

AT_FIRST, LATER = 1_000, 200
"""The most losses of a lane in the first news, and in each later one."""


class Watcher:
    """Somebody who is told of a race.

    However long nobody asks, the next news hold all that is new: nothing waits.
    """

    def __init__(self, race: Race) -> None:
        self._race = race
        self._state = ""
        self._lanes = [_LaneWatcher(lane) for lane in race.lanes]

    def look(self, *, anyhow: bool = False) -> dict[str, Any] | None:
        """The news; None if there are none, and they are not wanted `anyhow`."""
        state = self._race.state
        lanes = [lane.look() for lane in self._lanes]
        if state == self._state and not any(fresh for fresh, _ in lanes) and not anyhow:
            return None
        self._state = state
        return {
            "state": state,
            "ended": self._race.ended,
            "lanes": [news for _, news in lanes],
        }


class _LaneWatcher:
    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._rewinds = -1
        self._steps = self._epochs = 0
        self._told: tuple[object, ...] = ()

    def look(self) -> tuple[bool, dict[str, Any]]:
        lane = self._lane
        rewinds, reached = lane.rewinds, lane.reached
        anew = rewinds != self._rewinds
        if anew:
            self._rewinds, self._steps, self._epochs = rewinds, 0, 0
        step, losses, epochs = self._steps, np.zeros(0), ()
        if reached is not None:
            # One that has diverged goes back to its last good step.
            step = min(step, reached.step)
            losses = reached.losses_from(step)
            epochs = reached.epochs[self._epochs :]
            self._steps, self._epochs = reached.step, len(reached.epochs)
        every = -(-len(losses) // (AT_FIRST if step == 0 else LATER)) or 1
        told = (rewinds, self._steps, self._epochs, lane.failed, _shown(lane.within))
        fresh, self._told = told != self._told, told
        return fresh, {
            "step": self._steps,
            "steps_per_second": round(lane.rate, 1),
            "seconds": reached.timings.training if reached else 0.0,
            "within": _shown(lane.within),
            "anew": anew,
            "from": step,
            "every": every,
            "losses": _thinned(losses, every),
            "epochs": [_epoch(epoch) for epoch in epochs],
            "failed": lane.failed,
        }


def _shown(share: float) -> float:
    return round(share, 3)


def _thinned(losses: np.ndarray, every: int) -> list[float]:
    """The mean of each `every` losses; of fewer, at the end."""
    if not len(losses):
        return []
    starts = np.arange(0, len(losses), every)
    sums = np.add.reduceat(losses, starts)
    means = sums / np.diff(np.append(starts, len(losses)))
    return [float(f"{mean:.5g}") for mean in means]


def _epoch(epoch: Epoch) -> dict[str, float | None]:
    return {
        name: value if value is None or math.isfinite(value) else None
        for name, value in epoch._asdict().items()
    }
