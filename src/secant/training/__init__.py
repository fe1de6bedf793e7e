"""Training: mini-batches, steps, runs."""

from secant.training.checkpoint import Checkpoints
from secant.training.distributed.joining import Meeting, join
from secant.training.distributed.processes import Processes
from secant.training.forecast import Forecast
from secant.training.loop import NotFinite, Progress, fit
from secant.training.metadata import RunMetadata
from secant.training.path import RecordPath
from secant.training.run import Run
from secant.training.schedules import Schedule
from secant.training.stopping import EarlyStopping
from secant.training.tensorboard import TensorBoard
from secant.training.watch import TrainingWarning

__all__ = [
    "Checkpoints",
    "EarlyStopping",
    "Forecast",
    "Meeting",
    "NotFinite",
    "Processes",
    "Progress",
    "RecordPath",
    "Run",
    "RunMetadata",
    "Schedule",
    "TensorBoard",
    "TrainingWarning",
    "fit",
    "join",
]
