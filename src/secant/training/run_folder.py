"""The folder of a run: its files, its checkpoints during training, its number.

manifest.json                             what the run is
initial.safetensors                       the first weights
checkpoints/000000000600.safetensors …    the newest few states of the run
best.safetensors                          the best weights so far
network.safetensors, history.csv, training.png    the finished run
tensorboard/                              events for TensorBoard, on request
"""

import errno
import os
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from time import perf_counter
from types import TracebackType
from typing import Any, Self

import numpy as np
from filelock import FileLock, Timeout

from secant.errors import DataError, InvalidInput
from secant.history import Epoch
from secant.training import checkpoint
from secant.training.checkpoint import Checkpoints
from secant.training.diagnostics import TrainingWarning
from secant.training.manifest import Manifest
from secant.training.run import (
    MANIFEST_FILE,
    Run,
    network_bytes,
    write_best,
)
from secant.training.serialization import replace_file
from secant.training.trainer import BestParams, RunState, Trainer

RUNS_FOLDER = Path("runs")
"""The folder of all runs that were given no folder: `runs/0001`, `runs/0002`, …"""

INITIAL_FILE = "initial.safetensors"
LOCK_FILE = ".lock"
EVENTS_FOLDER = "tensorboard"
"""The folder of TensorBoard's events; it may be there before the run is."""

# The contents of a run's folder before its first checkpoint.
_BEGUN = {MANIFEST_FILE, INITIAL_FILE, LOCK_FILE, EVENTS_FOLDER, checkpoint.FOLDER}

# The seconds that new best weights wait at most for a checkpoint. Epochs of a small
# network take milliseconds, so not each of them gets one.
_MAX_BEST_WAIT = 1.0


