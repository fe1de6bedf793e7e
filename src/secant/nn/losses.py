"""Loss functions, and the table of losses that networks train with.

The loss of a batch is the mean over its samples. Targets are class labels or vectors;
their number of dimensions says which (see `secant.nn.targets`). Values are checked
where they are known; under `jit` only shapes are.
"""

from collections.abc import Callable
from math import factorial
from types import ModuleType
from typing import NamedTuple

import numpy as np

from secant.arrays import (
    Array,
    ArrayLike,
    as_array,
    as_real,
    first_entry,
    is_traced,
    namespace,
)
from secant.errors import InvalidInput
from secant.nn.activations import (
    ExportNames,
    identity,
    log_softmax_over,
    short_expm1,
    short_log1p,
    softmax,
    softmax_over,
)
from secant.nn.targets import as_vectors

GUARD = 1e-7
"""Added to a probability before its logarithm: log(0) would be -inf."""

# A numerical derivative may push a probability out of [0, 1] by this much.
_NUDGE = 1e-3

# How far from 1 a sum of probabilities may be: rounding in bfloat16 adds up to 0.01.
_SLACK = 0.02


def sum_squares_error(y: ArrayLike, t: ArrayLike) -> Array:
    """Half the sum of squared errors: `E = 1/2 Σ_k (y_k - t_k)²`.

    Args:
        y: Outputs, shape (outputs,) or (samples, outputs).
        t: Targets: real numbers of the same shape, or class labels (one dimension
            less), which stand for one-hot vectors.

    Returns:
        The loss, a scalar of y's dtype: the mean over the samples.

    Raises:
        InvalidInput: The shapes do not match, a label is out of range, or a value is
            NaN or infinite.

    Example:
        >>> float(sum_squares_error([0.1, 0.6, 0.3], [0, 1, 0]))
        0.13
    """
    xp = namespace(y, t)
    y = _outputs(y, xp)
    t = as_array(t, "t", xp)
    vectors = as_vectors(t, y.shape, y.dtype, probabilities=False)
    return _sum_squares(y, vectors, -1)


def cross_entropy_error(y: ArrayLike, t: ArrayLike) -> Array:
    """Cross entropy of probabilities: `E = -Σ_k t_k log(y_k + 1e-7)`.

    With a one-hot target only the correct class counts: `-log(y_correct + 1e-7)`.

    Args:
        y: Probabilities such as `softmax` gives, shape (classes,) or
            (samples, classes).
        t: Class labels (one dimension less than `y`) or one-hot rows of y's shape.

    Returns:
        The loss, a scalar of y's dtype: the mean over the samples.

    Raises:
        InvalidInput: A value of `y` is not a probability, or those of a sample do not
            sum to 1; the shapes do not match, a label is out of range, a row is not
            one-hot, or a value is NaN.

    Example:
        >>> y = [0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0]
        >>> float(cross_entropy_error(y, 2))
        0.510825457099338
    """
    xp = namespace(y, t)
    y = _outputs(y, xp)
    if not is_traced(y):
        _refuse_improbable(np.asarray(y))
    t = as_array(t, "t", xp)
    vectors = as_vectors(t, y.shape, y.dtype, probabilities=True)
    return _cross_entropy(xp.log(y + GUARD), vectors, -1)


def softmax_cross_entropy(scores: ArrayLike, t: ArrayLike) -> Array:
    """Cross entropy of scores (logits): `E = log Σ_j exp(a_j) - a_correct`.

    It is `cross_entropy_error(softmax(scores), t)` without the probabilities in
    between, which may round to 0. It therefore needs no guard, and its gradient is
    `softmax(scores) - t` for any scores.

    Args:
        scores: Real numbers, shape (classes,) or (samples, classes).
        t: Class labels (one dimension less than `scores`) or one-hot rows.

    Returns:
        The loss, a scalar of the scores' dtype: the mean over the samples.

    Raises:
        InvalidInput: The shapes do not match, a label is out of range, a row is not
            one-hot, or a value is NaN or infinite.

    Example:
        >>> float(softmax_cross_entropy([[0.0, -1000.0]], [1]))
        1000.0
    """
    xp = namespace(scores, t)
    scores = _outputs(scores, xp, "scores")
    t = as_array(t, "t", xp)
    vectors = as_vectors(t, scores.shape, scores.dtype, probabilities=True)
    return _cross_entropy(log_softmax_over(scores, -1), vectors, -1)


