"""Sampler of settings (TPE, from a seed and the trial's number), and pruners."""

from typing import Any, cast
from zlib import crc32

from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from secant.sweeps.results import numbers
from secant.validation import Choice, validate

# The first trials are random, for the sampler to learn from; the very first are not
# pruned, for the pruner to compare with.
_RANDOM_TRIALS, _UNPRUNED_TRIALS = 10, 4

PRUNERS = ("median", "halving", "none")
"""The names of the pruners."""


class NumberedSampler(BaseSampler):
    """A tree-structured Parzen estimator with a random stream for every trial.

    Its random numbers depend on the seed, the trial's number and the option's name.
    A sweep of one worker therefore gives the same result with any interruptions, and
    two workers never draw the same numbers.

    Bergstra et al. 2011, Algorithms for Hyper-Parameter Optimization.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """An empty space: each option is drawn independently."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: Any
    ) -> dict[str, Any]:
        """An empty dict."""
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A value for an option of this trial."""
        number = numbers(study.get_trials(deepcopy=False))[trial.number]
        seed = crc32(f"{self._seed} {number} {param_name}".encode())
        sampler = TPESampler(
            n_startup_trials=_RANDOM_TRIALS, multivariate=False, seed=seed
        )
        return sampler.sample_independent(study, trial, param_name, param_distribution)


def pruner(name: str) -> BasePruner:
    """The pruner of that name, which stops trials early.

    Args:
        name: `median` stops a trial that is worse than the median of the others after
            as many epochs; `halving` stops all but the best quarter at each fourfold
            number of epochs; `none` stops nothing.

    Raises:
        InvalidInput: No pruner has that name.
    """
    name = validate("pruner", name, Choice(PRUNERS))
    if name == "median":
        return _PrunerOfLatestTries(MedianPruner(n_startup_trials=_UNPRUNED_TRIALS))
    if name == "halving":
        return _PrunerOfLatestTries(SuccessiveHalvingPruner())
    return NopPruner()


class _PrunerOfLatestTries(BasePruner):
    """A pruner that compares with the latest try of each trial.

    An earlier try, whose worker died, has left the same scores a second time.
    """

    def __init__(self, pruner: BasePruner) -> None:
        self._pruner = pruner

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether the trial should end here."""
        return self._pruner.prune(cast(Study, _LatestTries(study)), trial)


class _LatestTries:
    """A study without the tries that were repeated."""

    def __init__(self, study: Study) -> None:
        self._study = study

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def get_trials(self, *args: Any, **kw: Any) -> list[FrozenTrial]:
        repeated = {
            number
            for trial in self._study.get_trials(deepcopy=False)
            for number in trial.system_attrs.get("retry_history") or []
        }
        trials = self._study.get_trials(*args, **kw)
        return [trial for trial in trials if trial.number not in repeated]
