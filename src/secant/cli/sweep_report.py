"""Report of a sweep: the table, the picture, the best run."""

import shlex
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from secant.cli.console import plain_table
from secant.cli.progress import score_text, short_value
from secant.cli.sweep_options import SweepOptions
from secant.cli.sweep_trials import command

if TYPE_CHECKING:
    from secant.sweeps import Result, Sweep

TABLE, PICTURE = "trials.csv", "sweep.png"

# The rows that are printed; the file has all.
_MAX_ROWS = 15


def table(results: "Sequence[Result]", sweep: "Sweep", objective: str) -> Table:
    """The trials, the best first."""
    names = list(sweep.space)
    heads = ["trial", f"validation {objective}", *names, "steps", "s", ""]
    numbers = {0, 1, len(heads) - 3, len(heads) - 2}
    numbers |= {
        column
        for column, name in enumerate(names, start=2)
        if not isinstance(results[0].settings.get(name), str)
    }
    rows = plain_table(*heads, right=tuple(numbers))
    for result in results[:_MAX_ROWS]:
        steps = result.facts.get("steps")
        rows.add_row(
            str(result.number),
            "–" if result.score is None else score_text(result.score),
            *(short_value(result.settings.get(name, "–")) for name in names),
            "–" if steps is None else f"{steps:,}",
            f"{result.seconds:.1f}",
            result.why[:60],
        )
    if len(results) > _MAX_ROWS:
        rows.add_row("…", *[""] * (len(heads) - 2), f"{len(results) - _MAX_ROWS} more")
    return rows


def best(result: "Result", options: SweepOptions, objective: str) -> Iterator[str]:
    """The best trial in words: its scores, its run, and the command to repeat it."""
    if result.score is None or result.state != "finished":
        yield "no trial has finished: search closer to settings that work"
        return
    folder, host = str(result.facts.get("folder", "")), str(result.facts.get("host"))
    yield (
        f"best: trial {result.number}, {objective} {score_text(result.score)} on the "
        "validation samples, which selected it"
    )
    if (test := result.facts.get(f"test_{objective}")) is not None:
        yield f"on the test samples, which selected nothing: {score_text(test)}"
    if host == socket.gethostname():
        yield f"its run: secant evaluate {shlex.quote(_relative(folder))}"
    else:
        yield f"its run is on {host}, in {folder}"
    yield f"to repeat it: {command(options, result.settings)}"


def write_report(
    results: "Sequence[Result]", sweep: "Sweep", folder: Path, objective: str
) -> None:
    """Write the table of all trials and the picture into the sweep's folder."""
    from secant import plots
    from secant.sweeps.results import to_csv
    from secant.training.serialization import replace_file, replace_picture

    replace_file(folder / TABLE, to_csv(results, list(sweep.space)).encode())
    in_order = sorted(results, key=lambda result: result.number)
    scored = [result for result in in_order if result.score is not None]
    if not scored:
        return
    figure = plots.search(
        [result.settings for result in scored],
        [result.score or 0.0 for result in scored],
        unfinished=[result.state != "finished" for result in scored],
        maximize=sweep.maximize,
        score=f"validation {objective}",
        log=[n for n, values in sweep.space.items() if getattr(values, "log", False)],
    )
    replace_picture(folder / PICTURE, figure)


def _relative(folder: str) -> str:
    """The path relative to the current folder, if it is below it."""
    path = Path(folder)
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else folder
