"""History of a run: the loss of every step, the accuracy of every epoch."""

import csv
import io
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, NamedTuple, Self

import numpy as np

from secant.errors import DataError

__all__ = ["Epoch", "History"]


class Epoch(NamedTuple):
    """Loss and accuracy of the network after a number of steps, on all samples.

    Attributes:
        step: The number of steps so far.
        train_loss: Mean loss over the training samples.
        train_accuracy: Share of the training samples that are right, 0 to 1.
        test_loss: Mean loss over the test samples; None without test samples.
        test_accuracy: Share of the test samples that are right, or None.
        validation_loss: Mean loss over the validation samples, which are set apart
            from the training samples; None without them.
        validation_accuracy: Share of the validation samples that are right, or None.
    """

    step: int
    train_loss: float
    train_accuracy: float
    test_loss: float | None
    test_accuracy: float | None
    validation_loss: float | None = None
    validation_accuracy: float | None = None

    @property
    def judged(self) -> tuple[float, str]:
        """The accuracy that selects the best network, and the name of its samples.

        It is the accuracy on the validation samples if there are any, else on the test
        samples, else on the training samples.

        Example:
            >>> Epoch(0, 2.3, 0.1, 2.3, 0.15).judged
            (0.15, 'test')
        """
        if self.validation_accuracy is not None:
            return self.validation_accuracy, "validation"
        if self.test_accuracy is not None:
            return self.test_accuracy, "test"
        return self.train_accuracy, "train"


_SCORES = ("train_loss", "train_accuracy")
_VALIDATION = ("validation_loss", "validation_accuracy")
_TEST = ("test_loss", "test_accuracy")
_COLUMNS: tuple[str, ...] = ("step", "loss", *_SCORES, *_TEST)
_WITH_VALIDATION: tuple[str, ...] = ("step", "loss", *_SCORES, *_VALIDATION, *_TEST)


@dataclass(frozen=True)
class History:
    """The losses and the epochs of a run.

    Attributes:
        losses: The loss of each step's batch before its update, (steps,), float64.
        epochs: The measurements before the first step, after each epoch and at the
            end.
    """

    losses: np.ndarray
    epochs: tuple[Epoch, ...]

    def to_csv(self) -> str:
        """A table with a row for each step.

        Row `step` has the loss of the batch of step `step` (the last row, after all
        steps, has none). If an epoch ended before this step, the row also has its
        measurements. Numbers read back exactly. Validation has columns if there are
        validation samples.
        """
        text = io.StringIO(newline="")
        validated = any(epoch.validation_loss is not None for epoch in self.epochs)
        columns = _WITH_VALIDATION if validated else _COLUMNS
        table = csv.DictWriter(
            text, columns, extrasaction="ignore", lineterminator="\n"
        )
        table.writeheader()
        measured = {epoch.step: epoch._asdict() for epoch in self.epochs}
        for step in range(len(self.losses) + 1):
            loss = repr(float(self.losses[step])) if step < len(self.losses) else ""
            table.writerow({**measured.get(step, {}), "step": step, "loss": loss})
        return text.getvalue()

    @classmethod
    def from_csv(cls, text: str, name: str = "history.csv") -> Self:
        """The history from a table of `to_csv`.

        Raises:
            DataError: The table is not a history or is damaged; the message names the
                line.
        """
        rows = csv.reader(io.StringIO(text, newline=""))
        losses: list[float] = []
        epochs: list[Epoch] = []
        step, row = -1, list[str]()
        try:
            columns = tuple(next(rows, []))
            if columns not in (_COLUMNS, _WITH_VALIDATION):
                raise DataError(
                    f"{name}, line 1: these are not the columns of a history, "
                    f"{','.join(_COLUMNS)}: was the file changed?"
                )
            for step, (row, below) in enumerate(pairwise(chain(rows, [[]]))):
                number, loss, *scores = row
                if int(number) != step or len(row) != len(columns):
                    raise ValueError
                if loss:
                    losses.append(float(loss))
                elif below:  # only the last row, after all steps, has no loss
                    raise ValueError
                if scores[0]:
                    cells = zip(columns[2:], scores, strict=True)
                    measured = {name: _score(name, score) for name, score in cells}
                    epochs.append(Epoch(step=step, **measured))
        except csv.Error as error:
            raise DataError(
                f"{name}, line {rows.line_num}: {error}: was the file changed?"
            ) from None
        except ValueError as error:
            if isinstance(error, DataError):
                raise
            raise DataError(
                f"{name}, line {step + 2}: {','.join(row)[:60]!r} is not a step of a "
                "history: was the file changed?"
            ) from None
        return cls(np.array(losses), tuple(epochs))


def _score(column: str, score: str) -> Any:
    # A quantity without a measurement is empty; training scores are never empty.
    return None if not score and column not in _SCORES else float(score)
