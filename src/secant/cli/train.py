"""`secant train`: a network learns; the run is kept in a folder."""

import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from secant.cli.bar import Bar
from secant.cli.classes import class_table, in_words
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
from secant.cli.interrupts import Hear, asked, by, exit_code, hearing, hush
from secant.cli.kept import Task, method_of, task_of
from secant.cli.sizes import hidden_sizes
from secant.errors import InvalidInput

if TYPE_CHECKING:
    import numpy as np

    from secant.cli.agreement import Agreement
    from secant.history import Epoch
    from secant.training import Checkpoints, EarlyStopping, Progress, Run, Schedule

# The textbook's run, which the definition is forecast for.
_TEXTBOOK = 10_000

# Data that `secant evaluate` finds by itself.
_FOUND = ("auto", "mnist", "sample")

# Above this the definition and backprop differ by more than h = 1e-4 explains.
_APART = 1e-5


# Groups of options in the help.
_STEPS, _STOPPING = "How far a step goes", "When to stop, and what is best"

# What may stand beside --resume.
_WITH_RESUME = {
    "resume",
    "iterations",
    "checkpoint_steps",
    "checkpoint_seconds",
    "keep",
}


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
) -> None:
    """Train a network and keep the run in a folder.

    Without options this is the textbook's run: 784-50-10, sigmoid,
    10,000 steps of 100 samples, learning rate 0.1. However it is ended, it
    goes on with --resume, and comes out as if it had not been.
    """
    from secant.training import Checkpoints, TensorBoard

    policy = Checkpoints(checkpoint_steps, checkpoint_seconds, keep)
    if resume is not None:
        _alone(context)
        given = _given(context, "iterations")
        _go_on(resume, iterations if given else None, policy)
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
    folder = reserved(out_folder)
    try:
        with hearing(Hear.AT_ONCE, clean_up=lambda: give_back(folder)):
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
        run, failure, agreement = _trained(task, folder, policy)
        if run.status == "interrupted" and not len(run.losses):
            warn(f"stopped by {by()} before the first step; nothing is kept")
            raise typer.Exit(exit_code())
    except BaseException:
        give_back(folder)
        raise
    _report(run, task, folder, data, agreement)
    _leave(failure)


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


def _go_on(folder: Path, iterations: int | None, policy: "Checkpoints") -> None:
    """Goes on with a run."""
    with hearing(Hear.AT_ONCE):
        task, _ = task_of(folder)
        if iterations is not None:
            task.settings["iterations"] = iterations
    run, failure, agreement = _trained(task, folder, policy, resume=True)
    _report(run, task, folder, task.notes["data"], agreement)
    _leave(failure)


def _trained(
    task: Task, folder: Path, policy: "Checkpoints", *, resume: bool = False
) -> "tuple[Run, str | None, Agreement | None]":
    """The run, what went wrong with it, and how its gradients agree with backprop's."""
    from secant.training import NotFinite, TensorBoard, fit
    from secant.training.keeping import EVENTS_FOLDER

    _introduce(task)
    method, agreement = task.method, None
    if method.name == "definition":
        from secant.cli.agreement import Agreement

        agreement = Agreement(method)
        method = agreement.method
    # Compiled steps are quick, and their state is not Python's to interrupt.
    with (
        hearing(Hear.WHEN_ASKED if method.traceable else Hear.RAISED),
        Bar(task.settings["iterations"]) as bar,
        ExitStack() as ending,
    ):
        told = [bar, _stop_if_asked]
        if task.notes.get("tensorboard"):
            board = TensorBoard(folder / EVENTS_FOLDER)
            told.insert(0, ending.enter_context(board))
            where = shlex.quote(str(folder / EVENTS_FOLDER))
            err.print(about(watch=f"tensorboard --logdir {where}"))
        try:
            run = fit(
                task.net,
                task.samples,
                method,
                **task.settings,
                callbacks=told,
                folder=folder,
                resume=resume,
                checkpoints=policy,
                notes=task.notes,
            )
        except NotFinite as error:
            return error.run, str(error), agreement
    return run, None, agreement


