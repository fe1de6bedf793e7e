"""`secant train`: a network learns; the run is kept in a folder."""

import re
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from secant.cli.console import (
    BAD_INPUT,
    INTERRUPTED,
    err,
    grid,
    guarded,
    out,
    warn,
)
from secant.errors import InvalidInput

if TYPE_CHECKING:
    from secant.training import Progress as Step
    from secant.training import Run

RUNS = Path("runs")

# Lines that a training run prints where no bar can be drawn.
_LINES = 10


@guarded
def train(
    gradient: Annotated[
        str, typer.Option(help="The way to the gradient: backprop or definition.")
    ] = "backprop",
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
    iterations: Annotated[int, typer.Option(help="Steps.")] = 10_000,
    batch_size: Annotated[int, typer.Option(help="Samples a step.")] = 100,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="How far a step goes. [default: 0.1 for sgd]"),
    ] = None,
    optimizer: Annotated[
        str,
        typer.Option(help="sgd, momentum, nesterov, adagrad, rmsprop, adam or adamw."),
    ] = "sgd",
    sampling: Annotated[
        str,
        typer.Option(help="How batches are drawn: replacement, or epochs."),
    ] = "replacement",
    seed: Annotated[int, typer.Option(help="Of weights and batches.")] = 0,
    out_folder: Annotated[
        Path | None,
        typer.Option("--out", help="A new folder for the run. [default: runs/0001 …]"),
    ] = None,
) -> None:
    """Train a network and keep the run in a folder.

    Without options this is the textbook's run: 784-50-10, sigmoid, 10,000 steps of
    100 samples, learning rate 0.1.
    """
    sizes = _sizes(hidden)

    from secant.architecture import Architecture
    from secant.data.catalogue import load
    from secant.gradients import find_method
    from secant.networks import MLP
    from secant.training import NotFinite, fit
    from secant.training.batches import Batches
    from secant.training.optimizers import find_optimizer

    # All that can be wrong is looked at before anything takes time.
    find_method(gradient)
    rate = find_optimizer(optimizer, learning_rate).learning_rate
    Architecture((1, *sizes, 1), activation, loss)
    MLP((1, 1), init=init, weight_init_std=weight_init_std, seed=seed)
    folder = _reserved(out_folder)
    try:
        samples, description = load(data)
        (x_train, t_train), (_, t_test) = samples
        err.print(f"data      {escape(description.source)}")
        net = MLP(
            (x_train.shape[1], *sizes, int(max(t_train.max(), t_test.max())) + 1),
            activation,
            loss,
            init=init,
            weight_init_std=weight_init_std,
            seed=seed,
        )
        err.print(f"network   {escape(repr(net).strip('<>'))}")
        watched: list[Any] = []
        if gradient == "definition" and optimizer == "sgd" and rate is not None:
            from secant.cli.agreement import Agreement

            batches = Batches(len(x_train), batch_size, sampling, seed)
            watched = [Agreement(net.architecture, (x_train, t_train), batches, rate)]
        with _Bar(iterations) as bar:
            try:
                run = fit(
                    net,
                    samples,
                    gradient,
                    iterations=iterations,
                    batch_size=batch_size,
                    learning_rate=learning_rate,
                    optimizer=optimizer,
                    seed=seed,
                    sampling=sampling,
                    callbacks=[bar, *watched],
                    data_name=description.source,
                )
                failure = None
            except NotFinite as error:
                run, failure = error.run, str(error)
        run.save(folder)
    except BaseException:
        _give_back(folder)
        raise
    _report(run, folder, watched, bar)
    if failure:
        err.print(f"[bold red]error:[/] {escape(failure)}")
        raise typer.Exit(BAD_INPUT)
    if run.status == "interrupted":
        raise typer.Exit(INTERRUPTED)


def _sizes(hidden: str) -> tuple[int, ...]:
    """The hidden layers' sizes: "100,50" → (100, 50); "" or "0" → none."""
    parts = [part for part in re.split(r"[,\s]+", hidden.strip()) if part]
    if parts in ([], ["0"]):
        return ()
    if not all(part.isdecimal() and 0 < int(part) <= 1_000_000 for part in parts):
        raise InvalidInput(
            f'--hidden is "{hidden}": pass the neurons of each hidden layer, such as '
            "50 or 100,50"
        )
    return tuple(int(part) for part in parts)


