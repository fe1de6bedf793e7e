"""A lane whose single step takes a minute: trained by a thread of its own.

Python's interpreter runs one thread at a time. So of all such lanes one computes at a
time, and hands on after a slice; and each listens between two runs of its network,
so that it can be paused and ended within a step.
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
from secant_lab.training.race_config import LaneWanted
from secant_lab.training.race_entry import SLICE, Lane, Order


class Baton:
    """Whoever holds it computes; those who wait get it in the order they came in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Event] = deque()
        self._since = 0.0

    def take(self) -> None:
        """Waits for it."""
        with self._lock:
            mine = threading.Event()
            if self._held:
                self._waiting.append(mine)
            else:
                self._held = True
                mine.set()
        mine.wait()
        self._since = perf_counter()

    def give(self) -> None:
        """Hands it on."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._held = False

    def pass_round(self) -> None:
        """Hands it on if it was held for a slice, and waits for it to come back."""
        if self._waiting and perf_counter() - self._since > SLICE:
            self.give()
            self.take()


class SlowLane(Lane):
    """A lane whose method runs in NumPy, such as the definition.

    Args:
        wanted: What to make it from.
        config: How it is trained.
        baton: What all such lanes share.
    """

    def __init__(self, wanted: LaneWanted, config: TrainConfig, baton: Baton) -> None:
        # Its method, which listens while it computes, where it can.
        self._method = config.method
        listening = replace(self._method, function=self._function)
        super().__init__(wanted, config.with_method(listening))
        self._baton = baton
        self._rung = threading.Event()
        self._ended = False
        self._runs, self._of = 0, 1
        self._gradient: np.ndarray | None = None

    @property
    def within(self) -> float:
        """How much of a step is done, 0 to 1."""
        return self._runs / self._of

    def gradient(self, reached: RunState) -> Array | None:
        """That of the last step: the next one's takes as long as the step."""
        return self._gradient

    def order(self, order: Order) -> None:
        """Has something done before the next run of the network."""
        super().order(order)
        self._rung.set()

    def rewind(self) -> None:
        """Back to the first weights; it stays there."""
        self._gradient, self._runs = None, 0
        super().rewind()

    def end(self) -> None:
        """Lets its thread go."""
        self._ended = True
        self._rung.set()

    def warm_up(self, training: Trainer, start: RunState) -> None:
        """Nothing is compiled."""
        method, architecture = training.config.method, training.net.architecture
        self._of = method.evaluations_per_step(architecture) or 1

    def look_ahead(self) -> None:
        """Nothing is compiled."""
        self.lookable = True

    def wait(self, seconds: float) -> None:
        """Sleeps until something is ordered."""
        self._rung.wait(seconds)
        self._rung.clear()

    @property
    def ended(self) -> bool:
        """Whether its thread is to end."""
        return self._ended

    def turn(self, most: int = 1) -> None:
        """Takes a step, however long that takes."""
        self._baton.take()
        try:
            # A loss that is no number is looked for, and told, as for other lanes.
            with np.errstate(all="ignore"):
                super().turn(1)
        except _Abandoned:
            pass
        finally:
            self._runs = 0
            self._baton.give()

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
            if self._orders:
                self.obey()
            if not self.going and self.rewinds == rewinds:
                self._sleep()
            if self._ended or self.rewinds != rewinds:
                raise _Abandoned
            self._baton.pass_round()

        if self._method.interruptible:
            options["before_each"] = before_each
        loss, gradients = self._method.function(
            architecture, params, x, t, key, **options
        )
        self._gradient = gradients["W1"]
        return loss, dict(gradients)

    def _sleep(self) -> None:
        """Stays in the middle of a step until it is to go on, or back, or to end."""
        self._baton.give()
        rewinds = self.rewinds
        while not (self.going or self._ended or self.rewinds != rewinds):
            self.wait(1.0)
            self.obey()
        self._baton.take()


class _Abandoned(BaseException):
    """A step that nobody waits for any more; not an error of the method's."""
