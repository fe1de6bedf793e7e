"""Activations and softmax, and the table of activations.

Each function takes a number, a list or an array of any shape, of NumPy or of JAX, and
works under `jit`, `vmap` and `grad`. It keeps a floating dtype; integers become the
engine's default float. No finite input overflows on the way to a result that the dtype
can hold. Accuracies are in ulp, units in the last place. Softmax runs over the last
axis, which holds the classes; the axes before it hold samples.
"""

from collections.abc import Callable
from functools import cache
from math import inf
from types import ModuleType
from typing import NamedTuple

import numpy as np

from secant.arrays import Array, ArrayLike, as_real, namespace
from secant.errors import InvalidInput

# `expm1` and `log1p` of small numbers: four terms of their power series.
#
# A nudge of 1e-4 gives arguments far below 1. Four terms are then exact to float32 and
# cost a fraction of the functions themselves.

NEAR = 1 / 64
"""The largest magnitude of an argument. There the first omitted term is 5e-10 of
`expm1` and 1.2e-8 of `log1p`, less than half a unit in the last place of float32."""


def short_expm1(d: Array) -> Array:
    """`exp(d) - 1` for `|d| ≤ NEAR`.

    Example:
        >>> short_expm1(1e-4)
        0.000100005000166...
    """
    return d * (1 + d * (1 / 2 + d * (1 / 6 + d * (1 / 24))))


def short_log1p(r: Array) -> Array:
    """`log(1 + r)` for `|r| ≤ NEAR`.

    Example:
        >>> round(short_log1p(1e-4), 15)
        9.9995000333e-05
    """
    return r * (1 - r * (1 / 2 - r * (1 / 3 - r / 4)))


def identity(x: ArrayLike) -> Array:
    """The input itself: `y = x`.

    Example:
        >>> identity([-1, 2])
        array([-1.,  2.])
    """
    return as_real(x, "x")


def relu(x: ArrayLike) -> Array:
    """The positive part of the input: `y = max(0, x)`.

    At the kink, x = 0, the slope is 0 by convention.

    Example:
        >>> relu([-1.0, 0.0, 2.0])
        array([0., 0., 2.])
    """
    xp = namespace(x)
    x = as_real(x, "x", xp)
    # `maximum` would have the slope 1/2 at 0 in JAX. This form also keeps NaN.
    return xp.where(x <= 0, xp.zeros_like(x), x)


def sigmoid(x: ArrayLike) -> Array:
    """The logistic function: `y = 1 / (1 + exp(-x))`, between 0 and 1.

    The formula overflows at x = -89 in float32. This function only takes exponentials
    of negative numbers: with `e = exp(-|x|)` it is `1 / (1 + e)` for x ≥ 0 and
    `e / (1 + e)` for x < 0. It is accurate to 4 ulp down to the smallest normal number.

    Example:
        >>> sigmoid([-1000.0, 0.0, 1000.0])
        array([0. , 0.5, 1. ])
    """
    xp = namespace(x)
    x = as_real(x, "x", xp)
    right = x >= 0
    # `abs` has no defined slope at 0, where sigmoid's is 1/4.
    e = xp.exp(xp.where(right, -x, x))
    # The numerator is exp of a selected exponent, not `where(right, 1, e)`: in a
    # difference across 0 the change of the exponent is exact, the change of e is not.
    return xp.exp(xp.where(right, xp.zeros_like(x), x)) / (1 + e)


def tanh(x: ArrayLike) -> Array:
    """The hyperbolic tangent, between -1 and 1.

    Its slope is `4 σ(2x) σ(-2x)`. JAX's own is `1 - y²`, which is 0 from x = 9.1 on in
    float32, where y is 1.

    Example:
        >>> tanh([-1000.0, 0.0, 1000.0])
        array([-1.,  0.,  1.])
    """
    xp = namespace(x)
    x = as_real(x, "x", xp)
    return np.tanh(x) if xp is np else _jax_tanh()(x)


