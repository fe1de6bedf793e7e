"""The room of training: the endpoints with which a page creates and controls races."""

import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from secant.training import (
    NETWORK_FILE,
    RUNS_FOLDER,
    reserve_run_folder,
)
from secant_lab.localized_error import LocalizedError
from secant_lab.training.data_set_cache import DataSetCache
from secant_lab.training.race import Race
from secant_lab.training.race_config import (
    MAX_STEPS,
    EntryConfig,
    RaceConfig,
    check_range,
    choices,
)
from secant_lab.training.race_entry import Command
from secant_lab.training.scheduler import Scheduler
from secant_lab.training.slow_run import TurnLock

MAX_RACES = 64
"""The largest number of races at a time."""

LEASE = 90.0
"""The seconds after which a race ends if no page asks for it."""


class Room:
    """All races of one server, and the endpoints for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._races: dict[str, Race] = {}
        self._data_sets, self._turn_lock = DataSetCache(), TurnLock()
        self._scheduler = Scheduler(self._sweep)

    @property
    def endpoints(self) -> Mapping[str, Callable[..., dict[str, Any]]]:
        """The endpoints by name."""
        functions = (
            *(self.choices, self.start, self.go, self.pause, self.step, self.rewind),
            *(self.save, self.saved_runs, self.keep_alive, self.end),
        )
        return {f"training/{function.__name__}": function for function in functions}

    def choices(self) -> dict[str, Any]:
        """The names that each setting accepts, and the limits of the numbers."""
        return choices()

    def start(
        self,
        entries: list[EntryConfig],
        data: str = "sample",
        hidden: int = 50,
        activation: str = "sigmoid",
        loss: str = "cross_entropy",
        init: str = "",
        batch: int = 100,
        seed: int = 0,
        optimizer: str = "sgd",
        equal_steps: bool = False,
    ) -> dict[str, Any]:
        """Prepare a race: runs from the same weights and batches.

        The entries take no step before `go` or `step`.

        Args:
            entries: The gradient method and the learning rate of each run.
            data: The name of an available data set.
            hidden: The number of neurons in the hidden layer.
            activation: The hidden layer's activation.
            loss: The loss function.
            init: The distribution of the initial weights; `""` for the activation's
                usual one.
            batch: The batch size.
            seed: The seed of the weights and of the batches.
            optimizer: The optimiser's name.
            equal_steps: Whether the entries get the same number of steps, instead of
                the same time.

        Returns:
            `race`: its id; the settings; `data`: the name and the numbers of samples;
            `samples`: the digits to show, `pixels` as base64 of uint8, (40, 784), and
            their `labels`; `max_steps`.

        Raises:
            LocalizedError: A setting is invalid.
        """
        config = RaceConfig(
            data=data,
            hidden=hidden,
            activation=activation,
            loss=loss,
            init=init,
            batch=batch,
            seed=seed,
            optimizer=optimizer,
            equal_steps=equal_steps,
            entries=tuple(entries),
        )
        data_set = self._data_sets.get(data)
        race = Race(config, data_set, self._turn_lock)
        with self._lock:
            self._evict()
            self._races[race.id] = race
        self._scheduler.add(race)
        return {
            "race": race.id,
            **config.to_json(),
            "data": {
                "name": data_set.name,
                "train": len(data_set.train),
                "test": len(data_set.test),
            },
            "samples": {
                "pixels": b64encode(data_set.pixels.tobytes()).decode(),
                "labels": data_set.labels.tolist(),
            },
            "max_steps": MAX_STEPS,
        }

    def go(self, race: str) -> dict[str, Any]:
        """Let every entry train until it is paused or has taken its last step."""
        return self._submit(race, lambda entry: entry.go())

    def pause(self, race: str) -> dict[str, Any]:
        """Pause every entry."""
        return self._submit(race, lambda entry: entry.pause())

    def step(self, race: str, count: int = 1) -> dict[str, Any]:
        """Let every entry take exactly `count` steps."""
        check_range("count", count, 1, MAX_STEPS)
        return self._submit(race, lambda entry: entry.take_steps(count))

    def rewind(self, race: str) -> dict[str, Any]:
        """Put every entry back to its initial weights, and pause it."""
        return self._submit(race, lambda entry: entry.rewind())

    def save(self, race: str, entry: int = 0) -> dict[str, Any]:
        """Save an entry at its present step as a run folder.

        Returns:
            `folder`: the folder, as `runs/0001`, below the folder in which
            `secant lab` runs; `steps`: the number of steps.

        Raises:
            LocalizedError: There is no such entry, or it has taken no step.
        """
        found = self.find(race)
        if not 0 <= entry < len(found.entries):
            raise LocalizedError(
                "race_entry",
                f"there is no entry {entry}: the race has {len(found.entries)}, from 0",
                came=str(entry)[:20],
                entries=len(found.entries),
            )
        chosen = found.entries[entry]
        if not chosen.step:
            raise LocalizedError(
                "nothing", "the entry has taken no step: let it train first"
            )
        run = chosen.run()
        steps = len(run.losses)
        run = replace(run, settings=replace(run.settings, iterations=steps))
        folder = reserve_run_folder()
        try:
            run.write(folder.path)
        finally:
            folder.release()
        return {"folder": folder.path.as_posix(), "steps": steps}

    def saved_runs(self) -> dict[str, Any]:
        """The run folders below the folder in which `secant lab` runs, latest first."""
        folders = sorted(RUNS_FOLDER.glob(f"*/{NETWORK_FILE}"), reverse=True)
        return {"folders": [path.parent.as_posix() for path in folders[:200]]}

    def keep_alive(self, race: str) -> dict[str, Any]:
        """Keep a race alive whose page is open but hidden.

        Returns:
            `state`, and `steps`: the number of steps of each entry.
        """
        found = self.find(race)
        return {"state": found.state, "steps": [entry.step for entry in found.entries]}

    def end(self, race: str) -> dict[str, Any]:
        """End a race, if it has not ended yet."""
        with self._lock:
            found = self._races.pop(race, None)
        if found:
            self._scheduler.remove(found, "closed")
        return {"state": "ended"}

    def find(self, race: str) -> Race:
        """The race of an id.

        Raises:
            LocalizedError: There is no such race, or it has ended.
        """
        with self._lock:
            found = self._races.get(race)
        if found is None:
            raise LocalizedError(
                "race", "there is no such race, or it has ended: start another one"
            )
        found.touch()
        return found

    def close(self) -> None:
        """End all races."""
        with self._lock:
            self._races.clear()
        # Outside the lock, which the scheduler's thread may need before it ends.
        self._scheduler.close()

    def _submit(self, race: str, command: Command) -> dict[str, Any]:
        found = self.find(race)
        self._scheduler.submit(found, command)
        return {"state": found.state}

    def _evict(self) -> None:
        """End a race if there are too many: the one that has been idle the longest.

        Paused races go first. Of races that are all watched, the oldest goes.
        """
        while len(self._races) >= MAX_RACES:
            races = list(self._races.values())
            idlest = max(races, key=lambda race: (not race.active, race.idle_seconds()))
            del self._races[idlest.id]
            self._scheduler.remove(idlest, "evicted")

    def _sweep(self) -> None:
        """End the races whose lease has run out."""
        with self._lock:
            abandoned = [r for r in self._races.values() if r.idle_seconds() > LEASE]
            for race in abandoned:
                del self._races[race.id]
        for race in abandoned:
            self._scheduler.remove(race, "abandoned")
