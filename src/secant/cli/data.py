"""`secant data`: the data sets of this machine, and the download of others."""

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

from secant.cli.console import (
    command_errors,
    err,
    labelled_lines,
    out,
    plain_table,
    print_error,
    warn,
)
from secant.cli.signals import SignalPolicy, exit_code, signal_policy

app = typer.Typer(
    help="List the data sets of this machine, fetch one, or count its classes.",
    invoke_without_command=True,
)


@app.callback()
def show(context: typer.Context) -> None:
    """List the data sets; `fetch` gets one, `classes` counts its samples."""
    if context.invoked_subcommand is None:
        _show()


@command_errors
def _show() -> None:
    from secant.data.locations import DATA_VARIABLE, find_data_set
    from secant.data.registry import SPECS

    table = plain_table("name", "train", "test", "where", right=(1, 2))
    for name, spec in SPECS.items():
        location = find_data_set(name)
        where = (
            f"{location.folder} ({location.origin})"
            if location
            else f"not here: secant data fetch {name}"
        )
        train, test = spec.t_train.shape[0], spec.t_test.shape[0]
        table.add_row(name, f"{train:,}", f"{test:,}", escape(where))
    table.add_row("sample", "4,000", "1,000", "built in: digits of MNIST")
    out.print(table)
    out.print()
    out.print(
        "Your own data: secant train --data FILE, a .npz (x_train, t_train, x_test, "
        "t_test),\na .csv (label first) or a folder of IDX files. "
        f"{DATA_VARIABLE} names a folder that\nholds data sets by name."
    )


@app.command()
@command_errors
def classes(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="As for `secant train --data`.")
    ] = "auto",
) -> None:
    """Show the number of samples of each class, and warn about unbalanced classes."""
    from secant.cli.reports import class_table
    from secant.data.labels import class_counts, class_warnings
    from secant.data.load import load_data_set

    ((x_train, t_train), (_, t_test)), description = load_data_set(data)
    count = int(max(t_train.max(), t_test.max())) + 1
    train, test = class_counts(t_train, count), class_counts(t_test, count)
    err.print(labelled_lines(data=description.source))
    for sentence in class_warnings(train, test):
        warn(sentence)
    out.print()
    out.print(class_table({"train": train, "test": test}))
    out.print()
    out.print(
        f"{len(t_train):,} samples to train on and {len(t_test):,} to test on, with "
        f"{x_train.shape[1]:,} numbers each"
    )


@app.command()
@command_errors
def fetch(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="mnist or fashion-mnist.")
    ],
) -> None:
    """Download a data set into the user's cache, verified by its SHA-256."""
    from secant.data.fetch import fetch as download

    with (
        signal_policy(SignalPolicy.RAISE),
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
            print_error("stopped by Ctrl-C; the next fetch continues this download")
            raise typer.Exit(exit_code()) from None
    out.print(f"{name} is in {escape(str(folder))}; `secant train` finds it there")
