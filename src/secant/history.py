"""What a run was like: the loss of every step, the accuracy of every epoch."""

import csv
import io
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import NamedTuple, Self

import numpy as np

from secant.errors import DataError


class Epoch(NamedTuple):
    """How good the network was at a step, on all samples.

    Attributes:
        step: How many steps had been taken.
        train_loss: Mean loss over the training samples.
        train_accuracy: Share of training samples that are right, 0 to 1.
        test_loss: The same of the test samples; None if there are none.
        test_accuracy: The same.
    """

    step: int
    train_loss: float
    train_accuracy: float
    test_loss: float | None
    test_accuracy: float | None


_COLUMNS = ("step", "loss", *Epoch._fields[1:])


@dataclass(frozen=True)
class History:
    """The course of a run.

    Attributes:
        losses: The loss of each step's batch before its update, (steps,), float64.
        epochs: How good the network was: before the first step, after each
            epoch and at the end.
    """

    losses: np.ndarray
    epochs: tuple[Epoch, ...]

    def to_csv(self) -> str:
        """A table with a row for each step.

        Row `step` has the loss that step `step` saw (the last row, after all
        steps, has none) and, where an epoch ended, how good the network was
        before it. Numbers are written so that they read back exactly.
        """
        text = io.StringIO(newline="")
        write = csv.writer(text, lineterminator="\n").writerow
        write(_COLUMNS)
        measured = {epoch.step: epoch[1:] for epoch in self.epochs}
        for step in range(len(self.losses) + 1):
            loss = repr(float(self.losses[step])) if step < len(self.losses) else ""
            scores = measured.get(step, ("",) * 4)
            write([step, loss, *("" if score is None else score for score in scores)])
        return text.getvalue()

    @classmethod
    def from_csv(cls, text: str, name: str = "history.csv") -> Self:
        """The history that `to_csv` wrote.

        Raises:
            DataError: The table is another one or damaged; the message names the
                line.
        """
        rows = csv.reader(io.StringIO(text, newline=""))
        losses: list[float] = []
        epochs: list[Epoch] = []
        step, row = -1, list[str]()
        try:
            if tuple(next(rows, [])) != _COLUMNS:
                raise DataError(
                    f"{name}, line 1: these are not the columns of a history, "
                    f"{','.join(_COLUMNS)}: was the file changed?"
                )
            for step, (row, below) in enumerate(pairwise(chain(rows, [[]]))):
                number, loss, *scores = row
                if int(number) != step or len(scores) != 4:
                    raise ValueError
                if loss:
                    losses.append(float(loss))
                elif below:  # only the last row, after all steps, has none
                    raise ValueError
                if scores[0]:
                    train, test = (
                        map(float, scores[:2]),
                        (float(score) if score else None for score in scores[2:]),
                    )
                    epochs.append(Epoch(step, *train, *test))
        except csv.Error as error:
            raise DataError(
                f"{name}, line {rows.line_num}: {error}: was the file changed?"
            ) from None
        except ValueError as error:
            if isinstance(error, DataError):
                raise
            raise DataError(
                f"{name}, line {step + 2}: {','.join(row)[:60]!r} is no step of a "
                "history: was the file changed?"
            ) from None
        return cls(np.array(losses), tuple(epochs))
