"""A network of the lab's own, that learns in the background while one draws."""

import atexit
from collections.abc import Callable
from threading import Lock, Thread
from typing import Any, Literal

from secant import MLP, TwoLayerNet, fit, load_mnist_sample
from secant.training import Progress

Status = Literal["waiting", "learning", "finished", "failed"]

ITERATIONS = 2_000
"""Steps of 100 digits: fifty times through the 4,000 that come with the package."""


class Learner:
    """The notebook's network, learning by numerical gradients of its nodes.

    Whoever asks for its network gets the one of this moment, and sets it learning.

    Args:
        iterations: Steps to take.
        train: What trains: `secant.fit`.

    Attributes:
        net: The network as it is now; it is replaced, never changed.
        status: `waiting` until it is asked for, then `learning`, at last `finished`,
            or `failed`.
        step: Steps taken.
        iterations: Steps to take.
        accuracy: On the 1,000 test digits when it was last measured; None before.
    """

    def __init__(
        self, iterations: int = ITERATIONS, train: Callable[..., Any] = fit
    ) -> None:
        self.net: MLP = TwoLayerNet(784, 50, 10)
        self.status: Status = "waiting"
        self.step = 0
        self.iterations = iterations
        self.accuracy: float | None = None
        self._train = train
        self._lock = Lock()
        self._thread: Thread | None = None
        self._ending = False

    def network(self) -> MLP:
        """The network of this moment; the first who asks sets it learning."""
        with self._lock:
            if self.status == "waiting":
                self.status = "learning"
                self._thread = Thread(target=self._learn, daemon=True)
                self._thread.start()
                # A thread that is in compiled code when Python ends takes it down.
                atexit.register(self.end)
        return self.net

    def end(self) -> None:
        """Ends the learning, and waits until it has ended."""
        self._ending = True
        self.join()

    def join(self) -> None:
        """Waits until it has learned."""
        if self._thread is not None:
            self._thread.join()

    def _learn(self) -> None:
        try:
            run = self._train(
                self.net,
                load_mnist_sample(),
                "node",
                iterations=self.iterations,
                learning_rate=0.5,
                sampling="epochs",
                callbacks=[self._take],
            )
        except _Ended:
            return
        except BaseException:
            self.status = "failed"
            raise
        self.net, self.step = run.net, len(run.losses)
        self.accuracy = float(run.test_accuracy[-1])
        self.status = "finished"

    def _take(self, progress: Progress) -> None:
        self.net = self.net.replace(progress.params)
        self.step = progress.step
        self.accuracy = progress.epoch.test_accuracy
        if self._ending:
            raise _Ended


class _Ended(Exception):
    """Python is ending: it need not be waited for."""
