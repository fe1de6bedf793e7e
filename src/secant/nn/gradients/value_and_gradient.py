"""`value_and_gradient`: every method as the gradient in one's own training loop."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from secant.arrays import Array, is_tensor, jax_array, owned
from secant.errors import InvalidInput, unknown_name
from secant.nn.architecture import Architecture
from secant.nn.gradients.method import GradientMethod
from secant.nn.gradients.methods import METHODS, find_method, methods_with
from secant.nn.gradients.spsa import scalar
from secant.propagation.coordinates import central_slopes


def coordinates(
    loss: Callable[[Any], Array],
    params: Any,
    key: Array | None = None,
    h: float = 1e-4,
) -> tuple[Array, Any]:
    """The loss and its gradient, each parameter nudged by ±h by itself.

    The definition's central difference, propagated and not subtracted: two runs of the
    loss for each parameter, in blocks of parameters, which bounds the memory.

    Args:
        loss: A function of a pytree of floating-point arrays that JAX can trace; it
            returns a scalar.
        params: The point, a pytree.
        key: Ignored.
        h: The step size of a nudge, which goes to both sides.

    Returns:
        The loss, and a pytree like `params`.

    Raises:
        MissingRule: The loss uses an operation that `difference` has no rule for.

    Example:
        >>> import jax.numpy as jnp
        >>> value, gradient = coordinates(lambda w: (w**2).sum(), jnp.array([3.0, 4.0]))
        >>> gradient.round(5)
        Array([6., 8.], dtype=float32)
    """
    flat, shaped = ravel_pytree(params)
    slopes = central_slopes(loss, params, np.arange(flat.size), h)
    return loss(params), shaped(slopes.astype(flat.dtype))


def automatic(
    loss: Callable[[Any], Array], params: Any, key: Array | None = None
) -> tuple[Array, Any]:
    """The loss and its exact gradient: `jax.value_and_grad`."""
    return jax.value_and_grad(loss)(params)


def value_and_gradient(
    loss: Callable[..., Array] | Architecture | Any,
    method: str | GradientMethod = "spsa",
    **options: Any,
) -> Callable[..., tuple[Array, Any]]:
    """A function that gives a loss and its gradient, in the place of `value_and_grad`.

    Args:
        loss: A function `(params, *args) -> scalar` that JAX can trace, `params` any
            pytree of floating-point arrays; or a network or its `Architecture`, whose
            loss is meant.
        method: A name of `secant.nn.gradients.METHODS` or a `GradientMethod`. For a
            function: `spsa` (random directions), `weight` (each parameter by itself) or
            `backprop` (what `jax.value_and_grad` gives). For a network every method.
        options: Options of gradient methods: `directions`, how many random directions
            `spsa` takes (1), and `h`, the step size of every method that perturbs
            (1e-4). A method ignores options that only others have, so that one call can
            serve them all.

    Returns:
        `(params, *args, key=None) -> (value, gradient)`; for a network
        `(params, x, t, key=None)`, with samples and targets as `net.loss` takes them.
        `spsa` needs a key, a new one each step. It works under `jit` (but for
        `definition`), and the gradient goes to any optimiser of Optax.

    Raises:
        InvalidInput: An unknown method or option, a value that is not allowed, or a
            method that needs a network.

    Example:
        >>> import jax.numpy as jnp
        >>> import optax
        >>> def loss(w, x):
        ...     return ((w["a"] * x - 2 * x) ** 2).mean()
        >>> step = jax.jit(value_and_gradient(loss, "weight"))
        >>> w, x = {"a": jnp.array(0.0)}, jnp.array([1.0, 2.0])
        >>> optimizer = optax.sgd(0.1)
        >>> state = optimizer.init(w)
        >>> for _ in range(50):
        ...     value, gradient = step(w, x)
        ...     updates, state = optimizer.update(gradient, state)
        ...     w = optax.apply_updates(w, updates)
        >>> round(float(w["a"]), 3)
        2.0
    """
    network = getattr(loss, "architecture", loss)
    if isinstance(network, Architecture):
        return _of_network(network, _with_own_options(method, options))
    if not callable(loss):
        raise InvalidInput(
            f"loss is {loss!r}: pass a function (params, *args) -> scalar, or a network"
        )
    for_functions = [name for name, m in METHODS.items() if m.of_loss]
    if isinstance(method, str) and method not in METHODS:
        raise unknown_name("gradient method", method, for_functions)
    chosen = _with_own_options(method, options)
    of_loss = chosen.of_loss
    if of_loss is None:
        raise InvalidInput(
            f"{chosen.name!r} has to know the layers of a network, and loss is a "
            "function: pass the network or its architecture, or take "
            f"{' or '.join(map(repr, for_functions))}"
        )

    def value_and_slopes(
        params: Any, *args: Any, key: Array | None = None
    ) -> tuple[Array, Any]:
        # JAX's transformations refuse tensors of PyTorch.
        params, args = jax.tree.map(
            lambda leaf: jax_array(leaf) if is_tensor(leaf) else owned(leaf),
            (params, args),
        )

        def of_params(params: Any) -> Array:
            return scalar(loss(params, *args))

        return of_loss(of_params, params, key, **chosen.option_values)

    return value_and_slopes


def _with_own_options(
    method: str | GradientMethod, options: dict[str, Any]
) -> GradientMethod:
    """The method with those of the options that it has."""
    found = find_method(method)
    own = {
        name: value
        for name, value in options.items()
        if name in found.option_values or not methods_with(name)
    }
    return find_method(found, **own)


def _of_network(
    architecture: Architecture, method: GradientMethod
) -> Callable[..., tuple[Array, Any]]:
    def value_and_slopes(
        params: Any, x: Array, t: Array, key: Array | None = None
    ) -> tuple[Array, Any]:
        if method.traceable:
            params, x, t = jax.tree.map(jax_array, (params, x, t))
        x, t = architecture.as_batch(x, t)
        return method(architecture, params, x, t, key)

    return value_and_slopes
