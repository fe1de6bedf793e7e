"""Node perturbation: each neuron's pre-activation nudged, in each sample.

    δ_jn = (L_n(a_jn + h) - L_n(a_jn - h)) / 2h
    ∂L/∂W = δ zᵀ / N        ∂L/∂b = Σ_n δ_n / N

The numerical part is `δ`, the slope of a sample's loss along a neuron's
pre-activation: two runs of what lies above the neuron, computed as differences.
Samples do not depend on each other, so that a nudge of one neuron in all of them is N
nudges at once. The rest is algebra: a pre-activation is linear in its weights, with the
slope `z`, and the loss of a batch is a mean.

Widrow & Lehr (1990), "30 years of adaptive neural networks: perceptron, Madaline,
and backpropagation", Proc. IEEE 78(9), 1415-1442: Madaline Rule III, which added
such a nudge to each neuron in turn.
"""

import jax.numpy as jnp
from jax import lax

from secant.arrays import Array
from secant.nn.architecture import Architecture, FeatureMajorLayers, Params
from secant.nn.gradients.perturbation import is_small, layer_context, loss_deltas
from secant.nn.losses import LOSSES


def node(
    architecture: Architecture,
    weights: Params,
    x: Array,
    t: Array,
    key: Array | None = None,
    /,
    *,
    h: float,
) -> tuple[Array, dict[str, Array]]:
    """The loss of a batch and its gradient, each pre-activation nudged by ±h.

    Arguments and results are those of `LossAndGradients`, feature-major, in JAX's
    default float.

    Example:
        >>> tiny = Architecture((1, 1), loss="sum_squares", bias=False)
        >>> w, x, t = jnp.array([[3.0]]), jnp.array([[1.0]]), jnp.array([[1.0]])
        >>> loss, gradients = node(tiny, {"W1": w}, x, t, h=1e-4)
        >>> float(loss), round(float(gradients["W1"][0, 0]), 6)
        (2.0, 2.0)
    """
    layers = architecture.feature_major_layers(weights, x)
    scores = layers.outputs[-1]
    targets, samples = t.T, len(x)
    da = jnp.full((1, samples), h, scores.dtype)

    def slopes(layer: int, small: bool) -> Array:
        context = layer_context(architecture, weights, layers, targets, layer)
        up, down = (
            loss_deltas(architecture, weights, layer, context, change, small=small)
            for change in (da, -da)
        )
        return (up - down) / (2 * h * samples)

    def all_slopes(small: bool) -> list[Array]:
        return [slopes(layer, small) for layer in range(1, architecture.depth + 1)]

    # The closed forms are computed in any case, and only the branch that almost never
    # runs stands inside `cond`: so nothing waits for the decision. In a compiled loop
    # that saves 5 % of a step.
    deltas = lax.cond(
        is_small(architecture, weights, da.max()),
        lambda deltas: deltas,
        lambda deltas: all_slopes(False),
        all_slopes(True),
    )
    return LOSSES[architecture.loss].function(scores, targets, 0), _by_name(
        layers, deltas, weights
    )


def _by_name(
    layers: FeatureMajorLayers, deltas: list[Array], weights: Params
) -> dict[str, Array]:
    gradients: dict[str, Array] = {}
    for layer, delta in enumerate(deltas, start=1):
        gradients[f"W{layer}"] = delta @ layers.outputs[layer - 1].T
        gradients[f"b{layer}"] = jnp.sum(delta, axis=1)
    return {name: gradients[name] for name in weights}
