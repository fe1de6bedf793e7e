"""What a gradient method is: parameters and a batch in, loss and gradients out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from secant.architecture import Architecture, Params, turned
from secant.arrays import Array


class LossAndGradients(Protocol):
    """A function that finds which way the loss of a batch falls."""

    def __call__(
        self,
        architecture: Architecture,
        params: Params,
        x: Array,
        t: Array,
        key: Array | None = None,
        /,
    ) -> tuple[Array, dict[str, Array]]:
        """The loss of a batch, and its slope along every parameter.

        Args:
            architecture: What the network computes.
            params: Its weights; never changed.
            x: Inputs, (samples, inputs), and
            t: targets as vectors, (samples, outputs), both from
                `Architecture.as_batch`.
            key: A JAX random key, a new one each step: methods that draw random
                directions draw them from it, the others do not look at it.

        Returns:
            The loss, a scalar, and gradients of the names and shapes of `params`.
        """
        ...


@dataclass(frozen=True)
class GradientMethod:
    """A way to a gradient, and what a training loop must know of it.

    Attributes:
        name: What `gradient=` and `--gradient` call it.
        function: The method itself.
        nudges: What is nudged, in a few words.
        traceable: Whether it is made of array operations that `jax.jit` compiles;
            else it is run step by step, in NumPy.
        evaluations: How many runs of the whole network a step amounts to, from
            the architecture; None where the question has no answer.
        columns: The same method for weights and gradients that are transposed,
            (outputs, inputs), as compiled loops hold them where it is given.
    """

    name: str
    function: LossAndGradients
    nudges: str
    traceable: bool
    evaluations: Callable[[Architecture], int] | None
    columns: LossAndGradients | None = None


def in_rows(columns: LossAndGradients) -> LossAndGradients:
    """A method that computes in columns, for weights of shape (inputs, outputs)."""

    def function(
        architecture: Architecture,
        params: Params,
        x: Array,
        t: Array,
        key: Array | None = None,
        /,
    ) -> tuple[Array, dict[str, Array]]:
        loss, gradients = columns(architecture, turned(params), x, t, key)
        return loss, turned(gradients)

    return function
