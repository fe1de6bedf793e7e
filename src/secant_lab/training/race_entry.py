"""One run of a race, which one thread trains while others read it."""

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
from secant_lab.training.race_config import MAX_STEPS, EntryConfig, RaceConfig

TURN_SECONDS = 0.02
"""The seconds that an entry trains before the turn of another one."""

# The speed is the mean over this many seconds.
_SPEED_SECONDS = 0.5

Command = Callable[["RaceEntry"], None]


class RaceEntry:
    """A run that one thread advances and other threads read.

    Only the thread that has the entry's turn changes it. Other threads submit commands,
    which run between two turns. `run_state`, which other threads read, is immutable:
    each step replaces it.

    Attributes:
        settings: The settings of this entry.
        config: The training configuration.
        trainer: The trainer of the run, once it is created.
        initial: The initial weights, which the page shows while the step compiles.
        start: Step 0 with its first evaluation, once the entry is prepared.
        run_state: The present state, once the entry is prepared.
        target_step: The step up to which the entry may train.
        failure: The reason why the entry cannot go on, as JSON; None otherwise.
        rewinds: The number of times that the entry has gone back to the start.
        seconds_used: The seconds of turns since the last command to train.
        steps_per_second: The speed over the last half second.
        in_turn: Whether a thread advances the entry just now.
        gradient_ready: Whether `gradient` needs no compilation.
    """

    def __init__(self, settings: EntryConfig, config: TrainConfig) -> None:
        self.settings, self.config = settings, config
        self.trainer: Trainer | None = None
        self.initial: RunState | None = None
        self.start: RunState | None = None
        self.run_state: RunState | None = None
        self.target_step = 0
        self.failure: dict[str, Any] | None = None
        self.rewinds = 0
        self.seconds_used = 0.0
        self.steps_per_second = 0.0
        self.in_turn = False
        self.gradient_ready = False
        self._commands: deque[Command] = deque()
        self._turn_steps = 1
        self._speed_since = monotonic(), 0

    # --- read by any thread ---------------------------------------------------------

    @property
    def step(self) -> int:
        """The number of steps taken."""
        return self.run_state.step if self.run_state else 0

    @property
    def created(self) -> bool:
        """Whether there are weights to show, or never will be."""
        return self.initial is not None or self.failure is not None

    @property
    def prepared(self) -> bool:
        """Whether the entry can train, or never will."""
        return self.run_state is not None or self.failure is not None

    @property
    def active(self) -> bool:
        """Whether the entry has steps to take."""
        return self.prepared and self.failure is None and self.step < self.target_step

    @property
    def has_commands(self) -> bool:
        """Whether commands wait to run."""
        return bool(self._commands)

    @property
    def step_progress(self) -> float:
        """The completed share of the present step, 0 to 1, if a step takes long."""
        return 0.0

    @property
    def turn_steps(self) -> int:
        """The number of steps that fit into one turn."""
        return self._turn_steps

    def gradient(self, run_state: RunState) -> Array | None:
        """The first layer's gradient by the entry's own method, (inputs, hidden).

        None before `compile_gradient` has compiled it.
        """
        if self.trainer is None or not self.gradient_ready:
            return None
        return self.trainer.gradient(run_state)["W1"]

    def run(self) -> Run:
        """The run so far, equal to that of `fit` with the same number of steps."""
        trainer, run_state = self.trainer, self.run_state
        assert trainer is not None
        assert run_state is not None
        if run_state.epochs[-1].step != run_state.step:
            run_state = trainer.evaluate(run_state)
        return trainer.result(run_state)

    # --- commands -------------------------------------------------------------------

    def submit(self, command: Command) -> None:
        """Have a command run as soon as no thread advances the entry."""
        self._commands.append(command)

    def run_commands(self) -> None:
        """Run the submitted commands; only between turns, or by whoever has the turn.

        A command stays in the queue while it runs, so that `has_commands` holds until
        its effect is there.
        """
        while self._commands and self.prepared:
            self._commands[0](self)
            self._commands.popleft()

    def go(self) -> None:
        """Train until the last step of a race."""
        self._train_until(MAX_STEPS)

    def take_steps(self, count: int) -> None:
        """Take exactly `count` steps; steps of earlier calls that wait are added."""
        waits = self.active and self.target_step < MAX_STEPS
        base = self.target_step if waits else self.step
        self._train_until(min(base + count, MAX_STEPS))

    def pause(self) -> None:
        """Stay at the present step."""
        self.target_step, self.steps_per_second = self.step, 0.0

    def rewind(self) -> None:
        """Go back to the initial weights, and stay there."""
        if self.start is not None:
            self.run_state, self.failure = self.start, None
            self.rewinds += 1
        self.pause()

    def _train_until(self, step: int) -> None:
        self.target_step, self.seconds_used = step, 0.0
        self._speed_since, self.steps_per_second = (monotonic(), self.step), 0.0

    # --- for the thread that prepares or trains the entry ----------------------------

    def create(
        self, config: RaceConfig, train: Samples, test: Samples, data_name: str
    ) -> None:
        """Create the run, without any compilation."""
        try:
            self.trainer = Trainer(
                config.net(), (train, test), self.config, data_name=data_name
            )
        except Exception as error:
            self.failure = _failure(error, 0)
        else:
            self.initial = self.trainer.start

    def prepare(self) -> None:
        """Compile everything that a step needs."""
        trainer, initial = self.trainer, self.initial
        if trainer is None or initial is None:
            return
        try:
            start = trainer.evaluate(initial)
            self.compile_step(trainer, start)
        except Exception as error:
            self.failure = _failure(error, 0)
        else:
            self.start = self.run_state = start

    def compile_step(self, trainer: Trainer, start: RunState) -> None:
        """Compile a step by taking one and discarding its result."""
        trainer.stepper.advance(start.train_state, 0, 1)

    def compile_gradient(self) -> None:
        """Compile the gradient of the pictures, which no step needs."""
        if self.trainer and self.start:
            jax.block_until_ready(self.trainer.gradient(self.start))
            self.gradient_ready = True

    def take_turn(self, max_steps: int = MAX_STEPS_PER_CALL) -> None:
        """Train for about `TURN_SECONDS`, at most `max_steps` steps."""
        trainer, run_state = self.trainer, self.run_state
        assert trainer is not None
        assert run_state is not None
        step = run_state.step
        count = min(
            self._turn_steps,
            max_steps,
            self.target_step - step,
            trainer.steps_to_boundary(step),
        )
        began = perf_counter()
        try:
            run_state = self._advance(trainer, run_state, count)
        except Diverged as error:
            self.run_state = error.state
            self.failure = {
                "code": "diverged",
                "step": error.step,
                "facts": {"loss": str(error.value), "rate": f"{self.settings.rate:g}"},
            }
        except Exception as error:
            self.failure = _failure(error, step)
        else:
            self.run_state = run_state
        self.seconds_used += perf_counter() - began
        self._measure_speed()

    def _advance(self, trainer: Trainer, run_state: RunState, count: int) -> RunState:
        seconds_before = run_state.timings.training
        run_state = trainer.advance(run_state, count)
        seconds = max(run_state.timings.training - seconds_before, 1e-9)
        # At most twice as many steps as before: one turn may have been fast by chance.
        fitting = int(count * TURN_SECONDS / seconds)
        self._turn_steps = max(
            min(fitting, 2 * self._turn_steps, MAX_STEPS_PER_CALL), 1
        )
        if run_state.step % trainer.batches.steps_per_epoch == 0:
            run_state = trainer.evaluate(run_state)
        return run_state

    def _measure_speed(self) -> None:
        since, step = self._speed_since
        now = monotonic()
        if now - since >= _SPEED_SECONDS:
            self.steps_per_second = (self.step - step) / (now - since)
            self._speed_since = now, self.step
        if not self.active:
            self.steps_per_second = 0.0


def _failure(error: Exception, step: int) -> dict[str, Any]:
    """An error as the page reads it; one that is not Secant's own is a bug."""
    if isinstance(error, SecantError):
        return {"code": "failed", "step": step, "facts": {"words": str(error)}}
    return {
        "code": "bug",
        "step": step,
        "facts": {"words": f"{type(error).__name__}: {error}"},
    }


def finite_or_zero(array: Array) -> np.ndarray:
    """An array as NumPy's, with 0 for every number that is not finite."""
    return np.nan_to_num(np.asarray(array), nan=0.0, posinf=0.0, neginf=0.0)
