"""What a run will take, measured before it starts."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from secant.nn.gradients import METHODS
from secant.training.steps import CompiledStepper, Stepper, TrainState
from secant.training.trainer import Checkpoint, Training

# Runs of the whole network that tell how long one takes: the quickest of so many,
_PROBES = 15
# and of as many as fit into these seconds (or into this share of the forecast), so
# that another program's burst does not make days of hours.
_SPREAD, _SHARE = 0.5, 0.02
# A step of more seconds than these is timed once; of a quarter, by itself.
_SLOW = 0.2
# A first step of fewer seconds than these is timed again.
_BRIEF = 10.0

# Methods that there is no quicker one to name for; the first is named.
_QUICK = ("node", "backprop")

LONG = 600.0
"""A run of more than these seconds is long enough to name a faster way."""


@dataclass(frozen=True)
class Forecast:
    """What a run will take.

    Attributes:
        method: The gradient method's name.
        iterations: Steps.
        seconds_per_step: Measured on this machine, for this network and batch.
        evaluations: Runs of the whole network a step; None for what is compiled.
        alternative: A faster method's name, where the run is long; else None.
        alternative_seconds: What the whole run would take with it, measured.
    """

    method: str
    iterations: int
    seconds_per_step: float
    evaluations: int | None
    alternative: str | None = None
    alternative_seconds: float | None = None

    @property
    def seconds(self) -> float:
        """What all steps will take."""
        return self.iterations * self.seconds_per_step

    def at(self, iterations: int) -> float:
        """What as many steps as these would take, in seconds."""
        return iterations * self.seconds_per_step

    def __str__(self) -> str:
        runs = f"{self.evaluations:,} runs of the network, " if self.evaluations else ""
        sentence = (
            f"{self.method}: a step takes {runs}about "
            f"{duration(self.seconds_per_step)}; {self.iterations:,} steps about "
            f"{duration(self.seconds)}."
        )
        if self.alternative and self.alternative_seconds is not None:
            sentence += (
                f" gradient={self.alternative!r} would take about "
                f"{duration(self.alternative_seconds)}."
            )
        return sentence


def measure(training: Training, reached: Checkpoint) -> Forecast:
    """How long a run will take, from a few steps that are thrown away."""
    stepper, state, net = training.stepper, reached.state, training.net
    method, iterations = training.config.method, training.config.iterations
    # What a compiled method amounts to is not what it runs.
    evaluations = (
        None if method.traceable else method.evaluations_per_step(net.architecture)
    )
    if method.traceable:
        per_step = _compiled_step(stepper, state)
    elif evaluations:
        # A step of such a method may take minutes: time what it is made of.
        rows = training.batches.indices(0, 1)[0]
        if training.processes:
            rows = rows[training.processes.part(len(rows))]
        x, t = training.samples.x[rows], training.samples.t[rows]
        batch = x.astype(np.float64), t.astype(np.float64)
        params = stepper.params(state)

        def run() -> object:
            return net.architecture.error(params, *batch)

        run()
        per_step = evaluations * _quickest(run, evaluations * iterations)
    else:
        per_step = _seconds_of(lambda: stepper.advance(state, 0, 1))
        if per_step < _BRIEF:  # most of it may be the optimiser's compilation
            again = _seconds_of(lambda: stepper.advance(state, 0, 1))
            per_step = min(per_step, again)
    forecast = Forecast(method.name, iterations, per_step, evaluations)
    if forecast.seconds < LONG or method.name in _QUICK:
        return forecast
    config = training.config.with_method(METHODS[_QUICK[0]])
    faster = CompiledStepper(net, training.samples, config)
    seconds = iterations * _compiled_step(faster, faster.start())
    if seconds > forecast.seconds / 2:
        return forecast
    return replace(forecast, alternative=_QUICK[0], alternative_seconds=seconds)


def _compiled_step(stepper: Stepper, state: TrainState) -> float:
    stepper.advance(state, 0, 1)
    one = _seconds_of(lambda: stepper.advance(state, 0, 1))
    if one < _SLOW:
        again = [_seconds_of(lambda: stepper.advance(state, 0, 1)) for _ in range(2)]
        one = min(one, *again)
    if one > _SLOW / 4:
        return one
    more = int(min(max(0.05 / one, 1), 100))
    many = min(
        _seconds_of(lambda: stepper.advance(state, 0, 1 + more)) for _ in range(2)
    )
    # A call costs something too; what matters is how much more steps cost more.
    return max((many - one) / more, 1e-9)


def _quickest(run: Callable[[], object], runs: int) -> float:
    """The least seconds that one of several runs took, of `runs` to be forecast."""
    start = perf_counter()
    least = min(_seconds_of(run) for _ in range(_PROBES))
    while perf_counter() - start < min(_SPREAD, _SHARE * least * runs):
        least = min(least, _seconds_of(run))
    return least


def _seconds_of(run: Callable[[], object]) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start


_UNITS = (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0), ("s", 1.0))


def duration(seconds: float) -> str:
    """A time as a person says it.

    Example:
        >>> duration(0.00042), duration(42), duration(9000), duration(400_000)
        ('0.42 ms', '42 s', '2.5 hours', '4.6 days')
    """
    for unit, length in _UNITS:
        if seconds >= 2 * length or (unit == "s" and seconds >= 0.1):
            count = seconds / length
            return f"{count:.0f} {unit}" if count >= 10 else f"{count:.2g} {unit}"
    return f"{1000 * seconds:.2g} ms"
