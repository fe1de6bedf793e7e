"""The gradient by the chain rule, written out: nothing is perturbed.

From the last layer to the first, with `z` the outputs of a layer, `a = W z + b` the
pre-activations of the next, a column for each sample, and `δ = ∂L/∂a`:

    ∂L/∂W = δ zᵀ        ∂L/∂b = Σ_samples δ        δ_below = (Wᵀ δ) · f'(a_below)

Rumelhart, Hinton & Williams (1986), "Learning representations by
back-propagating errors", Nature 323, 533-536.
"""

from secant.arrays import Array, namespace
from secant.nn.activations import ACTIVATIONS
from secant.nn.architecture import Architecture, Params
from secant.nn.losses import LOSSES


def backprop(
    architecture: Architecture,
    weights: Params,
    x: Array,
    t: Array,
    key: Array | None = None,
    /,
) -> tuple[Array, dict[str, Array]]:
    """The loss of a batch and its exact gradient, of the arrays' dtype.

    Arguments and results are those of `LossAndGradients`, feature-major.

    Example:
        >>> import numpy as np
        >>> tiny = Architecture((1, 1), loss="sum_squares", bias=False)
        >>> w, x, t = np.array([[3.0]]), np.array([[1.0]]), np.array([[1.0]])
        >>> loss, gradients = backprop(tiny, {"W1": w}, x, t)
        >>> float(loss), gradients["W1"]
        (2.0, array([[2.]]))
    """
    loss = LOSSES[architecture.loss]
    slope = ACTIVATIONS[architecture.activation].derivative
    sums, outputs = architecture.feature_major_layers(weights, x)
    scores = outputs[-1]
    delta = loss.gradient(scores, t.T, 0)
    gradients: dict[str, Array] = {}
    for layer in range(architecture.depth, 0, -1):
        below = outputs[layer - 1]
        gradients[f"W{layer}"] = delta @ below.T
        if architecture.bias:
            gradients[f"b{layer}"] = namespace(delta).sum(delta, axis=1)
        if layer > 1:
            delta = (weights[f"W{layer}"].T @ delta) * slope(sums[layer - 1], below)
    return loss.function(scores, t.T, 0), {name: gradients[name] for name in weights}
