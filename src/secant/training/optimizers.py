"""Optax's optimisers by name, and their options.

Neither this file nor `secant.training.schedules` loads Optax or JAX until an optimiser
is made: the command line checks its options, and reads a run, without them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from secant.errors import InvalidInput
from secant.nn.gradients.method import LazyFunction
from secant.training.schedules import LEARNING_RATE, Schedule, check_schedule
from secant.validation import Choice, Or, PositiveNumber, RealNumber, validate_fields

if TYPE_CHECKING:
    from optax import GradientTransformation
else:  # `parse_record` reads the types of the fields
    GradientTransformation = object

LearningRate = float | Callable[[Any], Any]
"""A rate, or a function from a step to its rate, as Optax has them."""

CUSTOM = "custom"
"""The name of an optimiser or schedule that was passed as an object."""


class NamedOptimizer(NamedTuple):
    """The constructor of an optimiser, and its default rate and decay."""

    make: Callable[[LearningRate], GradientTransformation]
    learning_rate: float
    weight_decay: float = 0.0


OPTIMIZERS: dict[str, NamedOptimizer] = {
    "sgd": NamedOptimizer(LazyFunction("optax", "sgd"), 0.1),
    "momentum": NamedOptimizer(
        partial(LazyFunction("optax", "sgd"), momentum=0.9), 0.01
    ),
    "nesterov": NamedOptimizer(
        partial(LazyFunction("optax", "sgd"), momentum=0.9, nesterov=True), 0.01
    ),
    "adagrad": NamedOptimizer(LazyFunction("optax", "adagrad"), 0.01),
    "rmsprop": NamedOptimizer(LazyFunction("optax", "rmsprop"), 0.001),
    "adam": NamedOptimizer(LazyFunction("optax", "adam"), 0.001),
    "adamw": NamedOptimizer(LazyFunction("optax", "adam"), 0.001, weight_decay=1e-4),
}
"""The optimisers of `--optimizer`. `fit` also takes any of Optax's as an object."""


class OptimizerArguments(TypedDict, total=False):
    """The arguments of `fit` that make an `OptimizerConfig`."""

    optimizer: str | GradientTransformation
    learning_rate: LearningRate | None
    weight_decay: float | None
    clip_norm: float | None


UNWRITTEN: dict[str, Any] = {
    "default": None,
    "repr": False,
    "compare": False,
    "metadata": {"written": False},
}
"""Arguments of a field for an object, which files omit and comparisons ignore."""


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """An optimiser with all its options.

    A step is `w ← w - rate × (direction + weight_decay × w)`. The optimiser makes the
    direction from the clipped gradient `g × min(1, clip_norm / ‖g‖)`, whose norm is
    over all parameters together.

    Attributes:
        optimizer: Its name in `OPTIMIZERS`; `custom` for an object.
        learning_rate: The rate, or the highest rate of a `Schedule`; None for a custom
            optimiser and a custom schedule.
        schedule: The schedule of the rate: a `Schedule`, or `custom` for another
            function; None for a constant rate.
        weight_decay: The weight decay; None without.
        clip_norm: The largest norm of a gradient; None without a limit.
        custom_optimizer: The passed object, which no file holds.
        custom_schedule: The passed function, which no file holds.

    Raises:
        InvalidInput: A name is unknown, or a number is out of its range.
    """

    optimizer: str
    learning_rate: float | None = None
    schedule: Schedule | str | None = None
    weight_decay: float | None = None
    clip_norm: float | None = None
    custom_optimizer: GradientTransformation | None = field(**UNWRITTEN)
    custom_schedule: Callable[[Any], Any] | None = field(**UNWRITTEN)

    def __post_init__(self) -> None:
        if self.optimizer == CUSTOM:
            return
        validate_fields(
            self,
            optimizer=Choice(OPTIMIZERS),
            weight_decay=Or(RealNumber(low=0, example=0.01), None),
            clip_norm=Or(PositiveNumber(example="1.0"), None),
        )
        defaults = OPTIMIZERS[self.optimizer]
        if isinstance(self.schedule, Schedule):
            object.__setattr__(self, "learning_rate", self.schedule.rate)
        elif self.schedule is None:
            if self.learning_rate is None:
                object.__setattr__(self, "learning_rate", defaults.learning_rate)
            validate_fields(self, learning_rate=LEARNING_RATE)
        else:
            validate_fields(self, schedule=Choice([CUSTOM]))
        if self.weight_decay is None or not (
            self.weight_decay or defaults.weight_decay
        ):
            object.__setattr__(self, "weight_decay", defaults.weight_decay or None)

    @property
    def update_rule(self) -> "UpdateRule":
        """The optimiser without its constant rate, which `constant_rate` has.

        Raises:
            InvalidInput: It, or its schedule, was passed as an object, and this
                configuration comes from a file, which does not hold it.
        """
        self.check_known()
        if self.custom_optimizer is not None:
            return UpdateRule(custom=self.custom_optimizer)
        return UpdateRule(
            self.optimizer, self.rate_schedule, self.weight_decay or 0.0, self.clip_norm
        )

    @property
    def constant_rate(self) -> float:
        """The rate that `update_rule` needs; 0 if it needs none."""
        constant = self.schedule is None and self.custom_optimizer is None
        return self.learning_rate or 0.0 if constant else 0.0

    @property
    def rate_schedule(self) -> Callable[[Any], Any] | None:
        """The function from a step to its rate; None for a constant or unknown rate."""
        if isinstance(self.schedule, Schedule):
            return self.schedule
        return self.custom_schedule

    def check_known(self) -> None:
        """Refuses a configuration that lacks a passed object.

        Raises:
            InvalidInput: It comes from a file, which does not hold the object.
        """
        lacks_optimizer = self.optimizer == CUSTOM and self.custom_optimizer is None
        lacks_schedule = self.schedule == CUSTOM and self.custom_schedule is None
        if lacks_optimizer or lacks_schedule:
            raise InvalidInput(
                "the run's optimiser or schedule was passed as an object, which only "
                "the program of that run has: run that program again"
            )


