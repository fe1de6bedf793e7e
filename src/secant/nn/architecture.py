"""The architecture of a network: pure functions of weights and inputs.

    scores = ... f(f(x W1 + b1) W2 + b2) ...        prediction = output(scores)

The weights are always an argument, a dict of arrays `W1, b1, W2, b2, …`. To see the
effect of a nudged weight, pass other weights. Arrays may be NumPy's or JAX's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np

from secant.arrays import (
    Array,
    ArrayLike,
    as_array,
    as_real,
    first_entry,
    is_traced,
    namespace,
    owned,
)
from secant.errors import InvalidInput
from secant.nn.activations import ACTIVATIONS
from secant.nn.losses import LOSSES
from secant.nn.targets import as_vectors
from secant.validation import Boolean, Choice, Each, WholeNumber, validate_fields

Params: TypeAlias = Mapping[str, Array]
"""Weights and biases by name: `Wi` of shape (sizes[i-1], sizes[i]), `bi` of
shape (sizes[i],)."""


class FeatureMajorLayers(NamedTuple):
    """The layers of a network on a batch, feature-major: a column for each sample.

    Attributes:
        sums: `sums[i]` are the pre-activations of layer i, (sizes[i], samples). The
            first entry is the inputs, the last the scores.
        outputs: `outputs[i]` are the outputs of layer i, of the same shape; the first
            entry is the inputs, the last the scores.
    """

    sums: list[Array]
    outputs: list[Array]


def transposed(arrays: Params) -> dict[str, Array]:
    """Weights or gradients transposed, (inputs, outputs) ↔ (outputs, inputs)."""
    return {name: value.T for name, value in arrays.items()}


_SIZES = Each(
    WholeNumber(low=1),
    least=2,
    meaning="the neurons of each layer, at least inputs and outputs",
    example=(784, 50, 10),
)


@dataclass(frozen=True)
class Architecture:
    """Fully connected layers of neurons.

    Attributes:
        sizes: The number of neurons of each layer, from the inputs to the outputs:
            (784, 50, 10).
        activation: The activation of the hidden layers, a name of
            `secant.nn.activations.ACTIVATIONS`.
        loss: The loss that training minimises, a name of `secant.nn.losses.LOSSES`. It
            determines the output: softmax for `cross_entropy`, the scores themselves
            for `sum_squares`.
        bias: Whether layers have a bias.

    Raises:
        InvalidInput: A size is not a positive whole number, there are fewer than two
            sizes, a name is unknown, or `bias` is neither True nor False.

    Example:
        >>> Architecture((784, 50, 10)).shapes
        {'W1': (784, 50), 'b1': (50,), 'W2': (50, 10), 'b2': (10,)}
    """

    sizes: tuple[int, ...]
    activation: str = "sigmoid"
    loss: str = "cross_entropy"
    bias: bool = True

    def __post_init__(self) -> None:
        validate_fields(
            self,
            sizes=_SIZES,
            activation=Choice(ACTIVATIONS),
            loss=Choice(LOSSES),
            bias=Boolean(),
        )

    @property
    def depth(self) -> int:
        """The number of layers that have weights."""
        return len(self.sizes) - 1

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter by its name, in the order of the layers."""
        shapes: dict[str, tuple[int, ...]] = {}
        for layer in range(1, self.depth + 1):
            below, here = self.sizes[layer - 1], self.sizes[layer]
            shapes[f"W{layer}"] = (below, here)
            if self.bias:
                shapes[f"b{layer}"] = (here,)
        return shapes

    @property
    def parameter_count(self) -> int:
        """The number of weights and biases; 39,760 for 784-50-10."""
        return sum(int(np.prod(shape)) for shape in self.shapes.values())

    def layers(self, params: Params, x: Array) -> list[Array]:
        """The output of each layer: the inputs, the hidden layers, the scores."""
        activate = ACTIVATIONS[self.activation].function
        if namespace(x, *params.values()) is not np:
            x = owned(x)
            params = {name: owned(value) for name, value in params.items()}
        outputs = [x]
        for layer in range(1, self.depth + 1):
            sums = outputs[-1] @ params[f"W{layer}"]
            if self.bias:
                sums = sums + params[f"b{layer}"]
            outputs.append(sums if layer == self.depth else activate(sums))
        return outputs

    def feature_major_layers(self, weights: Params, x: Array) -> FeatureMajorLayers:
        """The pre-activations and outputs of each layer, feature-major.

            a = W z + b

        Gradients are computed in this form. An operation on every sample then runs
        along whole rows of memory, and both products with the inputs read the inputs
        in the order in which they are stored. A compiled step is a third shorter.

        Args:
            weights: `Wi` of shape (sizes[i], sizes[i-1]): `transposed(params)`.
            x: Inputs, (samples, inputs) as everywhere else.

        Returns:
            The pre-activations and the outputs, (sizes[i], samples) for layer i.
        """
        activate = ACTIVATIONS[self.activation].function
        sums, outputs = [x.T], [x.T]
        for layer in range(1, self.depth + 1):
            a = weights[f"W{layer}"] @ outputs[-1]
            if self.bias:
                a = a + weights[f"b{layer}"][:, None]
            sums.append(a)
            outputs.append(a if layer == self.depth else activate(a))
        return FeatureMajorLayers(sums, outputs)

    def feature_major_error(self, weights: Params, x: Array, t: Array) -> Array:
        """`error` for transposed weights, computed feature-major."""
        scores = self.feature_major_layers(weights, x).outputs[-1]
        return LOSSES[self.loss].function(scores, t.T, 0)

    def scores(self, params: Params, x: Array) -> Array:
        """The scores (logits) of the last layer, shape (..., sizes[-1])."""
        return self.layers(params, x)[-1]

    def predict(self, params: Params, x: Array) -> Array:
        """The network's outputs; probabilities for `cross_entropy`."""
        return LOSSES[self.loss].output(self.scores(params, x))

    def error(self, params: Params, x: Array, t: Array) -> Array:
        """The loss of a batch from `as_batch`, the mean over its samples."""
        return LOSSES[self.loss].function(self.scores(params, x), t, -1)

    def as_inputs(self, x: ArrayLike) -> Array:
        """`x` as real numbers of shape (inputs,) or (samples, inputs), checked.

        Raises:
            InvalidInput: `x` has another shape, or a value is NaN or infinite.
        """
        x = as_real(x, "x")
        inputs = self.sizes[0]
        if x.ndim not in (1, 2) or x.shape[-1] != inputs:
            flat = x.ndim > 1 and inputs in (x.size, int(np.prod(x.shape[1:])))
            raise InvalidInput(
                f"x has shape {x.shape}, and this network takes {inputs} numbers a "
                + (
                    f"sample: pass x.reshape(-1, {inputs})"
                    if flat
                    else f"sample: pass x of shape ({inputs},) or (samples, {inputs})"
                )
            )
        if not is_traced(x):
            values = np.asarray(x)
            wrong = ~np.isfinite(values)
            if wrong.any():
                raise InvalidInput(
                    f"{first_entry('x', wrong)} is {values[wrong][0]}: inputs must be "
                    "finite; leave out the sample or fill the gap"
                )
        return x

    def as_batch(self, x: ArrayLike, t: ArrayLike) -> tuple[Array, Array]:
        """Samples and targets, checked, in the form that the pure functions take.

        Args:
            x: Inputs, (inputs,) or (samples, inputs).
            t: Targets, labels or vectors (see `secant.nn.targets`).

        Returns:
            `x` of shape (samples, inputs) and `t` as vectors of shape
            (samples, outputs), both of x's dtype.

        Raises:
            InvalidInput: A shape or a value is wrong.
        """
        xp = namespace(x, t)
        x = self.as_inputs(as_array(x, "x", xp))
        shape = (*x.shape[:-1], self.sizes[-1])
        if 0 in shape:
            raise InvalidInput("x holds no sample: pass at least one")
        t = as_array(t, "t", xp)
        t = as_vectors(t, shape, x.dtype, probabilities=LOSSES[self.loss].probabilities)
        return x.reshape(-1, self.sizes[0]), t.reshape(-1, self.sizes[-1])
