"""The agreement of a method's gradients with those of backpropagation."""

from dataclasses import replace
from typing import Any

import numpy as np

from secant.arrays import Array
from secant.nn.architecture import Architecture, Params
from secant.nn.gradients import METHODS, GradientMethod


class Agreement:
    """A gradient method that is compared with backprop at each step.

    Backprop gets the same weights and batch, in float64. It costs as much as a few runs
    of the network; the definition needs two runs for every weight.

    Attributes:
        method: The method with the comparison, which replaces the original in `fit`.
        worst: The largest relative difference of a step so far,
            ‖g - g_backprop‖ / ‖g_backprop‖; None before the first step.
    """

    def __init__(self, method: GradientMethod) -> None:
        """Wraps a method that runs in NumPy, step by step."""
        self._function = method.function
        self.method = replace(method, function=self._compared)
        self.worst: float | None = None

    def _compared(
        self,
        architecture: Architecture,
        params: Params,
        x: Array,
        t: Array,
        key: Array | None = None,
        /,
        **options: Any,
    ) -> tuple[Array, dict[str, Array]]:
        loss, gradients = self._function(architecture, params, x, t, key, **options)
        # In float64, like the definition: float32 would be most of the difference.
        x, t = np.asarray(x, np.float64), np.asarray(t, np.float64)
        _, expected = METHODS["backprop"](architecture, params, x, t)
        error = sum(float(np.sum((gradients[n] - expected[n]) ** 2)) for n in expected)
        size = sum(float(np.sum(g**2)) for g in expected.values())
        # A gradient of 0 has no relative difference, so it is absolute there.
        difference = float(np.sqrt(error / size if size else error))
        self.worst = max(difference, self.worst or 0.0)
        return loss, dict(gradients)
