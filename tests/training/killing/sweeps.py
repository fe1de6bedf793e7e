"""Sweeps whose workers are killed: the next worker takes up a lost trial."""

import csv
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from killing.leftovers import (
    differences,
    faults_of_run,
    half_files,
    kept,
    lost,
    newest,
    read_picture,
)
from killing.outcome import Outcome
from killing.processes import Life, draw_death
from killing.runs import command, samples

LANES = {"sweep": 1, "sweep of two": 2}
"""The workers of each sweep."""

TRIALS = 4

# A trial whose workers die four times is given up.
_MOST_KILLS = 3

_OPTIONS = (
    *("--data", "samples.npz", "--hidden", "8", "--activation", "tanh"),
    *("--init", "xavier", "--gradient", "backprop", "--validation-split", "0.25"),
    *("--iterations", "60", "--trials", str(TRIALS), "--pruner", "none"),
    *("--heartbeat", "1", "learning_rate=0.01..1:log", "batch_size=8,12,18"),
)


def sweep_lane(folder: str) -> None:
    """The program of a worker: `secant sweep`, with checkpoints in short trials."""
    from secant.training import checkpoint_manager

    # New best weights wait a second for a checkpoint, and a trial takes less.
    checkpoint_manager._MAX_BEST_WAIT = 0.0
    command("sweep", "--out", folder, *_OPTIONS)


def kill_sweeps(
    place: Path, kills: int, seed: int, tell: Callable[[Outcome], object], name: str
) -> None:
    """Kills workers of sweeps, and compares each ended sweep with an uninterrupted one.

    Args:
        place: A folder for the sweeps.
        kills: How many.
        seed: Of the deaths.
        tell: Is told what each process added to the outcome.
        name: The kind of sweep, of `LANES`.
    """
    _Lane(place / name.replace(" ", "-"), seed, tell, name).kill(kills)


class _Lane:
    """The killing of one lane."""

    def __init__(
        self, place: Path, seed: int, tell: Callable[[Outcome], object], name: str
    ) -> None:
        self._place, self._tell, self._name = place, tell, name
        self._draw = np.random.default_rng([seed, *name.encode()])
        place.mkdir(parents=True)
        x, t = samples(7)
        np.savez(place / "samples.npz", x=x, t=t)

    def _start(self, folder: Path, files: str = "worker", **more: Any) -> Life:
        return Life(
            *(sweep_lane, str(folder)),
            watched=folder,
            files=self._place / files,
            compiled=self._place / "compiled",
            **more,
        )

    def kill(self, kills: int) -> None:
        self._start(self._place / "whole", keep=True).finished()
        again = self._start(self._place / "again").finished()
        self._tell(self._compared(self._place / "again"))
        events, seconds = again.events, again.seconds
        killed, number = 0, 0
        while killed < kills:
            folder = self._place / str(number)
            most = min(_MOST_KILLS, kills - killed)
            killed += self._kill_one_sweep(folder, most, events, seconds)
            number += 1

    def _kill_one_sweep(
        self, folder: Path, most: int, events: int, seconds: float
    ) -> int:
        """Kills workers of a sweep until it ends; returns how many."""
        others = [
            self._start(folder, f"other-{turn}") for turn in range(1, LANES[self._name])
        ]
        killed = 0
        while killed < most:
            before = _State(folder)
            # Each of two workers has half of the events.
            share = max(1 - len(before.ended) / TRIALS, 0.2) / LANES[self._name]
            hows = ("event", "event", "write", "moment")
            death = draw_death(
                self._draw, max(int(events * share), 24), seconds * share, hows
            )
            life = self._start(folder, death=death).wait()
            more = self._after(life, folder, before)
            self._tell(more)
            killed += more.kills
            if not more.kills:
                break
        else:
            before = _State(folder)
            self._tell(self._after(self._start(folder).wait(), folder, before))
        for other in others:
            before = _State(folder)
            self._tell(self._after(other.wait(), folder, before))
        self._tell(self._compared(folder))
        return killed

    def _after(self, life: Life, folder: Path, before: "_State") -> Outcome:
        """What a worker left."""
        now = _State(folder)
        faults = [*now.faults(), *now.lost(before)]
        if not life.killed:
            if life.code:
                faults.append(f"a worker ended with {life.code}: {life.said}")
            return Outcome(faults=tuple(faults))
        return Outcome(
            kills=1,
            trained=int(now.steps > before.steps or len(now.ended) > len(before.ended)),
            in_midst=int(half_files(folder) > 0),
            hows={life.death.how: 1},
            lanes={self._name: 1},
            faults=tuple(faults),
        )

    def _compared(self, folder: Path) -> Outcome:
        faults = tuple(self._differences(folder))
        return Outcome(ended=1, equal=int(not faults), faults=faults)

    def _differences(self, folder: Path) -> Iterator[str]:
        """In what a sweep differs from the uninterrupted one."""
        from secant import Run

        yield from _State(folder).faults()
        rows, whole = _rows(folder), _rows(self._place / "whole")
        if sorted(rows) != sorted(whole):
            yield f"{folder} has the trials {sorted(rows)}"
            return
        if not (folder / "sweep.png").is_file():
            yield f"{folder} has no picture"
        for number, row in whole.items():
            for name in row.keys() - {"seconds", "folder", "host"}:
                if rows[number].get(name) != row[name]:
                    yield f"{folder}: trial {number} has another {name}"
            run = Run.load(row["folder"])
            yield from differences(Path(rows[number]["folder"]), run)


