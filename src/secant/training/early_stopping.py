"""Early stopping: a run ends when its validation loss no longer falls."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from secant.history import Epoch
from secant.validation import RealNumber, WholeNumber, validate_fields


@dataclass(frozen=True)
class EarlyStopping:
    """The rule that ends a run early.

    Attributes:
        patience: The run ends after this number of epochs in a row without an
            improvement.
        min_delta: An improvement is a validation loss that is lower than that of the
            last improvement by more than this.

    Raises:
        InvalidInput: A number is out of its range.

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

    def last_improvement(
        self, epochs: Iterable[Epoch], before: Epoch | None
    ) -> Epoch | None:
        """The epoch of the last improvement, or `before`, that of the earlier epochs.

        The measurement before the first step is not an epoch.
        """
        improvement = before
        for epoch in epochs:
            loss = epoch.validation_loss
            if epoch.step and loss is not None and loss < self._threshold(improvement):
                improvement = epoch
        return improvement

    def _threshold(self, improvement: Epoch | None) -> float:
        if improvement is None or improvement.validation_loss is None:
            return np.inf
        return improvement.validation_loss - self.min_delta
