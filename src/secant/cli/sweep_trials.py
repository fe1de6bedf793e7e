"""A trial of a sweep: a run of `secant train`, watched."""

import gc
import shlex
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from secant.cli.signals import stop_requested
from secant.cli.train_options import SweepOptions
from secant.cli.train_task import Task, build_task, task_of
from secant.errors import InvalidInput

if TYPE_CHECKING:
    from secant.history import Epoch
    from secant.sweeps import Space, Trial
    from secant.training import Progress, Run

OBJECTIVES = {"accuracy": True, "loss": False}
"""What a sweep looks for, and whether high is good."""


def score(epoch: "Epoch", objective: str) -> float:
    """How good a network is on the samples that were held back."""
    return float(epoch._asdict()[f"validation_{objective}"])


# Nobody is judged by the first tenth of the run.
_NOT_JUDGED = 10


@dataclass(frozen=True)
class Trials:
    """Trains what a sweep wants to try.

    Attributes:
        options: What is fixed.
        objective: `accuracy` or `loss`.
        folder: Where the runs are put, `0000`, `0001` …
        show: Is told how each goes.
    """

    options: SweepOptions
    objective: str
    folder: Path
    show: Callable[["Trial", "Progress"], object]

    def __call__(self, trial: "Trial") -> float:
        """The score of a trial.

        Raises:
            Pruned: It was given up, or diverged.
            InvalidInput: `secant train` refuses these settings.
        """
        import jax

        try:
            return self._score(trial)
        finally:
            # Each trial compiles its own steps, which nobody needs again.
            jax.clear_caches()
            gc.collect()

    def _score(self, trial: "Trial") -> float:
        from secant.sweeps import Pruned
        from secant.training import NotFinite

        watch = _Watch(trial, self.objective, self.show)
        folder = self._place(trial)
        trial.note(folder=str(folder.absolute()))
        try:
            run = self._train(trial, folder, watch)
        except NotFinite as error:
            self._note(trial, error.run)
            raise Pruned(f"diverged at step {len(error.run.losses):,}") from None
        self._note(trial, run)
        if watch.pruned is not None:
            raise watch.pruned
        if run.status == "interrupted":
            raise KeyboardInterrupt
        return score(run.history.epochs[-1], self.objective)

    def _train(self, trial: "Trial", folder: Path, watch: "_Watch") -> "Run":
        from secant.training import TrainingWarning
        from secant.training.fit import train
        from secant.training.run import MANIFEST_FILE

        if (folder / MANIFEST_FILE).is_file():
            task, _ = task_of(folder)
        else:
            task = task_for(self.options, trial.settings)
        with warnings.catch_warnings():
            # A search tries what teaches nothing, too: the table says so.
            warnings.simplefilter("ignore", TrainingWarning)
            return train(
                task.net,
                task.samples,
                task.config,
                callbacks=[watch],
                folder=folder,
                resume=True,
                metadata=task.metadata,
            )

    def _place(self, trial: "Trial") -> Path:
        """The folder of a trial: where it was begun, if nobody is at work there."""
        turn, place = 1, self.folder / f"{trial.number:04}"
        while place.is_dir() and not self._is_free(place, trial):
            turn += 1
            place = self.folder / f"{trial.number:04}-{turn}"
        return place

    def _is_free(self, place: Path, trial: "Trial") -> bool:
        """Whether it holds this trial's run, or none, and no process is at it."""
        from secant.training.manifest import Manifest
        from secant.training.run import MANIFEST_FILE
        from secant.training.run_folder import holds_no_steps

        if _in_use(place):
            return False
        if not (place / MANIFEST_FILE).is_file():
            return holds_no_steps(place)
        # Of a study that is there no longer there may be other runs.
        notes = Manifest.read(place).notes
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


def _is_milestone(epoch: int) -> bool:
    """Whether trials are judged after so many epochs: 1 to 8, 10, 12, 14, 16, 20, 24.

    All trials are judged after the same ones, and a long one not much oftener.
    """
    shift = max(epoch.bit_length() - 3, 0)
    return epoch >> shift << shift == epoch


class _Watch:
    """A callback that reports each epoch, and ends a run that is given up."""

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
        # What a run that goes on knew at its start was reported before.
        new = before is not None and progress.epochs > before
        begun = progress.step * _NOT_JUDGED < progress.iterations
        if new and _is_milestone(progress.epochs) and not (begun or progress.ended):
            try:
                value = score(progress.epoch, self._objective)
                self._trial.report(progress.epochs, value)
            except Pruned as error:
                self.pruned = error
                # So that `fit` puts the run into its folder, as far as it is.
                raise KeyboardInterrupt from None


def check_trials(options: SweepOptions, space: "Space") -> Task:
    """Looks at what a sweep will try before it tries anything.

    Each choice and both ends of each range, with the others at their first.

    Returns:
        The task of all the first.

    Raises:
        InvalidInput: `secant train` would refuse one of them.
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
    """The task of a trial with these settings."""
    chosen = options.train_options(settings)
    # Not the sweep's own command, which may name a database and its password.
    return build_task(chosen, chosen.build_config(), command=command(options, settings))


def command(options: SweepOptions, settings: Any) -> str:
    """The command that does a trial's run by itself."""
    return shlex.join(["secant", "train", *options.arguments(settings)])


def _in_use(folder: Path) -> bool:
    from secant.training.run_folder import LOCK_FILE

    try:
        with FileLock(folder / LOCK_FILE, timeout=0):
            return False
    except Timeout:
        return True
