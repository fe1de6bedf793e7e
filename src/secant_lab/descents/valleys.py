"""The ground that a point lies on: what is stationary near it, and what lies below."""

from dataclasses import dataclass

import numpy as np

from secant_lab.descents.surfaces import views
from secant_lab.expressions import Expression

# Curvatures smaller than this part of the largest are noise of the differences.
_FLAT = 1e-7

_MOST_STEPS = 80


@dataclass(frozen=True, eq=False)
class Stationary:
    """A point at which the gradient vanishes, as the ground near it says.

    Attributes:
        x: Where, (2,).
        kind: `"minimum"`, `"saddle"`, `"maximum"`, or `"flat"` where nothing bends.
    """

    x: np.ndarray
    kind: str


def largest_curvature(f: Expression, points: np.ndarray) -> float:
    """The largest eigenvalue of f's second derivatives at any of the points.

    Where it is λ, descent with a rate above 2/λ steps across the valley to a place
    that is higher. NaN where no curvature is finite.
    """
    hessians = views(f, points).hessians
    finite = np.isfinite(hessians).all(axis=(1, 2))
    if not finite.any():
        return np.nan
    return float(np.linalg.eigvalsh(hessians[finite])[:, -1].max())


def stationary_near(f: Expression, x: np.ndarray) -> Stationary | None:
    """Where Newton's step leads: `x - H⁻¹ g`, exact where f is a parabola.

    Directions in which f is flat are left alone.

    Returns:
        None where it leads nowhere: on a slope that does not bend, or where the
        gradient or the curvature is not finite.
    """
    seen = views(f, x[None])
    gradient, hessian = seen.gradients[0], seen.hessians[0]
    if not (np.isfinite(gradient).all() and np.isfinite(hessian).all()):
        return None
    curvatures, directions = np.linalg.eigh(hessian)
    largest = np.abs(curvatures).max()
    slopes = directions.T @ gradient
    bent = np.abs(curvatures) > _FLAT * largest
    if np.abs(slopes[~bent]).max(initial=0) > 1e-12 * (largest + np.abs(slopes).max()):
        return None
    step = directions[:, bent] @ (slopes[bent] / curvatures[bent])
    return Stationary(x - step, _kind(curvatures[bent]))


def _kind(curvatures: np.ndarray) -> str:
    if not len(curvatures):
        return "flat"
    if (curvatures > 0).all():
        return "minimum"
    return "maximum" if (curvatures < 0).all() else "saddle"


def minimum_below(f: Expression, x: np.ndarray, reach: float) -> np.ndarray | None:
    """The minimum that the ground leads to from `x`, by damped Newton steps.

    Each step goes down: curvatures are taken by their size, and made larger until
    the value falls (Levenberg 1944, Marquardt 1963).

    Args:
        f: A surface.
        x: Where to begin, (2,).
        reach: How far a minimum may lie away.

    Returns:
        None where there is no minimum within reach.
    """
    damping, here = 1e-3, views(f, x[None])
    begun = x
    for _ in range(_MOST_STEPS):
        gradient, hessian = here.gradients[0], here.hessians[0]
        if not (np.isfinite(gradient).all() and np.isfinite(hessian).all()):
            return None
        curvatures, directions = np.linalg.eigh(hessian)
        sizes = np.abs(curvatures)
        sizes = np.maximum(sizes, _FLAT * sizes.max()) + damping * (sizes.max() or 1)
        step = directions @ (directions.T @ gradient / sizes)
        if np.abs(step).max() <= 1e-9 * reach and damping <= 1:
            found = stationary_near(f, x)
            return found.x if found and found.kind == "minimum" else None
        if np.abs(x - step - begun).max() > reach:
            return None
        there = views(f, (x - step)[None])
        if there.values[0] < here.values[0]:
            x, here, damping = x - step, there, damping / 8
        elif damping > 1e12:
            found = stationary_near(f, x)
            return found.x if found and found.kind == "minimum" else None
        else:
            damping *= 8
    return None
