"""Simultaneous perturbation: all parameters nudged at once, along random directions.

    g = mean over k of  (L(θ + h δ) - L(θ - h δ)) / 2h · δ        δ_i = ±1 at random

Two runs of the loss for a direction, however many parameters there are. The estimate
is unbiased but for the h² of the central difference, `E[g] = ∇L`, since the mean of
δ_i δ_j is 0 for i ≠ j. For p parameters its error is about √(p / k) times the
gradient's length, so that the learning rate has to be smaller by as much. The numerical
part is the slope along δ; nothing is assumed of the loss.

Spall (1992), "Multivariate stochastic approximation using a simultaneous perturbation
gradient approximation", IEEE Trans. Automatic Control 37(3), 332-341, eq. 2.2;
Malladi et al. (2023), "Fine-tuning language models with just forward passes" (MeZO).
Both subtract losses. Here the difference is propagated, so that h may be small.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from secant.arrays import Array, jax_array
from secant.errors import InvalidInput
from secant.nn.architecture import Architecture, Params
from secant.nn.gradients.methods import METHODS
from secant.propagation.coordinates import both_ways


def spsa(
    loss: Callable[[Any], Array],
    params: Any,
    key: Array,
    directions: int = 1,
    h: float = 1e-4,
) -> tuple[Array, Any]:
    """The loss and an unbiased estimate of its gradient from random directions.

    Args:
        loss: A function of a pytree of floating-point arrays that JAX can trace; it
            returns a scalar.
        params: The point, a pytree.
        key: A JAX random key, a new one each step.
        directions: k, how many; the error falls as 1/√k.
        h: The step size along a direction, to both sides, in units of δ.

    Returns:
        The loss, and a pytree like `params`.

    Raises:
        InvalidInput: `directions` is no positive whole number, or no key came.
        MissingRule: The loss uses an operation that `difference` has no rule for.

    Example:
        >>> def loss(w):
        ...     return (w**2).sum()
        >>> value, gradient = spsa(loss, jnp.array([3.0, 4.0]), jax.random.key(0), 1000)
        >>> float(value), gradient.round(0)
        (25.0, Array([6., 8.], dtype=float32))
    """
    METHODS["spsa"].with_options(directions=directions)
    if key is None:
        raise InvalidInput(
            "no random key came, and directions are drawn from one: pass "
            "key=jax.random.key(step)"
        )
    leaves, tree = jax.tree.flatten(params)
    leaves = [jax_array(leaf) for leaf in leaves]
    params = tree.unflatten(leaves)

    def along(of_this: Array) -> tuple[Array, Any, Any]:
        keys = jax.random.split(of_this, len(leaves))
        delta = tree.unflatten(
            [
                jax.random.rademacher(k, leaf.shape, leaf.dtype)
                for k, leaf in zip(keys, leaves, strict=True)
            ]
        )
        dx = jax.tree.map(lambda d: h * d, delta)
        value, up, down = both_ways(loss, params, dx)
        return value, (up - down) / (2 * h), delta

    def add(total: Any, of_this: Array) -> tuple[Any, Array]:
        value, slope, delta = along(of_this)
        moved = jax.tree.map(lambda g, d: g + slope.astype(d.dtype) * d, total, delta)
        return moved, value

    start = jax.tree.map(jnp.zeros_like, params)
    total, values = lax.scan(add, start, jax.random.split(key, directions))
    return values[0], jax.tree.map(lambda g: g / directions, total)


def of_network(
    architecture: Architecture,
    weights: Params,
    x: Array,
    t: Array,
    key: Array,
    /,
    *,
    directions: int,
    h: float,
) -> tuple[Array, dict[str, Array]]:
    """The loss of a batch and the estimate of its gradient, for a network.

    Arguments and results are those of `LossAndGradients`, feature-major.

    Example:
        >>> tiny = Architecture((1, 1), loss="sum_squares", bias=False)
        >>> w, x, t = jnp.array([[3.0]]), jnp.array([[1.0]]), jnp.array([[1.0]])
        >>> key = jax.random.key(0)
        >>> loss, g = of_network(tiny, {"W1": w}, x, t, key, directions=1, h=1e-4)
        >>> float(loss), round(float(g["W1"][0, 0]), 5)
        (2.0, 2.0)
    """

    def loss(weights: Params) -> Array:
        return architecture.feature_major_error(weights, x, t)

    return spsa(loss, dict(weights), key, directions, h)
