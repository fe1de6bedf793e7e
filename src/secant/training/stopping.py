"""Early stopping: a run ends when the validation loss no longer falls."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from secant.errors import InvalidInput
from secant.history import Epoch
from secant.training.numbers import is_number, whole


@dataclass(frozen=True)
class EarlyStopping:
    """When a run has learned what it can.

    Attributes:
        patience: It ends after so many epochs in a row without a gain.
        min_delta: A gain is a validation loss that lies more than this below the
            one of the last gain.

    Raises:
        InvalidInput: A number that cannot be.

    Source:
        Prechelt 1998, *Early Stopping – But When?*; the names are Keras's.

    Example:
        >>> EarlyStopping(patience=3)
        EarlyStopping(patience=3, min_delta=0.0)
    """

    patience: int
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "patience", whole("patience", self.patience, 1))
        if not is_number(self.min_delta) or self.min_delta < 0:
            raise InvalidInput(
                f"min_delta is {self.min_delta!r}: pass a finite number, 0 or above"
            )
        object.__setattr__(self, "min_delta", float(self.min_delta))

    def last_gain(self, epochs: Iterable[Epoch], before: Epoch | None) -> Epoch | None:
        """The epoch of the last gain, where `before` was that of those before.

        The measurement before the first step is no epoch's.
        """
        gain = before
        for epoch in epochs:
            loss = epoch.validation_loss
            if epoch.step and loss is not None and loss < self._wanted(gain):
                gain = epoch
        return gain

    def _wanted(self, gain: Epoch | None) -> float:
        if gain is None or gain.validation_loss is None:
            return np.inf
        return gain.validation_loss - self.min_delta


def find_stopping(
    early_stopping: int | EarlyStopping | None, validation_split: float | None
) -> EarlyStopping | None:
    """When a run is to stop early, as `fit` is told it.

    Raises:
        InvalidInput: A patience that cannot be, or no samples are held back.
    """
    if early_stopping is None:
        return None
    if validation_split is None:
        raise InvalidInput(
            "early_stopping needs samples that are neither trained nor tested on: what "
            "has been chosen by the test samples, they can no longer judge. Pass "
            "validation_split=0.1 as well"
        )
    if isinstance(early_stopping, EarlyStopping):
        return early_stopping
    return EarlyStopping(early_stopping)
