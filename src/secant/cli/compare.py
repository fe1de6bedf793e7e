"""`secant compare`: all gradient methods on one batch."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from secant.cli.compilation_cache import use_compilation_cache
from secant.cli.console import command_errors, err, out, plain_table
from secant.cli.signals import SignalPolicy, signal_policy
from secant.cli.train_options import hidden_sizes

PICTURES = ("compare.png", "error-by-step.png")

# The steps of the textbook's run, for which each method gets a forecast.
_FORECAST_STEPS = 10_000


@command_errors
def compare(
    data: Annotated[str, typer.Option(help="As for `secant train`.")] = "auto",
    hidden: Annotated[
        str, typer.Option(help='The neurons of each hidden layer: "50", "100,50".')
    ] = "50",
    activation: Annotated[str, typer.Option(help="{activations}.")] = "sigmoid",
    loss: Annotated[str, typer.Option(help="{losses}.")] = "cross_entropy",
    init: Annotated[
        str, typer.Option(help="The weights: normal, xavier or he.")
    ] = "xavier",
    batch_size: Annotated[
        int, typer.Option(min=1, help="The samples of the batch.")
    ] = 100,
    seed: Annotated[
        int,
        typer.Option(
            min=0, max=2**63 - 1, help="The seed of weights, batch and directions."
        ),
    ] = 0,
    out_folder: Annotated[
        Path, typer.Option("--out", help="The folder of the two plots.")
    ] = Path(),
) -> None:
    """Compare the gradient methods: seconds per step, and error against backprop.

    All methods get the same weights and batch. Two plots show the cost and
    error of each method, and the error at every step size, by subtraction
    and by propagation.
    """
    sizes = hidden_sizes(hidden)
    use_compilation_cache()

    import numpy as np

    from secant import plots
    from secant.comparison import compare as compared
    from secant.comparison import error_curves, methods
    from secant.data.load import load_data_set
    from secant.nn.networks import MLP
    from secant.training.forecast import duration

    ((x, t), (_, t_test)), description = load_data_set(data)
    classes = int(max(t.max(), t_test.max())) + 1
    net = MLP((x.shape[1], *sizes, classes), activation, loss, init=init, seed=seed)
    rows = np.random.default_rng(seed).integers(len(x), size=batch_size)
    batch = x[rows], t[rows]
    chosen = methods()
    err.print(f"{escape(repr(net).strip('<>'))}; {batch_size} of {description.source}")
    with (
        signal_policy(SignalPolicy.EXIT),
        Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=err,
            transient=True,
            disable=not err.animates,
        ) as bar,
    ):
        task = bar.add_task("", total=None)
        results = compared(
            net,
            *batch,
            chosen=chosen,
            seed=seed,
            tell=lambda name: bar.update(task, description=name),
        )
        bar.update(task, description="the error at every step size")
        curves = error_curves(net.architecture, net.params, *batch, seed=seed)
        out_folder.mkdir(parents=True, exist_ok=True)
        plots.comparison([(r.name, r.seconds, r.error) for r in results]).savefig(
            out_folder / PICTURES[0]
        )
        plots.error_curves(curves).savefig(out_folder / PICTURES[1])
    table = plain_table(
        "method",
        "a step",
        "runs a step",
        f"{_FORECAST_STEPS:,} steps",
        "error",
        "cosine",
        right=(1, 2, 3, 4, 5),
    )
    for row in results:
        table.add_row(
            row.name,
            duration(row.seconds),
            f"{row.evaluations:,}" if row.evaluations else "",
            duration(_FORECAST_STEPS * row.seconds),
            f"{row.error:.1e}",
            f"{row.cosine:.6f}",
        )
    out.print(table)
    out.print()
    out.print(
        "error: ‖g − g*‖ / ‖g*‖ against backprop in float64, g*. The definition's is "
        f"measured\non {results[0].of_parameters:,} of "
        f"{net.architecture.parameter_count:,} parameters."
    )
    names = " and ".join(str(out_folder / picture) for picture in PICTURES)
    out.print(f"look at [bold]{escape(names)}[/]")
