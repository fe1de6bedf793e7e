"""Reports: a task before its run, the result after it, and tables of classes."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from secant.cli.console import err, labelled_lines, out, plain_table, warn
from secant.cli.signals import signal_name
from secant.cli.train_task import Task

if TYPE_CHECKING:
    import numpy as np

    from secant.cli.agreement import Agreement
    from secant.history import Epoch
    from secant.training import Run

# The steps of the textbook's run, for the forecast of the definition.
_TEXTBOOK_STEPS = 10_000

# Data that `secant evaluate` uses by default.
_DEFAULT_DATA = ("auto", "mnist", "sample")

# The largest relative difference between the definition and backprop that the
# truncation error of h = 1e-4 explains.
_MAX_DIFFERENCE = 1e-5

# The most classes in a table; of more, it lists those with the most mistakes.
MAX_LISTED_CLASSES = 20


def print_task(task: Task) -> None:
    """Print the data and the network of a task, and warnings about the classes."""
    from secant.data.labels import class_warnings

    train, test = _class_counts(task)
    err.print(
        labelled_lines(
            data=task.metadata.data_name,
            classes=f"{class_sizes_text(train)} training samples each",
            network=repr(task.net).strip("<>"),
        )
    )
    for sentence in class_warnings(train, test):
        warn(sentence)


def print_report(
    run: "Run", task: Task, folder: Path, data: str, agreement: "Agreement | None"
) -> None:
    """Print the result of a run, its folder, and the next commands."""
    from secant.training.forecast import duration

    taken, requested = len(run.losses), run.settings.iterations
    if run.status == "interrupted":
        warn(
            f"stopped by {signal_name()} after {taken:,} of {requested:,} steps; "
            f"saved in {folder}; to continue: "
            f"secant train --resume {shlex.quote(str(folder))}"
        )
    timings = run.timings
    out.print()
    if run.status == "stopped early":
        out.print(_stopped_early(run))
        out.print()
    out.print(_scores(run.history.epochs[-1]))
    out.print()
    where = shlex.quote(str(folder))
    best = run.best_epoch
    if best is not None and best.validation_accuracy is not None:
        out.print(f"{_best(best)}: secant evaluate {escape(where)} --best")
        out.print()
    _print_classes(run, task)
    out.print(
        f"{taken:,} steps in {duration(timings.training)}, plus "
        f"{duration(timings.preparation)} of preparation and "
        f"{duration(timings.evaluation)} of measurements"
    )
    if agreement is not None and agreement.worst is not None:
        time = duration(_TEXTBOOK_STEPS * timings.training / max(taken, 1))
        out.print(f"{_TEXTBOOK_STEPS:,} such steps would take about {time}")
        verb = "agree with" if agreement.worst < _MAX_DIFFERENCE else "differ from"
        out.print(
            f"its gradients {verb} backprop's to {agreement.worst:.1e} "
            "(relative, the worst step)"
        )
    out.print(f"saved in [bold]{escape(str(folder))}[/]: look at training.png")
    commands = [f"secant evaluate {where}"]
    if data not in _DEFAULT_DATA:
        commands[0] += f" --data {shlex.quote(data)}"
    if run.net.architecture.sizes[0] == 784:
        commands.insert(0, f"secant predict {where} IMAGE")
    for prefix, command in zip(("next: ", "      "), commands, strict=False):
        out.print(prefix + escape(command))


def _stopped_early(run: "Run") -> str:
    stopping, epochs = run.settings.early_stopping, run.history.epochs
    assert stopping is not None
    improvement = stopping.last_improvement(epochs, None)
    since = f"since step {improvement.step:,}" if improvement else "from the start"
    return (
        f"[bold]stopped early[/] after {len(run.losses):,} of "
        f"{run.settings.iterations:,} steps: the validation loss has not fallen "
        f"{since}"
    )


def _print_classes(run: "Run", task: Task) -> None:
    """Print the accuracy of each class, if the classes are unbalanced."""
    from secant.data.labels import balanced_accuracy, class_counts, class_warnings

    train, test = _class_counts(task)
    if not class_warnings(train, test) or not test.sum():
        return
    x, t = task.samples[1]
    right = class_counts(t[run.net.predict(x).argmax(axis=1) == t], len(test))
    out.print(class_table({"train": train, "test": test}, right))
    out.print()
    out.print(
        f"balanced accuracy, in which each class counts equally: "
        f"{balanced_accuracy(right, test):.2%}"
    )
    out.print()


def _best(epoch: "Epoch") -> str:
    name = f"the best network, of step {epoch.step:,}, is right on"
    scores = [f"{epoch.validation_accuracy:.2%} of the validation samples"]
    if epoch.test_accuracy is not None:
        scores.append(f"{epoch.test_accuracy:.2%} of the test samples")
    return f"{name} {' and '.join(scores)}"


def _scores(epoch: "Epoch") -> Table:
    """Loss and accuracy on each set of samples."""
    table = plain_table("", "loss", "accuracy", right=(1, 2))
    scores = epoch._asdict()
    for name in ("train", "validation", "test"):
        loss, accuracy = scores[f"{name}_loss"], scores[f"{name}_accuracy"]
        if loss is not None:
            table.add_row(name, f"{loss:.4f}", f"{accuracy:.2%}")
    return table


def _class_counts(task: Task) -> "tuple[np.ndarray, np.ndarray]":
    """The number of training and of test samples of each class."""
    from secant.data.labels import class_counts

    classes = task.net.architecture.sizes[-1]
    (_, t_train), (_, t_test) = task.samples
    return class_counts(t_train, classes), class_counts(t_test, classes)


# Tables of classes


def class_sizes_text(counts: "np.ndarray") -> str:
    """The sizes of the classes in a phrase: `10 classes of 357 to 450`."""
    least, most = int(counts.min()), int(counts.max())
    each = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"{len(counts):,} classes of {each}"


def class_table(
    counts: "Mapping[str, np.ndarray]", right: "np.ndarray | None" = None
) -> Table:
    """A row for each class, or for the `MAX_LISTED_CLASSES` with the most mistakes.

    Args:
        counts: The number of samples of each class, (classes,), by the name of the
            part. `right` belongs to the last part.
        right: The number of right samples of each class; without it the table has no
            such column.
    """
    parts = list(counts.values())
    heads = ["class", *counts, *(["right", ""] if right is not None else [])]
    table = plain_table(*heads, right=tuple(range(len(heads))))
    for label in _order(parts[-1], right):
        cells = [str(label), *(f"{int(part[label]):,}" for part in parts)]
        if right is not None:
            total = int(parts[-1][label])
            share = f"{right[label] / total:.1%}" if total else "–"
            cells += [f"{int(right[label]):,}", share]
        table.add_row(*cells)
    return table


def _order(samples: "np.ndarray", right: "np.ndarray | None") -> list[int]:
    if right is None or len(samples) <= MAX_LISTED_CLASSES:
        return list(range(len(samples)))
    return [
        int(c) for c in (right - samples).argsort(kind="stable")[:MAX_LISTED_CLASSES]
    ]
