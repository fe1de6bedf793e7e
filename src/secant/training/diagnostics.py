"""Diagnostics of a run: warnings about common mistakes and their causes."""

from collections.abc import Mapping

import numpy as np

from secant.arrays import Array
from secant.nn.losses import LOSSES
from secant.nn.networks import MLP
from secant.training.samples import Samples
from secant.training.steps import Score


class TrainingWarning(UserWarning):
    """A run continues, but probably not as intended."""


def unmoved(net: MLP, params: Mapping[str, Array], step: int) -> str | None:
    """A warning if no weight has changed since the start; else None."""
    if any(
        np.any(np.asarray(value) != net.params[name].astype(value.dtype))
        for name, value in params.items()
    ):
        return None
    return (
        f"no parameter has moved in {step} steps. Either the gradient is exactly 0 "
        "(every relu may be off: try other initial weights), or the update is lost: "
        "the optimiser returns 0, or the learning rate is too small for the precision "
        "of the weights. (In your own loop, look for `params[key] - rate * grad` "
        "instead of `params[key] -= rate * grad`.)"
    )


def no_better_than_chance(
    loss: str, samples: Samples, score: Score, before: Score
) -> str | None:
    """A warning if the first epoch taught the network nothing; else None."""
    x, t = samples.x, samples.t
    chance = LOSSES[loss].baseline(t)
    if score.loss < chance:
        return None
    if score.loss > 1.5 * before.loss + 1e-3:
        cause = (
            "the loss has risen, so the learning rate is too large: try a tenth of it"
        )
    elif np.ptp(x) > 20:
        cause = (
            f"the inputs run from {x.min():g} to {x.max():g}, but should run from "
            "about 0 to 1: load them with normalize=True, or divide by 255"
        )
    elif before.loss - score.loss < 1e-3 * before.loss:
        cause = (
            "the loss has hardly changed, so the learning rate is too small or all "
            "weights start equal (weight_init_std=0): try ten times the rate"
        )
    else:
        cause = (
            "it may need more time, or inputs and targets do not belong together "
            "(was one of them shuffled without the other?)"
        )
    return (
        f"after the first epoch the loss is {score.loss:.4g}, no better than the "
        f"{chance:.4g} of one constant answer to everything: {cause}."
    )
