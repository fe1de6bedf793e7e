"""Any Python function inside a JAX program: called from it, differentiated by nudges.

    y  = f(x)                                        by a callback to Python
    dy = J dx,  J_ij = (f_i(x + h e_j) - f_i(x - h e_j)) / 2h    by another

J does not depend on dx, so the second line is linear in it: JAX can transpose it, and
`grad` works as `jvp` does. (A difference along dx itself would cost two calls, and
could not be transposed.) The callback for J is again such a function, which is how
there are second derivatives.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any, Protocol, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from secant.arrays import Array, is_traced
from secant.errors import InvalidInput
from secant.slopes.checks import Floats, as_function, as_step, short
from secant.slopes.workers import Caller, Raised, calling

Struct: TypeAlias = jax.ShapeDtypeStruct

Point: TypeAlias = tuple[Array, ...]
"""The arrays among f's arguments, as NumPy arrays; the real ones float64."""


def as_jax(
    f: Callable[..., Any],
    result: Any = (),
    *,
    jacobian: Callable[..., Any] | None = None,
    step: float | None = None,
    vectorized: bool = False,
    workers: Any = None,
) -> Callable[..., Any]:
    """`f` as a function for `jit`, `grad`, `vmap` and `scan`, whatever it is made of.

    Args:
        f: Takes and returns numbers, NumPy arrays, or pytrees of them. Real arguments
            come as float64, whatever JAX's precision is, a scalar as a NumPy scalar.
            What is no array (an int, a string, None) comes as it is. It must be a
            function of its arguments alone, and not call JAX.
        result: What f returns, which JAX has to know before f is called: a shape, for
            an array of JAX's default float (`()`, a number, by itself); or a pytree of
            arrays or `jax.ShapeDtypeStruct`; or a function of the arguments' that gives
            either, as in `lambda x: x` for "like x".
        jacobian: A function of the same arguments that gives the derivatives, where you
            have them; they are found by nudging otherwise. Like `jax.jacobian(f)`: for
            each array of the result, something like the argument, with arrays of shape
            result + argument (so for a number, its gradient); for several arguments a
            tuple, with None for those that have no derivative.
        step: How far each number is nudged, times max(1, |x|). By itself 7e-4, right
            for a function with all digits of float64; a solver with a relative
            tolerance of 1e-6 has fewer, and wants 0.05.
        vectorized: f takes arrays with one more axis in front, for many points, and
            returns such. Under `vmap`, and for derivatives, it is called once for all.
        workers: For all nudges, and all points under `vmap`: a number of processes,
            or anything that works like `map`. See `secant.dask_workers`.

    Returns:
        A function of the same arguments. Its derivative is the central difference at
        two steps, extrapolated (Richardson): 4 calls of f for each number in the
        arguments that are differentiated with respect to, and for no other. Second
        derivatives are differences of differences, about 1e-9 exact in float64. NaN
        passes through.

    Raises:
        InvalidInput: `f` or an option cannot be worked with; an argument is complex; f
            returned something else than `result` says. What f raises passes through,
            from within `jit` as the text of a `jax.errors.JaxRuntimeError`.

    Example:
        >>> import math
        >>> wave = as_jax(lambda x: math.sin(x) * math.exp(-x))
        >>> jax.jit(jax.grad(wave))(1.0).round(4)
        Array(-0.1108, dtype=float32)
        >>> roots = as_jax(np.roots, (2,))
        >>> jax.jacobian(roots)(jnp.array([1.0, -3.0, 2.0])).round(3)
        Array([[ 4.,  2.,  1.],
               [-1., -1., -1.]], dtype=float32)
    """
    as_function(f)
    if jacobian is not None:
        as_function(jacobian, "jacobian")
    noise = np.finfo(float).eps if step is None else as_step(step) ** 5
    how = _How(f, jacobian, float(noise), vectorized, _Constant(workers))

    def call(*args: Any) -> Any:
        leaves, tree = jax.tree.flatten(args)
        kept = tuple(None if _is_array(leaf) else _Constant(leaf) for leaf in leaves)
        arrays = [jnp.asarray(leaf) for leaf in leaves if _is_array(leaf)]
        inputs = tuple(_struct(array, "an argument") for array in arrays)
        signature = _Signature(tree, kept)
        outputs, shaped = jax.tree.flatten(_described(result, signature.args(inputs)))
        source = _Values(how, signature, inputs, tuple(outputs), shaped)
        return jax.tree.unflatten(shaped, _call(source, *arrays))

    return call


