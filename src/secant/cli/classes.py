"""Tables of classes: the samples of each class, and how many of them are right."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.table import Table

from secant.cli.console import plain_table

if TYPE_CHECKING:
    import numpy as np

# The most classes in a table; of more, it lists those with the most mistakes.
MAX_LISTED = 20


def class_sizes_text(counts: "np.ndarray") -> str:
    """The sizes of the classes in a phrase: `10 classes of 357 to 450`."""
    least, most = int(counts.min()), int(counts.max())
    each = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"{len(counts):,} classes of {each}"


def class_table(
    counts: "Mapping[str, np.ndarray]", right: "np.ndarray | None" = None
) -> Table:
    """A row for each class, or for the `MAX_LISTED` with the most mistakes.

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
    if right is None or len(samples) <= MAX_LISTED:
        return list(range(len(samples)))
    return [int(c) for c in (right - samples).argsort(kind="stable")[:MAX_LISTED]]