class _State:
    """What a sweep has and must not lose."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs = {path: kept(path) for path in folder.glob("trials/*")}
        self.steps = sum(max(newest(path), 0) for path in self._runs)
        self.ended: dict[int, float | None] = {}
        self._tried_again: set[int] = set()
        self._integrity = "ok"
        if (folder / "study.db").exists():
            self._read(folder / "study.db")

    def _read(self, database: Path) -> None:
        with closing(sqlite3.connect(database, timeout=60)) as connection:
            call = connection.execute
            (self._integrity,) = call("PRAGMA integrity_check").fetchone()
            tables = {name for (name,) in call("SELECT name FROM sqlite_master")}
            if not {"trials", "trial_values", "trial_system_attributes"} <= tables:
                return
            self.ended = dict(
                call(
                    "SELECT number, value FROM trials LEFT JOIN trial_values "
                    "USING (trial_id) WHERE state IN ('COMPLETE', 'PRUNED', 'FAIL') "
                    "AND (state != 'FAIL' OR trial_id IN (SELECT trial_id FROM "
                    "trial_user_attributes WHERE key = 'error'))"
                )
            )
            for (text,) in call(
                "SELECT value_json FROM trial_system_attributes "
                "WHERE key = 'retry_history'"
            ):
                self._tried_again |= set(json.loads(text))

    def faults(self) -> Iterator[str]:
        """Files that are not whole, and trials that were tried again for nothing."""
        if self._integrity != "ok":
            yield f"{self._folder}: the database is damaged: {self._integrity}"
        for number in sorted(self.ended.keys() & self._tried_again):
            yield f"{self._folder}: trial {number} had ended and was tried again"
        for path in self._runs:
            yield from faults_of_run(path)
        picture = self._folder / "sweep.png"
        if picture.exists():
            try:
                read_picture(picture)
            except (OSError, SyntaxError) as error:
                yield f"{picture} cannot be read: {error}"
        if (self._folder / "sweep.json").exists():
            json.loads((self._folder / "sweep.json").read_text(encoding="utf-8"))

    def lost(self, before: "_State") -> Iterator[str]:
        """What there was and is no longer."""
        for number, value in before.ended.items():
            if self.ended.get(number, "nothing") != value:
                yield f"{self._folder}: trial {number} had {value}"
        for path, had in before._runs.items():
            yield from lost(path, had)


def _rows(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of a sweep's table, by trial."""
    path = folder / "trials.csv"
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row["trial"]: row for row in csv.DictReader(file)}
