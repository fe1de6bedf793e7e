"""`secant`: its commands, and their common options."""

from typing import Annotated

import typer

from secant._version import __version__
from secant.cli.check import check
from secant.cli.compare import compare
from secant.cli.data import app as data
from secant.cli.evaluate import evaluate
from secant.cli.export import export
from secant.cli.lab import lab
from secant.cli.predict import predict
from secant.cli.rerun import rerun
from secant.cli.sweep import CONTEXT_SETTINGS as SWEEP_SETTINGS
from secant.cli.sweep import sweep
from secant.cli.table_help import TableHelp
from secant.cli.train import train

app = typer.Typer(
    name="secant",
    help="Neural-network learning by numerical differentiation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(cls=TableHelp)(train)
app.command()(rerun)
app.command(context_settings=SWEEP_SETTINGS)(sweep)
app.command()(predict)
app.command()(evaluate)
app.command()(export)
app.command(cls=TableHelp)(compare)
app.command()(check)
app.command()(lab)
app.add_typer(data, name="data")


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"secant {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version and end.",
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Also show the traceback of an error.")
    ] = False,
) -> None:
    """Neural-network learning by numerical differentiation."""
