"""Entries whose single step takes a minute, each trained by a thread of its own.

Python's interpreter runs one thread at a time. So only one such entry computes at a
time, and passes the turn on after a while. Each runs its commands between two runs of
its network, so that it can be paused and ended within a step.
"""

import threading
from collections import deque
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from secant import Architecture
from secant.arrays import Array
from secant.nn import Params
from secant.training import RunState, TrainConfig, Trainer
from secant_lab.training.race_config import EntryConfig
from secant_lab.training.race_entry import TURN_SECONDS, Command, RaceEntry


class TurnLock:
    """A lock that threads get in the order in which they asked for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Event] = deque()
        self._since = 0.0

    def acquire(self) -> None:
        """Wait for the lock."""
        with self._lock:
            granted = threading.Event()
            if self._held:
                self._waiting.append(granted)
            else:
                self._held = True
                granted.set()
        granted.wait()
        self._since = perf_counter()

    def release(self) -> None:
        """Pass the lock to the thread that has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._held = False

    def yield_turn(self) -> None:
        """Let the others have a turn if this thread has held the lock for a turn."""
        if self._waiting and perf_counter() - self._since > TURN_SECONDS:
            self.release()
            self.acquire()


class SlowRaceEntry(RaceEntry):
    """An entry whose method runs in NumPy, such as `definition`.

    Args:
        settings: The settings of this entry.
        config: The training configuration.
        turn_lock: The lock that all such entries share.
    """

    def __init__(
        self, settings: EntryConfig, config: TrainConfig, turn_lock: TurnLock
    ) -> None:
        self._method = config.method
        # The same method, which can be interrupted between two runs of the network.
        interruptible = replace(self._method, function=self._function)
        super().__init__(settings, config.with_method(interruptible))
        self._turn_lock = turn_lock
        self._wake = threading.Event()
        self._ended = False
        self._runs, self._runs_per_step = 0, 1
        self._gradient: np.ndarray | None = None

    @property
    def step_progress(self) -> float:
        """The completed share of the present step, 0 to 1."""
        return self._runs / self._runs_per_step

    def gradient(self, run_state: RunState) -> Array | None:
        """The gradient of the last step; that of the next takes as long as the step."""
        return self._gradient

    def submit(self, command: Command) -> None:
        """Have a command run before the next run of the network."""
        super().submit(command)
        self._wake.set()

    def rewind(self) -> None:
        """Go back to the initial weights, and stay there."""
        self._gradient, self._runs = None, 0
        super().rewind()

    def end(self) -> None:
        """Let the entry's thread end."""
        self._ended = True
        self._wake.set()

    def compile_step(self, trainer: Trainer, start: RunState) -> None:
        """Compile nothing, but count the network's runs in a step."""
        method, architecture = trainer.config.method, trainer.net.architecture
        self._runs_per_step = method.evaluations_per_step(architecture) or 1

    def compile_gradient(self) -> None:
        """Compile nothing."""
        self.gradient_ready = True

    def wait(self, seconds: float) -> None:
        """Sleep until a command is submitted."""
        self._wake.wait(seconds)
        self._wake.clear()

    @property
    def ended(self) -> bool:
        """Whether the entry's thread has to end."""
        return self._ended

    def take_turn(self, max_steps: int = 1) -> None:
        """Take one step, however long it takes."""
        self._turn_lock.acquire()
        try:
            # `Trainer.advance` reports a loss that is not finite, without warnings.
            with np.errstate(all="ignore"):
                super().take_turn(1)
        except _StepAbandoned:
            pass
        finally:
            self._runs = 0
            self._turn_lock.release()

    def _function(
        self,
        architecture: Architecture,
        params: Params,
        x: Array,
        t: Array,
        key: Array | None = None,
        /,
        **options: Any,
    ) -> tuple[Any, dict[str, np.ndarray]]:
        self._runs, rewinds = 0, self.rewinds

        def before_each() -> None:
            self._runs += 1
            if self._commands:
                self.run_commands()
            if not self.active and self.rewinds == rewinds:
                self._sleep()
            if self._ended or self.rewinds != rewinds:
                raise _StepAbandoned
            self._turn_lock.yield_turn()

        if self._method.interruptible:
            options["before_each"] = before_each
        loss, gradients = self._method.function(
            architecture, params, x, t, key, **options
        )
        self._gradient = gradients["W1"]
        return loss, dict(gradients)

    def _sleep(self) -> None:
        """Wait within a step until the entry goes on, goes back or ends."""
        self._turn_lock.release()
        rewinds = self.rewinds
        while not (self.active or self._ended or self.rewinds != rewinds):
            self.wait(1.0)
            self.run_commands()
        self._turn_lock.acquire()


class _StepAbandoned(BaseException):
    """A step whose result nobody needs; no error of the method, so not an Exception."""