class CheckpointManager:
    """Saves the checkpoints of a run, and the run itself, in its folder.

    It is a context manager: within the context no other process can use the folder.

    Args:
        folder: A new or empty folder, or with `resume` also the folder of this run.
        trainer: The trainer of the run.
        policy: How often the run is saved.
        resume: Whether to continue from the newest checkpoint.
        notes: Further contents of the manifest, as JSON represents them.

    Raises:
        InvalidInput: The folder holds something else, is in use, or is not writable.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        trainer: Trainer,
        policy: Checkpoints,
        *,
        resume: bool = False,
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self._checkpoints = self.folder / checkpoint.FOLDER
        self._trainer = trainer
        self._policy = policy
        self._resume = resume
        self._notes = dict(notes or {})
        self._origin = trainer.origin()
        self._lock = (
            folder.lock if isinstance(folder, ReservedFolder) else _lock(self.folder)
        )
        self._saved_at = 0.0
        self._saved_step = -1
        self._failed = False
        self._says_old_stay = False
        self._saved_best: Epoch | None = None

    def __enter__(self) -> Self:
        _take(self.folder, self._lock, resume=self._resume)
        self._place = self.folder.stat()
        # A process that was killed may leave unfinished files.
        for part in self.folder.glob("**/.*.part"):
            part.unlink(missing_ok=True)
        self._saved_at = perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()

    def begin(self) -> RunState:
        """The first state of the run: its start, or the newest checkpoint.

        Warns:
            TrainingWarning: A checkpoint is damaged, and an older one replaces it.
        """
        trainer, folder = self._trainer, self.folder
        if (folder / MANIFEST_FILE).is_file():
            saved = Manifest.read(folder).origin
            checkpoint.check_same_run(folder / MANIFEST_FILE, saved, self._origin)
        found = checkpoint.read_newest(
            self._checkpoints, trainer.start.train_state, self._origin
        )
        for sentence in found.skipped:
            way = (
                f"the run continues from {found.path}"
                if found.path
                else "the run starts from the beginning"
            )
            warnings.warn(f"{sentence} – {way}", TrainingWarning, stacklevel=5)
        if found.others:
            warnings.warn(
                f"other versions wrote {found.path} ({'; '.join(found.others)}): the "
                "run continues, and may differ in roundings from one that was not "
                "interrupted",
                TrainingWarning,
                stacklevel=5,
            )
        if found.state is not None:
            self._saved_step = found.state.step
            if self._saved_step > trainer.config.iterations:
                raise InvalidInput(
                    f"{folder} has {self._saved_step:,} steps already, and iterations "
                    f"is {trainer.config.iterations:,}: pass a larger number, or train "
                    "into a new folder"
                )
            return trainer.restored(found.state)
        try:
            replace_file(folder / INITIAL_FILE, network_bytes(trainer.net))
            Manifest.create(
                trainer.net.architecture,
                trainer.config,
                trainer.data_name,
                self._origin,
                self._notes,
            ).write(folder)
        except OSError as error:
            raise _unwritable(folder, error) from None
        return trainer.start

    def ended_run(self, state: RunState) -> Run | None:
        """The run in the folder, if it is whole and ended at this state."""
        try:
            run = Run.load(self.folder)
        except DataError:  # the process ended before the files were written
            return None
        is_this = (
            run.status in ("finished", "stopped early")
            and len(run.losses) == state.step
            and run.settings.to_dict() == self._trainer.config.to_dict()
        )
        return run if is_this else None

    def next_save_step(self, step: int) -> int | None:
        """The step of the next checkpoint, if the policy counts steps."""
        every = self._policy.steps
        return None if every is None else (step // every + 1) * every

    def save(self, state: RunState, *, now: bool = False) -> None:
        """Saves a checkpoint, if one is due.

        A full disk does not end a run: it continues, and the next checkpoint may
        succeed.

        Warns:
            TrainingWarning: The checkpoint cannot be written.
        """
        if state.step == self._saved_step or not (now or self._is_due(state)):
            return
        # A state that cannot continue is no state to return to.
        if not self._trainer.has_finite_loss(state):
            return
        try:
            self._check_place()
            checkpoint.write(self._checkpoints, state, self._origin)
            self._saved_step, self._failed = state.step, False
            self._save_best(state.best)
            self._remove_old()
        except OSError as error:
            if not self._failed:
                saved = (
                    f"the last checkpoint is that of step {self._saved_step:,}"
                    if self._saved_step >= 0
                    else "there is no checkpoint yet"
                )
                warnings.warn(
                    f"the checkpoint of step {state.step:,} could not be written to "
                    f"{self.folder} ({error.strerror or error}): training goes on, "
                    f"and {saved}",
                    TrainingWarning,
                    stacklevel=6,
                )
            self._failed = True
        self._saved_at = perf_counter()

    def _check_place(self) -> None:
        """Raises an OSError if the folder is no longer that in which the run began."""
        try:
            is_same = os.path.samestat(self.folder.stat(), self._place)
        except FileNotFoundError:
            is_same = False
        if not is_same:
            raise OSError(
                errno.ENOENT, "the run's folder was moved or removed: put it back"
            )

    def _remove_old(self) -> None:
        """Removes old checkpoints; says once if that fails."""
        try:
            checkpoint.remove_old(self._checkpoints, self._policy.keep)
        except OSError as error:
            if not self._says_old_stay:
                warnings.warn(
                    f"an old checkpoint in {self._checkpoints} could not be removed "
                    f"({error.strerror or error}): it stays, and training goes on",
                    TrainingWarning,
                    stacklevel=7,
                )
            self._says_old_stay = True

    def _save_best(self, best: BestParams | None) -> None:
        """Writes the best weights to their own file, for readers of a killed run."""
        if best is None or best.epoch == self._saved_best:
            return
        net = self._trainer.net.replace(
            {name: np.asarray(value) for name, value in best.params.items()}
        )
        # The checkpoint also holds them, so an error can wait for the next time.
        with suppress(OSError):
            write_best(
                self.folder,
                net,
                best.epoch,
                self._trainer.config,
                self._trainer.data_name,
            )
            self._saved_best = best.epoch

    def _is_due(self, state: RunState) -> bool:
        policy, waited = self._policy, perf_counter() - self._saved_at
        by_steps = policy.steps is not None and state.step % policy.steps == 0
        by_clock = policy.seconds is not None and waited >= policy.seconds
        has_new_best = state.best is not None and state.best.epoch.step > max(
            self._saved_step, 0
        )
        return by_steps or by_clock or (has_new_best and waited >= _MAX_BEST_WAIT)

    def save_run(self, run: Run) -> None:
        """Writes the files of the ended run into its folder.

        Raises:
            InvalidInput: They cannot be written there.
        """
        try:
            self._check_place()
            run.write(self.folder)
        except OSError as error:
            saved = (
                f"the folder has a checkpoint of step {self._saved_step:,}"
                if self._saved_step >= 0
                else "the folder has no checkpoint"
            )
            raise InvalidInput(
                f"the run could not be written to {self.folder} "
                f"({error.strerror or error}): {_remedy(error)}, and continue with "
                f"resume=True, or `secant train --resume {self.folder}`; {saved}"
            ) from None


def _prepare(folder: Path, *, resume: bool) -> None:
    """Makes the folder if needed, and refuses one that holds something else."""
    try:
        if folder.is_file():
            raise InvalidInput(f"{folder} is a file: name a new folder")
        folder.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in folder.iterdir()}
        names -= {LOCK_FILE, EVENTS_FOLDER}
        content = {name for name in names if not name.endswith(".part")}
    except OSError as error:
        raise _unwritable(folder, error) from None
    is_run = content <= {INITIAL_FILE} or MANIFEST_FILE in content
    if content and not (resume and is_run):
        raise InvalidInput(
            f"{folder} exists already, and nothing in it will be overwritten: name a "
            "new folder, or move that one away"
            + (" (to continue the run in it, pass resume=True)" if not resume else "")
        )


def _remedy(error: OSError) -> str:
    """What helps against an error of writing."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
        return "make room there"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "make it writable"
    return "mend this"


