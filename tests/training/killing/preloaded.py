"""What every process that may be killed has imported before it is forked."""

import warnings

import optuna.storages  # noqa: F401
import sqlalchemy  # noqa: F401

import secant.cli.main
import secant.cli.sweep
import secant.cli.sweep_report
import secant.cli.sweep_trials
import secant.cli.train
import secant.plots.runs
import secant.plots.searches
import secant.sweeps.folders
import secant.training.fit  # noqa: F401

# JAX has no threads before its first computation, and that comes after the fork.
warnings.filterwarnings("ignore", message=r"os\.fork\(\) was called")
