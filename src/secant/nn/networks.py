"""A network that holds its weights: `MLP`.

Readers of the notebook ask: "`loss_W = lambda W: self.loss(x, t)` does not use W, so is
the gradient not zero?" It is not zero, because `self.loss` reads the same array that is
nudged, but that line does not show it. Here the weights are an argument:
`net.architecture.error(params, x, t)`.
"""

from collections.abc import Mapping
from typing import Self

import numpy as np

from secant.arrays import Array, ArrayLike, as_real, namespace
from secant.errors import InvalidInput
from secant.nn.architecture import Architecture, Params
from secant.nn.gradients import find_method
from secant.nn.targets import as_labels
from secant.validation import SEED, Choice, RealNumber, validate


def _normal(below: int, here: int, std: float) -> float:
    return std


def _xavier(below: int, here: int, std: float) -> float:
    """Glorot & Bengio (2010), eq. 12: keeps the variance, forward and backward."""
    return float(np.sqrt(2 / (below + here)))


def _he(below: int, here: int, std: float) -> float:
    """He et al. (2015), eq. 10: the same for relu, which zeroes half of its inputs."""
    return float(np.sqrt(2 / below))


INITIALISATIONS = {"normal": _normal, "xavier": _xavier, "he": _he}
"""The standard deviation of the first weights of a layer, by name."""


class MLP:
    """A network of fully connected layers, with its weights.

    Args:
        sizes: The number of neurons of each layer, from the inputs to the outputs.
        activation: The activation of the hidden layers, a name of
            `secant.nn.activations.ACTIVATIONS`: `sigmoid`, `relu`, …
        loss: The loss that training minimises, a name of `secant.nn.losses.LOSSES`:
            `cross_entropy` (the outputs are probabilities, by softmax), `sum_squares`
            (the outputs are the scores), …
        bias: Whether layers have a bias.
        init: The distribution of the first weights, normal around 0 in each case. The
            standard deviation is `weight_init_std` for `normal`,
            √(2 / (inputs + outputs)) of the layer for `xavier` and √(2 / inputs) for
            `he`. Biases start at 0.
        weight_init_std: The standard deviation for `init="normal"`.
        seed: The same seed draws the same weights on every machine.

    Attributes:
        architecture: What the network computes, without its weights.
        params: The weights, a dict of NumPy arrays `W1, b1, W2, b2, …`, float64
            when drawn. They may be changed in place: `net.params["W1"] -= …`.

    Raises:
        InvalidInput: A size is not a positive whole number, or a name is unknown.

    Example:
        >>> net = MLP((2, 3, 2), activation="tanh", init="xavier", seed=1)
        >>> net.predict([0.5, -0.5]).shape, net.predict([[0.5, -0.5]] * 4).shape
        ((2,), (4, 2))
    """

    def __init__(
        self,
        sizes: tuple[int, ...],
        activation: str = "sigmoid",
        loss: str = "cross_entropy",
        *,
        bias: bool = True,
        init: str = "normal",
        weight_init_std: float = 0.01,
        seed: int = 0,
    ) -> None:
        self.architecture = Architecture(sizes, activation, loss, bias)
        self.params = _draw(self.architecture, init, weight_init_std, seed)

    @classmethod
    def from_params(cls, architecture: Architecture, params: Params) -> "MLP":
        """A network with the given weights.

        Raises:
            InvalidInput: A parameter is missing or unknown, has another shape, or
                does not hold real numbers.
        """
        net = MLP.__new__(MLP)
        net.architecture = architecture
        net.params = _checked(architecture, params)
        return net

    def replace(self, params: Params) -> Self:
        """The same network with other weights; this one does not change."""
        net = type(self).__new__(type(self))
        net.architecture = self.architecture
        net.params = _checked(self.architecture, params)
        return net

    def scores(self, x: ArrayLike) -> Array:
        """The scores (logits), shape (outputs,) or (samples, outputs)."""
        return self.architecture.scores(self.params, self.architecture.as_inputs(x))

    def predict(self, x: ArrayLike) -> Array:
        """The outputs: probabilities, or for `sum_squares` the scores.

        Args:
            x: Shape (inputs,) or (samples, inputs).

        Returns:
            Shape (outputs,) or (samples, outputs).

        Raises:
            InvalidInput: `x` has another shape or is not finite.
        """
        return self.architecture.predict(self.params, self.architecture.as_inputs(x))

    def loss(self, x: ArrayLike, t: ArrayLike) -> Array:
        """The loss, a scalar: the mean over samples.

        Args:
            x: Shape (inputs,) or (samples, inputs).
            t: Class labels, or one-hot rows (for `sum_squares` any vectors).

        Raises:
            InvalidInput: A shape or a value in them cannot be right.
        """
        x, t = self.architecture.as_batch(x, t)
        return self.architecture.error(self.params, x, t)

    def accuracy(self, x: ArrayLike, t: ArrayLike) -> float:
        """The share of samples whose largest output is the correct class, 0 to 1.

        Args:
            x: Shape (inputs,) or (samples, inputs).
            t: Class labels, or one-hot rows.

        Raises:
            InvalidInput: A shape or a value in them cannot be right.
        """
        scores = self.scores(x)
        if scores.size == 0:
            raise InvalidInput("x holds no sample: pass at least one")
        labels = as_labels(t, scores.shape)
        xp = namespace(scores)
        return float(xp.mean(xp.argmax(scores, axis=-1) == labels))

    def numerical_gradient(self, x: ArrayLike, t: ArrayLike) -> dict[str, Array]:
        """The gradient of the loss by its definition: each weight nudged by ±1e-4.

        It is accurate to about 1e-8 and slow: two runs of the network for each weight.

        Raises:
            InvalidInput: A shape or a value in `x` or `t` cannot be right.
        """
        return self._gradients("definition", x, t)

    def gradient(self, x: ArrayLike, t: ArrayLike) -> dict[str, Array]:
        """The gradient of the loss by backpropagation.

        Raises:
            InvalidInput: A shape or a value in `x` or `t` cannot be right.
        """
        return self._gradients("backprop", x, t)

    def _gradients(self, method: str, x: ArrayLike, t: ArrayLike) -> dict[str, Array]:
        batch = self.architecture.as_batch(x, t)
        return find_method(method)(self.architecture, self.params, *batch)[1]

    def __repr__(self) -> str:
        a = self.architecture
        sizes = "-".join(str(size) for size in a.sizes)
        return (
            f"<{type(self).__name__} {sizes}, {a.activation}, {a.loss}, "
            f"{a.parameter_count:,} parameters>"
        )


