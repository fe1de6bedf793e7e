"""Learning-rate schedules: Optax's, by name."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

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
"""The constraint on a constant learning rate."""

# The steps whose rates identify a passed schedule.
_SAMPLED_STEPS = (0, *(2**power for power in range(21)))


def _constant(rate: float, steps: int, end_factor: float) -> Callable[[Any], Any]:
    import optax

    return optax.constant_schedule(rate)


def _linear(rate: float, steps: int, end_factor: float) -> Callable[[Any], Any]:
    import optax

    return optax.linear_schedule(rate, rate * end_factor, steps)


def _cosine(rate: float, steps: int, end_factor: float) -> Callable[[Any], Any]:
    import optax

    return optax.cosine_decay_schedule(rate, steps, end_factor)


def _exponential(rate: float, steps: int, end_factor: float) -> Callable[[Any], Any]:
    import optax

    return optax.exponential_decay(rate, steps, end_factor, end_value=rate * end_factor)


SCHEDULES: dict[str, Callable[[float, int, float], Callable[[Any], Any]]] = {
    "constant": _constant,
    "linear": _linear,
    "cosine": _cosine,
    "exponential": _exponential,
}
"""The schedules of `--schedule`: each falls from a rate to a share of it."""


@dataclass(frozen=True)
class Schedule:
    """A learning rate that rises from 0 during a warm-up and then falls.

    With `s` from 0 to 1 between the end of the warm-up and `steps`, and `e` for
    `end_factor`, the rate is `rate` times

    - `constant`: 1
    - `linear`: `1 - s (1 - e)`
    - `cosine`: `e + (1 - e) (1 + cos πs) / 2`
    - `exponential`: `e ** s`

    After `steps` it stays constant. It is an Optax schedule: called with a step, it
    returns the rate.

    Attributes:
        name: `constant`, `linear`, `cosine` or `exponential`.
        rate: The highest rate.
        steps: The number of steps, with the warm-up, until the rate has fallen.
        warmup_steps: The number of steps in which the rate rises from 0.
        end_factor: The last rate as a share of the highest.

    Raises:
        InvalidInput: A name is unknown, or a number is out of its range.

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
        # Numbers of any kind become Python's, because they go into a manifest.
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
                f"warmup_steps is {self.warmup_steps:,}, and the whole schedule has "
                f"{self.steps:,} steps: pass a smaller number"
            )
        if self.name == "exponential" and self.end_factor == 0:
            raise InvalidInput(
                "end_factor is 0, which an exponential never reaches: pass a number "
                "above 0, such as 0.01"
            )

    def __call__(self, step: Any) -> Any:
        """The rate of a step."""
        return _make_schedule(self)(step)


@lru_cache(maxsize=64)
def _make_schedule(schedule: Schedule) -> Callable[[Any], Any]:
    import optax

    rate, warm = schedule.rate, schedule.warmup_steps
    decay = SCHEDULES[schedule.name](rate, schedule.steps - warm, schedule.end_factor)
    if not warm:
        return decay
    return optax.join_schedules([optax.linear_schedule(0.0, rate, warm), decay], [warm])


def check_schedule(schedule: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A passed schedule, if JAX can compile it and its rates are valid.

    Raises:
        InvalidInput: It cannot be compiled, or a rate is negative or not finite.
    """
    if isinstance(schedule, Schedule):
        return schedule
    import jax

    try:
        shape = jax.eval_shape(schedule, jax.ShapeDtypeStruct((), np.int32)).shape
        rates = sampled_rates(schedule)
    except Exception as error:
        raise InvalidInput(
            f"learning_rate(step) cannot be compiled by JAX ({type(error).__name__}: "
            f"{str(error).splitlines()[0]}): pass one of Optax's schedules, such as "
            "optax.cosine_decay_schedule(0.1, 1000), or write jnp.where for `if`"
        ) from None
    bad = [
        (step, rate)
        for step, rate in zip(_SAMPLED_STEPS, rates, strict=True)
        if not 0 <= rate < np.inf
    ]
    if shape != () or bad:
        what = f"has shape {shape}" if shape != () else f"is {bad[0][1]} at {bad[0][0]}"
        raise InvalidInput(
            f"learning_rate(step) {what}: a schedule returns one finite number for "
            "each step, 0 or above"
        )
    # JAX looks up compiled steps by it, so it must be hashable, as a function is.
    return schedule if isinstance(schedule, Hashable) else partial(schedule)


def sampled_rates(schedule: Callable[[Any], Any]) -> list[float]:
    """The rates of some early and late steps, which identify a schedule."""
    import jax.numpy as jnp

    rates: list[Array] = [schedule(jnp.int32(step)) for step in _SAMPLED_STEPS]
    return [float(rate) for rate in rates]
