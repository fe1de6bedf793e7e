"""Array namespaces: one implementation for NumPy and JAX.

Secant's mathematics is written once, in terms of `xp`, the namespace of the arguments:
`numpy` for NumPy arrays and plain Python numbers, `jax.numpy` for JAX arrays and for
the tracers of `jit`, `vmap` and `grad`. This module never imports JAX: a caller that
holds a JAX array has imported it.
"""

import sys
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from secant.errors import InvalidInput

__all__ = [
    "Array",
    "ArrayLike",
    "as_array",
    "as_real",
    "namespace",
]

Array: TypeAlias = Any
"""A NumPy array, a JAX array or a JAX tracer."""

ArrayLike: TypeAlias = Any
"""An array, a number, or a list of numbers or of lists."""


def namespace(*arrays: object) -> ModuleType:
    """The array namespace of the arguments: JAX's if one of them is a JAX array.

    Example:
        >>> namespace([1, 2]).__name__
        'numpy'
    """
    for array in arrays:
        find = getattr(array, "__array_namespace__", None)
        if find is not None and (xp := find()) is not np:
            return xp
    return np


def is_traced(*arrays: object) -> bool:
    """Whether an argument is a JAX tracer, which has no values."""
    jax = sys.modules.get("jax")
    return jax is not None and any(isinstance(a, jax.core.Tracer) for a in arrays)


def owned(x: Any) -> Any:
    """`x`, copied if it is a NumPy array, for functions that pass it on to JAX.

    On a CPU, JAX reads a NumPy array after the call has returned, and so do
    `jnp.asarray` and `jnp.array`. A caller who refills its array in the meantime would
    change the result.

    Example:
        >>> weights = np.ones(3)
        >>> owned(weights) is weights, owned("text")
        (False, 'text')
    """
    return x.copy() if isinstance(x, np.ndarray) else x


def jax_array(x: ArrayLike, dtype: Any = None) -> Array:
    """`x` as a JAX array, in JAX's own dtype for it or in another; NumPy's are copied.

    `jnp.asarray(x)` compiles a program for each new shape of a NumPy array, which takes
    some 10 ms and memory that stays; so does a conversion in JAX. Here NumPy converts,
    and nothing is compiled.

    Raises:
        TypeError: JAX has no such arrays, such as those of texts.
        InvalidInput: It is a tensor of PyTorch that NumPy cannot read.

    Example:
        >>> jax_array(np.array([1.0, 2.0]))
        Array([1., 2.], dtype=float32)
    """
    import jax.numpy as jnp
    from jax.dtypes import canonicalize_dtype

    if is_tensor(x):
        x = _read_tensor(x, "an argument")
    # Constants in JAX's programs are arrays of NumPy that may be weakly typed.
    weak = getattr(x, "weak_type", False)
    if weak or not isinstance(x, np.ndarray) or np.ma.isMA(x):
        return jnp.asarray(owned(x), dtype)
    # The canonical one: constants may be of 64 bits although JAX has only 32.
    dtype = canonicalize_dtype(jnp.result_type(x if dtype is None else dtype))
    with np.errstate(over="ignore"):  # float32 ends earlier than float64
        return jnp.asarray(np.array(x, dtype), dtype)


def is_tensor(x: object) -> bool:
    """Whether an argument is a tensor of PyTorch, which is not imported for this."""
    return hasattr(x, "detach")


def _read_tensor(tensor: Any, name: str) -> np.ndarray:
    """A tensor of PyTorch as an array of NumPy, which may share its memory."""
    try:
        return np.asarray(tensor)
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        here, dtype = str(tensor.device) == "cpu", str(tensor.dtype)
        instead = "tensor" if " " in name else name
        instead += ".detach()" if tensor.requires_grad else ""
        instead += "" if here else ".cpu()"
        # The floats that NumPy does not have.
        instead += ".float()" if "bfloat16" in dtype or "float8" in dtype else ""
        raise InvalidInput(
            f"{name} is a tensor of {dtype} that NumPy cannot read ({reason}): pass "
            f"{instead}"
        ) from None


def as_array(x: ArrayLike, name: str, xp: ModuleType | None = None) -> Array:
    """`x` as an array of any dtype.

    Raises:
        InvalidInput: It has no shape, such as lists of unequal lengths; it is a masked
            array in which values are missing; or it is a tensor of PyTorch that NumPy
            cannot read.

    Example:
        >>> as_array([[1, 2], [3]], "x")
        Traceback (most recent call last):
        secant.errors.InvalidInput: x is not an array of numbers (...): pass one ...
    """
    xp = xp or namespace(x)
    if np.ma.is_masked(x):  # an array would have the numbers beneath the mask
        raise InvalidInput(
            f"{name} is a masked array, and {np.ma.count_masked(x):,} of its values "
            f"are missing: remove those samples, or fill them with {name}.filled(…)"
        )
    if is_tensor(x):
        x = _read_tensor(x, name)
    try:
        return np.asarray(x) if xp is np else jax_array(x)
    except (TypeError, ValueError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
        raise InvalidInput(
            f"{name} is not an array of numbers ({reason}): pass one array, or lists "
            "whose rows are equally long"
        ) from None


def as_real(x: ArrayLike, name: str, xp: ModuleType | None = None) -> Array:
    """`x` as a real floating-point array.

    Floats keep their dtype. Integers and booleans become the default float (NumPy:
    float64, JAX: float32 unless x64 is on).

    Raises:
        InvalidInput: `x` holds other values than real numbers.

    Example:
        >>> as_real([3, 4], "x")
        array([3., 4.])
        >>> as_real("three", "x")
        Traceback (most recent call last):
        secant.errors.InvalidInput: x holds <U5, not real numbers: pass numbers
    """
    xp = xp or namespace(x)
    array = as_array(x, name, xp)
    # bfloat16 and similar dtypes are floating in JAX and unknown to NumPy's hierarchy.
    if xp is not np and xp.issubdtype(array.dtype, xp.floating):
        return array
    if array.dtype.kind == "f":
        return array
    if array.dtype.kind in "iub":
        return array.astype(xp.asarray(0.0).dtype)
    if "float" in array.dtype.name:
        raise InvalidInput(
            f"{name} holds {array.dtype}, and NumPy cannot compute with it: pass a JAX "
            f"array, or {name}.astype(np.float32)"
        )
    raise InvalidInput(f"{name} holds {array.dtype}, not real numbers: pass numbers")


def first_entry(name: str, mask: np.ndarray) -> str:
    """The first true entry of `mask` in Python's notation.

    Example:
        >>> first_entry("y", np.array([[False, False], [False, True]]))
        'y[1, 1]'
        >>> first_entry("y", np.array(True))
        'y'
    """
    if mask.ndim == 0:
        return name
    index = np.unravel_index(int(np.argmax(mask)), mask.shape)
    return f"{name}[{', '.join(str(i) for i in index)}]"
