"""One run of a race, and how far it may go."""

from collections import deque
from collections.abc import Callable
from time import monotonic, perf_counter
from typing import Any

import jax
import numpy as np

from secant import Run
from secant.arrays import Array
from secant.errors import SecantError
from secant.training import (
    MAX_STEPS_PER_CALL,
    Diverged,
    RunState,
    Samples,
    TrainConfig,
    Trainer,
)
from secant_lab.training.race_config import MOST_STEPS, LaneWanted, Wanted

SLICE = 0.02
"""Seconds that a lane trains before it is another's turn."""

# A rate is counted over so many seconds.
_COUNTED = 0.5

Order = Callable[["Lane"], None]


class Lane:
    """A run that one thread advances and others look at.

    Only whoever has its turn changes it. All else that moves it are orders, obeyed
    between two turns. What is looked at from elsewhere, `reached`, never changes: it
    is replaced.

    Attributes:
        wanted: What it was made from.
        config: How it is trained.
        training: The run itself, once it is made.
        untrained: Its first weights, which can be looked at while its step compiles.
        start: Step 0, already measured, once it is prepared.
        reached: Where it stands, once it is prepared.
        goal: It may go on up to this step.
        failed: Why it cannot go on, as the page is told; else None.
        rewinds: How often it has gone back to the start.
        used: Seconds that it has had, since the race was last set going.
        rate: Steps a second, over the last half second.
        in_turn: Whether somebody is advancing it.
        lookable: Whether its gradient can be looked at without compiling first.
    """

    def __init__(self, wanted: LaneWanted, config: TrainConfig) -> None:
        self.wanted, self.config = wanted, config
        self.training: Trainer | None = None
        self.untrained: RunState | None = None
        self.start: RunState | None = None
        self.reached: RunState | None = None
        self.goal = 0
        self.failed: dict[str, Any] | None = None
        self.rewinds = 0
        self.used = 0.0
        self.rate = 0.0
        self.in_turn = False
        self.lookable = False
        self._orders: deque[Order] = deque()
        self._pace = 1
        self._counted = monotonic(), 0

    # --- looked at from anywhere ----------------------------------------------------

    @property
    def step(self) -> int:
        """Steps taken."""
        return self.reached.step if self.reached else 0

    @property
    def made(self) -> bool:
        """Whether its weights can be looked at, or never will be."""
        return self.untrained is not None or self.failed is not None

    @property
    def prepared(self) -> bool:
        """Whether it can be set going, or never will be."""
        return self.reached is not None or self.failed is not None

    @property
    def going(self) -> bool:
        """Whether it has steps to take."""
        return self.prepared and self.failed is None and self.step < self.goal

    @property
    def ordered(self) -> bool:
        """Whether something is ordered and not yet done."""
        return bool(self._orders)

    @property
    def within(self) -> float:
        """How much of a step is done, 0 to 1, where a step takes long."""
        return 0.0

    @property
    def pace(self) -> int:
        """How many steps one turn is good for."""
        return self._pace

    def gradient(self, reached: RunState) -> Array | None:
        """The first layer's gradient there, (inputs, hidden), by its own method.

        None before `look_ahead` has compiled it.
        """
        training = self.training
        return training.gradient(reached)["W1"] if training and self.lookable else None

    def run(self) -> Run:
        """The run up to here, as `fit` gives it that was asked for as many steps."""
        training, reached = self.training, self.reached
        assert training is not None
        assert reached is not None
        if reached.epochs[-1].step != reached.step:
            reached = training.evaluate(reached)
        return training.result(reached)

    # --- orders ---------------------------------------------------------------------

    def order(self, order: Order) -> None:
        """Has something done as soon as nobody is advancing it."""
        self._orders.append(order)

    def obey(self) -> None:
        """Does what has been ordered; for whoever has its turn, or between turns."""
        while self._orders and self.prepared:
            self._orders[0](self)
            self._orders.popleft()

    def go(self) -> None:
        """It may go on to its end."""
        self.goal, self.used = MOST_STEPS, 0.0
        self._counted, self.rate = (monotonic(), self.step), 0.0

    def pause(self) -> None:
        """It stays where it is."""
        self.goal, self.rate = self.step, 0.0

    def take(self, count: int) -> None:
        """It may take so many steps, and no more."""
        waiting = self.goal if self.going and self.goal < MOST_STEPS else self.step
        self.goal, self.used = min(waiting + count, MOST_STEPS), 0.0
        self._counted, self.rate = (monotonic(), self.step), 0.0

    def rewind(self) -> None:
        """Back to the first weights; it stays there."""
        if self.start is not None:
            self.reached, self.failed = self.start, None
            self.rewinds += 1
        self.pause()

    # --- for whoever has its turn ---------------------------------------------------

    def make(self, wanted: Wanted, train: Samples, test: Samples, name: str) -> None:
        """Makes the run, and compiles nothing yet."""
        try:
            self.training = Trainer(
                wanted.net(), (train, test), self.config, data_name=name
            )
        except Exception as error:
            self.failed = _failure(error, 0)
        else:
            self.untrained = self.training.start

    def prepare(self) -> None:
        """Compiles all that training will need."""
        training, untrained = self.training, self.untrained
        if training is None or untrained is None:
            return
        try:
            start = training.evaluate(untrained)
            self.warm_up(training, start)
        except Exception as error:
            self.failed = _failure(error, 0)
        else:
            self.start = self.reached = start

    def warm_up(self, training: Trainer, start: RunState) -> None:
        """Compiles; what it computes is thrown away."""
        training.stepper.advance(start.train_state, 0, 1)

    def look_ahead(self) -> None:
        """Compiles what is needed to be looked at, not to be trained."""
        if self.training and self.start:
            jax.block_until_ready(self.training.gradient(self.start))
            self.lookable = True

    def turn(self, most: int = MAX_STEPS_PER_CALL) -> None:
        """Trains for about `SLICE` seconds, at most `most` steps."""
        training, reached = self.training, self.reached
        assert training is not None
        assert reached is not None
        count = min(
            self._pace,
            most,
            self.goal - reached.step,
            training.steps_to_boundary(reached.step),
        )
        began = perf_counter()
        try:
            reached = self._advanced(training, reached, count)
        except Diverged as error:
            self.reached = error.state
            self.failed = {
                "code": "diverged",
                "step": error.step,
                "facts": {"loss": str(error.value), "rate": f"{self.wanted.rate:g}"},
            }
        except Exception as error:
            self.failed = _failure(error, reached.step)
        else:
            self.reached = reached
        self.used += perf_counter() - began
        self._count()

    def _advanced(self, training: Trainer, reached: RunState, count: int) -> RunState:
        before = reached.timings.training
        reached = training.advance(reached, count)
        seconds = max(reached.timings.training - before, 1e-9)
        # Not more than twice as many at once: one turn may have been a lucky one.
        self._pace = max(
            min(int(count * SLICE / seconds), 2 * self._pace, MAX_STEPS_PER_CALL), 1
        )
        if reached.step % training.batches.steps_per_epoch == 0:
            reached = training.evaluate(reached)
        return reached

    def _count(self) -> None:
        since, step = self._counted
        now = monotonic()
        if now - since >= _COUNTED:
            self.rate = (self.step - step) / (now - since)
            self._counted = now, self.step
        if not self.going:
            self.rate = 0.0


def _failure(error: Exception, step: int) -> dict[str, Any]:
    if isinstance(error, SecantError):
        return {"code": "failed", "step": step, "facts": {"words": str(error)}}
    return {
        "code": "bug",
        "step": step,
        "facts": {"words": f"{type(error).__name__}: {error}"},
    }


def finite(array: Array) -> np.ndarray:
    """An array in NumPy, what is not finite as 0."""
    return np.nan_to_num(np.asarray(array), nan=0.0, posinf=0.0, neginf=0.0)