def _introduce(task: Task) -> None:
    """What is trained on what, and what is amiss with that."""
    from secant.data.classes import amiss

    train, test = _class_counts(task)
    err.print(
        about(
            data=task.source,
            classes=f"{in_words(train)} training samples each",
            network=repr(task.net).strip("<>"),
        )
    )
    for sentence in amiss(train, test):
        warn(sentence)


def _class_counts(task: Task) -> "tuple[np.ndarray, np.ndarray]":
    """How many samples of each class there are to train and to test on."""
    from secant.data.classes import counted

    classes = task.net.architecture.sizes[-1]
    (_, t_train), (_, t_test) = task.samples
    return counted(t_train, classes), counted(t_test, classes)


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
    if asked() or progress.ended:
        hush()
    if asked() and not progress.ended:
        raise KeyboardInterrupt


def _report(
    run: "Run", task: Task, folder: Path, data: str, agreement: "Agreement | None"
) -> None:
    from secant.training.forecast import duration

    taken, asked_for = len(run.losses), run.settings.iterations
    if run.status == "interrupted":
        warn(
            f"stopped by {by()} after {taken:,} of {asked_for:,} steps; "
            f"kept in {folder}; to go on: "
            f"secant train --resume {shlex.quote(str(folder))}"
        )
    timings = run.timings
    out.print()
    if run.status == "stopped early":
        out.print(_stopped_early(run))
        out.print()
    out.print(_scores(run.history.epochs[-1]))
    out.print()
    where = shlex.quote(str(folder))
    best = run.best_epoch
    if best is not None and best.validation_accuracy is not None:
        out.print(f"{_best(best)}: secant evaluate {escape(where)} --best")
        out.print()
    _say_classes(run, task)
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
    next_ones = [f"secant evaluate {where}"]
    if data not in _FOUND:
        next_ones[0] += f" --data {shlex.quote(data)}"
    if run.net.architecture.sizes[0] == 784:
        next_ones.insert(0, f"secant predict {where} IMAGE")
    for before, command in zip(("next: ", "      "), next_ones, strict=False):
        out.print(before + escape(command))


def _stopped_early(run: "Run") -> str:
    stopping, epochs = run.settings.early_stopping, run.history.epochs
    assert stopping is not None
    gain = stopping.last_gain(epochs, None)
    since = f"since step {gain.step:,}" if gain else "from the start"
    return (
        f"[bold]stopped early[/] after {len(run.losses):,} of "
        f"{run.settings.iterations:,} steps: the validation loss has not fallen "
        f"{since}"
    )


def _say_classes(run: "Run", task: Task) -> None:
    """How good the network is at each class, where they are not alike."""
    from secant.data.classes import amiss, balanced_accuracy, counted

    train, test = _class_counts(task)
    if not amiss(train, test) or not test.sum():
        return
    x, t = task.samples[1]
    right = counted(t[run.net.predict(x).argmax(axis=1) == t], len(test))
    out.print(class_table({"train": train, "test": test}, right))
    out.print()
    out.print(
        f"balanced accuracy, in which each class counts alike: "
        f"{balanced_accuracy(right, test):.2%}"
    )
    out.print()


def _best(epoch: "Epoch") -> str:
    name = f"the best network, of step {epoch.step:,}, is right on"
    scores = [f"{epoch.validation_accuracy:.2%} of the validation samples"]
    if epoch.test_accuracy is not None:
        scores.append(f"{epoch.test_accuracy:.2%} of the test samples")
    return f"{name} {' and '.join(scores)}"


def _scores(epoch: "Epoch") -> Table:
    """Loss and accuracy of every set of samples that there is."""
    table = grid("", "loss", "accuracy", right=(1, 2))
    scores = epoch._asdict()
    for name in ("train", "validation", "test"):
        loss, accuracy = scores[f"{name}_loss"], scores[f"{name}_accuracy"]
        if loss is not None:
            table.add_row(name, f"{loss:.4f}", f"{accuracy:.2%}")
    return table
