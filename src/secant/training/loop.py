"""`fit`: trains a network on data by a gradient method."""

import os
import warnings
from collections.abc import Iterable
from contextlib import nullcontext
from time import perf_counter
from typing import Any

import optax

from secant.errors import InvalidInput, PeerLost, SecantError
from secant.nn.gradients import GradientMethod
from secant.nn.networks import MLP
from secant.training.callbacks import Callback, Progress, check_callbacks
from secant.training.checkpoint import check_same_run
from secant.training.checkpoint_manager import CheckpointManager
from secant.training.checkpoint_policy import Checkpoints
from secant.training.config import TrainConfig
from secant.training.diagnostics import TrainingWarning, no_better_than_chance, unmoved
from secant.training.distributed.process_group import ProcessGroup
from secant.training.early_stopping import EarlyStopping
from secant.training.forecast import Forecast, measure_forecast
from secant.training.metadata import RunMetadata
from secant.training.optimizers import LearningRate
from secant.training.run import Run
from secant.training.run_together import follow, lead
from secant.training.steps import MAX_STEPS_PER_CALL, Score
from secant.training.trainer import Diverged, Trainer

# The first epochs are judged once they have this many steps.
_MIN_JUDGED_STEPS = 20

# The seconds between two calls of the callbacks, and so between two checks for Ctrl-C.
_CALLBACK_SECONDS = 0.1


