"""`secant train`: a network learns; the run is kept in a folder."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from secant.cli.console import command_errors, warn
from secant.cli.interrupts import SignalPolicy, exit_code, signal_name, signal_policy
from secant.cli.kept import Task, method_of, task_of
from secant.cli.sizes import hidden_sizes
from secant.cli.together import Asked, together, watched
from secant.cli.train_report import print_report
from secant.cli.work import done, follows, leave
from secant.errors import InvalidInput

if TYPE_CHECKING:
    from secant.training import Checkpoints, EarlyStopping, Schedule
    from secant.training.distributed.processes import Processes

# Groups of options in the help.
_STEPS, _STOPPING = "How far a step goes", "When to stop, and what is best"

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


@command_errors
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
    schedule: Annotated[
        str,
        typer.Option(
            help="How the learning rate falls over the iterations: constant, linear, "
            "cosine or exponential.",
            rich_help_panel=_STEPS,
        ),
    ] = "constant",
    warmup_steps: Annotated[
        int,
        typer.Option(
            min=0, help="It first rises from 0 in so many.", rich_help_panel=_STEPS
        ),
    ] = 0,
    end_factor: Annotated[
        float | None,
        typer.Option(
            help="It falls to this share of itself.",
            show_default="0.01",
            rich_help_panel=_STEPS,
        ),
    ] = None,
    weight_decay: Annotated[
        float | None,
        typer.Option(
            help="Each step takes rate × this × weight off every weight.",
            show_default="1e-4 for adamw, else 0",
            rich_help_panel=_STEPS,
        ),
    ] = None,
    clip_norm: Annotated[
        float | None,
        typer.Option(
            help="Shorten a gradient whose norm is larger.", rich_help_panel=_STEPS
        ),
    ] = None,
    validation_split: Annotated[
        float | None,
        typer.Option(
            help="Hold back this share of the training samples, to choose the best "
            "network by.",
            rich_help_panel=_STOPPING,
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Stop early, when so many epochs brought no lower validation loss.",
            rich_help_panel=_STOPPING,
        ),
    ] = None,
    min_delta: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Lower by more than this.",
            show_default="0",
            rich_help_panel=_STOPPING,
        ),
    ] = None,
    sampling: Annotated[
        str,
        typer.Option(help="How batches are drawn: replacement, or epochs."),
    ] = "replacement",
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Of weights and batches.")
    ] = 0,
    tensorboard: Annotated[
        bool,
        typer.Option(
            "--tensorboard", help="Have TensorBoard draw the run while it goes on."
        ),
    ] = False,
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
    from secant.training import Checkpoints, TensorBoard

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
    from secant.training.split import checked_share
    from secant.training.stopping import find_stopping

    # All that can be wrong is looked at before anything takes time.
    method = method_of(gradient, directions)
    rate = _rate(
        optimizer, learning_rate, schedule, iterations, warmup_steps, end_factor
    )
    find_optimizer(optimizer, rate, weight_decay, clip_norm)
    stopping = find_stopping(_stopping(patience, min_delta), validation_split)
    if validation_split is not None:
        checked_share(validation_split)
    Architecture((1, *sizes, 1), activation, loss)
    MLP((1, 1), init=init, weight_init_std=weight_init_std, seed=seed)
    Batches(batch_size, batch_size, sampling, seed)
    if tensorboard:
        TensorBoard.check()
    peers, going_on = context.with_resource(together(options, None))
    if going_on:  # process 0 was told to
        _go_on(going_on, longer, policy, peers)
        return
    folder = None if follows(peers) else reserved(out_folder)
    try:
        with signal_policy(
            SignalPolicy.EXIT, clean_up=lambda: folder and give_back(folder)
        ):
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
                "learning_rate": rate,
                "optimizer": optimizer,
                "weight_decay": weight_decay,
                "clip_norm": clip_norm,
                "seed": seed,
                "sampling": sampling,
                "validation_split": validation_split,
                "early_stopping": stopping,
                "data_name": description.source,
            },
            {
                # From wherever the run will be gone on with.
                "data": str(place.absolute()) if place.exists() else description.name,
                "directions": directions,
                "tensorboard": tensorboard,
                "command": shlex.join(["secant", *sys.argv[1:]]),
            },
        )
        if context.obj is not None:  # `secant sweep` wants to know the task
            context.obj(task)
            return
        run, failure, agreement = done(task, folder, policy, peers)
        if folder and run.status == "interrupted" and not len(run.losses):
            warn(f"stopped by {signal_name()} before the first step; nothing is kept")
            raise typer.Exit(exit_code())
    except BaseException:
        if folder:
            give_back(folder)
        raise
    if folder:
        print_report(run, task, folder, data, agreement)
    leave(failure)


def _rate(
    optimizer: str,
    learning_rate: float | None,
    schedule: str,
    iterations: int,
    warmup_steps: int,
    end_factor: float | None,
) -> "float | Schedule | None":
    """The learning rate, or how it changes over the iterations."""
    from secant.training import Schedule
    from secant.training.optimizers import OPTIMIZERS

    if schedule == "constant":
        if end_factor is not None:
            raise InvalidInput(
                f"--end-factor {end_factor:g} came without a schedule that falls: add "
                "--schedule cosine, linear or exponential, or leave it out"
            )
        if not warmup_steps:
            return learning_rate
    if learning_rate is None and optimizer in OPTIMIZERS:
        learning_rate = OPTIMIZERS[optimizer].learning_rate
    return Schedule(
        schedule,
        1.0 if learning_rate is None else learning_rate,
        max(iterations, 1),
        warmup_steps,
        **({} if end_factor is None else {"end_factor": end_factor}),
    )


def _stopping(patience: int | None, min_delta: float | None) -> "EarlyStopping | None":
    from secant.training import EarlyStopping

    if patience is None:
        if min_delta is not None:
            raise InvalidInput(
                f"--min-delta {min_delta:g} came without --patience: add --patience 5, "
                "or leave it out"
            )
        return None
    return EarlyStopping(patience, min_delta or 0.0)


def _go_on(
    folder: Path,
    iterations: int | None,
    policy: "Checkpoints",
    peers: "Processes | None",
) -> None:
    """Goes on with a run."""
    with signal_policy(SignalPolicy.EXIT):
        task, _ = task_of(folder)
        if iterations is not None:
            task.settings["iterations"] = iterations
    mine = None if follows(peers) else folder
    run, failure, agreement = done(task, mine, policy, peers, resume=mine is not None)
    if mine:
        print_report(run, task, mine, task.notes["data"], agreement)
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
