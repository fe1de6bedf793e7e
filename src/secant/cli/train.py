"""`secant train`: a network learns; the run is kept in a folder."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from secant.cli.console import command_errors, warn
from secant.cli.distributed import together, watched
from secant.cli.reports import print_report
from secant.cli.run_task import done, follows, leave
from secant.cli.signals import SignalPolicy, exit_code, signal_name, signal_policy
from secant.cli.train_options import (
    DistributedOptions,
    RunOptions,
    TrainOptions,
    option_names,
    with_options,
)
from secant.cli.train_task import build_task, task_of
from secant.errors import InvalidInput

if TYPE_CHECKING:
    from secant.training import Checkpoints
    from secant.training.distributed.process_group import ProcessGroup

# What may stand beside --resume.
_WITH_RESUME = option_names(RunOptions, DistributedOptions) | {"iterations"}
_WITH_RESUME -= {"out_folder", "tensorboard"}


@command_errors
@with_options
def train(
    context: typer.Context,
    options: TrainOptions,
    keeping: RunOptions,
    distributed: DistributedOptions,
) -> None:
    """Train a network and keep the run in a folder.

    Without options this is the textbook's run: 784-50-10, sigmoid,
    10,000 steps of 100 samples, learning rate 0.1. However it is ended, it
    goes on with --resume, and comes out as if it had not been.
    """
    processes = watched(distributed)
    policy = keeping.policy()
    longer = options.iterations if _given(context, "iterations") else None
    if keeping.resume is not None:
        _alone(context)
        peers, folder = context.with_resource(together(processes, keeping.resume))
        _go_on(folder or keeping.resume, longer, policy, peers)
        return

    from secant.training import TensorBoard
    from secant.training.run_folder import release_run_folder, reserve_run_folder

    # All that can be wrong is looked at before anything takes time.
    config = options.build_config()
    options.check_network()
    if keeping.tensorboard:
        TensorBoard.check()
    peers, going_on = context.with_resource(together(processes, None))
    if going_on:  # process 0 was told to
        _go_on(going_on, longer, policy, peers)
        return
    folder = None if follows(peers) else reserve_run_folder(keeping.out_folder)
    try:
        with signal_policy(
            SignalPolicy.EXIT, clean_up=lambda: folder and release_run_folder(folder)
        ):
            task = build_task(
                options,
                config,
                command=shlex.join(["secant", *sys.argv[1:]]),
                tensorboard=keeping.tensorboard,
            )
        run, failure, agreement = done(task, folder, policy, peers)
        if folder and run.status == "interrupted" and not len(run.losses):
            warn(f"stopped by {signal_name()} before the first step; nothing is kept")
            raise typer.Exit(exit_code())
    except BaseException:
        if folder:
            release_run_folder(folder)
        raise
    if folder:
        print_report(run, task, folder, options.data, agreement)
    leave(failure)


def _go_on(
    folder: Path,
    iterations: int | None,
    policy: "Checkpoints",
    peers: "ProcessGroup | None",
) -> None:
    """Goes on with a run."""
    with signal_policy(SignalPolicy.EXIT):
        task, _ = task_of(folder)
    if iterations is not None:
        task = replace(task, config=replace(task.config, iterations=iterations))
    mine = None if follows(peers) else folder
    run, failure, agreement = done(task, mine, policy, peers, resume=mine is not None)
    if mine:
        print_report(run, task, mine, task.metadata.notes["data"], agreement)
    leave(failure)


def _given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _alone(context: typer.Context) -> None:
    others = sorted(
        f"--{'out' if name == 'out_folder' else name.replace('_', '-')}"
        for name in context.params
        if name not in _WITH_RESUME and _given(context, name)
    )
    if others:
        raise InvalidInput(
            f"{', '.join(others)} came beside --resume, and the run goes on with its "
            "own settings: leave it out, or train anew without --resume"
        )
