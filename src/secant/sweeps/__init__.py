"""Sweeps: trials of a search space, on any number of processes and machines."""

from secant.sweeps.results import Result
from secant.sweeps.space import Choices, Range, Space, parse
from secant.sweeps.sweep import Pruned, Sweep, Trial

__all__ = ["Choices", "Pruned", "Range", "Result", "Space", "Sweep", "Trial", "parse"]
