"""The room of descents: a surface, and optimisers that descend from one start."""

from typing import Any

import numpy as np

from secant.errors import unknown_name
from secant_lab.descents.surfaces import sample_surface, surface
from secant_lab.descents.trajectories import (
    MAX_STEPS,
    OPTIMIZER_NAMES,
    Trajectory,
    trajectory,
)
from secant_lab.descents.verdicts import View, judge
from secant_lab.expressions import Expression
from secant_lab.localized_error import LocalizedError

SAMPLES = 161
"""The number of points of a surface along each side."""

LEVELS = 16
"""The number of bands between contours."""

MAX_DESCENTS = 4
"""The largest number of descents."""

_MAX_COORDINATE = 1e6
_RATES = (1e-12, 1e6)


def heights(
    formula: str, left: float, right: float, bottom: float, top: float
) -> dict[str, Any]:
    """The visible part of the surface, and the levels of its contours.

    The levels are `low + (high - low) tᵖ` for evenly spaced t. The power p puts half of
    the picture below the middle level and half above, so that a bowl has evenly spaced
    rings, and the floor of a ravine is visible beside its walls.

    Args:
        formula: A formula of `x0` and `x1`, as `surfaces.surface` parses it.
        left: The lowest x0.
        right: The highest.
        bottom: The lowest x1.
        top: The highest.

    Returns:
        `x0` and `x1`: the coordinates; `rows`: for each x1 the list of values along x0,
        with None for a value that is not finite; `levels`: the lowest value, the
        contours and the highest value, ascending, or none if nothing has a value.

    Raises:
        LocalizedError: The formula or the picture's range is invalid.

    Example:
        >>> drawn = heights("x0**2 + x1**2", -1, 1, -1, 1)
        >>> drawn["rows"][0][0], drawn["levels"][0], drawn["levels"][-1]
        (2.0, 0.0, 2.0)
    """
    f, seen = surface(formula), _view(left, right, bottom, top)
    x0, x1 = (
        np.linspace(low, high, SAMPLES)
        for low, high in zip(seen.low, seen.high, strict=True)
    )
    rows = f(*np.meshgrid(x0, x1))
    return {
        "x0": x0.tolist(),
        "x1": x1.tolist(),
        "rows": _plain(rows),
        "levels": _levels(rows[np.isfinite(rows)]).tolist(),
    }


def descents(
    formula: str,
    x0: float,
    x1: float,
    runs: str,
    steps: int,
    left: float,
    right: float,
    bottom: float,
    top: float,
) -> dict[str, Any]:
    """Descents from one start, and the verdict on each.

    Args:
        formula: A formula of `x0` and `x1`.
        x0: The first coordinate of the start.
        x1: The second.
        runs: One to four, as `"sgd:0.1,adam:0.05"`: an optimiser and its rate.
        steps: The number of steps, 1 to 500.
        left: The lowest x0 of the picture, which a descent can leave.
        right: The highest.
        bottom: The lowest x1.
        top: The highest.

    Returns:
        `trajectories`: for each descent `optimizer`, `rate`, `path` (points), `values`,
        and the `status` and `facts` of `judge` as `verdict`. `floor`: the number to
        subtract from the values on a logarithmic axis: 0, or the lowest visible value
        if that is negative.

    Raises:
        LocalizedError: An argument is invalid.

    Example:
        >>> told = descents("x0**2+x1**2", -3, 4, "sgd:0.1", 100, -5, 5, -5, 5)
        >>> verdict = told["trajectories"][0]["verdict"]
        >>> verdict["status"], verdict["facts"]["step"]
        ('converged', 31)
    """
    f, seen, start = surface(formula), _view(left, right, bottom, top), _start(x0, x1)
    if not 1 <= steps <= MAX_STEPS:
        raise LocalizedError(
            "steps",
            f"steps is {steps}: write a number from 1 to {MAX_STEPS}",
            came=str(steps)[:20],
            most=MAX_STEPS,
        )
    found = [trajectory(f, start, *run, steps) for run in _runs(runs)]
    # A descent that falls for ever leaves the picture, and the chart at its floor.
    within = [each.values[seen.contains(each.path)] for each in found]
    known = np.concatenate(within)
    return {
        "trajectories": [
            _trajectory_json(each) | _verdict_json(f, each, seen) for each in found
        ],
        "floor": float(known[np.isfinite(known)].min(initial=0)),
    }


