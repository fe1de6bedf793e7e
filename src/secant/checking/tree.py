"""The point of a check: a pytree, seen as a list of named arrays."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from secant.arrays import Array, first_entry, is_traced
from secant.errors import InvalidInput


@dataclass(frozen=True)
class Point:
    """A pytree at which a gradient is checked.

    Attributes:
        leaves: All leaves, as they came.
        names: How one would write each: `x['W1']`.
        real: Which of them hold floating-point numbers: those are checked.
        structure: The tree.
    """

    leaves: tuple[Any, ...]
    names: tuple[str, ...]
    real: tuple[int, ...]
    structure: Any

    @classmethod
    def of(cls, x: Any) -> "Point":
        """Takes a pytree apart.

        Raises:
            InvalidInput: It holds no floating-point number, a complex one, or one
                that is not finite.
        """
        paths, structure = jax.tree_util.tree_flatten_with_path(x)
        names = tuple("x" + jax.tree_util.keystr(path) for path, _ in paths)
        leaves = tuple(_as_leaf(leaf) for _, leaf in paths)
        real = tuple(i for i, leaf in enumerate(leaves) if _is_real(leaf))
        for name, leaf in zip(names, leaves, strict=True):
            _refuse(name, leaf)
        if not real:
            raise InvalidInput(
                "x holds no floating-point number, so there is no gradient to check: "
                "pass floats, as in x=1.0 or np.array([1.0, 2.0])"
            )
        return cls(leaves, names, real, structure)

    @property
    def double(self) -> bool:
        """Whether JAX has to be let have float64 for what came."""
        return any(np.dtype(self.leaves[i].dtype) == np.float64 for i in self.real)

    def scales(self, leaf: int) -> np.ndarray:
        """The size of each coordinate of a leaf of floats: a nudge is small beside it.

        max(|x|, the root of the mean of x²), or 1 where all are 0
        """
        x = abs(as_float64(self.leaves[self.real[leaf]]))
        typical = np.sqrt(np.mean(x**2)) if x.size else 0.0
        return np.maximum(x, typical or 1.0)

    def tree(self, leaves: Sequence[Any]) -> Any:
        """The pytree with other leaves."""
        return self.structure.unflatten(leaves)

    def with_real(self, values: Sequence[Any]) -> list[Any]:
        """All leaves, those of floats replaced."""
        leaves = list(self.leaves)
        for i, value in zip(self.real, values, strict=True):
            leaves[i] = value
        return leaves

    def claimed(self, gradient: Any, name: str = "gradient") -> list[np.ndarray]:
        """The arrays of a gradient, one for each leaf of floats.

        Raises:
            InvalidInput: It is another tree.
        """
        try:
            parts = self.structure.flatten_up_to(gradient)
        except (ValueError, TypeError) as error:
            why = str(error).partition("\n")[0]
            raise InvalidInput(
                f"{name} has another structure than x ({why}): give an array for each "
                "leaf of x, in the same containers"
            ) from None
        return [_as_floats(parts[i], f"{name} of {self.names[i]}") for i in self.real]


def as_float64(array: Any) -> np.ndarray:
    """Any float array in NumPy's float64, bfloat16 among them."""
    return np.asarray(array).astype(np.float64)


def in_kind_of(leaf: Any, array: np.ndarray) -> Any:
    """An array of NumPy if the leaf is one, of JAX if it is not."""
    return array if isinstance(leaf, np.ndarray) else jnp.asarray(array)


def coarsest(dtypes: Iterable[Any]) -> np.dtype:
    """The dtype of fewest digits: no result can be better than it."""
    return np.dtype(max(dtypes, key=lambda dtype: float(jnp.finfo(dtype).eps)))


def _as_leaf(leaf: Any) -> Any:
    if isinstance(leaf, jax.Array | np.ndarray):
        return leaf
    if isinstance(leaf, float):
        # As JAX would take it: in its default float.
        return jnp.asarray(leaf)
    return np.asarray(leaf)


def _is_real(leaf: Array) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.floating)


def _refuse(name: str, leaf: Array) -> None:
    if is_traced(leaf):
        raise InvalidInput(
            f"{name} is traced by JAX (jit, vmap or grad) and has no values: check "
            "outside of the traced function"
        )
    if jnp.issubdtype(leaf.dtype, jnp.complexfloating):
        raise InvalidInput(
            f"{name} is complex: check f as a function of two real arrays, as in "
            "lambda p: f(p[0] + 1j * p[1])"
        )
    if leaf.dtype == object:
        raise InvalidInput(f"{name} is not an array of numbers: pass numbers")
    if _is_real(leaf):
        values = as_float64(leaf)
        wrong = ~np.isfinite(values)
        if wrong.any():
            raise InvalidInput(
                f"{first_entry(name, wrong)} is {values[wrong][0]}: a gradient can be "
                "checked at finite points only"
            )


def _as_floats(part: Any, name: str) -> np.ndarray:
    if part is None:
        raise InvalidInput(f"{name} is None: give an array, of zeros if f ignores it")
    if hasattr(part, "detach"):
        # A PyTorch tensor that still hangs in its graph refuses NumPy.
        part = part.detach().cpu()
    try:
        array = np.asarray(part)
        return array.astype(np.float64)
    except (TypeError, ValueError):
        raise InvalidInput(
            f"{name} is {type(part).__name__}: give an array of real numbers"
        ) from None
