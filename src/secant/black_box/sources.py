"""What the callbacks compute, in NumPy: a function, its derivatives, and theirs.

Each is a `Source`: arrays in, arrays out. The derivatives of one are another, so that
there are derivatives of derivatives.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import jax
import numpy as np

from secant.arrays import Array
from secant.black_box.nudges import nudged
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
from secant.derivatives.validation import Floats
from secant.errors import InvalidInput
from secant.parallel.map import Caller, open_caller
from secant.parallel.task import Raised, call_each

ENOUGH = 1e-9
"""The relative error of derivatives, where more digits cost more than they are worth.

In float32 they would not be seen.
"""


class Source(ABC):
    """What a callback computes. Equal ones are compiled once: all are hashable.

    Attributes:
        inputs: The arrays of a point.
        outputs: What comes of it.
        step: The step to begin with where its derivatives are found by nudging.
    """

    inputs: Any
    outputs: Any
    step: Any

    @abstractmethod
    def seen(self, points: Sequence[Point]) -> list[tuple[Array, ...] | Raised]:
        """What comes of each point, a `Raised` where f raised."""

    def at(self, points: Sequence[Point]) -> list[tuple[Array, ...]]:
        """What comes of each point, or what f raised."""
        found: list[Any] = self.seen(points)
        for one in found:
            if isinstance(one, Raised):
                raise one.error
        return found

    def slopes(self, active: tuple[int, ...]) -> "Source":
        """Its derivatives: of each real output, by each of the active inputs."""
        return Nudged(self.finer(), active)

    def finer(self) -> "Source":
        """The same to more digits, where there are more."""
        return self

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
        step: See `secant.black_box.nudges`.
        vectorized: Whether it takes many points at once.
        workers: See `secant.parallel.map`.
    """

    f: Constant
    jacobian: Constant
    signature: Signature
    inputs: tuple[Struct, ...]
    outputs: tuple[Struct, ...]
    shaped: Any
    step: float | None
    vectorized: bool
    workers: Constant

    def seen(self, points: Sequence[Point]) -> list[tuple[Array, ...] | Raised]:
        """What f returns for each point, checked."""
        if not self.vectorized:
            return _passed_on(self._checked, self.each(self.f.value, points))
        if not points:
            return []
        stacked = [np.array(arrays) for arrays in zip(*points, strict=True)]
        try:
            value = self.f.value(*self.signature.args(stacked))
            return list(zip(*self._checked(value, (len(points),)), strict=True))
        except Exception as error:
            return [Raised(error)] * len(points)

    def each(self, f: Callable[..., Any], points: Sequence[Point]) -> list[Any]:
        """What `f` returns, or a `Raised`, for the arguments of each point."""
        if not points:
            return []
        args = [self.signature.args(copied(point)) for point in points]
        with open_caller(lambda args: f(*args), self.workers.value) as call:
            return call(args)

    def slopes(self, active: tuple[int, ...]) -> Source:
        """Those that the author wrote, or else by nudges."""
        if self.jacobian.value is not None:
            return Given(self, active)
        return Nudged(self, active)

    def _checked(self, value: Any, batch: tuple[int, ...] = ()) -> tuple[Array, ...]:
        leaves, tree = jax.tree.flatten(value)
        if tree != self.shaped:
            told = jax.tree.unflatten(self.shaped, self.outputs)
            raise InvalidInput(
                f"f returned {structure_of(value)}, and result says "
                f"{structure_of(told)}: "
                + ("has f a `return`?" if value is None else "let them agree")
            )
        return tuple(
            as_numbers(leaf, batch, like, "f returned", "result says")
            for leaf, like in zip(leaves, self.outputs, strict=True)
        )


@dataclass(frozen=True)
class Derived(Source):
    """The derivatives of a source: of each real output, by each active input."""

    of: Any
    active: tuple[int, ...]

    @property
    def inputs(self) -> tuple[Struct, ...]:
        """Those of the source."""
        return self.of.inputs

    @property
    def step(self) -> float | None:
        """That of the source."""
        return self.of.step

    @cached_property
    def outputs(self) -> tuple[Struct, ...]:
        """A block for each pair, of shape output + input."""
        return tuple(
            Struct((*output.shape, *self.inputs[i].shape), output.dtype)
            for output in self.of.outputs
            if is_real(output)
            for i in self.active
        )


@dataclass(frozen=True)
class Nudged(Derived):
    """Derivatives that are found by nudging the active inputs.

    Attributes:
        fine: Whether all digits are wanted, to be subtracted from others.
    """

    fine: bool = False

    def finer(self) -> Source:
        """The same, to all digits that can be had."""
        return replace(self, fine=True)

    def seen(self, points: Sequence[Point]) -> list[tuple[Array, ...] | Raised]:
        """The blocks, by `nudged`."""
        return call_each(self._at, points)

    def _nudged(self, call: Caller, x: Floats) -> Floats:
        # Nudges of what was nudged are dear, and have errors themselves.
        again = isinstance(self.of, Nudged)
        narrow = all(like.dtype != np.float64 for like in self.outputs)
        tolerance = ENOUGH if again or (narrow and not self.fine) else None
        return nudged(call, x, self.step, tolerance, apart=not again)

    def _at(self, point: Point) -> tuple[Array, ...]:
        sizes = [int(np.prod(self.inputs[i].shape)) for i in self.active]
        edges = np.cumsum([0, *sizes])
        reals = self.of.reals

        def moved(x: Floats) -> Point:
            arrays = list(point)
            for i, (a, b) in zip(self.active, pairwise(edges), strict=True):
                arrays[i] = x[a:b].reshape(self.inputs[i].shape)[()]
            return tuple(arrays)

        def joined(y: tuple[Array, ...]) -> Floats:
            return np.concatenate([np.ravel(y[i]) for i in reals])

        def call(xs: Sequence[Any]) -> list[Any]:
            return _passed_on(joined, self.of.seen([moved(x) for x in xs]))

        x = np.concatenate([np.ravel(point[i]) for i in self.active])
        if not x.size:
            return tuple(np.zeros(like.shape) for like in self.outputs)
        columns = np.split(self._nudged(call, x), edges[1:-1], axis=1)
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

    def seen(self, points: Sequence[Point]) -> list[tuple[Array, ...] | Raised]:
        """The blocks out of what the author's function returns, checked."""
        found = self.of.each(self.of.jacobian.value, points)
        return _passed_on(self._checked, found)

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


def _passed_on(function: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
    """What the function gives for each value; a `Raised` stays one."""
    return call_each(lambda v: v if isinstance(v, Raised) else function(v), values)
