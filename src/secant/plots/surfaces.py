"""Loss surfaces around a trained network, with the path of its training."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from secant.arrays import ArrayLike
from secant.errors import InvalidInput
from secant.networks import MLP
from secant.plots.grids import Grid, contour_levels, draw_contours
from secant.plots.mosaics import as_count
from secant.plots.planes import Params, Plane
from secant.plots.style import DARK, ORANGE, figure_of, single_axes
from secant.plots.words import translator


def loss_surface(
    net: MLP,
    x: ArrayLike,
    t: ArrayLike,
    path: Sequence[Params] = (),
    *,
    directions: str = "",
    points: int = 25,
    reach: float = 1.0,
    seed: int = 0,
    title: str = "",
    ax: Axes | None = None,
    language: str = "en",
) -> Figure:
    """The loss on a plane through the network's weights, as contours.

    Li et al., "Visualizing the Loss Landscape of Neural Nets" (2018). Random
    directions show the surroundings of the network. A path hardly moves along them,
    since in many dimensions a random direction is nearly perpendicular to it. A path
    is therefore drawn along its first two principal components.

    Args:
        net: The network, at the centre of the plane; with a path, its last point is
            at the centre.
        x: Inputs, (samples, inputs); a thousand give nearly the same picture as all,
            faster.
        t: Class labels, or one-hot rows.
        path: Weights along the training, `secant.RecordPath().params`.
        directions: `random` or `path`; the default is `path` if a path is given.
        points: The number of points along each side of the grid; the loss is computed
            points² times.
        reach: The largest distance along random directions, in norms of the weights.
        seed: The seed of the random directions.
        title: The title.
        ax: The axes to draw into; a new figure by default.
        language: `en` or `ko`.

    Returns:
        The figure. The areas between two contours are equal; some contours are
        labelled with their loss.

    Raises:
        InvalidInput: x and t do not fit the network, the path is too short or belongs
            to another network, or no loss is finite.

    Example:
        >>> net = MLP((2, 3, 2), init="xavier")
        >>> figure = loss_surface(net, np.eye(2), [0, 1], points=5)
        >>> figure.axes[0].get_title("left")
        'Loss around the network'
    """
    tr, points = translator(language), as_count("points", points)
    architecture = net.architecture
    inputs, targets = (
        np.asarray(each, np.float64)
        for each in architecture.as_batch(np.asarray(x), np.asarray(t))
    )
    chosen = directions or ("path" if len(path) else "random")
    if chosen not in ("random", "path") or points < 3 or not 0 < reach < np.inf:
        raise InvalidInput(
            f"directions is {directions!r}, points {points} and reach {reach!r}: pass "
            '"random" or "path", 3 points or more, and a reach such as 1.0'
        )
    plane = Plane.of_path(path) if chosen == "path" else Plane.random(net.params, seed)
    trace = plane.project(path) if len(path) else np.zeros((0, 2))
    a, b = _grid_coordinates(trace if chosen == "path" else None, points, reach)
    z = plane.losses(lambda w: float(architecture.error(w, inputs, targets)), a, b)
    if not np.isfinite(z).any():
        raise InvalidInput(
            "no loss around the network is finite: pass a smaller reach, or check "
            "whether net.params are finite"
        )
    height = 1.0 + 5.2 * float((b[-1] - b[0]) / (a[-1] - a[0]))
    with single_axes(ax, (6.6, height)) as ax:
        draw_contours(ax, Grid(a, b, z))
        _label_contours(ax, Grid(a, b, z))
        if len(trace):
            ax.plot(*trace.T, color=ORANGE, linewidth=1.6, marker="o", markersize=3)
            ax.plot(*trace[0], "o", color="white", markeredgecolor=ORANGE, markersize=8)
        ax.plot(0, 0, "o", color=ORANGE, markersize=8)
        ax.set_xlabel(_axis(tr, plane, 0))
        ax.set_ylabel(_axis(tr, plane, 1))
        ax.set_title(
            title
            or tr(
                "Loss around the path of training"
                if plane.shares
                else "Loss around the network"
            )
        )
        return figure_of(ax)


def _grid_coordinates(
    trace: np.ndarray | None, points: int, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates along both directions: the path with a margin, or ± reach."""
    if trace is None:
        side = np.linspace(-reach, reach, points)
        return side, side
    low, high = trace.min(axis=0), trace.max(axis=0)
    # The path is shorter along the second direction: a thin strip in equal units.
    widths = np.maximum(high - low, (high - low).max() / 2)
    middle = (low + high) / 2
    a, b = np.linspace(middle - 0.65 * widths, middle + 0.65 * widths, points).T
    return a, b


def _label_contours(ax: Axes, grid: Grid) -> None:
    levels = contour_levels(grid.z)[1:-1:2]
    lines = ax.contour(grid.x, grid.y, grid.z, levels, linewidths=0)
    ax.clabel(lines, fmt=lambda loss: f"{loss:.3g}", fontsize=8, colors=DARK)


def _axis(tr: Callable[..., str], plane: Plane, number: int) -> str:
    if plane.shares:
        share = plane.shares[number]
        return tr("direction {}: {:.0%} of the path", number + 1, share)
    return tr("random direction {}, in norms of the weights", number + 1)
