"""A run's folder while the run goes on: nobody else's, and never behind for long.

manifest.json                             what the run is
initial.safetensors                       the weights that it starts from
checkpoints/000000000600.safetensors …    where it stood, the newest few
best.safetensors                          the best weights so far
network.safetensors, history.csv, training.png    in the end
tensorboard/                              what TensorBoard draws, if that was asked for
"""

import os
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from time import perf_counter
from types import TracebackType
from typing import Any, Self

import numpy as np
from filelock import FileLock, Timeout

from secant.errors import InvalidInput
from secant.history import Epoch
from secant.training import checkpoint
from secant.training.checkpoint import Checkpoints
from secant.training.diagnostics import TrainingWarning
from secant.training.manifest import Manifest
from secant.training.run import (
    MANIFEST_FILE,
    Run,
    network_bytes,
    new_folder,
    write_best,
)
from secant.training.serialization import replace_file
from secant.training.trainer import Best, Checkpoint, Training

INITIAL_FILE = "initial.safetensors"
LOCK_FILE = ".lock"
EVENTS_FOLDER = "tensorboard"
"""For TensorBoard, if it is to draw the run; it may be there before the run is."""

# What is there before the first step is kept.
_BEGUN = {MANIFEST_FILE, INITIAL_FILE, LOCK_FILE, EVENTS_FOLDER, checkpoint.FOLDER}

# So long a new best network waits at most: epochs of a small net are milliseconds.
_BEST_WAITS = 1.0


