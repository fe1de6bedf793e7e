"""The trainer: a run as pure functions of its state.

`fit` runs one trainer to the end of its run; the lab runs many, a few steps of each
in turn.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from time import perf_counter
from typing import Any, NamedTuple

import jax
import numpy as np

from secant.arrays import Array
from secant.errors import InvalidInput, SecantError
from secant.history import Epoch, History
from secant.nn.networks import MLP
from secant.training.config import TrainConfig
from secant.training.distributed.process_group import ProcessGroup
from secant.training.leader import DistributedStepper
from secant.training.optimizers import CUSTOM
from secant.training.run import Run, Timings
from secant.training.samples import Samples, as_samples, split_validation
from secant.training.schedules import sampled_rates
from secant.training.serialization import fingerprint
from secant.training.steps import (
    MAX_STEPS_PER_CALL,
    Evaluator,
    Score,
    TrainState,
    stepper_for,
)

# A state holds its losses in fewer pieces than this, even if each `advance` is short.
_MAX_LOSS_PIECES = 256


class BestParams(NamedTuple):
    """The best weights so far, in the order of `Epoch.judged`.

    Attributes:
        epoch: The measurement of these weights.
        params: The weights, (inputs, outputs).
    """

    epoch: Epoch
    params: Mapping[str, Array]


@dataclass(frozen=True)
class RunState:
    """The state of a run. It never changes, so a run can return to any state.

    A checkpoint is a file that holds one.

    Attributes:
        train_state: The weights and the optimiser's memory.
        step: The number of steps taken.
        losses: The loss of each step, in pieces.
        epochs: The measurements on all samples, in order.
        timings: The seconds that the run has taken.
        best: The best weights that were measured.
        last_improvement: The measurement at which the validation loss last fell; None
            without early stopping.
        previous: The state before the last `advance`.
    """

    train_state: TrainState
    step: int = 0
    losses: tuple[np.ndarray, ...] = ()
    epochs: tuple[Epoch, ...] = ()
    timings: Timings = field(default_factory=Timings)
    best: BestParams | None = None
    last_improvement: Epoch | None = None
    previous: "RunState | None" = None

    def with_time(self, **seconds: float) -> "RunState":
        """The same state with seconds added to its timings."""
        added = {
            part: getattr(self.timings, part) + more for part, more in seconds.items()
        }
        return replace(self, timings=replace(self.timings, **added))

    def losses_from(self, step: int) -> np.ndarray:
        """The losses of the steps from `step` on, float64."""
        pieces, first = [], self.step
        for piece in reversed(self.losses):
            if first <= step:
                break
            pieces.append(piece)
            first -= len(piece)
        whole = np.concatenate([np.zeros(0), *reversed(pieces)])
        return whole[max(step - first, 0) :]


class Diverged(SecantError, ArithmeticError):
    """The loss of a step became NaN or infinite.

    Attributes:
        step: The step.
        value: Its loss.
        state: The last state whose loss is finite.
    """

    def __init__(self, step: int, value: float, state: RunState) -> None:
        super().__init__(f"the loss became {value} at step {step}")
        self.step = step
        self.value = value
        self.state = state


class Trainer:
    """A run as pure functions of its state.

    Args:
        net: The network with the first weights. It does not change.
        data: The data as `fit` takes them, or the result of `as_samples`.
        config: How the run is trained.
        processes: The processes that compute the run together, from `join`.
        data_name: The name of the data in the run.

    Attributes:
        net: The network with the first weights.
        config: How the run is trained.
        data_name: The name of the data in the run.
        samples: The training samples without the validation samples.
        batches: The samples of each step.
        stepper: The object that takes the steps.
        processes: The processes that compute the run together; None for this one
            alone.
        start: The state before the first step.

    Raises:
        InvalidInput: The data are unusable, or do not fit the network or the
            configuration.

    Example:
        >>> net, data = MLP((2, 3, 2), init="he"), ([[0.0, 1.0], [1.0, 0.0]], [0, 1])
        >>> trainer = Trainer(net, data, TrainConfig.build(batch_size=2))
        >>> halfway = trainer.advance(trainer.start, 10)
        >>> end = trainer.evaluate(trainer.advance(halfway, 10))
        >>> end.step, halfway.step, trainer.result(end).status
        (20, 10, 'finished')
    """

    def __init__(
        self,
        net: MLP,
        data: Any,
        config: TrainConfig,
        processes: ProcessGroup | None = None,
        data_name: str = "",
    ) -> None:
        if not isinstance(net, MLP):
            raise InvalidInput(
                f"net is {type(net).__name__}: pass a network such as "
                "secant.TwoLayerNet(784, 50, 10)"
            )
        train, test = as_samples(net.architecture, data)
        validation = None
        if config.validation_split is not None:
            train, validation = split_validation(
                train, config.validation_split, config.seed
            )
        # A copy, because the owner of the network may change its weights later.
        self.net = net.replace(net.params)
        self.config, self.samples, self.processes = config, train, processes
        self.data_name = data_name
        stepper = stepper_for(self.net, train, config, processes)
        self.batches, self.stepper = stepper.batches, stepper
        if processes:
            processes.check_batch_size(config.batch_size, config.method)
            self.stepper = DistributedStepper(stepper, processes)
        self._test, self._validation = test, validation
        self._score_train = self._evaluator(train)
        self._score_test = self._evaluator(test) if test else None
        self._score_validation = self._evaluator(validation) if validation else None
        self.start = RunState(self.stepper.start())

    def _evaluator(self, samples: Samples) -> Callable[[Mapping[str, Array]], Score]:
        evaluator = Evaluator(self.net.architecture, samples, self.processes)
        if isinstance(self.stepper, DistributedStepper):
            return self.stepper.lead_evaluation(evaluator)
        return evaluator

    def advance(self, state: RunState, count: int) -> RunState:
        """The state after `count` more steps, at most `MAX_STEPS_PER_CALL`.

        Raises:
            Diverged: A loss is not finite.
        """
        start = perf_counter()
        train_state, losses = self.stepper.advance(state.train_state, state.step, count)
        seconds = perf_counter() - start
        finite = np.isfinite(losses)
        if not finite.all():
            turn = int(np.argmin(finite))
            raise Diverged(
                state.step + turn,
                float(losses[turn]),
                self._last_finite(state, state.step + turn),
            )
        pieces = (*state.losses, losses)
        return replace(
            state,
            train_state=train_state,
            step=state.step + count,
            losses=(
                pieces if len(pieces) < _MAX_LOSS_PIECES else (np.concatenate(pieces),)
            ),
            # Only one state back: a chain would keep all states in memory.
            previous=replace(state, previous=None),
        ).with_time(training=seconds)

    def _last_finite(self, state: RunState, step: int) -> RunState:
        """The last state with a finite loss, if the loss of `step` is not finite."""
        good = max(step - 1, 0)
        base = state
        if state.previous is None and good < state.step:
            return state
        if state.previous is not None and good < state.step:
            base = state.previous
        train_state, losses = base.train_state, np.zeros(0)
        if good > base.step:
            train_state, losses = self.stepper.advance(
                base.train_state, base.step, good - base.step
            )
        return replace(
            base, train_state=train_state, step=good, losses=(*base.losses, losses)
        )

    def steps_to_boundary(self, step: int) -> int:
        """The number of steps to the end of the epoch, at most `MAX_STEPS_PER_CALL`.

        Example: after 590 of an epoch's 600 steps it is 10.
        """
        per_epoch = self.batches.steps_per_epoch
        return min(per_epoch - step % per_epoch, MAX_STEPS_PER_CALL)

    def evaluate(self, state: RunState) -> RunState:
        """The same state with a measurement of loss and accuracy on all samples."""
        start = perf_counter()
        params = self.params(state)
        train = self._score_train(params)
        test = self._score_test(params) if self._score_test else (None, None)
        validation = (
            self._score_validation(params) if self._score_validation else (None, None)
        )
        epoch = Epoch(state.step, *train, *test, *validation)
        best = state.best
        if best is None or epoch.judged[0] > best.epoch.judged[0]:
            best = BestParams(epoch, params)
        return replace(
            state,
            epochs=(*state.epochs, epoch),
            best=best,
            last_improvement=self._last_improvement((epoch,), state.last_improvement),
        ).with_time(evaluation=perf_counter() - start)

    def restored(self, state: RunState) -> RunState:
        """A state from a checkpoint with all that follows from its measurements."""
        return replace(
            state, last_improvement=self._last_improvement(state.epochs, None)
        )

    def _last_improvement(
        self, epochs: Iterable[Epoch], before: Epoch | None
    ) -> Epoch | None:
        stopping = self.config.early_stopping
        return stopping and stopping.last_improvement(epochs, before)

    def has_stalled(self, state: RunState) -> bool:
        """Whether early stopping ends the run at this state."""
        stopping = self.config.early_stopping
        if stopping is None:
            return False
        improved = state.last_improvement
        waited = state.step - (improved.step if improved else 0)
        return waited >= stopping.patience * self.batches.steps_per_epoch

    def has_finite_loss(self, state: RunState) -> bool:
        """Whether the loss of the next step is finite."""
        (rows,) = self.batches.indices(state.step, state.step + 1)
        samples = self.samples
        with np.errstate(all="ignore"):
            loss = self.net.architecture.error(
                self.params(state), samples.x[rows], samples.t[rows]
            )
        return bool(np.isfinite(loss))

    def origin(self) -> dict[str, Any]:
        """All that determines the run, without the number of steps."""
        settings = self.config.to_dict()
        del settings["iterations"]
        if settings["schedule"] == CUSTOM:
            assert self.config.rate_schedule is not None
            settings["learning_rate"] = sampled_rates(self.config.rate_schedule)
        validation = self._validation
        first_params = self.start.train_state.params
        return {
            "architecture": json.loads(json.dumps(asdict(self.net.architecture))),
            **settings,
            "float": str(jax.tree.leaves(first_params)[0].dtype),
            "first weights": fingerprint(self.net.params),
            "training samples": self.samples.fingerprint,
            "test samples": self._test.fingerprint if self._test else None,
            "validation samples": validation.fingerprint if validation else None,
        }

    def params(self, state: RunState) -> Mapping[str, Array]:
        """The weights of a state, (inputs, outputs), not to be changed."""
        return self.stepper.params(state.train_state)

    def gradient(self, state: RunState) -> Mapping[str, Array]:
        """The gradient of the next step by the run's method."""
        return self.stepper.gradient(state.train_state, state.step)

    def result(self, state: RunState, status: str = "finished") -> Run:
        """The run up to a state."""
        params, best = self.params(state), state.best
        return Run(
            net=self.net.replace(
                {name: np.asarray(value) for name, value in params.items()}
            ),
            history=History(state.losses_from(0), state.epochs),
            settings=self.config,
            status=status,
            timings=state.timings,
            best=best and self.net.replace(best.params),
            best_epoch=best and best.epoch,
            data_name=self.data_name,
        )
