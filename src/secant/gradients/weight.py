"""Weight perturbation: each weight and bias nudged by ±h, as in the definition.

    ∂L/∂w_ij = 1/N Σ_n (L_n(w_ij + h) - L_n(w_ij - h)) / 2h

Numerical is all of it: every weight is nudged to both sides and the change of every
sample's loss is computed. Only what a nudge can change is computed, and as a
difference: a weight's nudge `h` moves its neuron's sum by `h` times what comes in
along it, and what follows from there is in `secant.gradients.nudges`.

Jabri & Flower (1992), "Weight perturbation: an optimal architecture and learning
technique for analog VLSI feedforward and recurrent multilayer networks", IEEE Trans.
Neural Networks 3(1), 154-157. The closest relative is DeepZero (Chen et al., 2024),
which nudges weight by weight, too, and reuses the features below the nudge; it
subtracts losses, and runs all that lies above.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from secant.architecture import Architecture, Params
from secant.arrays import Array
from secant.gradients.method import GradientMethod, in_rows
from secant.gradients.nudges import H, Place, loss_changes, near, place
from secant.losses import LOSSES


def _weight(
    architecture: Architecture,
    weights: Params,
    x: Array,
    t: Array,
    key: Array | None = None,
    h: float = H,
) -> tuple[Array, dict[str, Array]]:
    columns = architecture.columns(weights, x)
    scores = columns.outputs[-1]
    targets, samples = t.T, len(x)

    # A bias is a weight along which 1 comes in.
    most = [abs(z).max() for z in columns.outputs[:-1]] + [jnp.ones((), x.dtype)]
    small = near(architecture, weights, h * jnp.stack(most).max())

    def of_layer(layer: int) -> tuple[Array, Array]:
        """The slopes along the weights and the biases of a layer."""
        whole = place(architecture, weights, columns, targets, layer)
        below = columns.outputs[layer - 1]
        # What runs along the inner loop has to lie in one piece.
        rows = below.T

        def both_ways(at: Place, u: Array, small: bool) -> Array:
            up, down = (
                loss_changes(architecture, weights, layer, at, v, small=small)
                for v in (u, -u)
            )
            return up - down

        def add(n: Array, total: Array, small: bool) -> Array:
            at = jax.tree.map(
                lambda a: lax.dynamic_slice_in_dim(a, n, 1, axis=1), whole
            )
            return total + both_ways(at, h * rows[n][None, :], small)

        near_turns = jnp.where(small, samples, 0)
        total = jnp.zeros_like(weights[f"W{layer}"])
        total = lax.fori_loop(0, near_turns, partial(add, small=True), total)
        total = lax.fori_loop(near_turns, samples, partial(add, small=False), total)
        of_biases = total[:, 0]
        if architecture.bias:
            nudge = jnp.full((1, samples), h, below.dtype)
            of_biases = lax.cond(
                small,
                lambda: both_ways(whole, nudge, True),
                lambda: both_ways(whole, nudge, False),
            ).sum(axis=1)
        scale = 1 / (2 * h * samples)
        return total * scale, of_biases * scale

    gradients: dict[str, Array] = {}
    for layer in range(1, architecture.depth + 1):
        gradients[f"W{layer}"], gradients[f"b{layer}"] = of_layer(layer)
    return (
        LOSSES[architecture.loss].function(scores, targets, 0),
        {name: gradients[name] for name in weights},
    )


def weight(
    architecture: Architecture,
    params: Params,
    x: Array,
    t: Array,
    key: Array | None = None,
) -> tuple[Array, dict[str, Array]]:
    """The loss of a batch and its gradient, each weight nudged by ±1e-4.

    Args:
        architecture: What the network computes.
        params: Its weights; never changed.
        x: Inputs, (samples, inputs), from `Architecture.as_batch`.
        t: Targets as vectors, (samples, outputs).
        key: Not looked at.

    Returns:
        The loss and the gradients by the names of `params`, in JAX's default float.

    Example:
        >>> tiny = Architecture((1, 1), loss="sum_squares", bias=False)
        >>> w, x, t = jnp.array([[3.0]]), jnp.array([[1.0]]), jnp.array([[1.0]])
        >>> loss, gradients = weight(tiny, {"W1": w}, x, t)
        >>> float(loss), float(gradients["W1"][0, 0])
        (2.0, 2.0)
    """
    return in_rows(_weight)(architecture, params, x, t, key)


WEIGHT = GradientMethod(
    name="weight",
    function=weight,
    nudges="each weight, what it changes recomputed as a difference",
    traceable=True,
    evaluations=lambda architecture: 2 * architecture.parameter_count + 1,
    columns=_weight,
)
