"""`secant train`: a network learns; the run is kept in a folder."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from secant.cli.bar import Bar
from secant.cli.console import (
    BAD_INPUT,
    about,
    err,
    grid,
    guarded,
    out,
    say_error,
    warn,
)
from secant.cli.interrupts import Hear, ask, asked, by, exit_code, hearing, hush
from secant.cli.kept import Task, method_of, task_of
from secant.cli.sizes import hidden_sizes
from secant.cli.together import Asked, together, watched
from secant.errors import InvalidInput

if TYPE_CHECKING:
    from secant.cli.agreement import Agreement
    from secant.training import Checkpoints, Progress, Run
    from secant.training.processes import Processes

# The textbook's run, which the definition is forecast for.
_TEXTBOOK = 10_000

# Data that `secant evaluate` finds by itself.
_FOUND = ("auto", "mnist", "sample")

# Above this the definition and backprop differ by more than h = 1e-4 explains.
_APART = 1e-5


# What may stand beside --resume.
_WITH_RESUME = {
    "resume",
    "iterations",
    "checkpoint_steps",
    "checkpoint_seconds",
    "keep",
    "distributed",
    "coordinator",
    "processes",
    "process_id",
    "initialization_timeout",
    "heartbeat_timeout",
}

_PANEL = "Several processes"


@guarded
def train(
    context: typer.Context,
    gradient: Annotated[
        str,
        typer.Option(
            help="The way to the gradient: node, weight, spsa, backprop or definition."
        ),
    ] = "node",
    directions: Annotated[
        int | None,
        typer.Option(
            min=1, help="Random directions a step, for spsa.", show_default="1"
        ),
    ] = None,
    data: Annotated[
        str,
        typer.Option(
            help="auto (all of MNIST where at hand, else the sample built in), mnist, "
            "fashion-mnist, sample, or a path: .npz, .csv, IDX."
        ),
    ] = "auto",
    hidden: Annotated[
        str, typer.Option(help='Hidden neurons, a number a layer: "50", "100,50".')
    ] = "50",
    activation: Annotated[
        str, typer.Option(help="sigmoid, relu, tanh or identity.")
    ] = "sigmoid",
    loss: Annotated[
        str, typer.Option(help="cross_entropy or sum_squares.")
    ] = "cross_entropy",
    init: Annotated[
        str, typer.Option(help="First weights: normal, xavier or he.")
    ] = "normal",
    weight_init_std: Annotated[
        float, typer.Option(help="Their standard deviation, for normal.")
    ] = 0.01,
    iterations: Annotated[int, typer.Option(min=0, help="Steps.")] = 10_000,
    batch_size: Annotated[int, typer.Option(min=1, help="Samples a step.")] = 100,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="How far a step goes.", show_default="0.1 for sgd"),
    ] = None,
    optimizer: Annotated[
        str,
        typer.Option(help="sgd, momentum, nesterov, adagrad, rmsprop, adam or adamw."),
    ] = "sgd",
    sampling: Annotated[
        str,
        typer.Option(help="How batches are drawn: replacement, or epochs."),
    ] = "replacement",
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Of weights and batches.")
    ] = 0,
    out_folder: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="A new folder for the run.",
            show_default="runs/0001, runs/0002, …",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Go on with a run where it was kept last, with its own settings; "
            "--iterations may make it longer.",
        ),
    ] = None,
    checkpoint_steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="Keep the run after so many steps.", show_default="by the clock"
        ),
    ] = None,
    checkpoint_seconds: Annotated[
        float, typer.Option(min=0.001, help="And after so many seconds.")
    ] = 30.0,
    keep: Annotated[
        int, typer.Option(min=1, help="Checkpoints that stay, the newest.")
    ] = 3,
    distributed: Annotated[
        bool,
        typer.Option(
            "--distributed",
            help="This is one of several processes that share each batch; start each "
            "of them so. Exit code 75: another is gone, start all again.",
            rich_help_panel=_PANEL,
        ),
    ] = False,
    coordinator: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Where process 0 listens, and nowhere else.",
            show_default="from SLURM, Kubernetes or MPI",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            help="How many there are.", show_default="likewise", rich_help_panel=_PANEL
        ),
    ] = None,
    process_id: Annotated[
        int | None,
        typer.Option(
            help="Which this is; 0 leads, prints and keeps the run.",
            show_default="likewise",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    initialization_timeout: Annotated[
        int,
        typer.Option(
            min=1, help="Seconds that all have to come.", rich_help_panel=_PANEL
        ),
    ] = 300,
    heartbeat_timeout: Annotated[
        int,
        typer.Option(
            min=1,
            help="Seconds after which one that does not answer counts as gone.",
            rich_help_panel=_PANEL,
        ),
    ] = 10,
) -> None:
    """Train a network and keep the run in a folder.

    Without options this is the textbook's run: 784-50-10, sigmoid,
    10,000 steps of 100 samples, learning rate 0.1. However it is ended, it
    goes on with --resume, and comes out as if it had not been.
    """
    options = watched(
        distributed,
        Asked(
            coordinator,
            processes,
            process_id,
            initialization_timeout,
            heartbeat_timeout,
        ),
    )
    from secant.training import Checkpoints

    policy = Checkpoints(checkpoint_steps, checkpoint_seconds, keep)
    longer = iterations if _given(context, "iterations") else None
    if resume is not None:
        _alone(context)
        peers, folder = context.with_resource(together(options, resume))
        _go_on(folder or resume, longer, policy, peers)
        return
    sizes = hidden_sizes(hidden)

    from secant.architecture import Architecture
    from secant.data.catalogue import load
    from secant.networks import MLP
    from secant.training.batches import Batches
    from secant.training.folders import give_back, reserved
    from secant.training.optimizers import find_optimizer

    # All that can be wrong is looked at before anything takes time.
    method = method_of(gradient, directions)
    find_optimizer(optimizer, learning_rate)
    Architecture((1, *sizes, 1), activation, loss)
    MLP((1, 1), init=init, weight_init_std=weight_init_std, seed=seed)
    Batches(batch_size, batch_size, sampling, seed)
    peers, going_on = context.with_resource(together(options, None))
    if going_on:  # process 0 was told to
        _go_on(going_on, longer, policy, peers)
        return
    folder = None if _follows(peers) else reserved(out_folder)
    try:
        with hearing(Hear.AT_ONCE, clean_up=lambda: folder and give_back(folder)):
            samples, description = load(data)
            (x_train, t_train), (_, t_test) = samples
            net = MLP(
                (x_train.shape[1], *sizes, int(max(t_train.max(), t_test.max())) + 1),
                activation,
                loss,
                init=init,
                weight_init_std=weight_init_std,
                seed=seed,
            )
        place = Path(description.name)
        task = Task(
            net,
            samples,
            description.source,
            method,
            {
                "iterations": iterations,
                "batch_size": batch_size,
                "learning_rate": learning_rate,
                "optimizer": optimizer,
                "seed": seed,
                "sampling": sampling,
                "data_name": description.source,
            },
            {
                # From wherever the run will be gone on with.
                "data": str(place.absolute()) if place.exists() else description.name,
                "directions": directions,
                "command": shlex.join(["secant", *sys.argv[1:]]),
            },
        )
        run, failure, agreement = _trained(task, folder, policy, peers)
        if folder and run.status == "interrupted" and not len(run.losses):
            warn(f"stopped by {by()} before the first step; nothing is kept")
            raise typer.Exit(exit_code())
    except BaseException:
        if folder:
            give_back(folder)
        raise
    if folder:
        _report(run, folder, data, agreement)
    _leave(failure)


def _go_on(
    folder: Path,
    iterations: int | None,
    policy: "Checkpoints",
    peers: "Processes | None",
) -> None:
    """Goes on with a run."""
    with hearing(Hear.AT_ONCE):
        task, _ = task_of(folder)
        if iterations is not None:
            task.settings["iterations"] = iterations
    mine = None if _follows(peers) else folder
    run, failure, agreement = _trained(
        task, mine, policy, peers, resume=mine is not None
    )
    if mine:
        _report(run, mine, task.notes["data"], agreement)
    _leave(failure)


def _follows(peers: "Processes | None") -> bool:
    """Whether another process leads, keeps the run and says how it goes."""
    return peers is not None and not peers.leads


def _trained(
    task: Task,
    folder: Path | None,
    policy: "Checkpoints",
    peers: "Processes | None",
    *,
    resume: bool = False,
) -> "tuple[Run, str | None, Agreement | None]":
    """The run, what went wrong with it, and how its gradients agree with backprop's."""
    from secant.training import NotFinite, fit

    if not _follows(peers):
        err.print(about(data=task.source, network=repr(task.net).strip("<>")))
    method, agreement = task.method, None
    if method.name == "definition":
        from secant.cli.agreement import Agreement

        agreement = Agreement(method)
        method = agreement.method
    # Compiled steps are quick, and their state is not Python's to interrupt. What
    # several processes have begun, all of them have to finish.
    hear = Hear.WHEN_ASKED if method.traceable else Hear.RAISED
    with (
        hearing(Hear.NEVER if peers else hear),
        Bar(task.settings["iterations"]) as bar,
    ):
        try:
            run = fit(
                task.net,
                task.samples,
                method,
                **task.settings,
                callbacks=[bar, _stop_if_asked],
                folder=folder,
                resume=resume,
                checkpoints=policy,
                notes=task.notes,
                processes=peers,
            )
        except NotFinite as error:
            return error.run, str(error), agreement
    if peers and peers.stopped_by:
        ask(peers.stopped_by)
    return run, None, agreement


