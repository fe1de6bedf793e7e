"""A task is done: training with a bar, signals heard, and the run kept on the way."""

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
    from secant.training import Checkpoints, Progress, Run
    from secant.training.distributed.process_group import ProcessGroup


def follows(peers: "ProcessGroup | None") -> bool:
    """Whether another process leads, keeps the run and says how it goes."""
    return peers is not None and not peers.is_leader


def done(
    task: Task,
    folder: Path | None,
    policy: "Checkpoints",
    peers: "ProcessGroup | None",
    *,
    resume: bool = False,
) -> "tuple[Run, str | None, Agreement | None]":
    """The run, what went wrong with it, and how its gradients agree with backprop's.

    Args:
        task: What is done.
        folder: Where the run is kept; None where another process keeps it.
        policy: How often.
        peers: The processes that do it together; None for this one alone.
        resume: Whether to go on with the run that the folder keeps.
    """
    from secant.training import NotFinite, TensorBoard
    from secant.training.fit import train
    from secant.training.run_folder import EVENTS_FOLDER

    if not follows(peers):
        print_task(task)
    config, agreement = task.config, None
    if config.gradient == "definition":
        from secant.cli.agreement import Agreement

        agreement = Agreement(config.method)
        config = config.with_method(agreement.method)
    # Compiled steps are quick, and their state is not Python's to interrupt. What
    # several processes have begun, all of them have to finish.
    hear = SignalPolicy.DEFER if config.method.traceable else SignalPolicy.RAISE
    with (
        signal_policy(SignalPolicy.IGNORE if peers else hear),
        ProgressBar(config.iterations) as bar,
        ExitStack() as ending,
    ):
        told = [bar, _stop_if_asked]
        if folder and task.metadata.notes.get("tensorboard"):
            board = TensorBoard(folder / EVENTS_FOLDER)
            told.insert(0, ending.enter_context(board))
            where = shlex.quote(str(folder / EVENTS_FOLDER))
            err.print(labelled_lines(watch=f"tensorboard --logdir {where}"))
        try:
            run = train(
                task.net,
                task.samples,
                config,
                callbacks=told,
                folder=folder,
                resume=resume,
                checkpoints=policy,
                metadata=task.metadata,
                processes=peers,
            )
        except NotFinite as error:
            return error.run, str(error), agreement
    if peers and peers.stopped_by:
        request_stop(peers.stopped_by)
    return run, None, agreement


def _stop_if_asked(progress: "Progress") -> None:
    # What is left then is to put the run into its folder: that is not interrupted.
    if stop_requested() or progress.ended:
        suppress_signals()
    if stop_requested() and not progress.ended:
        raise KeyboardInterrupt


def leave(failure: str | None) -> None:
    """Ends with the exit code of what went wrong, or of the signal that was heard."""
    if failure:
        print_error(failure)
        raise typer.Exit(BAD_INPUT)
    if stop_requested():
        raise typer.Exit(exit_code())
