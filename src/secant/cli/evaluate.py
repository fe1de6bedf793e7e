"""`secant evaluate`: accuracy and mistakes of a run's network."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from secant.cli.console import (
    command_errors,
    err,
    fail,
    labelled_lines,
    out,
    plain_table,
    warn,
)
from secant.cli.reports import class_sizes_text, class_table
from secant.cli.train_task import BestNetwork

if TYPE_CHECKING:
    import numpy as np

# The most classes whose confusion matrix fits 80 columns.
_MAX_MATRIX_CLASSES = 10


@command_errors
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

    from secant.data.labels import balanced_accuracy, class_warnings, recalls
    from secant.data.load import load_data_set
    from secant.training import Run

    trained = Run.load(run, best=best)
    net = trained.net
    (_, (x, t)), description = load_data_set(data)
    inputs, *_, classes = net.architecture.sizes
    if x.shape[1] != inputs or t.max() >= classes:
        fail(
            f"{run} takes samples of {inputs} numbers and {classes} classes, and "
            f"{description.name} has {x.shape[1]} numbers and {int(t.max()) + 1} "
            "classes: pass the --data of its training"
            + (f" ({trained.data_name})" if trained.data_name else "")
        )
    scores = net.scores(x)
    guesses = scores.argmax(axis=1)
    confusion = np.zeros((classes, classes), int)
    np.add.at(confusion, (t, guesses), 1)
    accuracy, loss = float(np.mean(guesses == t)), float(net.loss(x, t))
    samples, right = confusion.sum(axis=1), confusion.diagonal()
    balanced = balanced_accuracy(right, samples)
    if as_json:
        answer = {
            "data": description.source,
            "samples": len(t),
            "accuracy": accuracy,
            "balanced_accuracy": balanced,
            "recall": [
                float(share) if total else None
                for share, total in zip(recalls(right, samples), samples, strict=True)
            ],
            "loss": loss,
            "confusion": confusion.tolist(),
        }
        out.out(json.dumps(answer), highlight=False)
        return
    lines = {"data": description.source}
    if best and trained.best_epoch is not None:
        lines["network"] = f"the best, of step {trained.best_epoch.step:,}"
    err.print(labelled_lines(**lines))
    for sentence in class_warnings(test=samples):
        warn(sentence)
    out.print()
    out.print(
        f"[bold]{accuracy:.2%}[/] of {len(t):,} test samples are right; "
        f"mean loss {loss:.4f}"
    )
    if len(set(samples)) > 1:
        out.print(
            f"{balanced:.2%} is the balanced accuracy: {class_sizes_text(samples)} "
            "samples count equally"
        )
    out.print()
    show_matrix = classes <= _MAX_MATRIX_CLASSES
    if show_matrix:
        out.print(_confusion_table(confusion))
    if show_matrix and class_warnings(samples):
        out.print()
    if not show_matrix or class_warnings(samples):
        out.print(class_table({"samples": samples}, right))
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    worst = [divmod(int(i), classes) for i in wrong.argsort(axis=None)[::-1][:3]]
    mistakes = [
        f"{a} read as {b}: {_times(wrong[a, b])}" for a, b in worst if wrong[a, b]
    ]
    if mistakes:
        out.print()
        out.print("most frequent mistakes: " + "; ".join(mistakes))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _confusion_table(confusion: "np.ndarray") -> Table:
    """The confusion matrix, with the accuracy of each class."""
    classes = len(confusion)
    heads = ["is \\ read as", *map(str, range(classes)), "right"]
    table = plain_table(*heads, right=tuple(range(1, classes + 2)))
    for label, row in enumerate(confusion):
        total = int(row.sum())
        cells = [
            f"[bold]{n}[/]" if guess == label else (str(n) if n else "[dim]·[/]")
            for guess, n in enumerate(row)
        ]
        share = f"{row[label] / total:.1%}" if total else "–"
        table.add_row(str(label), *cells, share)
    return table
