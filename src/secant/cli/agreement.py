"""How far the steps of a run are from those of backpropagation."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from secant.architecture import Architecture
from secant.gradients import backprop
from secant.training import Progress
from secant.training.batches import Batches


class Agreement:
    """A callback that compares each step's gradient with backprop's.

    A step of plain SGD subtracts rate × gradient, so the weights before and after
    it tell the gradient that was used: `g = (before - after) / rate`. Backprop is
    asked for the same weights and batch, in float64.

    Attributes:
        worst: The largest relative difference of a step so far,
            ‖g - g_backprop‖ / ‖g_backprop‖; None before the first step.
    """

    def __init__(
        self,
        architecture: Architecture,
        train: tuple[np.ndarray, np.ndarray],
        batches: Batches,
        learning_rate: float,
    ) -> None:
        """Keeps what a step depends on."""
        self._architecture = architecture
        self._train = train
        self._batches = batches
        self._rate = learning_rate
        self._before: Mapping[str, Any] = {}
        self._step = 0
        self.worst: float | None = None

    def __call__(self, progress: Progress) -> None:
        """Takes the weights of each step in turn."""
        if progress.step == self._step + 1:
            difference = self._difference(progress.params)
            self.worst = max(difference, self.worst or 0.0)
        self._before, self._step = progress.params, progress.step

    def _difference(self, after: Mapping[str, Any]) -> float:
        x, t = self._train
        rows = self._batches.indices(self._step, self._step + 1)[0]
        batch = self._architecture.as_batch(x[rows].astype(np.float64), t[rows])
        _, expected = backprop(self._architecture, self._before, *batch)
        used = {
            name: (self._before[name] - value) / self._rate
            for name, value in after.items()
        }
        apart = sum(np.sum((used[n] - expected[n]) ** 2) for n in used)
        return float(np.sqrt(apart / sum(np.sum(g**2) for g in expected.values())))