class NotFinite(SecantError, ArithmeticError):
    """The loss of a run became NaN or infinite.

    Attributes:
        run: The run up to the last weights with a finite loss.
    """

    def __init__(self, message: str, run: Run) -> None:
        """Keeps the run with the message."""
        super().__init__(message)
        self.run = run


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
    processes: ProcessGroup | None = None,
) -> Run:
    """Trains a network by mini-batch descent: `w ← w - rate × ∂L/∂w`.

    Methods that JAX can compile run in float32 (float64 with `jax_enable_x64`)
    as one compiled loop; `definition` runs in NumPy and float64. The same seed on
    the same machine gives the same run, bit for bit.

    Args:
        net: The network with the first weights. It does not change.
        data: `(x_train, t_train), (x_test, t_test)`, as the loaders return it, or
            `(x_train, t_train)`. x has shape (samples, inputs), t is class labels
            or one-hot rows.
        gradient: The gradient method: `node`, `weight`, `spsa`, `backprop` or
            `definition`, or a `GradientMethod` of your own.
        iterations: The number of steps.
        batch_size: The samples of a step.
        learning_rate: 0.1 for `sgd`; each optimiser has its own default. Or a
            schedule: a `Schedule`, or any of Optax's.
        optimizer: A name of `secant.training.optimizers.OPTIMIZERS`, or any of
            Optax's. It gets weights as (outputs, inputs), except with `definition`.
        weight_decay: Each step also subtracts `rate × weight_decay × w` from the
            weights, with every optimiser, and nothing from the biases; 1e-4 for
            `adamw`, else 0.
        clip_norm: The largest norm of a gradient over all parameters together; a
            longer gradient is shortened to it.
        seed: The seed of the batches and of the validation samples.
        sampling: `replacement`: each batch is drawn from all samples, as the notebook
            does; `epochs`: every sample once, in random order, before any repeats.
        validation_split: The share of the training samples, of each class, to hold
            back. Their loss and accuracy are measured like the others and choose the
            best weights.
        early_stopping: The number of epochs in a row without a lower validation loss
            after which the run stops; `run.best` is the best network. An
            `EarlyStopping` also defines what counts as lower.
        callbacks: Functions that are each called with a `Progress`. An exception of
            a callback ends the run.
        metadata: What describes the run: the name of its data, notes for the folder's
            manifest.
        folder: A new folder for the run, during training and after it. A run that is
            killed at any moment can continue from there.
        resume: Whether to continue the run of the folder; without one the run starts
            from the beginning. The run then equals one without interruption, bit for
            bit. It needs the same network, data and settings; only `iterations` may
            differ.
        checkpoints: How often the run is saved; `Checkpoints()` by default.
        processes: The processes that compute the run together, from `join`. Each
            process makes the same call. Only process 0 writes the folder, calls the
            callbacks and warns.

    Returns:
        The run: `run.net` is the network after the last step, `run.best` the best.
        Ctrl-C ends a run early and keeps all its results,
        `run.status == "interrupted"`.

    Raises:
        InvalidInput: An argument or the data are unusable; the folder holds something
            else, is in use or is not writable.
        NotFinite: The loss became NaN or infinite; the error's `run` holds the run up
            to there.
        PeerLost: Another process is gone; the folder keeps the run up to there.

    Warns:
        TrainingWarning: The run will take over ten minutes and a faster method
            exists; no parameter has moved; the first epoch taught nothing; a
            checkpoint could not be written, or is damaged.

    Example:
        >>> import numpy as np
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
    processes: ProcessGroup | None = None,
) -> Run:
    """Trains a network as `fit` does, with a configuration in place of its arguments.

    Args:
        net: The network with the first weights; this and all others as for `fit`.
        data: The data.
        config: How the network is trained.
        callbacks: Functions that are each called with a `Progress`.
        metadata: What describes the run.
        folder: The folder of the run.
        resume: Whether to continue the run of the folder.
        checkpoints: How often the run is saved.
        processes: The processes that compute the run together.
    """
    callbacks, metadata = check_callbacks(callbacks), metadata or RunMetadata()
    trainer = Trainer(net, data, config, processes, metadata.data_name)
    if metadata.origin is not None:
        check_same_run("that manifest", metadata.origin, trainer.origin())
    if folder is None and resume:
        raise InvalidInput("resume=True needs a folder: pass folder=…")

    if processes is not None:
        processes.check_agreement(trainer.origin())
        if not processes.is_leader:
            return follow(trainer, processes)
    manager = folder is not None and CheckpointManager(
        folder,
        trainer,
        checkpoints or Checkpoints(),
        resume=resume,
        notes=metadata.notes,
    )
    with lead(trainer, processes) as send_run:
        with manager or nullcontext() as entered:
            run = _TrainingLoop(trainer, callbacks, entered).run()
        send_run(run)
    return run


class _TrainingLoop:
    """The training loop of one call of `fit`."""

    def __init__(
        self,
        trainer: Trainer,
        callbacks: tuple[Callback, ...],
        manager: CheckpointManager | None = None,
    ) -> None:
        self.trainer = trainer
        self.callbacks = callbacks
        self.manager = manager
        self.iterations = trainer.config.iterations
        # Each new state replaces the whole old one, so Ctrl-C finds no half of it.
        self.state = trainer.start
        self.reported_step = 0

    def run(self) -> Run:
        if self.manager:
            self.state = self.manager.begin()
            if self._has_ended() and (run := self.manager.ended_run(self.state)):
                return run
        try:
            if self._lacks_measurement():
                self.state = self.trainer.evaluate(self.state)
            forecast = self._forecast()
            self._call_back(forecast)
            while not self._has_ended():
                self._advance(self._next_stop(forecast))
                self._measure_and_save()
                self._call_back(forecast)
            early = self.state.step < self.iterations
            status = "stopped early" if early else "finished"
        except KeyboardInterrupt:
            status = "interrupted"
            if self.manager and self.state.step:
                self.manager.save(self.state, now=True)
        except PeerLost:
            if self.manager and self.state.step:
                self.manager.save(self.state, now=True)
            raise
        return self._saved(self.trainer.result(self.state, status))

    def _lacks_measurement(self) -> bool:
        """Whether the start, or the end of an epoch or of the run, is not measured.

        The last two happen if the process is interrupted after the checkpoint and
        before the measurement.
        """
        step, epochs = self.state.step, self.state.epochs
        at_boundary = step % self.trainer.batches.steps_per_epoch == 0
        is_measured = bool(epochs) and epochs[-1].step == step
        return (at_boundary or self._has_ended()) and not is_measured

    def _has_ended(self) -> bool:
        state = self.state
        return state.step == self.iterations or self.trainer.has_stalled(state)

    def _saved(self, run: Run) -> Run:
        if self.manager and (len(run.losses) or run.status != "interrupted"):
            self.manager.save_run(run)
        return run

    def _forecast(self) -> Forecast:
        start = perf_counter()
        forecast = measure_forecast(self.trainer, self.state)
        self.state = self.state.with_time(preparation=perf_counter() - start)
        if forecast.alternative and not self.callbacks:
            warnings.warn(str(forecast), TrainingWarning, stacklevel=5)
        return forecast

    def _next_stop(self, forecast: Forecast) -> int:
        step, per_epoch = self.state.step, self.trainer.batches.steps_per_epoch
        per_callback = int(_CALLBACK_SECONDS / max(forecast.seconds_per_step, 1e-9))
        stops = [(step // per_epoch + 1) * per_epoch, self.iterations]
        if self.manager:
            stops.append(self.manager.next_save_step(step) or self.iterations)
        return min(step + min(max(per_callback, 1), MAX_STEPS_PER_CALL), *stops)

    def _advance(self, stop: int) -> None:
        try:
            self.state = self.trainer.advance(self.state, stop - self.state.step)
        except Diverged as error:
            raise self._not_finite(error) from None

    def _not_finite(self, error: Diverged) -> NotFinite:
        rate = self.trainer.config.learning_rate
        cause = (
            f"the learning rate {rate:g} is too large: try learning_rate={rate / 10:g}"
            if rate is not None
            else "the steps are too large: try a smaller learning rate"
        )
        return NotFinite(
            f"{error}: most likely {cause}. The weights of step {error.state.step}, "
            "the last with a finite loss, are kept",
            self._saved(self.trainer.result(error.state, "stopped")),
        )

    def _measure_and_save(self) -> None:
        """Measures at the end of an epoch and of the run; saves; warns."""
        per_epoch = self.trainer.batches.steps_per_epoch
        epoch_ends = self.state.step % per_epoch == 0
        if epoch_ends:
            self.state = self.trainer.evaluate(self.state)
        ended = self._has_ended()
        # The checkpoint comes before a last measurement within an epoch, because a
        # longer run would not make that measurement.
        if self.manager:
            self.manager.save(self.state, now=ended)
        if ended and not epoch_ends:
            self.state = self.trainer.evaluate(self.state)
        if ended or epoch_ends:
            state = self.state
            if state.step <= per_epoch:
                params = self.trainer.params(state)
                still = unmoved(self.trainer.net, params, state.step)
                self._warn(still)
                if still:  # this explains that the network learned nothing
                    return
            if state.step == max(-(-_MIN_JUDGED_STEPS // per_epoch), 1) * per_epoch:
                start, now = state.epochs[0], state.epochs[-1]
                self._warn(
                    no_better_than_chance(
                        self.trainer.net.architecture.loss,
                        self.trainer.samples,
                        Score(now.train_loss, now.train_accuracy),
                        Score(start.train_loss, start.train_accuracy),
                    )
                )

    def _warn(self, sentence: str | None) -> None:
        if sentence:
            warnings.warn(sentence, TrainingWarning, stacklevel=6)

    def _call_back(self, forecast: Forecast) -> None:
        if not self.callbacks:
            return
        state = self.state
        progress = Progress(
            step=state.step,
            iterations=self.iterations,
            losses=state.losses_from(self.reported_step),
            epoch=state.epochs[-1],
            forecast=forecast,
            seconds=state.timings.training,
            epochs=state.step // self.trainer.batches.steps_per_epoch,
            params=self.trainer.params(state),
            ended=self._has_ended(),
        )
        self.reported_step = state.step
        for callback in self.callbacks:
            callback(progress)
