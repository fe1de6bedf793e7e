"""A race: one to four runs from the same weights and batches."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from secant.training import MAX_STEPS_PER_CALL
from secant_lab.training.data_set_cache import DataSet
from secant_lab.training.race_config import RaceConfig
from secant_lab.training.race_entry import RaceEntry
from secant_lab.training.slow_run import SlowRaceEntry, TurnLock


class Race:
    """The entries of a race, and the time since a page last asked for it.

    Args:
        config: The settings.
        data: The data set.
        turn_lock: The lock that all slow entries share.

    Attributes:
        id: A random name that only the page that started the race knows.
        entries: The runs.
        prepared: Whether every entry is prepared. The lease of the race starts then:
            before, a page has nothing to ask for, however long its steps compile.
        seconds_used: The seconds of training that the race has had.
        ended: The reason for the end: `"closed"` (by its page), `"abandoned"` (no page
            has asked for it), `"evicted"` (there are too many others); None before.
    """

    def __init__(self, config: RaceConfig, data: DataSet, turn_lock: TurnLock) -> None:
        self.id = secrets.token_urlsafe(16)
        self.config = config
        self.data = data
        self.entries: tuple[RaceEntry, ...] = tuple(
            RaceEntry(settings, train_config)
            if train_config.method.traceable
            else SlowRaceEntry(settings, train_config, turn_lock)
            for settings, train_config in zip(
                config.entries, config.train_configs, strict=True
            )
        )
        self.prepared = False
        self.seconds_used = 0.0
        self.ended: str | None = None
        self._watchers = 0
        self._last_request = monotonic()

    @property
    def created(self) -> bool:
        """Whether every entry has weights to show, or has failed."""
        return all(entry.created for entry in self.entries)

    @property
    def active(self) -> bool:
        """Whether an entry has steps to take."""
        return self.prepared and any(entry.active for entry in self.entries)

    @property
    def state(self) -> str:
        """`preparing`, `paused`, `running` or `ended`."""
        if self.ended:
            return "ended"
        if not self.prepared:
            return "preparing"
        busy = self.active or any(entry.has_commands for entry in self.entries)
        return "running" if busy else "paused"

    def allowance(self, entry: RaceEntry) -> int:
        """The most steps that an entry may take now.

        With `equal_steps`, an entry waits for the one that has taken the fewest steps.
        """
        if not self.config.equal_steps:
            return MAX_STEPS_PER_CALL
        active = [other for other in self.entries if other.active]
        fewest = min(other.step for other in active)
        return max(fewest + min(other.turn_steps for other in active) - entry.step, 0)

    def next_entry(self) -> RaceEntry | None:
        """The entry whose turn it is, among those that the scheduler trains."""
        if not self.active:
            return None
        ready = [
            entry
            for entry in self.entries
            if entry.active
            and not isinstance(entry, SlowRaceEntry)
            and self.allowance(entry)
        ]
        # All entries get the same number of steps, or the same time.
        progress = (
            (lambda entry: entry.step) if self.config.equal_steps else _seconds_used
        )
        return min(ready, key=progress, default=None)

    def entry_prepared(self) -> None:
        """Note that an entry is prepared; after the last one the race is prepared."""
        if not self.prepared and all(entry.prepared for entry in self.entries):
            self.touch()
            self.prepared = True

    # --- the page that shows it -----------------------------------------------------

    @contextmanager
    def watched(self) -> Iterator[None]:
        """A context in which a page reads the stream: the race is not idle."""
        self._watchers += 1
        try:
            yield
        finally:
            self._watchers -= 1
            self.touch()

    def touch(self) -> None:
        """Note that a page has just asked for the race."""
        self._last_request = monotonic()

    def idle_seconds(self) -> float:
        """The seconds since the last request; 0 if watched or not prepared yet."""
        if self._watchers or not self.prepared:
            return 0.0
        return monotonic() - self._last_request


def _seconds_used(entry: RaceEntry) -> float:
    return entry.seconds_used
