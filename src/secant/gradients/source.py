"""Every method as the source of gradients in one's own training loop."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from secant.architecture import Architecture
from secant.arrays import Array
from secant.errors import InvalidInput, unknown_name
from secant.gradients.methods import find_method
from secant.gradients.spsa import spsa, spsa_method
from secant.propagation.coordinates import central_slopes


def coordinates(
    loss: Callable[[Any], Array], params: Any, h: float = 1e-4
) -> tuple[Array, Any]:
    """The loss and its gradient, each parameter nudged by ±h by itself.

    The definition's central difference, carried and not subtracted, in blocks of
    parameters that bound the memory. Two runs of the loss for each of them.

    Args:
        loss: A function of a pytree of floating-point arrays that JAX can trace; it
            returns a scalar.
        params: Where.
        h: How far each is nudged, to both sides.

    Returns:
        The loss, and a pytree like `params`.

    Raises:
        MissingRule: The loss uses an operation that `difference` has no rule for.

    Example:
        >>> value, gradient = coordinates(lambda w: (w**2).sum(), jnp.array([3.0, 4.0]))
        >>> gradient.round(5)
        Array([6., 8.], dtype=float32)
    """
    flat, shaped = ravel_pytree(params)
    slopes = central_slopes(loss, params, jnp.arange(flat.size), h)
    return loss(params), shaped(slopes.astype(flat.dtype))


def value_and_gradient(
    loss: Callable[..., Array] | Architecture | Any,
    method: str = "spsa",
    *,
    directions: int = 1,
    h: float = 1e-4,
) -> Callable[..., tuple[Array, Any]]:
    """A function that gives a loss and its gradient, in the place of `value_and_grad`.

    Args:
        loss: A function `(params, *args) -> scalar` that JAX can trace, `params` any
            pytree of floating-point arrays; or a network or its `Architecture`, whose
            loss is meant.
        method: `spsa` (random directions), `weight` (each parameter by itself) or
            `backprop` (what `jax.value_and_grad` gives); for a network also `node` and
            `definition`.
        directions: For `spsa`, how many.
        h: How far a nudge goes, for `spsa` and for functions with `weight`.

    Returns:
        `(params, *args, key=None) -> (value, gradient)`; for a network
        `(params, x, t, key=None)`, with samples and targets as `net.loss` takes them.
        `spsa` wants a key, a new one each step. It works under `jit` (but for
        `definition`), and the gradient goes to any optimiser of Optax.

    Raises:
        InvalidInput: An unknown method, or one that asks for a network.

    Example:
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
        return _of_network(network, method, directions, h)
    if not callable(loss):
        raise InvalidInput(
            f"loss is {loss!r}: pass a function (params, *args) -> scalar, or a network"
        )
    if method in ("node", "definition"):
        raise InvalidInput(
            f"{method!r} has to know the layers of a network, and loss is a function: "
            "pass the network or its architecture, or take 'weight' or 'spsa'"
        )
    if method not in ("spsa", "weight", "backprop"):
        raise unknown_name("gradient method", method, ("spsa", "weight", "backprop"))

    def value_and_slopes(
        params: Any, *args: Any, key: Array | None = None
    ) -> tuple[Array, Any]:
        def of_params(params: Any) -> Array:
            value: Any = loss(params, *args)
            if jnp.ndim(value) != 0:
                raise InvalidInput(
                    f"loss gives shape {jnp.shape(value)}, not a number: return its "
                    "mean or sum"
                )
            return value

        if method == "backprop":
            return jax.value_and_grad(of_params)(params)
        if method == "weight":
            return coordinates(of_params, params, h)
        return spsa(of_params, params, key, directions, h)

    return value_and_slopes


def _of_network(
    architecture: Architecture, method: str, directions: int, h: float
) -> Callable[..., tuple[Array, Any]]:
    chosen = spsa_method(directions, h) if method == "spsa" else find_method(method)

    def value_and_slopes(
        params: Any, x: Array, t: Array, key: Array | None = None
    ) -> tuple[Array, Any]:
        if chosen.traceable:
            params, x, t = jax.tree.map(jnp.asarray, (params, x, t))
        x, t = architecture.as_batch(x, t)
        return chosen.function(architecture, params, x, t, key)

    return value_and_slopes
