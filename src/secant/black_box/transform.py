"""The function that makes a Python function usable in a JAX program.

    y  = f(x)                                        by a callback to Python
    dy = J dx,  J_ij = lim (f_i(x + h e_j) - f_i(x - h e_j)) / 2h    by another

J does not depend on dx, so the second line is linear in dx: JAX can transpose it, and
`grad` works like `jvp`. (A difference along dx itself would cost two calls, but JAX
could not transpose it.) The callback for J is such a function again, which gives
second derivatives.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from secant.arrays import Array, is_traced, jax_array
from secant.black_box.signature import (
    Signature,
    StaticValue,
    Struct,
    as_struct,
    computation_dtype,
    is_array,
    is_real,
    result_structs,
)
from secant.black_box.sources import FunctionValues, Source
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
    """`f` as a function for `jit`, `grad`, `vmap` and `scan`, in any Python code.

    Args:
        f: Takes and returns numbers, NumPy arrays, or pytrees of them. It gets real
            arguments as float64 at any precision of JAX, and scalars as NumPy scalars.
            It gets arguments that are not arrays (an int, a string, None) unchanged.
            It must depend on its arguments only, and must not call JAX.
        result: The structure of f's result, which JAX needs before the first call: a
            shape, for an array of JAX's default float (the default `()` is a number);
            or a pytree of arrays or `jax.ShapeDtypeStruct`; or a function of the
            arguments that returns either, such as `lambda x: x` for "like x".
        jacobian: A function of the same arguments that returns the derivatives, in
            the structure of `jax.jacobian(f)`: for each array of the result, the
            structure of the argument with arrays of shape result + argument (for a
            number, its gradient); for several arguments a tuple, with None for those
            without a derivative. By default the derivatives are numerical.
        step: The first step, times max(1, |x|). By default each number gets its own,
            from its size, from the curvature of f, and from f's noise.
        vectorized: Whether f takes and returns arrays with one more axis in front, for
            many points. Derivatives and `vmap` then need a single call.
        workers: The number of processes for all perturbations and all points under
            `vmap`, or a callable like `map`. See `secant.dask_workers`.

    Returns:
        A function of the same arguments. Its derivative is that of `secant.jacobian`:
        central differences at several steps, extrapolated. It calls f 4 to 12 times
        for each number in the differentiated arguments, and more often if f is noisy.
        Each entry has its own accuracy, even if others are much larger: float32's last
        digits, or about 1e-12 in float64. Second derivatives are differences of
        differences, with an error of about 1e-9 of the largest in a column. NaN passes
        through, and the slope is NaN where f is NaN nearby.

    Raises:
        InvalidInput: `f` or an option is invalid; an argument is complex; f returned
            something else than `result` says. Errors of f pass through; under `jit`
            they become the text of a `jax.errors.JaxRuntimeError`.

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
    first_step = validate("step", step, Or(STEP_SIZE, None))

    def call(*args: Any) -> Any:
        leaves, tree = jax.tree.flatten(args)
        static = tuple(None if is_array(leaf) else StaticValue(leaf) for leaf in leaves)
        arrays = [jax_array(leaf) for leaf in leaves if is_array(leaf)]
        inputs = tuple(as_struct(array, "an argument") for array in arrays)
        signature = Signature(tree, static)
        structs = result_structs(result, signature.args(inputs))
        outputs, result_tree = jax.tree.flatten(structs)
        source = FunctionValues(
            StaticValue(f),
            StaticValue(jacobian),
            signature,
            inputs,
            tuple(outputs),
            result_tree,
            first_step,
            vectorized,
            StaticValue(workers),
        )
        return jax.tree.unflatten(result_tree, _call(source, *arrays))

    return call


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _call(source: Source, *arrays: Array) -> tuple[Array, ...]:
    if not is_traced(*arrays):
        # Outside of `jit` no callback is needed, and errors of f keep their type.
        results = HostCallback(source)(*arrays)
        return tuple(jax_array(result) for result in results)
    return jax.pure_callback(
        HostCallback(source), source.outputs, *arrays, vmap_method="broadcast_all"
    )


def _jvp(
    source: Source, arrays: tuple[Array, ...], tangents: tuple[Any, ...]
) -> tuple[tuple[Array, ...], tuple[Any, ...]]:
    # An input outside of the differentiation has a symbolic zero as its tangent, and
    # is not perturbed.
    active = tuple(
        i
        for i, tangent in enumerate(tangents)
        if is_real(source.inputs[i])
        and not isinstance(tangent, jax.custom_derivatives.SymbolicZero)
    )
    blocks = iter(_call(source.derivatives(active), *arrays) if active else ())

    def tangent_of(output: Struct) -> Any:
        if not is_real(output):
            return np.zeros(output.shape, jax.dtypes.float0)
        total = jnp.zeros(output.shape, output.dtype)
        for i in active:
            tangent = tangents[i].astype(output.dtype)
            # GPUs round products to ten bits by default.
            total += jnp.tensordot(
                next(blocks), tangent, tangent.ndim, precision=jax.lax.Precision.HIGHEST
            )
        return total

    return _call(source, *arrays), tuple(map(tangent_of, source.outputs))


_call.defjvp(_jvp, symbolic_zeros=True)


@dataclass(frozen=True)
class HostCallback:
    """The callback of JAX; `vmap` adds the same axes in front of all arrays."""

    source: Source

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """The values of the source at each point, stacked like the points."""
        inputs, outputs = self.source.inputs, self.source.outputs
        # NumPy arrays first: a callback that computes with JAX may deadlock with the
        # program that waits for it.
        numbers = [np.asarray(array) for array in arrays]
        # A caller that passes float64, such as `secant.difference` for its
        # subtraction, gets float64.
        double = any(a.dtype != b.dtype for a, b in zip(numbers, inputs, strict=True))
        batch: tuple[int, ...] = ()
        if numbers:
            batch = numbers[0].shape[: numbers[0].ndim - len(inputs[0].shape)]
        count = int(np.prod(batch))
        flat = [
            array.reshape((count, *like.shape)).astype(computation_dtype(like))
            for array, like in zip(numbers, inputs, strict=True)
        ]
        points = [tuple(a[k][()] for a in flat) for k in range(count)]
        source = self.source.refined() if double else self.source
        with np.errstate(all="ignore"):
            results = source.evaluate_or_raise(points)
            return tuple(
                np.array([values[i] for values in results], computation_dtype(like))
                .astype(computation_dtype(like) if double else like.dtype)
                .reshape((*batch, *like.shape))
                for i, like in enumerate(outputs)
            )
