"""Training: mini-batches, steps, runs."""

from secant.training.callbacks import RecordPath, TensorBoard
from secant.training.checkpoint import Checkpoints
from secant.training.diagnostics import TrainingWarning
from secant.training.distributed.process_group import Processes
from secant.training.distributed.rendezvous import Meeting, join
from secant.training.early_stopping import EarlyStopping
from secant.training.fit import NotFinite, Progress, fit
from secant.training.forecast import Forecast
from secant.training.metadata import RunMetadata
from secant.training.run import Run
from secant.training.schedules import Schedule

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
