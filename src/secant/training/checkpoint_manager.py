"""Saves a run in its folder while it trains, and when it has ended."""

import errno
import os
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any, Self

import numpy as np

from secant.errors import DataError, InvalidInput
from secant.history import Epoch
from secant.training import checkpoint
from secant.training.checkpoint_policy import Checkpoints
from secant.training.diagnostics import TrainingWarning
from secant.training.manifest import Manifest
from secant.training.run import Run, network_bytes, write_best
from secant.training.run_folder import (
    CHECKPOINTS_FOLDER,
    INITIAL_FILE,
    MANIFEST_FILE,
    PICTURE_FILE,
    ReservedFolder,
    folder_lock,
    take_folder,
    unwritable_folder,
)
from secant.training.serialization import replace_file
from secant.training.trainer import BestParams, RunState, Trainer

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
        self._checkpoints = self.folder / CHECKPOINTS_FOLDER
        self._trainer = trainer
        self._policy = policy
        self._resume = resume
        self._notes = dict(notes or {})
        self._origin = trainer.origin()
        self._lock = (
            folder.lock
            if isinstance(folder, ReservedFolder)
            else folder_lock(self.folder)
        )
        self._saved_at = 0.0
        self._saved_step = -1
        self._failed = False
        self._says_old_stay = False
        self._saved_best: Epoch | None = None

    def __enter__(self) -> Self:
        take_folder(self.folder, self._lock, resume=self._resume)
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
            raise unwritable_folder(folder, error) from None
        return trainer.start

    def ended_run(self, state: RunState) -> Run | None:
        """The run in the folder, if it is whole and ended at this state.

        Its picture is drawn if it is missing: the process may have ended before that.

        Raises:
            InvalidInput: The picture cannot be written.
        """
        try:
            run = Run.load(self.folder)
        except DataError:  # the process ended before the files were written
            return None
        is_this = (
            run.status in ("finished", "stopped early")
            and len(run.losses) == state.step
            and run.settings.to_dict() == self._trainer.config.to_dict()
        )
        if not is_this:
            return None
        if not (self.folder / PICTURE_FILE).is_file():
            self._write(run.write_picture)
        return run

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
        self._write(run.write)

    def _write(self, write: Callable[[Path], object]) -> None:
        """Writes files of the ended run into its folder."""
        try:
            self._check_place()
            write(self.folder)
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


def _remedy(error: OSError) -> str:
    """What helps against an error of writing."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
        return "make room there"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "make it writable"
    return "mend this"
