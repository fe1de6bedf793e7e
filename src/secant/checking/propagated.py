"""Slopes along single coordinates of a function that JAX can trace.

    ahead = (f(x + h eᵢ) - f(x)) / h        behind = (f(x) - f(x - h eᵢ)) / h

Both differences are carried through `f` (`secant.propagation.coordinates`), not
subtracted, so that h can be tiny: what is left of the formula's own error is h² of the
slope, and a kink within ±h is one at x itself.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from secant.arrays import Array
from secant.checking.point import Point, Scalar, as_float64, coarsest, compiled
from secant.checking.slope_source import Question, Sides, Slopes
from secant.propagation import difference
from secant.propagation.coordinates import (
    both_ways,
    call_in_blocks,
    change_bytes,
    one_sided_slopes,
)
from secant.propagation.staging import axis_lengths, float_dtypes

# How many coordinates get a second try by subtraction, a call for each.
_FEW = 64

# How far a coordinate is nudged, relative to its size. Of float16 and its few
# exponents, small changes would be lost to underflow.
_STEPS = {"float64": 2.0**-30, "float32": 2.0**-20, "bfloat16": 2.0**-20}
_FLOAT16_STEP = 2.0**-5

# How many roundings a value that is subtracted may be off.
_VALUES_OFF = 16

# How many changes on the way may be lost to underflow, or rounded by it.
_UNDERFLOWS = 16


class CarriedSlopes(Slopes):
    """Slopes of a traced function, in blocks of coordinates and of bounded memory."""

    def __init__(self, f: Scalar, point: Point) -> None:
        """Traces `f`.

        Raises:
            MissingRule: Difference propagation cannot enter it.
            Exception: Whatever tracing raises where JAX cannot enter it.
        """
        self._f, self._point = f, point
        program = jax.make_jaxpr(f)(*point.leaves)
        # A rule that is missing shows before anything is computed.
        jax.eval_shape(
            difference(lambda leaves: f(*leaves)),
            list(point.leaves),
            [_some_change(leaf) for leaf in point.leaves],
        )
        self._program = program
        self.axes = axis_lengths(program)
        self.dtype = coarsest(
            [point.leaves[i].dtype for i in point.real] + float_dtypes(program)
        )
        self.step = _STEPS.get(self.dtype.name, _FLOAT16_STEP)

    def each(self, asked: Question) -> Sides:
        """The one-sided slopes; tells after each block how many coordinates it had."""
        leaf, indices, here = asked.leaf, asked.indices, list(asked.leaves)
        scales = self._point.scales(leaf).ravel()
        steps = self.step / asked.shrink * scales[indices]
        if not len(indices):
            return Sides(*np.zeros((3, 0)))
        ahead, behind = call_in_blocks(
            partial(self._sides, leaf, here),
            (indices, steps),
            2 * change_bytes(self._program, here[self._point.real[leaf]]),
            of=len(scales),
            progress=asked.tell,
        )
        # Below its smallest number a dtype has nothing. float16's is not small; others'
        # are counted from where compiled programs take them for 0.
        info = jnp.finfo(self.dtype)
        half = self.dtype == np.float16
        least = float(info.smallest_subnormal if half else info.smallest_normal)
        sides = Sides(ahead, behind, _UNDERFLOWS * least / steps)
        return self._subtracted(sides, asked)

    def _subtracted(self, sides: Sides, asked: Question) -> Sides:
        """The same, values subtracted where a branch that is not taken is not finite.

        No change can be carried from 0/0 on, as in `where(x == 0, 1, sin(x) / x)`.
        """
        bad = np.flatnonzero(~np.isfinite(sides.ahead + sides.behind))[:_FEW]
        if not len(bad):
            return sides
        place, unit = self._point.real[asked.leaf], float(jnp.finfo(self.dtype).eps)
        indices, leaves = asked.indices[bad], list(asked.leaves)
        steps = np.sqrt(unit) * self._point.scales(asked.leaf).ravel()[indices]
        values = compiled(_values, self._f, (0,))
        found = as_float64(
            [
                values(place, leaves, index, jnp.asarray(step, self.dtype))
                for index, step in zip(indices, steps, strict=True)
            ]
        )
        below, here, above = found.T
        with np.errstate(invalid="ignore"):
            ahead, behind = (above - here) / steps, (here - below) / steps
            error = _VALUES_OFF * unit * abs(here) / steps + abs(ahead - behind)
        return sides.replaced(bad, Sides(ahead, behind, error))

    def _sides(
        self, leaf: int, leaves: list[Any], rows: np.ndarray, steps: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The slopes ahead and behind along the coordinates of one block."""
        place = self._point.real[leaf]
        both_sides = compiled(_both_sides, self._f, (0,))

        def at(steps: np.ndarray) -> np.ndarray:
            nudges = jnp.asarray(steps, leaves[place].dtype)
            return as_float64(both_sides(place, leaves, rows, nudges))

        far = at(steps)
        if self.step != _FLOAT16_STEP:
            return far[0], far[1]
        # Such a large step needs what is left of h² taken out: Richardson (1911).
        near = at(steps / 4)
        better = near + (near.mean(0) - far.mean(0)) / 15
        return better[0], better[1]

    def along(
        self, directions: Sequence[np.ndarray], leaves: Sequence[Any] | None = None
    ) -> float:
        """The central slope along one direction through all leaves of floats."""
        here = list(self._point.leaves if leaves is None else leaves)
        moves = [
            jnp.asarray(self.step * d, self._point.leaves[i].dtype)
            for i, d in zip(self._point.real, directions, strict=True)
        ]
        by = dict(zip(self._point.real, moves, strict=True))
        return float(compiled(_to_both_sides, self._f)(here, by).mean()) / self.step


def _to_both_sides(f: Scalar, leaves: list[Any], moves: Mapping[int, Array]) -> Array:
    """f(x + move) - f(x) and f(x) - f(x - move), at least in float32."""
    dx = [moves.get(place) for place in range(len(leaves))]
    _, ahead, back = both_ways(lambda leaves: f(*leaves), leaves, dx)
    both = jnp.stack([ahead, -back])
    return both.astype(jnp.promote_types(both.dtype, jnp.float32))


def _both_sides(
    f: Scalar, place: int, leaves: list[Any], indices: Array, steps: Array
) -> Array:
    """The slopes ahead and behind along coordinates of one leaf, (2, coordinates)."""

    def of_leaf(leaf: Array) -> Array:
        return f(*leaves[:place], leaf, *leaves[place + 1 :])

    leaf = jnp.asarray(leaves[place])
    return jnp.stack(one_sided_slopes(of_leaf, leaf, indices, steps))


def _values(
    f: Scalar, place: int, leaves: list[Any], index: Array, step: Array
) -> Array:
    """What is returned below a coordinate, at it and above."""
    array = jnp.asarray(leaves[place])

    def at(by: Array) -> Array:
        moved = array.ravel().at[index].add(by.astype(array.dtype))
        return f(*leaves[:place], moved.reshape(array.shape), *leaves[place + 1 :])

    return jnp.stack([at(-step), at(0 * step), at(step)])


def _some_change(leaf: Any) -> Any:
    return jnp.zeros(leaf.shape, leaf.dtype) if _is_float(leaf.dtype) else None


def _is_float(dtype: Any) -> bool:
    return jnp.issubdtype(dtype, jnp.floating)
