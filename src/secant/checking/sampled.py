"""Slopes where JAX cannot enter: those of `secant.gradient`, with its error bars."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from secant.checking.slopes import Question, Sides, Slopes
from secant.checking.tree import Point, as_float64, coarsest, in_kind_of
from secant.derivatives import derivatives

# How often the error bars of `secant.gradient` are taken: they hold in 95 % of cases
# and more, and here none of thousands may raise a false alarm.
_BARS = 4


class SampledSlopes(Slopes):
    """Slopes from values of the function, extrapolated."""

    exact = False

    def __init__(self, f: Callable[..., Any], point: Point, *, traceable: bool) -> None:
        """Takes `f`, a function of all leaves that returns one number."""
        self._f, self._point, self.traceable = f, point, traceable
        self.dtype = coarsest(point.leaves[i].dtype for i in point.real)
        self.axes = frozenset(
            length for leaf in point.leaves for length in np.shape(leaf)
        )
        self.step = float(np.sqrt(jnp.finfo(self.dtype).eps))

    def each(self, asked: Question) -> Sides:
        """The slopes along some coordinates; one-sided if `shrink` is not 1."""
        indices, here = asked.indices, list(asked.leaves)
        if not len(indices):
            return Sides(*np.zeros((3, 0)))
        place = self._point.real[asked.leaf]
        array, single = here[place], np.ndim(here[place]) == 0
        flat = as_float64(array).ravel()

        def value(part: np.ndarray) -> float:
            whole = flat.copy()
            whole[indices] = part
            moved = whole.reshape(np.shape(array)).astype(array.dtype)
            moved = in_kind_of(array, moved)
            here[place] = moved[()] if single else moved
            return float(self._f(*here))

        if asked.shrink == 1:
            found = derivatives.gradient(value, flat[indices])
            asked.tell(len(indices))
            return Sides(found.value, found.value, _BARS * found.error)
        ahead = derivatives.gradient(value, flat[indices], method="forward")
        behind = derivatives.gradient(value, flat[indices], method="backward")
        return Sides(ahead.value, behind.value, _BARS * (ahead.error + behind.error))
