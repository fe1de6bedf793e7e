"""Tools for jaxprs: evaluate them, walk them with deltas, and look into them."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend import core
from jax.extend.core import Primitive

from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Delta,
    drop_selection,
    is_inexact,
    materialize,
    upcast_16bit,
)
from secant.propagation.numerics import delta_from

ValuesAndDeltas: TypeAlias = tuple[list[Array], list[Delta]]
"""Values and their deltas."""

Walk: TypeAlias = Callable[..., ValuesAndDeltas]
"""The interpreter, as a rule gets it: `walk(jaxpr, consts, values, deltas)`."""

AnyJaxpr: TypeAlias = Any
"""A `ClosedJaxpr`, or a `Jaxpr` without constants."""


def bind(primitive: Primitive, values: list[Array], params: dict[str, Any]) -> Any:
    """The primitive's result, given the params of an equation."""
    return primitive.bind(*values, **primitive.get_bind_params(params))


def primitive_of(function: Callable[..., Any], *operands: Any) -> Primitive:
    """The primitive of the last operation of a function, which has no public name."""
    return jax.make_jaxpr(function)(*operands).jaxpr.eqns[-1].primitive


def eval_jaxpr(jaxpr: AnyJaxpr, operands: Sequence[Array]) -> list[Array]:
    """The results of a program, without deltas."""
    return list(core.jaxpr_as_fun(jaxpr)(*operands))


def vmap_jaxpr(
    jaxpr: core.Jaxpr, consts: Sequence[Array], axes: int
) -> Callable[..., list[Array]]:
    """A program of scalars as a function of arrays with `axes` axes."""

    def function(*operands: Array) -> list[Array]:
        return core.jaxpr_as_fun(core.ClosedJaxpr(_open_jaxpr(jaxpr), consts))(
            *operands
        )

    for _ in range(axes):
        function = jax.vmap(function)
    return function


# --- Walking: values and deltas through a program ---


def walk_inline(
    walk: Walk, jaxpr: AnyJaxpr, values: Sequence[Array], deltas: Sequence[Delta]
) -> ValuesAndDeltas:
    """Walks a program as if it stood in place of its call."""
    return walk(_open_jaxpr(jaxpr), getattr(jaxpr, "consts", ()), values, deltas)


def walk_isolated(
    walk: Walk, jaxpr: AnyJaxpr, values: Sequence[Array], deltas: Sequence[Delta]
) -> ValuesAndDeltas:
    """Walks a program whose results leave a loop, a branch or a transformation.

    The candidates of a selection exist only inside, so a `SelectionDelta` leaves as its
    difference.
    """
    results, out_deltas = walk_inline(walk, jaxpr, values, deltas)
    return results, list(map(drop_selection, out_deltas))


def walk_function(
    walk: Walk,
    function: Callable[..., Any],
    values: list[Array],
    deltas: list[Delta],
) -> list[Delta]:
    """The deltas of a function's results, if its operations have rules."""
    jaxpr = jax.make_jaxpr(function)(*values)
    return walk(jaxpr.jaxpr, jaxpr.consts, values, deltas)[1]


def trace_walk(
    walk: Walk, jaxpr: AnyJaxpr, deltas: Sequence[Delta]
) -> tuple[Callable[..., ValuesAndDeltas], ValuesAndDeltas]:
    """Traces the walk of a program once.

    Args:
        walk: The interpreter.
        jaxpr: The program.
        deltas: Only which of them are `UNCHANGED` matters. The others are arrays of
            their operands' shapes.

    Returns:
        The walk as a function `(values, deltas) -> (values, deltas)`, and the shapes
        and dtypes of its results.
    """
    values = [_shape_dtype(variable.aval) for variable in _open_jaxpr(jaxpr).invars]
    changing = [
        UNCHANGED if delta is UNCHANGED else value
        for value, delta in zip(values, deltas, strict=True)
    ]

    def walked(values: list[Array], deltas: list[Delta]) -> ValuesAndDeltas:
        return walk_isolated(walk, jaxpr, values, deltas)

    traced, shapes = jax.make_jaxpr(walked, return_shape=True)(values, changing)
    results = jax.tree.structure(shapes)

    def evaluate(values: Sequence[Array], deltas: Sequence[Delta]) -> ValuesAndDeltas:
        operands = jax.tree.leaves((list(values), list(deltas)))
        return results.unflatten(core.jaxpr_as_fun(traced)(*operands))

    return evaluate, shapes


def _open_jaxpr(jaxpr: AnyJaxpr) -> core.Jaxpr:
    return getattr(jaxpr, "jaxpr", jaxpr)


def _shape_dtype(x: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape, x.dtype)


# By how many roundings the results of two branches may differ where they are the same
# number. Functions of XLA are off by several.
_SEAM_ROUNDINGS = 16


