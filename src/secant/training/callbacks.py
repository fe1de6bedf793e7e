"""Callbacks of `fit`: what they are called with, and the two that Secant has.

`TensorBoard` writes the scalars of a run for TensorBoard; tensorboardX, of the extra
`tensorboard`, writes its files without TensorBoard, TensorFlow or PyTorch.
`RecordPath` keeps the weights on the way.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import time
from typing import Any, Self

import numpy as np

from secant.errors import InvalidInput, not_installed
from secant.history import Epoch
from secant.training.forecast import Forecast
from secant.validation import WholeNumber, validate

# TensorBoard's file is written to the disk this often.
_FLUSH_SECONDS = 1.0


@dataclass(frozen=True)
class Progress:
    """The argument of a callback: at the start, then about ten times a second.

    Attributes:
        step: The number of steps taken.
        iterations: The number of steps to take.
        losses: The losses of the steps since the last call.
        epoch: The latest measurement on all samples.
        forecast: The expected time of the run.
        seconds: The training time so far, without preparation and evaluation.
        params: The current weights, not to be changed.
        ended: Whether this was the last step: all are taken, or the run stops early.
        epochs: The number of epochs so far.
    """

    step: int
    iterations: int
    losses: np.ndarray
    epoch: Epoch
    forecast: Forecast
    seconds: float
    params: Any
    ended: bool = False
    epochs: int = 0


Callback = Callable[[Progress], object]


def check_callbacks(callbacks: Any) -> tuple[Callback, ...]:
    """The callbacks as a tuple.

    Raises:
        InvalidInput: They are not iterable, or one of them is not callable.
    """
    checked: tuple[Any, ...] = (None,)
    if isinstance(callbacks, Iterable):
        checked = tuple(callbacks)
    if not all(callable(callback) for callback in checked):
        raise InvalidInput(
            f"callbacks is {callbacks!r}: pass a list of functions that each take a "
            "Progress: callbacks=[print]"
        )
    return checked


class TensorBoard:
    """A callback that writes the scalars of a run for TensorBoard.

    `batch/loss` has a value for each step, the loss of its batch; `train/loss`,
    `train/accuracy`, and the same of `validation` and `test` have one for each
    measurement on all samples: at the start, after each epoch and at the end. The
    file is flushed every second, so TensorBoard draws a run while it trains, and a
    run that is killed loses one second. A resumed run continues in its folder.

    `tensorboard --logdir runs` shows every folder below `runs` as a separate run.

    Args:
        folder: The folder to write to; it is made if needed. Each callback adds a file
            of events, which replaces the older files from its first step on, so give
            each run its own folder.

    Raises:
        SecantError: tensorboardX is not installed.
        OSError: The folder cannot be made or written to.

    Example:
        >>> import tempfile
        >>> from secant import MLP, fit
        >>> net, data = MLP((2, 3, 2), init="he"), ([[0.0, 1.0], [1.0, 0.0]], [0, 1])
        >>> with tempfile.TemporaryDirectory() as folder, TensorBoard(folder) as board:
        ...     run = fit(net, data, iterations=20, batch_size=2, callbacks=[board])
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.check()
        from tensorboardX.event_file_writer import EventsWriter

        # Not FileWriter: its thread and queue do not tell when an event is written.
        Path(folder).mkdir(parents=True, exist_ok=True)
        before = len(list(Path(folder).glob("*tfevents*")))
        # A file's name holds the second, so two files of one second need a suffix.
        suffix = f".{before}" if before else ""
        self._file = EventsWriter(os.path.join(folder, "events"), suffix)
        self._is_resumed = before > 0
        self._measured_step, self._flushed, self._closed = -1, 0.0, False

    @staticmethod
    def check() -> None:
        """Checks that tensorboardX is installed.

        Raises:
            SecantError: It is not.
        """
        if not find_spec("tensorboardX"):
            raise not_installed("TensorBoard", ["tensorboardX"], "tensorboard")

    def __call__(self, progress: Progress) -> None:
        """Writes the new scalars, and closes the file after the last step."""
        now, losses = time(), progress.losses
        if self._is_resumed:
            # A killed process may have written steps after its last checkpoint; they
            # are no longer true.
            self._discard_from(progress.step, now)
            losses, self._measured_step = losses[:0], progress.step - 1
            self._is_resumed = False
        for step, loss in enumerate(losses, start=progress.step - len(losses)):
            self._add("batch/loss", loss, step, now)
        epoch = progress.epoch
        if epoch.step > self._measured_step:
            self._measured_step = epoch.step
            for name, value in epoch._asdict().items():
                if name != "step" and value is not None:
                    self._add(name.replace("_", "/"), value, epoch.step, now)
        if now > self._flushed + _FLUSH_SECONDS:
            self._file.flush()
            self._flushed = now
        if progress.ended:
            self.close()

    def close(self) -> None:
        """Closes the file. The callback does this itself after the last step."""
        if not self._closed:
            self._closed = True
            self._file.close()

    def _discard_from(self, step: int, when: float) -> None:
        """Makes TensorBoard discard events of older files from this step on."""
        from tensorboardX.proto import event_pb2

        event: Any = event_pb2
        start = event.SessionLog(status=event.SessionLog.START)
        self._file.write_event(
            event.Event(wall_time=when, step=step, session_log=start)
        )

    def _add(self, tag: str, value: float, step: int, when: float) -> None:
        from tensorboardX.proto import event_pb2
        from tensorboardX.summary import scalar

        event: Any = event_pb2  # protobuf makes its classes at import time
        self._file.write_event(
            event.Event(wall_time=when, step=step, summary=scalar(tag, value))
        )

    def __enter__(self) -> Self:
        """The callback itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the file, however the run ended."""
        self.close()


