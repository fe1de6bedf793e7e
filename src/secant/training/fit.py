"""`fit`: a network, data and a gradient method in; a run out."""

import os
import warnings
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import optax

from secant.errors import InvalidInput, PeerLost, SecantError
from secant.history import Epoch
from secant.nn.gradients import GradientMethod
from secant.nn.networks import MLP
from secant.training.checkpoint import Checkpoints, compare
from secant.training.config import TrainConfig
from secant.training.diagnostics import TrainingWarning, no_better_than_chance, unmoved
from secant.training.distributed.process_group import Processes
from secant.training.early_stopping import EarlyStopping
from secant.training.forecast import Forecast, measure
from secant.training.metadata import RunMetadata
from secant.training.optimizers import LearningRate
from secant.training.run import Run
from secant.training.run_folder import Keeper
from secant.training.run_together import follow, leading
from secant.training.steps import MAX_STEPS_PER_CALL, Score
from secant.training.trainer import Diverged, Training

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
        ended: Whether this was the last step: all were taken, or the run stops early.
        epochs: How often it has gone through the data.
    """

    step: int
    iterations: int
    losses: np.ndarray
    epoch: Epoch
    forecast: Forecast
    seconds: float
    params: Any
    ended: bool = False
    epochs: int = 0


Callback = Callable[[Progress], object]


def fit(
    net: MLP,
    data: Any,
    gradient: str | GradientMethod = "node",
    *,
    iterations: int = 10_000,
    batch_size: int = 100,
    learning_rate: LearningRate | None = None,
    optimizer: str | optax.GradientTransformation = "sgd",
    weight_decay: float | None = None,
    clip_norm: float | None = None,
    seed: int = 0,
    sampling: str = "replacement",
    validation_split: float | None = None,
    early_stopping: int | EarlyStopping | None = None,
    callbacks: Iterable[Callback] = (),
    metadata: RunMetadata | None = None,
    folder: str | os.PathLike[str] | None = None,
    resume: bool = False,
    checkpoints: Checkpoints | None = None,
    processes: Processes | None = None,
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
        learning_rate: 0.1 for `sgd`; each optimiser has a usual one. Or a schedule:
            a `Schedule`, or any of Optax's.
        optimizer: A name of `secant.training.optimizers.OPTIMIZERS`, or any of
            Optax's. It sees weights as (outputs, inputs), but for `definition`.
        weight_decay: Each step also takes `rate × weight_decay × w` off the weights,
            whatever the optimiser, and nothing off the biases; 1e-4 for `adamw`,
            else 0.
        clip_norm: A gradient whose norm, over all parameters together, is larger is
            shortened to this one.
        seed: Of the batches, and of which samples are held back.
        sampling: `replacement`: a batch is drawn from all samples, as the notebook
            does; `epochs`: every sample once, in random order, before any again.
        validation_split: The share of the training samples, of each class, that is
            held back; loss and accuracy on them are measured with the others, and
            choose the best weights.
        early_stopping: The run stops early after so many epochs in a row in which
            the validation loss did not fall; `run.best` is the best network. An
            `EarlyStopping` also says what counts as a fall.
        callbacks: Each is called with a `Progress`. What it raises ends the run.
        metadata: What describes the run: the name of its data, notes for the folder's
            manifest.
        folder: Where the run is kept, while it goes on and in the end: a new folder.
            Killed at any moment, it can go on from there.
        resume: Whether to go on with the run that the folder keeps; it starts anew if
            that keeps none. The run then equals one that was never interrupted, bit
            for bit: it needs the same network, data and settings, of which only
            `iterations` may be others.
        checkpoints: How often it is kept; `Checkpoints()` if not given.
        processes: That compute it together, from `join`; each calls this alike. Only
            process 0 keeps it in a folder, calls back and warns.

    Returns:
        The run: `run.net` is the network after the last step, `run.best` the best.
        Ctrl-C ends a run early with all that it has so far,
        `run.status == "interrupted"`.

    Raises:
        InvalidInput: An argument or the data cannot be worked with; the folder
            holds something else, is in use or cannot be written to.
        NotFinite: The loss became NaN or infinite; the error's `run` keeps all
            that there was before.
        PeerLost: Another of the processes is gone; what was reached is kept.

    Warns:
        TrainingWarning: The run will take over ten minutes and there is a faster
            way; no parameter has moved; the first epoch taught nothing; a
            checkpoint could not be written, or not be trusted.

    Example:
        >>> net = MLP((2, 8, 2), activation="tanh", init="xavier")
        >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> run = fit(net, (x, [0, 1, 1, 0]), iterations=2000, batch_size=4)
        >>> run.net.predict(x).argmax(axis=1)
        array([0, 1, 1, 0])
    """
    config = TrainConfig.build(
        gradient,
        iterations=iterations,
        batch_size=batch_size,
        learning_rate=learning_rate,
        optimizer=optimizer,
        weight_decay=weight_decay,
        clip_norm=clip_norm,
        seed=seed,
        sampling=sampling,
        validation_split=validation_split,
        early_stopping=early_stopping,
    )
    return train(
        net,
        data,
        config,
        callbacks=callbacks,
        metadata=metadata,
        folder=folder,
        resume=resume,
        checkpoints=checkpoints,
        processes=processes,
    )


