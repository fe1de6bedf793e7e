"""`fit`: a network, data and a gradient method in; a run out."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from operator import index
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import optax

from secant.architecture import Architecture
from secant.arrays import Array, ArrayLike
from secant.errors import InvalidInput, SecantError
from secant.gradients import GradientMethod, find_method
from secant.history import Epoch, History
from secant.networks import MLP
from secant.training.batches import Batches
from secant.training.forecast import Forecast, measure
from secant.training.optimizers import find_optimizer
from secant.training.run import Run, Settings, Timings
from secant.training.steps import (
    BLOCK,
    CompiledSteps,
    Evaluator,
    PlainSteps,
    Problem,
    Score,
    State,
)
from secant.training.watch import TrainingWarning, no_better_than_chance, unmoved

# The first epoch is judged when it had at least this many steps.
_FEW = 20

# Callbacks are called, and Ctrl-C is heard, about this often.
_PULSE = 0.1


class NotFinite(SecantError, ArithmeticError):
    """The loss of a run is no longer a finite number.

    Attributes:
        run: All that there was before: the history, and the network with the
            last weights whose loss was finite.
    """

    def __init__(self, message: str, run: Run) -> None:
        """Keeps the run beside the message."""
        super().__init__(message)
        self.run = run


@dataclass(frozen=True)
class Progress:
    """What a callback is told: at the start, then about ten times a second.

    Attributes:
        step: Steps taken.
        iterations: Steps to take.
        losses: The losses of the steps since the last call.
        epoch: The latest measurement on all samples.
        forecast: What the run was measured to take.
        seconds: Training time up to now, without preparation and evaluation.
        params: The weights as they are now, not to be changed.
    """

    step: int
    iterations: int
    losses: np.ndarray
    epoch: Epoch
    forecast: Forecast
    seconds: float
    params: Any


Callback = Callable[[Progress], object]


def fit(
    net: MLP,
    data: Any,
    gradient: str | GradientMethod = "node",
    *,
    iterations: int = 10_000,
    batch_size: int = 100,
    learning_rate: float | None = None,
    optimizer: str | optax.GradientTransformation = "sgd",
    seed: int = 0,
    sampling: str = "replacement",
    callbacks: Iterable[Callback] = (),
    data_name: str = "",
) -> Run:
    """Trains a network by mini-batch descent: `w ← w - rate × ∂L/∂w`.

    Methods that JAX can compile run in float32 (float64 with `jax_enable_x64`)
    as one compiled loop; `definition` runs in NumPy and float64. The same seed on
    the same machine gives the same run, bit for bit.

    Args:
        net: Where to start; it stays as it is.
        data: `(x_train, t_train), (x_test, t_test)`, as the loaders give it, or
            `(x_train, t_train)`. x has shape (samples, inputs), t is class labels
            or one-hot rows.
        gradient: The way to the gradient: `node`, `weight`, `spsa`, `backprop` or
            `definition`, or a `GradientMethod` of one's own.
        iterations: Steps to take.
        batch_size: Samples a step.
        learning_rate: 0.1 for `sgd`; each optimiser has a usual one.
        optimizer: A name of `secant.training.optimizers.OPTIMIZERS`, or any of
            Optax's. It sees weights as (outputs, inputs), but for `definition`.
        seed: Of the batches.
        sampling: `replacement`: a batch is drawn from all samples, as the notebook
            does; `epochs`: every sample once, in random order, before any again.
        callbacks: Each is called with a `Progress`. What it raises ends the run.
        data_name: What the run's settings shall call the data.

    Returns:
        The run: `run.net` is the trained network. Ctrl-C ends a run early with
        all that it has so far, `run.status == "interrupted"`.

    Raises:
        InvalidInput: An argument or the data cannot be worked with.
        NotFinite: The loss became NaN or infinite; the error's `run` keeps all
            that there was before.

    Warns:
        TrainingWarning: The run will take over ten minutes and there is a faster
            way; no parameter has moved; the first epoch taught nothing.

    Example:
        >>> net = MLP((2, 8, 2), activation="tanh", init="xavier")
        >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> run = fit(net, (x, [0, 1, 1, 0]), iterations=2000, batch_size=4)
        >>> run.net.predict(x).argmax(axis=1)
        array([0, 1, 1, 0])
    """
    if not isinstance(net, MLP):
        raise InvalidInput(
            f"net is {type(net).__name__}: pass a network such as "
            "secant.TwoLayerNet(784, 50, 10)"
        )
    told = _checked_callbacks(callbacks)
    iterations = _count("iterations", iterations, 0)
    batch_size = _count("batch_size", batch_size, 1)
    seed = _count("seed", seed, 0)
    method = find_method(gradient)
    chosen = find_optimizer(optimizer, learning_rate)
    train, test = _checked_data(net.architecture, data)
    problem = Problem(
        architecture=net.architecture,
        params={name: np.array(value) for name, value in net.params.items()},
        x=train.x,
        t=train.t,
        method=method,
        optimizer=chosen.transformation,
        batches=Batches(len(train.x), batch_size, sampling, seed),
    )
    settings = Settings(
        gradient=method.name,
        optimizer=chosen.name,
        learning_rate=chosen.learning_rate,
        iterations=iterations,
        batch_size=batch_size,
        sampling=sampling,
        seed=seed,
        data=data_name,
    )
    return _Loop(net, problem, test, settings, told).run()


class _Samples(NamedTuple):
    x: np.ndarray
    t: np.ndarray


@dataclass(frozen=True)
class _Reached:
    """Where a run stands. Replaced as a whole, so that Ctrl-C finds no half of it."""

    state: State
    step: int = 0
    losses: tuple[np.ndarray, ...] = ()
    epochs: tuple[Epoch, ...] = ()
    timings: Timings = field(default_factory=Timings)

    def spent(self, **seconds: float) -> "_Reached":
        added = {
            part: getattr(self.timings, part) + more for part, more in seconds.items()
        }
        return replace(self, timings=replace(self.timings, **added))


class _Loop:
    """One call of `fit`."""

    def __init__(
        self,
        net: MLP,
        problem: Problem,
        test: _Samples | None,
        settings: Settings,
        callbacks: tuple[Callback, ...],
    ) -> None:
        self.net = net
        self.problem = problem
        self.settings = settings
        self.callbacks = callbacks
        self.iterations = settings.iterations
        architecture = problem.architecture
        self.steps = (CompiledSteps if problem.method.traceable else PlainSteps)(
            problem
        )
        self.score_train = Evaluator(architecture, problem.x, problem.t)
        self.score_test = Evaluator(architecture, *test) if test else None
        self.reached = _Reached(self.steps.start())
        self.before = self.reached
        self.heard = 0

    def run(self) -> Run:
        status = "finished"
        try:
            self._evaluate()
            forecast = self._measure()
            self._tell(forecast)
            while self.reached.step < self.iterations:
                self._advance(self._next_stop(forecast))
                self._look_after()
                self._tell(forecast)
        except KeyboardInterrupt:
            status = "interrupted"
        return self._result(status)

    def _params(self) -> Mapping[str, Array]:
        return self.steps.params(self.reached.state)

    def _measure(self) -> Forecast:
        start = perf_counter()
        forecast = measure(
            self.problem, self.steps, self.reached.state, self.iterations
        )
        self.reached = self.reached.spent(preparation=perf_counter() - start)
        if forecast.alternative and not self.callbacks:
            warnings.warn(str(forecast), TrainingWarning, stacklevel=4)
        return forecast

    def _next_stop(self, forecast: Forecast) -> int:
        step, per_epoch = self.reached.step, self.problem.batches.steps_per_epoch
        pulse = int(_PULSE / max(forecast.seconds_per_step, 1e-9))
        epoch_ends = (step // per_epoch + 1) * per_epoch
        return min(step + min(max(pulse, 1), BLOCK), epoch_ends, self.iterations)

    def _advance(self, stop: int) -> None:
        reached = self.reached
        start = perf_counter()
        state, losses = self.steps.advance(
            reached.state, reached.step, stop - reached.step
        )
        seconds = perf_counter() - start
        finite = np.isfinite(losses)
        if not finite.all():
            self._stop_at(reached.step + int(np.argmin(finite)), losses)
        self.before, self.reached = (
            reached,
            replace(
                reached, state=state, step=stop, losses=(*reached.losses, losses)
            ).spent(training=seconds),
        )

    def _stop_at(self, step: int, losses: np.ndarray) -> None:
        """Goes back to the last weights whose loss was finite, and says so."""
        value = losses[step - self.reached.step]
        good = max(step - 1, 0)
        base = self.reached if self.reached.step <= good else self.before
        state, kept = base.state, np.zeros(0)
        if good > base.step:
            state, kept = self.steps.advance(base.state, base.step, good - base.step)
        self.reached = replace(
            base, state=state, step=good, losses=(*base.losses, kept)
        )
        s = self.settings
        rate = (
            f"the learning rate {s.learning_rate:g} is too large: try "
            f"learning_rate={s.learning_rate / 10:g}"
            if s.learning_rate is not None
            else "the steps are too large: try a smaller learning rate"
        )
        raise NotFinite(
            f"the loss became {value} at step {step}: most likely {rate}. The weights "
            f"of step {good}, the last whose loss was finite, are kept",
            self._result("stopped"),
        )

    def _look_after(self) -> None:
        reached, per_epoch = self.reached, self.problem.batches.steps_per_epoch
        ended = reached.step == self.iterations
        if reached.step % per_epoch == 0 or ended:
            score = self._evaluate()
            if reached.step <= per_epoch:
                still = unmoved(self.problem, self._params(), reached.step)
                self._warn(still)
                if still:  # no wonder, then, that nothing was learned
                    return
            if reached.step == max(-(-_FEW // per_epoch), 1) * per_epoch:
                start = reached.epochs[0]
                self._warn(
                    no_better_than_chance(
                        self.problem,
                        score,
                        Score(start.train_loss, start.train_accuracy),
                    )
                )

    def _warn(self, sentence: str | None) -> None:
        if sentence:
            warnings.warn(sentence, TrainingWarning, stacklevel=5)

    def _evaluate(self) -> Score:
        start = perf_counter()
        params = self._params()
        train = self.score_train(params)
        test = self.score_test(params) if self.score_test else (None, None)
        epoch = Epoch(self.reached.step, *train, *test)
        self.reached = replace(
            self.reached, epochs=(*self.reached.epochs, epoch)
        ).spent(evaluation=perf_counter() - start)
        return train

    def _tell(self, forecast: Forecast) -> None:
        if not self.callbacks:
            return
        reached = self.reached
        news, self.heard = reached.losses[self.heard :], len(reached.losses)
        progress = Progress(
            step=reached.step,
            iterations=self.iterations,
            losses=np.concatenate([np.zeros(0), *news]),
            epoch=reached.epochs[-1],
            forecast=forecast,
            seconds=reached.timings.training,
            params=self._params(),
        )
        for callback in self.callbacks:
            callback(progress)

    def _result(self, status: str) -> Run:
        reached = self.reached
        return Run(
            net=self.net.replace(
                {name: np.asarray(value) for name, value in self._params().items()}
            ),
            history=History(
                np.concatenate([np.zeros(0), *reached.losses]), reached.epochs
            ),
            settings=self.settings,
            status=status,
            timings=reached.timings,
        )


def _checked_data(
    architecture: Architecture, data: Any
) -> tuple[_Samples, _Samples | None]:
    try:
        first, second = data
    except (TypeError, ValueError):
        raise InvalidInput(
            f"data is {_described(data)}: pass (x_train, t_train), (x_test, t_test), "
            "or (x_train, t_train) alone"
        ) from None
    # A pair of pairs: its first part is no array, but holds one, of samples.
    if isinstance(first, tuple | list) and len(first) == 2 and np.ndim(first[0]) == 2:
        try:
            x_test, t_test = second
        except (TypeError, ValueError):
            raise InvalidInput(
                f"data's test part is {_described(second)}: pass (x_test, t_test)"
            ) from None
        return _samples(architecture, *first), _samples(architecture, x_test, t_test)
    return _samples(architecture, first, second), None


def _samples(architecture: Architecture, x: ArrayLike, t: ArrayLike) -> _Samples:
    if np.ndim(x) == 1:
        raise InvalidInput(
            f"x has shape {np.shape(x)}, one sample: pass a data set, of shape "
            "(samples, inputs)"
        )
    return _Samples(*architecture.as_batch(np.asarray(x), np.asarray(t)))


def _checked_callbacks(callbacks: Any) -> tuple[Callback, ...]:
    told: tuple[Any, ...] = (None,)
    if isinstance(callbacks, Iterable):
        told = tuple(callbacks)
    if not all(callable(callback) for callback in told):
        raise InvalidInput(
            f"callbacks is {callbacks!r}: pass a list of functions that each take a "
            "Progress: callbacks=[print]"
        )
    return told


def _described(data: Any) -> str:
    if isinstance(data, np.ndarray):
        return f"an array of shape {data.shape}"
    return f"{type(data).__name__}"


def _count(name: str, value: int, least: int) -> int:
    try:
        number = index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise InvalidInput(
            f"{name} is {value!r}: pass a whole number, {least} or above"
        )
    return number
