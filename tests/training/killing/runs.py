"""Runs of `fit` and of `secant train` that are killed and resumed."""

import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from killing.leftovers import (
    contents,
    differences,
    faults_of_run,
    half_files,
    kept,
    lost,
    newest,
)
from killing.outcome import Outcome
from killing.processes import Death, Life, draw_death

ITERATIONS = 60


class Lane(NamedTuple):
    """A run that is killed again and again.

    Attributes:
        gradient: Its gradient method.
        settings: Other arguments of `fit`, or options of `secant train`.
        checkpoints: When it is saved.
        begins_with: The steps of a first run, which is then extended; None: all.
    """

    gradient: str
    settings: dict[str, Any]
    checkpoints: dict[str, Any]
    begins_with: int | None = None


FIT = {
    "fit node": Lane("node", {"optimizer": "adam"}, {"steps": 1, "seconds": None}),
    "fit spsa": Lane(
        "spsa",
        {"optimizer": "momentum", "sampling": "epochs", "learning_rate": 0.01},
        {"steps": 3, "seconds": None, "keep": 1},
    ),
    "fit definition": Lane(
        "definition",
        {"optimizer": "rmsprop", "sampling": "epochs", "validation_split": 0.2},
        {"steps": 1, "seconds": None},
    ),
    "fit weight": Lane(
        "weight", {"optimizer": "adagrad", "clip_norm": 0.5}, {"seconds": 0.002}
    ),
    "fit backprop": Lane(
        "backprop",
        {
            "optimizer": "adamw",
            "sampling": "epochs",
            "learning_rate": 0.3,
            "validation_split": 0.3,
            "early_stopping": 7,
        },
        {"steps": 2, "seconds": None},
    ),
}
"""Runs of a program that calls `fit(folder=…, resume=True)`."""

TRAIN = {
    "train node": Lane(
        "node",
        {"optimizer": "sgd", "schedule": "cosine", "warmup_steps": 5},
        {"checkpoint_steps": 1},
    ),
    "train spsa": Lane(
        "spsa",
        {"optimizer": "adam", "directions": 3, "sampling": "epochs"},
        {"checkpoint_seconds": 0.002},
    ),
    "train definition": Lane(
        "definition",
        {"optimizer": "momentum", "learning_rate": 0.05},
        {"checkpoint_steps": 2, "keep": 1},
    ),
    "train weight": Lane(
        "weight",
        {"optimizer": "nesterov", "learning_rate": 0.05, "sampling": "epochs"},
        {"checkpoint_steps": 1},
        begins_with=25,
    ),
    "train backprop": Lane(
        "backprop",
        {
            "optimizer": "adam",
            "learning_rate": 0.2,
            "validation_split": 0.3,
            "patience": 12,
        },
        {"checkpoint_steps": 1},
    ),
}
"""Runs of the command `secant train`, and `secant train --resume` after a kill."""