def delta_across(
    now: Array,
    other: Array,
    delta: Delta,
    then: Array,
    within: Delta | None = None,
) -> Array:
    """The delta from one branch at `x` to another branch at `x + dx`.

    It is `(other - now) + delta`: the first part leads from one branch to the other at
    `x`, the second leads from `x` to `x + dx` within the other. Neither loses digits
    where the two branches are close, as `then - now` would. The other branch may not be
    defined at `x` (a logarithm of a negative number); then the result is `then - now`.

    Two branches that join without a jump are rounded differently, as `1 + erf(x)` and
    `erfc(-x)` are. Where `other - now` may be such a rounding, it says nothing. But
    where branches join on the way from `x` to `x + dx`, a part t of the way lies in one
    and the rest in the other, so that the change lies between theirs, as

        t within + (1 - t) delta

    does. So the sum is clipped to what lies between the two.

    Args:
        now: The result of the branch that is taken at `x`, at `x`.
        other: The result of the branch that is taken at `x + dx`, at `x`.
        delta: The delta of `other` on the way to `x + dx`.
        then: The result of that branch at `x + dx`, rounded.
        within: The delta of `now` on that way, within its own branch, if it is known.
    """
    delta = materialize(other, delta)
    if not is_inexact(now):
        return delta
    a, b, d, c = upcast_16bit(now, other, delta, then)
    by_parts = delta_from(a, b, d)
    if within is not None:
        (own,) = upcast_16bit(materialize(now, within))
        eps = jnp.finfo(now.dtype).eps
        rounding = _SEAM_ROUNDINGS * eps * jnp.minimum(abs(a), abs(b))
        joined = (a != b) & (abs(b - a) <= rounding) & jnp.isfinite(own)
        by_parts = jnp.where(joined, _clip_between(by_parts, own, d), by_parts)
    return jnp.where(jnp.isfinite(by_parts), by_parts, c - a).astype(now.dtype)


def _clip_between(x: Array, a: Array, b: Array) -> Array:
    """`x` clipped to what lies between `a` and `b`, in both parts if it is complex."""
    if jnp.iscomplexobj(x):
        return lax.complex(
            _clip_between(jnp.real(x), jnp.real(a), jnp.real(b)),
            _clip_between(jnp.imag(x), jnp.imag(a), jnp.imag(b)),
        )
    return lax.clamp(lax.min(a, b), x, lax.max(a, b))


def split_list(sizes: Sequence[int], operands: Sequence[Any]) -> list[list[Any]]:
    """Consecutive parts of a list, with the given sizes."""
    parts, start = [], 0
    for size in sizes:
        parts.append(list(operands[start : start + size]))
        start += size
    return parts


# --- Queries: what a program computes, and with how much memory ---


def iter_equations(jaxpr: AnyJaxpr) -> Iterator[core.JaxprEqn]:
    """Every equation of a program, and of the programs inside its equations."""
    for equation in _open_jaxpr(jaxpr).eqns:
        yield equation
        for param in jax.tree.leaves(list(equation.params.values())):
            if hasattr(_open_jaxpr(param), "eqns"):
                yield from iter_equations(param)


def result_avals(jaxpr: AnyJaxpr) -> Iterator[Any]:
    """The shape and dtype of every intermediate result, as an abstract array."""
    return _avals_of(iter_equations(jaxpr))


def _avals_of(equations: Iterable[core.JaxprEqn]) -> Iterator[Any]:
    for equation in equations:
        for variable in equation.outvars:
            if hasattr(variable.aval, "shape"):
                yield variable.aval


def result_bytes(jaxpr: AnyJaxpr) -> int:
    """The memory of all intermediate results together, in bytes."""
    return sum(map(_aval_bytes, result_avals(jaxpr)))


def _aval_bytes(aval: Any) -> int:
    return math.prod(aval.shape) * getattr(aval.dtype, "itemsize", 8)


def dependent_bytes(jaxpr: AnyJaxpr) -> int:
    """The memory of all intermediate results that depend on a program's operands.

    Example:
        >>> a = jnp.ones((100, 100))
        >>> dependent_bytes(jax.make_jaxpr(lambda x: jnp.sum(a @ a) + x)(a[0, 0]))
        4
    """
    opened = _open_jaxpr(jaxpr)
    dependent, size = set(opened.invars), 0
    for equation in opened.eqns:
        if dependent.isdisjoint(
            atom for atom in equation.invars if isinstance(atom, core.Var)
        ):
            continue
        dependent.update(equation.outvars)
        inner = [
            result_bytes(param)
            for param in jax.tree.leaves(list(equation.params.values()))
            if hasattr(_open_jaxpr(param), "eqns")
        ]
        size += sum(inner) + sum(map(_aval_bytes, _avals_of([equation])))
    return size


def float_dtypes(jaxpr: AnyJaxpr) -> list[Any]:
    """The floating-point dtypes of the intermediate results, one for each result."""
    return [
        aval.dtype
        for aval in result_avals(jaxpr)
        if jnp.issubdtype(aval.dtype, jnp.floating)
    ]


def axis_lengths(jaxpr: AnyJaxpr) -> frozenset[int]:
    """The lengths of all axes: of operands, constants and intermediate results."""
    opened = _open_jaxpr(jaxpr)
    operands = [variable.aval for variable in (*opened.invars, *opened.constvars)]
    return frozenset(
        length
        for aval in (*operands, *result_avals(jaxpr))
        for length in getattr(aval, "shape", ())
    )