def train(
    net: MLP,
    data: Any,
    config: TrainConfig,
    *,
    callbacks: Iterable[Callback] = (),
    metadata: RunMetadata | None = None,
    folder: str | os.PathLike[str] | None = None,
    resume: bool = False,
    checkpoints: Checkpoints | None = None,
    processes: Processes | None = None,
) -> Run:
    """What `fit` does once its arguments are one configuration.

    Args:
        net: As for `fit`, and so are all others.
        data: What it is trained on.
        config: How it is trained.
        callbacks: What is called on the way.
        metadata: What describes the run.
        folder: Where it is kept.
        resume: Whether to go on with the run that the folder keeps.
        checkpoints: How often it is kept.
        processes: That compute it together.
    """
    told, about = _checked_callbacks(callbacks), metadata or RunMetadata()
    training = Training(net, data, config, processes, about.data_name)
    if about.origin is not None:
        compare("that manifest", about.origin, training.origin())
    if folder is None and resume:
        raise InvalidInput("resume=True needs to know where: pass folder=…")

    if processes is not None:
        processes.meet(training.origin())
        if not processes.leads:
            return follow(training, processes)
    keeping = folder is not None and Keeper(
        folder, training, checkpoints or Checkpoints(), resume=resume, notes=about.notes
    )
    with leading(training, processes) as tell:
        with keeping or nullcontext() as keeper:
            run = _Loop(training, told, keeper).run()
        tell(run)
    return run