def samples(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three clusters in space."""
    draw = np.random.default_rng(seed)
    t = np.arange(96) % 3
    return np.eye(3)[t] + draw.normal(0, 0.6, (96, 3)), t


def fit_lane(name: str, folder: str) -> None:
    """The program of a process: a small network, trained in a folder."""
    from secant import MLP, Checkpoints, fit

    lane, seed = FIT[name], list(FIT).index(name)
    x, t = samples(seed)
    fit(
        MLP((3, 16, 3), "tanh", init="xavier", seed=seed),
        ((x, t), (x[:30], t[:30])),
        lane.gradient,
        iterations=ITERATIONS,
        batch_size=16,
        seed=seed,
        folder=folder,
        resume=True,
        checkpoints=Checkpoints(**lane.checkpoints),
        **lane.settings,
    )


def train_lane(
    name: str, folder: str, *, resume: bool | None = None, at_once: bool = False
) -> None:
    """Likewise, by the command: it resumes a run if there is one to be resumed."""
    lane, place = TRAIN[name], Path(folder)
    if resume is None:
        resume = (place / "manifest.json").is_file()
    parts = [ITERATIONS if at_once else lane.begins_with or ITERATIONS, ITERATIONS]
    has_ended = (place / "network.safetensors").is_file()
    iterations = parts[has_ended or newest(place) >= parts[0]]
    if resume:
        words = ["train", "--resume", folder, "--iterations", str(iterations)]
    else:
        words = ["train", "--out", folder, "--gradient", lane.gradient]
        words += ["--data", "samples.npz", "--hidden", "16", "--activation", "tanh"]
        words += ["--init", "xavier", "--batch-size", "16"]
        words += ["--iterations", str(iterations), *_options(lane.settings)]
    command(*words, *_options(lane.checkpoints))
    if iterations < ITERATIONS:
        train_lane(name, folder)


def _options(values: dict[str, Any]) -> list[str]:
    return [
        word
        for name, value in values.items()
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]


def command(*words: str) -> None:
    """Calls `secant`, as a shell does; returns if it succeeds."""
    from secant.cli.main import main

    sys.argv = ["secant", *words]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise


def kill_runs(
    place: Path, kills: int, seed: int, tell: Callable[[Outcome], object], name: str
) -> None:
    """Kills processes, which train the same run one after the other.

    A run that has come to its end is compared with one that was never interrupted. It
    then gets one more process, which finds it at its end. Then another run begins.

    Args:
        place: A folder for the runs.
        kills: How many.
        seed: Of the deaths.
        tell: Is told what each process added to the outcome.
        name: The run, of `FIT` or `TRAIN`.
    """
    _Lane(place / name.replace(" ", "-"), seed, tell, name).kill(kills)


class _Lane:
    """The killing of one lane."""

    def __init__(
        self, place: Path, seed: int, tell: Callable[[Outcome], object], name: str
    ) -> None:
        self._place, self._tell, self._name = place, tell, name
        self._work = fit_lane if name in FIT else train_lane
        self._draw = np.random.default_rng([seed, *name.encode()])
        place.mkdir(parents=True)
        x, t = samples(7)
        np.savez(place / "samples.npz", x=x, t=t)

    def _start(self, folder: Path, **more: Any) -> Life:
        return Life(
            *(self._work, self._name, str(folder)),
            watched=folder,
            files=self._place / "process",
            compiled=self._place / "compiled",
            **more,
        )

    def _whole_run(self) -> Life:
        work = self._work
        if work is train_lane:
            work = partial(train_lane, at_once=True)
        folder = self._place / "whole"
        return Life(
            *(work, self._name, str(folder)),
            watched=folder,
            files=self._place / "process",
            compiled=self._place / "compiled",
            keep=True,
        )

    def kill(self, kills: int) -> None:
        from secant import Run

        self._whole_run().finished()
        again = self._start(self._place / "again").finished()
        whole = Run.load(self._place / "whole")
        self._tell(self._compared(self._place / "again", whole))
        killed, number, events, seconds = 0, 0, again.events, again.seconds
        while True:
            folder, last = self._place / str(number), killed == kills
            before, ended = kept(folder), self._has_ended(folder)
            death = self._next_death(folder, ended, events, seconds)
            # The last one survives, so that its run is compared too.
            life = self._start(folder, death=Death() if last else death)
            more = self._watch(life, folder, before)
            self._tell(more)
            killed += more.kills
            if not more.kills:
                self._tell(self._compared(folder, whole))
                number += ended
                if last:
                    return

    def _has_ended(self, folder: Path) -> bool:
        """Whether the run is there as a whole; a run to be extended is not."""
        from secant import Run
        from secant.errors import SecantError

        try:
            run = Run.load(folder)
        except SecantError:
            return False
        return run.status == "stopped early" or len(run.losses) == ITERATIONS

    def _next_death(
        self, folder: Path, ended: bool, events: int, seconds: float
    ) -> Death:
        left = 1 - max(newest(folder), 0) / (ITERATIONS + 1)
        hows = ("event", "event", "write", "write", "beside", "moment")
        if ended:
            return draw_death(self._draw, 8, seconds / 4, hows)
        return draw_death(self._draw, max(int(events * left), 24), seconds, hows)

    def _watch(self, life: Life, folder: Path, before: dict[str, Any]) -> Outcome:
        """Waits for a process to die, or to end."""
        faults: list[str] = []
        refused = 0
        life.wait()
        if life.stopped:
            if in_use(folder):
                refused = 1
                faults += self._try_a_second(folder)
            life.kill()
        faults += [*faults_of_run(folder), *lost(folder, before)]
        if not life.killed:
            if life.code:
                faults.append(f"{self._name} ended with {life.code}: {life.said}")
            return Outcome(faults=tuple(faults))
        return Outcome(
            kills=1,
            refused=refused,
            trained=int(newest(folder) > before["step"]),
            in_midst=int(half_files(folder) > 0),
            hows={life.death.how: 1},
            lanes={self._name: 1},
            faults=tuple(faults),
        )

    def _try_a_second(self, folder: Path) -> Iterator[str]:
        """Starts another process in a folder in which a process trains."""
        before = contents(folder)
        more = {}
        if self._name in TRAIN:
            more["resume"] = (folder / "manifest.json").is_file() and bool(
                self._draw.integers(2)
            )
        second = Life(
            _Refused(self._work),
            *(self._name, str(folder), more),
            watched=folder,
            files=self._place / "second",
            compiled=self._place / "compiled",
        ).wait()
        if second.code != 2:
            yield f"a second process in {folder} ended with {second.code}"
        if not ("is in use" in second.said or "exists already" in second.said):
            yield f"a second process in {folder} said: {second.said}"
        if contents(folder) != before:
            yield f"a second process changed {folder}"

    def _compared(self, folder: Path, whole: Any) -> Outcome:
        faults = (*faults_of_run(folder), *differences(folder, whole))
        return Outcome(ended=1, equal=int(not faults), faults=faults)


class _Refused:
    """A program that ends with 2 when Secant refuses its arguments."""

    def __init__(self, work: Callable[..., None]) -> None:
        self._work = work

    def __call__(self, name: str, folder: str, more: dict[str, Any]) -> None:
        from secant.errors import InvalidInput

        try:
            self._work(name, folder, **more)
        except InvalidInput as error:
            os.write(2, str(error).encode())
            raise SystemExit(2) from None


def in_use(folder: Path) -> bool:
    """Whether a process has the lock of a run's folder."""
    from filelock import FileLock, Timeout

    path = folder / ".lock"
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
