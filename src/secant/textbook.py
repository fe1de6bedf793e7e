"""The chapter's own names: its functions, its two networks, its arguments.

"Neural network learning", chapter 4 of Saitoh's "Deep Learning from Scratch", calls
the learning rate `lr` and the number of steps `step_num`; everywhere else in Secant
they are `learning_rate` and `iterations`. What a cell of the chapter defines is here
under the same name, with the same arguments, and right.
"""

import warnings

from secant.arrays import Array, ArrayLike
from secant.derivatives.finite_difference import numerical_diff, numerical_gradient
from secant.derivatives.validation import Floats, Function
from secant.descent import DescentStatus, DescentWarning, descend
from secant.nn.activations import sigmoid, softmax
from secant.nn.losses import cross_entropy_error, sum_squares_error
from secant.nn.networks import MLP

__all__ = [
    "SimpleNet",
    "TwoLayerNet",
    "cross_entropy_error",
    "gradient_descent",
    "numerical_diff",
    "numerical_gradient",
    "sigmoid",
    "softmax",
    "sum_squares_error",
]


def gradient_descent(
    f: Function, init_x: ArrayLike, lr: float = 0.01, step_num: int = 100
) -> Floats:
    """The point after `step_num` steps `x ← x - lr · gradient`.

    Args:
        f: The function to minimise, from an array of init_x's shape to a number.
        init_x: The start; it is not changed.
        lr: The learning rate, a positive number.
        step_num: The number of steps, an integer of at least 0.

    Returns:
        The last point, float64; if the descent diverged, its last finite point.

    Raises:
        InvalidInput: As `descend`.

    Warns:
        DescentWarning: The descent diverged.

    Example:
        >>> x = gradient_descent(lambda x: x[0] ** 2 + x[1] ** 2, [-3, 4], lr=0.1)
        >>> x.round(17)
        array([-6.1111079e-10,  8.1481439e-10])
    """
    descent = descend(f, init_x, lr, step_num)
    if descent.status is DescentStatus.DIVERGED:
        warnings.warn(descent.message, DescentWarning, stacklevel=2)
    return descent.x


class SimpleNet(MLP):
    """The notebook's first network: one layer of weights, no bias.

    As in the notebook, `predict` gives the scores and `loss` applies softmax to them.
    The weights are drawn from the standard normal distribution.

    Example:
        >>> net = SimpleNet(seed=0)
        >>> net.W[...] = [[0.25, 0.35, 0.0], [-0.74, -1.14, 1.24]]
        >>> net.predict([0.6, 0.9])
        array([-0.516, -0.816,  1.116])
        >>> round(float(net.loss([0.6, 0.9], [0, 0, 1])), 3)
        0.293
    """

    def __init__(
        self, input_size: int = 2, output_size: int = 3, *, seed: int = 0
    ) -> None:
        super().__init__(
            (input_size, output_size), bias=False, weight_init_std=1.0, seed=seed
        )

    @property
    def W(self) -> Array:
        """The weights, shape (input_size, output_size). They can be assigned."""
        return self.params["W1"]

    @W.setter
    def W(self, weights: ArrayLike) -> None:
        self.params = self.replace({"W1": weights}).params

    def predict(self, x: ArrayLike) -> Array:
        """The scores, `x W`; `loss` applies softmax to them."""
        return self.scores(x)


class TwoLayerNet(MLP):
    """The notebook's network: a hidden layer of sigmoids, softmax, cross entropy.

    Args:
        input_size: The numbers of a sample; 784 for the digits.
        hidden_size: The neurons of the hidden layer.
        output_size: The classes.
        weight_init_std: The standard deviation of the first weights. Biases start at 0.
        seed: The same seed draws the same weights.

    Example:
        >>> net = TwoLayerNet(input_size=784, hidden_size=50, output_size=10)
        >>> {name: array.shape for name, array in net.params.items()}
        {'W1': (784, 50), 'b1': (50,), 'W2': (50, 10), 'b2': (10,)}
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        weight_init_std: float = 0.01,
        *,
        seed: int = 0,
    ) -> None:
        super().__init__(
            (input_size, hidden_size, output_size),
            weight_init_std=weight_init_std,
            seed=seed,
        )
