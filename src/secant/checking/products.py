"""Hessian-vector products: slopes of a gradient along one direction."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from secant.arrays import Array
from secant.checking.point import Point, ScalarFunction, as_float64
from secant.checking.propagated import PropagatedSlopes
from secant.checking.slope_source import OneSidedSlopes, SlopeQuery, SlopeSource
from secant.propagation.coordinates import both_ways


class HessianProductSlopes(SlopeSource):
    """(∇f(x + h v) - ∇f(x)) / h to both sides, differences propagated through ∇f."""

    def __init__(
        self, f: ScalarFunction, point: Point, direction: Sequence[Array]
    ) -> None:
        """Takes `f`, a function of all leaves, and v, an array for each of floats."""
        self._point, self._direction = point, list(direction)
        self._gradient = jax.grad(f, argnums=point.real)
        of_f = PropagatedSlopes(f, point)
        self.dtype, self.axes, self.step = of_f.dtype, of_f.axes, of_f.step
        self._sides = jax.jit(self._trace)
        self._exact = jax.jit(self._product)

    def one_sided(self, query: SlopeQuery) -> OneSidedSlopes:
        """The slopes of some entries of the gradient."""
        ahead, behind = (
            as_float64(side[query.leaf]).ravel()[query.indices]
            for side in self._sides(list(query.leaves), self.step / query.shrink)
        )
        query.progress(len(query.indices))
        return OneSidedSlopes(ahead, behind, np.zeros_like(ahead))

    def exact_product(self, leaves: Sequence[Any]) -> list[np.ndarray]:
        """The product that `jax.jvp` of `jax.grad` gives."""
        return [as_float64(part) for part in self._exact(list(leaves))]

    def _trace(self, leaves: list[Any], step: Array) -> Any:
        moves: list[Any] = [None] * len(leaves)
        for i, v in zip(self._point.real, self._direction, strict=True):
            moves[i] = (step * v).astype(leaves[i].dtype)
        _, ahead, back = both_ways(lambda x: self._gradient(*x), leaves, moves)
        return [part / step for part in ahead], [-part / step for part in back]

    def _product(self, leaves: list[Any]) -> Any:
        def of_real(*real: Any) -> Any:
            return self._gradient(*self._point.with_real(real))

        real = tuple(leaves[i] for i in self._point.real)
        moves = tuple(
            v.astype(x.dtype) for v, x in zip(self._direction, real, strict=True)
        )
        return jax.jvp(of_real, real, moves)[1]
