"""Slopes where JAX cannot enter: those of `secant.gradient`, with its error bars."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from secant.checking.slopes import Sides
from secant.checking.tree import Point, as_float64
from secant.slopes import adaptive

# How often the error bars of `secant.gradient` are taken: they hold in 95 % of cases
# and more, and here none of thousands may raise a false alarm.
_BARS = 4


class SampledSlopes:
    """Slopes from values of the function, extrapolated."""

    exact = False

    def __init__(self, f: Callable[..., Any], point: Point, *, traceable: bool) -> None:
        """Takes `f`, a function of all leaves that returns one number."""
        self._f, self._point, self.traceable = f, point, traceable
        self.dtype = np.dtype(
            max(
                (point.leaves[i].dtype for i in point.real),
                key=lambda dtype: float(jnp.finfo(dtype).eps),
            )
        )
        self.axes = frozenset(
            length for leaf in point.leaves for length in np.shape(leaf)
        )
        self.step = float(np.sqrt(jnp.finfo(self.dtype).eps))

    def each(
        self,
        leaf: int,
        indices: np.ndarray,
        *,
        shrink: float = 1.0,
        leaves: Sequence[Any] | None = None,
        tell: Callable[[int], object] = lambda done: None,
    ) -> Sides:
        """The slopes along some coordinates; one-sided if `shrink` is not 1."""
        if not len(indices):
            return Sides(*np.zeros((3, 0)))
        here = list(self._point.leaves if leaves is None else leaves)
        place = self._point.real[leaf]
        array, single = here[place], np.ndim(here[place]) == 0
        flat = as_float64(array).ravel()

        def value(part: np.ndarray) -> float:
            whole = flat.copy()
            whole[indices] = part
            moved = whole.reshape(np.shape(array)).astype(array.dtype)
            if not isinstance(array, np.ndarray):
                moved = jnp.asarray(moved)
            here[place] = moved[()] if single else moved
            return float(self._f(*here))

        if shrink == 1:
            found = adaptive.gradient(value, flat[indices])
            tell(len(indices))
            return Sides(found.value, found.value, _BARS * found.error)
        ahead = adaptive.gradient(value, flat[indices], method="forward")
        behind = adaptive.gradient(value, flat[indices], method="backward")
        return Sides(ahead.value, behind.value, _BARS * (ahead.error + behind.error))
