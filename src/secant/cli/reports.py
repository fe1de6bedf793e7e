"""What `secant train` says: what is about to be trained, and how it came out."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from secant.cli.console import about, err, grid, out, warn
from secant.cli.signals import by
from secant.cli.train_task import Task

if TYPE_CHECKING:
    import numpy as np

    from secant.cli.agreement import Agreement
    from secant.history import Epoch
    from secant.training import Run


# How many samples a class has, and how many of them are right, as tables.

# Of more classes, as many are listed, those with the most mistakes.
LISTED = 20


def in_words(counts: "np.ndarray") -> str:
    """How many each has, in a phrase: `10 classes of 357 to 450`."""
    least, most = int(counts.min()), int(counts.max())
    each = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"{len(counts):,} classes of {each}"


def class_table(
    counts: "Mapping[str, np.ndarray]", right: "np.ndarray | None" = None
) -> Table:
    """A row for each class, or for the `LISTED` with the most mistakes.

    Args:
        counts: How many samples it has in each part, (classes,), under the part's name;
            of the last of them `right` is told.
        right: How many of those are right; left out if not given.
    """
    parts = list(counts.values())
    heads = ["class", *counts, *(["right", ""] if right is not None else [])]
    table = grid(*heads, right=tuple(range(len(heads))))
    for label in _order(parts[-1], right):
        cells = [str(label), *(f"{int(part[label]):,}" for part in parts)]
        if right is not None:
            total = int(parts[-1][label])
            share = f"{right[label] / total:.1%}" if total else "–"
            cells += [f"{int(right[label]):,}", share]
        table.add_row(*cells)
    return table


def _order(samples: "np.ndarray", right: "np.ndarray | None") -> list[int]:
    if right is None or len(samples) <= LISTED:
        return list(range(len(samples)))
    return [int(c) for c in (right - samples).argsort(kind="stable")[:LISTED]]


# The textbook's run, which the definition is forecast for.
_TEXTBOOK = 10_000

# Data that `secant evaluate` finds by itself.
_FOUND = ("auto", "mnist", "sample")

# Above this the definition and backprop differ by more than h = 1e-4 explains.
_APART = 1e-5


def introduce(task: Task) -> None:
    """What is trained on what, and warnings about the classes."""
    from secant.data.labels import class_warnings

    train, test = _class_counts(task)
    err.print(
        about(
            data=task.metadata.data_name,
            classes=f"{in_words(train)} training samples each",
            network=repr(task.net).strip("<>"),
        )
    )
    for sentence in class_warnings(train, test):
        warn(sentence)


def report(
    run: "Run", task: Task, folder: Path, data: str, agreement: "Agreement | None"
) -> None:
    """How a run came out, where it is kept, and what can be done with it."""
    from secant.training.forecast import duration

    taken, asked_for = len(run.losses), run.settings.iterations
    if run.status == "interrupted":
        warn(
            f"stopped by {by()} after {taken:,} of {asked_for:,} steps; "
            f"kept in {folder}; to go on: "
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
    _say_classes(run, task)
    out.print(
        f"{taken:,} steps in {duration(timings.training)}, beside them "
        f"{duration(timings.preparation)} to prepare and "
        f"{duration(timings.evaluation)} to measure"
    )
    if agreement is not None and agreement.worst is not None:
        time = duration(_TEXTBOOK * timings.training / max(taken, 1))
        out.print(f"{_TEXTBOOK:,} such steps would take about {time}")
        verb = "agree with" if agreement.worst < _APART else "are apart from"
        out.print(
            f"its gradients {verb} backprop's to {agreement.worst:.1e} "
            "(relative, the worst step)"
        )
    out.print(f"kept in [bold]{escape(str(folder))}[/]: look at training.png")
    next_ones = [f"secant evaluate {where}"]
    if data not in _FOUND:
        next_ones[0] += f" --data {shlex.quote(data)}"
    if run.net.architecture.sizes[0] == 784:
        next_ones.insert(0, f"secant predict {where} IMAGE")
    for before, command in zip(("next: ", "      "), next_ones, strict=False):
        out.print(before + escape(command))


def _stopped_early(run: "Run") -> str:
    stopping, epochs = run.settings.early_stopping, run.history.epochs
    assert stopping is not None
    gain = stopping.last_gain(epochs, None)
    since = f"since step {gain.step:,}" if gain else "from the start"
    return (
        f"[bold]stopped early[/] after {len(run.losses):,} of "
        f"{run.settings.iterations:,} steps: the validation loss has not fallen "
        f"{since}"
    )


def _say_classes(run: "Run", task: Task) -> None:
    """How good the network is at each class, where they are not alike."""
    from secant.data.labels import balanced_accuracy, class_counts, class_warnings

    train, test = _class_counts(task)
    if not class_warnings(train, test) or not test.sum():
        return
    x, t = task.samples[1]
    right = class_counts(t[run.net.predict(x).argmax(axis=1) == t], len(test))
    out.print(class_table({"train": train, "test": test}, right))
    out.print()
    out.print(
        f"balanced accuracy, in which each class counts alike: "
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
    """Loss and accuracy of every set of samples that there is."""
    table = grid("", "loss", "accuracy", right=(1, 2))
    scores = epoch._asdict()
    for name in ("train", "validation", "test"):
        loss, accuracy = scores[f"{name}_loss"], scores[f"{name}_accuracy"]
        if loss is not None:
            table.add_row(name, f"{loss:.4f}", f"{accuracy:.2%}")
    return table


def _class_counts(task: Task) -> "tuple[np.ndarray, np.ndarray]":
    """How many samples of each class there are to train and to test on."""
    from secant.data.labels import class_counts

    classes = task.net.architecture.sizes[-1]
    (_, t_train), (_, t_test) = task.samples
    return class_counts(t_train, classes), class_counts(t_test, classes)
