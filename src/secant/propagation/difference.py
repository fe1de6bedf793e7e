"""`difference(f)`: the function that returns `f(x)` and `f(x + dx) - f(x)`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import secant.propagation.rules  # noqa: F401  its import fills the table
from secant.arrays import is_traced, jax_array
from secant.errors import InvalidInput
from secant.propagation.delta import (
    UNCHANGED,
    Array,
    Delta,
    SliceDelta,
    is_inexact,
    materialize,
)
from secant.propagation.interpreter import Fallback, walk
from secant.validation import Choice, validate

_FALLBACK = Choice[Fallback](("error", "subtract"))


def difference(
    f: Callable[[Any], Any], *, fallback: Fallback = "error"
) -> Callable[[Any, Any], tuple[Any, Any]]:
    """The function `(x, dx) -> (f(x), f(x + dx) - f(x))`, without cancellation.

    It does not subtract two nearly equal numbers. It carries the difference through
    `f`, operation by operation: `Δ(a b) = Δa (b + Δb) + a Δb`, `Δ exp(x) =
    exp(x) expm1(dx)`, and so on. The difference has all digits of float32 for every
    size of `dx`. `x + dx` is never rounded, so `dx` may be smaller than the spacing of
    floats at `x`. If a comparison has another result at `x + dx`, both branches are
    computed, and the difference is the one between them. For `dx -> 0`, the limit is
    `jax.jvp`.

    Args:
        f: A function of one pytree of arrays, made of JAX operations, that returns
            a pytree of arrays.
        fallback: The treatment of an operation without a rule: `"error"`, or
            `"subtract"` to compute it as f(x + dx) - f(x) and warn.

    Returns:
        A function of `x` and `dx`. `dx` is a pytree of x's structure; its leaves are
        broadcast to the shapes and cast to the dtypes of x's leaves. None stands for
        a leaf or a branch of the tree that does not change. In `dx` and in the
        result, integers change by whole numbers, and True flips a truth value. The
        function works under `jit`, `vmap`, `grad` and `scan`, and `difference`
        accepts it too.

    Raises:
        InvalidInput: `dx` has another structure than `x`, or a shape that does not
            broadcast to x's.
        MissingRule: `f` uses an operation that has no rule.

    Source:
        Kahan & Fateman (1999), "Symbolic computation of divided differences", SIGSAM
        Bulletin 33(2), 7-28: the same idea, for divided differences of expressions.

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

    def value_and_difference(x: Any, dx: Any) -> tuple[Any, Any]:
        values, deltas, tree = _values_and_deltas(x, dx)
        program, shape = jax.make_jaxpr(
            lambda *leaves: f(tree.unflatten(leaves)), return_shape=True
        )(*values)
        results, out_deltas = walk(
            program.jaxpr, program.consts, values, deltas, fallback=fallback
        )
        out = jax.tree.structure(shape)
        differences = map(_as_difference, results, out_deltas)
        return out.unflatten(results), out.unflatten(differences)

    return value_and_difference


def entry_difference(
    f: Callable[[Array], Any], x: Array, entry: Array, step: Array
) -> Any:
    """`f(x + h eᵢ) - f(x)`: `difference` for a change of one entry of one array.

    What changes in one slice only is propagated as such (`secant.propagation.slices`).
    A nudge of one weight then costs what a nudge of one neuron costs.

    Args:
        f: As `difference` takes it; of one array of floating-point numbers.
        x: The array.
        entry: The position in the flattened array.
        step: `h`, a number of x's dtype.

    Returns:
        A pytree of f's results' structure.

    Example:
        >>> entry_difference(lambda x: x @ jnp.eye(2), jnp.ones((2, 2)), 1, 0.5)
        Array([[0. , 0.5],
               [0. , 0. ]], dtype=float32)
    """
    program, shape = jax.make_jaxpr(f, return_shape=True)(x)
    hide = lax.optimization_barrier if is_traced(x, entry, step) else _identity
    x = hide(x)
    at = jnp.unravel_index(entry, x.shape)
    # Along an axis of length 1, a slice is the whole.
    index = {axis: at[axis] for axis, n in enumerate(x.shape) if n > 1}
    nudge: Delta = hide(jnp.asarray(step, x.dtype)).reshape([1] * x.ndim)
    results, deltas = walk(
        program.jaxpr,
        program.consts,
        [x],
        [SliceDelta(nudge, index) if index else nudge],
    )
    out = jax.tree.structure(shape)
    return out.unflatten(map(_as_difference, results, deltas))


