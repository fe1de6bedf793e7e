"""Sources: the NumPy computations of the callbacks.

A `Source` maps arrays to arrays: the function, its derivatives, or theirs. The
derivatives of a source are a source again, which gives derivatives of any order.
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
from secant.black_box.numerical_jacobian import numerical_jacobian
from secant.black_box.signature import (
    Arguments,
    Signature,
    StaticValue,
    Struct,
    as_numbers,
    copy_point,
    is_real,
    shape_tree,
)
from secant.derivatives.validation import Floats
from secant.errors import InvalidInput
from secant.parallel.map import Caller, open_caller
from secant.parallel.task import Raised, call_each

REDUCED_RTOL = 1e-9
"""Relative tolerance of derivatives in float32, and of derivatives of derivatives.

More digits would be lost in the rounding to float32, or cost too many calls.
"""


class Source(ABC):
    """The computation of a callback. Sources are hashable: equal ones compile once.

    Attributes:
        inputs: The structs of a point's arrays.
        outputs: The structs of the values.
        step: The first step of its numerical derivatives.
    """

    inputs: Any
    outputs: Any
    step: Any

    @abstractmethod
    def evaluate(self, points: Sequence[Arguments]) -> list[tuple[Array, ...] | Raised]:
        """The values at each point, a `Raised` where f raised."""

    def evaluate_or_raise(self, points: Sequence[Arguments]) -> list[tuple[Array, ...]]:
        """The values at each point; the first error of f is raised."""
        results: list[Any] = self.evaluate(points)
        for result in results:
            if isinstance(result, Raised):
                raise result.error
        return results

    def derivatives(self, active: tuple[int, ...]) -> "Source":
        """The derivatives of each real output by each active input."""
        return NumericalDerivatives(self.refined(), active)

    def refined(self) -> "Source":
        """The same source at full precision."""
        return self

    @property
    def real_outputs(self) -> list[int]:
        """The indices of the outputs that have derivatives."""
        return [i for i, like in enumerate(self.outputs) if is_real(like)]


@dataclass(frozen=True)
class FunctionValues(Source):
    """The values of the function.

    Attributes:
        f: The function.
        jacobian: The derivatives that its author wrote, or None.
        signature: The structure of its arguments.
        inputs: The structs of its array arguments.
        outputs: The structs of its result, as a list.
        result_tree: The tree structure of its result.
        step: See `secant.black_box.numerical_jacobian`.
        vectorized: Whether one call evaluates many points.
        workers: See `secant.parallel.map`.
    """

    f: StaticValue
    jacobian: StaticValue
    signature: Signature
    inputs: tuple[Struct, ...]
    outputs: tuple[Struct, ...]
    result_tree: Any
    step: float | None
    vectorized: bool
    workers: StaticValue

    def evaluate(self, points: Sequence[Arguments]) -> list[tuple[Array, ...] | Raised]:
        """The validated result of f at each point."""
        if not self.vectorized:
            return _map_results(self._validated, self.call_each(self.f.value, points))
        if not points:
            return []
        stacked = [np.array(arrays) for arrays in zip(*points, strict=True)]
        try:
            value = self.f.value(*self.signature.args(stacked))
            return list(zip(*self._validated(value, (len(points),)), strict=True))
        except Exception as error:
            return [Raised(error)] * len(points)

    def call_each(
        self, f: Callable[..., Any], points: Sequence[Arguments]
    ) -> list[Any]:
        """The result of `f`, or a `Raised`, for the arguments of each point."""
        if not points:
            return []
        args = [self.signature.args(copy_point(point)) for point in points]
        with open_caller(lambda args: f(*args), self.workers.value) as call:
            return call(args)

    def derivatives(self, active: tuple[int, ...]) -> Source:
        """The author's derivatives if there are any, else numerical ones."""
        if self.jacobian.value is not None:
            return UserDerivatives(self, active)
        return NumericalDerivatives(self, active)

    def _validated(self, value: Any, batch: tuple[int, ...] = ()) -> tuple[Array, ...]:
        leaves, tree = jax.tree.flatten(value)
        if tree != self.result_tree:
            declared = jax.tree.unflatten(self.result_tree, self.outputs)
            raise InvalidInput(
                f"f returned {shape_tree(value)}, and result says "
                f"{shape_tree(declared)}: "
                + ("has f a `return`?" if value is None else "make them equal")
            )
        return tuple(
            as_numbers(leaf, batch, like, "f returned", "result says")
            for leaf, like in zip(leaves, self.outputs, strict=True)
        )


