"""Loss surfaces around a trained network, with the path of its training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from secant.arrays import ArrayLike
from secant.errors import InvalidInput
from secant.nn.architecture import Params
from secant.nn.networks import MLP
from secant.plots.grids import Grid, contour_levels, draw_contours
from secant.plots.style import DARK, ORANGE, figure_of, single_axes
from secant.plots.translations import translator
from secant.validation import Choice, PositiveNumber, WholeNumber, validate

# Planes through a network's weights, for pictures of the loss.
#
# `θ(a, b) = θ* + a δ + b η`, with θ* the network's weights. Li et al., "Visualizing the
# Loss Landscape of Neural Nets" (2018), sections 4 and 7.


_DIRECTIONS = Choice(["random", "path"], "kind of directions")


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane in the space of all weights.

    Attributes:
        center: θ*, a dict of arrays.
        directions: δ and η, dicts of arrays of the same shapes.
        shares: The share of the path's variance along each direction; None for
            random directions.
    """

    center: dict[str, np.ndarray]
    directions: tuple[dict[str, np.ndarray], dict[str, np.ndarray]]
    shares: tuple[float, float] | None = None

    @classmethod
    def random(cls, params: Params, seed: int = 0) -> Self:
        """Two random directions with filter normalisation (Li et al.).

        The part of a direction that belongs to a neuron is scaled to the norm of the
        neuron's weights. A step of 1 is then an equally large relative change for
        every neuron. Biases do not change.

        Args:
            params: The weights; W of shape (inputs, neurons).
            seed: The seed of the directions.
        """
        center, rng = _as_arrays(params), np.random.default_rng(seed)

        def draw() -> dict[str, np.ndarray]:
            return {
                name: _filter_normalized(rng.standard_normal(value.shape), value)
                for name, value in center.items()
            }

        return cls(center, (draw(), draw()))

    @classmethod
    def of_path(cls, path: Sequence[Params]) -> Self:
        """The two directions of a path's largest variance, with its end as the centre.

        The first two principal components of `θᵢ - θₙ`, of length 1.

        Args:
            path: The weights θ₁ … θₙ along the path, at least 3 points.

        Raises:
            InvalidInput: The path has fewer points, its weights differ in shape or
                are not finite, or they are all equal.
        """
        if len(path) < 3:
            raise InvalidInput(
                f"path has {len(path)} points, and a plane needs 3: record more, or "
                "pass no path for random directions"
            )
        center = _as_arrays(path[-1])
        points = np.stack([_flatten(_as_arrays(each), center) for each in path])
        offsets = points - points[-1]
        if not np.isfinite(offsets).all() or not offsets.any():
            raise InvalidInput(
                "path holds weights that are not finite, or that are all equal, so it "
                "has no direction: pass the path of a training run"
            )
        # The thin SVD costs points² × weights; the covariance would need weights².
        _, lengths, directions = np.linalg.svd(offsets, full_matrices=False)
        shares = lengths**2 / np.sum(lengths**2)
        first, second = (_unflatten(direction, center) for direction in directions[:2])
        return cls(center, (first, second), (float(shares[0]), float(shares[1])))

    def at(self, a: float, b: float) -> dict[str, np.ndarray]:
        """The weights θ(a, b)."""
        first, second = self.directions
        return {
            name: value + a * first[name] + b * second[name]
            for name, value in self.center.items()
        }

    def project(self, path: Sequence[Params]) -> np.ndarray:
        """The coordinates (a, b) of the nearest points on the plane, (points, 2).

        Raises:
            InvalidInput: The weights have other shapes.
        """
        basis = np.stack([_flatten(each, self.center) for each in self.directions])
        points = np.stack([_flatten(_as_arrays(each), self.center) for each in path])
        offsets = points - _flatten(self.center, self.center)
        return np.linalg.lstsq(basis.T, offsets.T)[0].T

    def losses(
        self, loss: Callable[[dict[str, np.ndarray]], float], a: Any, b: Any
    ) -> np.ndarray:
        """The loss on a grid of points (a, b), (len(b), len(a))."""
        with np.errstate(all="ignore"):
            return np.array([[float(loss(self.at(i, j))) for i in a] for j in b])


def _filter_normalized(direction: np.ndarray, weights: np.ndarray) -> np.ndarray:
    if weights.ndim < 2:
        return np.zeros_like(weights)
    norms = np.linalg.norm(weights, axis=0)
    return direction * norms / np.linalg.norm(direction, axis=0)


def _as_arrays(params: Params) -> dict[str, np.ndarray]:
    if not isinstance(params, Mapping):
        raise InvalidInput(
            f"the weights are {type(params).__name__}: pass dicts of arrays, such "
            "as net.params or RecordPath().params"
        )
    return {name: np.asarray(value, np.float64) for name, value in params.items()}


def _flatten(params: Params, like: Params) -> np.ndarray:
    shapes, network_shapes = (
        {name: np.shape(value) for name, value in each.items()}
        for each in (params, like)
    )
    if shapes != network_shapes:
        raise InvalidInput(
            f"path holds weights of shapes {shapes}, and the network has "
            f"{network_shapes}: pass the path of this network"
        )
    return np.concatenate([np.ravel(params[name]) for name in like])


def _unflatten(
    values: np.ndarray, like: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    ends = np.cumsum([value.size for value in like.values()])[:-1]
    parts = np.split(values, ends)
    return {
        name: part.reshape(value.shape)
        for (name, value), part in zip(like.items(), parts, strict=True)
    }


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
    tr, points = translator(language), validate("points", points, WholeNumber(low=3))
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
