"""The comparison of a repeated run with the first one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from secant.training.run import Run


@dataclass(frozen=True)
class RunComparison:
    """The differences between two runs.

    Attributes:
        same: Whether all weights, losses and measurements are equal, bit for bit.
        first_difference: The first step with another loss; None without one.
        max_loss_difference: The largest difference between losses of the same step.
        max_weight_difference: The largest difference between weights.
    """

    same: bool
    first_difference: int | None
    max_loss_difference: float
    max_weight_difference: float


def compare_runs(first: Run, second: Run) -> RunComparison:
    """Compares a run with its repetition.

    Args:
        first: The run.
        second: The same run, repeated for as many steps.

    Example:
        >>> from secant import MLP, fit
        >>> net, data = MLP((2, 3, 2), init="he"), ([[0.0, 1.0], [1.0, 0.0]], [0, 1])
        >>> runs = [fit(net, data, iterations=9, batch_size=2) for _ in range(2)]
        >>> compare_runs(*runs).same
        True
    """
    steps = min(len(first.losses), len(second.losses))
    differ = first.losses[:steps] != second.losses[:steps]
    difference = int(np.argmax(differ)) if differ.any() else None
    weights = _max_difference(first.net.params, second.net.params)
    same = (
        difference is None
        and weights == 0
        and len(first.losses) == len(second.losses)
        and first.history.epochs == second.history.epochs
    )
    losses = np.abs(first.losses[:steps] - second.losses[:steps])
    return RunComparison(same, difference, float(losses.max(initial=0.0)), weights)


def _max_difference(
    first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]
) -> float:
    return max(float(np.abs(first[name] - second[name]).max()) for name in first)
