"""Updates of a race for a page: everything that is new since the last update."""

import math
from typing import Any

import numpy as np

from secant.history import Epoch
from secant_lab.training.race import Race
from secant_lab.training.race_entry import RaceEntry

MAX_FIRST_LOSSES, MAX_LOSSES = 1_000, 200
"""The most losses of an entry in the first update, and in each later one."""


class RaceUpdates:
    """The updates of a race for one page.

    Each update has everything that is new, however long ago the last one was. So a slow
    page makes no queue.
    """

    def __init__(self, race: Race) -> None:
        self._race = race
        self._state = ""
        self._entries = [_EntryUpdates(entry) for entry in race.entries]

    def poll(self, *, force: bool = False) -> dict[str, Any] | None:
        """The next update; None if nothing is new, unless `force`.

        Returns:
            `state`, `ended` and `entries`; for each entry its `step`,
            `steps_per_second`, the training time in `seconds`, `step_progress`, the
            `failure` or None, the new `epochs`, and the new `losses`: means over
            `steps_per_loss` steps from `first_step` on. With `restarted`, the page
            drops everything that it knows of the entry.
        """
        state = self._race.state
        entries = [entry.poll() for entry in self._entries]
        changed = state != self._state or any(changed for changed, _ in entries)
        if not changed and not force:
            return None
        self._state = state
        return {
            "state": state,
            "ended": self._race.ended,
            "entries": [update for _, update in entries],
        }


class _EntryUpdates:
    def __init__(self, entry: RaceEntry) -> None:
        self._entry = entry
        self._rewinds = -1
        self._steps = self._epochs = 0
        self._sent: tuple[object, ...] = ()

    def poll(self) -> tuple[bool, dict[str, Any]]:
        """Whether anything is new, and the update."""
        entry = self._entry
        rewinds, run_state = entry.rewinds, entry.run_state
        restarted = rewinds != self._rewinds
        if restarted:
            self._rewinds, self._steps, self._epochs = rewinds, 0, 0
        first, losses, epochs = self._steps, np.zeros(0), ()
        if run_state is not None:
            # An entry that has diverged goes back to its last finite weights.
            first = min(first, run_state.step)
            losses = run_state.losses_from(first)
            epochs = run_state.epochs[self._epochs :]
            self._steps, self._epochs = run_state.step, len(run_state.epochs)
        most = MAX_FIRST_LOSSES if first == 0 else MAX_LOSSES
        steps_per_loss = -(-len(losses) // most) or 1
        progress = round(entry.step_progress, 3)
        status = (rewinds, self._steps, self._epochs, entry.failure, progress)
        changed, self._sent = status != self._sent, status
        return changed, {
            "step": self._steps,
            "steps_per_second": round(entry.steps_per_second, 1),
            "seconds": run_state.timings.training if run_state else 0.0,
            "step_progress": progress,
            "restarted": restarted,
            "first_step": first,
            "steps_per_loss": steps_per_loss,
            "losses": _block_means(losses, steps_per_loss),
            "epochs": [_to_json(epoch) for epoch in epochs],
            "failure": entry.failure,
        }


def _block_means(losses: np.ndarray, length: int) -> list[float]:
    """The mean of each block of `length` losses; the last block may be shorter."""
    if not len(losses):
        return []
    starts = np.arange(0, len(losses), length)
    sums = np.add.reduceat(losses, starts)
    means = sums / np.diff(np.append(starts, len(losses)))
    return [float(f"{mean:.5g}") for mean in means]


def _to_json(epoch: Epoch) -> dict[str, float | None]:
    """An epoch by name, with None for each number that is not finite."""
    return {
        name: value if value is None or math.isfinite(value) else None
        for name, value in epoch._asdict().items()
    }