@cache
def _jax_tanh() -> Callable[[Array], Array]:
    """JAX's hyperbolic tangent, with a slope of all digits."""
    import jax  # by now loaded, since an array of it came

    function = jax.custom_jvp(jax.numpy.tanh)
    function.defjvps(lambda dx, y, x: _tanh_slope(x) * dx)
    return function


def _tanh_slope(x: Array) -> Array:
    return 4 * _sigmoid_slope(2 * x)


def _sigmoid_slope(x: Array) -> Array:
    """`σ(x) σ(-x) = e / (1 + e)²` with `e = exp(-|x|)`; `y (1 - y)` is 0 for y = 1."""
    xp = namespace(x)
    e = xp.exp(xp.where(x >= 0, -x, x))  # `abs` has no defined slope at 0
    return e / (1 + e) / (1 + e)


def softmax(x: ArrayLike) -> Array:
    """Probabilities from scores: `y_k = exp(x_k) / Σ_j exp(x_j)`.

    The sum runs over the last axis, the classes, so that each sample has its own
    probabilities. (A formula for one sample that gets a batch sums over the whole
    batch; each row of ten samples then sums to about 1/10.) The largest score of each
    sample is subtracted first: the result stays the same, and `exp` cannot overflow.
    With 100 classes a probability is accurate to 10 ulp, plus 1 ulp for each unit
    that its score lies below the largest.

    Args:
        x: Scores, shape (..., classes).

    Returns:
        Probabilities, shape (..., classes); each row sums to 1.

    Raises:
        InvalidInput: `x` has no last axis, or an empty one.

    Example:
        >>> softmax([[1010.0, 1000.0, 990.0], [1.0, 1.0, 1.0]]).round(3)
        array([[1.   , 0.   , 0.   ],
               [0.333, 0.333, 0.333]])
    """
    return softmax_over(_scores(x), -1)


def log_softmax(x: ArrayLike) -> Array:
    """Logarithms of the probabilities: `x_k - log Σ_j exp(x_j)`.

    It is accurate where `log(softmax(x))` fails: a probability of 1e-50 is 0 in
    float32, but its logarithm is -115. The error is at most 6 ulp of the result or
    of 1, whichever is larger: for a probability near 1 the logarithm is near 0, and
    its rounding error is that of the 1.

    Args:
        x: Scores, shape (..., classes).

    Returns:
        Log-probabilities, shape (..., classes), at most 0.

    Raises:
        InvalidInput: `x` has no last axis, or an empty one.

    Example:
        >>> log_softmax([0.0, -1000.0])
        array([    0., -1000.])
    """
    return log_softmax_over(_scores(x), -1)


def softmax_over(x: Array, axis: int) -> Array:
    """`softmax` over any axis, for an array whose shape is already checked."""
    xp = namespace(x)
    e = xp.exp(_below_maximum(x, axis, xp))
    return e / xp.sum(e, axis=axis, keepdims=True)


def log_softmax_over(x: Array, axis: int) -> Array:
    """`log_softmax` over any axis, for an array whose shape is already checked."""
    xp = namespace(x)
    shifted = _below_maximum(x, axis, xp)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))


def _scores(x: ArrayLike) -> Array:
    x = as_real(x, "x")
    if x.ndim == 0 or x.shape[-1] == 0:
        raise InvalidInput(
            f"softmax runs over the last axis and x, of shape {x.shape}, has none "
            "to run over: pass one score for each class"
        )
    return x


def _below_maximum(x: Array, axis: int, xp: ModuleType) -> Array:
    # Two scores may differ by more than the largest float. The difference is then
    # -inf and exp(-inf) = 0 is the right probability, so no warning is due.
    with np.errstate(over="ignore"):
        return x - xp.max(x, axis=axis, keepdims=True)


class ExportNames(NamedTuple):
    """Names of a function in other programs; None where a program lacks it.

    Names only: nothing here imports those programs.

    Attributes:
        onnx: The operator of ONNX, opset 13, which is used with its default
            attributes: `"Sigmoid"`.
        torch: The module of `torch.nn`, as a call: `"Sigmoid()"`.
        keras: The activation of `keras.layers.Dense`: `"sigmoid"`.
    """

    onnx: str | None
    torch: str | None
    keras: str | None