def _outputs(y: ArrayLike, xp: ModuleType, name: str = "y") -> Array:
    y = as_real(y, name, xp)
    if y.ndim == 0 or y.size == 0:
        raise InvalidInput(
            f"{name} has shape {y.shape}: pass the outputs of one sample, shape "
            "(outputs,), or of several, shape (samples, outputs)"
        )
    if not is_traced(y):
        values = np.asarray(y)
        wrong = ~np.isfinite(values)
        if wrong.any():
            raise InvalidInput(
                f"{first_entry(name, wrong)} is {values[wrong][0]}, and no error can "
                "be told from that: look where it came from (a learning rate that is "
                "too large, a division by 0, a NaN in the data)"
            )
    return y


def _refuse_improbable(y: np.ndarray) -> None:
    wrong = (y + GUARD <= 0) | (y > 1 + _NUDGE)
    if wrong.any():
        raise InvalidInput(
            f"{first_entry('y', wrong)} is {y[wrong][0]:.6g}, which is no probability: "
            "pass softmax(scores), or the scores to softmax_cross_entropy"
        )
    # Values between 0 and 1 may still be scores, or a softmax over the whole batch.
    sums = y.astype(np.float64).sum(axis=-1)
    wrong = abs(sums - 1) > _SLACK
    if wrong.any():
        raise InvalidInput(
            f"{first_entry('y', wrong)} sums to {sums[wrong][0]:.6g}, and a sample's "
            "probabilities sum to 1: pass softmax(scores), taken over the last axis, "
            "or the scores to softmax_cross_entropy"
        )


def _sum_squares(y: Array, t: Array, axis: int) -> Array:
    xp = namespace(y)
    # `mean` accumulates float16 in float32; a plain sum over many samples overflows.
    return xp.mean(xp.sum((y - t) ** 2, axis=axis)) / 2


def _cross_entropy(logarithms: Array, t: Array, axis: int) -> Array:
    xp = namespace(logarithms)
    # Classes with t = 0 contribute exactly 0, also where the logarithm is infinite.
    terms = t * xp.where(t == 0, xp.zeros_like(logarithms), -logarithms)
    return xp.mean(xp.sum(terms, axis=axis))


def _samples(outputs: Array, axis: int) -> int:
    return outputs.size // outputs.shape[axis]


class Loss(NamedTuple):
    """All that the library knows of a loss: a function of the scores (logits).

    Targets are vectors here, prepared once by `secant.nn.targets.as_vectors`. Nothing
    is checked: these functions run in a compiled loop. `axis` is the axis of the
    outputs; the other axes are samples.

    Attributes:
        function: `(scores, t, axis) -> loss`, a scalar.
        gradient: `(scores, t, axis) -> d loss / d scores`, of the scores' shape.
        output: `scores -> outputs`, on the last axis: what the network predicts.
        output_names: What ONNX, PyTorch and Keras call `output`. Where one of them is
            None, that export is refused with an error.
        probabilities: Whether outputs are probabilities and targets must be one-hot.
        baseline: `t -> loss` of the best output that looks at no input, for targets of
            shape (samples, outputs). A network that learns has a lower loss.
        change: `(scores, t, ds) -> loss(scores + ds) - loss(scores)`, for each sample
            by itself, without cancellation, for `|ds| ≤ NEAR` (see
            `secant.nn.activations`). The outputs are on the first axis.
        line_coefficients: `(scores, t, directions) -> coefficients`, for
            `change_along_line`: scores and targets of shape (outputs, samples),
            directions (outputs, units), or None for the unit vectors; the coefficients
            are (units, samples).
        change_along_line: `(coefficients, s) -> loss(scores + s d) - loss(scores)`,
            for each sample by itself and each direction d, where `|s d| ≤ NEAR`. It
            equals `change` for `ds = s d`; the sum over outputs is in the coefficients,
            computed once for all `s`.
    """

    function: Callable[[Array, Array, int], Array]
    gradient: Callable[[Array, Array, int], Array]
    output: Callable[[Array], Array]
    output_names: ExportNames
    probabilities: bool
    baseline: Callable[[np.ndarray], float]
    change: Callable[[Array, Array, Array], Array]
    line_coefficients: Callable[[Array, Array, Array | None], tuple[Array, ...]]
    change_along_line: Callable[[tuple[Array, ...], Array], Array]


