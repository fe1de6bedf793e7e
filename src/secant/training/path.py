"""Where a run went: its weights, kept every few steps."""

from collections.abc import Mapping

import numpy as np

from secant.training.loop import Progress
from secant.validation import WholeNumber, validate


class RecordPath:
    """A callback of `fit` that keeps copies of the weights on the way.

    `fit` calls back at the start, about ten times a second, at the end of each epoch
    and at the end. When `most` sets of weights are kept, every second one is dropped
    and from then on every second call, every fourth …, so that memory is bounded and
    the path stays evenly covered. The first and the latest are always kept.

    Args:
        most: Sets of weights to keep at most, 3 or above: 50 of the notebook's
            network are 8 MB.

    Attributes:
        steps: How many steps had been taken at each.
        params: The weights at each, dicts of arrays.

    Raises:
        InvalidInput: `most` is no whole number of 3 or above.

    Example:
        >>> from secant import MLP, fit
        >>> path = RecordPath()
        >>> net, data = MLP((2, 3, 2), init="he"), ([[0.0, 1.0], [1.0, 0.0]], [0, 1])
        >>> run = fit(net, data, iterations=20, batch_size=2, callbacks=[path])
        >>> path.steps[0], path.steps[-1], sorted(path.params[-1])
        (0, 20, ['W1', 'W2', 'b1', 'b2'])
    """

    def __init__(self, most: int = 50) -> None:
        self.most = validate("most", most, WholeNumber(low=3))
        self.steps: list[int] = []
        self.params: list[dict[str, np.ndarray]] = []
        self._stride, self._heard = 1, 0

    def __call__(self, progress: Progress) -> None:
        """Keeps the weights, if it is their turn or there are none later yet."""
        # The latest is kept for now; where it was not its turn, the next takes its
        # place.
        if self._heard > 1 and (self._heard - 1) % self._stride:
            self.steps.pop()
            self.params.pop()
        self.steps.append(progress.step)
        self.params.append(_copy(progress.params))
        if len(self.steps) > self.most:
            self._thin()
        self._heard += 1

    def _thin(self) -> None:
        """Drops every second of those whose turn it was, not the latest."""
        self._stride *= 2
        last = (self.steps[-1], self.params[-1])
        in_turn = self._heard % self._stride == 0
        kept = slice(0, None, 2) if in_turn else slice(0, -1, 2)
        self.steps, self.params = self.steps[kept], self.params[kept]
        if not in_turn:
            self.steps.append(last[0])
            self.params.append(last[1])


def _copy(params: Mapping[str, object]) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in params.items()}
