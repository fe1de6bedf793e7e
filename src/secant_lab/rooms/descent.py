"""The room of descents: a surface, and what optimisers make of it from one start."""

from typing import Any

import numpy as np

from secant.errors import unknown_name
from secant_lab.descents.courses import LONGEST, OFFERED, Course, course
from secant_lab.descents.surfaces import surface, views
from secant_lab.descents.verdicts import View, judge
from secant_lab.expressions import Expression
from secant_lab.localized_error import LocalizedError

SAMPLES = 161
"""Points of a surface along each side."""

LEVELS = 16
"""Bands of height."""

MOST = 4
"""Descents at once."""

_FURTHEST = 1e6
_RATES = (1e-12, 1e6)


def heights(
    formula: str, left: float, right: float, bottom: float, top: float
) -> dict[str, Any]:
    """The surface over what is seen, and at which heights to draw its contours.

    The contours lie as far apart as makes half of the picture lower, and half higher
    than the middle one: `low + (high - low) tᵖ` for even t, so that a bowl has evenly
    spaced rings, and the floor of a ravine is seen beside its walls.

    Args:
        formula: Of `x0` and `x1`, as `surfaces.surface` reads it.
        left: The lowest x0.
        right: The highest.
        bottom: The lowest x1.
        top: The highest.

    Returns:
        `x0` and `x1`, the places; `rows`, a list of heights along x0 for each x1,
        None where there is no finite value; `levels`, ascending: the lowest, the
        contours and the highest, or none where nothing has a height.

    Raises:
        LocalizedError: The formula cannot be read, or there is nothing to be seen.

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
    """Descents from one start, and what came of each.

    Args:
        formula: Of `x0` and `x1`.
        x0: The start.
        x1: The start.
        runs: One to four, as `"sgd:0.1,adam:0.05"`: an optimiser and its rate.
        steps: How many steps, 1 to 500.
        left: What is seen, as in `heights`: who is outside has left the picture.
        right: Likewise.
        bottom: Likewise.
        top: Likewise.

    Returns:
        `courses`: for each its `optimizer`, `rate`, `path` (points), `values` and
        `verdict`, `status` and `facts` as `judge` has them. `floor`: what to subtract
        from the values on a logarithmic axis: 0, or the lowest within what is seen
        where that is negative.

    Raises:
        LocalizedError: An argument that cannot be worked with.

    Example:
        >>> told = descents("x0**2+x1**2", -3, 4, "sgd:0.1", 100, -5, 5, -5, 5)
        >>> verdict = told["courses"][0]["verdict"]
        >>> verdict["status"], verdict["facts"]["step"]
        ('converged', 31)
    """
    f, seen, start = surface(formula), _view(left, right, bottom, top), _start(x0, x1)
    if not 1 <= steps <= LONGEST:
        raise LocalizedError(
            "steps",
            f"steps is {steps}: write a number from 1 to {LONGEST}",
            came=str(steps)[:20],
            most=LONGEST,
        )
    found = [course(f, start, *run, steps) for run in _runs(runs)]
    # What falls for ever leaves the picture, and the chart at its floor.
    within = [each.values[seen.holds(each.path)] for each in found]
    known = np.concatenate(within)
    return {
        "courses": [_told(each) | _judged(f, each, seen) for each in found],
        "floor": float(known[np.isfinite(known)].min(initial=0)),
    }


def presets(
    formula: str, x0: float, x1: float, left: float, right: float
) -> dict[str, Any]:
    """Descents worth comparing from a start, as `descents` takes them.

    With λ the largest curvature at the start, by its size:
    - `rates`: plain descent with 0.01/λ, which crawls, 0.4/λ, and 2.1/λ, which is too
      much. On a parabola they do what they should; elsewhere one sees what they do.
    - `optimizers`: plain descent with 0.4/λ, momentum with a tenth of that (its steps
      add up to ten times the gradient), and Adam, whose rate is how far a step goes,
      with a fiftieth of the picture.

    Args:
        formula: Of `x0` and `x1`.
        x0: The start.
        x1: The start.
        left: The lowest x0 that is seen.
        right: The highest.

    Raises:
        LocalizedError: An argument that cannot be worked with.

    Example:
        >>> presets("x0**2 + x1**2", -3, 4, -5, 5)["rates"]
        'sgd:0.005,sgd:0.2,sgd:1.1'
    """
    width = _view(left, right, 0, 1).width
    hessian = views(surface(formula), _start(x0, x1)[None]).hessians[0]
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
    """With two digits."""
    power = 10 ** (np.floor(np.log10(rate)) - 1)
    # What differs from a round number by rounding is one.
    digits = np.ceil(rate / power - 1e-9) if up else np.round(rate / power)
    return float(f"{digits * power:.1e}")


def _view(left: float, right: float, bottom: float, top: float) -> View:
    for low, high in ((left, right), (bottom, top)):
        if not -_FURTHEST <= low < high <= _FURTHEST:
            raise LocalizedError(
                "view",
                f"the picture is to go from {low:g} to {high:g}: let the first be "
                "less than the second, and both lie within a million",
                low=f"{low:g}",
                high=f"{high:g}",
            )
    return View((left, bottom), (right, top))


def _start(x0: float, x1: float) -> np.ndarray:
    if not (abs(x0) <= _FURTHEST and abs(x1) <= _FURTHEST):
        raise LocalizedError(
            "start",
            f"the start is ({x0:g}, {x1:g}): let both numbers lie within a million",
            x0=f"{x0:g}",
            x1=f"{x1:g}",
        )
    return np.array([x0, x1])


def _runs(text: str) -> list[tuple[str, float]]:
    parts = text.split(",")
    if len(parts) > MOST:
        raise LocalizedError(
            "runs",
            f"{len(parts)} descents came: write at most {MOST}",
            came=len(parts),
            most=MOST,
        )
    return [_run(part) for part in parts]


def _run(text: str) -> tuple[str, float]:
    name, _, number = text.partition(":")
    if name not in OFFERED:
        raise LocalizedError(
            "optimizer",
            str(unknown_name("optimizer", name[:40], OFFERED)),
            came=name[:40],
            known=", ".join(OFFERED),
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
    # Differences of larger heights would overflow.
    known = np.clip(known, -1e300, 1e300)
    low, high = known.min(), known.max()
    # Not up to the tip of a pole: all else would be one colour.
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


def _told(found: Course) -> dict[str, Any]:
    return {
        "optimizer": found.optimizer,
        "rate": found.rate,
        "path": found.path.tolist(),
        "values": _plain(found.values),
    }


def _judged(f: Expression, found: Course, seen: View) -> dict[str, Any]:
    verdict = judge(f, found, seen)
    return {"verdict": {"status": verdict.status, "facts": verdict.facts}}


def _plain(values: np.ndarray) -> list[Any]:
    """As JSON holds it: it knows neither inf nor NaN."""
    plain = values.astype(object)
    plain[~np.isfinite(values)] = None
    return plain.tolist()
