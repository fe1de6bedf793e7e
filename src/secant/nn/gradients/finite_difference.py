"""The gradient by its definition: each parameter nudged, the whole network run twice.

`∂L/∂w ≈ (L(w + h) - L(w - h)) / 2h` for each of the parameters in turn, in
float64. This is the notebook's own loop: right and slow. For 784-50-10 a step runs
the network 79,521 times. The other methods are measured against this one.
"""

from collections.abc import Callable

import numpy as np

from secant.arrays import Array
from secant.derivatives.finite_difference import numerical_gradient
from secant.nn.architecture import Architecture, Params


def definition(
    architecture: Architecture,
    params: Params,
    x: Array,
    t: Array,
    key: Array | None = None,
    /,
    *,
    h: float,
    before_each: Callable[[], object] = lambda: None,
) -> tuple[float, dict[str, np.ndarray]]:
    """The loss of a batch and its gradient, float64, one parameter nudged at a time.

    Arguments and results are those of `LossAndGradients`.

    Args:
        architecture: What the network computes.
        params: The parameters.
        x: Inputs.
        t: Targets.
        key: Ignored.
        h: The step size of a nudge, which goes to both sides.
        before_each: Called before each run of the network, of which there are two
            for every parameter, since a step may take minutes. What it raises ends
            the step.

    Returns:
        The loss and the gradients. The error of each slope is about h²/6 times the
        third derivative, plus 1e-16/h of the loss.

    Raises:
        InvalidInput: The loss of a nudged network is not finite.

    Example:
        >>> tiny = Architecture((1, 1), loss="sum_squares", bias=False)
        >>> w, x, t = np.array([[3.0]]), np.array([[1.0]]), np.array([[1.0]])
        >>> loss, gradients = definition(tiny, {"W1": w}, x, t, h=1e-4)
        >>> float(loss), gradients["W1"].round(6)
        (2.0, array([[2.]]))
    """
    nudged = {name: np.array(value, np.float64) for name, value in params.items()}
    x, t = np.asarray(x, np.float64), np.asarray(t, np.float64)

    # `numerical_gradient` nudges `array`, an entry of `nudged`, in place. So the loss
    # sees the nudge without using its argument.
    def loss(_: object) -> Array:
        before_each()
        return architecture.error(nudged, x, t)

    gradients = {
        name: numerical_gradient(loss, array, h) for name, array in nudged.items()
    }
    return float(loss(None)), gradients