def _reserved(folder: Path | None) -> Path:
    """A folder of this run's own, made now: not when the work has been done."""
    if folder is not None:
        from secant.training.run import new_folder

        return new_folder(folder)
    RUNS.mkdir(exist_ok=True)
    taken = [int(path.name) for path in RUNS.iterdir() if path.name.isdecimal()]
    number = max(taken, default=0)
    while True:
        number += 1
        path = RUNS / f"{number:04}"
        try:
            path.mkdir()
        except FileExistsError:  # somebody else's, just now
            continue
        return path


def _give_back(folder: Path) -> None:
    """Removes the folders that were made for a run that did not come about."""
    for path in (folder, RUNS):
        try:
            path.rmdir()
        except OSError:  # something is in it
            return


class _Bar:
    """The progress of a run: a bar on a terminal, a few lines elsewhere."""

    def __init__(self, iterations: int) -> None:
        self._iterations = iterations
        self._smooth: float | None = None
        self._said = -1
        self._started = 0.0
        self.forecast: Any = None
        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[steps]}"),
            TextColumn("{task.fields[numbers]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=err,
            disable=not err.is_terminal,
        )
        self._task = self._progress.add_task(
            "", total=iterations, steps="", numbers="", left=""
        )

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, step: "Step") -> None:
        if self.forecast is None:
            self._begin(step)
        for value in step.losses[-200:]:
            before = value if self._smooth is None else self._smooth
            self._smooth = 0.98 * before + 0.02 * value
        if err.is_terminal:
            self._draw(step)
        else:
            self._say(step)

    def _begin(self, step: "Step") -> None:
        self.forecast, self._started = step.forecast, perf_counter()
        err.print(f"forecast  {escape(str(step.forecast))}")
        self._progress.start()

    def _draw(self, step: "Step") -> None:
        from secant.training.forecast import duration

        speed = (
            step.step / step.seconds
            if step.step
            else 1 / step.forecast.seconds_per_step
        )
        # By the clock on the wall: measuring on all samples takes time, too.
        wall = perf_counter() - self._started
        each = wall / step.step if step.step else step.forecast.seconds_per_step
        left = (step.iterations - step.step) * each
        self._progress.update(
            self._task,
            completed=step.step,
            steps=f"{step.step:,}/{step.iterations:,}",
            numbers=f"{self._numbers(step)}  {_rate(speed)}",
            left=f"{duration(left)} left" if left > 0.5 else "",
        )

    def _say(self, step: "Step") -> None:
        part = step.step * _LINES // max(self._iterations, 1)
        if part > self._said and step.step:
            self._said = part
            err.print(f"  step {step.step:>7,}  {self._numbers(step)}")

    def _numbers(self, step: "Step") -> str:
        epoch = step.epoch
        smooth = epoch.train_loss if self._smooth is None else self._smooth
        accuracy, which = epoch.test_accuracy, "test"
        if accuracy is None:
            accuracy, which = epoch.train_accuracy, "train"
        return f"loss {smooth:.3f}  {which} {accuracy:.1%}"


def _rate(speed: float) -> str:
    return f"{speed:,.0f} steps/s" if speed >= 2 else f"{1 / speed:.2g} s/step"


def _report(run: "Run", folder: Path, watched: list[Any], bar: _Bar) -> None:
    from secant.training.forecast import duration

    taken, asked = len(run.losses), run.settings.iterations
    if run.status == "interrupted":
        warn(f"stopped by Ctrl-C after {taken:,} of {asked:,} steps; all is kept")
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
    if run.settings.gradient == "definition" and bar.forecast:
        ten_thousand = duration(10_000 * timings.training / max(taken, 1))
        if taken:
            out.print(f"10,000 such steps would take about {ten_thousand}")
    for agreement in watched:
        if agreement.worst is not None:
            out.print(
                f"its gradients agree with backprop's to {agreement.worst:.1e} "
                "(relative, the worst step)"
            )
    out.print(f"kept in [bold]{escape(str(folder))}[/]: look at training.png")
    if run.net.architecture.sizes[0] == 784:
        out.print(f"next: secant predict {escape(str(folder))} IMAGE")
    out.print(f"      secant evaluate {escape(str(folder))}")