def _entropy(t: np.ndarray) -> float:
    """The entropy of the classes' shares: log 10 = 2.303 for ten of equal size."""
    share = t.mean(axis=0, dtype=np.float64)
    present = share[share > 0]
    return float(-np.sum(present * np.log(present)))


def _half_variance(t: np.ndarray) -> float:
    """Half the variance, summed over the outputs: the best constant is the mean."""
    return float(0.5 * np.sum(np.var(t, axis=0, dtype=np.float64)))


def _cross_entropy_change(a: Array, t: Array, da: Array) -> Array:
    """`log(1 + Σ_k y_k (exp(da_k) - 1)) - Σ_k t_k da_k`, y the probabilities."""
    xp = namespace(a)
    moved = xp.sum(softmax_over(a, 0) * short_expm1(da), axis=0)
    return short_log1p(moved) - xp.sum(t * da, axis=0)


def _cross_entropy_line(
    a: Array, t: Array, directions: Array | None
) -> tuple[Array, ...]:
    """`Σ_k t_k d_k` and `Σ_k y_k d_k^m / m!`, m = 1 … 4: exp's series, summed first."""
    y = softmax_over(a, 0)
    if directions is None:
        return (t, *(y / factorial(m) for m in range(1, 5)))
    xp, units = namespace(a), directions.shape[1]
    # One product of small matrices in place of four.
    powers = xp.concatenate([directions.T**m / factorial(m) for m in range(1, 5)])
    return (directions.T @ t, *(powers @ y).reshape(4, units, -1))


def _cross_entropy_along_line(coefficients: tuple[Array, ...], s: Array) -> Array:
    meant, *moments = coefficients
    moved = moments[-1]
    for moment in moments[-2::-1]:
        moved = moment + s * moved
    return short_log1p(s * moved) - s * meant


def _sum_squares_line(
    a: Array, t: Array, directions: Array | None
) -> tuple[Array, ...]:
    if directions is None:
        return a - t, namespace(a).ones_like(a)
    squares = namespace(a).sum(directions * directions, axis=0)
    return directions.T @ (a - t), squares[:, None] + 0 * a[:1]


LOSSES: dict[str, Loss] = {
    "cross_entropy": Loss(
        function=lambda a, t, axis: _cross_entropy(log_softmax_over(a, axis), t, axis),
        gradient=lambda a, t, axis: (softmax_over(a, axis) - t) / _samples(a, axis),
        output=softmax,
        output_names=ExportNames("Softmax", "Softmax(dim=-1)", "softmax"),
        probabilities=True,
        baseline=_entropy,
        change=_cross_entropy_change,
        line_coefficients=_cross_entropy_line,
        change_along_line=_cross_entropy_along_line,
    ),
    "sum_squares": Loss(
        function=_sum_squares,
        gradient=lambda a, t, axis: (a - t) / _samples(a, axis),
        output=identity,
        output_names=ExportNames("Identity", "Identity()", "linear"),
        probabilities=False,
        baseline=_half_variance,
        change=lambda a, t, da: namespace(a).sum(da * (a - t + da / 2), axis=0),
        line_coefficients=_sum_squares_line,
        change_along_line=lambda c, s: s * (c[0] + s * c[1] / 2),
    ),
}
"""The losses by name. `cross_entropy` goes with softmax outputs, `sum_squares`
with the sums themselves."""
