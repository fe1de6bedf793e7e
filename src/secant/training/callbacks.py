"""A run's course for TensorBoard to draw.

tensorboardX writes TensorBoard's files without TensorBoard, TensorFlow or PyTorch; it
comes in the extra `tensorboard`.
"""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from time import time
from typing import Any, Self

import numpy as np

from secant.errors import not_installed
from secant.training.fit import Progress
from secant.validation import WholeNumber, validate

# The file is brought up to date, and to the disk, after as many seconds.
_LATEST = 1.0


class TensorBoard:
    """A callback of `fit` that writes a run's scalars for TensorBoard.

    `batch/loss` has a value for each step, the loss that the step saw; `train/loss`,
    `train/accuracy`, and the same of `validation` and `test` have one for each
    measurement on all samples: at the start, after each epoch and at the end. The file
    is brought up to date every second: TensorBoard draws a run while it goes on, and of
    one that is killed a second is lost. A run that is resumed goes on in its folder.

    `tensorboard --logdir runs` shows every folder below `runs` as a run of its own.

    Args:
        folder: Where to write; made if need be. A file of events is added to those
            that are there, which hold from the step at which it begins, so give each
            run a folder of its own.

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

        # Not its FileWriter, whose thread and queue say of no event when it is written.
        Path(folder).mkdir(parents=True, exist_ok=True)
        before = len(list(Path(folder).glob("*tfevents*")))
        # A name has the second in it, and would be taken twice in one.
        suffix = f".{before}" if before else ""
        self._file = EventsWriter(os.path.join(folder, "events"), suffix)
        self._goes_on = before > 0
        self._measured, self._flushed, self._closed = -1, 0.0, False

    @staticmethod
    def check() -> None:
        """Sees whether what it writes with is installed.

        Raises:
            SecantError: tensorboardX is not.
        """
        if not find_spec("tensorboardX"):
            raise not_installed("TensorBoard", ["tensorboardX"], "tensorboard")

    def __call__(self, progress: Progress) -> None:
        """Writes what is new, and closes the file after the last step."""
        now, losses = time(), progress.losses
        if self._goes_on:
            # What a killed process wrote beyond its last checkpoint holds no longer.
            self._forget_from(progress.step, now)
            losses, self._measured = losses[:0], progress.step - 1
            self._goes_on = False
        for step, loss in enumerate(losses, start=progress.step - len(losses)):
            self._add("batch/loss", loss, step, now)
        epoch = progress.epoch
        if epoch.step > self._measured:
            self._measured = epoch.step
            for name, value in epoch._asdict().items():
                if name != "step" and value is not None:
                    self._add(name.replace("_", "/"), value, epoch.step, now)
        if now > self._flushed + _LATEST:
            self._file.flush()
            self._flushed = now
        if progress.ended:
            self.close()

    def close(self) -> None:
        """Closes the file; called by itself after the last step."""
        if not self._closed:
            self._closed = True
            self._file.close()

    def _forget_from(self, step: int, when: float) -> None:
        """Has TensorBoard pass over what older files say from this step on."""
        from tensorboardX.proto import event_pb2

        event: Any = event_pb2
        start = event.SessionLog(status=event.SessionLog.START)
        self._file.write_event(
            event.Event(wall_time=when, step=step, session_log=start)
        )

    def _add(self, tag: str, value: float, step: int, when: float) -> None:
        from tensorboardX.proto import event_pb2
        from tensorboardX.summary import scalar

        event: Any = event_pb2  # its classes are made when it is loaded
        self._file.write_event(
            event.Event(wall_time=when, step=step, summary=scalar(tag, value))
        )

    def __enter__(self) -> Self:
        """The callback itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the file, however the run ended."""
        self.close()


# Where a run went: its weights, kept every few steps.


class RecordPath:
    """A callback of `fit` that keeps copies of the weights on the way.

    `fit` calls back at the start, about ten times a second, at the end of each epoch
    and at the end. When `most` sets of weights are kept, every second one is dropped
    and from then on every second call, every fourth …, so that memory is bounded and
    the path stays evenly covered. The first and the latest are always kept.

    Args:
        most: Sets of weights to keep at most, 3 or above: 50 of the notebook's
            network are 8 MB.

    Attributes:
        steps: How many steps had been taken at each.
        params: The weights at each, dicts of arrays.

    Raises:
        InvalidInput: `most` is no whole number of 3 or above.

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
        self._stride, self._heard = 1, 0

    def __call__(self, progress: Progress) -> None:
        """Keeps the weights, if it is their turn or there are none later yet."""
        # The latest is kept for now; where it was not its turn, the next takes its
        # place.
        if self._heard > 1 and (self._heard - 1) % self._stride:
            self.steps.pop()
            self.params.pop()
        self.steps.append(progress.step)
        self.params.append(_copy(progress.params))
        if len(self.steps) > self.most:
            self._thin()
        self._heard += 1

    def _thin(self) -> None:
        """Drops every second of those whose turn it was, not the latest."""
        self._stride *= 2
        last = (self.steps[-1], self.params[-1])
        in_turn = self._heard % self._stride == 0
        kept = slice(0, None, 2) if in_turn else slice(0, -1, 2)
        self.steps, self.params = self.steps[kept], self.params[kept]
        if not in_turn:
            self.steps.append(last[0])
            self.params.append(last[1])


def _copy(params: Mapping[str, object]) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in params.items()}
