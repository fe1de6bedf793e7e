"""What a lane looks like: its first layer's weights and gradient, and its answers."""

from base64 import b64encode
from typing import Any

import numpy as np

from secant.arrays import Array
from secant_lab.training.race import Race
from secant_lab.training.race_entry import Lane, finite

UNITS = 24
"""Hidden neurons whose weights are drawn."""


def draw(race: Race) -> dict[str, Any]:
    """A picture of each lane, as it stands.

    Returns:
        `lanes`: for each, None before it is made; else `step`, `units`, `weights`
        and `gradients`: base64 of int8, (units, 784), 127 being `scales` of each
        (the gradient None where there is none yet); `probabilities`: what it answers
        for the shown digits, (40, 10).
    """
    return {"lanes": [_lane(race, lane) for lane in race.lanes]}


def _lane(race: Race, lane: Lane) -> dict[str, Any] | None:
    training, reached = lane.training, lane.reached or lane.untrained
    if training is None or reached is None:
        return None
    # The first weights as they were drawn: what steps hold has to be turned round.
    params = training.params(reached) if lane.reached else training.net.params
    gradient = lane.gradient(reached)
    weights, weight_scale = _image(params["W1"])
    slopes, slope_scale = (None, None) if gradient is None else _image(gradient)
    # In NumPy, so that there is nothing to be compiled before the first picture.
    with np.errstate(all="ignore"):
        answers = training.net.architecture.predict(
            {name: np.asarray(value) for name, value in params.items()},
            race.data.test.x[race.data.shown],
        )
    return {
        "step": reached.step,
        "units": min(UNITS, race.wanted.hidden),
        "weights": weights,
        "gradients": slopes,
        "scales": {"weights": weight_scale, "gradients": slope_scale},
        "probabilities": np.round(finite(answers).astype(float), 4).tolist(),
    }


def _image(array: Array) -> tuple[str, float]:
    units = finite(array)[:, :UNITS].T
    scale = float(np.abs(units).max())
    levels = np.round(units * (127 / scale if scale else 0)).astype(np.int8)
    return b64encode(np.ascontiguousarray(levels).tobytes()).decode(), scale
