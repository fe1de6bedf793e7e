"""Signature of a black box: its array arguments, its static arguments, its result."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from secant.arrays import Array
from secant.errors import InvalidInput, short_repr

Struct: TypeAlias = jax.ShapeDtypeStruct

Arguments: TypeAlias = tuple[Array, ...]
"""The array arguments of f as NumPy arrays; real ones are float64."""


class ComplexValueError(InvalidInput):
    """A complex value, such as a square root outside of f's domain."""


class StaticValue:
    """A value that is not an array, as a hashable part of a compiled program.

    Args:
        value: Any object; compared by value, or by identity if it has no hash.
    """

    def __init__(self, value: Any) -> None:
        self.value = value
        try:
            hash(value)
        except TypeError:
            self._key: Any = id(value)
        else:
            # 1, 1.0 and True are equal, but f may treat them differently.
            self._key = (type(value), value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StaticValue) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@dataclass(frozen=True)
class Signature:
    """The structure of f's arguments.

    Attributes:
        tree: The tree structure of the arguments.
        static: For each leaf, its static value, or None for an array.
    """

    tree: Any
    static: tuple[StaticValue | None, ...]

    def args(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments of f with these arrays."""
        rest = iter(arrays)
        leaves = [next(rest) if leaf is None else leaf.value for leaf in self.static]
        return jax.tree.unflatten(self.tree, leaves)


def is_array(leaf: object) -> bool:
    """Whether an argument goes through JAX; f gets all others unchanged."""
    if isinstance(leaf, np.ndarray | np.generic):
        return leaf.dtype.kind in "biufcV"
    return isinstance(leaf, jax.Array | float | complex)


def is_real(like: Struct) -> bool:
    """Whether the array is floating-point and therefore has derivatives."""
    return jnp.issubdtype(like.dtype, jnp.floating)


def computation_dtype(like: Struct) -> Any:
    """The dtype in which f gets and returns an array: float64 for real ones."""
    return np.float64 if is_real(like) else like.dtype


def as_struct(array: Any, name: str) -> Struct:
    """Shape and dtype of an array in JAX.

    Raises:
        InvalidInput: The array is complex.
    """
    dtype = jax.dtypes.canonicalize_dtype(array.dtype)
    if jnp.issubdtype(dtype, jnp.complexfloating):
        raise InvalidInput(
            f"{name} holds {dtype}, and as_jax supports only real numbers: pass the "
            "real and the imaginary part"
        )
    return Struct(array.shape, dtype)


def copy_point(point: Arguments) -> Arguments:
    """A copy of a point, which f may change."""
    return tuple(np.copy(array)[()] for array in point)


def result_structs(result: Any, args: tuple[Any, ...]) -> Any:
    """The pytree of structs that `result` describes.

    Raises:
        InvalidInput: `result` is not a description of arrays.
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
                f"result holds {short_repr(leaf)}: pass a shape such as (3,), or "
                "arrays or jax.ShapeDtypeStructs like what f returns"
            )
        return as_struct(leaf, "result")

    return jax.tree.map(struct, result)


def as_numbers(
    value: Any, batch: tuple[int, ...], like: Struct, subject: str, declaration: str
) -> Array:
    """The value as an array of the declared shape and dtype.

    Args:
        value: The value.
        batch: The axes in front of the declared shape.
        like: The declared shape and dtype.
        subject: The beginning of an error message, such as "f returned".
        declaration: The source of `like` in an error message: "result says".

    Raises:
        ComplexValueError: The value is complex.
        InvalidInput: The value holds no numbers, or has another shape.
    """
    try:
        array = np.asarray(value)
    except Exception:  # a ragged list, or a tensor on another device
        array = np.asarray(None)
    if array.dtype.kind not in "biuf" and "float" not in array.dtype.name:
        is_complex = array.dtype.kind == "c"
        content = array.dtype if is_complex else short_repr(value)
        raise (ComplexValueError if is_complex else InvalidInput)(
            f"{subject} {content}, and {declaration} {like.dtype}: make them equal"
        )
    shape = (*batch, *like.shape)
    if array.shape != shape:
        raise InvalidInput(
            f"{subject} an array of shape {array.shape}, and {declaration} {shape}: "
            "make them equal"
        )
    return array.astype(computation_dtype(like))


def shape_tree(value: Any) -> str:
    """The text of a pytree with shapes instead of its arrays."""
    return short_repr(jax.tree.map(lambda leaf: getattr(leaf, "shape", leaf), value))