def presets(
    formula: str, x0: float, x1: float, left: float, right: float
) -> dict[str, Any]:
    """Descents worth comparing from a start, as `descents` takes them.

    λ is the largest absolute curvature at the start.
    - `rates`: plain descent with the rate 0.01/λ, which crawls, 0.4/λ, which converges,
      and 2.1/λ, which diverges; on a parabola this is certain.
    - `optimizers`: plain descent with 0.4/λ; momentum with a tenth of that, since its
      steps add up to ten times the gradient; and Adam, whose rate is the length of a
      step, with a fiftieth of the picture.

    Args:
        formula: A formula of `x0` and `x1`.
        x0: The first coordinate of the start.
        x1: The second.
        left: The lowest x0 of the picture.
        right: The highest.

    Raises:
        LocalizedError: An argument is invalid.

    Example:
        >>> presets("x0**2 + x1**2", -3, 4, -5, 5)["rates"]
        'sgd:0.005,sgd:0.2,sgd:1.1'
    """
    width = _view(left, right, 0, 1).width
    hessian = sample_surface(surface(formula), _start(x0, x1)[None]).hessians[0]
    known = np.isfinite(hessian).all()
    largest = np.abs(np.linalg.eigvalsh(hessian)).max() if known else 0.0
    scale = float(np.clip(1 / largest, 1e-8, 1e4)) if largest else 1.0
    rates = [_round(part * scale) for part in (0.01, 0.4)]
    rates.append(_round(2.1 * scale, up=True))
    several = (
        ("sgd", rates[1]),
        ("momentum", _round(rates[1] / 10)),
        ("adam", _round(width / 50)),
    )
    return {
        "rates": ",".join(f"sgd:{rate!r}" for rate in rates),
        "optimizers": ",".join(f"{name}:{rate!r}" for name, rate in several),
    }


def _round(rate: float, *, up: bool = False) -> float:
    """The rate with two digits."""
    power = 10 ** (np.floor(np.log10(rate)) - 1)
    # 1e-9 keeps a round number, which may be slightly off by rounding, as it is.
    digits = np.ceil(rate / power - 1e-9) if up else np.round(rate / power)
    return float(f"{digits * power:.1e}")


def _view(left: float, right: float, bottom: float, top: float) -> View:
    for low, high in ((left, right), (bottom, top)):
        if not -_MAX_COORDINATE <= low < high <= _MAX_COORDINATE:
            raise LocalizedError(
                "view",
                f"the picture goes from {low:g} to {high:g}: pass a first number less "
                "than the second, both between -1 million and 1 million",
                low=f"{low:g}",
                high=f"{high:g}",
            )
    return View((left, bottom), (right, top))


def _start(x0: float, x1: float) -> np.ndarray:
    if not (abs(x0) <= _MAX_COORDINATE and abs(x1) <= _MAX_COORDINATE):
        raise LocalizedError(
            "start",
            f"the start is ({x0:g}, {x1:g}): pass numbers between -1 million and "
            "1 million",
            x0=f"{x0:g}",
            x1=f"{x1:g}",
        )
    return np.array([x0, x1])


def _runs(text: str) -> list[tuple[str, float]]:
    parts = text.split(",")
    if len(parts) > MAX_DESCENTS:
        raise LocalizedError(
            "runs",
            f"runs has {len(parts)} descents: write at most {MAX_DESCENTS}",
            came=len(parts),
            most=MAX_DESCENTS,
        )
    return [_run(part) for part in parts]


def _run(text: str) -> tuple[str, float]:
    name, _, number = text.partition(":")
    if name not in OPTIMIZER_NAMES:
        raise LocalizedError(
            "optimizer",
            str(unknown_name("optimizer", name[:40], OPTIMIZER_NAMES)),
            came=name[:40],
            known=", ".join(OPTIMIZER_NAMES),
        )
    try:
        rate = float(number)
    except ValueError:
        rate = np.nan
    low, high = _RATES
    if not low <= rate <= high:
        raise LocalizedError(
            "rate",
            f"the learning rate of {name} is {number[:40]!r}: write a number from "
            f"{low:g} to {high:g}; a step subtracts rate × gradient, so it needs no "
            "minus",
            optimizer=name,
            came=number[:40],
        )
    return name, rate


def _levels(known: np.ndarray) -> np.ndarray:
    if not known.size:
        return np.array([])
    # The difference of larger values would overflow.
    known = np.clip(known, -1e300, 1e300)
    low, high = known.min(), known.max()
    # Without the tip of a pole, which would leave one colour for the rest.
    few, quarter, most, all_but_few = np.quantile(known, [0.005, 0.25, 0.75, 0.995])
    if high - most > 20 * (most - quarter) > 0:
        high = all_but_few
    if quarter - low > 20 * (most - quarter) > 0:
        low = few
    if not high > low:
        return np.array([low])
    middle = np.clip((np.median(known) - low) / (high - low), 1e-6, 0.9)
    power = np.clip(np.log(middle) / np.log(0.5), 0.5, 6)
    return low + (high - low) * np.linspace(0, 1, LEVELS + 1) ** power


def _trajectory_json(found: Trajectory) -> dict[str, Any]:
    return {
        "optimizer": found.optimizer,
        "rate": found.rate,
        "path": found.path.tolist(),
        "values": _plain(found.values),
    }


def _verdict_json(f: Expression, found: Trajectory, seen: View) -> dict[str, Any]:
    verdict = judge(f, found, seen)
    return {"verdict": {"status": verdict.status, "facts": verdict.facts}}


def _plain(values: np.ndarray) -> list[Any]:
    """The values as JSON, which has neither inf nor NaN."""
    plain = values.astype(object)
    plain[~np.isfinite(values)] = None
    return plain.tolist()
