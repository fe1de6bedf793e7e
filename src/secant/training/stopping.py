"""Early stopping: a run ends when the validation loss no longer falls."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from secant.errors import InvalidInput
from secant.history import Epoch


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
        patience = self.patience
        if not isinstance(patience, int) or isinstance(patience, bool) or patience < 1:
            raise InvalidInput(
                f"patience is {patience!r}: pass so many epochs, a whole number, 1 or "
                "above"
            )
        if (
            isinstance(self.min_delta, bool)
            or not isinstance(self.min_delta, int | float | np.number)
            or not 0 <= self.min_delta < np.inf
        ):
            raise InvalidInput(
                f"min_delta is {self.min_delta!r}: pass a finite number, 0 or above"
            )

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
