"""Node perturbation: each neuron's input sum nudged, in each sample.

    δ_jn = (L_n(a_jn + h) - L_n(a_jn - h)) / 2h
    ∂L/∂W = δ zᵀ / N        ∂L/∂b = Σ_n δ_n / N

Numerical is `δ`, the slope of a sample's loss along a neuron's sum: two runs of what
lies above the neuron, carried as differences. Samples do not know of each other, so
that a nudge of one neuron in all of them is N nudges at once. Algebra is the rest: a
sum is linear in its weights, with the slope `z`, and the loss of a batch is a mean.

Widrow & Lehr (1990), "30 years of adaptive neural networks: perceptron, Madaline,
and backpropagation", Proc. IEEE 78(9), 1415-1442: Madaline Rule III, which added
such a nudge to each neuron in turn.
"""

import jax.numpy as jnp
from jax import lax

from secant.architecture import Architecture, Columns, Params
from secant.arrays import Array
from secant.gradients.method import GradientMethod, in_rows
from secant.gradients.nudges import H, loss_changes, near, place
from secant.losses import LOSSES


def _node(
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
    nudge = jnp.full((1, samples), h, scores.dtype)

    def slopes(layer: int, small: bool) -> Array:
        at = place(architecture, weights, columns, targets, layer)
        up, down = (
            loss_changes(architecture, weights, layer, at, u, small=small)
            for u in (nudge, -nudge)
        )
        return (up - down) / (2 * h * samples)

    def all_slopes(small: bool) -> list[Array]:
        return [slopes(layer, small) for layer in range(1, architecture.depth + 1)]

    # The branch that nearly never runs is apart, and nothing waits to know which one:
    # in a compiled loop that is 5 % of a step.
    deltas = lax.cond(
        near(architecture, weights, nudge.max()),
        lambda deltas: deltas,
        lambda deltas: all_slopes(False),
        all_slopes(True),
    )
    return LOSSES[architecture.loss].function(scores, targets, 0), _by_name(
        columns, deltas, weights
    )


def _by_name(
    columns: Columns, deltas: list[Array], weights: Params
) -> dict[str, Array]:
    gradients: dict[str, Array] = {}
    for layer, delta in enumerate(deltas, start=1):
        gradients[f"W{layer}"] = delta @ columns.outputs[layer - 1].T
        gradients[f"b{layer}"] = jnp.sum(delta, axis=1)
    return {name: gradients[name] for name in weights}


def node(
    architecture: Architecture,
    params: Params,
    x: Array,
    t: Array,
    key: Array | None = None,
) -> tuple[Array, dict[str, Array]]:
    """The loss of a batch and its gradient, each neuron's sum nudged by ±1e-4.

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
        >>> loss, gradients = node(tiny, {"W1": w}, x, t)
        >>> float(loss), round(float(gradients["W1"][0, 0]), 6)
        (2.0, 2.0)
    """
    return in_rows(_node)(architecture, params, x, t, key)


NODE = GradientMethod(
    name="node",
    function=node,
    nudges="each neuron's input sum, in each sample",
    traceable=True,
    evaluations=lambda architecture: 2 * sum(architecture.sizes[1:]) + 1,
    columns=_node,
)
