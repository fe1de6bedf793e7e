"""The trials of a sweep: runs of `secant train` that can be pruned."""

import gc
import shlex
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from secant.cli.signals import stop_requested
from secant.cli.sweep_options import SweepOptions
from secant.cli.train_task import Task, build_task, load_task
from secant.errors import InvalidInput
from secant.freed_memory import return_freed_memory

if TYPE_CHECKING:
    from secant.history import Epoch
    from secant.sweeps import Space, Trial
    from secant.training import Progress, Run

OBJECTIVES = {"accuracy": True, "loss": False}
"""The objectives of a sweep, and whether a high score is good."""


def score(epoch: "Epoch", objective: str) -> float:
    """The score of a measurement: an objective on the validation samples."""
    return float(epoch._asdict()[f"validation_{objective}"])


_TRIALS_PER_CLEARING = 8
"""After so many trials all compiled programs are freed.

JAX keeps about 3 MiB for each new shape of a network or batch. Trials that share a
program mostly follow each other, and what is needed again comes from the compilation
cache on disk.
"""

# The first part of a run, one in this number, is too early to prune it.
_UNJUDGED_PART = 10


@dataclass(frozen=True)
class Trials:
    """A function that trains a trial.

    Attributes:
        options: The fixed options.
        objective: `accuracy` or `loss`.
        folder: The folder of the runs `0000`, `0001` …
        show: A function that displays the progress of a trial.
    """

    options: SweepOptions
    objective: str
    folder: Path
    show: Callable[["Trial", "Progress"], object]
    _ended: Iterator[int] = field(default_factory=lambda: count(1), repr=False)

    def __call__(self, trial: "Trial") -> float:
        """Trains a trial and returns its score.

        Raises:
            Pruned: The trial was ended early, or diverged.
            InvalidInput: `secant train` refuses its settings.
        """
        try:
            return self._score(trial)
        finally:
            if next(self._ended) % _TRIALS_PER_CLEARING == 0:
                _free_programs()
            gc.collect()
            return_freed_memory()

    def _score(self, trial: "Trial") -> float:
        from secant.sweeps import Pruned
        from secant.training import NotFinite

        monitor = _Monitor(trial, self.objective, self.show)
        folder = self._trial_folder(trial)
        trial.note(folder=str(folder.absolute()))
        try:
            run = self._train(trial, folder, monitor)
        except NotFinite as error:
            self._note(trial, error.run)
            raise Pruned(f"diverged at step {len(error.run.losses):,}") from None
        self._note(trial, run)
        if monitor.pruned is not None:
            raise monitor.pruned
        if run.status == "interrupted":
            raise KeyboardInterrupt
        return score(run.history.epochs[-1], self.objective)

    def _train(self, trial: "Trial", folder: Path, monitor: "_Monitor") -> "Run":
        from secant.training import TrainingWarning
        from secant.training.loop import train
        from secant.training.run_folder import MANIFEST_FILE

        if (folder / MANIFEST_FILE).is_file():
            task, _ = load_task(folder)
        else:
            task = task_for(self.options, trial.settings)
        with warnings.catch_warnings():
            # A search also tries bad settings; the table shows their scores.
            warnings.simplefilter("ignore", TrainingWarning)
            return train(
                task.net,
                task.samples,
                task.config,
                callbacks=[monitor],
                folder=folder,
                resume=True,
                metadata=task.metadata,
            )

    def _trial_folder(self, trial: "Trial") -> Path:
        """The folder of a trial: where it was begun, unless a process uses that."""
        turn, folder = 1, self.folder / f"{trial.number:04}"
        while folder.is_dir() and not self._is_free(folder, trial):
            turn += 1
            folder = self.folder / f"{trial.number:04}-{turn}"
        return folder

    def _is_free(self, folder: Path, trial: "Trial") -> bool:
        """Whether a folder holds this trial's run or none, and no process uses it."""
        from secant.training.manifest import Manifest
        from secant.training.run_folder import MANIFEST_FILE, holds_no_steps

        if _in_use(folder):
            return False
        if not (folder / MANIFEST_FILE).is_file():
            return holds_no_steps(folder)
        # The run may belong to a study that was deleted.
        notes = Manifest.read(folder).notes
        return notes.get("command") == command(self.options, trial.settings)

    def _note(self, trial: "Trial", run: "Run") -> None:
        epoch = run.history.epochs[-1]
        trial.note(
            steps=len(run.losses),
            **{
                name: value
                for name, value in epoch._asdict().items()
                if name != "step" and value is not None
            },
        )


def _free_programs() -> None:
    import jax

    from secant.training import clear_compiled

    clear_compiled()
    jax.clear_caches()


def _is_milestone(epoch: int) -> bool:
    """Whether trials are judged after this epoch: 1 to 8, 10, 12, 14, 16, 20, 24.

    All trials are judged after the same epochs, which become rarer, so a long trial is
    not judged much more often than a short one.
    """
    shift = max(epoch.bit_length() - 3, 0)
    return epoch >> shift << shift == epoch


class _Monitor:
    """A callback that reports epochs to the sweep, and ends a run that is pruned."""

    def __init__(
        self, trial: "Trial", objective: str, show: Callable[..., object]
    ) -> None:
        self._trial, self._objective, self._show = trial, objective, show
        self._epochs: int | None = None
        self.pruned: Exception | None = None

    def __call__(self, progress: "Progress") -> None:
        from secant.sweeps import Pruned

        self._show(self._trial, progress)
        if stop_requested():
            raise KeyboardInterrupt
        before, self._epochs = self._epochs, progress.epochs
        # A resumed run has reported its first measurement before.
        is_new = before is not None and progress.epochs > before
        is_early = progress.step * _UNJUDGED_PART < progress.iterations
        if (
            is_new
            and _is_milestone(progress.epochs)
            and not (is_early or progress.ended)
        ):
            try:
                value = score(progress.epoch, self._objective)
                self._trial.report(progress.epochs, value)
            except Pruned as error:
                self.pruned = error
                # `fit` then saves the run so far in its folder.
                raise KeyboardInterrupt from None


def check_trials(options: SweepOptions, space: "Space") -> Task:
    """Checks the settings of a sweep before it trains anything.

    It tries each choice and both ends of each range, with the first value of all
    others.

    Returns:
        The task with the first value of each.

    Raises:
        InvalidInput: `secant train` would refuse one of the values.
    """
    first = {name: values.ends[0] for name, values in space.items()}
    task = task_for(options, first)
    for name, values in space.items():
        for value in values.ends[1:]:
            try:
                task_for(options, {**first, name: value})
            except InvalidInput as error:
                raise InvalidInput(f"{name}={value}: {error}") from None
    return task


def task_for(options: SweepOptions, settings: Any) -> Task:
    """The task of a trial with some settings."""
    chosen = options.train_options(settings)
    # Not the command of the sweep, which may hold a database's password.
    return build_task(chosen, chosen.build_config(), command=command(options, settings))


def command(options: SweepOptions, settings: Any) -> str:
    """The command that repeats the run of a trial."""
    return shlex.join(["secant", "train", *options.arguments(settings)])


def _in_use(folder: Path) -> bool:
    from secant.training.run_folder import LOCK_FILE

    try:
        with FileLock(folder / LOCK_FILE, timeout=0):
            return False
    except Timeout:
        return True
