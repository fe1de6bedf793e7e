"""`secant data`: which data sets are at hand, and how to get one."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)

from secant.cli.console import err, grid, guarded, out, say_error
from secant.cli.interrupts import Hear, exit_code, hearing

app = typer.Typer(
    help="Show which data sets are at hand, or fetch one.", invoke_without_command=True
)


@app.callback()
def show(context: typer.Context) -> None:
    """Show which data sets are at hand; `fetch` gets one."""
    if context.invoked_subcommand is None:
        _show()


@guarded
def _show() -> None:
    from secant.data.places import VARIABLE, find
    from secant.data.specs import SPECS

    table = grid("name", "train", "test", "where", right=(1, 2))
    for name, spec in SPECS.items():
        place = find(name)
        where = (
            f"{place.folder} ({place.origin})"
            if place
            else f"not here: secant data fetch {name}"
        )
        train, test = spec.t_train.shape[0], spec.t_test.shape[0]
        table.add_row(name, f"{train:,}", f"{test:,}", escape(where))
    table.add_row("sample", "4,000", "1,000", "built in: digits of MNIST")
    out.print(table)
    out.print()
    out.print(
        "One's own: secant train --data FILE, a .npz (x_train, t_train, x_test, "
        f"t_test),\na .csv (label first) or a folder of IDX files. {VARIABLE} names "
        "a folder that\nholds data sets by name."
    )


@app.command()
@guarded
def fetch(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="mnist or fashion-mnist.")
    ],
) -> None:
    """Download a data set into the user's cache, verified by its SHA-256."""
    from secant.data.fetch import fetch as download

    with (
        hearing(Hear.RAISED),
        Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(bar_width=None),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=err,
            disable=not err.animates,
        ) as bars,
    ):
        tasks: dict[str, TaskID] = {}

        def progress(file: str, done: int, total: int) -> None:
            if file not in tasks:
                tasks[file] = bars.add_task(file, total=total)
                if not err.animates:
                    err.print(f"fetching {file}: {total / 1e6:.1f} MB")
            bars.update(tasks[file], completed=done, total=total)

        try:
            folder = download(name, progress=progress)
        except KeyboardInterrupt:
            say_error("stopped by Ctrl-C; the next fetch goes on from what has come")
            raise typer.Exit(exit_code()) from None
    out.print(f"{name} is in {escape(str(folder))}; `secant train` finds it there")
