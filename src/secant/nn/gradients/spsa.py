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
import numpy as np
from jax import lax

from secant.arrays import Array, is_traced, jax_array
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
        params: The point, a pytree. Leaves of 16 bits enter the loss in float32, if it
            takes them; the estimate has their dtype.
        key: A JAX random key, a new one each step.
        directions: k, how many; the error falls as 1/√k.
        h: The step size along a direction, to both sides, in units of δ.

    Returns:
        The loss, and a pytree like `params`.

    Raises:
        InvalidInput: `directions` is no positive whole number, h no positive number,
            no key came, or the loss is no number.
        MissingRule: The loss uses an operation that `difference` has no rule for.

    Example:
        >>> def loss(w):
        ...     return (w**2).sum()
        >>> value, gradient = spsa(loss, jnp.array([3.0, 4.0]), jax.random.key(0), 1000)
        >>> float(value), gradient.round(0)
        (25.0, Array([6., 8.], dtype=float32))
    """
    METHODS["spsa"].with_options(directions=directions)
    if not is_traced(h):
        METHODS["spsa"].with_options(h=h)
    _check_key(key)
    leaves, tree = jax.tree.flatten(params)
    leaves = [_as_float(leaf) for leaf in leaves]
    of_leaves, wide, value_dtype = _in_32_bits(
        lambda leaves: scalar(loss(tree.unflatten(leaves))), leaves
    )
    # A step of so few digits is the same number in the dtype of every leaf.
    digits = min((jnp.finfo(leaf.dtype).nmant for leaf in wide), default=23)
    step = jnp.asarray(h, float)
    step = lax.reduce_precision(step, jnp.finfo(step.dtype).nexp, digits)

    def along(of_this: Array) -> tuple[Array, Array, list[Array]]:
        keys = jax.random.split(of_this, len(wide))
        delta = [
            jax.random.rademacher(k, leaf.shape, leaf.dtype)
            for k, leaf in zip(keys, wide, strict=True)
        ]
        dx = [step.astype(d.dtype) * d for d in delta]
        value, up, down = both_ways(of_leaves, wide, dx)
        up, down = map(_at_least_32_bits, (up, down))
        return value, (up - down) / (2 * step.astype(up.dtype)), delta

    def add(total: list[Array], of_this: Array) -> tuple[list[Array], Array]:
        value, slope, delta = along(of_this)
        moved = [
            g + slope.astype(g.dtype) * d for g, d in zip(total, delta, strict=True)
        ]
        return moved, value

    start = [jnp.zeros_like(_at_least_32_bits(leaf)) for leaf in wide]
    total, values = lax.scan(add, start, jax.random.split(key, directions))
    gradient = [
        (g / directions).astype(leaf.dtype)
        for g, leaf in zip(total, leaves, strict=True)
    ]
    return values[0].astype(value_dtype), tree.unflatten(gradient)


def _check_key(key: Any) -> None:
    if key is None:
        raise InvalidInput(
            "no random key came, and directions are drawn from one: pass "
            "key=jax.random.key(step)"
        )
    dtype = getattr(key, "dtype", np.dtype(type(key)))
    typed = jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if not typed and jnp.ndim(key) == 0:
        raise InvalidInput(
            f"key is {key!r}, a number, and directions are drawn from a random key: "
            "pass key=jax.random.key(seed), with another seed each step"
        )


def _as_float(leaf: Any) -> Array:
    array = jax_array(leaf)
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise InvalidInput(
            f"params hold {array.dtype}, and directions are of floating-point numbers: "
            "pass these, and the others to the loss in another way"
        )
    return array


def scalar(value: Any) -> Array:
    """The value of a loss, if it is one floating-point number.

    Raises:
        InvalidInput: It is an array of a shape, a tree, or of another dtype.

    Example:
        >>> scalar(jnp.ones(3))
        Traceback (most recent call last):
        secant.errors.InvalidInput: loss gives shape (3,), not a number: return its ...
    """
    if not jax.tree_util.all_leaves([value]):
        raise InvalidInput(
            f"loss gives a {type(value).__name__}, not a number: pass a function that "
            "returns the loss alone"
        )
    if jnp.ndim(value) != 0:
        raise InvalidInput(
            f"loss gives shape {jnp.shape(value)}, not a number: return its mean or sum"
        )
    array = jnp.asarray(value)
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise InvalidInput(
            f"loss gives {array.dtype}, which has no slope: return a floating-point "
            "number"
        )
    return array


def _in_32_bits(
    loss: Callable[[list[Array]], Array], leaves: list[Array]
) -> tuple[Callable[[list[Array]], Array], list[Array], Any]:
    """The loss at leaves of at least 32 bits, where it takes them.

    In float16, changes of 1e-8 are 0. The leaves are the same numbers in float32. A
    loss that insists on their dtype, as `lax.dot` does, keeps it.

    Returns:
        The loss, the leaves, and the dtype of the loss at the leaves as they came.
    """
    dtype = jax.eval_shape(loss, leaves).dtype
    wide = list(map(_at_least_32_bits, leaves))
    try:
        jax.eval_shape(loss, wide)
    except TypeError:
        return loss, leaves, dtype
    return loss, wide, dtype


def _at_least_32_bits(a: Array) -> Array:
    return a.astype(jnp.promote_types(a.dtype, jnp.float32))


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
