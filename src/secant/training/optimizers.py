"""Optax's optimisers by name: what a step makes of a gradient."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import optax

from secant.errors import InvalidInput, unknown_name
from secant.training.numbers import is_number
from secant.training.schedules import Schedule, checked_rate, checked_schedule

LearningRate = float | optax.Schedule


class NamedOptimizer(NamedTuple):
    """How to make an optimiser, and the rate and decay that it is usually given."""

    make: Callable[[LearningRate], optax.GradientTransformation]
    learning_rate: float
    weight_decay: float = 0.0


OPTIMIZERS: dict[str, NamedOptimizer] = {
    "sgd": NamedOptimizer(optax.sgd, 0.1),
    "momentum": NamedOptimizer(partial(optax.sgd, momentum=0.9), 0.01),
    "nesterov": NamedOptimizer(partial(optax.sgd, momentum=0.9, nesterov=True), 0.01),
    "adagrad": NamedOptimizer(optax.adagrad, 0.01),
    "rmsprop": NamedOptimizer(optax.rmsprop, 0.001),
    "adam": NamedOptimizer(optax.adam, 0.001),
    "adamw": NamedOptimizer(optax.adam, 0.001, weight_decay=1e-4),
}
"""The optimisers that `--optimizer` takes. Any other of Optax's is passed itself."""


class Optimizer(NamedTuple):
    """An optimiser as a run uses it.

    Attributes:
        name: Its name; `custom` if it was passed itself.
        learning_rate: The rate, of a `Schedule` the highest; None where not known.
        transformation: The optimiser.
        schedule: How the rate changes: a `Schedule`, or one that was passed itself.
        weight_decay: By how much weights decay; None if they do not.
        clip_norm: The longest gradient; None for any.
    """

    name: str
    learning_rate: float | None
    transformation: optax.GradientTransformation
    schedule: optax.Schedule | None = None
    weight_decay: float | None = None
    clip_norm: float | None = None

    def settings(self) -> dict[str, Any]:
        """What a run's `Settings` keep of it."""
        known = self.schedule
        return {
            "optimizer": self.name,
            "learning_rate": self.learning_rate,
            "schedule": known
            if known is None or isinstance(known, Schedule)
            else "custom",
            "weight_decay": self.weight_decay,
            "clip_norm": self.clip_norm,
        }


def find_optimizer(
    optimizer: str | optax.GradientTransformation,
    learning_rate: LearningRate | None,
    weight_decay: float | None = None,
    clip_norm: float | None = None,
) -> Optimizer:
    """The optimiser of a name with its options, or the one that was passed.

    With all of them a step is `w ← w - rate × (direction + weight_decay × w)`, where
    the optimiser makes the direction of the clipped gradient
    `g × min(1, clip_norm / ‖g‖)`, the norm taken over all parameters together.

    Raises:
        InvalidInput: An unknown name, a number out of its range, a schedule that
            cannot be compiled, or an option beside an optimiser that has its own.
    """
    if not isinstance(optimizer, str):
        if not hasattr(optimizer, "update") or not hasattr(optimizer, "init"):
            raise InvalidInput(
                f"optimizer is {optimizer!r}: pass a name ({', '.join(OPTIMIZERS)}) "
                "or one of Optax's optimisers, such as optax.adam(1e-3)"
            )
        for name, value, instead in (
            ("learning_rate", learning_rate, "optax.adam(1e-3)"),
            ("weight_decay", weight_decay, "optax.adamw(1e-3, weight_decay=0.01)"),
            (
                "clip_norm",
                clip_norm,
                "optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))",
            ),
        ):
            if value is not None:
                raise InvalidInput(
                    f"{name}={value} came beside an optimiser that has its own: leave "
                    f"it out and pass such as {instead}, or pass the optimiser by name"
                )
        return Optimizer("custom", None, optimizer)
    if optimizer not in OPTIMIZERS:
        raise unknown_name("optimizer", optimizer, OPTIMIZERS)
    named = OPTIMIZERS[optimizer]
    rate, schedule, known = learning_rate, None, None
    if callable(rate):
        rate = schedule = checked_schedule(rate)
        known = schedule.rate if isinstance(schedule, Schedule) else None
    else:
        rate = known = checked_rate(named.learning_rate if rate is None else rate)
    decay = _checked(
        "weight_decay",
        weight_decay,
        "0 or above, such as 0.01",
        lambda decay: decay >= 0,
    )
    if decay is None:
        decay = named.weight_decay
    clip = _checked(
        "clip_norm", clip_norm, "above 0, such as 1.0", lambda norm: norm > 0
    )
    return Optimizer(
        optimizer,
        known,
        _made(optimizer, rate, decay, clip),
        schedule,
        decay if decay or named.weight_decay else None,
        clip,
    )


def _checked(name: str, value: Any, wanted: str, fits: Callable[[Any], bool]) -> Any:
    if value is None:
        return None
    if not is_number(value) or not fits(value):
        raise InvalidInput(f"{name} is {value!r}: pass a finite number {wanted}")
    return float(value)


@lru_cache(maxsize=64)
def _made(
    name: str, rate: LearningRate, decay: float, clip: float | None
) -> optax.GradientTransformation:
    # The same object for the same options: a compiled loop is looked up by it.
    make = OPTIMIZERS[name].make
    parts = [optax.clip_by_global_norm(clip)] if clip is not None else []
    if decay:
        # At a rate of -1 an optimiser gives the direction that it would go against.
        parts += [
            make(-1.0),
            optax.add_decayed_weights(decay, mask=_matrices),
            optax.scale_by_learning_rate(rate),
        ]
    else:
        parts.append(make(rate))
    return parts[0] if len(parts) == 1 else optax.chain(*parts)


def _matrices(params: Any) -> Any:
    """Which parameters decay: weights, and no biases."""
    return jax.tree.map(lambda value: value.ndim > 1, params)
