"""Hessian-vector products: the slopes of a gradient along one direction."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from secant.arrays import Array
from secant.checking.point import Point, Scalar, as_float64
from secant.checking.propagated import CarriedSlopes
from secant.checking.slope_source import Question, Sides, Slopes
from secant.propagation.coordinates import both_ways


class ProductSlopes(Slopes):
    """(∇f(x + h v) - ∇f(x)) / h to both sides, the differences carried through ∇f."""

    def __init__(self, f: Scalar, point: Point, direction: Sequence[Array]) -> None:
        """Takes `f`, a function of all leaves, and v, an array for each of floats."""
        self._point, self._direction = point, list(direction)
        self._gradient = jax.grad(f, argnums=point.real)
        of_f = CarriedSlopes(f, point)
        self.dtype, self.axes, self.step = of_f.dtype, of_f.axes, of_f.step
        self._sides = jax.jit(self._trace)
        self._exact = jax.jit(self._product)

    def each(self, asked: Question) -> Sides:
        """The slopes of some entries of the gradient."""
        ahead, behind = (
            as_float64(side[asked.leaf]).ravel()[asked.indices]
            for side in self._sides(list(asked.leaves), self.step / asked.shrink)
        )
        asked.tell(len(asked.indices))
        return Sides(ahead, behind, np.zeros_like(ahead))

    def exact_product(self, leaves: Sequence[Any]) -> list[np.ndarray]:
        """What `jax.jvp` of `jax.grad` gives."""
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
