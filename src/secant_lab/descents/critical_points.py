"""Critical points of a surface: those near a point, and the minimum below it."""

from dataclasses import dataclass

import numpy as np

from secant_lab.descents.surfaces import sample_surface
from secant_lab.expressions import Expression

# Curvatures below this share of the largest are noise of the differences.
_FLAT = 1e-7

_MAX_STEPS = 80


@dataclass(frozen=True, eq=False)
class CriticalPoint:
    """A critical point: a point where the gradient is 0.

    Attributes:
        x: The point, (2,).
        kind: `"minimum"`, `"saddle"`, `"maximum"`, or `"flat"` without curvature.
    """

    x: np.ndarray
    kind: str


def largest_curvature(f: Expression, points: np.ndarray) -> float:
    """The largest eigenvalue λ of f's second derivatives at any of the points.

    Plain descent with a rate above 2/λ steps across the valley to a higher point. NaN
    if no curvature is finite.
    """
    hessians = sample_surface(f, points).hessians
    finite = np.isfinite(hessians).all(axis=(1, 2))
    if not finite.any():
        return np.nan
    return float(np.linalg.eigvalsh(hessians[finite])[:, -1].max())


def critical_point_near(f: Expression, x: np.ndarray) -> CriticalPoint | None:
    """The end of a Newton step, `x - H⁻¹ g`, which is exact if f is a parabola.

    The step has no component in directions in which f is flat.

    Returns:
        None if f has a slope in a flat direction, or if the gradient or the curvature
        is not finite.
    """
    seen = sample_surface(f, x[None])
    gradient, hessian = seen.gradients[0], seen.hessians[0]
    if not (np.isfinite(gradient).all() and np.isfinite(hessian).all()):
        return None
    curvatures, directions = np.linalg.eigh(hessian)
    largest = np.abs(curvatures).max()
    slopes = directions.T @ gradient
    curved = np.abs(curvatures) > _FLAT * largest
    if np.abs(slopes[~curved]).max(initial=0) > 1e-12 * (
        largest + np.abs(slopes).max()
    ):
        return None
    step = directions[:, curved] @ (slopes[curved] / curvatures[curved])
    return CriticalPoint(x - step, _kind(curvatures[curved]))


def _kind(curvatures: np.ndarray) -> str:
    if not len(curvatures):
        return "flat"
    if (curvatures > 0).all():
        return "minimum"
    return "maximum" if (curvatures < 0).all() else "saddle"


def minimum_below(f: Expression, x: np.ndarray, reach: float) -> np.ndarray | None:
    """The minimum below `x`, by damped Newton steps.

    Each step goes down: it divides by the absolute values of the curvatures, plus a
    damping that grows until the value falls (Levenberg 1944, Marquardt 1963).

    Args:
        f: A surface.
        x: The first point, (2,).
        reach: The largest distance of the minimum.

    Returns:
        None if there is no minimum within reach.
    """
    damping, here = 1e-3, sample_surface(f, x[None])
    begun = x
    for _ in range(_MAX_STEPS):
        gradient, hessian = here.gradients[0], here.hessians[0]
        if not (np.isfinite(gradient).all() and np.isfinite(hessian).all()):
            return None
        curvatures, directions = np.linalg.eigh(hessian)
        sizes = np.abs(curvatures)
        sizes = np.maximum(sizes, _FLAT * sizes.max()) + damping * (sizes.max() or 1)
        step = directions @ (directions.T @ gradient / sizes)
        if np.abs(step).max() <= 1e-9 * reach and damping <= 1:
            found = critical_point_near(f, x)
            return found.x if found and found.kind == "minimum" else None
        if np.abs(x - step - begun).max() > reach:
            return None
        there = sample_surface(f, (x - step)[None])
        if there.values[0] < here.values[0]:
            x, here, damping = x - step, there, damping / 8
        elif damping > 1e12:
            found = critical_point_near(f, x)
            return found.x if found and found.kind == "minimum" else None
        else:
            damping *= 8
    return None
