"""Which settings are tried next: TPE, from a seed and the trial's number."""

from typing import Any
from zlib import crc32

from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from secant.sweeps.results import numbers
from secant.validation import Choice, validate

# So many trials are drawn at random before the sampler learns from them, and none of
# the first few is given up.
_RANDOM_FIRST, _SPARED = 10, 4

PRUNERS = ("median", "halving", "none")
"""What may give up a trial on its way."""


class NumberedSampler(BaseSampler):
    """A tree-structured Parzen estimator that draws anew for every trial.

    Its random numbers follow from the seed, the trial's number and the option's name:
    a sweep of one worker comes out the same however often it is interrupted, and no
    two workers draw the same.

    Bergstra et al. 2011, Algorithms for Hyper-Parameter Optimization.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """None: each option is drawn by itself."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: Any
    ) -> dict[str, Any]:
        """Nothing."""
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
            n_startup_trials=_RANDOM_FIRST, multivariate=False, seed=seed
        )
        return sampler.sample_independent(study, trial, param_name, param_distribution)


def pruner(name: str) -> BasePruner:
    """What gives up a trial on its way.

    Args:
        name: `median`: one that is worse than half of the others were after as many
            epochs; `halving`: all but the best quarter, at each fourfold number of
            epochs; `none`.

    Raises:
        InvalidInput: An unknown name.
    """
    name = validate("pruner", name, Choice(PRUNERS))
    if name == "median":
        return MedianPruner(n_startup_trials=_SPARED)
    return SuccessiveHalvingPruner() if name == "halving" else NopPruner()
