"""The room of checks: the check of a gradient, beside a naive check."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from secant import GradientReport, check_gradient
from secant.checking import LeafReport
from secant.errors import unknown_name
from secant_lab.expressions import (
    MAX_COMPILED,
    Expression,
    ExpressionError,
    expression,
)
from secant_lab.fault_catalogue import BACKPROPS, Backprop
from secant_lab.localized_error import LocalizedError
from secant_lab.naive_check import (
    ComparedLeaf,
    Tree,
    naive_verdict,
    slopes_at_points,
    slopes_of_entries,
)

VARIABLES: tuple[str, ...] = ("x", "y", "z", "w")
"""The variables of a function of one's own, in order."""

SIDE = 11
"""The number of points along a side of the square around the chosen point."""

WORST = 8
"""The number of rows in the table of the largest errors."""

_MAX_COORDINATE = 1e6


def code(fault: str) -> dict[str, Any]:
    """The code of a network's hand-written gradient, without a check.

    Args:
        fault: The fault's name in `secant_lab.fault_catalogue.BACKPROPS`.

    Returns:
        `code`: the lines, each with its kind: "same", "wrong", or "right" for the line
        that should replace the wrong one.

    Raises:
        LocalizedError: There is no such fault.

    Example:
        >>> [line for kind, line in code("sign")["code"] if kind == "right"]
        ['d2 = (y - t) / len(x)']
    """
    return {"code": _backprop(fault).code()}


def planted(fault: str, h: float = 1e-4) -> dict[str, Any]:
    """The check of a network's hand-written gradient, with a fault or without one.

    Args:
        fault: The fault's name in `secant_lab.fault_catalogue.BACKPROPS`.
        h: The step of the naive check.

    Returns:
        `verdict`, `value`, `resolution`; `leaves`: for each parameter its verdict, its
        cause as `code`, `facts`, `sentence` and `fix` (by language), and, for each
        entry, `gradient`, `slope`, `naive`, and the errors `beside` the latter two;
        `worst`: the entries with the largest errors; `naive`: the result of the naive
        check (`naive_verdict`). None stands for a number that is not finite, or that
        has nothing to be compared with.

    Raises:
        LocalizedError: There is no such fault, or h is out of range.

    Example:
        >>> found = planted("sign")
        >>> found["verdict"], found["leaves"][0]["cause"]["code"]
        ('wrong', 'sign')
    """
    backprop = _backprop(fault)
    _refuse_step(h)
    f, params = backprop.problem.f, backprop.problem.params
    report = check_gradient(f, params, backprop)
    found = _shown(
        report, {name: slopes_of_entries(f, params, name, h) for name in params}, h
    )
    return {**found, "places": None}


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
    """The check of the user's own function, at a point and at points around it.

    The check covers 11 × 11 points (11 for a function of `x` alone) that differ in all
    variables. It leaves out points where the function has no value, or ends.

    Args:
        formula: The function, a formula of the first of `x`, `y`, `z`, `w`.
        variables: The number of variables, 1 to 4.
        dx: The formula of its derivative with respect to `x`, to be checked.
        dy: The same for `y`.
        dz: The same for `z`.
        dw: The same for `w`.
        x: The point's first coordinate.
        y: The second.
        z: The third.
        w: The fourth.
        reach: The distance of the outermost points, to each side.
        h: The step of the naive check.

    Returns:
        As `planted`, with a leaf for each variable; `places`: the coordinates of each
        point by variable, None for a point that is left out. The middle one is the
        chosen point.

    Raises:
        LocalizedError: An invalid argument; `facts["field"]` names it.

    Example:
        >>> found = own("x**3", 1, "2*x**2", x=1.5)
        >>> found["verdict"], found["leaves"][0]["cause"]["code"]
        ('wrong', 'factor')
    """
    if not 1 <= variables <= len(VARIABLES):
        raise LocalizedError(
            "variables",
            f"the function has {variables} variables: pass 1 to 4",
            field="variables",
        )
    names = VARIABLES[:variables]
    f = _read("formula", formula, names)
    typed = dict(zip(names, (dx, dy, dz, dw), strict=False))
    slopes = {name: _read(f"d{name}", text, names) for name, text in typed.items()}
    point = dict(zip(names, (x, y, z, w), strict=False))
    for name, value in point.items():
        if not abs(value) <= _MAX_COORDINATE:
            raise LocalizedError(
                "point",
                f"{name} is {value:g}: pass a number between -1 million and 1 million",
                field=name,
                name=name,
                came=f"{value:g}",
            )
    if not 1e-3 <= reach <= 1e3:
        raise LocalizedError(
            "reach",
            f"reach is {reach:g}: pass a number between 0.001 and 1,000",
            field="reach",
            came=f"{reach:g}",
        )
    _refuse_step(h)
    places, inside = _places(f, point, reach)

    def gradient(p: Tree) -> dict[str, Any]:
        values = [p[name] for name in names]
        return {name: slope(*values) for name, slope in slopes.items()}

    report = check_gradient(_summed(f, names), places, gradient)
    naive = {name: slopes_at_points(f, places, name, h) for name in names}
    found = _shown(report, naive, h, inside)
    return {
        **found,
        "places": {
            name: _plain(np.where(inside, values, np.nan))
            for name, values in places.items()
        },
    }


