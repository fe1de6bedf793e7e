"""`secant check`: the check of a gradient against numerical slopes."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from secant.cli.compilation_cache import use_compilation_cache
from secant.cli.console import command_errors, err, out
from secant.cli.signals import SignalPolicy, signal_policy
from secant.cli.target import load_function, load_module, user_code
from secant.errors import InvalidInput
from secant.validation import validate

if TYPE_CHECKING:
    from secant.checking import GradientReport

_WRONG = 1

# The default name of the function that makes the point.
_POINT_FUNCTION = "example"

_COLORS = {
    "right": "green",
    "rounding": "green",
    "kink": "yellow",
    "tie": "yellow",
    "inconclusive": "bold yellow",
    "wrong": "bold red",
    "not finite": "bold red",
}


@command_errors
def check(
    target: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:FUNCTION",
            help="The function, of one argument: losses:my_loss or losses.py:my_loss.",
        ),
    ],
    at: Annotated[
        str,
        typer.Option(
            metavar="MODULE:MAKE",
            help="A function without arguments that makes the point; by default "
            "`example` of the same module.",
        ),
    ] = _POINT_FUNCTION,
    gradient: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:GRADIENT",
            help="The gradient, a function of the same argument; JAX's by default.",
        ),
    ] = None,
    hessian: Annotated[
        bool,
        typer.Option(
            "--hessian", help="Check a Hessian-vector product along a random direction."
        ),
    ] = False,
    coordinates: Annotated[
        str, typer.Option(help="all, projections, or auto: all up to 65,536.")
    ] = "auto",
    seed: Annotated[
        int, typer.Option(min=0, help="The seed of random directions.")
    ] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="A file for a picture of the worst leaf's errors."),
    ] = None,
) -> None:
    """Check a gradient against the slopes of secants, coordinate by coordinate.

    The exit code is 0 if the gradient is right, 1 if it is wrong, and 2 if it cannot
    be checked.
    """
    use_compilation_cache()  # before the user's module loads JAX
    f = load_function(target, "the function")
    module = load_module(target.rpartition(":")[0], "the function")
    if at == _POINT_FUNCTION and not hasattr(module, at):
        raise InvalidInput(
            f"{module.__name__} has no function `{at}` that makes the point: write "
            "one, or name another, as in --at :make_parameters"
        )
    make = load_function(at, "--at", module)
    claimed = load_function(gradient, "--gradient", module) if gradient else None
    if hessian and claimed:
        raise InvalidInput(
            "--hessian checks JAX's second derivatives of the function: remove "
            "--gradient"
        )

    from secant.checking import check_gradient, check_hessian_product
    from secant.checking.check import COORDINATES

    with user_code(f"{at}()"):
        x = make()
    with (
        signal_policy(SignalPolicy.EXIT),
        user_code("the function or its gradient"),
        Progress(
            TextColumn("coordinates checked"),
            BarColumn(),
            MofNCompleteColumn(),
            console=err,
            transient=True,
            disable=not err.animates,
        ) as bar,
    ):
        task = bar.add_task("", total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        report = (
            check_hessian_product(f, x, seed=seed)
            if hessian
            else check_gradient(
                f,
                x,
                claimed,
                coordinates=validate("coordinates", coordinates, COORDINATES),
                seed=seed,
                progress=progress,
            )
        )
    if plot:
        report.plot().savefig(plot)
    if as_json:
        out.print(json.dumps(report.to_dict(), indent=1), markup=False)
    else:
        _print(report)
    if plot:
        err.print(f"look at [bold]{plot}[/]")
    if not report.ok:
        raise typer.Exit(_WRONG)


def _print(report: "GradientReport") -> None:
    _, _, rest = str(report).partition("\n")
    out.print(f"gradient: [{_COLORS[report.verdict]}]{report.verdict}[/]")
    out.print(rest, markup=False)
