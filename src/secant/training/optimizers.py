"""Optax's optimisers by name: what a step makes of a gradient."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
import optax

from secant.errors import InvalidInput, unknown_name


class NamedOptimizer(NamedTuple):
    """How to make an optimiser, and the learning rate it is usually given."""

    make: Callable[[float], optax.GradientTransformation]
    learning_rate: float


OPTIMIZERS: dict[str, NamedOptimizer] = {
    "sgd": NamedOptimizer(optax.sgd, 0.1),
    "momentum": NamedOptimizer(partial(optax.sgd, momentum=0.9), 0.01),
    "nesterov": NamedOptimizer(partial(optax.sgd, momentum=0.9, nesterov=True), 0.01),
    "adagrad": NamedOptimizer(optax.adagrad, 0.01),
    "rmsprop": NamedOptimizer(optax.rmsprop, 0.001),
    "adam": NamedOptimizer(optax.adam, 0.001),
    "adamw": NamedOptimizer(optax.adamw, 0.001),
}
"""The optimisers that `--optimizer` takes. Any other of Optax's is passed itself."""


class Optimizer(NamedTuple):
    """An optimiser as a run uses it: its name, its rate where known, itself."""

    name: str
    learning_rate: float | None
    transformation: optax.GradientTransformation


def find_optimizer(
    optimizer: str | optax.GradientTransformation, learning_rate: float | None
) -> Optimizer:
    """The optimiser of a name with a learning rate, or the one that was passed.

    Raises:
        InvalidInput: An unknown name, a learning rate that is not a finite number
            above 0, or one beside an optimiser that has its own.
    """
    if not isinstance(optimizer, str):
        if not hasattr(optimizer, "update") or not hasattr(optimizer, "init"):
            raise InvalidInput(
                f"optimizer is {optimizer!r}: pass a name ({', '.join(OPTIMIZERS)}) "
                "or one of Optax's optimisers, such as optax.adam(1e-3)"
            )
        if learning_rate is not None:
            raise InvalidInput(
                f"learning_rate={learning_rate} came beside an optimiser that has "
                "its own: leave it out, or pass the optimiser by name"
            )
        return Optimizer("custom", None, optimizer)
    if optimizer not in OPTIMIZERS:
        raise unknown_name("optimizer", optimizer, OPTIMIZERS)
    rate = (
        OPTIMIZERS[optimizer].learning_rate if learning_rate is None else learning_rate
    )
    if (
        isinstance(rate, bool)
        or not isinstance(rate, int | float | np.number)
        or not np.isfinite(rate)
        or rate <= 0
    ):
        raise InvalidInput(
            f"learning_rate is {rate!r}: pass a finite number above 0, such as 0.1; "
            "a step subtracts learning_rate × gradient, so it needs no minus"
        )
    return Optimizer(optimizer, float(rate), _made(optimizer, float(rate)))


@lru_cache(maxsize=64)
def _made(name: str, learning_rate: float) -> optax.GradientTransformation:
    # The same object for the same rate: a compiled loop is looked up by it.
    return OPTIMIZERS[name].make(learning_rate)
