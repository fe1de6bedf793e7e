"""Learning rates that change over the steps: Optax's, by name."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from secant.arrays import Array
from secant.errors import InvalidInput
from secant.validation import (
    Choice,
    PositiveNumber,
    Share,
    WholeNumber,
    validate,
    validate_fields,
)

LEARNING_RATE = PositiveNumber(
    example=0.1,
    hint="a step subtracts learning_rate × gradient, so it needs no minus",
)
"""What a learning rate that does not change has to be."""

# Where a schedule that was passed itself is looked at, to know it again.
_LOOKED_AT = (0, *(2**power for power in range(21)))


def _constant(rate: float, steps: int, end_factor: float) -> optax.Schedule:
    return optax.constant_schedule(rate)


def _linear(rate: float, steps: int, end_factor: float) -> optax.Schedule:
    return optax.linear_schedule(rate, rate * end_factor, steps)


def _cosine(rate: float, steps: int, end_factor: float) -> optax.Schedule:
    return optax.cosine_decay_schedule(rate, steps, end_factor)


def _exponential(rate: float, steps: int, end_factor: float) -> optax.Schedule:
    return optax.exponential_decay(rate, steps, end_factor, end_value=rate * end_factor)


SCHEDULES: dict[str, Callable[[float, int, float], optax.Schedule]] = {
    "constant": _constant,
    "linear": _linear,
    "cosine": _cosine,
    "exponential": _exponential,
}
"""What `--schedule` takes: each falls from a rate to a share of it in so many steps."""


@dataclass(frozen=True)
class Schedule:
    """A learning rate that rises from 0 in some steps, and then falls.

    With `s` from 0 to 1 between the end of the warm-up and `steps`, and `e` for
    `end_factor`, the rate is `rate` times

    - `constant`: 1
    - `linear`: `1 - s (1 - e)`
    - `cosine`: `e + (1 - e) (1 + cos πs) / 2`
    - `exponential`: `e ** s`

    After `steps` it stays as it is. It is an Optax schedule: called with a step it
    gives the rate.

    Attributes:
        name: `constant`, `linear`, `cosine` or `exponential`.
        rate: The highest rate.
        steps: After so many steps, the warm-up among them, it has fallen.
        warmup_steps: In so many steps it rises from 0.
        end_factor: It falls to this share of the rate.

    Raises:
        InvalidInput: An unknown name, or a number that cannot be.

    Source:
        Loshchilov & Hutter 2017, *SGDR*, for the cosine; Optax for all of them.

    Example:
        >>> falls = Schedule("cosine", 0.1, steps=1000, warmup_steps=100)
        >>> [round(float(falls(step)), 4) for step in (0, 50, 100, 550, 1000)]
        [0.0, 0.05, 0.1, 0.0505, 0.001]
    """

    name: str
    rate: float
    steps: int
    warmup_steps: int = 0
    end_factor: float = 0.01

    def __post_init__(self) -> None:
        # As Python's own numbers, whatever kind came: they go into a manifest.
        rate = validate("learning_rate", self.rate, LEARNING_RATE)
        object.__setattr__(self, "rate", rate)
        validate_fields(
            self,
            name=Choice(SCHEDULES, "schedule"),
            steps=WholeNumber(low=1),
            warmup_steps=WholeNumber(low=0),
            end_factor=Share(meaning="the share of the rate that is left in the end"),
        )
        if self.warmup_steps >= self.steps:
            raise InvalidInput(
                f"warmup_steps is {self.warmup_steps:,}, and the schedule has "
                f"{self.steps:,} steps in all: pass a smaller number"
            )
        if self.name == "exponential" and self.end_factor == 0:
            raise InvalidInput(
                "end_factor is 0, which an exponential never falls to: pass a number "
                "above 0, such as 0.01"
            )

    def __call__(self, step: Any) -> Any:
        """The rate of a step."""
        return _made(self)(step)


@lru_cache(maxsize=64)
def _made(schedule: Schedule) -> optax.Schedule:
    rate, warm = schedule.rate, schedule.warmup_steps
    falls = SCHEDULES[schedule.name](rate, schedule.steps - warm, schedule.end_factor)
    if not warm:
        return falls
    return optax.join_schedules([optax.linear_schedule(0.0, rate, warm), falls], [warm])


def checked_schedule(schedule: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A schedule that was passed itself, if steps can be compiled with it.

    Raises:
        InvalidInput: It cannot be compiled, or gives no finite rates of 0 or above.
    """
    if isinstance(schedule, Schedule):
        return schedule
    try:
        shape = jax.eval_shape(schedule, jax.ShapeDtypeStruct((), np.int32)).shape
        rates = rates_of(schedule)
    except Exception as error:
        raise InvalidInput(
            f"learning_rate(step) cannot be compiled by JAX ({type(error).__name__}: "
            f"{str(error).splitlines()[0]}): pass one of Optax's schedules, such as "
            "optax.cosine_decay_schedule(0.1, 1000), or write jnp.where for `if`"
        ) from None
    bad = [
        (step, rate)
        for step, rate in zip(_LOOKED_AT, rates, strict=True)
        if not 0 <= rate < np.inf
    ]
    if shape != () or bad:
        what = f"has shape {shape}" if shape != () else f"is {bad[0][1]} at {bad[0][0]}"
        raise InvalidInput(
            f"learning_rate(step) {what}: a schedule gives one finite number for each "
            "step, 0 or above"
        )
    # What compiled steps are looked up by must be hashable, as a function is.
    return schedule if isinstance(schedule, Hashable) else partial(schedule)


def rates_of(schedule: Callable[[Any], Any]) -> list[float]:
    """Its rates at some steps near and far, by which it is known again."""
    rates: list[Array] = [schedule(jnp.int32(step)) for step in _LOOKED_AT]
    return [float(rate) for rate in rates]
