"""Any Python function inside a JAX program: called from it, differentiated by nudges.

    y  = f(x)                                        by a callback to Python
    dy = J dx,  J_ij = lim (f_i(x + h e_j) - f_i(x - h e_j)) / 2h    by another

J does not depend on dx, so the second line is linear in it: JAX can transpose it, and
`grad` works as `jvp` does. (A difference along dx itself would cost two calls, and
could not be transposed.) The callback for J is again such a function, which is how
there are second derivatives.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from secant.arrays import Array, is_traced
from secant.black_box.signature import (
    Constant,
    Signature,
    Struct,
    as_struct,
    described,
    is_array,
    is_real,
    kind_of,
)
from secant.black_box.sources import Source, Values
from secant.derivatives.validation import STEP_SIZE, as_function
from secant.validation import Or, validate


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
        step: The step to begin with, times max(1, |x|). By itself it is found for
            each number: from its size, from how f bends, and from f's noise.
        vectorized: f takes arrays with one more axis in front, for many points, and
            returns such. Under `vmap`, and for derivatives, it is called once for all.
        workers: For all nudges, and all points under `vmap`: a number of processes,
            or anything that works like `map`. See `secant.dask_workers`.

    Returns:
        A function of the same arguments. Its derivative is that of `secant.jacobian`:
        central differences at several steps, extrapolated, 4 to 12 calls of f for
        each number in the arguments that are differentiated with respect to, for no
        other, and more where f is noisy. Each entry is right by itself, however small
        beside others: to float32's last digits, or in float64 to about 1e-12. Second
        derivatives are differences of differences, right to about 1e-9 of the largest
        in a column. NaN passes through, and is the slope where f is NaN nearby.

    Raises:
        InvalidInput: `f` or an option cannot be worked with; an argument is complex; f
            returned something else than `result` says. What f raises passes through,
            from within `jit` as the text of a `jax.errors.JaxRuntimeError`.

    Example:
        >>> import math
        >>> wave = as_jax(lambda x: math.sin(x) * math.exp(-x))
        >>> round(float(jax.jit(jax.grad(wave))(1.0)), 4)
        -0.1108
        >>> roots = as_jax(np.roots, (2,))
        >>> jax.jacobian(roots)(jnp.array([1.0, -3.0, 2.0])).round(3)
        Array([[-4., -2., -1.],
               [ 1.,  1.,  1.]], dtype=float32)
    """
    as_function(f)
    if jacobian is not None:
        as_function(jacobian, "jacobian")
    begin = validate("step", step, Or(STEP_SIZE, None))

    def call(*args: Any) -> Any:
        leaves, tree = jax.tree.flatten(args)
        kept = tuple(None if is_array(leaf) else Constant(leaf) for leaf in leaves)
        arrays = [jnp.asarray(leaf) for leaf in leaves if is_array(leaf)]
        inputs = tuple(as_struct(array, "an argument") for array in arrays)
        signature = Signature(tree, kept)
        outputs, shaped = jax.tree.flatten(described(result, signature.args(inputs)))
        source = Values(
            Constant(f),
            Constant(jacobian),
            signature,
            inputs,
            tuple(outputs),
            shaped,
            begin,
            vectorized,
            Constant(workers),
        )
        return jax.tree.unflatten(shaped, _call(source, *arrays))

    return call


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _call(source: Source, *arrays: Array) -> tuple[Array, ...]:
    if not is_traced(*arrays):
        # The same without a detour, and what f raises is raised as it is.
        return tuple(map(jnp.asarray, Callback(source)(*arrays)))
    return jax.pure_callback(
        Callback(source), source.outputs, *arrays, vmap_method="broadcast_all"
    )


def _rule(
    source: Source, arrays: tuple[Array, ...], changes: tuple[Any, ...]
) -> tuple[tuple[Array, ...], tuple[Any, ...]]:
    # An input that nobody differentiates with respect to has a symbolic zero for its
    # change, and is not nudged.
    active = tuple(
        i
        for i, change in enumerate(changes)
        if is_real(source.inputs[i])
        and not isinstance(change, jax.custom_derivatives.SymbolicZero)
    )
    blocks = iter(_call(source.slopes(active), *arrays) if active else ())

    def change_of(output: Struct) -> Any:
        if not is_real(output):
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


@dataclass(frozen=True)
class Callback:
    """What JAX calls, with JAX's arrays; `vmap` puts axes in front of all alike."""

    source: Source

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """What the source gives for each point, stacked as the points are."""
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
            array.reshape((count, *like.shape)).astype(kind_of(like))
            for array, like in zip(numbers, inputs, strict=True)
        ]
        points = [tuple(a[k][()] for a in flat) for k in range(count)]
        source = self.source.finer() if wide else self.source
        with np.errstate(all="ignore"):
            found = source.at(points)
            return tuple(
                np.array([values[i] for values in found], kind_of(like))
                .astype(kind_of(like) if wide else like.dtype)
                .reshape((*batch, *like.shape))
                for i, like in enumerate(outputs)
            )