class Keeper:
    """Keeps a run in its folder while it goes on.

    It is a context: as long as that lasts, no other process can take the folder.

    Args:
        folder: A new or an empty folder, or with `resume` also one that keeps this run.
        training: The run.
        policy: How often it is kept.
        resume: Whether to go on where it was kept last.
        notes: What else the manifest shall keep, as JSON holds it.

    Raises:
        InvalidInput: The folder holds something else, is in use, or cannot be
            written to.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        training: Training,
        policy: Checkpoints,
        *,
        resume: bool = False,
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self._checkpoints = self.folder / checkpoint.FOLDER
        self._training = training
        self._policy = policy
        self._resume = resume
        self._notes = dict(notes or {})
        self._origin = training.origin()
        self._lock = FileLock(self.folder / LOCK_FILE, timeout=0)
        self._at = 0.0
        self._step = -1
        self._failed = False
        self._best: Epoch | None = None

    def __enter__(self) -> Self:
        _usable(self.folder, resume=self._resume)
        try:
            self._lock.acquire()
        except Timeout:
            raise InvalidInput(
                f"{self.folder} is in use: another process trains there. Wait for its "
                "end, or name another folder"
            ) from None
        except OSError as error:
            raise _unwritable(self.folder, error) from None
        for rest in self.folder.glob("**/.*.part"):  # of a process that was killed
            rest.unlink(missing_ok=True)
        self._at = perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()

    def begin(self) -> Checkpoint:
        """Where the run is to go on: at its start, or where it was kept last.

        Warns:
            TrainingWarning: A checkpoint cannot be trusted, and an older one serves.
        """
        training, folder = self._training, self.folder
        if (folder / MANIFEST_FILE).is_file():
            kept = Manifest.read(folder).origin
            checkpoint.compare(folder / MANIFEST_FILE, kept, self._origin)
        found = checkpoint.newest(self._checkpoints, training.start.state, self._origin)
        for sentence in found.passed_over:
            way = f"going on from {found.path}" if found.path else "starting anew"
            warnings.warn(f"{sentence} – {way}", TrainingWarning, stacklevel=5)
        if found.reached is not None:
            self._step = found.reached.step
            if self._step > training.config.iterations:
                raise InvalidInput(
                    f"{folder} has {self._step:,} steps already, and iterations is "
                    f"{training.config.iterations:,}: pass a larger number, or "
                    "train anew"
                )
            return training.read_back(found.reached)
        try:
            replace_file(folder / INITIAL_FILE, network_bytes(training.net))
            Manifest.of(
                training.net.architecture,
                training.config,
                training.data_name,
                self._origin,
                self._notes,
            ).write(folder)
        except OSError as error:
            raise _unwritable(folder, error) from None
        return training.start

    def next_stop(self, step: int) -> int | None:
        """The step at which the run is to be kept next, if it is kept by steps."""
        every = self._policy.steps
        return None if every is None else (step // every + 1) * every

    def keep(self, reached: Checkpoint, *, now: bool = False) -> None:
        """Keeps where the run stands, if it is time for that.

        A disk that is full does not end a run: it goes on, and the next time that it
        is kept may succeed.

        Warns:
            TrainingWarning: It could not be written.
        """
        if reached.step == self._step or not (now or self._due(reached)):
            return
        # What cannot go on is no place to go back to.
        if not self._training.is_sound(reached):
            return
        try:
            checkpoint.write(
                self._checkpoints, reached, self._origin, keep=self._policy.keep
            )
            self._step, self._failed = reached.step, False
            self._keep_best(reached.best)
        except OSError as error:
            if not self._failed:
                kept = (
                    f"step {self._step:,} is the last that is kept"
                    if self._step >= 0
                    else "none is kept yet"
                )
                warnings.warn(
                    f"the checkpoint of step {reached.step:,} could not be written to "
                    f"{self.folder} ({error.strerror or error}): training goes on, "
                    f"and {kept}",
                    TrainingWarning,
                    stacklevel=6,
                )
            self._failed = True
        self._at = perf_counter()

    def _keep_best(self, best: Best | None) -> None:
        """Also in a file of its own, for whoever reads the folder of a killed run."""
        if best is None or best.epoch == self._best:
            return
        net = self._training.net.replace(
            {name: np.asarray(value) for name, value in best.params.items()}
        )
        with suppress(OSError):  # the checkpoint has it, too: the next time will do
            write_best(
                self.folder,
                net,
                best.epoch,
                self._training.config,
                self._training.data_name,
            )
            self._best = best.epoch

    def _due(self, reached: Checkpoint) -> bool:
        policy, waited = self._policy, perf_counter() - self._at
        by_steps = policy.steps is not None and reached.step % policy.steps == 0
        by_clock = policy.seconds is not None and waited >= policy.seconds
        best = reached.best is not None and reached.best.epoch.step > max(self._step, 0)
        return by_steps or by_clock or (best and waited >= _BEST_WAITS)

    def end(self, run: Run) -> None:
        """Puts the run into its folder.

        Raises:
            InvalidInput: It cannot be written there.
        """
        try:
            run.write(self.folder)
        except OSError as error:
            kept = f"step {self._step:,} is kept" if self._step >= 0 else "none is kept"
            raise InvalidInput(
                f"the run could not be written to {self.folder} "
                f"({error.strerror or error}): make room there, and go on with "
                f"resume=True, or `secant train --resume {self.folder}`; {kept}"
            ) from None


def is_begun_only(folder: Path) -> bool:
    """Whether a run has been begun in a folder, and none of its steps is kept."""
    held = {path.name for path in folder.iterdir()}
    return held <= _BEGUN and not any((folder / checkpoint.FOLDER).glob("*"))


def unmade(folder: Path) -> None:
    """Removes what there is of a run that was only begun."""
    rmtree(folder / EVENTS_FOLDER, ignore_errors=True)
    for name in (MANIFEST_FILE, INITIAL_FILE, LOCK_FILE):
        (folder / name).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        (folder / checkpoint.FOLDER).rmdir()


def _usable(folder: Path, *, resume: bool) -> None:
    """Makes the folder if need be; refuses one that holds something else."""
    try:
        if folder.is_file():
            raise InvalidInput(f"{folder} is a file: name a new folder")
        folder.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in folder.iterdir()}
        names -= {LOCK_FILE, EVENTS_FOLDER}
        held = {name for name in names if not name.endswith(".part")}
    except OSError as error:
        raise _unwritable(folder, error) from None
    begun = held <= {INITIAL_FILE} or MANIFEST_FILE in held
    if held and not (resume and begun):
        raise InvalidInput(
            f"{folder} is there already, and nothing in it will be overwritten: name "
            "a new folder, or move that one away"
            + (" (a run that it keeps goes on with resume=True)" if not resume else "")
        )


def _unwritable(folder: Path, error: OSError) -> InvalidInput:
    return InvalidInput(
        f"nothing can be kept in {folder} ({error.strerror or error}): name a folder "
        "that can be written to, on a disk with room"
    )


RUNS_FOLDER = Path("runs")
"""The folder of all runs that were given no folder: `runs/0001`, `runs/0002`, …"""


def reserve_run_folder(folder: Path | None = None) -> Path:
    """Makes the folder of a run before the run starts, so that no other run takes it.

    Args:
        folder: The folder, new or empty; None for the next number in `RUNS_FOLDER`.

    Returns:
        The folder, which exists and is empty.

    Raises:
        InvalidInput: The folder holds something, or is a file.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as parent:
        ...     folder = reserve_run_folder(pathlib.Path(parent, "mine"))
        ...     release_run_folder(folder)
        ...     folder.exists()
        False
    """
    if folder is not None:
        return new_folder(folder)
    RUNS_FOLDER.mkdir(exist_ok=True)
    taken = [int(path.name) for path in RUNS_FOLDER.iterdir() if path.name.isdecimal()]
    number = max(taken, default=0)
    while True:
        number += 1
        path = RUNS_FOLDER / f"{number:04}"
        try:
            path.mkdir()
        except FileExistsError:  # another process took this number just now
            continue
        return path


def release_run_folder(folder: Path) -> None:
    """Removes a reserved folder whose run did not take place, and nothing else.

    A folder that holds a step of a run, or anything that is no run's, stays.

    Args:
        folder: The folder that `reserve_run_folder` returned.
    """
    with suppress(OSError):
        if is_begun_only(folder):
            unmade(folder)
        folder.rmdir()
        if folder.parent == RUNS_FOLDER:
            RUNS_FOLDER.rmdir()
