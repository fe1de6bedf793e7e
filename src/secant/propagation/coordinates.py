"""Slopes along directions and along coordinates, in blocks of bounded memory.

    ahead = f(x + dx) - f(x)        back = f(x - dx) - f(x)
    central slope = (ahead - back) / 2h    for dx = h d

`difference` propagates both changes without subtraction, so `h` may be tiny. This is
the one module that perturbs one coordinate at a time: `check_gradient`,
`derivative(…, method="difference")`, `value_and_gradient(loss, "weight")`, `compare`
and the page's explanations all call it.

Memory. Perturbing n coordinates side by side takes n times the memory of the
intermediate results of `f`. So the coordinates go through `f` in blocks: as many at
once as fit into `_BLOCK_BYTES`, by the shapes in f's own program. Inside a compiled
program, the blocks are the iterations of a loop (`map_in_blocks`). Outside, each block
is a separate call, after which the caller can report progress and Ctrl-C has an effect
(`call_in_blocks`).

Arithmetic. A nudge of one weight changes one neuron of the next layer, not all of them.
Where most of a program's changes are such slices, they are propagated as slices
(`secant.propagation.slices`), at a small part of the arithmetic and of the memory.
"""

import operator
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree

from secant.arrays import is_traced, jax_array, owned
from secant.errors import InvalidInput
from secant.propagation.delta import Array, is_inexact
from secant.propagation.difference import (
    as_value,
    difference,
    entry_difference,
    paired_leaves,
)
from secant.propagation.interpreter import Fallback
from secant.propagation.jaxpr_tools import AnyJaxpr, dependent_bytes, result_bytes
from secant.validation import Choice, RealNumber, validate

# The memory for the changes of one block, in bytes. On a CPU, they should stay in its
# caches: a coordinate of a Rosenbrock function of 2,000 numbers takes 14 µs
# in blocks of 16 to 60 MiB, 34 µs in blocks of 1 MiB, 70 µs in blocks of 230 MiB; one
# of a layer of 39,200 weights takes 0.3 ms up to 16 MiB and 0.7 ms at 210 MiB.
_CPU_BLOCK_BYTES = 2**24

# A GPU or TPU has no such caches, and starts a kernel for each operation of each block.
_BLOCK_BYTES = 2**28

# A block of more coordinates gains nothing, and makes a progress bar jump.
_MAX_BLOCK = 1_024

# An array of fewer entries is not worth the search for changes of slices; and the share
# of the memory of a whole change that such a one may take. Reading slices costs more
# than reading whole arrays.
MIN_SLICED = 1_024
_SLICED_SHARE = 0.25

# Up to this number of coordinates, a second, smaller program is compiled where blocks
# are four times as long and more: for a handful of coordinates, these take longer to
# compute than a small program to compile.
_FEW = 64


def both_ways(
    f: Callable[[Any], Any], x: Any, dx: Any, *, fallback: Fallback = "error"
) -> tuple[Any, Any, Any]:
    """`f(x)`, `f(x + dx) - f(x)` and `f(x - dx) - f(x)`.

    Args:
        f: As `difference` takes it.
        x: The point, a pytree of arrays.
        dx: The displacement, a pytree of x's structure, with None for no change.
        fallback: As `difference` takes it.

    Returns:
        Three pytrees of f's results' structure.

    Example:
        >>> value, ahead, back = both_ways(lambda x: x**2, 3.0, 1e-6)
        >>> float(value), float(ahead), float(back)
        (9.0, 6.00000...e-06, -5.99999...e-06)
    """
    change = difference(f, fallback=fallback)
    value, ahead = change(x, dx)
    return value, ahead, change(x, jax.tree.map(operator.neg, dx))[1]


