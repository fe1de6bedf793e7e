"""`secant evaluate`: how good a run's network is, and at what it fails."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from secant.cli.console import about, err, fail, grid, guarded, out
from secant.cli.kept import BestNetwork

if TYPE_CHECKING:
    import numpy as np

# A table of each class against each fits 80 columns up to here.
_MOST_CLASSES = 10

# Of more classes, as many of those with the most mistakes are listed.
_LISTED = 20


@guarded
def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    data: Annotated[
        str, typer.Option(help="As for `secant train`; its test part is used.")
    ] = "auto",
    best: BestNetwork = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a trained network on test samples: accuracy, loss, confusions."""
    import numpy as np

    from secant.data.catalogue import load
    from secant.training import Run

    trained = Run.load(run, best=best)
    net = trained.net
    (_, (x, t)), description = load(data)
    inputs, *_, classes = net.architecture.sizes
    if x.shape[1] != inputs or t.max() >= classes:
        fail(
            f"{run} takes samples of {inputs} numbers and {classes} classes, and "
            f"{description.name} has {x.shape[1]} numbers and {int(t.max()) + 1} "
            "classes: pass the --data that it was trained on"
            + (f" ({trained.settings.data})" if trained.settings.data else "")
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
        out.out(json.dumps(answer), highlight=False)
        return
    lines = {"data": description.source}
    if best and trained.best_epoch is not None:
        lines["network"] = f"the best, of step {trained.best_epoch.step:,}"
    err.print(about(**lines))
    out.print()
    out.print(
        f"[bold]{accuracy:.2%}[/] of {len(t):,} test samples are right; "
        f"mean loss {loss:.4f}"
    )
    out.print()
    few = classes <= _MOST_CLASSES
    out.print(_confusions(confusion) if few else _shares(confusion))
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    worst = [divmod(int(i), classes) for i in wrong.argsort(axis=None)[::-1][:3]]
    said = [f"{a} read as {b}: {_times(wrong[a, b])}" for a, b in worst if wrong[a, b]]
    if said:
        out.print()
        out.print("most often wrong: " + "; ".join(said))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


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


def _shares(confusion: "np.ndarray") -> Table:
    """How many of each class are right, those with the most mistakes first."""
    table = grid("is", "samples", "right", "", right=(0, 1, 2, 3))
    totals, right = confusion.sum(axis=1), confusion.diagonal()
    for label in (right - totals).argsort(kind="stable")[:_LISTED]:
        total = int(totals[label])
        share = f"{right[label] / total:.1%}" if total else "–"
        table.add_row(str(label), f"{total:,}", f"{right[label]:,}", share)
    return table
