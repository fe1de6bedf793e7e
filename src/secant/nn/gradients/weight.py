"""Weight perturbation: each weight and bias nudged by ±h, as in the definition.

    ∂L/∂w_ij = 1/N Σ_n (L_n(w_ij + h) - L_n(w_ij - h)) / 2h

All of it is numerical: every weight is nudged to both sides, and the change of every
sample's loss is computed. But only what a nudge can change is computed, and as a
difference. The pre-activation of neuron j in sample n is a_jn = Σ_i w_ij z_in + b_j, so
the nudge h of w_ij changes it by da = h z_in exactly, whatever the size of h, and
changes nothing else in its layer. What follows from da is in
`secant.nn.gradients.perturbation`. One outer product h z_nᵀ therefore holds the changes
of all nudges in one sample: row by row the same for every neuron j of the layer.

The loop runs over samples and not over weights: for one sample all weights into a
layer are nudged at once, an array of (neurons, inputs), and its sum over the samples is
the gradient. So the memory does not grow with the batch.

Jabri & Flower (1992), "Weight perturbation: an optimal architecture and learning
technique for analog VLSI feedforward and recurrent multilayer networks", IEEE Trans.
Neural Networks 3(1), 154-157. The closest relative is DeepZero (Chen et al., 2024),
which also nudges weight by weight and reuses the features below the nudge; it subtracts
losses, and runs all that lies above.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from secant.arrays import Array
from secant.nn.architecture import Architecture, Params
from secant.nn.gradients.perturbation import (
    LayerContext,
    is_small,
    layer_context,
    loss_deltas,
)
from secant.nn.losses import LOSSES


def weight(
    architecture: Architecture,
    weights: Params,
    x: Array,
    t: Array,
    key: Array | None = None,
    /,
    *,
    h: float,
) -> tuple[Array, dict[str, Array]]:
    """The loss of a batch and its gradient, each weight and bias nudged by ±h.

    Arguments and results are those of `LossAndGradients`, feature-major, in JAX's
    default float.

    Example:
        >>> tiny = Architecture((1, 1), loss="sum_squares", bias=False)
        >>> w, x, t = jnp.array([[3.0]]), jnp.array([[1.0]]), jnp.array([[1.0]])
        >>> loss, gradients = weight(tiny, {"W1": w}, x, t, h=1e-4)
        >>> float(loss), float(gradients["W1"][0, 0])
        (2.0, 2.0)
    """
    layers = architecture.feature_major_layers(weights, x)
    scores = layers.outputs[-1]
    targets, samples = t.T, len(x)

    # The largest |da| is h times the largest value that comes in along a weight. A
    # bias is a weight along which 1 comes in.
    largest = [abs(z).max() for z in layers.outputs[:-1]] + [jnp.ones((), x.dtype)]
    small = is_small(architecture, weights, h * jnp.stack(largest).max())

    def of_layer(layer: int) -> tuple[Array, Array]:
        """The slopes along the weights and the biases of a layer."""
        all_samples = layer_context(architecture, weights, layers, targets, layer)
        below = layers.outputs[layer - 1]
        # What the inner loop reads has to be contiguous.
        rows = below.T

        def both_sides(context: LayerContext, da: Array, small: bool) -> Array:
            up, down = (
                loss_deltas(architecture, weights, layer, context, change, small=small)
                for change in (da, -da)
            )
            return up - down

        def add(n: Array, total: Array, small: bool) -> Array:
            context = jax.tree.map(
                lambda a: lax.dynamic_slice_in_dim(a, n, 1, axis=1), all_samples
            )
            return total + both_sides(context, h * rows[n][None, :], small)

        # Two loops, one of which takes no turns: which one is known when it runs.
        turns_if_small = jnp.where(small, samples, 0)
        total = jnp.zeros_like(weights[f"W{layer}"])
        total = lax.fori_loop(0, turns_if_small, partial(add, small=True), total)
        total = lax.fori_loop(turns_if_small, samples, partial(add, small=False), total)
        of_biases = total[:, 0]
        if architecture.bias:
            da = jnp.full((1, samples), h, below.dtype)
            of_biases = lax.cond(
                small,
                lambda: both_sides(all_samples, da, True),
                lambda: both_sides(all_samples, da, False),
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
