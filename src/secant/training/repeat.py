"""Whether a run that was done again came out the same."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from secant.training.run import Run


@dataclass(frozen=True)
class Repetition:
    """A run beside the one that it repeats.

    Attributes:
        same: Whether all weights, losses and measurements are equal, bit for bit.
        apart_from: The first step whose loss differs; None if none does.
        loss_apart: By how much the losses of all steps differ at most.
        weights_apart: By how much weights differ at most.
    """

    same: bool
    apart_from: int | None
    loss_apart: float
    weights_apart: float


def compared(before: Run, again: Run) -> Repetition:
    """How a repeated run compares with the first.

    Args:
        before: The run.
        again: The same, done again for as many steps.

    Example:
        >>> from secant import MLP, fit
        >>> net, data = MLP((2, 3, 2), init="he"), ([[0.0, 1.0], [1.0, 0.0]], [0, 1])
        >>> runs = [fit(net, data, iterations=9, batch_size=2) for _ in range(2)]
        >>> compared(*runs).same
        True
    """
    steps = min(len(before.losses), len(again.losses))
    differ = before.losses[:steps] != again.losses[:steps]
    first = int(np.argmax(differ)) if differ.any() else None
    weights = _apart(before.net.params, again.net.params)
    same = (
        first is None
        and weights == 0
        and len(before.losses) == len(again.losses)
        and before.history.epochs == again.history.epochs
    )
    losses = np.abs(before.losses[:steps] - again.losses[:steps])
    return Repetition(same, first, float(losses.max(initial=0.0)), weights)


def _apart(some: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> float:
    return max(float(np.abs(some[name] - others[name]).max()) for name in some)