@dataclass(frozen=True)
class Derivatives(Source):
    """The derivatives of a source: of each real output by each active input.

    Attributes:
        source: The source.
        active: The indices of the inputs to differentiate with respect to.
    """

    source: Any
    active: tuple[int, ...]

    @property
    def inputs(self) -> tuple[Struct, ...]:
        """The inputs of the source."""
        return self.source.inputs

    @property
    def step(self) -> float | None:
        """The first step of the source."""
        return self.source.step

    @cached_property
    def outputs(self) -> tuple[Struct, ...]:
        """A block for each pair of output and input, of shape output + input."""
        return tuple(
            Struct((*output.shape, *self.inputs[i].shape), output.dtype)
            for output in self.source.outputs
            if is_real(output)
            for i in self.active
        )


@dataclass(frozen=True)
class NumericalDerivatives(Derivatives):
    """Numerical derivatives by perturbation of the active inputs.

    Attributes:
        full_precision: Whether all digits are needed, because a caller subtracts the
            derivatives from others.
    """

    full_precision: bool = False

    def refined(self) -> Source:
        """The same derivatives at full precision."""
        return replace(self, full_precision=True)

    def evaluate(self, points: Sequence[Arguments]) -> list[tuple[Array, ...] | Raised]:
        """The blocks, by `numerical_jacobian`."""
        return call_each(self._blocks, points)

    def _jacobian(self, call: Caller, x: Floats) -> Floats:
        # Derivatives of numerical derivatives are expensive, and their values have
        # errors themselves, so a smaller tolerance gains nothing.
        nested = isinstance(self.source, NumericalDerivatives)
        single = all(like.dtype != np.float64 for like in self.outputs)
        reduced = nested or (single and not self.full_precision)
        tolerance = REDUCED_RTOL if reduced else None
        return numerical_jacobian(call, x, self.step, tolerance, entrywise=not nested)

    def _blocks(self, point: Arguments) -> tuple[Array, ...]:
        """The Jacobian at a point, cut into a block for each output and input."""
        sizes = [int(np.prod(self.inputs[i].shape)) for i in self.active]
        edges = np.cumsum([0, *sizes])
        reals = self.source.real_outputs

        def with_active(x: Floats) -> Arguments:
            arrays = list(point)
            for i, (a, b) in zip(self.active, pairwise(edges), strict=True):
                arrays[i] = x[a:b].reshape(self.inputs[i].shape)[()]
            return tuple(arrays)

        def flat(y: tuple[Array, ...]) -> Floats:
            return np.concatenate([np.ravel(y[i]) for i in reals])

        def call(xs: Sequence[Any]) -> list[Any]:
            return _map_results(flat, self.source.evaluate(list(map(with_active, xs))))

        x = np.concatenate([np.ravel(point[i]) for i in self.active])
        if not x.size:
            return tuple(np.zeros(like.shape) for like in self.outputs)
        columns = np.split(self._jacobian(call, x), edges[1:-1], axis=1)
        rows = np.cumsum([int(np.prod(self.source.outputs[i].shape)) for i in reals])
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


class UserDerivatives(Derivatives):
    """Derivatives by the function's author."""

    def evaluate(self, points: Sequence[Arguments]) -> list[tuple[Array, ...] | Raised]:
        """The validated blocks from the author's function."""
        results = self.source.call_each(self.source.jacobian.value, points)
        return _map_results(self._validated, results)

    def _validated(self, value: Any) -> tuple[Array, ...]:
        tree = self.source.signature.tree
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
            by_output = self.source.result_tree.flatten_up_to(value)
            by_input = [by_array(by_output[i]) for i in self.source.real_outputs]
        except (ValueError, TypeError) as error:
            raise InvalidInput(
                f"jacobian returned {shape_tree(value)}, which is not built like "
                f"result with each of its arrays replaced by the arguments ({error})"
            ) from None
        static = self.source.signature.static
        positions = [k for k, leaf in enumerate(static) if leaf is None]
        active = [row[positions[i]] for row in by_input for i in self.active]
        return tuple(
            as_numbers(block, (), like, "jacobian returned", "result + argument is")
            for block, like in zip(active, self.outputs, strict=True)
        )


def _map_results(function: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
    """The function of each value; a `Raised` stays unchanged."""
    return call_each(lambda v: v if isinstance(v, Raised) else function(v), values)
