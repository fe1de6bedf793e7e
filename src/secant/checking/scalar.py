"""What is checked, as a function of leaves that returns one number."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from secant.errors import InvalidInput


@dataclass(frozen=True)
class Scalar:
    """`f` as a function of the leaves of its argument that returns one number.

    Two of the same function are equal if it is one of `jax.jit`, so that what was
    compiled in one check serves the next. Others may read what has changed since.

    Attributes:
        f: The function of a pytree.
        structure: Of its argument.
        weighted: Whether its results, several numbers, are weighted at random.
        seed: Of these weights.
        check: Told apart from that of another check; None where nothing has to be.
    """

    f: Callable[[Any], Any]
    structure: Any
    weighted: bool = False
    seed: int = 0
    check: object = None

    def __call__(self, *leaves: Any) -> Any:
        """The number."""
        parts = floats_of(self.f(self.structure.unflatten(leaves)))
        if not self.weighted:
            return parts[0]
        draw = np.random.default_rng(self.seed)
        return sum(
            jnp.sum(part * jnp.asarray(draw.standard_normal(part.shape), part.dtype))
            for part in parts
        )


# Of so many functions what was compiled is kept: a program takes megabytes, and whoever
# checks one function after the other has no use for those of long ago.
_KEPT = 32


@lru_cache(maxsize=_KEPT)
def compiled(
    program: Callable[..., Any], f: Scalar, static_argnums: tuple[int, ...] = ()
) -> Callable[..., Any]:
    """`program(f, …)`, compiled once for an equal `f`, however often it is checked.

    Args:
        program: A function of JAX's.
        f: Its first argument.
        static_argnums: Which of the arguments after `f` are none of arrays.
    """
    return jax.jit(partial(program, f), static_argnums=static_argnums)


def as_scalar(
    f: Callable[[Any], Any], value: Any, structure: Any, *, given: bool, seed: int
) -> tuple[Scalar, list[str]]:
    """`f` made to return one number, with a note if that took anything.

    Args:
        f: The function of a pytree.
        value: What it returned.
        structure: Of its argument.
        given: Whether there is a gradient beside it, which is that of one number.
        seed: Of random weights.

    Raises:
        InvalidInput: It returns no floating-point number; or several, though `given`.
    """
    parts = floats_of(value)
    if not parts:
        raise InvalidInput(
            f"f returns {_described(value)}, in which there is no floating-point "
            "number: has f a `return`?"
        )
    check = None if isinstance(f, jax.stages.Wrapped) else object()
    if len(parts) == 1 and np.ndim(parts[0]) == 0:
        return Scalar(f, structure, check=check), []
    if given:
        raise InvalidInput(
            f"f returns {_described(value)}, and a gradient is that of one number: let "
            "it return one, as in lambda x: f(x).sum()"
        )
    note = f"f returns {_described(value)}: its entries were weighted at random"
    return Scalar(f, structure, weighted=True, seed=seed, check=check), [note]


def floats_of(value: Any) -> list[Any]:
    """The leaves of floating-point numbers in what a function returned."""
    return [leaf for leaf in jax.tree.leaves(value) if _has_floats(leaf)]


def _has_floats(leaf: Any) -> bool:
    # A PyTorch tensor's dtype is none of NumPy's.
    dtype = getattr(leaf, "dtype", None)
    return isinstance(leaf, float) if dtype is None else "float" in str(dtype)


def _described(value: Any) -> str:
    if value is None:
        return "None"
    if hasattr(value, "shape"):
        return f"an array of shape {tuple(value.shape)} and {value.dtype}"
    if isinstance(value, list | tuple | dict):
        return f"a {type(value).__name__} of {len(jax.tree.leaves(value))} values"
    return f"{value!r}"
