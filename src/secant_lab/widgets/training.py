"""Widget of a run's loss and accuracy during the training."""

from typing import Any

import numpy as np
import traitlets

from secant.history import Epoch
from secant.training import Progress
from secant.validation import Choice, validate
from secant_lab.widgets.bundle import bundle
from secant_lab.widgets.cell import LabWidget, module_path

MAX_POINTS = 500
"""The most points of the loss curve; each is the mean of equally many steps."""

AXES = ("step", "second")


class LiveTraining(LabWidget):
    """A live chart of the loss and the accuracy of a run of `fit`.

    Pass it to `fit` as a callback. It appears in the running cell at the first step,
    and starts again with every run.

        chart = LiveTraining()
        run = secant.fit(net, data, callbacks=[chart])

    Args:
        axis: The horizontal axis: `"step"`, or `"second"` of training.
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

    _esm = bundle(module_path("live_training"))

    axis = traitlets.Unicode("step").tag(sync=True)
    curves = traitlets.List().tag(sync=True)
    """The data of the chart: a curve of `steps`, `times`, `losses` and `epochs`."""
    facts = traitlets.Dict().tag(sync=True)
    """The values in its text: `step`, `iterations`, `seconds`, `loss` …"""

    def __init__(self, *, axis: str = "step", language: str = "") -> None:
        empty = {"steps": [], "times": [], "losses": [], "epochs": []}
        super().__init__(axis=axis, language=language, curves=[empty])
        self._record = _RunRecord()

    @traitlets.validate("axis")
    def _known_axis(self, proposal: Any) -> str:
        return validate("axis", proposal["value"], Choice(AXES))

    def __call__(self, progress: Progress) -> None:
        """Update the chart with the progress of `fit`, about ten times a second."""
        first_call = not len(progress.losses)
        if first_call:
            self._record = _RunRecord()
        self._record.add(progress)
        # One message for both, so that text and curve show the same step.
        with self.hold_sync():
            self.curves = [self._record.curve()]
            self.facts = self._record.facts(progress)
        if first_call:
            _show(self)


class _RunRecord:
    """The progress of a run so far."""

    def __init__(self) -> None:
        self._losses = np.zeros(0)
        self._times: list[tuple[int, float]] = []
        self._epochs: list[tuple[Epoch, float]] = []

    def add(self, progress: Progress) -> None:
        self._losses = np.append(self._losses, progress.losses)
        self._times.append((progress.step, progress.seconds))
        if not self._epochs or self._epochs[-1][0].step < progress.epoch.step:
            self._epochs.append((progress.epoch, progress.seconds))

    def curve(self) -> dict[str, Any]:
        """Means of the losses over equally many steps, and the times of these steps."""
        taken = len(self._losses)
        window = -(-taken // MAX_POINTS) or 1
        starts = np.arange(0, taken, window)
        steps = np.append(starts[1:], taken) if taken else starts
        sums = np.add.reduceat(self._losses, starts) if taken else np.zeros(0)
        times = np.interp(steps, *np.array(self._times).T)
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
        accuracy, samples = _accuracy(progress.epoch)
        return {
            "step": progress.step,
            "iterations": progress.iterations,
            "seconds": progress.seconds,
            "accuracy": accuracy,
            "of": samples,
        }


def _accuracy(epoch: Epoch) -> tuple[float, str]:
    """The share of right answers on the test samples, else on the training samples."""
    if epoch.test_accuracy is None:
        return epoch.train_accuracy, "train"
    return epoch.test_accuracy, "test"


def _show(widget: LiveTraining) -> None:
    """Show the widget in the running cell, if there is a notebook."""
    from IPython.core.getipython import get_ipython
    from IPython.display import display

    if get_ipython() is not None:
        display(widget)