def slope(
    f: Callable[[Any], Any],
    x: Any,
    direction: Any,
    h: float,
    *,
    order: Literal[1, 2] = 1,
    fallback: Fallback = "error",
) -> Any:
    """The central slope of `f` at `x` along a direction, by propagated differences.

        order 1: (f(x + h d) - f(x - h d)) / 2h
        order 2: (f(x + h d) - 2 f(x) + f(x - h d)) / h²

    The notebook's `numerical_diff` computes the same slope. This one loses no digits,
    in any dtype and for any `h`. Its only error is that of the formula: h²/6 times the
    third derivative (order 2: h²/12 times the fourth).

    Args:
        f: As `difference` takes it.
        x: The point, a pytree of arrays.
        direction: `d`, a pytree of x's structure, with None for no change.
        h: The step to both sides, in units of `d`; not 0.
        order: 1 or 2.
        fallback: As `difference` takes it.

    Returns:
        A pytree of f's results' structure, shapes and dtypes.

    Raises:
        InvalidInput: An argument is invalid, or f's result is not floating-point.
        MissingRule: `f` uses an operation that has no rule.

    Example:
        >>> float(slope(jnp.sin, 1.0, 1.0, 1e-4))
        0.540302...
        >>> float(slope(jnp.sin, 1.0, 1.0, 1e-4, order=2))
        -0.84147...
    """
    order = validate("order", order, Choice((1, 2)))
    if not is_traced(h):
        h = validate("h", h, RealNumber(example="1e-4"))
        if h == 0:
            raise InvalidInput("h is 0: pass a number other than 0, such as 1e-4")
    leaves, towards, tree = paired_leaves(x, direction, "direction")
    x = tree.unflatten(
        leaf if d is None else _as_real(leaf)
        for leaf, d in zip(leaves, towards, strict=True)
    )
    there = tree.unflatten(None if d is None else h * jax_array(d) for d in towards)
    if order == 1:
        _, ahead, back = both_ways(f, x, there, fallback=fallback)
        return jax.tree.map(lambda a, b: _over(_number(a) - b, 2 * h), ahead, back)

    def step(at: Any) -> Any:
        return difference(f, fallback=fallback)(at, there)[1]

    # [f(x + h) - f(x)] - [f(x) - f(x - h)]: the brackets and their difference are all
    # propagated.
    back = jax.tree.map(operator.neg, there)
    _, change = difference(step, fallback=fallback)(x, back)
    return jax.tree.map(lambda a: _over(-_number(a), h * h), change)


def displacement(x: Any, entries: Array, steps: Array) -> Any:
    """The `dx` that changes some entries of `x` and no others.

    Args:
        x: A pytree of arrays of floating-point numbers.
        entries: The positions of these entries in x's flat vector: one, or an array.
        steps: Their changes: an array of the same shape, or one number.

    Returns:
        A pytree like `x`, 0 at all other entries.

    Example:
        >>> displacement(jnp.zeros((2, 2)), 3, 0.5)
        Array([[0. , 0. ],
               [0. , 0.5]], dtype=float32)
    """
    flat, shaped = ravel_pytree(x)
    return shaped(jnp.zeros_like(flat).at[entries].set(steps))


def changes_along_coordinates(
    f: Callable[[Any], Any], x: Any, entries: Array, steps: Array
) -> Any:
    """`f(x + hᵢ eᵢ) - f(x)` for each of some coordinates, in blocks.

    Args:
        f: A function of one pytree, as `difference` takes it.
        x: A pytree of arrays of floating-point numbers.
        entries: The coordinates, by their positions in x's flat vector.
        steps: `h`, one number for each coordinate.

    Returns:
        f's results, each with one more axis in front, as long as `entries`.

    Example:
        >>> x = jnp.array([1.0, 2.0])
        >>> changes_along_coordinates(
        ...     lambda x: x[0] * x[1], x, jnp.arange(2), jnp.array([0.5, 0.5])
        ... )
        Array([1. , 0.5], dtype=float32)
    """
    x, entries, steps = jax.tree.map(owned, (x, entries, steps))
    nudge = nudge_of(f, x)
    return map_in_blocks(nudge.change, (entries, steps), nudge.bytes_each)


def central_slopes(
    f: Callable[[Any], Array], x: Any, entries: Array, h: float | Array
) -> Array:
    """`(f(x + h eᵢ) - f(x - h eᵢ)) / 2h` for each of some coordinates, in blocks.

    Args:
        f: A function of one pytree that returns an array of floating-point numbers.
        x: A pytree of real numbers.
        entries: The coordinates, by their positions in x's flat vector.
        h: The step of each coordinate, to both sides.

    Raises:
        InvalidInput: f's result is not floating-point.

    Example:
        >>> x = jnp.array([3.0, 4.0])
        >>> central_slopes(lambda x: (x**2).sum(), x, jnp.arange(2), 1e-4).round(5)
        Array([6., 8.], dtype=float32)
    """
    x, h = jax.tree.map(_as_real, x), owned(h)
    steps = jnp.full(len(entries), h, ravel_pytree(x)[0].dtype)
    slopes: Any = None
    for part, leaf, own, places in _by_leaf(f, x, entries):
        nudge = nudge_of(part, leaf)
        both = map_in_blocks(
            _to_both_sides(nudge.change), (own, steps[places]), 2 * nudge.bytes_each
        )
        both = _number(both)
        if slopes is None:
            slopes = jnp.zeros((len(entries), *both.shape[2:]), both.dtype)
        slopes = slopes.at[places].set(both[:, 0] - both[:, 1])
    return _over(slopes, 2 * h)