# --- in JAX -----------------------------------------------------------------------


class _Source(Protocol):
    """What a callback computes. Equal ones are compiled once, so they can be hashed.

    Attributes:
        inputs: The arrays of a point.
        outputs: What comes of it.
        noise: The relative error of that.
    """

    inputs: tuple[Struct, ...]
    outputs: tuple[Struct, ...]

    @property
    def noise(self) -> float: ...

    def at(self, points: Sequence[Point]) -> list[tuple[Array, ...]]:
        """What comes of each point."""
        ...

    def slopes(self, active: tuple[int, ...]) -> "_Source":
        """Its derivatives: for each real output, by each of the active inputs."""
        ...


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _call(source: _Source, *arrays: Array) -> tuple[Array, ...]:
    if not is_traced(*arrays):
        # The same without a detour, and what f raises is raised as it is.
        return tuple(map(jnp.asarray, _Callback(source)(*arrays)))
    return jax.pure_callback(
        _Callback(source), source.outputs, *arrays, vmap_method="broadcast_all"
    )


def _rule(
    source: _Source, arrays: tuple[Array, ...], changes: tuple[Any, ...]
) -> tuple[tuple[Array, ...], tuple[Any, ...]]:
    # An input that nobody differentiates with respect to has a symbolic zero for its
    # change, and is not nudged.
    active = tuple(
        i
        for i, change in enumerate(changes)
        if _is_real(source.inputs[i])
        and not isinstance(change, jax.custom_derivatives.SymbolicZero)
    )
    blocks = iter(_call(source.slopes(active), *arrays) if active else ())

    def change_of(output: Struct) -> Any:
        if not _is_real(output):
            return np.zeros(output.shape, jax.dtypes.float0)
        total = jnp.zeros(output.shape, output.dtype)
        for i in active:
            change = changes[i].astype(output.dtype)
            # On GPUs products are rounded to ten bits unless one asks for more.
            total += jnp.tensordot(
                next(blocks), change, change.ndim, precision=jax.lax.Precision.HIGHEST
            )
        return total

    return _call(source, *arrays), tuple(map(change_of, source.outputs))


_call.defjvp(_rule, symbolic_zeros=True)


# --- in Python ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Callback:
    """What JAX calls, with JAX's arrays; `vmap` puts axes in front of all alike."""

    source: _Source

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        inputs, outputs = self.source.inputs, self.source.outputs
        # To NumPy before all else: a callback that computes with JAX may wait for ever
        # for the program that waits for it.
        numbers = [np.asarray(array) for array in arrays]
        # Whoever asks in float64, as `secant.difference` does to subtract, is answered
        # in it.
        wide = any(a.dtype != b.dtype for a, b in zip(numbers, inputs, strict=True))
        batch: tuple[int, ...] = ()
        if numbers:
            batch = numbers[0].shape[: numbers[0].ndim - len(inputs[0].shape)]
        count = int(np.prod(batch))
        flat = [
            array.reshape((count, *like.shape)).astype(_kind(like))
            for array, like in zip(numbers, inputs, strict=True)
        ]
        points = [tuple(a[k][()] for a in flat) for k in range(count)]
        with np.errstate(all="ignore"):
            found = self.source.at(points)
            return tuple(
                np.array([values[i] for values in found], _kind(like))
                .astype(_kind(like) if wide else like.dtype)
                .reshape((*batch, *like.shape))
                for i, like in enumerate(outputs)
            )


