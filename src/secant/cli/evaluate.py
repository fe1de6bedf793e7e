"""`secant evaluate`: how good a run's network is, and at what it fails."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from secant.cli.console import err, fail, grid, guarded, out

if TYPE_CHECKING:
    import numpy as np

# A table with more classes than this would fit no screen.
_MOST_CLASSES = 16


@guarded
def evaluate(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    data: Annotated[
        str, typer.Option(help="As for `secant train`; its test part is used.")
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a trained network on test samples: accuracy, loss, confusions."""
    import numpy as np

    from secant.data.catalogue import load
    from secant.training import Run

    net = Run.load(run).net
    (_, (x, t)), description = load(data)
    inputs, *_, classes = net.architecture.sizes
    if x.shape[1] != inputs or t.max() >= classes:
        fail(
            f"{run} takes samples of {inputs} numbers and {classes} classes, and "
            f"{description.name} has {x.shape[1]} numbers and {int(t.max()) + 1} "
            "classes: pass the --data that it was trained on"
        )
    scores = net.scores(x)
    guesses = scores.argmax(axis=1)
    confusion = np.zeros((classes, classes), int)
    np.add.at(confusion, (t, guesses), 1)
    accuracy, loss = float(np.mean(guesses == t)), float(net.loss(x, t))
    if as_json:
        answer = {
            "data": description.source,
            "samples": len(t),
            "accuracy": accuracy,
            "loss": loss,
            "confusion": confusion.tolist(),
        }
        typer.echo(json.dumps(answer))
        return
    err.print(f"data      {escape(description.source)}")
    out.print()
    out.print(
        f"[bold]{accuracy:.2%}[/] of {len(t):,} test samples are right; "
        f"mean loss {loss:.4f}"
    )
    if classes <= _MOST_CLASSES:
        out.print()
        out.print(_confusions(confusion))
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    worst = [divmod(int(i), classes) for i in wrong.argsort(axis=None)[::-1][:3]]
    said = [f"{a} read as {b}: {wrong[a, b]} times" for a, b in worst if wrong[a, b]]
    if said:
        out.print()
        out.print("most often wrong: " + "; ".join(said))


def _confusions(confusion: "np.ndarray") -> Table:
    """How often each class was read as each."""
    classes = len(confusion)
    heads = ["is \\ read as", *map(str, range(classes)), "right"]
    table = grid(*heads, right=tuple(range(1, classes + 2)))
    for label, row in enumerate(confusion):
        total = int(row.sum())
        cells = [
            f"[bold]{n}[/]" if guess == label else (str(n) if n else "[dim]·[/]")
            for guess, n in enumerate(row)
        ]
        share = f"{row[label] / total:.1%}" if total else "–"
        table.add_row(str(label), *cells, share)
    return table