def one_sided_slopes(
    f: Callable[[Any], Array],
    x: Any,
    entries: Array,
    steps: Array,
    change: Callable[[Array, Array], Any] | None = None,
) -> tuple[Array, Array]:
    """The slopes ahead and behind along some coordinates, all at once.

        ahead = (f(x + hᵢ eᵢ) - f(x)) / hᵢ      behind = (f(x) - f(x - hᵢ eᵢ)) / hᵢ

    This is the program of one block, for `call_in_blocks`. Each coordinate takes twice
    the memory of its `Nudge`.

    Args:
        f: A function of one pytree that returns an array of floating-point numbers.
        x: A pytree of arrays of floating-point numbers.
        entries: The coordinates, by their positions in x's flat vector.
        steps: `h`, one number for each coordinate.
        change: That of a `Nudge`, if it is known already.

    Returns:
        Two arrays: f's result with one more axis in front, in float32 or wider. A
        quotient of changes in 16 bits has more digits than 16 bits hold.

    Example:
        >>> x = jnp.array([0.0, 2.0])
        >>> one_sided_slopes(lambda x: abs(x).sum(), x, jnp.arange(2), jnp.full(2, 0.5))
        (Array([1., 1.], dtype=float32), Array([-1.,  1.], dtype=float32))
    """
    both = jax.vmap(_to_both_sides(change or nudge_of(f, x).change))(entries, steps)
    both = both.astype(jnp.promote_types(both.dtype, jnp.float32))
    h = steps.astype(both.dtype).reshape(-1, *[1] * (both.ndim - 2))
    return both[:, 0] / h, -both[:, 1] / h


class Nudge(NamedTuple):
    """How a function changes if one coordinate of its argument moves.

    Attributes:
        change: `(entry, step) -> f(x + step e) - f(x)`.
        bytes_each: The memory that it takes, in bytes.
        in_slices: Whether it is propagated as a change of slices.
    """

    change: Callable[[Array, Array], Any]
    bytes_each: int
    in_slices: bool


def nudge_of(f: Callable[[Any], Any], x: Any) -> Nudge:
    """The change of a function by a nudge of one coordinate, as cheap as is known.

    Args:
        f: As `difference` takes it.
        x: The point, a pytree of arrays of floating-point numbers.

    Example:
        >>> x = jnp.ones((64, 64))
        >>> nudge = nudge_of(lambda w: jnp.sum(jnp.square(x @ w)), x)
        >>> float(nudge.change(3, 0.5)), nudge.in_slices
        (4112.0, True)
    """

    def whole(entry: Array, step: Array) -> Any:
        return difference(f)(x, displacement(x, entry, step))[1]

    bytes_each = change_bytes(jax.make_jaxpr(f)(x), x)
    leaves = jax.tree.leaves(x)
    if len(leaves) == 1 and x is leaves[0] and x.size >= MIN_SLICED:
        step = jnp.zeros((), x.dtype)
        sliced = partial(entry_difference, f, x)
        part, all_of_it = (
            dependent_bytes(jax.make_jaxpr(change)(0, step))
            for change in (sliced, whole)
        )
        if part <= _SLICED_SHARE * all_of_it:
            return Nudge(sliced, bytes_each * part // all_of_it, True)
    return Nudge(whole, bytes_each, False)


def _to_both_sides(
    change: Callable[[Array, Array], Any],
) -> Callable[[Array, Array], Array]:
    """The changes for the step and for minus the step, as the rows of an array.

    One program computes both rows. It holds the operations of f's change once instead
    of twice, so it compiles in half the time.
    """

    def both(entry: Array, step: Array) -> Array:
        steps = step * np.array([1, -1], step.dtype)
        return jax.vmap(partial(change, entry))(steps)

    return both


def _by_leaf(
    f: Callable[[Any], Any], x: Any, entries: Array
) -> Iterator[tuple[Callable[[Any], Any], Any, Array, Any]]:
    """Large leaves one by one, where a nudge may be a change of one slice; the rest.

    Yields:
        A function of a part of `x`; the part; the coordinates there; their places
        among all `entries`.
    """
    if is_traced(entries):
        yield f, x, entries, np.arange(len(entries))
        return
    numbers = np.asarray(entries)
    rest = np.arange(len(numbers))
    leaves, tree = jax.tree.flatten(x)
    starts = np.cumsum([0, *(leaf.size for leaf in leaves)])
    for i, leaf in enumerate(leaves if len(leaves) > 1 else ()):
        (own,) = np.nonzero((numbers >= starts[i]) & (numbers < starts[i + 1]))
        if len(own) < MIN_SLICED:
            continue

        def of_leaf(leaf: Array, i: int = i) -> Any:
            return f(tree.unflatten([*leaves[:i], leaf, *leaves[i + 1 :]]))

        yield of_leaf, leaf, jnp.asarray(numbers[own] - starts[i]), own
        rest = np.setdiff1d(rest, own)
    if len(rest) or not len(numbers):
        yield f, x, jnp.asarray(numbers[rest]), rest


def change_bytes(program: AnyJaxpr, x: Any) -> int:
    """The memory that one displacement of `x` takes in a program, in bytes.

    For `x` and for each intermediate result, this is the change and one more array that
    the change's rule computes. All displacements share the results themselves.

    Example:
        >>> x = jnp.zeros(100)
        >>> change_bytes(jax.make_jaxpr(jnp.sin)(x), x)
        1600
    """
    leaves = jax.tree.leaves(jax.eval_shape(lambda x: x, x))
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)
    return 2 * (size + result_bytes(program))