class Activation(NamedTuple):
    """All that the library knows of an activation.

    Gradients, exports, help texts and the lab's page read it from here.

    Attributes:
        function: `a -> y`, elementwise.
        derivative: `(a, y) -> dy/da`, for `y = function(a)`: a backward pass still
            has both.
        slope_bound: The largest `|dy/da|`, for any a. Nudges grow by at most that much;
            see `secant.nn.gradients.perturbation.is_small`.
        kinks: Where a slope of any order jumps: 0 for relu. Between two of them the
            function is analytic.
        scale: The length on which the slope changes between kinks: at most a point's
            distance from the nearest singularity in the complex plane, π for sigmoid.
            The m-th derivative is at most m! `slope_bound` / `scale`^(m-1).
        linearization: `a -> coefficients`, what `change` has to know of the
            pre-activations: a tuple of arrays.
        change: `(coefficients, da) -> f(a + da) - f(a)` without cancellation, for
            small nudges, `|da| ≤ NEAR / 2` (see `secant.nn.activations`).
        init: The first weights that go with it, a name of
            `secant.nn.networks.INITIALISATIONS`. The lab's page starts with them.
        export_names: What ONNX, PyTorch and Keras call it. Where one of them is None,
            that export is refused with an error.
    """

    function: Callable[[Array], Array]
    derivative: Callable[[Array, Array], Array]
    slope_bound: float
    kinks: tuple[float, ...]
    scale: float
    linearization: Callable[[Array], tuple[Array, ...]]
    change: Callable[[tuple[Array, ...], Array], Array]
    init: str
    export_names: ExportNames


def _sigmoid_linearization(a: Array) -> tuple[Array, ...]:
    # σ(-a) keeps its digits where σ(a) is near 1; 1 - σ(a) does not.
    rest = sigmoid(-a)
    return rest, -sigmoid(a) * rest


def _sigmoid_change(coefficients: tuple[Array, ...], da: Array) -> Array:
    """`-σ(a) σ(-a) e / (1 + σ(-a) e)` with `e = exp(-da) - 1`."""
    rest, scale = coefficients
    e = short_expm1(-da)
    return scale * e / (1 + rest * e)


def _relu_change(coefficients: tuple[Array, ...], da: Array) -> Array:
    """`max(0, a + da) - y = max(-y, (a - y) + da)`: nothing large is subtracted."""
    a, y = coefficients
    return namespace(da).maximum(-y, (a - y) + da)


ACTIVATIONS: dict[str, Activation] = {
    "sigmoid": Activation(
        function=sigmoid,
        derivative=lambda a, y: _sigmoid_slope(a),
        slope_bound=0.25,
        kinks=(),
        scale=3.0,
        linearization=_sigmoid_linearization,
        change=_sigmoid_change,
        init="normal",
        export_names=ExportNames("Sigmoid", "Sigmoid()", "sigmoid"),
    ),
    "relu": Activation(
        function=relu,
        derivative=lambda a, y: (y > 0).astype(y.dtype),
        slope_bound=1,
        kinks=(0.0,),
        scale=inf,
        linearization=lambda a: (a, relu(a)),
        change=_relu_change,
        init="he",
        export_names=ExportNames("Relu", "ReLU()", "relu"),
    ),
    # tanh(a) = 2σ(2a) - 1
    "tanh": Activation(
        function=tanh,
        derivative=lambda a, y: _tanh_slope(a),
        slope_bound=1,
        kinks=(),
        scale=1.5,
        linearization=lambda a: _sigmoid_linearization(2 * a),
        change=lambda coefficients, da: 2 * _sigmoid_change(coefficients, 2 * da),
        init="xavier",
        export_names=ExportNames("Tanh", "Tanh()", "tanh"),
    ),
    "identity": Activation(
        function=identity,
        derivative=lambda a, y: y * 0 + 1,
        slope_bound=1,
        kinks=(),
        scale=inf,
        linearization=lambda a: (),
        change=lambda coefficients, da: da,
        init="xavier",
        export_names=ExportNames("Identity", "Identity()", "linear"),
    ),
}
"""The activations by name. An entry added here is available everywhere."""
