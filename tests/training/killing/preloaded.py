"""What every process that may be killed has imported before it is forked."""

import warnings
from importlib.util import find_spec

import secant.cli.main
import secant.cli.train
import secant.plots.runs
import secant.training.loop

if find_spec("optuna"):
    import secant.cli.sweep
    import secant.cli.sweep_report
    import secant.cli.sweep_trials
    import secant.plots.searches
    import secant.sweeps.folders  # noqa: F401

# JAX has no threads before its first computation, and that comes after the fork.
warnings.filterwarnings("ignore", message=r"os\.fork\(\) was called")