def as_value(leaf: Any) -> Array:
    """A leaf of `x` as an array.

    Raises:
        InvalidInput: The leaf is no number or array of numbers.
    """
    if isinstance(leaf, jax.Array):
        return leaf
    try:
        return jax_array(leaf)
    except TypeError:
        raise InvalidInput(
            f"x holds {leaf!r}, which is no array of numbers: pass it to f in another "
            "way, as in difference(lambda x: f(x, ...))"
        ) from None


def paired_leaves(x: Any, dx: Any, name: str) -> tuple[list[Any], list[Any], Any]:
    """The leaves of `x`, the leaf of `dx` for each of them, and x's structure.

    None in `dx` stands for a leaf or a whole branch of `x`.

    Raises:
        InvalidInput: `dx` has another structure than `x`; the message calls it `name`.
    """
    leaves, tree = jax.tree.flatten(x)
    dx_leaves, above = jax.tree.flatten(dx, is_leaf=lambda leaf: leaf is None)
    try:
        parts = above.flatten_up_to(x)
    except (ValueError, TypeError) as error:
        raise _structure_error(name, str(error).partition("\n")[0]) from None
    paired: list[Any] = []
    for part, dx_leaf in zip(parts, dx_leaves, strict=True):
        below = jax.tree.leaves(part)
        if dx_leaf is not None and not jax.tree_util.all_leaves([part]):
            raise _structure_error(name, f"{dx_leaf!r} stands for {len(below)} leaves")
        paired += [dx_leaf] * len(below)
    return leaves, paired, tree


def _structure_error(name: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"{name} has another structure than x ({why}): pass one number or array for "
        "each leaf of x, or None for a leaf that does not change"
    )


def _values_and_deltas(x: Any, dx: Any) -> tuple[list[Array], list[Delta], Any]:
    leaves, dx_leaves, tree = paired_leaves(x, dx, "dx")
    values = [as_value(leaf) for leaf in leaves]
    # In a compiled program, XLA must not know that x or dx are constants. It would
    # merge them with constants of f: `(x - 1) + 1e-12` into `x - 1`.
    hide = lax.optimization_barrier if is_traced(*leaves, *dx_leaves) else _identity
    deltas = [_as_delta(*each, hide) for each in zip(values, dx_leaves, strict=True)]
    return [hide(value) for value in values], deltas, tree


def _identity(array: Array) -> Array:
    return array


def _as_delta(value: Array, dx: Any, hide: Callable[[Array], Array]) -> Delta:
    if dx is None or getattr(dx, "dtype", None) == jax.dtypes.float0:
        return UNCHANGED
    if jnp.issubdtype(value.dtype, jax.dtypes.extended):
        raise InvalidInput(f"{value.dtype} cannot change: pass dx=None for this leaf")
    try:
        dx = jax_array(dx)
    except (TypeError, ValueError):
        raise InvalidInput(
            f"dx holds {dx!r} where x holds {value.dtype}: pass a number or an array"
        ) from None
    if is_inexact(dx) and not is_inexact(value):
        raise InvalidInput(
            f"dx holds {dx.dtype} where x holds {value.dtype}: integers change by "
            "whole numbers, truth values by True; pass None for no change"
        )
    if jnp.iscomplexobj(dx) and not jnp.iscomplexobj(value):
        raise InvalidInput(
            f"dx holds {dx.dtype} where x holds {value.dtype}: pass real numbers, or "
            "make x complex"
        )
    try:
        dx = jnp.broadcast_to(hide(dx.astype(value.dtype)), value.shape)
    except ValueError:
        raise InvalidInput(
            f"dx has shape {np.shape(dx)} where x has {value.shape}: pass the same "
            "shape, or a number"
        ) from None
    if is_inexact(value):
        return dx
    return value ^ dx if value.dtype == bool else value + dx


def _as_difference(value: Array, delta: Delta) -> Array:
    """The delta as `difference` returns it: integers subtracted, flips as True."""
    if is_inexact(value):
        return materialize(value, delta)
    if jnp.issubdtype(value.dtype, jax.dtypes.extended):
        return np.zeros(value.shape, jax.dtypes.float0)
    there = materialize(value, delta)
    return value ^ there if value.dtype == bool else there - value
