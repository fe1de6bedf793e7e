"""`secant check`: is this the gradient of that function?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from secant.cli.console import err, guarded, out
from secant.cli.signals import Hear, hearing
from secant.cli.target import function, module_of, users_code
from secant.errors import InvalidInput
from secant.validation import validate

if TYPE_CHECKING:
    from secant.checking import GradientReport

_WRONG = 1

# What makes the point if nothing else is named.
_POINT = "example"

_COLORS = {
    "right": "green",
    "rounding": "green",
    "kink": "yellow",
    "wrong": "bold red",
    "not finite": "bold red",
}


@guarded
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
            help="A function of no argument that makes the point; by itself `example` "
            "of the same module.",
        ),
    ] = _POINT,
    gradient: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:GRADIENT",
            help="The gradient, a function of the same argument; JAX's if not given.",
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
    seed: Annotated[int, typer.Option(min=0, help="Of random directions.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report for machines.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw the errors of the worst leaf into this file."),
    ] = None,
) -> None:
    """Check a gradient against secants, coordinate by coordinate.

    Ends with 0 if it is right, 1 if it is not, 2 if there was nothing to check.
    """
    f = function(target, "the function")
    beside = module_of(target.rpartition(":")[0], "the function")
    if at == _POINT and not hasattr(beside, at):
        raise InvalidInput(
            f"{beside.__name__} has no function `{at}` that makes the point: write "
            "one, or name another, as in --at :make_parameters"
        )
    make = function(at, "--at", beside)
    claimed = function(gradient, "--gradient", beside) if gradient else None
    if hessian and claimed:
        raise InvalidInput(
            "--hessian checks JAX's second derivatives of the function: leave "
            "--gradient out"
        )

    from secant.checking import check_gradient, check_hessian_product
    from secant.checking.check import COORDINATES

    with users_code(f"{at}()"):
        x = make()
    with (
        hearing(Hear.AT_ONCE),
        users_code("the function or its gradient"),
        Progress(
            TextColumn("coordinates nudged"),
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
