"""The point of a check: its leaves, and the function as one of these leaves."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from secant.arrays import Array, as_array, first_entry, is_traced, jax_array, owned
from secant.compat import quick_compilation
from secant.errors import InvalidInput
from secant.freed_memory import count_program

# For how many functions traced and compiled programs are kept. A program takes
# megabytes, and those of functions checked long ago are not needed again.
MAX_COMPILED = 32


Compilation: TypeAlias = Literal["full", "quick", "unoptimized"]
"""How much time to spend on compiling a program: for `compiled`."""


@dataclass(frozen=True)
class Point:
    """A pytree at which a gradient is checked.

    Attributes:
        leaves: All leaves, as they came.
        names: How one writes each: `x['W1']`.
        real: Which of them hold floating-point numbers: those are checked.
        structure: The tree.
    """

    leaves: tuple[Any, ...]
    names: tuple[str, ...]
    real: tuple[int, ...]
    structure: Any

    @classmethod
    def of(cls, x: Any) -> "Point":
        """The leaves of a pytree.

        Raises:
            InvalidInput: It holds no floating-point number, a complex one, or one
                that is not finite.
        """
        paths, structure = jax.tree_util.tree_flatten_with_path(x)
        names = tuple("x" + jax.tree_util.keystr(path) for path, _ in paths)
        leaves = tuple(_as_leaf(leaf) for _, leaf in paths)
        real = tuple(i for i, leaf in enumerate(leaves) if _is_real(leaf))
        for name, leaf in zip(names, leaves, strict=True):
            _validate(name, leaf)
        if not real:
            raise InvalidInput(
                "x holds no floating-point number, so there is no gradient to check: "
                "pass floats, as in x=1.0 or np.array([1.0, 2.0])"
            )
        return cls(leaves, names, real, structure)

    @property
    def double(self) -> bool:
        """Whether `x` holds float64, which JAX has only if it is switched on."""
        return any(np.dtype(self.leaves[i].dtype) == np.float64 for i in self.real)

    def scales(self, leaf: int) -> np.ndarray:
        """The typical size of each coordinate of a leaf of floats, for its tolerance.

        max(|x|, the root of the mean of x²), or 1 where all are 0
        """
        x = abs(as_float64(self.leaves[self.real[leaf]]))
        typical = np.sqrt(np.mean(x**2)) if x.size else 0.0
        return np.maximum(x, typical or 1.0)

    def nudge_sizes(self, leaf: int, least: float) -> np.ndarray:
        """The size of each coordinate of a leaf of floats, for its nudge.

        |x|, so that no nudge leaves the domain of log at 10⁻⁶ beside 100. A 0, and what
        is below `least`, has the root of the mean of x² over the leaf, and at most 1.
        """
        x = abs(as_float64(self.leaves[self.real[leaf]]))
        return np.where(x > least, x, np.minimum(self.scales(leaf), 1.0))

    def tree(self, leaves: Sequence[Any]) -> Any:
        """The pytree with other leaves, which are copied: f may write into its own."""
        return self.structure.unflatten(map(owned, leaves))

    def with_real(self, values: Sequence[Any]) -> list[Any]:
        """All leaves, those of floats replaced."""
        leaves = list(self.leaves)
        for i, value in zip(self.real, values, strict=True):
            leaves[i] = value
        return leaves

    def arrays_of(self, gradient: Any, name: str = "gradient") -> list[np.ndarray]:
        """The arrays of a gradient, one for each leaf of floats, in float64.

        Raises:
            InvalidInput: The gradient is another tree than x, or holds no arrays.
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


@dataclass(frozen=True)
class ScalarFunction:
    """`f` as a function of the leaves of its argument that returns one number.

    If `f` is a function of `jax.jit`, two of these are equal, so that the next check
    uses what the first one compiled. Any other `f` may read a value that has changed
    since, so that each check compiles its own.

    Attributes:
        f: The function of a pytree.
        structure: The tree of its argument.
        weighted: Whether it returns several numbers, which are weighted at random.
        seed: For these weights.
        check: An object of this check alone; None if programs may be shared.
    """

    f: Callable[[Any], Any]
    structure: Any
    weighted: bool = False
    seed: int = 0
    check: object = None

    def __call__(self, *leaves: Any) -> Any:
        """The number."""
        return self.number_of(self.f(self.structure.unflatten(map(owned, leaves))))

    def number_of(self, result: Any) -> Any:
        """The number that a result of `f` stands for."""
        parts = _floats_of(result)
        if not self.weighted:
            return parts[0]
        rng = np.random.default_rng(self.seed)
        return sum(jnp.sum(part * _weights(rng, part)) for part in parts)


