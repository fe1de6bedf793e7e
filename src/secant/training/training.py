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
import optax

from secant.arrays import Array
from secant.errors import InvalidInput, SecantError
from secant.gradients import GradientMethod, find_method
from secant.history import Epoch, History
from secant.networks import MLP
from secant.training.batches import Batches
from secant.training.distributed.processes import Processes
from secant.training.leader import LedSteps
from secant.training.numbers import whole
from secant.training.optimizers import LearningRate, find_optimizer
from secant.training.run import Run, Settings, Timings
from secant.training.samples import Samples, checked
from secant.training.schedules import rates_of
from secant.training.split import checked_share, split
from secant.training.steps import (
    BLOCK,
    CompiledSteps,
    Evaluator,
    PlainSteps,
    Problem,
    Score,
    State,
)
from secant.training.stopping import EarlyStopping, find_stopping
from secant.training.tensors import fingerprint


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
class Reached:
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

    state: State
    step: int = 0
    losses: tuple[np.ndarray, ...] = ()
    epochs: tuple[Epoch, ...] = ()
    timings: Timings = field(default_factory=Timings)
    best: Best | None = None
    gained: Epoch | None = None
    before: "Reached | None" = None

    def spent(self, **seconds: float) -> "Reached":
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

    def __init__(self, step: int, value: float, reached: Reached) -> None:
        super().__init__(f"the loss became {value} at step {step}")
        self.step = step
        self.value = value
        self.reached = reached


