"""Optax's optimisers by name, and their options: how a gradient becomes a step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypedDict

import jax
import optax

from secant.errors import InvalidInput
from secant.training.schedules import LEARNING_RATE, Schedule, checked_schedule
from secant.validation import Choice, Or, PositiveNumber, RealNumber, validate_fields

LearningRate = float | optax.Schedule

CUSTOM = "custom"
"""The name of an optimiser or a schedule that was passed as an object."""


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


class OptimizerArguments(TypedDict, total=False):
    """The arguments of `fit` that an `OptimizerConfig` is made from."""

    optimizer: str | optax.GradientTransformation
    learning_rate: LearningRate | None
    weight_decay: float | None
    clip_norm: float | None


UNWRITTEN: dict[str, Any] = {
    "default": None,
    "repr": False,
    "compare": False,
    "metadata": {"written": False},
}
"""Of a field that holds an object, which no file holds and no comparison sees."""


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """An optimiser with all of its options.

    With all of them a step is `w ← w - rate × (direction + weight_decay × w)`, where
    the optimiser makes the direction of the clipped gradient
    `g × min(1, clip_norm / ‖g‖)`, the norm taken over all parameters together.

    Attributes:
        optimizer: Its name in `OPTIMIZERS`; `custom` if it was passed as an object.
        learning_rate: The rate, of a `Schedule` the highest; None of a custom
            optimiser and of a custom schedule.
        schedule: How the rate changes: a `Schedule`, or `custom` if another function
            was passed; None if it does not.
        weight_decay: By how much weights decay; None if they do not.
        clip_norm: The longest gradient; None for any.
        custom_optimizer: The object that was passed, which no file holds.
        custom_schedule: The function that was passed, which no file holds.

    Raises:
        InvalidInput: An unknown name, or a number out of its range.
    """

    optimizer: str
    learning_rate: float | None = None
    schedule: Schedule | str | None = None
    weight_decay: float | None = None
    clip_norm: float | None = None
    custom_optimizer: optax.GradientTransformation | None = field(**UNWRITTEN)
    custom_schedule: optax.Schedule | None = field(**UNWRITTEN)

    def __post_init__(self) -> None:
        if self.optimizer == CUSTOM:
            return
        validate_fields(
            self,
            optimizer=Choice(OPTIMIZERS),
            weight_decay=Or(RealNumber(low=0, example=0.01), None),
            clip_norm=Or(PositiveNumber(example="1.0"), None),
        )
        usual = OPTIMIZERS[self.optimizer]
        if isinstance(self.schedule, Schedule):
            object.__setattr__(self, "learning_rate", self.schedule.rate)
        elif self.schedule is None:
            if self.learning_rate is None:
                object.__setattr__(self, "learning_rate", usual.learning_rate)
            validate_fields(self, learning_rate=LEARNING_RATE)
        else:
            validate_fields(self, schedule=Choice([CUSTOM]))
        if self.weight_decay is None or not (self.weight_decay or usual.weight_decay):
            object.__setattr__(self, "weight_decay", usual.weight_decay or None)

    @property
    def transformation(self) -> optax.GradientTransformation:
        """The optimiser as Optax has it; the same object for the same options.

        Raises:
            InvalidInput: It, or its schedule, was passed as an object, and this
                configuration was read from a file, which does not hold it.
        """
        self.check_known()
        if self.custom_optimizer is not None:
            return self.custom_optimizer
        rate = self.learning_rate
        if self.schedule is not None:
            rate = self.rate_schedule
        assert rate is not None
        return _made(self.optimizer, rate, self.weight_decay or 0.0, self.clip_norm)

    @property
    def rate_schedule(self) -> optax.Schedule | None:
        """The function from a step to its rate; None for one rate, or if unknown."""
        known = self.schedule
        return known if isinstance(known, Schedule) else self.custom_schedule

    def check_known(self) -> None:
        """Refuses a configuration that lacks an object which was passed.

        Raises:
            InvalidInput: It was read from a file, which does not hold the object.
        """
        lacks_optimizer = self.optimizer == CUSTOM and self.custom_optimizer is None
        lacks_schedule = self.schedule == CUSTOM and self.custom_schedule is None
        if lacks_optimizer or lacks_schedule:
            raise InvalidInput(
                "the run's optimiser or schedule was passed as an object, and only "
                "the program that began the run has it: call that program again"
            )


def optimizer_fields(
    optimizer: str | optax.GradientTransformation = "sgd",
    learning_rate: LearningRate | None = None,
    **numbers: Any,
) -> dict[str, Any]:
    """The fields of an `OptimizerConfig` for arguments as `fit` takes them.

    Raises:
        InvalidInput: What was passed is no optimiser, a schedule cannot be compiled,
            or an option came beside an optimiser that has its own.
    """
    if isinstance(optimizer, str):
        fields: dict[str, Any] = {"optimizer": optimizer, **numbers}
        if not callable(learning_rate):
            return {**fields, "learning_rate": learning_rate}
        if isinstance(learning_rate, Schedule):
            return {**fields, "schedule": learning_rate}
        custom = checked_schedule(learning_rate)
        return {**fields, "schedule": CUSTOM, "custom_schedule": custom}
    if not hasattr(optimizer, "update") or not hasattr(optimizer, "init"):
        raise InvalidInput(
            f"optimizer is {optimizer!r}: pass a name ({', '.join(OPTIMIZERS)}) "
            "or one of Optax's optimisers, such as optax.adam(1e-3)"
        )
    for name, value in {"learning_rate": learning_rate, **numbers}.items():
        if value is not None:
            raise InvalidInput(
                f"{name}={value} came beside an optimiser that has its own: leave "
                f"it out and pass such as {_IN_OPTAX[name]}, or pass the optimiser by "
                "name"
            )
    return {"optimizer": CUSTOM, "custom_optimizer": optimizer}


# How an option is written where an optimiser of Optax is passed.
_IN_OPTAX = {
    "learning_rate": "optax.adam(1e-3)",
    "weight_decay": "optax.adamw(1e-3, weight_decay=0.01)",
    "clip_norm": "optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))",
}


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