def optimizer_fields(
    optimizer: str | GradientTransformation = "sgd",
    learning_rate: LearningRate | None = None,
    **numbers: Any,
) -> dict[str, Any]:
    """The fields of an `OptimizerConfig` for the arguments of `fit`.

    Raises:
        InvalidInput: The object is not an optimiser, a schedule cannot be compiled, or
            an option was passed with an optimiser that has its own.
    """
    if isinstance(optimizer, str):
        fields: dict[str, Any] = {"optimizer": optimizer, **numbers}
        if not callable(learning_rate):
            return {**fields, "learning_rate": learning_rate}
        if isinstance(learning_rate, Schedule):
            return {**fields, "schedule": learning_rate}
        custom = check_schedule(learning_rate)
        return {**fields, "schedule": CUSTOM, "custom_schedule": custom}
    if not hasattr(optimizer, "update") or not hasattr(optimizer, "init"):
        raise InvalidInput(
            f"optimizer is {optimizer!r}: pass a name ({', '.join(OPTIMIZERS)}) "
            "or one of Optax's optimisers, such as optax.adam(1e-3)"
        )
    for name, value in {"learning_rate": learning_rate, **numbers}.items():
        if value is not None:
            raise InvalidInput(
                f"{name}={value} was passed with an optimiser that has its own: remove "
                f"it and pass, for example, {_IN_OPTAX[name]}, or pass the optimiser "
                "by name"
            )
    return {"optimizer": CUSTOM, "custom_optimizer": optimizer}


# An example of each option for an Optax optimiser.
_IN_OPTAX = {
    "learning_rate": "optax.adam(1e-3)",
    "weight_decay": "optax.adamw(1e-3, weight_decay=0.01)",
    "clip_norm": "optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))",
}


@dataclass(frozen=True)
class UpdateRule:
    """An optimiser that waits for its constant learning rate.

    Equal rules compile to the same program, which takes the rate as an argument: a
    search over a thousand rates compiles once.

    Attributes:
        name: The optimiser's name in `OPTIMIZERS`.
        schedule: The schedule of the rate, a part of the program; None for a constant.
        weight_decay: The weight decay.
        clip_norm: The largest norm of a gradient; None without a limit.
        custom: An optimiser of Optax in place of all this; it has its own rate.
    """

    name: str = CUSTOM
    schedule: Callable[[Any], Any] | None = None
    weight_decay: float = 0.0
    clip_norm: float | None = None
    custom: GradientTransformation | None = None

    def at(self, rate: Any) -> GradientTransformation:
        """Optax's optimiser with a rate, a number or one that JAX traces."""
        if self.custom is not None:
            return self.custom
        import optax

        make = OPTIMIZERS[self.name].make
        if self.schedule is not None:
            rate = self.schedule
        clip = self.clip_norm
        parts = [optax.clip_by_global_norm(clip)] if clip is not None else []
        if self.weight_decay:
            # With the rate -1 an optimiser returns the direction that a step subtracts.
            parts += [
                make(-1.0),
                optax.add_decayed_weights(self.weight_decay, mask=_matrices),
                optax.scale_by_learning_rate(rate),
            ]
        else:
            parts.append(make(rate))
        return parts[0] if len(parts) == 1 else optax.chain(*parts)


def _matrices(params: Any) -> Any:
    """The parameters that decay: weights, not biases."""
    import jax

    return jax.tree.map(lambda value: value.ndim > 1, params)
