"""Training: the loop, its steps, its data, and the folder of a run.

`fit` trains a network. `Trainer` is the same as pure functions, for programs that
train step by step: it advances a `RunState`, evaluates it and makes a `Run` of it.
"""

from secant.training.callbacks import Progress, RecordPath, TensorBoard
from secant.training.checkpoint import Checkpoints
from secant.training.config import TrainConfig
from secant.training.diagnostics import TrainingWarning
from secant.training.distributed.process_group import ProcessGroup
from secant.training.distributed.rendezvous import Rendezvous, join
from secant.training.early_stopping import EarlyStopping
from secant.training.fit import NotFinite, fit
from secant.training.forecast import Forecast
from secant.training.metadata import RunMetadata
from secant.training.optimizers import OPTIMIZERS, NamedOptimizer
from secant.training.run import Run, Timings
from secant.training.run_folder import (
    HISTORY_FILE,
    NETWORK_FILE,
    RUNS_FOLDER,
    ReservedFolder,
    reserve_run_folder,
)
from secant.training.samples import Samples, as_samples
from secant.training.schedules import Schedule
from secant.training.steps import MAX_STEPS_PER_CALL, clear_compiled
from secant.training.trainer import Diverged, RunState, Trainer

__all__ = [
    "HISTORY_FILE",
    "MAX_STEPS_PER_CALL",
    "NETWORK_FILE",
    "OPTIMIZERS",
    "RUNS_FOLDER",
    "Checkpoints",
    "Diverged",
    "EarlyStopping",
    "Forecast",
    "NamedOptimizer",
    "NotFinite",
    "ProcessGroup",
    "Progress",
    "RecordPath",
    "Rendezvous",
    "ReservedFolder",
    "Run",
    "RunMetadata",
    "RunState",
    "Samples",
    "Schedule",
    "TensorBoard",
    "Timings",
    "TrainConfig",
    "Trainer",
    "TrainingWarning",
    "as_samples",
    "clear_compiled",
    "fit",
    "join",
    "reserve_run_folder",
]
