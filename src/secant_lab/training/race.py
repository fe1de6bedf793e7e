"""A race: one to four runs from the same weights and batches."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from secant.training import MAX_STEPS_PER_CALL
from secant_lab.training.data_set_cache import DataSet
from secant_lab.training.race_config import Wanted
from secant_lab.training.race_entry import Lane
from secant_lab.training.slow_run import Baton, SlowLane


class Race:
    """Lanes, and who looks at them.

    Args:
        wanted: What to train.
        data: On what.
        baton: What slow lanes share.

    Attributes:
        id: What only the page that asked for it knows.
        lanes: Its runs.
        prepared: Whether every lane is. The lease starts then: before that a page has
            nothing to ask for, however long its steps take to compile.
        used: Seconds of training that it has had.
        ended: Why it was ended: `"end"` (its page said so), `"left"` (nobody looked
            at it any more), `"crowd"` (too many others); None while it is there.
    """

    def __init__(self, wanted: Wanted, data: DataSet, baton: Baton) -> None:
        self.id = secrets.token_urlsafe(16)
        self.wanted = wanted
        self.data = data
        self.lanes: tuple[Lane, ...] = tuple(
            Lane(lane, config)
            if config.method.traceable
            else SlowLane(lane, config, baton)
            for lane, config in zip(wanted.lanes, wanted.configs, strict=True)
        )
        self.prepared = False
        self.used = 0.0
        self.ended: str | None = None
        self._watchers = 0
        self._seen = monotonic()

    @property
    def made(self) -> bool:
        """Whether every lane's weights can be looked at."""
        return all(lane.made for lane in self.lanes)

    @property
    def going(self) -> bool:
        """Whether a lane has steps to take."""
        return self.prepared and any(lane.going for lane in self.lanes)

    @property
    def state(self) -> str:
        """`preparing`, `paused`, `running` or `ended`."""
        if self.ended:
            return "ended"
        if not self.prepared:
            return "preparing"
        moving = self.going or any(lane.ordered for lane in self.lanes)
        return "running" if moving else "paused"

    def allowance(self, lane: Lane) -> int:
        """How many steps a lane may take now, for the others' sake."""
        if not self.wanted.abreast:
            return MAX_STEPS_PER_CALL
        going = [other for other in self.lanes if other.going]
        last = min(other.step for other in going)
        return max(last + min(other.pace for other in going) - lane.step, 0)

    def next(self) -> Lane | None:
        """The lane whose turn it is, of those that the scheduler trains."""
        if not self.going:
            return None
        ready = [
            lane
            for lane in self.lanes
            if lane.going and not isinstance(lane, SlowLane) and self.allowance(lane)
        ]
        # Each as much time as the others, or as many steps.
        behind = (lambda lane: lane.step) if self.wanted.abreast else _time_used
        return min(ready, key=behind, default=None)

    def lane_prepared(self) -> None:
        """Notes that a lane is prepared; with the last one the race is."""
        if not self.prepared and all(lane.prepared for lane in self.lanes):
            self.alive()
            self.prepared = True

    # --- who looks ------------------------------------------------------------------

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While somebody looks at it, it is not left."""
        self._watchers += 1
        try:
            yield
        finally:
            self._watchers -= 1
            self.alive()

    def alive(self) -> None:
        """Somebody has asked for it."""
        self._seen = monotonic()

    def unseen(self) -> float:
        """For how many seconds nobody has; 0 while watched or not prepared yet."""
        if self._watchers or not self.prepared:
            return 0.0
        return monotonic() - self._seen


def _time_used(lane: Lane) -> float:
    return lane.used