def _draw(
    architecture: Architecture, init: str, std: float, seed: int
) -> dict[str, np.ndarray]:
    init = validate("init", init, Choice(INITIALISATIONS, "initialisation"))
    std = validate("weight_init_std", std, RealNumber(low=0, example=0.01))
    draw = np.random.default_rng(validate("seed", seed, SEED))
    params = {}
    for name, shape in architecture.shapes.items():
        if name.startswith("W"):
            below, here = shape
            spread = INITIALISATIONS[init](below, here, std)
            params[name] = spread * draw.standard_normal(shape)
        else:
            params[name] = np.zeros(shape)
    return params


def _checked(
    architecture: Architecture, params: Mapping[str, Array]
) -> dict[str, np.ndarray]:
    if not isinstance(params, Mapping):
        raise InvalidInput(
            f"the parameters are a {type(params).__name__}: pass a dict of arrays, "
            f"of shapes {architecture.shapes}"
        )
    # Copies, of a floating dtype: users change the network's arrays in place.
    arrays = {
        name: np.array(as_real(value, f"params[{name!r}]", np))
        for name, value in params.items()
    }
    shapes = {name: array.shape for name, array in arrays.items()}
    if shapes != architecture.shapes:
        raise InvalidInput(
            f"the parameters have shapes {shapes}, and this network's are "
            f"{architecture.shapes}: pass exactly these"
        )
    return {name: arrays[name] for name in architecture.shapes}
