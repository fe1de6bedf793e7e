"""Early stopping: a run ends when the validation loss no longer falls."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from secant.history import Epoch
from secant.validation import RealNumber, WholeNumber, validate_fields


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
        validate_fields(self, patience=WholeNumber(low=1), min_delta=RealNumber(low=0))

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
