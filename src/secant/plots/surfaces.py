"""The loss around a trained network, and the way that training took."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from secant.arrays import ArrayLike
from secant.errors import InvalidInput
from secant.networks import MLP
from secant.plots.grids import Grid, draw_heights, level_values
from secant.plots.planes import Params, Plane
from secant.plots.style import DARK, ORANGE, figure_of, one
from secant.plots.words import speaker
from secant.validation import Choice, PositiveNumber, WholeNumber, validate

_DIRECTIONS = Choice(["random", "path"], "kind of directions")


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
    directions show what surrounds the network; a path looks still on them, as nearly
    everything is at right angles to a random direction, so a path is shown on the two
    directions in which it goes farthest (its principal components).

    Args:
        net: The network, in the middle of the plane. With a path, its last point is.
        x: Inputs, (samples, inputs): a thousand say as much as all, and sooner.
        t: Class labels, or one-hot rows.
        path: Weights on the way, `secant.RecordPath().params`.
        directions: `random` or `path`; the path's where there is one, if not given.
        points: Along each side of the grid; the loss is computed on their square.
        reach: How far random directions are followed, in lengths of the weights.
        seed: Of random directions.
        title: A line above.
        ax: Where to draw; a new figure if not given.
        language: `en` or `ko`.

    Returns:
        The figure. Between two contours lies as much of the picture; some say their
        loss.

    Raises:
        InvalidInput: x and t do not go with the network, the path is too short or
            another network's, or the loss is finite nowhere.

    Example:
        >>> net = MLP((2, 3, 2), init="xavier")
        >>> figure = loss_surface(net, np.eye(2), [0, 1], points=5)
        >>> figure.axes[0].get_title("left")
        'Loss around the network'
    """
    say, points = speaker(language), validate("points", points, WholeNumber(low=3))
    architecture = net.architecture
    inputs, targets = (
        np.asarray(each, np.float64)
        for each in architecture.as_batch(np.asarray(x), np.asarray(t))
    )
    chosen = directions or ("path" if len(path) else "random")
    chosen = validate("directions", chosen, _DIRECTIONS)
    reach = validate("reach", reach, PositiveNumber(example=1.0))
    plane = Plane.of_path(path) if chosen == "path" else Plane.random(net.params, seed)
    trace = plane.project(path) if len(path) else np.zeros((0, 2))
    a, b = _sides(trace if chosen == "path" else None, points, reach)
    z = plane.losses(lambda w: float(architecture.error(w, inputs, targets)), a, b)
    if not np.isfinite(z).any():
        raise InvalidInput(
            "the loss is finite nowhere around the network: pass a smaller reach, or "
            "look whether net.params are finite"
        )
    height = 1.0 + 5.2 * float((b[-1] - b[0]) / (a[-1] - a[0]))
    with one(ax, (6.6, height)) as ax:
        draw_heights(ax, Grid(a, b, z))
        _say_heights(ax, Grid(a, b, z))
        if len(trace):
            ax.plot(*trace.T, color=ORANGE, linewidth=1.6, marker="o", markersize=3)
            ax.plot(*trace[0], "o", color="white", markeredgecolor=ORANGE, markersize=8)
        ax.plot(0, 0, "o", color=ORANGE, markersize=8)
        ax.set_xlabel(_axis(say, plane, 0))
        ax.set_ylabel(_axis(say, plane, 1))
        ax.set_title(
            title
            or say(
                "Loss around the path of training"
                if plane.shares
                else "Loss around the network"
            )
        )
        return figure_of(ax)


def _sides(
    trace: np.ndarray | None, points: int, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Places along both directions: the path and room around it, or ± reach."""
    if trace is None:
        side = np.linspace(-reach, reach, points)
        return side, side
    low, high = trace.min(axis=0), trace.max(axis=0)
    # The second direction is shorter: seen in equal units it would be a thin strip.
    widths = np.maximum(high - low, (high - low).max() / 2)
    middle = (low + high) / 2
    a, b = np.linspace(middle - 0.65 * widths, middle + 0.65 * widths, points).T
    return a, b


def _say_heights(ax: Axes, grid: Grid) -> None:
    levels = level_values(grid.z)[1:-1:2]
    lines = ax.contour(grid.x, grid.y, grid.z, levels, linewidths=0)
    ax.clabel(lines, fmt=lambda loss: f"{loss:.3g}", fontsize=8, colors=DARK)


def _axis(say: Callable[..., str], plane: Plane, number: int) -> str:
    if plane.shares:
        share = plane.shares[number]
        return say("direction {}: {:.0%} of the path", number + 1, share)
    return say("random direction {}, as long as the weights", number + 1)