def block_length(bytes_each: int) -> int:
    """The number of rows in one block, if each takes `bytes_each` bytes.

    Example:
        >>> block_length(2**20)
        16
    """
    on_cpu = jax.default_backend() == "cpu"
    most = _CPU_BLOCK_BYTES if on_cpu else _BLOCK_BYTES
    return int(np.clip(most // max(bytes_each, 1), 1, _MAX_BLOCK))


def map_in_blocks(
    function: Callable[..., Any], rows: Sequence[Any], bytes_each: int
) -> Any:
    """`jax.vmap(function)(*rows)`, with no more rows at a time than memory allows.

    All blocks have the same length, so that they share one compiled body. The last
    block repeats the last row.

    Args:
        function: A function of one row of each pytree.
        rows: Pytrees of arrays with a common first axis.
        bytes_each: The memory for one row, in bytes.

    Example:
        >>> map_in_blocks(lambda a, b: a * b, (jnp.arange(3), jnp.arange(3)), 2**24)
        Array([0, 1, 4], dtype=int32)
    """
    count = len(jax.tree.leaves(rows)[0])
    blocks = -(-count // block_length(bytes_each))
    if blocks <= 1:
        return jax.vmap(function)(*rows)
    length = -(-count // blocks)
    padded = np.minimum(np.arange(blocks * length), count - 1)
    parts = jax.tree.map(
        lambda a: a[padded].reshape(blocks, length, *a.shape[1:]), tuple(rows)
    )
    found = lax.map(lambda block: jax.vmap(function)(*block), parts)
    return jax.tree.map(
        lambda a: a.reshape(blocks * length, *a.shape[2:])[:count], found
    )


def call_in_blocks(
    program: Callable[..., tuple[Any, ...]],
    rows: Sequence[np.ndarray],
    bytes_each: int,
    *,
    of: int,
    progress: Callable[[int], object] = lambda done: None,
) -> tuple[np.ndarray, ...]:
    """The results of a compiled program for all rows, with one call for each block.

    The program is compiled for one length, or for two if blocks are long: one for up to
    64 rows, one for more.

    Args:
        program: A function of one block of each of `rows`; it returns a tuple of arrays
            with the same first axis.
        rows: Arrays with a common first axis of at least one row.
        bytes_each: The memory for one row, in bytes.
        of: The largest number of rows, in this call or in others.
        progress: Called after each block with the number of its rows.

    Returns:
        The program's results for all rows.

    Example:
        >>> call_in_blocks(lambda x: (x + 1,), [np.arange(3)], 8, of=3)
        (array([1, 2, 3]),)
    """
    count = len(rows[0])
    most = 1 << (block_length(bytes_each).bit_length() - 1)
    length = min(_power_of_two(of), most)
    if count <= _FEW and length > 4 * _FEW:
        length = min(_FEW, most)
    found: list[tuple[np.ndarray, ...]] = []
    for start in range(0, count, length):
        block = [row[start : start + length] for row in rows]
        done = len(block[0])
        padded = [np.pad(row, (0, length - done), mode="edge") for row in block]
        found.append(tuple(np.asarray(part)[:done] for part in program(*padded)))
        progress(done)
    return tuple(map(np.concatenate, zip(*found, strict=True)))


def _power_of_two(number: int) -> int:
    """The smallest power of two that is at least `number`."""
    return 1 << max(number - 1, 0).bit_length()


def _over(a: Array, h: Any) -> Array:
    return a / jnp.asarray(h, a.dtype)


def _number(a: Array) -> Array:
    if not is_inexact(a):
        raise InvalidInput(
            f"f returns {a.dtype}, which has no slope: return a floating-point number"
        )
    return a


def _as_real(leaf: Any) -> Array:
    array = as_value(leaf)
    return array if is_inexact(array) else array.astype(float)
