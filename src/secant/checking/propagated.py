"""Slopes along single coordinates of a function that JAX can trace.

    ahead = (f(x + h eᵢ) - f(x)) / h        behind = (f(x) - f(x - h eᵢ)) / h

Both differences are propagated through `f` (`secant.propagation.coordinates`), not
subtracted. So h can be tiny: the error of the central formula, of order h², is below
rounding, and a kink within ±h of x is one at x itself.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend import core

from secant.arrays import Array
from secant.checking.point import (
    MAX_COMPILED,
    Compilation,
    Point,
    ScalarFunction,
    as_float64,
    coarsest,
    compiled,
)
from secant.checking.slope_source import OneSidedSlopes, SlopeQuery, SlopeSource
from secant.propagation import difference
from secant.propagation.coordinates import (
    MIN_SLICED,
    Nudge,
    call_in_blocks,
    change_bytes,
    displacement,
    nudge_of,
    one_sided_slopes,
)
from secant.propagation.difference import entry_difference
from secant.propagation.jaxpr_tools import axis_lengths, float_dtypes, iter_equations

# How many coordinates get a second try by subtraction, a call for each.
_FEW = 64

# The step, relative to the size of a coordinate. Float16 has few exponents: changes of
# a smaller step would underflow.
_STEPS = {"float64": 2.0**-30, "float32": 2.0**-20, "bfloat16": 2.0**-20}
_FLOAT16_STEP = 2.0**-5

# By how many roundings a value may be off that is subtracted.
_VALUE_ROUNDINGS = 16

# How many changes may underflow, or be rounded by it, on their way through f.
_MAX_UNDERFLOWS = 16

# Bytes of changes above which a program is optimised. At about a gigabyte a second
# without, this takes as long as optimising it does.
_LONG_WORK = 2**28

# How many directions a check may go along: bisection takes some hundred.
_DIRECTIONS = 100

_ORDERING = {
    lax.sort_p,
    lax.top_k_p,
    lax.argmax_p,
    lax.argmin_p,
    lax.reduce_max_p,
    lax.reduce_min_p,
    lax.cummax_p,
    lax.cummin_p,
    lax.reduce_window_max_p,
    lax.reduce_window_min_p,
}


class PropagatedSlopes(SlopeSource):
    """Slopes of a traced function, in blocks of coordinates and of bounded memory."""

    def __init__(self, f: ScalarFunction, point: Point) -> None:
        """Traces `f`.

        Raises:
            MissingRule: `f` uses an operation that has no difference rule.
            Exception: Whatever JAX raises where it cannot trace `f`.
        """
        self._f, self._point = f, point
        self._nudges: dict[tuple[int, ...], Nudge] = {}
        program = jax.make_jaxpr(f)(*point.leaves)
        # Raises for a missing rule before anything is computed.
        traced_change(f, point.real, _shapes(point.leaves))
        self._program = program
        self.axes = axis_lengths(program)
        self.dtype = coarsest(
            [point.leaves[i].dtype for i in point.real] + float_dtypes(program)
        )
        primitives = {equation.primitive for equation in iter_equations(program)}
        self.may_tie = self.dtype.itemsize > 2 and any(
            map(_orders, iter_equations(program))
        )
        self.branches = not primitives.isdisjoint((lax.select_n_p, lax.cond_p))
        self.step = _STEPS.get(self.dtype.name, _FLOAT16_STEP)

    def one_sided(self, query: SlopeQuery) -> OneSidedSlopes:
        """The one-sided slopes; reports progress after each block of coordinates."""
        leaf, indices, here = query.leaf, query.indices, list(query.leaves)
        group = self._group(leaf)
        sizes = self._sizes(leaf)
        steps = self.step / query.shrink * sizes[indices]
        if not len(indices):
            return OneSidedSlopes(*np.zeros((3, 0)))
        ahead, behind = call_in_blocks(
            partial(self._sides, leaf, here),
            (indices, steps),
            2 * self._nudge(group).bytes_each,
            of=sum(self._point.leaves[i].size for i in group),
            progress=query.progress,
        )
        sides = OneSidedSlopes(ahead, behind, self._underflow / steps)
        return self._subtracted(sides, query)

    def _group(self, leaf: int) -> tuple[int, ...]:
        """The places of the leaves whose coordinates share one program.

        Those of few coordinates do: compiling a program for each would take longer.
        """
        leaves, place = self._point.leaves, self._point.real[leaf]
        if leaves[place].size >= MIN_SLICED:
            return (place,)
        return tuple(
            i
            for i in self._point.real
            if leaves[i].size < MIN_SLICED and leaves[i].dtype == leaves[place].dtype
        )

    def _nudge(self, group: tuple[int, ...]) -> Nudge:
        """The change by a nudge of one coordinate."""
        if group not in self._nudges:
            leaves = list(self._point.leaves)
            self._nudges[group] = nudge_of(*_of_group(self._f, group, leaves))
        return self._nudges[group]

    @property
    def _underflow(self) -> float:
        """The largest change that is lost below the smallest number of the dtype.

        Compiled programs take subnormal numbers for 0, except those of float16.
        """
        info = jnp.finfo(self.dtype)
        half = self.dtype == np.float16
        least = info.smallest_subnormal if half else info.smallest_normal
        return _MAX_UNDERFLOWS * float(least)

    def _sizes(self, leaf: int) -> np.ndarray:
        """The size of each coordinate of a leaf, for its nudge.

        A coordinate so small that its nudge would underflow counts as 0.
        """
        eps = float(jnp.finfo(self.dtype).eps)
        return self._point.nudge_sizes(
            leaf, self._underflow / (eps * self.step)
        ).ravel()

    def nudge_at_0(self, leaf: int) -> float | None:
        """How far a coordinate that is 0 is nudged: a share of its leaf's size."""
        zero = self._point.leaves[self._point.real[leaf]].ravel() == 0
        sizes = self._sizes(leaf)[np.asarray(zero)]
        return float(self.step * sizes[0]) if len(sizes) else None

    def _subtracted(self, sides: OneSidedSlopes, query: SlopeQuery) -> OneSidedSlopes:
        """The same slopes, with values subtracted where they are not finite.

        A branch that is not taken may be 0/0, as in `where(x == 0, 1, sin(x) / x)`: no
        difference can be propagated from there on.
        """
        bad = np.flatnonzero(~np.isfinite(sides.ahead + sides.behind))[:_FEW]
        if not len(bad):
            return sides
        self.subtracted = True
        place, unit = self._point.real[query.leaf], float(jnp.finfo(self.dtype).eps)
        indices, leaves = query.indices[bad], list(query.leaves)
        steps = np.sqrt(unit) * self._sizes(query.leaf)[indices]
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
            error = _VALUE_ROUNDINGS * unit * abs(here) / steps + abs(ahead - behind)
        return sides.replaced(bad, OneSidedSlopes(ahead, behind, error))

    def _sides(
        self, leaf: int, leaves: list[Any], rows: np.ndarray, steps: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The slopes ahead and behind along the coordinates of one block.

        The large step h of float16 leaves an error of order h² in the central slope,

            s(h) = f' + a h² + O(h⁴),    s(h/4) = f' + a h²/16 + O(h⁴),

        which Richardson's extrapolation cancels: f' = s(h/4) + (s(h/4) - s(h)) / 15 +
        O(h⁴). Both one-sided slopes get the same correction, so that their difference,
        which shows a kink, stays as it is.

        Source:
            Richardson (1911), "The approximate arithmetical solution by finite
            differences", Phil. Trans. R. Soc. A 210, 307-357.
        """
        place, group = self._point.real[leaf], self._group(leaf)
        sizes = {i: self._point.leaves[i].size for i in group}
        nudge = self._nudge(group)
        work = 2 * nudge.bytes_each * sum(sizes.values())
        both_sides = compiled(
            _both_sides,
            self._f,
            (0, 1, 2),
            compilation=_compilation(work),
        )
        rows = rows + sum(size for i, size in sizes.items() if i < place)

        def at(steps: np.ndarray) -> np.ndarray:
            nudges = jnp.asarray(steps, leaves[place].dtype)
            return as_float64(
                both_sides(
                    self._point.real, group, nudge.in_slices, leaves, rows, nudges
                )
            )

        far = at(steps)
        if self.step != _FLOAT16_STEP:
            return far[0], far[1]
        near = at(steps / 4)
        better = near + (near.mean(0) - far.mean(0)) / 15
        return better[0], better[1]

    def along_direction(
        self, directions: Sequence[np.ndarray], leaves: Sequence[Any] | None = None
    ) -> float:
        """The central slope along one direction through all leaves of floats."""
        return float(np.mean(self._along(directions, leaves, self.step)))

    def along_leaf(
        self,
        leaf: int,
        direction: np.ndarray,
        leaves: Sequence[Any] | None = None,
        shrink: float = 1.0,
    ) -> tuple[float, float, float]:
        """The slopes ahead and behind along a direction through one leaf."""
        directions = [
            np.zeros(np.shape(self._point.leaves[i])) for i in self._point.real
        ]
        directions[leaf] = direction.reshape(directions[leaf].shape)
        ahead, behind = self._along(directions, leaves, self.step / shrink)
        return float(ahead), float(behind), 0.0

    def _along(
        self, directions: Sequence[np.ndarray], leaves: Sequence[Any] | None, h: float
    ) -> np.ndarray:
        here = list(self._point.leaves if leaves is None else leaves)
        moves = [
            jnp.asarray(h * d, self._point.leaves[i].dtype)
            for i, d in zip(self._point.real, directions, strict=True)
        ]
        by = dict(zip(self._point.real, moves, strict=True))
        work = 2 * change_bytes(self._program, moves) * _DIRECTIONS
        both_sides = compiled(_to_both_sides, self._f, compilation=_compilation(work))
        return as_float64(both_sides(here, by)) / h


def _compilation(work: int) -> Compilation:
    """How to compile a program that will change so many bytes, in all its calls."""
    return "quick" if work > _LONG_WORK else "unoptimized"


def _to_both_sides(
    f: ScalarFunction, leaves: list[Any], moves: Mapping[int, Array]
) -> Array:
    """f(x + move) - f(x) and f(x) - f(x - move), at least in float32."""

    def change(sign: Array) -> Array:
        dx = [
            moves[place] * sign.astype(moves[place].dtype) if place in moves else None
            for place in range(len(leaves))
        ]
        return difference(lambda leaves: f(*leaves))(leaves, dx)[1]

    # One program for both signs compiles in half the time of two.
    signs = jnp.array([1, -1])
    both = jax.vmap(change)(signs)
    both = both.astype(jnp.promote_types(both.dtype, jnp.float32))
    return both * signs.astype(both.dtype)


def _both_sides(
    f: ScalarFunction,
    real: tuple[int, ...],
    group: tuple[int, ...],
    in_slices: bool,
    leaves: list[Any],
    indices: Array,
    steps: Array,
) -> Array:
    """The slopes ahead and behind along coordinates of some leaves, (2, coordinates).

    Args:
        f: The function of all leaves.
        real: The leaves that can change.
        group: The leaves whose coordinates are asked for.
        in_slices: Whether their changes are those of slices.
        leaves: All leaves.
        indices: Positions in the flattened leaves of the group, one after the other.
        steps: The step of each.
    """
    of_group, part = _of_group(f, group, leaves)

    def change(entry: Array, step: Array) -> Array:
        if in_slices:
            return entry_difference(of_group, part, entry, step)
        dx = displacement(part, entry, step)
        if real != group:
            return difference(of_group)(part, dx)[1]
        # Where no other leaf can change, the change is traced already.
        traced = traced_change(f, real, _shapes(leaves))
        return traced(*leaves, *jax.tree.leaves(dx))[0]

    return jnp.stack(one_sided_slopes(of_group, part, indices, steps, change))


def _of_group(
    f: ScalarFunction, group: tuple[int, ...], leaves: list[Any]
) -> tuple[Callable[[Any], Array], Any]:
    """`f` as a function of some of its leaves, and these: a list, or the only one."""
    part = [jnp.asarray(leaves[place]) for place in group]

    def of_group(part: Any) -> Array:
        by = dict(zip(group, jax.tree.leaves(part), strict=True))
        return f(*(by.get(place, leaf) for place, leaf in enumerate(leaves)))

    return of_group, part[0] if len(part) == 1 else part


def _values(
    f: ScalarFunction, place: int, leaves: list[Any], index: Array, step: Array
) -> Array:
    """f(x - h eᵢ), f(x) and f(x + h eᵢ)."""
    array = jnp.asarray(leaves[place])

    def at(by: Array) -> Array:
        moved = array.ravel().at[index].add(by.astype(array.dtype))
        return f(*leaves[:place], moved.reshape(array.shape), *leaves[place + 1 :])

    return jnp.stack([at(-step), at(0 * step), at(step)])


def _orders(equation: core.JaxprEqn) -> bool:
    """Whether an operation orders numbers of which several may change."""
    if equation.primitive in (lax.max_p, lax.min_p):
        # relu is max(x, 0).
        return not any(isinstance(atom, core.Literal) for atom in equation.invars)
    return equation.primitive in _ORDERING


def _shapes(leaves: Sequence[Any]) -> tuple[jax.ShapeDtypeStruct, ...]:
    return tuple(jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in leaves)


@lru_cache(maxsize=MAX_COMPILED)
def traced_change(
    f: ScalarFunction,
    real: tuple[int, ...],
    shapes: tuple[jax.ShapeDtypeStruct, ...],
) -> Callable[..., list[Array]]:
    """`(*leaves, *changes) -> [f(leaves + changes) - f(leaves)]`, traced once.

    Args:
        f: The function.
        real: The leaves that change.
        shapes: Of all leaves.
    """

    def change(leaves: list[Any], changes: list[Any]) -> Any:
        by = dict(zip(real, changes, strict=True))
        dx = [by.get(place) for place in range(len(leaves))]
        return difference(lambda leaves: f(*leaves))(leaves, dx)[1]

    changes = [shapes[place] for place in real]
    return core.jaxpr_as_fun(jax.make_jaxpr(change)(list(shapes), changes))