class RecordPath:
    """A callback that keeps copies of the weights on the way.

    `fit` calls it at the start, about ten times a second, at the end of each epoch
    and at the end. When it holds more than `most` sets of weights, it drops every
    second one and from then on takes every second call, then every fourth, and so on.
    So memory is bounded and the path stays evenly covered. The first and the latest
    set are always there.

    Args:
        most: The largest number of sets of weights, 3 or above: 50 sets of the
            notebook's network are 8 MB.

    Attributes:
        steps: The number of steps before each set.
        params: The sets of weights, dicts of arrays.

    Raises:
        InvalidInput: `most` is not a whole number of 3 or above.

    Example:
        >>> from secant import MLP, fit
        >>> path = RecordPath()
        >>> net, data = MLP((2, 3, 2), init="he"), ([[0.0, 1.0], [1.0, 0.0]], [0, 1])
        >>> run = fit(net, data, iterations=20, batch_size=2, callbacks=[path])
        >>> path.steps[0], path.steps[-1], sorted(path.params[-1])
        (0, 20, ['W1', 'W2', 'b1', 'b2'])
    """

    def __init__(self, most: int = 50) -> None:
        self.most = validate("most", most, WholeNumber(low=3))
        self.steps: list[int] = []
        self.params: list[dict[str, np.ndarray]] = []
        self._stride, self._calls = 1, 0

    def __call__(self, progress: Progress) -> None:
        """Keeps the weights, in place of the last ones if those are off the stride."""
        if (self._calls - 1) % self._stride:
            self.steps.pop()
            self.params.pop()
        self.steps.append(progress.step)
        self.params.append(_copy(progress.params))
        if len(self.steps) > self.most:
            self._thin()
        self._calls += 1

    def _thin(self) -> None:
        """Drops every second set on the stride, but never the latest set."""
        self._stride *= 2
        last = (self.steps[-1], self.params[-1])
        on_stride = self._calls % self._stride == 0
        kept = slice(0, None, 2) if on_stride else slice(0, -1, 2)
        self.steps, self.params = self.steps[kept], self.params[kept]
        if not on_stride:
            self.steps.append(last[0])
            self.params.append(last[1])


def _copy(params: Mapping[str, object]) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in params.items()}
