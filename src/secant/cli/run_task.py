"""The training of a task: with a progress bar, signals, and the run's folder."""

import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from secant.cli.console import BAD_INPUT, err, labelled_lines, print_error
from secant.cli.progress import ProgressBar
from secant.cli.reports import print_task
from secant.cli.signals import (
    SignalPolicy,
    exit_code,
    request_stop,
    signal_policy,
    stop_requested,
    suppress_signals,
)
from secant.cli.train_task import Task

if TYPE_CHECKING:
    from secant.cli.agreement import Agreement
    from secant.training import Checkpoints, Progress, ReservedFolder, Run
    from secant.training.distributed.process_group import ProcessGroup


def is_follower(processes: "ProcessGroup | None") -> bool:
    """Whether another process leads, saves the run and prints its progress."""
    return processes is not None and not processes.is_leader


def run_task(
    task: Task,
    folder: "Path | ReservedFolder | None",
    policy: "Checkpoints",
    processes: "ProcessGroup | None",
    *,
    resume: bool = False,
) -> "tuple[Run, str | None, Agreement | None]":
    """Trains a task.

    Args:
        task: The task.
        folder: The folder of the run; None if another process saves it.
        policy: How often the run is saved.
        processes: The processes that train together; None for this one alone.
        resume: Whether to continue the run of the folder.

    Returns:
        The run, the error message of a loss that is not finite, and the agreement of
        the definition's gradients with backprop's.
    """
    from secant.training import NotFinite, TensorBoard
    from secant.training.loop import train
    from secant.training.run_folder import EVENTS_FOLDER

    if not is_follower(processes):
        print_task(task)
    config, agreement = task.config, None
    if config.gradient == "definition":
        from secant.cli.agreement import Agreement

        agreement = Agreement(config.method)
        config = config.with_method(agreement.method)
    # Compiled steps are short, and Python cannot interrupt them. Several processes
    # must finish together what they have begun.
    alone = SignalPolicy.DEFER if config.method.traceable else SignalPolicy.RAISE
    with (
        signal_policy(SignalPolicy.IGNORE if processes else alone),
        ProgressBar(config.iterations) as bar,
        ExitStack() as exit_stack,
    ):
        callbacks = [bar, _stop_on_signal]
        if folder and task.metadata.notes.get("tensorboard"):
            events_folder = Path(folder) / EVENTS_FOLDER
            board = TensorBoard(events_folder)
            callbacks.insert(0, exit_stack.enter_context(board))
            events = shlex.quote(str(events_folder))
            err.print(labelled_lines(watch=f"tensorboard --logdir {events}"))
        try:
            run = train(
                task.net,
                task.samples,
                config,
                callbacks=callbacks,
                folder=folder,
                resume=resume,
                checkpoints=policy,
                metadata=task.metadata,
                processes=processes,
            )
        except NotFinite as error:
            return error.run, str(error), agreement
    if processes and processes.stopped_by:
        request_stop(processes.stopped_by)
    return run, None, agreement


def _stop_on_signal(progress: "Progress") -> None:
    # After the last step `fit` writes the run's files; a signal must not stop that.
    if stop_requested() or progress.ended:
        suppress_signals()
    if stop_requested() and not progress.ended:
        raise KeyboardInterrupt


def exit_after(failure: str | None) -> None:
    """Ends the command with the exit code of a failure or of a signal, if any."""
    if failure:
        print_error(failure)
        raise typer.Exit(BAD_INPUT)
    if stop_requested():
        raise typer.Exit(exit_code())