def scalar_function(
    f: Callable[[Any], Any], point: Point, *, single: bool, seed: int
) -> tuple[ScalarFunction, float, list[str]]:
    """`f` as a function that returns one number, that number at the point, and notes.

    Args:
        f: The function of a pytree.
        point: Where.
        single: Whether `f` has to return one number, because a gradient was given.
        seed: For random weights.

    Raises:
        InvalidInput: `f` returns no floating-point number, or several if `single`.
    """
    result = _result(f, point)
    parts = _floats_of(result)
    if not parts:
        raise InvalidInput(
            f"f returns {_described(result)}, in which there is no floating-point "
            "number: has f a `return`?"
        )
    weighted = len(parts) > 1 or np.ndim(parts[0]) > 0
    if weighted and single:
        # A loss often comes with its gradient, or with what it was made of.
        first = isinstance(result, list | tuple) and result and _is_number(result[0])
        raise InvalidInput(
            f"f returns {_described(result)}, and a gradient is that of one number: "
            f"let it return one, as in lambda x: f(x){'[0]' if first else '.sum()'}"
        )
    notes = []
    if weighted:
        notes = [f"f returns {_described(result)}: its entries were weighted at random"]
    check = None if isinstance(f, jax.stages.Wrapped) else object()
    scalar = ScalarFunction(
        f, point.structure, weighted, seed if weighted else 0, check
    )
    return scalar, float(scalar.number_of(result)), notes


def _result(f: Callable[[Any], Any], point: Point) -> Any:
    """`f` at the point, by one program in place of one for each of its operations.

    A function of `jax.jit` has its own program. What JAX cannot trace, or what returns
    other things than arrays of JAX, is called as it is.
    """

    def traced(*leaves: Any) -> Any:
        result = f(point.tree(leaves))
        if not all(map(is_traced, jax.tree.leaves(result))):
            raise TypeError
        return result

    if not isinstance(f, jax.stages.Wrapped):
        options = quick_compilation(optimized=False)
        with suppress(Exception):  # f may raise anything, and is asked again
            return jax.jit(traced, compiler_options=options)(*point.leaves)
    return f(point.tree(point.leaves))


@lru_cache(maxsize=MAX_COMPILED)
def compiled(
    program: Callable[..., Any],
    f: ScalarFunction,
    static_argnums: tuple[int, ...] = (),
    *,
    compilation: Compilation = "full",
) -> Callable[..., Any]:
    """`program(f, …)`, compiled once for an equal `f`, however often it is checked.

    Args:
        program: A function that JAX can trace.
        f: Its first argument.
        static_argnums: Which of the arguments after `f` are not arrays.
        compilation: "full": as JAX does; "quick" and "unoptimized": by
            `quick_compilation`. Programs of differences have so many operations that
            compiling them may take longer than running them.
    """
    count_program()
    options = None
    if compilation != "full":
        options = quick_compilation(optimized=compilation == "quick")
    return jax.jit(
        partial(program, f), static_argnums=static_argnums, compiler_options=options
    )


def as_float64(array: Any) -> np.ndarray:
    """Any float array in NumPy's float64, bfloat16 among them."""
    return np.asarray(array).astype(np.float64)


def in_kind_of(leaf: Any, array: np.ndarray) -> Any:
    """An array of NumPy if the leaf is one, of JAX if it is not."""
    return array if isinstance(leaf, np.ndarray) else jax_array(array)


def coarsest(dtypes: Iterable[Any]) -> np.dtype:
    """The dtype with the fewest digits: no result can be better than it."""
    return np.dtype(max(dtypes, key=lambda dtype: float(jnp.finfo(dtype).eps)))


def _as_leaf(leaf: Any) -> Any:
    if isinstance(leaf, jax.Array | np.ndarray):
        return leaf
    if isinstance(leaf, float):
        # In JAX's default float, as JAX itself takes it.
        return jnp.asarray(leaf)
    return as_array(leaf, "x", np)


def _is_real(leaf: Array) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.floating)


def _validate(name: str, leaf: Array) -> None:
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
        raise InvalidInput(f"{name} is no array of numbers: pass numbers")
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
        # NumPy cannot read a PyTorch tensor that still belongs to a graph.
        part = part.detach().cpu()
    try:
        array = np.asarray(part)
        return array.astype(np.float64)
    except (TypeError, ValueError):
        raise InvalidInput(
            f"{name} is {type(part).__name__}: give an array of real numbers"
        ) from None


def _floats_of(result: Any) -> list[Any]:
    """The leaves of floating-point numbers in the result of a function."""
    return [leaf for leaf in jax.tree.leaves(result) if _has_floats(leaf)]


def _weights(rng: np.random.Generator, part: Any) -> Array:
    return jnp.asarray(rng.standard_normal(np.shape(part)), jnp.result_type(part))


def _is_number(part: Any) -> bool:
    return _has_floats(part) and np.ndim(part) == 0


def _has_floats(leaf: Any) -> bool:
    # The dtype of a PyTorch tensor is not one of NumPy's.
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