class _Constant:
    """An argument that is no array, as a part of what is compiled."""

    def __init__(self, value: Any) -> None:
        self.value = value
        # 1, 1.0 and True are equal, and are not the same to f.
        self._key = (type(value), value) if isinstance(value, Hashable) else id(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Constant) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@dataclass(frozen=True)
class _Signature:
    """Where the arrays stand among f's arguments, and what else there is."""

    tree: Any
    kept: tuple[_Constant | None, ...]

    def args(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        rest = iter(arrays)
        leaves = [next(rest) if one is None else one.value for one in self.kept]
        return jax.tree.unflatten(self.tree, leaves)


@dataclass(frozen=True)
class _How:
    """What was passed to `as_jax`."""

    f: Callable[..., Any]
    jacobian: Callable[..., Any] | None
    noise: float
    vectorized: bool
    workers: _Constant

    def call(self, f: Callable[..., Any], args: list[tuple[Any, ...]]) -> list[Any]:
        """The results of `f` for each tuple of arguments."""
        with calling(partial(_spread, f), self.workers.value) as call:
            results = call(args)
        for result in results:
            if isinstance(result, Raised):
                raise result.error
        return results


def _spread(f: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    return f(*args)


@dataclass(frozen=True)
class _Values:
    """f itself, as a `_Source`."""

    how: _How
    signature: _Signature
    inputs: tuple[Struct, ...]
    outputs: tuple[Struct, ...]
    shaped: Any

    @property
    def noise(self) -> float:
        return self.how.noise

    def at(self, points: Sequence[Point]) -> list[tuple[Array, ...]]:
        if self.how.vectorized:
            stacked = [np.array(arrays) for arrays in zip(*points, strict=True)]
            value = self.how.f(*self.signature.args(stacked))
            columns = self._checked(value, (len(points),))
            return list(zip(*columns, strict=True))
        args = [self.signature.args(_copied(point)) for point in points]
        return [tuple(self._checked(y)) for y in self.how.call(self.how.f, args)]

    def slopes(self, active: tuple[int, ...]) -> _Source:
        if self.how.jacobian is not None:
            return _Given(self, active)
        return _Slopes(self, active)

    def _checked(self, value: Any, batch: tuple[int, ...] = ()) -> list[Array]:
        leaves, tree = jax.tree.flatten(value)
        if tree != self.shaped:
            raise InvalidInput(
                f"f returned {_text(value)}, and result says {_text(self._result)}: "
                + ("has f a `return`?" if value is None else "let them agree")
            )
        return [
            _as_numbers(leaf, batch, like, "f returned", "result says")
            for leaf, like in zip(leaves, self.outputs, strict=True)
        ]

    @property
    def _result(self) -> Any:
        return jax.tree.unflatten(self.shaped, self.outputs)


@dataclass(frozen=True)
class _Slopes:
    """The derivatives of a source, by nudging its active inputs."""

    of: _Source
    active: tuple[int, ...]
    inputs: tuple[Struct, ...] = field(init=False)
    outputs: tuple[Struct, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", self.of.inputs)
        object.__setattr__(self, "outputs", _blocks(self.of, self.active))

    @property
    def noise(self) -> float:
        # What a formula of fourth order leaves at its best step, noise^(1/5).
        return self.of.noise**0.8

    def at(self, points: Sequence[Point]) -> list[tuple[Array, ...]]:
        return [self._at(point) for point in points]

    def slopes(self, active: tuple[int, ...]) -> _Source:
        return _Slopes(self, active)

    def _at(self, point: Point) -> tuple[Array, ...]:
        sizes = [int(np.prod(self.inputs[i].shape)) for i in self.active]
        edges = np.cumsum([0, *sizes])
        reals = [i for i, like in enumerate(self.of.outputs) if _is_real(like)]

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


@dataclass(frozen=True)
class _Given:
    """The derivatives of f that its author wrote."""

    of: _Values
    active: tuple[int, ...]
    inputs: tuple[Struct, ...] = field(init=False)
    outputs: tuple[Struct, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", self.of.inputs)
        object.__setattr__(self, "outputs", _blocks(self.of, self.active))

    @property
    def noise(self) -> float:
        return self.of.noise

    def at(self, points: Sequence[Point]) -> list[tuple[Array, ...]]:
        signature, how = self.of.signature, self.of.how
        args = [signature.args(_copied(point)) for point in points]
        assert how.jacobian is not None
        return [self._checked(value) for value in how.call(how.jacobian, args)]

    def slopes(self, active: tuple[int, ...]) -> _Source:
        return _Slopes(self, active)

    def _checked(self, value: Any) -> tuple[Array, ...]:
        reals = [i for i, like in enumerate(self.of.outputs) if _is_real(like)]
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
            by_input = [by_array(by_output[i]) for i in reals]
        except (ValueError, TypeError) as error:
            raise InvalidInput(
                f"jacobian returned {_text(value)}, which is not built like result "
                f"with each of its arrays replaced by the arguments ({error})"
            ) from None
        places = [k for k, one in enumerate(self.of.signature.kept) if one is None]
        chosen = [row[places[i]] for row in by_input for i in self.active]
        return tuple(
            _as_numbers(block, (), like, "jacobian returned", "result + argument is")
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


# Numbers that the nudged copies of a point may hold at a time.
_BLOCK = 2**20


# --- what came, checked -------------------------------------------------------------


def _blocks(of: _Source, active: tuple[int, ...]) -> tuple[Struct, ...]:
    return tuple(
        Struct((*output.shape, *of.inputs[i].shape), output.dtype)
        for output in of.outputs
        if _is_real(output)
        for i in active
    )


def _is_array(leaf: object) -> bool:
    if isinstance(leaf, np.ndarray | np.generic):
        return leaf.dtype.kind in "biufcV"
    return isinstance(leaf, jax.Array | float | complex)


def _is_real(like: Struct) -> bool:
    return jnp.issubdtype(like.dtype, jnp.floating)


def _kind(like: Struct) -> Any:
    """What f sees and what is reckoned with."""
    return np.float64 if _is_real(like) else like.dtype


def _struct(array: Any, what: str) -> Struct:
    dtype = jax.dtypes.canonicalize_dtype(array.dtype)
    if jnp.issubdtype(dtype, jnp.complexfloating):
        raise InvalidInput(
            f"{what} holds {dtype}, and as_jax knows real numbers: pass the real and "
            "the imaginary part"
        )
    return Struct(array.shape, dtype)


def _copied(point: Point) -> Point:
    # f may change what it is given.
    return tuple(np.copy(array)[()] for array in point)


def _described(result: Any, args: tuple[Any, ...]) -> Any:
    """The structs that `result` says."""
    if callable(result):
        result = result(*args)
    if isinstance(result, tuple) and all(type(length) is int for length in result):
        return Struct(result, jnp.result_type(float))

    def struct(leaf: Any) -> Struct:
        if isinstance(leaf, float):
            return Struct((), jnp.result_type(float))
        if not (hasattr(leaf, "shape") and hasattr(leaf, "dtype")):
            raise InvalidInput(
                f"result holds {short(leaf)}: pass a shape such as (3,), or arrays or "
                "jax.ShapeDtypeStructs like what f returns"
            )
        return _struct(leaf, "result")

    return jax.tree.map(struct, result)


def _as_numbers(
    value: Any, batch: tuple[int, ...], like: Struct, came: str, told: str
) -> Array:
    try:
        array = np.asarray(value)
    except Exception:  # a ragged list, a tensor that lives elsewhere
        array = np.asarray(None)
    if array.dtype.kind not in "biuf" and "float" not in array.dtype.name:
        what = array.dtype if array.dtype.kind == "c" else short(value)
        raise InvalidInput(f"{came} {what}, and {told} {like.dtype}: let them agree")
    shape = (*batch, *like.shape)
    if array.shape != shape:
        raise InvalidInput(
            f"{came} an array of shape {array.shape}, and {told} {shape}: let them agree"
        )
    return array.astype(_kind(like))


def _text(value: Any) -> str:
    return short(jax.tree.map(lambda leaf: getattr(leaf, "shape", leaf), value))
