"""`difference(f)`: the function that gives `f(x)` and `f(x + dx) - f(x)`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import secant.propagation.rules  # noqa: F401  its import fills the table
from secant.errors import InvalidInput
from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Change,
    explicit,
    is_number,
)
from secant.propagation.interpreter import Fallback, walk
from secant.validation import Choice, validate

_FALLBACK = Choice[Fallback](("error", "subtract"))


def difference(
    f: Callable[[Any], Any], *, fallback: Fallback = "error"
) -> Callable[[Any, Any], tuple[Any, Any]]:
    """The function `(x, dx) -> (f(x), f(x + dx) - f(x))`, without cancellation.

    The difference is not formed by subtracting two nearly equal numbers but carried
    through `f`, operation by operation: `Δ(a b) = Δa (b + Δb) + a Δb`, `Δ exp(x) =
    exp(x) expm1(dx)`, and so on. It keeps its digits in float32 for every size of
    `dx`, and `x + dx` is never rounded: `dx` may be smaller than the spacing of
    floats at `x`. Where a comparison comes out otherwise at `x + dx`, both branches
    are computed, and the difference is that between them. `jax.jvp` is its limit
    for `dx -> 0`.

    Args:
        f: A function of one pytree of arrays, made of JAX operations, that returns
            a pytree of arrays.
        fallback: What to do about an operation that has no rule: `"error"`, or
            `"subtract"` to compute it as f(x + dx) - f(x) and warn.

    Returns:
        A function of `x` and of `dx`, a pytree of the same structure, whose leaves
        are broadcast to the shapes and cast to the dtypes of x's; None stands for a
        leaf or a branch of the tree that stays as it is. Integers change by
        whole numbers, a truth value flips where `dx` is True, here and in the
        result. It works under `jit`, `vmap`, `grad` and `scan`, and can itself be
        given to `difference`.

    Raises:
        InvalidInput: `dx` has another structure or a shape that does not go with x's.
        MissingRule: `f` uses an operation that has no rule.

    Source:
        Kahan & Fateman (1999), "Symbolic computation of divided differences", SIGSAM
        Bulletin 33(2), 7-28, who did it for divided differences of expressions.

    Example:
        >>> value, change = difference(jnp.tanh)(0.5, 1e-12)
        >>> float(value), float(change)
        (0.4621171..., 7.8644...e-13)
        >>> float(jnp.tanh(0.5 + 1e-12) - jnp.tanh(0.5))
        0.0
    """
    if not callable(f):
        raise InvalidInput(f"f is {f!r}: pass a function of one argument")
    fallback = validate("fallback", fallback, _FALLBACK)

    def of_f(x: Any, dx: Any) -> tuple[Any, Any]:
        values, changes, tree = _operands(x, dx)
        program, shape = jax.make_jaxpr(
            lambda *leaves: f(tree.unflatten(leaves)), return_shape=True
        )(*values)
        results, moved = walk(
            program.jaxpr, program.consts, values, changes, fallback=fallback
        )
        out = jax.tree.structure(shape)
        return out.unflatten(results), out.unflatten(map(_difference, results, moved))

    return of_f


def as_value(leaf: Any) -> Array:
    """A leaf of `x` as an array.

    Raises:
        InvalidInput: It is none.
    """
    if isinstance(leaf, jax.Array):
        return leaf
    try:
        return jnp.asarray(leaf)
    except TypeError:
        raise InvalidInput(
            f"x holds {leaf!r}, which is no array of numbers: pass it to f otherwise, "
            "as in difference(lambda x: f(x, ...))"
        ) from None


def paired(x: Any, dx: Any, name: str) -> tuple[list[Any], list[Any], Any]:
    """The leaves of `x`, and what stands for each in `dx`: None for whole branches."""
    leaves, tree = jax.tree.flatten(x)
    moves, above = jax.tree.flatten(dx, is_leaf=lambda leaf: leaf is None)
    try:
        parts = above.flatten_up_to(x)
    except (ValueError, TypeError) as error:
        raise _another_structure(name, str(error).partition("\n")[0]) from None
    paired: list[Any] = []
    for part, move in zip(parts, moves, strict=True):
        below = jax.tree.leaves(part)
        if move is not None and not jax.tree_util.all_leaves([part]):
            raise _another_structure(name, f"{move!r} stands for {len(below)} leaves")
        paired += [move] * len(below)
    return leaves, paired, tree


def _another_structure(name: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"{name} has another structure than x ({why}): pass one number or array for "
        "each leaf of x, or None for what stays"
    )


def _operands(x: Any, dx: Any) -> tuple[list[Array], list[Change], Any]:
    leaves, moves, tree = paired(x, dx, "dx")
    values = [as_value(leaf) for leaf in leaves]
    return values, list(map(_change, values, moves)), tree


def _change(value: Array, dx: Any) -> Change:
    if dx is None or getattr(dx, "dtype", None) == jax.dtypes.float0:
        return UNCHANGED
    if jnp.issubdtype(value.dtype, jax.dtypes.extended):
        raise InvalidInput(f"{value.dtype} cannot change: pass dx=None for this leaf")
    try:
        dx = jnp.asarray(dx)
    except (TypeError, ValueError):
        raise InvalidInput(
            f"dx holds {dx!r} where x holds {value.dtype}: pass a number or an array"
        ) from None
    if is_number(dx) and not is_number(value):
        raise InvalidInput(
            f"dx holds {dx.dtype} where x holds {value.dtype}: integers change by "
            "whole numbers, truth values by True; pass None for one that stays"
        )
    if jnp.iscomplexobj(dx) and not jnp.iscomplexobj(value):
        raise InvalidInput(
            f"dx holds {dx.dtype} where x holds {value.dtype}: pass real numbers, or "
            "make x complex"
        )
    try:
        dx = jnp.broadcast_to(dx.astype(value.dtype), value.shape)
    except ValueError:
        raise InvalidInput(
            f"dx has shape {np.shape(dx)} where x has {value.shape}: pass the same, "
            "or a number"
        ) from None
    if is_number(value):
        return dx
    return value ^ dx if value.dtype == bool else value + dx


def _difference(value: Array, change: Change) -> Array:
    """A change as `difference` returns it: integers' by subtraction, flips as True."""
    if is_number(value):
        return explicit(value, change)
    if jnp.issubdtype(value.dtype, jax.dtypes.extended):
        return np.zeros(value.shape, jax.dtypes.float0)
    became = explicit(value, change)
    return value ^ became if value.dtype == bool else became - value