def _unwritable(folder: Path, error: OSError) -> InvalidInput:
    return InvalidInput(
        f"{folder} is not writable ({error.strerror or error}): name a writable folder "
        "on a disk with room"
    )


def _lock(folder: Path) -> FileLock:
    # A page reserves a folder in one thread and trains in another.
    return FileLock(folder / LOCK_FILE, timeout=0, thread_local=False)


def _take(folder: Path, lock: FileLock, *, resume: bool = False) -> None:
    """Makes the folder if needed, and takes its lock.

    Raises:
        InvalidInput: The folder holds something else, is in use, or is not writable.
    """
    _prepare(folder, resume=resume)  # before a lock file is put where it is not wanted
    try:
        lock.acquire()
    except Timeout:
        raise InvalidInput(
            f"{folder} is in use: another process trains there. Wait until it ends, or "
            "name another folder"
        ) from None
    except OSError as error:
        raise _unwritable(folder, error) from None
    try:  # another process may have used the folder meanwhile
        _prepare(folder, resume=resume)
    except BaseException:
        lock.release()
        raise


# The folder of a command's run


@dataclass(frozen=True)
class ReservedFolder:
    """The folder of a run that this process will train: `reserve_run_folder`.

    It is a path, which `fit(folder=…)` takes.

    Attributes:
        path: The folder.
        lock: Its lock, which this process has.
        made: Whether the folder is new.
    """

    path: Path
    lock: FileLock
    made: bool

    def __fspath__(self) -> str:
        return str(self.path)

    def release(self) -> None:
        """Ends the reservation, and removes what was made for a run without steps.

        A folder that holds a step of a run, or anything that is not a run's, stays. So
        does what another process has reserved meanwhile, and an empty folder that was
        there before. A second call does nothing.
        """
        if not self.lock.is_locked:
            return
        with suppress(OSError):
            if holds_no_steps(self.path):
                _remove_begun(self.path)
                if self.made:
                    self.path.rmdir()
                    if self.path.parent == RUNS_FOLDER:
                        RUNS_FOLDER.rmdir()
        self.lock.release(force=True)


def reserve_run_folder(folder: Path | None = None) -> ReservedFolder:
    """Makes and locks the folder of a run before the run starts.

    No other run takes it until `release` is called, or this process ends.

    Args:
        folder: The folder, new or empty; None for the next number in `RUNS_FOLDER`.

    Returns:
        The folder, which exists and is empty.

    Raises:
        InvalidInput: The folder holds something, is a file, is in use by another
            process, or cannot be written to.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as parent:
        ...     folder = reserve_run_folder(pathlib.Path(parent, "mine"))
        ...     folder.release()
        ...     folder.path.exists()
        False
    """
    if folder is not None:
        made = not folder.exists()
        reserved = ReservedFolder(folder, _lock(folder), made)
        _take(folder, reserved.lock)
        return reserved
    RUNS_FOLDER.mkdir(exist_ok=True)
    taken = [int(path.name) for path in RUNS_FOLDER.iterdir() if path.name.isdecimal()]
    number = max(taken, default=0)
    while True:
        number += 1
        path = RUNS_FOLDER / f"{number:04}"
        try:
            path.mkdir()
        except FileExistsError:  # another process has just taken this number
            continue
        reserved = ReservedFolder(path, _lock(path), made=True)
        _take(path, reserved.lock)
        return reserved


def holds_no_steps(folder: Path) -> bool:
    """Whether a folder holds at most a run that has begun and has no checkpoint."""
    names = {path.name for path in folder.iterdir()}
    return names <= _BEGUN and not any((folder / checkpoint.FOLDER).glob("*"))


def _remove_begun(folder: Path) -> None:
    """Removes the files of a run that has begun and has no checkpoint."""
    rmtree(folder / EVENTS_FOLDER, ignore_errors=True)
    for name in (MANIFEST_FILE, INITIAL_FILE, LOCK_FILE):
        (folder / name).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        (folder / checkpoint.FOLDER).rmdir()
