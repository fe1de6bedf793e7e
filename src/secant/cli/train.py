"""`secant train`: trains a network and saves the run in a folder."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from secant.cli.compilation_cache import use_compilation_cache
from secant.cli.console import command_errors, warn
from secant.cli.distributed import join_processes, supervise
from secant.cli.reports import print_report
from secant.cli.run_task import exit_after, is_follower, run_task
from secant.cli.signals import SignalPolicy, exit_code, signal_name, signal_policy
from secant.cli.train_options import (
    DistributedOptions,
    RunOptions,
    TrainOptions,
    option_names,
    with_options,
)
from secant.cli.train_task import build_task, load_task
from secant.errors import InvalidInput

if TYPE_CHECKING:
    from secant.training import Checkpoints
    from secant.training.distributed.process_group import ProcessGroup

# The options that --resume allows.
_RESUME_OPTIONS = option_names(RunOptions, DistributedOptions) | {"iterations"}
_RESUME_OPTIONS -= {"out_folder", "tensorboard"}


@command_errors
@with_options
def train(
    context: typer.Context,
    options: TrainOptions,
    run_options: RunOptions,
    distributed: DistributedOptions,
) -> None:
    """Train a network and save the run in a folder.

    The defaults are the textbook's run: 784-50-10, sigmoid, 10,000 steps of
    100 samples, learning rate 0.1. A run that ends early, for any reason,
    continues with --resume and then equals a run without interruption.
    """
    distributed_options = supervise(distributed)
    policy = run_options.checkpoint_policy()
    use_compilation_cache()
    iterations = options.iterations if _is_given(context, "iterations") else None
    if run_options.resume is not None:
        _check_resume_options(context)
        processes, folder = context.with_resource(
            join_processes(distributed_options, run_options.resume)
        )
        _resume(folder or run_options.resume, iterations, policy, processes)
        return

    from secant.training.run_folder import reserve_run_folder

    # Cheap checks come before anything that takes time.
    config = options.build_config()
    options.check_network()
    if run_options.tensorboard:
        from secant.training import TensorBoard

        TensorBoard.check()
    processes, resumed = context.with_resource(
        join_processes(distributed_options, None)
    )
    if resumed:  # process 0 got --resume
        _resume(resumed, iterations, policy, processes)
        return
    reserved = (
        None if is_follower(processes) else reserve_run_folder(run_options.out_folder)
    )
    release = reserved.release if reserved else lambda: None
    try:
        with signal_policy(SignalPolicy.EXIT, clean_up=release):
            task = build_task(
                options,
                config,
                command=shlex.join(["secant", *sys.argv[1:]]),
                tensorboard=run_options.tensorboard,
            )
        run, failure, agreement = run_task(task, reserved, policy, processes)
        if reserved and run.status == "interrupted" and not len(run.losses):
            warn(f"stopped by {signal_name()} before the first step; nothing is saved")
            raise typer.Exit(exit_code())
    finally:
        release()
    if reserved:
        print_report(run, task, reserved.path, options.data, agreement)
    exit_after(failure)


def _resume(
    folder: Path,
    iterations: int | None,
    policy: "Checkpoints",
    processes: "ProcessGroup | None",
) -> None:
    """Continues the run of a folder, with more iterations if given."""
    with signal_policy(SignalPolicy.EXIT):
        task, _ = load_task(folder)
    if iterations is not None:
        task = replace(task, config=replace(task.config, iterations=iterations))
    own_folder = None if is_follower(processes) else folder
    run, failure, agreement = run_task(
        task, own_folder, policy, processes, resume=own_folder is not None
    )
    if own_folder:
        print_report(run, task, own_folder, task.metadata.notes["data"], agreement)
    exit_after(failure)


def _is_given(context: typer.Context, name: str) -> bool:
    """Whether an option comes from the command line, not from its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _check_resume_options(context: typer.Context) -> None:
    """Refuses options that would change a resumed run."""
    others = sorted(
        f"--{'out' if name == 'out_folder' else name.replace('_', '-')}"
        for name in context.params
        if name not in _RESUME_OPTIONS and _is_given(context, name)
    )
    if others:
        raise InvalidInput(
            f"--resume does not take {', '.join(others)}, because the run keeps its "
            "own settings: remove this, or train a new run without --resume"
        )
