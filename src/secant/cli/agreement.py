"""How far a method's gradients are from those of backpropagation."""

from dataclasses import replace
from typing import Any

import numpy as np

from secant.arrays import Array
from secant.nn.architecture import Architecture, Params
from secant.nn.gradients import METHODS, GradientMethod


class Agreement:
    """A gradient method that is compared with backprop at each step.

    Backprop is asked for the same weights and batch, in float64; that costs as much
    as a few runs of the network, where the definition needs two for every weight.

    Attributes:
        method: The method, to be passed to `fit` in the other's place.
        worst: The largest relative difference of a step so far,
            ‖g - g_backprop‖ / ‖g_backprop‖; None before the first step.
    """

    def __init__(self, method: GradientMethod) -> None:
        """Stands beside a method that runs in NumPy, step by step."""
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
        # In float64, as the definition computes: float32 would be the difference.
        x, t = np.asarray(x, np.float64), np.asarray(t, np.float64)
        _, expected = METHODS["backprop"](architecture, params, x, t)
        apart = sum(float(np.sum((gradients[n] - expected[n]) ** 2)) for n in expected)
        size = sum(float(np.sum(g**2)) for g in expected.values())
        # Where the gradient is 0 there is nothing to be relative to.
        difference = float(np.sqrt(apart / size if size else apart))
        self.worst = max(difference, self.worst or 0.0)
        return loss, dict(gradients)
