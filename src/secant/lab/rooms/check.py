"""The room of checks: is this gradient right, and what would a naive check say?"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from secant.checking import GradientReport, LeafReport, check_gradient
from secant.errors import unknown_name
from secant.lab.backprops import BACKPROPS
from secant.lab.expressions import Expression, ExpressionError, expression
from secant.lab.told import Told

VARIABLES = ("x", "y", "z", "w")
"""The names that one's own function may have arguments of."""

SIDE = 11
"""Places along a side of the square around one's own point, which is the middle one."""

WORST = 8
"""Rows of the table of worst entries."""

ABSOLUTE, RELATIVE = 1e-5, 1e-3
"""What a naive check lets pass: the tolerances of PyTorch's `gradcheck`."""

_FURTHEST = 1e6

Tree = Mapping[str, np.ndarray]


def planted(fault: str, h: float = 1e-4) -> dict[str, Any]:
    """The check of a network's gradient written by hand, with a fault or with none.

    Args:
        fault: Its name in `secant.lab.backprops.BACKPROPS`.
        h: The step of the naive check.

    Returns:
        `verdict`, `value`, `resolution`; `leaves`, for each parameter its verdict, its
        cause as `code` and `facts`, and, entry by entry, `gradient`, `slope`, `naive`,
        `kinked`, and `off` in units of the tolerance; `worst`, the entries furthest
        off; `naive`, how many numbers the naive check calls wrong, how many of these
        falsely, how many it misses, and the median error of its slopes; `code`, the
        lines of the gradient, each with its kind. None stands for what is not finite,
        or cannot be compared.

    Raises:
        Told: There is no such fault, or h cannot be worked with.

    Example:
        >>> found = planted("sign")
        >>> found["verdict"], found["leaves"][0]["cause"]["code"]
        ('wrong', 'sign')
    """
    if fault not in BACKPROPS:
        raise Told("fault", str(unknown_name("fault", fault, BACKPROPS)), name=fault)
    _refuse_step(h)
    backprop = BACKPROPS[fault]
    f, params = backprop.problem.f, backprop.problem.params
    report = check_gradient(f, params, backprop)
    found = _shown(report, {k: _nudged(f, params, k, h) for k in params}, h)
    return {**found, "code": backprop.code(), "places": None}


def own(
    formula: str,
    variables: int,
    dx: str,
    dy: str = "0",
    dz: str = "0",
    dw: str = "0",
    x: float = 0.0,
    y: float = 0.0,
    z: float = 0.0,
    w: float = 0.0,
    reach: float = 1.0,
    h: float = 1e-4,
) -> dict[str, Any]:
    """The check of a function of one's own, at a point and at places around it.

    The derivatives are checked at 11 × 11 places (11 of a function of `x` alone) that
    differ in all variables. A place where the function has no value, or ends, is left
    out.

    Args:
        formula: The function, of as many of `x`, `y`, `z`, `w`.
        variables: How many: 1 to 4.
        dx: Its derivative with respect to `x`, as one believes.
        dy: The same for `y`.
        dz: The same for `z`.
        dw: The same for `w`.
        x: Where.
        y: The point's second coordinate.
        z: Its third.
        w: Its fourth.
        reach: How far the places go to each side.
        h: The step of the naive check.

    Returns:
        As `planted`, a leaf for each variable; `places`, the coordinates of each place
        by the variables' names: None where it is left out. The middle one is the point.

    Raises:
        Told: An argument that cannot be worked with; `facts["field"]` says which.

    Example:
        >>> found = own("x**3", 1, "2*x**2", x=1.5)
        >>> found["leaves"][0]["cause"]["facts"]["factor"]
        '0.666667'
    """
    if not 1 <= variables <= len(VARIABLES):
        raise Told(
            "variables",
            f"a function of {variables} variables came: let it have 1 to 4",
            field="variables",
        )
    names = VARIABLES[:variables]
    f = _read("formula", formula, names)
    typed = dict(zip(names, (dx, dy, dz, dw), strict=False))
    slopes = {name: _read(f"d{name}", text, names) for name, text in typed.items()}
    point = dict(zip(names, (x, y, z, w), strict=False))
    for name, value in point.items():
        if not abs(value) <= _FURTHEST:
            raise Told(
                "point",
                f"{name} is {value:g}: let it lie within a million",
                field=name,
                name=name,
                came=f"{value:g}",
            )
    if not 1e-3 <= reach <= 1e3:
        raise Told(
            "reach",
            f"the places reach {reach:g} far: let it be 0.001 to 1,000",
            field="reach",
            came=f"{reach:g}",
        )
    _refuse_step(h)
    places, inside = _places(f, point, reach)

    def gradient(p: Tree) -> dict[str, Any]:
        values = [p[name] for name in names]
        return {name: slope(*values) for name, slope in slopes.items()}

    report = check_gradient(_summed(f, names), places, gradient)
    naive = {name: _along(f, places, name, h) for name in names}
    found = _shown(report, naive, h, inside)
    return {
        **found,
        "code": None,
        "places": {
            name: _plain(np.where(inside, values, np.nan))
            for name, values in places.items()
        },
    }


