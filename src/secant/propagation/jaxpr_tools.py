"""What rules for primitives that hold programs are made of."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax.extend import core

from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Change,
    difference_of,
    explicit,
    is_number,
    widened,
)
from secant.propagation.numerics import risen

Carried: TypeAlias = tuple[list[Array], list[Change]]
"""Values and their changes."""

Walk: TypeAlias = Callable[..., Carried]
"""The interpreter, as a rule gets it."""

Program: TypeAlias = Any
"""A `ClosedJaxpr`, or a `Jaxpr` that holds no constants."""


def run(
    walk: Walk, held: Program, values: Sequence[Array], changes: Sequence[Change]
) -> Carried:
    """Walks a program that a primitive holds, apart from what stands around it.

    Its results can leave a loop, a branch or a transformation: what they were chosen
    from stays inside.
    """
    results, moved = called(walk, held, values, changes)
    return results, list(map(difference_of, moved))


def called(
    walk: Walk, held: Program, values: Sequence[Array], changes: Sequence[Change]
) -> Carried:
    """Walks a program as if it stood in the place of its call."""
    return walk(_open(held), getattr(held, "consts", ()), values, changes)


def plainly(held: Program, operands: Sequence[Array]) -> list[Array]:
    """What a program gives, without changes."""
    return list(core.jaxpr_as_fun(held)(*operands))


def staged(
    walk: Walk, held: Program, changes: Sequence[Change]
) -> tuple[Callable[..., Carried], Carried]:
    """The walk of a program, traced once: a function, and the shapes of its results.

    Of `changes` it matters which of them are `UNCHANGED`; an operand that changes does
    so by an array of its own shape.
    """
    values = [_shape(variable.aval) for variable in _open(held).invars]
    moving = [
        UNCHANGED if change is UNCHANGED else value
        for value, change in zip(values, changes, strict=True)
    ]

    def walked(values: list[Array], changes: list[Change]) -> Carried:
        return run(walk, held, values, changes)

    traced, shapes = jax.make_jaxpr(walked, return_shape=True)(values, moving)
    results = jax.tree.structure(shapes)

    def again(values: Sequence[Array], changes: Sequence[Change]) -> Carried:
        operands = jax.tree.leaves((list(values), list(changes)))
        return results.unflatten(core.jaxpr_as_fun(traced)(*operands))

    return again, shapes


def _open(held: Program) -> core.Jaxpr:
    return getattr(held, "jaxpr", held)


def _shape(x: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape, x.dtype)


def crossed(now: Array, other: Array, change: Change, then: Array) -> Array:
    """`then - now`, where `then` belongs to another branch: `(other - now) + change`.

    `other` is what that branch gives at `x`, `change` what it changes by on the way to
    `x + dx`. The branch may not be made for `x` (a logarithm of a negative number);
    then what it gives at `x + dx`, rounded, has to do.
    """
    change = explicit(other, change)
    if not is_number(now):
        return change
    a, b, d, c = widened(now, other, change, then)
    carried = risen(a, b, d)
    return jnp.where(jnp.isfinite(carried), carried, c - a).astype(now.dtype)


def groups(sizes: Sequence[int], operands: Sequence[Any]) -> list[list[Any]]:
    """The operands in consecutive groups of these sizes."""
    parted, start = [], 0
    for size in sizes:
        parted.append(list(operands[start : start + size]))
        start += size
    return parted


def lifted(
    held: core.Jaxpr, consts: Sequence[Array], axes: int
) -> Callable[..., list[Array]]:
    """A program of single numbers, for arrays of so many axes."""

    def function(*operands: Array) -> list[Array]:
        return core.jaxpr_as_fun(core.ClosedJaxpr(_open(held), consts))(*operands)

    for _ in range(axes):
        function = jax.vmap(function)
    return function


def equations(held: Program) -> Iterator[core.JaxprEqn]:
    """Every equation of a program, and of the programs that its equations hold."""
    for equation in _open(held).eqns:
        yield equation
        for param in jax.tree.leaves(list(equation.params.values())):
            if hasattr(_open(param), "eqns"):
                yield from equations(param)


def result_types(held: Program) -> Iterator[Any]:
    """The shape and dtype of every intermediate result, as an abstract array."""
    for equation in equations(held):
        for variable in equation.outvars:
            if hasattr(variable.aval, "shape"):
                yield variable.aval


def result_bytes(held: Program) -> int:
    """The memory that all intermediate results take together."""
    return sum(
        math.prod(aval.shape) * getattr(aval.dtype, "itemsize", 8)
        for aval in result_types(held)
    )


def float_dtypes(held: Program) -> list[Any]:
    """The dtypes of the intermediate results that are floating-point numbers."""
    return [
        aval.dtype
        for aval in result_types(held)
        if jnp.issubdtype(aval.dtype, jnp.floating)
    ]


def axis_lengths(held: Program) -> frozenset[int]:
    """The lengths of all axes: of operands, constants and intermediate results."""
    jaxpr = _open(held)
    operands = [variable.aval for variable in (*jaxpr.invars, *jaxpr.constvars)]
    return frozenset(
        length
        for aval in (*operands, *result_types(held))
        for length in getattr(aval, "shape", ())
    )
