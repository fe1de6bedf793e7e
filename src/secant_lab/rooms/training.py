"""The room of training: races from the same weights, live."""

import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from secant.training import (
    NETWORK_FILE,
    RUNS_FOLDER,
    release_run_folder,
    reserve_run_folder,
)
from secant_lab.localized_error import LocalizedError
from secant_lab.training.data_set_cache import Shelf
from secant_lab.training.race import Race
from secant_lab.training.race_config import (
    MOST_STEPS,
    LaneWanted,
    Wanted,
    choices,
    within,
)
from secant_lab.training.race_entry import Lane
from secant_lab.training.scheduler import Scheduler
from secant_lab.training.slow_run import Baton

MOST_RACES = 64
"""How many there may be at once."""

LEASE = 90.0
"""Seconds after which a race that nobody looks at is ended."""


class Room:
    """All races of one lab, and what pages can ask of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._races: dict[str, Race] = {}
        self._shelf, self._baton = Shelf(), Baton()
        self._scheduler = Scheduler(self._sweep)

    @property
    def answers(self) -> Mapping[str, Callable[..., dict[str, Any]]]:
        """What can be asked, by name."""
        asked = (
            *(self.choices, self.start, self.go, self.pause, self.step, self.rewind),
            *(self.keep, self.kept, self.alive, self.end),
        )
        return {f"training/{function.__name__}": function for function in asked}

    def choices(self) -> dict[str, Any]:
        """What can be chosen, and within which limits."""
        return choices()

    def start(
        self,
        lanes: list[LaneWanted],
        data: str = "sample",
        hidden: int = 50,
        activation: str = "sigmoid",
        loss: str = "cross_entropy",
        init: str = "",
        batch: int = 100,
        seed: int = 0,
        optimizer: str = "sgd",
        abreast: bool = False,
    ) -> dict[str, Any]:
        """Has a race prepared: runs from the same weights and batches.

        It goes nowhere before it is told to.

        Args:
            lanes: For each run its gradient method and its learning rate.
            data: A data set that is at hand.
            hidden: Neurons of the hidden layer.
            activation: What they do.
            loss: What is made small.
            init: How weights are drawn; `""` for the activation's usual way.
            batch: Samples a step.
            seed: Of weights and batches.
            optimizer: What a step makes of a gradient.
            abreast: Equally many steps for each, and not equal time.

        Returns:
            `race`: its id; the settings as they are used; `data`: its name and how
            many samples there are; `samples`: digits to look at, `pixels` as base64
            of uint8, (40, 784), and their `labels`; `most_steps`.

        Raises:
            LocalizedError: Something in it cannot be.
        """
        wanted = Wanted(
            *(data, hidden, activation, loss, init, batch, seed, optimizer, abreast),
            lanes=tuple(lanes),
        )
        found = self._shelf.get(data)
        race = Race(wanted, found, self._baton)
        with self._lock:
            self._make_room()
            self._races[race.id] = race
        self._scheduler.add(race)
        return {
            "race": race.id,
            **wanted.plain(),
            "data": {
                "name": found.name,
                "train": len(found.train),
                "test": len(found.test),
            },
            "samples": {
                "pixels": b64encode(found.pixels.tobytes()).decode(),
                "labels": found.labels.tolist(),
            },
            "most_steps": MOST_STEPS,
        }

    def go(self, race: str) -> dict[str, Any]:
        """Every lane trains, until it is paused or has taken its last step."""
        return self._ordered(race, lambda lane: lane.go())

    def pause(self, race: str) -> dict[str, Any]:
        """Every lane stays where it is."""
        return self._ordered(race, lambda lane: lane.pause())

    def step(self, race: str, count: int = 1) -> dict[str, Any]:
        """Every lane takes exactly so many steps."""
        within("count", count, 1, MOST_STEPS)
        return self._ordered(race, lambda lane: lane.take(count))

    def rewind(self, race: str) -> dict[str, Any]:
        """Every lane goes back to the first weights, and stays there."""
        return self._ordered(race, lambda lane: lane.rewind())

    def keep(self, race: str, lane: int = 0) -> dict[str, Any]:
        """Keeps a lane, as it stands, as a run folder.

        Returns:
            `folder`: which, `runs/0001` where `secant lab` was started.

        Raises:
            LocalizedError: There is no such lane, or it has taken no step.
        """
        found = self.find(race)
        if not 0 <= lane < len(found.lanes):
            raise LocalizedError(
                "lane",
                f"there is no lane {lane}: the race has {len(found.lanes)}, from 0",
                came=str(lane)[:20],
                lanes=len(found.lanes),
            )
        chosen = found.lanes[lane]
        if not chosen.step:
            raise LocalizedError(
                "nothing", "no step has been taken yet: let it take some first"
            )
        run = chosen.run()
        steps = len(run.losses)
        run = replace(run, settings=replace(run.settings, iterations=steps))
        folder = reserve_run_folder(None)
        try:
            run.save(folder)
        except BaseException:
            release_run_folder(folder)
            raise
        return {"folder": folder.as_posix(), "steps": steps}

    def kept(self) -> dict[str, Any]:
        """The run folders where `secant lab` was started, the latest first."""
        folders = sorted(RUNS_FOLDER.glob(f"*/{NETWORK_FILE}"), reverse=True)
        return {"folders": [path.parent.as_posix() for path in folders[:200]]}

    def alive(self, race: str) -> dict[str, Any]:
        """Says that the race's page is still there, though it does not look.

        Returns:
            `state`, and `steps`: how many each lane has taken.
        """
        found = self.find(race)
        return {"state": found.state, "steps": [lane.step for lane in found.lanes]}

    def end(self, race: str) -> dict[str, Any]:
        """Ends a race. One that has ended already stays so."""
        with self._lock:
            found = self._races.pop(race, None)
        if found:
            self._scheduler.remove(found, "end")
        return {"state": "ended"}

    def find(self, race: str) -> Race:
        """The race of an id.

        Raises:
            LocalizedError: There is none, or no more.
        """
        with self._lock:
            found = self._races.get(race)
        if found is None:
            raise LocalizedError(
                "race", "there is no such race, or it has ended: start another one"
            )
        found.alive()
        return found

    def close(self) -> None:
        """Ends all races."""
        with self._lock:
            self._races.clear()
        # Without the lock: the thread that is waited for may want it.
        self._scheduler.close()

    def _ordered(self, race: str, order: Callable[[Lane], None]) -> dict[str, Any]:
        found = self.find(race)
        self._scheduler.order(found, order)
        return {"state": found.state}

    def _make_room(self) -> None:
        """Ends the race that nobody has looked at for longest, if there are too many.

        Those that stand still first; and of those that are all looked at, the oldest.
        """
        while len(self._races) >= MOST_RACES:
            races = list(self._races.values())
            one = max(races, key=lambda race: (not race.going, race.unseen()))
            del self._races[one.id]
            self._scheduler.remove(one, "crowd")

    def _sweep(self) -> None:
        with self._lock:
            left = [race for race in self._races.values() if race.unseen() > LEASE]
            for race in left:
                del self._races[race.id]
        for race in left:
            self._scheduler.remove(race, "left")
