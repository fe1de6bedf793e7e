"""`difference(f)`: the function that gives `f(x)` and `f(x + dx) - f(x)`."""

from collections.abc import Callable
from typing import Any, Literal

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
    if fallback not in ("error", "subtract"):
        raise InvalidInput(f'fallback is {fallback!r}: pass "error" or "subtract"')

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


def slope(
    f: Callable[[Any], Any],
    x: Any,
    direction: Any,
    h: float,
    *,
    order: Literal[1, 2] = 1,
    fallback: Fallback = "error",
) -> Any:
    """The central slope of `f` at `x` along a direction, by differences carried.

        order 1: (f(x + h d) - f(x - h d)) / 2h
        order 2: (f(x + h d) - 2 f(x) + f(x - h d)) / h²

    What the notebook's `numerical_diff` computes, in any dtype and for any `h`, with
    no digit lost: the only error is that of the formula itself, h²/6 times the third
    derivative (order 2: h²/12 times the fourth).

    Args:
        f: As `difference` takes it.
        x: Where: a pytree of arrays.
        direction: `d`, a pytree of x's structure, with None for what stays.
        h: How far to both sides, in units of `d`; not 0.
        order: 1 or 2.
        fallback: As `difference` takes it.

    Returns:
        A pytree of f's results' structure, shapes and dtypes.

    Raises:
        InvalidInput: An argument that cannot be worked with; f's result is no number.
        MissingRule: `f` uses an operation that has no rule.

    Example:
        >>> float(slope(jnp.sin, 1.0, 1.0, 1e-4))
        0.540302...
        >>> float(slope(jnp.sin, 1.0, 1.0, 1e-4, order=2))
        -0.84147...
    """
    if order not in (1, 2):
        raise InvalidInput(f"order is {order!r}: pass 1 or 2")
    if not isinstance(h, jax.Array) and not (
        isinstance(h, int | float | np.number) and np.isfinite(h) and h != 0
    ):
        raise InvalidInput(f"h is {h!r}: pass a finite number other than 0, as 1e-4")
    leaves, towards, tree = _paired(x, direction, "direction")
    x = tree.unflatten(
        leaf if d is None else _as_real(leaf)
        for leaf, d in zip(leaves, towards, strict=True)
    )

    def moved(sign: int) -> Any:
        return tree.unflatten(
            None if d is None else jnp.asarray(sign * h * jnp.asarray(d))
            for d in towards
        )

    there, back = moved(1), moved(-1)
    carry = difference(f, fallback=fallback)
    if order == 1:
        _, ahead = carry(x, there)
        _, behind = carry(x, back)
        return jax.tree.map(lambda a, b: _over(_number(a) - b, 2 * h), ahead, behind)

    def step(at: Any) -> Any:
        return carry(at, there)[1]

    # [f(x + h) - f(x)] - [f(x) - f(x - h)], both brackets and their difference carried.
    _, change = difference(step, fallback=fallback)(x, back)
    return jax.tree.map(lambda a: _over(-_number(a), h * h), change)


def _over(a: Array, h: Any) -> Array:
    return a / jnp.asarray(h, a.dtype)


def _number(a: Array) -> Array:
    if not is_number(a):
        raise InvalidInput(
            f"f gives {a.dtype}, which has no slope: return a floating-point number"
        )
    return a


def _as_real(leaf: Any) -> Array:
    array = _as_value(leaf)
    return array if is_number(array) else array.astype(float)


def _as_value(leaf: Any) -> Array:
    if isinstance(leaf, jax.Array):
        return leaf
    try:
        return jnp.asarray(leaf)
    except TypeError:
        raise InvalidInput(
            f"x holds {leaf!r}, which is no array of numbers: pass it to f otherwise, "
            "as in difference(lambda x: f(x, ...))"
        ) from None


def _paired(x: Any, dx: Any, name: str) -> tuple[list[Any], list[Any], Any]:
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
    leaves, moves, tree = _paired(x, dx, "dx")
    values = [_as_value(leaf) for leaf in leaves]
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
