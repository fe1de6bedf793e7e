"""How many samples a class has, and how many of them are right, as tables."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.table import Table

from secant.cli.console import grid

if TYPE_CHECKING:
    import numpy as np

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
