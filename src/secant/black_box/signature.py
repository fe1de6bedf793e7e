"""Which arrays go into a function and come out of it, and what else there is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from secant.arrays import Array
from secant.errors import InvalidInput, short

Struct: TypeAlias = jax.ShapeDtypeStruct

Point: TypeAlias = tuple[Array, ...]
"""The arrays among f's arguments, as NumPy arrays; the real ones float64."""


class NotReal(InvalidInput):
    """What came is complex, as a root is beyond the end of f's domain."""


class Constant:
    """Something that is no array, as a part of what is compiled.

    Args:
        value: What it is; compared by itself, or by its identity if it has no hash.
    """

    def __init__(self, value: Any) -> None:
        self.value = value
        try:
            hash(value)
        except TypeError:
            self._key: Any = id(value)
        else:
            # 1, 1.0 and True are equal, and are not the same to f.
            self._key = (type(value), value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@dataclass(frozen=True)
class Signature:
    """Where the arrays stand among f's arguments, and what else there is."""

    tree: Any
    kept: tuple[Constant | None, ...]

    def args(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """F's arguments, with these for the arrays among them."""
        rest = iter(arrays)
        leaves = [next(rest) if one is None else one.value for one in self.kept]
        return jax.tree.unflatten(self.tree, leaves)


def is_array(leaf: object) -> bool:
    """Whether an argument goes through JAX; all others come to f as they are."""
    if isinstance(leaf, np.ndarray | np.generic):
        return leaf.dtype.kind in "biufcV"
    return isinstance(leaf, jax.Array | float | complex)


def is_real(like: Struct) -> bool:
    """Whether it can be nudged, and has derivatives."""
    return jnp.issubdtype(like.dtype, jnp.floating)


def kind_of(like: Struct) -> Any:
    """What f sees and what is reckoned with."""
    return np.float64 if is_real(like) else like.dtype


def as_struct(array: Any, what: str) -> Struct:
    """Shape and dtype, as JAX will hold it.

    Raises:
        InvalidInput: It is complex.
    """
    dtype = jax.dtypes.canonicalize_dtype(array.dtype)
    if jnp.issubdtype(dtype, jnp.complexfloating):
        raise InvalidInput(
            f"{what} holds {dtype}, and as_jax knows real numbers: pass the real and "
            "the imaginary part"
        )
    return Struct(array.shape, dtype)


def copied(point: Point) -> Point:
    """A point that f may change."""
    return tuple(np.copy(array)[()] for array in point)


def described(result: Any, args: tuple[Any, ...]) -> Any:
    """What `result` says, as a pytree of structs.

    Raises:
        InvalidInput: It says nothing that f could return.
    """
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
        return as_struct(leaf, "result")

    return jax.tree.map(struct, result)


def as_numbers(
    value: Any, batch: tuple[int, ...], like: Struct, came: str, told: str
) -> Array:
    """What came as an array of the shape and the kind that was told.

    Raises:
        NotReal: It is complex.
        InvalidInput: It holds no numbers, or has another shape.
    """
    try:
        array = np.asarray(value)
    except Exception:  # a ragged list, a tensor that lives elsewhere
        array = np.asarray(None)
    if array.dtype.kind not in "biuf" and "float" not in array.dtype.name:
        is_complex = array.dtype.kind == "c"
        what = array.dtype if is_complex else short(value)
        raise (NotReal if is_complex else InvalidInput)(
            f"{came} {what}, and {told} {like.dtype}: let them agree"
        )
    shape = (*batch, *like.shape)
    if array.shape != shape:
        raise InvalidInput(
            f"{came} an array of shape {array.shape}, and {told} {shape}: let "
            "them agree"
        )
    return array.astype(kind_of(like))


def structure_of(value: Any) -> str:
    """A pytree with shapes in the place of its arrays, to be read."""
    return short(jax.tree.map(lambda leaf: getattr(leaf, "shape", leaf), value))