class Training:
    """A run as pure functions of where it stands.

    Args:
        net: Where to start; it stays as it is.
        data: As `fit` takes it, or samples that `secant.training.samples.checked` gave.
        gradient: A name, or a `GradientMethod`; so on as for `fit`.
        iterations: Steps that are meant to be taken.
        batch_size: Samples a step.
        learning_rate: None for the optimiser's usual one.
        optimizer: A name, or one of Optax's.
        weight_decay: None for the optimiser's usual one.
        clip_norm: The longest gradient.
        seed: Of the batches, and of the samples that are held back.
        sampling: `replacement` or `epochs`.
        validation_split: The share of the training samples that is held back.
        early_stopping: When to stop; a number is the patience.
        data_name: What the run's settings shall call the data.
        processes: That compute it together, from `join`.

    Attributes:
        net: Where it starts.
        problem: What is trained, on what, and how.
        settings: The same in words.
        steps: How steps are run.
        start: Where it stands before the first step.

    Raises:
        InvalidInput: An argument or the data cannot be worked with.

    Example:
        >>> net, data = MLP((2, 3, 2), init="he"), ([[0.0, 1.0], [1.0, 0.0]], [0, 1])
        >>> training = Training(net, data, iterations=20, batch_size=2)
        >>> halfway = training.advance(training.start, 10)
        >>> end = training.evaluate(training.advance(halfway, 10))
        >>> end.step, halfway.step, training.result(end).status
        (20, 10, 'finished')
    """

    def __init__(
        self,
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
        data_name: str = "",
        processes: Processes | None = None,
    ) -> None:
        if not isinstance(net, MLP):
            raise InvalidInput(
                f"net is {type(net).__name__}: pass a network such as "
                "secant.TwoLayerNet(784, 50, 10)"
            )
        iterations = whole("iterations", iterations, 0)
        batch_size = whole("batch_size", batch_size, 1)
        seed = whole("seed", seed, 0)
        method = find_method(gradient)
        chosen = find_optimizer(optimizer, learning_rate, weight_decay, clip_norm)
        stopping = find_stopping(early_stopping, validation_split)
        train, test = checked(net.architecture, data)
        share = None if validation_split is None else checked_share(validation_split)
        held = None
        if share is not None:
            train, held = split(train, share, seed)
        self.net = net
        self.problem = Problem(
            architecture=net.architecture,
            params={name: np.array(value) for name, value in net.params.items()},
            samples=train,
            method=method,
            optimizer=chosen.transformation,
            batches=Batches(len(train), batch_size, sampling, seed),
            processes=processes,
        )
        self.settings = Settings(
            gradient=method.name,
            iterations=iterations,
            batch_size=batch_size,
            sampling=sampling,
            seed=seed,
            data=data_name,
            validation_split=share,
            early_stopping=stopping,
            **chosen.settings(),
        )
        self.steps = (CompiledSteps if method.traceable else PlainSteps)(self.problem)
        if processes:
            processes.check(batch_size, method)
            self.steps = LedSteps(self.steps, processes)
        self._test, self._held, self._schedule = test, held, chosen.schedule
        self._score_train = self._scoring(train, processes)
        self._score_test = self._scoring(test, processes) if test else None
        self._score_held = self._scoring(held, processes) if held else None
        self.start = Reached(self.steps.start())

    def _scoring(
        self, samples: Samples, processes: Processes | None
    ) -> Callable[[Mapping[str, Array]], Score]:
        evaluator = Evaluator(self.net.architecture, samples, processes)
        if isinstance(self.steps, LedSteps):
            return self.steps.led(evaluator)
        return evaluator

    def advance(self, reached: Reached, count: int) -> Reached:
        """Where the run stands `count` steps later, at most `BLOCK`.

        Raises:
            Diverged: A loss was not finite.
        """
        start = perf_counter()
        state, losses = self.steps.advance(reached.state, reached.step, count)
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

    def _before(self, reached: Reached, step: int) -> Reached:
        """The last weights whose loss was finite, where that of `step` is not."""
        good = max(step - 1, 0)
        base = reached
        if reached.before is None and good < reached.step:
            return reached
        if reached.before is not None and good < reached.step:
            base = reached.before
        state, kept = base.state, np.zeros(0)
        if good > base.step:
            state, kept = self.steps.advance(base.state, base.step, good - base.step)
        return replace(base, state=state, step=good, losses=(*base.losses, kept))

    def until(self, step: int) -> int:
        """How many steps can be taken in one go: to the end of the epoch, or `BLOCK`.

        Example: after 590 of an epoch's 600 steps they are 10.
        """
        per_epoch = self.problem.batches.steps_per_epoch
        return min(per_epoch - step % per_epoch, BLOCK)

    def evaluate(self, reached: Reached) -> Reached:
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

    def read_back(self, reached: Reached) -> Reached:
        """The same place, as it was before it was kept: with all that follows."""
        return replace(reached, gained=self._gained(reached.epochs, None))

    def _gained(self, epochs: Iterable[Epoch], before: Epoch | None) -> Epoch | None:
        stopping = self.settings.early_stopping
        return stopping and stopping.last_gain(epochs, before)

    def has_stalled(self, reached: Reached) -> bool:
        """Whether the run is to stop early: there."""
        stopping = self.settings.early_stopping
        if stopping is None:
            return False
        waited = reached.step - (reached.gained.step if reached.gained else 0)
        return waited >= stopping.patience * self.problem.batches.steps_per_epoch

    def is_sound(self, reached: Reached) -> bool:
        """Whether the loss that the next step sees is a finite number."""
        (rows,) = self.problem.batches.indices(reached.step, reached.step + 1)
        samples = self.problem.samples
        with np.errstate(all="ignore"):
            loss = self.problem.architecture.error(
                self.params(reached), samples.x[rows], samples.t[rows]
            )
        return bool(np.isfinite(loss))

    def origin(self) -> dict[str, Any]:
        """All that the run's outcome depends on, but for how many steps it takes."""
        settings = asdict(self.settings)
        for name in ("iterations", "data"):
            del settings[name]
        if settings["schedule"] == "custom" and self._schedule:
            settings["learning_rate"] = rates_of(self._schedule)
        return {
            "architecture": json.loads(json.dumps(asdict(self.problem.architecture))),
            **settings,
            "nudges": self.problem.method.nudges,
            "float": str(jax.tree.leaves(self.start.state.held)[0].dtype),
            "first weights": fingerprint(self.problem.params),
            "training samples": self.problem.samples.fingerprint,
            "test samples": self._test.fingerprint if self._test else None,
            "validation samples": self._held.fingerprint if self._held else None,
        }

    def params(self, reached: Reached) -> Mapping[str, Array]:
        """The weights there, (inputs, outputs), not to be changed."""
        return self.steps.params(reached.state)

    def gradient(self, reached: Reached) -> Mapping[str, Array]:
        """The gradient that the next step will go against, by the run's method."""
        return self.steps.gradient(reached.state, reached.step)

    def result(self, reached: Reached, status: str = "finished") -> Run:
        """The run up to there."""
        params, best = self.params(reached), reached.best
        return Run(
            net=self.net.replace(
                {name: np.asarray(value) for name, value in params.items()}
            ),
            history=History(reached.losses_from(0), reached.epochs),
            settings=self.settings,
            status=status,
            timings=reached.timings,
            best=best and self.net.replace(best.params),
            best_epoch=best and best.epoch,
        )
