"""The scheduler: one thread trains all races, each for a short turn."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic

from secant_lab.training.race import Race
from secant_lab.training.race_entry import Command, RaceEntry
from secant_lab.training.slow_run import SlowRaceEntry

# A compilation takes seconds of a core; the other core trains meanwhile.
_COMPILERS = 2

# The most seconds of training that a paused race falls behind the others: it cannot
# catch up all at once on the time that it did not want.
_MAX_LAG = 0.1

_SWEEP_SECONDS = 1.0
"""The seconds between two searches for abandoned races."""

# The seconds that a slow entry waits for the others of a race with equal steps.
_EQUAL_STEPS_WAIT = 0.02

# The most seconds to wait for the end of a thread: longer than any compiled step.
_JOIN_SECONDS = 10.0


class Scheduler:
    """Gives the active races turns, so that each gets the same time.

    Args:
        sweep: A function that ends abandoned races; called about once a second.
    """

    def __init__(self, sweep: Callable[[], object]) -> None:
        self._races: list[Race] = []
        self._changed = threading.Condition(threading.RLock())
        self._sweep = sweep
        self._clock = 0.0
        self._threads: list[threading.Thread] = []
        # Two pools, so that a page sees its initial weights without waiting for the
        # compilations of others.
        self._creator = ThreadPoolExecutor(1, "lab-creates")
        self._compilers = ThreadPoolExecutor(_COMPILERS, "lab-compiles")
        self._closed = False

    def add(self, race: Race) -> None:
        """Have a race prepared; it gets turns from then on."""
        with self._changed:
            if self._closed:
                race.ended = "closed"
                return
            self._races.append(race)
            if not self._threads:
                self._start_thread(self._train, "lab-trains")
            self._creator.submit(self._create, race)

    def remove(self, race: Race, reason: str) -> None:
        """End a race."""
        with self._changed:
            race.ended = race.ended or reason
            if race in self._races:
                self._races.remove(race)
            for entry in race.entries:
                entry.submit(lambda entry: entry.pause())
                if isinstance(entry, SlowRaceEntry):
                    entry.end()
            self._changed.notify()

    def close(self) -> None:
        """End all races, and wait until the threads have ended.

        A thread that computes while Python ends would abort the process.
        """
        for race in list(self._races):
            self.remove(race, "closed")
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._creator.shutdown(wait=True, cancel_futures=True)
        self._compilers.shutdown(wait=True, cancel_futures=True)
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)

    def submit(self, race: Race, *commands: Command) -> None:
        """Have all entries of a race run commands, in this order."""
        with self._changed:
            for entry in race.entries:
                for command in commands:
                    entry.submit(command)
            self._run_commands(race)
            self._changed.notify()

    def _run_commands(self, race: Race) -> None:
        """Run the commands of the entries between turns.

        The thread that has an entry's turn runs its commands after the turn.
        """
        if race.prepared:
            for entry in race.entries:
                if not entry.in_turn and not isinstance(entry, SlowRaceEntry):
                    entry.run_commands()

    def _create(self, race: Race) -> None:
        data = race.data
        for entry in race.entries:
            if not race.ended:
                entry.create(race.config, data.train, data.test, data.source)
        for entry in race.entries:
            self._compilers.submit(self._prepare, race, entry)

    def _prepare(self, race: Race, entry: RaceEntry) -> None:
        if race.ended:
            return
        entry.prepare()
        with self._changed:
            race.entry_prepared()
            self._run_commands(race)
            self._changed.notify()
        if not self._closed:
            self._compilers.submit(self._compile_gradient, race, entry)
        if isinstance(entry, SlowRaceEntry) and entry.start is not None:
            self._start_thread(partial(_train_slowly, race, entry), "lab-slow")

    def _start_thread(self, target: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        with self._changed:
            self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]

    def _compile_gradient(self, race: Race, entry: RaceEntry) -> None:
        if not race.ended:
            entry.compile_gradient()

    def _train(self) -> None:
        """The loop of the thread that trains."""
        last_sweep = monotonic()
        while not self._closed:
            if monotonic() - last_sweep > _SWEEP_SECONDS:
                self._sweep()
                last_sweep = monotonic()
            with self._changed:
                # Tested again under the lock: `close` may have notified in between.
                if self._closed:
                    return
                turn = self._next_turn()
                if turn is None:
                    self._changed.wait(_SWEEP_SECONDS)
                    continue
                race, entry = turn
                entry.in_turn = True
            seconds_before = entry.seconds_used
            entry.take_turn(race.allowance(entry))
            race.seconds_used += entry.seconds_used - seconds_before
            with self._changed:
                entry.in_turn = False
                self._run_commands(race)

    def _next_turn(self) -> tuple[Race, RaceEntry] | None:
        """The race that has had the least time, and its next entry."""
        ready = [(race, entry) for race in self._races if (entry := race.next_entry())]
        if not ready:
            return None
        for race, _ in ready:
            race.seconds_used = max(race.seconds_used, self._clock - _MAX_LAG)
        chosen = min(ready, key=lambda pair: pair[0].seconds_used)
        self._clock = chosen[0].seconds_used
        return chosen


def _train_slowly(race: Race, entry: SlowRaceEntry) -> None:
    """The loop of a slow entry's own thread."""
    while not entry.ended:
        if race.prepared:
            entry.run_commands()
        if race.prepared and entry.active and race.allowance(entry):
            entry.take_turn()
        else:
            entry.wait(_EQUAL_STEPS_WAIT if entry.active else 1.0)
