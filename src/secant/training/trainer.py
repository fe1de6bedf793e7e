"""A run that goes on step by step, from wherever one wants it to.

`fit` drives one to its end; the lab drives many, a few steps of each in turn.
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
from secant.training.distributed.process_group import Processes
from secant.training.leader import DistributedStepper
from secant.training.optimizers import CUSTOM
from secant.training.run import Run, Timings
from secant.training.samples import Samples, as_samples, split
from secant.training.schedules import rates_of
from secant.training.serialization import fingerprint
from secant.training.steps import (
    MAX_STEPS_PER_CALL,
    Evaluator,
    Score,
    TrainState,
    stepper_for,
)


class Best(NamedTuple):
    """The best network so far, as `Epoch.judged` judges it.

    Attributes:
        epoch: When it was measured, and how good it was.
        params: Its weights, (inputs, outputs).
    """

    epoch: Epoch
    params: Mapping[str, Array]


# Losses are kept in fewer pieces than these, however short each `advance` is.
_PIECES = 256


@dataclass(frozen=True)
class Checkpoint:
    """Where a run stands: never changed, so whoever keeps one can go back to it.

    Attributes:
        state: Weights and the optimiser's memory.
        step: Steps taken.
        losses: The loss of each of them, in pieces.
        epochs: How good the network was, each time that it was measured.
        timings: Where the seconds went.
        best: The best weights that were measured.
        gained: When the validation loss was last lower than before; None if the run
            is not to stop early.
        before: Where it stood before the last `advance`.
    """

    state: TrainState
    step: int = 0
    losses: tuple[np.ndarray, ...] = ()
    epochs: tuple[Epoch, ...] = ()
    timings: Timings = field(default_factory=Timings)
    best: Best | None = None
    gained: Epoch | None = None
    before: "Checkpoint | None" = None

    def spent(self, **seconds: float) -> "Checkpoint":
        """The same place, with more seconds on its account."""
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
    """The loss of a step was no finite number.

    Attributes:
        step: Of which step.
        value: What it was.
        reached: The last place whose loss was finite.
    """

    def __init__(self, step: int, value: float, reached: Checkpoint) -> None:
        super().__init__(f"the loss became {value} at step {step}")
        self.step = step
        self.value = value
        self.reached = reached


class Training:
    """A run as pure functions of where it stands.

    Args:
        net: Where to start; it stays as it is.
        data: As `fit` takes it, or what `as_samples` returned.
        config: How it is trained.
        processes: That compute it together, from `join`.
        data_name: What its run shall call the data.

    Attributes:
        net: Where it starts.
        config: How it is trained.
        data_name: What its run calls the data.
        samples: What it is trained on; those held back are not among them.
        batches: Which of them each step sees.
        stepper: How steps are run.
        processes: That compute it together; None for this one alone.
        start: Where it stands before the first step.

    Raises:
        InvalidInput: The data cannot be worked with, or not with this network and
            configuration.

    Example:
        >>> net, data = MLP((2, 3, 2), init="he"), ([[0.0, 1.0], [1.0, 0.0]], [0, 1])
        >>> training = Training(net, data, TrainConfig.build(batch_size=2))
        >>> halfway = training.advance(training.start, 10)
        >>> end = training.evaluate(training.advance(halfway, 10))
        >>> end.step, halfway.step, training.result(end).status
        (20, 10, 'finished')
    """

    def __init__(
        self,
        net: MLP,
        data: Any,
        config: TrainConfig,
        processes: Processes | None = None,
        data_name: str = "",
    ) -> None:
        if not isinstance(net, MLP):
            raise InvalidInput(
                f"net is {type(net).__name__}: pass a network such as "
                "secant.TwoLayerNet(784, 50, 10)"
            )
        train, test = as_samples(net.architecture, data)
        held = None
        if config.validation_split is not None:
            train, held = split(train, config.validation_split, config.seed)
        # A copy: whoever owns the network may go on changing its weights.
        self.net = net.replace(net.params)
        self.config, self.samples, self.processes = config, train, processes
        self.data_name = data_name
        stepper = stepper_for(self.net, train, config, processes)
        self.batches, self.stepper = stepper.batches, stepper
        if processes:
            processes.check(config.batch_size, config.method)
            self.stepper = DistributedStepper(stepper, processes)
        self._test, self._held = test, held
        self._score_train = self._scoring(train)
        self._score_test = self._scoring(test) if test else None
        self._score_held = self._scoring(held) if held else None
        self.start = Checkpoint(self.stepper.start())

    def _scoring(self, samples: Samples) -> Callable[[Mapping[str, Array]], Score]:
        evaluator = Evaluator(self.net.architecture, samples, self.processes)
        if isinstance(self.stepper, DistributedStepper):
            return self.stepper.led(evaluator)
        return evaluator

    def advance(self, reached: Checkpoint, count: int) -> Checkpoint:
        """Where the run stands `count` steps later, at most `MAX_STEPS_PER_CALL`.

        Raises:
            Diverged: A loss was not finite.
        """
        start = perf_counter()
        state, losses = self.stepper.advance(reached.state, reached.step, count)
        seconds = perf_counter() - start
        finite = np.isfinite(losses)
        if not finite.all():
            turn = int(np.argmin(finite))
            raise Diverged(
                reached.step + turn,
                float(losses[turn]),
                self._before(reached, reached.step + turn),
            )
        pieces = (*reached.losses, losses)
        return replace(
            reached,
            state=state,
            step=reached.step + count,
            losses=pieces if len(pieces) < _PIECES else (np.concatenate(pieces),),
            # Of that one's own there is no need: a chain would keep every state.
            before=replace(reached, before=None),
        ).spent(training=seconds)

    def _before(self, reached: Checkpoint, step: int) -> Checkpoint:
        """The last weights whose loss was finite, where that of `step` is not."""
        good = max(step - 1, 0)
        base = reached
        if reached.before is None and good < reached.step:
            return reached
        if reached.before is not None and good < reached.step:
            base = reached.before
        state, kept = base.state, np.zeros(0)
        if good > base.step:
            state, kept = self.stepper.advance(base.state, base.step, good - base.step)
        return replace(base, state=state, step=good, losses=(*base.losses, kept))

    def until(self, step: int) -> int:
        """The most steps that one `advance` can take: up to the end of the epoch.

        Never more than `MAX_STEPS_PER_CALL`.

        Example: after 590 of an epoch's 600 steps they are 10.
        """
        per_epoch = self.batches.steps_per_epoch
        return min(per_epoch - step % per_epoch, MAX_STEPS_PER_CALL)

    def evaluate(self, reached: Checkpoint) -> Checkpoint:
        """The same place, loss and accuracy on all samples measured there."""
        start = perf_counter()
        params = self.params(reached)
        train = self._score_train(params)
        test = self._score_test(params) if self._score_test else (None, None)
        held = self._score_held(params) if self._score_held else (None, None)
        epoch = Epoch(reached.step, *train, *test, *held)
        best = reached.best
        if best is None or epoch.judged[0] > best.epoch.judged[0]:
            best = Best(epoch, params)
        return replace(
            reached,
            epochs=(*reached.epochs, epoch),
            best=best,
            gained=self._gained((epoch,), reached.gained),
        ).spent(evaluation=perf_counter() - start)

    def read_back(self, reached: Checkpoint) -> Checkpoint:
        """The same place, as it was before it was kept: with all that follows."""
        return replace(reached, gained=self._gained(reached.epochs, None))

    def _gained(self, epochs: Iterable[Epoch], before: Epoch | None) -> Epoch | None:
        stopping = self.config.early_stopping
        return stopping and stopping.last_gain(epochs, before)

    def has_stalled(self, reached: Checkpoint) -> bool:
        """Whether the run is to stop early: there."""
        stopping = self.config.early_stopping
        if stopping is None:
            return False
        waited = reached.step - (reached.gained.step if reached.gained else 0)
        return waited >= stopping.patience * self.batches.steps_per_epoch

    def is_sound(self, reached: Checkpoint) -> bool:
        """Whether the loss that the next step sees is a finite number."""
        (rows,) = self.batches.indices(reached.step, reached.step + 1)
        samples = self.samples
        with np.errstate(all="ignore"):
            loss = self.net.architecture.error(
                self.params(reached), samples.x[rows], samples.t[rows]
            )
        return bool(np.isfinite(loss))

    def origin(self) -> dict[str, Any]:
        """All that the run's outcome depends on, but for how many steps it takes."""
        settings = self.config.to_dict()
        del settings["iterations"]
        if settings["schedule"] == CUSTOM:
            assert self.config.rate_schedule is not None
            settings["learning_rate"] = rates_of(self.config.rate_schedule)
        return {
            "architecture": json.loads(json.dumps(asdict(self.net.architecture))),
            **settings,
            "float": str(jax.tree.leaves(self.start.state.params)[0].dtype),
            "first weights": fingerprint(self.net.params),
            "training samples": self.samples.fingerprint,
            "test samples": self._test.fingerprint if self._test else None,
            "validation samples": self._held.fingerprint if self._held else None,
        }

    def params(self, reached: Checkpoint) -> Mapping[str, Array]:
        """The weights there, (inputs, outputs), not to be changed."""
        return self.stepper.params(reached.state)

    def gradient(self, reached: Checkpoint) -> Mapping[str, Array]:
        """The gradient that the next step will go against, by the run's method."""
        return self.stepper.gradient(reached.state, reached.step)

    def result(self, reached: Checkpoint, status: str = "finished") -> Run:
        """The run up to there."""
        params, best = self.params(reached), reached.best
        return Run(
            net=self.net.replace(
                {name: np.asarray(value) for name, value in params.items()}
            ),
            history=History(reached.losses_from(0), reached.epochs),
            settings=self.config,
            status=status,
            timings=reached.timings,
            best=best and self.net.replace(best.params),
            best_epoch=best and best.epoch,
            data_name=self.data_name,
        )
