"""The forecast of a run's time, measured before the run starts."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from secant.nn.gradients import METHODS
from secant.training.steps import CompiledStepper, Stepper, TrainState
from secant.training.trainer import RunState, Trainer

# The time of one run of the network is the least of this number of runs,
_MIN_PROBES = 15
# or of more, as long as they take less than these seconds and than this share of the
# forecast. A burst of another program then does not turn hours into days.
_MAX_PROBE_SECONDS, _MAX_PROBE_SHARE = 0.5, 0.02
# A step that takes longer is timed once. A step above a quarter of it is timed alone,
# a shorter step in a block of steps.
_SLOW_STEP_SECONDS = 0.2
# The block takes about these seconds: its steps are taken twice, and thrown away.
_BLOCK_SECONDS = 0.0125
# A first step that takes less is timed again, because most of its time may be the
# compilation of the optimiser.
_MAX_REPEATED_SECONDS = 10.0

# Methods without a faster alternative; the first is the alternative of all others.
_FAST_METHODS = ("node", "backprop")

LONG_RUN_SECONDS = 600.0
"""The forecast of a longer run names a faster method."""


@dataclass(frozen=True)
class Forecast:
    """The expected time of a run.

    Attributes:
        method: The name of the gradient method.
        iterations: The number of steps.
        seconds_per_step: The time of a step, measured on this machine with this
            network and batch.
        evaluations: The runs of the whole network in a step; None for compiled steps.
        alternative: The name of a faster method, if the run is long; else None.
        alternative_seconds: The time of the whole run with it, measured.
    """

    method: str
    iterations: int
    seconds_per_step: float
    evaluations: int | None
    alternative: str | None = None
    alternative_seconds: float | None = None

    @property
    def seconds(self) -> float:
        """The time of all steps."""
        return self.iterations * self.seconds_per_step

    def at(self, iterations: int) -> float:
        """The time of a number of steps, in seconds."""
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


def measure_forecast(trainer: Trainer, run_state: RunState) -> Forecast:
    """Measures the time of a run, with a few steps whose results are discarded."""
    stepper, state, net = trainer.stepper, run_state.train_state, trainer.net
    method, iterations = trainer.config.method, trainer.config.iterations
    # The compiled program of a method does not run the network as often as that.
    evaluations = (
        None if method.traceable else method.evaluations_per_step(net.architecture)
    )
    if method.traceable:
        per_step = _compiled_step(stepper, state)
    elif evaluations:
        # A step of such a method may take minutes, so only its parts are timed.
        rows = trainer.batches.indices(0, 1)[0]
        if trainer.processes:
            rows = rows[trainer.processes.local_slice(len(rows))]
        x, t = trainer.samples.x[rows], trainer.samples.t[rows]
        batch = x.astype(np.float64), t.astype(np.float64)
        params = stepper.params(state)

        def run() -> object:
            return net.architecture.error(params, *batch)

        run()
        per_step = evaluations * _least_seconds(run, evaluations * iterations)
    else:
        per_step = _seconds_of(lambda: stepper.advance(state, 0, 1))
        if per_step < _MAX_REPEATED_SECONDS:
            again = _seconds_of(lambda: stepper.advance(state, 0, 1))
            per_step = min(per_step, again)
    forecast = Forecast(method.name, iterations, per_step, evaluations)
    if forecast.seconds < LONG_RUN_SECONDS or method.name in _FAST_METHODS:
        return forecast
    config = trainer.config.with_method(METHODS[_FAST_METHODS[0]])
    faster = CompiledStepper(net, trainer.samples, config)
    seconds = iterations * _compiled_step(faster, faster.start())
    if seconds > forecast.seconds / 2:
        return forecast
    return replace(forecast, alternative=_FAST_METHODS[0], alternative_seconds=seconds)


def _compiled_step(stepper: Stepper, state: TrainState) -> float:
    stepper.advance(state, 0, 1)
    one = _seconds_of(lambda: stepper.advance(state, 0, 1))
    if one < _SLOW_STEP_SECONDS:
        again = [_seconds_of(lambda: stepper.advance(state, 0, 1)) for _ in range(2)]
        one = min(one, *again)
    if one > _SLOW_STEP_SECONDS / 4:
        return one
    more = int(min(max(_BLOCK_SECONDS / one, 1), 100))
    many = min(
        _seconds_of(lambda: stepper.advance(state, 0, 1 + more)) for _ in range(2)
    )
    # The difference removes the cost of the call itself.
    return max((many - one) / more, 1e-9)


def _least_seconds(run: Callable[[], object], runs: int) -> float:
    """The time of the fastest of several runs, for a forecast of `runs` runs."""
    start = perf_counter()
    least = min(_seconds_of(run) for _ in range(_MIN_PROBES))
    while perf_counter() - start < min(
        _MAX_PROBE_SECONDS, _MAX_PROBE_SHARE * least * runs
    ):
        least = min(least, _seconds_of(run))
    return least


def _seconds_of(run: Callable[[], object]) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start


_UNITS = (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0), ("s", 1.0))


def duration(seconds: float) -> str:
    """A time in words.

    Example:
        >>> duration(0.00042), duration(42), duration(9000), duration(400_000)
        ('0.42 ms', '42 s', '2.5 hours', '4.6 days')
    """
    for unit, length in _UNITS:
        if seconds >= 2 * length or (unit == "s" and seconds >= 0.1):
            count = seconds / length
            return f"{count:.0f} {unit}" if count >= 10 else f"{count:.2g} {unit}"
    return f"{1000 * seconds:.2g} ms"
