"""Pictures of a race: each entry's first-layer weights, their gradient, predictions."""

from base64 import b64encode
from typing import Any

import numpy as np

from secant.arrays import Array
from secant_lab.training.race import Race
from secant_lab.training.race_entry import RaceEntry, finite_or_zero

UNITS = 24
"""The largest number of hidden neurons whose weights the page shows."""


def draw_pictures(race: Race) -> dict[str, Any]:
    """The pictures of all entries at their present steps.

    Returns:
        `entries`: for each entry None before it is created; else `step`, `units`,
        `weights` and `gradients`: base64 of int8 of shape (units, 784), where 127
        stands for the number in `scales` (`gradients` is None before there is a
        gradient); `probabilities`: the outputs for the shown digits, (40, 10).
    """
    return {"entries": [_entry(race, entry) for entry in race.entries]}


def _entry(race: Race, entry: RaceEntry) -> dict[str, Any] | None:
    trainer, run_state = entry.trainer, entry.run_state or entry.initial
    if trainer is None or run_state is None:
        return None
    # The initial weights come from the network: `trainer.params` may transpose the
    # weights that a step holds, and would compile that before the first picture.
    params = trainer.params(run_state) if entry.run_state else trainer.net.params
    gradient = entry.gradient(run_state)
    weights, weight_scale = _image(params["W1"])
    slopes, slope_scale = (None, None) if gradient is None else _image(gradient)
    # In NumPy, so that the first picture waits for no compilation.
    with np.errstate(all="ignore"):
        outputs = trainer.net.architecture.predict(
            {name: np.asarray(value) for name, value in params.items()},
            race.data.test.x[race.data.shown],
        )
    return {
        "step": run_state.step,
        "units": min(UNITS, race.config.hidden),
        "weights": weights,
        "gradients": slopes,
        "scales": {"weights": weight_scale, "gradients": slope_scale},
        "probabilities": np.round(finite_or_zero(outputs).astype(float), 4).tolist(),
    }


def _image(array: Array) -> tuple[str, float]:
    """The first units' weights as base64 of int8, and the value that 127 stands for."""
    units = finite_or_zero(array)[:, :UNITS].T
    scale = float(np.abs(units).max())
    levels = np.round(units * (127 / scale if scale else 0)).astype(np.int8)
    return b64encode(np.ascontiguousarray(levels).tobytes()).decode(), scale