class _Loop:
    """One call of `fit`."""

    def __init__(
        self,
        training: Training,
        callbacks: tuple[Callback, ...],
        keeper: Keeper | None = None,
    ) -> None:
        self.training = training
        self.callbacks = callbacks
        self.keeper = keeper
        self.iterations = training.config.iterations
        # Replaced as a whole, so that Ctrl-C finds no half of it.
        self.reached = training.start
        self.heard = 0

    def run(self) -> Run:
        if self.keeper:
            self.reached = self.keeper.begin()
        try:
            if self._is_unmeasured():
                self.reached = self.training.evaluate(self.reached)
            forecast = self._measure()
            self._tell(forecast)
            while not self._has_ended():
                self._advance(self._next_stop(forecast))
                self._look_after()
                self._tell(forecast)
            early = self.reached.step < self.iterations
            status = "stopped early" if early else "finished"
        except KeyboardInterrupt:
            status = "interrupted"
            if self.keeper and self.reached.step:
                self.keeper.keep(self.reached, now=True)
        except PeerLost:
            if self.keeper and self.reached.step:
                self.keeper.keep(self.reached, now=True)
            raise
        return self._ended(self.training.result(self.reached, status))

    def _is_unmeasured(self) -> bool:
        """Whether an epoch ends here that is not measured, nor is the start.

        So it is where Ctrl-C came after an epoch's last step.
        """
        step, epochs = self.reached.step, self.reached.epochs
        here = step % self.training.batches.steps_per_epoch == 0
        return here and (not epochs or epochs[-1].step < step)

    def _has_ended(self) -> bool:
        reached = self.reached
        return reached.step == self.iterations or self.training.has_stalled(reached)

    def _ended(self, run: Run) -> Run:
        if self.keeper and (len(run.losses) or run.status != "interrupted"):
            self.keeper.end(run)
        return run

    def _measure(self) -> Forecast:
        start = perf_counter()
        forecast = measure(self.training, self.reached)
        self.reached = self.reached.spent(preparation=perf_counter() - start)
        if forecast.alternative and not self.callbacks:
            warnings.warn(str(forecast), TrainingWarning, stacklevel=5)
        return forecast

    def _next_stop(self, forecast: Forecast) -> int:
        step, per_epoch = self.reached.step, self.training.batches.steps_per_epoch
        pulse = int(_PULSE / max(forecast.seconds_per_step, 1e-9))
        stops = [(step // per_epoch + 1) * per_epoch, self.iterations]
        if self.keeper:
            stops.append(self.keeper.next_stop(step) or self.iterations)
        return min(step + min(max(pulse, 1), MAX_STEPS_PER_CALL), *stops)

    def _advance(self, stop: int) -> None:
        try:
            self.reached = self.training.advance(self.reached, stop - self.reached.step)
        except Diverged as error:
            raise self._not_finite(error) from None

    def _not_finite(self, error: Diverged) -> NotFinite:
        known = self.training.config.learning_rate
        rate = (
            f"the learning rate {known:g} is too large: try "
            f"learning_rate={known / 10:g}"
            if known is not None
            else "the steps are too large: try a smaller learning rate"
        )
        return NotFinite(
            f"{error}: most likely {rate}. The weights of step {error.reached.step}, "
            "the last whose loss was finite, are kept",
            self._ended(self.training.result(error.reached, "stopped")),
        )

    def _look_after(self) -> None:
        per_epoch = self.training.batches.steps_per_epoch
        epoch_ends = self.reached.step % per_epoch == 0
        if epoch_ends:
            self.reached = self.training.evaluate(self.reached)
        ended = self._has_ended()
        # Before a last measurement in mid-epoch, which a longer run would not make.
        if self.keeper:
            self.keeper.keep(self.reached, now=ended)
        if ended and not epoch_ends:
            self.reached = self.training.evaluate(self.reached)
        if ended or epoch_ends:
            reached = self.reached
            if reached.step <= per_epoch:
                params = self.training.params(reached)
                still = unmoved(self.training.net, params, reached.step)
                self._warn(still)
                if still:  # no wonder, then, that nothing was learned
                    return
            if reached.step == max(-(-_FEW // per_epoch), 1) * per_epoch:
                start, now = reached.epochs[0], reached.epochs[-1]
                self._warn(
                    no_better_than_chance(
                        self.training.net.architecture.loss,
                        self.training.samples,
                        Score(now.train_loss, now.train_accuracy),
                        Score(start.train_loss, start.train_accuracy),
                    )
                )

    def _warn(self, sentence: str | None) -> None:
        if sentence:
            warnings.warn(sentence, TrainingWarning, stacklevel=6)

    def _tell(self, forecast: Forecast) -> None:
        if not self.callbacks:
            return
        reached = self.reached
        progress = Progress(
            step=reached.step,
            iterations=self.iterations,
            losses=reached.losses_from(self.heard),
            epoch=reached.epochs[-1],
            forecast=forecast,
            seconds=reached.timings.training,
            epochs=reached.step // self.training.batches.steps_per_epoch,
            params=self.training.params(reached),
            ended=self._has_ended(),
        )
        self.heard = reached.step
        for callback in self.callbacks:
            callback(progress)


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
