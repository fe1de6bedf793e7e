"""What the callbacks compute, in NumPy: a function, its derivatives, and theirs.

Each is a `Source`: arrays in, arrays out. The derivatives of one are another, so that
there are derivatives of derivatives.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import jax
import numpy as np

from secant.arrays import Array
from secant.black_box.signature import (
    Constant,
    Point,
    Signature,
    Struct,
    as_numbers,
    copied,
    is_real,
    structure_of,
)
from secant.errors import InvalidInput
from secant.slopes.checks import Floats
from secant.slopes.workers import Caller, Raised, calling

# Numbers that the nudged copies of a point may hold at a time.
_BLOCK = 2**20


class Source(ABC):
    """What a callback computes. Equal ones are compiled once: all are hashable.

    Attributes:
        inputs: The arrays of a point.
        outputs: What comes of it.
        noise: The relative error of that.
    """

    inputs: Any
    outputs: Any
    noise: Any

    @abstractmethod
    def at(self, points: Sequence[Point]) -> list[tuple[Array, ...]]:
        """What comes of each point."""

    def slopes(self, active: tuple[int, ...]) -> "Source":
        """Its derivatives: of each real output, by each of the active inputs."""
        return Nudged(self, active)

    @property
    def reals(self) -> list[int]:
        """Which outputs have derivatives."""
        return [i for i, like in enumerate(self.outputs) if is_real(like)]


@dataclass(frozen=True)
class Values(Source):
    """The function itself.

    Attributes:
        f: The function.
        jacobian: Its derivatives, where its author wrote them.
        signature: Its arguments.
        inputs: The arrays among them.
        outputs: What it should return, as a list
        shaped: and as a pytree.
        noise: The relative error of its values.
        vectorized: Whether it takes many points at once.
        workers: See `secant.slopes.workers`.
    """

    f: Constant
    jacobian: Constant
    signature: Signature
    inputs: tuple[Struct, ...]
    outputs: tuple[Struct, ...]
    shaped: Any
    noise: float
    vectorized: bool
    workers: Constant

    def at(self, points: Sequence[Point]) -> list[tuple[Array, ...]]:
        """What f returns for each point, checked."""
        if not points:
            return []
        if self.vectorized:
            stacked = [np.array(arrays) for arrays in zip(*points, strict=True)]
            value = self.f.value(*self.signature.args(stacked))
            return list(zip(*self._checked(value, (len(points),)), strict=True))
        return [
            tuple(self._checked(value)) for value in self.each(self.f.value, points)
        ]

    def each(self, f: Callable[..., Any], points: Sequence[Point]) -> list[Any]:
        """What `f` returns for the arguments that each point stands for."""
        args = [self.signature.args(copied(point)) for point in points]
        with calling(lambda args: f(*args), self.workers.value) as call:
            results = call(args)
        for result in results:
            if isinstance(result, Raised):
                raise result.error
        return results

    def slopes(self, active: tuple[int, ...]) -> Source:
        """Those that the author wrote, or else by nudges."""
        if self.jacobian.value is not None:
            return Given(self, active)
        return Nudged(self, active)

    def _checked(self, value: Any, batch: tuple[int, ...] = ()) -> list[Array]:
        leaves, tree = jax.tree.flatten(value)
        if tree != self.shaped:
            told = jax.tree.unflatten(self.shaped, self.outputs)
            raise InvalidInput(
                f"f returned {structure_of(value)}, and result says "
                f"{structure_of(told)}: "
                + ("has f a `return`?" if value is None else "let them agree")
            )
        return [
            as_numbers(leaf, batch, like, "f returned", "result says")
            for leaf, like in zip(leaves, self.outputs, strict=True)
        ]


@dataclass(frozen=True)
class Derived(Source):
    """The derivatives of a source: of each real output, by each active input."""

    of: Any
    active: tuple[int, ...]

    @property
    def inputs(self) -> tuple[Struct, ...]:
        """Those of the source."""
        return self.of.inputs

    @cached_property
    def outputs(self) -> tuple[Struct, ...]:
        """A block for each pair, of shape output + input."""
        return tuple(
            Struct((*output.shape, *self.inputs[i].shape), output.dtype)
            for output in self.of.outputs
            if is_real(output)
            for i in self.active
        )


class Nudged(Derived):
    """Derivatives that are found by nudging the active inputs."""

    @property
    def noise(self) -> float:
        """What a formula of fourth order leaves at its best step, noise^(1/5)."""
        return self.of.noise**0.8

    def at(self, points: Sequence[Point]) -> list[tuple[Array, ...]]:
        """The blocks, by `_jacobian`."""
        return [self._at(point) for point in points]

    def _at(self, point: Point) -> tuple[Array, ...]:
        sizes = [int(np.prod(self.inputs[i].shape)) for i in self.active]
        edges = np.cumsum([0, *sizes])
        reals = self.of.reals

        def moved(x: Floats) -> Point:
            arrays = list(point)
            for i, (a, b) in zip(self.active, pairwise(edges), strict=True):
                arrays[i] = x[a:b].reshape(self.inputs[i].shape)[()]
            return tuple(arrays)

        def call(xs: Sequence[Any]) -> list[Any]:
            found = self.of.at([moved(x) for x in xs])
            return [np.concatenate([np.ravel(y[i]) for i in reals]) for y in found]

        x = np.concatenate([np.ravel(point[i]) for i in self.active])
        if not x.size:
            return tuple(np.zeros(like.shape) for like in self.outputs)
        columns = np.split(_jacobian(call, x, self.of.noise), edges[1:-1], axis=1)
        rows = np.cumsum([int(np.prod(self.of.outputs[i].shape)) for i in reals])
        blocks = [
            block
            for row in zip(
                *(np.split(c, rows[:-1], axis=0) for c in columns), strict=True
            )
            for block in row
        ]
        return tuple(
            block.reshape(like.shape)
            for block, like in zip(blocks, self.outputs, strict=True)
        )


class Given(Derived):
    """Derivatives that the function's author wrote."""

    @property
    def noise(self) -> float:
        """Taken to be as exact as f."""
        return self.of.noise

    def at(self, points: Sequence[Point]) -> list[tuple[Array, ...]]:
        """The blocks out of what the author's function returns, checked."""
        found = self.of.each(self.of.jacobian.value, points)
        return [self._checked(value) for value in found]

    def _checked(self, value: Any) -> tuple[Array, ...]:
        tree = self.of.signature.tree
        arguments = tree.children()

        def by_array(of_output: Any) -> list[Any]:
            parts = (of_output,) if len(arguments) == 1 else of_output
            return [
                leaf
                for argument, part in zip(arguments, parts, strict=True)
                for leaf in (
                    [None] * argument.num_leaves
                    if part is None
                    else argument.flatten_up_to(part)
                )
            ]

        try:
            by_output = self.of.shaped.flatten_up_to(value)
            by_input = [by_array(by_output[i]) for i in self.of.reals]
        except (ValueError, TypeError) as error:
            raise InvalidInput(
                f"jacobian returned {structure_of(value)}, which is not built like "
                f"result with each of its arrays replaced by the arguments ({error})"
            ) from None
        places = [k for k, one in enumerate(self.of.signature.kept) if one is None]
        chosen = [row[places[i]] for row in by_input for i in self.active]
        return tuple(
            as_numbers(block, (), like, "jacobian returned", "result + argument is")
            for block, like in zip(chosen, self.outputs, strict=True)
        )


def _jacobian(call: Caller, x: Floats, noise: float) -> Floats:
    """∂yᵢ/∂xⱼ by central differences at h and 2h, (4 D(h) - D(2h)) / 3.

    What that leaves of the step is h⁴/30 times a fifth derivative, and of the values'
    relative error about noise/h: least in sum where h⁵ is noise.

    Args:
        call: Gives the values, (m,), at a list of points, (n,).
        x: Where, (n,).
        noise: The relative error of the values.

    Returns:
        (m, n).
    """
    h = noise**0.2 * np.maximum(1.0, abs(x))
    block = max(1, _BLOCK // max(x.size, 1))
    columns: list[Floats] = []
    for first in range(0, x.size, block):
        entries = range(first, min(first + block, x.size))
        places: list[Floats] = []
        for j in entries:
            for times in (1, -1, 2, -2):
                places.append(x.copy())
                places[-1][j] += times * h[j]
        values = iter(call(places))
        nudged = iter(places)
        for j in entries:
            # Divided by how far apart the points came to lie, not by 2h.
            near, far = (
                (next(values) - next(values)) / (next(nudged)[j] - next(nudged)[j])
                for _ in range(2)
            )
            columns.append((4 * near - far) / 3)
    return np.stack(columns, axis=1)