def _leave(failure: str | None) -> None:
    if failure:
        say_error(failure)
        raise typer.Exit(BAD_INPUT)
    if asked():
        raise typer.Exit(exit_code())


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


def _stop_if_asked(progress: "Progress") -> None:
    # What is left then is to put the run into its folder: that is not interrupted.
    if asked() or progress.step == progress.iterations:
        hush()
    if asked() and progress.step < progress.iterations:
        raise KeyboardInterrupt


def _report(run: "Run", folder: Path, data: str, agreement: "Agreement | None") -> None:
    from secant.training.forecast import duration

    taken, asked_for = len(run.losses), run.settings.iterations
    if run.status == "interrupted":
        warn(
            f"stopped by {by()} after {taken:,} of {asked_for:,} steps; "
            f"kept in {folder}; to go on: "
            f"secant train --resume {shlex.quote(str(folder))}"
        )
    last, timings = run.history.epochs[-1], run.timings
    table = grid("", "loss", "accuracy", right=(1, 2))
    table.add_row("train", f"{last.train_loss:.4f}", f"{last.train_accuracy:.2%}")
    if last.test_loss is not None and last.test_accuracy is not None:
        table.add_row("test", f"{last.test_loss:.4f}", f"{last.test_accuracy:.2%}")
    out.print()
    out.print(table)
    out.print()
    out.print(
        f"{taken:,} steps in {duration(timings.training)}, beside them "
        f"{duration(timings.preparation)} to prepare and "
        f"{duration(timings.evaluation)} to measure"
    )
    if agreement is not None and agreement.worst is not None:
        time = duration(_TEXTBOOK * timings.training / max(taken, 1))
        out.print(f"{_TEXTBOOK:,} such steps would take about {time}")
        verb = "agree with" if agreement.worst < _APART else "are apart from"
        out.print(
            f"its gradients {verb} backprop's to {agreement.worst:.1e} "
            "(relative, the worst step)"
        )
    out.print(f"kept in [bold]{escape(str(folder))}[/]: look at training.png")
    where = shlex.quote(str(folder))
    next_ones = [f"secant evaluate {where}"]
    if data not in _FOUND:
        next_ones[0] += f" --data {shlex.quote(data)}"
    if run.net.architecture.sizes[0] == 784:
        next_ones.insert(0, f"secant predict {where} IMAGE")
    for before, command in zip(("next: ", "      "), next_ones, strict=False):
        out.print(before + escape(command))