def _read(field: str, text: str, names: tuple[str, ...]) -> Expression:
    try:
        return expression(text, names)
    except ExpressionError as error:
        error.facts["field"] = field
        raise


def _refuse_step(h: float) -> None:
    if not 1e-8 <= h <= 1:
        raise Told(
            "step", f"h is {h:g}: let it lie between 1e-8 and 1", h=f"{h:g}", field="h"
        )


@lru_cache(maxsize=64)
def _summed(f: Expression, names: tuple[str, ...]) -> Callable[[Tree], Any]:
    """The sum over places: its gradient is the derivatives there. Compiled once."""
    return jax.jit(lambda p: jnp.sum(f(*(p[name] for name in names))))


def _places(
    f: Expression, point: Mapping[str, float], reach: float
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Places around a point, (rows, columns) in float32, and which of them count.

    x changes along columns, y along rows, z and w along both, each by as many steps to
    both sides. What does not count stands at the point itself: it changes no verdict.
    """
    half = SIDE // 2
    column = np.arange(-half, half + 1)[None, :]
    row = column.T if len(point) > 1 else 0 * column
    away = (column, row, 2 * row + column, row - 2 * column)
    places = {
        name: (
            value + reach / half * ((steps + half) % SIDE - half) + 0.0 * (row + column)
        ).astype(np.float32)
        for (name, value), steps in zip(point.items(), away, strict=False)
    }
    inside = np.isfinite(f(*places.values()))
    middle = tuple(length // 2 for length in inside.shape)
    if not inside[middle]:
        at = ", ".join(f"{name} = {value:g}" for name, value in point.items())
        raise Told(
            "no_value",
            f"the function has no finite value where {at}: choose another point",
            field="formula",
            at=at,
        )
    # Where the function ends there are no slopes to both sides.
    for name in places:
        for by in (-reach / 100, reach / 100):
            inside &= np.isfinite(f(*(places | {name: places[name] + by}).values()))
    inside[middle] = True
    return {
        name: np.where(inside, values, values[middle])
        for name, values in places.items()
    }, inside


def _along(f: Expression, places: Tree, name: str, h: float) -> np.ndarray:
    """(f(x + h) - f(x - h)) / 2h in float32, as a naive check has it."""
    step = np.float32(h)
    ahead, behind = (
        f(*{**places, name: places[name] + sign * step}.values()) for sign in (1, -1)
    )
    with np.errstate(all="ignore"):
        return (ahead - behind) / (2 * step)


def _nudged(f: Callable[[Tree], Any], params: Tree, name: str, h: float) -> np.ndarray:
    """The same of each entry of a parameter, one after the other."""
    step = np.float32(h)

    def at(index: tuple[int, ...], by: np.float32) -> np.float32:
        moved = params[name].copy()
        moved[index] += by
        return np.float32(f({**params, name: moved}))

    slopes = np.zeros_like(params[name])
    for index in np.ndindex(slopes.shape):
        slopes[index] = (at(index, step) - at(index, -step)) / (2 * step)
    return slopes


def _shown(
    report: GradientReport,
    naive: Tree,
    h: float,
    inside: np.ndarray | None = None,
) -> dict[str, Any]:
    """A report as JSON holds it, the naive check's beside it."""
    reports = {leaf.name.split("'")[1]: leaf for leaf in report}
    leaves = [
        (
            name,
            reports[name],
            slopes,
            np.ones(slopes.shape, bool) & (inside is None or inside),
        )
        for name, slopes in naive.items()
    ]
    entries = [
        (_badness(leaf, at), place, int(at))
        for place, (_, leaf, _, keep) in enumerate(leaves)
        for at in np.flatnonzero(keep)
    ]
    entries.sort(key=lambda entry: -entry[0])
    return {
        "verdict": str(report.verdict),
        "value": _plain(report.value),
        "resolution": max(leaf.resolution for leaf in report),
        "leaves": [_leaf(*leaf) for leaf in leaves],
        "worst": [{"leaf": leaf, "at": at} for _, leaf, at in entries[:WORST]],
        "naive": {"h": h, **_naive(leaves)},
    }


def _leaf(
    name: str, leaf: LeafReport, naive: np.ndarray, keep: np.ndarray
) -> dict[str, Any]:
    columns = {
        "gradient": leaf.gradient,
        "slope": leaf.slope,
        "naive": naive,
        "off": leaf.off,
    }
    kink = leaf.kinks[0] if leaf.kinks else None
    return {
        "name": name,
        "shape": leaf.shape,
        "verdict": str(leaf.verdict),
        "cause": {"code": leaf.cause.code, "facts": leaf.cause.facts},
        "wrong": leaf.wrong,
        "kink": kink and {"below": kink.below, "above": kink.above},
        "kinked": [bool(one) for one in leaf.kinked.ravel()],
        **{
            what: _plain(np.where(keep, values, np.nan))
            for what, values in columns.items()
        },
    }


def _badness(leaf: LeafReport, at: int) -> float:
    """The more, the sooner an entry is to be looked at: a wrong one has more than 1."""
    if not np.isfinite(leaf.gradient.flat[at] + leaf.slope.flat[at]):
        return np.inf
    return 1.0 if leaf.kinked.flat[at] else float(leaf.off.flat[at])


def _naive(
    leaves: list[tuple[str, LeafReport, np.ndarray, np.ndarray]],
) -> dict[str, Any]:
    """What a check says that subtracts in float32, and how far its slopes are off."""
    called, wrong, errors = [], [], []
    for _, leaf, slopes, keep in leaves:
        with np.errstate(all="ignore"):
            passes = abs(leaf.gradient - slopes) <= ABSOLUTE + RELATIVE * abs(slopes)
            errors.append((abs(slopes - leaf.slope) / abs(leaf.slope))[keep])
        called.append(~passes[keep])
        wrong.append(~(leaf.off <= 1)[keep])
    is_called, is_wrong = np.concatenate(called), np.concatenate(wrong)
    known = np.concatenate(errors)
    known = known[np.isfinite(known)]
    return {
        "size": is_called.size,
        "wrong": int(is_called.sum()),
        "false": int((is_called & ~is_wrong).sum()),
        "missed": int((is_wrong & ~is_called).sum()),
        "error": float(np.median(known)) if known.size else None,
    }


def _plain(values: Any) -> Any:
    """As JSON holds it, flat; it knows neither inf nor NaN."""
    if np.ndim(values) == 0:
        return float(values) if np.isfinite(values) else None
    return [_plain(value) for value in np.ravel(values)]
