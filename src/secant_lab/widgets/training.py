"""A run's loss and accuracy in a notebook, while it runs."""

from typing import Any

import numpy as np
import traitlets

from secant.history import Epoch
from secant.training import Progress
from secant.validation import Choice, validate
from secant_lab.widgets.bundle import bundle
from secant_lab.widgets.cell import Cell, entry

MOST_POINTS = 500
"""Of the curve of the losses: each is the mean of equally many steps."""

AXES = ("step", "second")


class LiveTraining(Cell):
    """Draws the loss and the accuracy of a run of `fit` while it runs.

    Give it to `fit` as a callback: it shows itself in the cell that runs, from the
    first step on, and begins anew with every run.

        chart = LiveTraining()
        run = secant.fit(net, data, callbacks=[chart])

    Args:
        axis: What is to the right: `"step"`, or `"second"` of training.
        language: `"en"`, `"ko"`, or `""` for the browser's.

    Raises:
        InvalidInput: There is no such axis or language.

    Example:
        >>> import secant
        >>> chart = LiveTraining()
        >>> train, test = secant.load_mnist_sample()
        >>> net = secant.MLP((784, 20, 10), activation="relu", init="he")
        >>> run = secant.fit(net, (train, test), iterations=60, callbacks=[chart])
        >>> chart.curves[0]["steps"][-1]
        60
    """

    _esm = bundle(entry("live_training"))

    axis = traitlets.Unicode("step").tag(sync=True)
    curves = traitlets.List().tag(sync=True)
    """What is drawn: one curve, `steps`, `times`, `losses` and `epochs`."""
    facts = traitlets.Dict().tag(sync=True)
    """What is said of it: `step`, `iterations`, `seconds`, `loss` …"""

    def __init__(self, *, axis: str = "step", language: str = "") -> None:
        nothing = {"steps": [], "times": [], "losses": [], "epochs": []}
        super().__init__(axis=axis, language=language, curves=[nothing])
        self._course = _Course()

    @traitlets.validate("axis")
    def _known_axis(self, proposal: Any) -> str:
        return validate("axis", proposal["value"], Choice(AXES))

    def __call__(self, progress: Progress) -> None:
        """Takes in what `fit` tells, about ten times a second."""
        begins = not len(progress.losses)
        if begins:
            self._course = _Course()
        self._course.add(progress)
        # Both in one message: no sentence is of another moment than its curve.
        with self.hold_sync():
            self.curves = [self._course.curve()]
            self.facts = self._course.facts(progress)
        if begins:
            _show(self)


class _Course:
    """All that a run has told so far."""

    def __init__(self) -> None:
        self._losses = np.zeros(0)
        self._told: list[tuple[int, float]] = []
        self._epochs: list[tuple[Epoch, float]] = []

    def add(self, progress: Progress) -> None:
        self._losses = np.append(self._losses, progress.losses)
        self._told.append((progress.step, progress.seconds))
        if not self._epochs or self._epochs[-1][0].step < progress.epoch.step:
            self._epochs.append((progress.epoch, progress.seconds))

    def curve(self) -> dict[str, Any]:
        """Losses as means over equally many steps, and when these had been taken."""
        taken = len(self._losses)
        every = -(-taken // MOST_POINTS) or 1
        starts = np.arange(0, taken, every)
        steps = np.append(starts[1:], taken) if taken else starts
        sums = np.add.reduceat(self._losses, starts) if taken else np.zeros(0)
        times = np.interp(steps, *np.array(self._told).T)
        return {
            "steps": steps.tolist(),
            "times": [round(time, 3) for time in times.tolist()],
            "losses": [float(f"{mean:.5g}") for mean in sums / (steps - starts)],
            "epochs": [
                {
                    "step": epoch.step,
                    "seconds": seconds,
                    "test_accuracy": _accuracy(epoch)[0],
                }
                for epoch, seconds in self._epochs
            ],
        }

    def facts(self, progress: Progress) -> dict[str, Any]:
        accuracy, of = _accuracy(progress.epoch)
        return {
            "step": progress.step,
            "iterations": progress.iterations,
            "seconds": progress.seconds,
            "accuracy": accuracy,
            "of": of,
        }


def _accuracy(epoch: Epoch) -> tuple[float, str]:
    """How many are right, of the test samples if there are any."""
    if epoch.test_accuracy is None:
        return epoch.train_accuracy, "train"
    return epoch.test_accuracy, "test"


def _show(widget: LiveTraining) -> None:
    """Shows it in the cell that runs, if a notebook runs."""
    from IPython.core.getipython import get_ipython
    from IPython.display import display

    if get_ipython() is not None:
        display(widget)
