"""Who trains when: one thread, and each race a slice in turn."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from time import monotonic

from secant.training import clear_compiled
from secant_lab.training.race import Race
from secant_lab.training.race_config import Wanted
from secant_lab.training.race_entry import Lane, Order
from secant_lab.training.slow_run import SlowLane

MOST_PROGRAMS = 64
"""How many kinds of lanes stay compiled: some megabytes each."""

# Compiling takes seconds of a core; the other one trains meanwhile.
_COMPILERS = 2

# How far a race that stood still may be behind the others in seconds used: what it
# did not want then, it does not get all at once now.
_LAG = 0.1

# How often it looks who has been left, in seconds, and how long a slow lane waits for
# the others where all are to have taken as many steps.
_ROUND, _WAIT = 1.0, 0.02

# How long it waits for a thread to end: longer than any compiled step takes.
_PATIENCE = 10.0


class Scheduler:
    """Gives races their turns: those that are going get equal time.

    Args:
        sweep: Called about once a second, to end what has been left.
    """

    def __init__(self, sweep: Callable[[], object]) -> None:
        self._races: list[Race] = []
        self._changed = threading.Condition(threading.RLock())
        self._sweep = sweep
        self._clock = 0.0
        self._threads: list[threading.Thread] = []
        # Apart, so that nobody waits for another's step to be compiled before he sees
        # his own first weights.
        self._maker = ThreadPoolExecutor(1, "lab-makes")
        self._compilers = ThreadPoolExecutor(_COMPILERS, "lab-compiles")
        self._compiled: set[Wanted] = set()
        self._closed = False

    def add(self, race: Race) -> None:
        """Has a race prepared; from then on it gets turns."""
        with self._changed:
            if self._closed:
                race.ended = "end"
                return
            self._races.append(race)
            if not self._threads:
                self._have_live(self._live, "lab-trains")
            self._maker.submit(self._make, race)

    def remove(self, race: Race, why: str) -> None:
        """Ends a race."""
        with self._changed:
            race.ended = race.ended or why
            if race in self._races:
                self._races.remove(race)
            for lane in race.lanes:
                lane.order(lambda lane: lane.pause())
                if isinstance(lane, SlowLane):
                    lane.end()
            self._changed.notify()

    def close(self) -> None:
        """Ends all races, and waits for its threads to end.

        A thread that is computing when Python ends would abort the process.
        """
        for race in list(self._races):
            self.remove(race, "end")
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._maker.shutdown(wait=True, cancel_futures=True)
        self._compilers.shutdown(wait=True, cancel_futures=True)
        for thread in self._threads:
            thread.join(_PATIENCE)

    def order(self, race: Race, *orders: Order) -> None:
        """Has all lanes of a race do something, in this order."""
        with self._changed:
            for lane in race.lanes:
                for order in orders:
                    lane.order(order)
            self._obey(race)
            self._changed.notify()

    def _obey(self, race: Race) -> None:
        """What can be done at once, is; the rest after the turn, by whoever has it."""
        if race.prepared:
            for lane in race.lanes:
                if not lane.in_turn and not isinstance(lane, SlowLane):
                    lane.obey()

    def _make(self, race: Race) -> None:
        data = race.data
        for lane in race.lanes:
            if not race.ended:
                lane.make(race.wanted, data.train, data.test, data.source)
        for lane in race.lanes:
            self._compilers.submit(self._prepare, race, lane)

    def _prepare(self, race: Race, lane: Lane) -> None:
        if race.ended:
            return
        self._make_room(race, lane)
        lane.prepare()
        with self._changed:
            race.lane_prepared()
            self._obey(race)
            self._changed.notify()
        if not self._closed:
            self._compilers.submit(self._look_ahead, race, lane)
        if isinstance(lane, SlowLane) and lane.start is not None:
            self._have_live(partial(_live_slowly, race, lane), "lab-slow")

    def _make_room(self, race: Race, lane: Lane) -> None:
        """Forgets what was compiled, once it is much: pages may try rate after rate."""
        wanted = replace(race.wanted, seed=0, abreast=False, lanes=(lane.wanted,))
        with self._changed:
            full = len(self._compiled - {wanted}) >= MOST_PROGRAMS
            if full:
                self._compiled.clear()
            self._compiled.add(wanted)
        if full:
            clear_compiled()

    def _have_live(self, live: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=live, name=name, daemon=True)
        thread.start()
        with self._changed:
            self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]

    def _look_ahead(self, race: Race, lane: Lane) -> None:
        if not race.ended:
            lane.look_ahead()

    def _live(self) -> None:
        swept = monotonic()
        while not self._closed:
            if monotonic() - swept > _ROUND:
                self._sweep()
                swept = monotonic()
            with self._changed:
                # Asked again under the lock: `close` may have notified in between.
                if self._closed:
                    return
                turn = self._next()
                if turn is None:
                    self._changed.wait(_ROUND)
                    continue
                race, lane = turn
                lane.in_turn = True
            before = lane.used
            lane.turn(race.allowance(lane))
            race.used += lane.used - before
            with self._changed:
                lane.in_turn = False
                self._obey(race)

    def _next(self) -> tuple[Race, Lane] | None:
        ready = [(race, lane) for race in self._races if (lane := race.next())]
        if not ready:
            return None
        for race, _ in ready:
            race.used = max(race.used, self._clock - _LAG)
        chosen = min(ready, key=lambda pair: pair[0].used)
        self._clock = chosen[0].used
        return chosen


def _live_slowly(race: Race, lane: SlowLane) -> None:
    while not lane.ended:
        if race.prepared:
            lane.obey()
        if race.prepared and lane.going and race.allowance(lane):
            lane.turn()
        else:
            lane.wait(_WAIT if lane.going else 1.0)
