"""Background training of the lab's own network."""

import atexit
from collections.abc import Callable
from threading import Lock, Thread
from typing import Any, Literal

from secant import MLP, TwoLayerNet, fit, load_mnist_sample
from secant.training import Progress

Status = Literal["waiting", "learning", "finished", "failed"]

ITERATIONS = 2_000
"""The number of steps of 100 digits: fifty epochs of the 4,000 built-in digits."""


class BackgroundTraining:
    """The background training of the notebook's network, by nodal perturbation.

    The first call of `network` starts the training.

    Args:
        iterations: The number of steps.
        train: The training function, `secant.fit`.

    Attributes:
        net: The current network; it is replaced, never changed.
        status: `waiting` before the first call, then `learning`, and at the end
            `finished` or `failed`.
        step: The number of steps so far.
        iterations: The number of steps of the whole training.
        accuracy: The last measured accuracy on the 1,000 test digits; None before.
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
        """The current network; the first call starts the training."""
        with self._lock:
            if self.status == "waiting":
                self.status = "learning"
                self._thread = Thread(target=self._learn, daemon=True)
                self._thread.start()
                # A thread inside compiled code at the end of Python crashes it.
                atexit.register(self.end)
        return self.net

    def end(self) -> None:
        """Stop the training, and wait for its end."""
        self._ending = True
        self.join()

    def join(self) -> None:
        """Wait for the end of the training."""
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
                callbacks=[self._update],
            )
        except _TrainingStopped:
            return
        except BaseException:
            self.status = "failed"
            raise
        self.net, self.step = run.net, len(run.losses)
        self.accuracy = float(run.test_accuracy[-1])
        self.status = "finished"

    def _update(self, progress: Progress) -> None:
        self.net = self.net.replace(progress.params)
        self.step = progress.step
        self.accuracy = progress.epoch.test_accuracy
        if self._ending:
            raise _TrainingStopped


class _TrainingStopped(Exception):
    """The end of the training because Python ends."""