def _backprop(fault: str) -> Backprop:
    if fault not in BACKPROPS:
        raise LocalizedError(
            "fault", str(unknown_name("fault", fault, BACKPROPS)), name=fault
        )
    return BACKPROPS[fault]


def _read(field: str, text: str, names: tuple[str, ...]) -> Expression:
    try:
        return expression(text, names)
    except ExpressionError as error:
        error.facts["field"] = field
        raise


def _refuse_step(h: float) -> None:
    if not 1e-8 <= h <= 1:
        raise LocalizedError(
            "step",
            f"h is {h:g}: pass a number between 1e-8 and 1",
            h=f"{h:g}",
            field="h",
        )


@lru_cache(maxsize=MAX_COMPILED)
def _summed(f: Expression, names: tuple[str, ...]) -> Callable[[Tree], Any]:
    """The sum over the points, whose gradient has the derivatives at all of them."""
    return jax.jit(lambda p: jnp.sum(f(*(p[name] for name in names))))


def _places(
    f: Expression, point: Mapping[str, float], reach: float
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Points around a point, (rows, columns) in float32, and which of them count.

    x changes along columns, y along rows, z and w along both, each symmetrically. The
    points that do not count are copies of the middle one: they change no verdict.
    """
    half = SIDE // 2
    steps = np.arange(-half, half + 1)
    column, row = np.meshgrid(steps, steps if len(point) > 1 else [0])
    away = (column, row, 2 * row + column, row - 2 * column)
    places = {
        name: np.asarray(value + reach / half * ((by + half) % SIDE - half), np.float32)
        for (name, value), by in zip(point.items(), away, strict=False)
    }
    inside = np.isfinite(f(*places.values()))
    middle = tuple(length // 2 for length in inside.shape)
    if not inside[middle]:
        at = ", ".join(f"{name} = {value:g}" for name, value in point.items())
        raise LocalizedError(
            "no_value",
            f"the function has no finite value where {at}: choose another point",
            field="formula",
            at=at,
        )
    # Where the function ends, it has no slope on both sides.
    for name in places:
        for by in (-reach / 100, reach / 100):
            inside &= np.isfinite(f(*(places | {name: places[name] + by}).values()))
    inside[middle] = True
    return {
        name: np.where(inside, values, values[middle])
        for name, values in places.items()
    }, inside


def _shown(
    report: GradientReport, naive: Tree, h: float, keep: np.ndarray | None = None
) -> dict[str, Any]:
    """A report as JSON, with the slopes of the naive check.

    Args:
        report: The report on a point that is a dict of arrays.
        naive: The naive slopes by the names of that dict, in the order of the page.
        h: The step of the naive check.
        keep: The entries of each leaf to show; None for all.
    """
    reports = {leaf.name.split("'")[1]: leaf for leaf in report}
    compared = [
        ComparedLeaf(
            name,
            reports[name],
            slopes,
            np.ones(slopes.shape, bool) if keep is None else keep,
        )
        for name, slopes in naive.items()
    ]
    entries = [
        (_badness(one.leaf, at), place, at)
        for place, one in enumerate(compared)
        for at in np.flatnonzero(one.keep).tolist()
    ]
    entries.sort(key=lambda entry: -entry[0])
    return {
        "verdict": str(report.verdict),
        "value": _plain(report.value),
        "resolution": max(leaf.resolution for leaf in report),
        "leaves": [_leaf(one) for one in compared],
        "worst": [{"leaf": leaf, "at": at} for _, leaf, at in entries[:WORST]],
        "naive": {"h": h, **naive_verdict(compared)},
    }


def _leaf(one: ComparedLeaf) -> dict[str, Any]:
    """A leaf as JSON, its entries compared with the secants and the naive slopes."""
    leaf, keep = one.leaf, one.keep
    kink = leaf.kinks[0] if leaf.kinks else None
    wrong = ~(leaf.off <= 1)
    return {
        "name": one.name,
        "shape": leaf.shape,
        "verdict": str(leaf.verdict),
        "cause": leaf.cause.to_dict(),
        "wrong": leaf.wrong,
        "kink": kink and {"below": _plain(kink.below), "above": _plain(kink.above)},
        "gradient": _plain(np.where(keep, leaf.gradient, np.nan)),
        "slope": _plain(np.where(keep, leaf.slope, np.nan)),
        "naive": _plain(np.where(keep, one.slopes, np.nan)),
        "beside": {
            "secant": _errors(leaf, leaf.slope, wrong, keep, leaf.kinked),
            "naive": _errors(leaf, one.slopes, one.called, keep),
        },
    }


def _errors(
    leaf: LeafReport,
    slopes: np.ndarray,
    wrong: np.ndarray,
    keep: np.ndarray,
    kinked: np.ndarray | None = None,
) -> dict[str, list[Any]]:
    """The differences of a gradient and slopes, and a mark for each entry.

    Returns:
        `apart`: the difference; `relative`: to the larger of the two; `error`: to the
        largest slope of the leaf; `mark`: "wrong", "kink", "none" if there is nothing
        to compare, "out" for a point that is left out, or "".
    """
    size = abs(leaf.slope[np.isfinite(leaf.slope)]).max(initial=0.0) or 1.0
    marks = np.where(wrong, "wrong", "").astype(object)
    with np.errstate(all="ignore"):
        apart = abs(leaf.gradient - slopes)
        relative = apart / np.maximum(abs(leaf.gradient), abs(slopes))
    relative = np.where(apart == 0, 0.0, relative)
    if kinked is not None:
        marks[kinked] = "kink"
    marks[~np.isfinite(apart)] = "none"
    marks[~keep] = "out"
    return {
        "apart": _plain(np.where(keep, apart, np.nan)),
        "relative": _plain(np.where(keep, relative, np.nan)),
        "error": _plain(np.where(keep, apart / size, np.nan)),
        "mark": marks.ravel().tolist(),
    }


def _badness(leaf: LeafReport, at: int) -> float:
    """The rank of an entry in the table of errors: above 1 for a wrong one."""
    if not np.isfinite(leaf.gradient.flat[at] + leaf.slope.flat[at]):
        return np.inf
    return 1.0 if leaf.kinked.flat[at] else float(leaf.off.flat[at])


def _plain(values: Any) -> Any:
    """The values as flat JSON, which has neither inf nor NaN."""
    if np.ndim(values) == 0:
        return float(values) if np.isfinite(values) else None
    return [_plain(value) for value in np.ravel(values)]
