"""The loss around a trained network, and the way that training took."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from secant.arrays import ArrayLike
from secant.errors import InvalidInput
from secant.nn.networks import MLP
from secant.plots.grids import Grid, draw_heights, level_values
from secant.plots.style import DARK, ORANGE, figure_of, one
from secant.plots.translations import speaker
from secant.validation import Choice, PositiveNumber, WholeNumber, validate

# Planes through a network's weights, to look at the loss on.
#
# `θ(a, b) = θ* + a δ + b η`, with θ* the network's weights. Li et al., "Visualizing the
# Loss Landscape of Neural Nets" (2018), sections 4 and 7.

Params = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane in the space of all weights.

    Attributes:
        center: θ*, a dict of arrays.
        directions: δ and η, dicts of arrays of the same shapes.
        shares: How much of the path's variance each direction holds; None for
            random directions.
    """

    center: dict[str, np.ndarray]
    directions: tuple[dict[str, np.ndarray], dict[str, np.ndarray]]
    shares: tuple[float, float] | None = None

    @classmethod
    def random(cls, params: Params, seed: int = 0) -> Self:
        """Two random directions, each as long as the weights, neuron by neuron.

        Li et al.'s filter normalisation: the part of a direction that goes into a
        neuron is scaled to the length of the weights into it, so that a step of 1
        is as large a change for every neuron, however large its weights are. Biases
        are not moved.

        Args:
            params: The weights; W of shape (inputs, neurons).
            seed: Of the directions.
        """
        center, rng = _as_arrays(params), np.random.default_rng(seed)

        def draw() -> dict[str, np.ndarray]:
            return {
                name: _like_its_neurons(rng.standard_normal(value.shape), value)
                for name, value in center.items()
            }

        return cls(center, (draw(), draw()))

    @classmethod
    def of_path(cls, path: Sequence[Params]) -> Self:
        """The two directions in which a path goes farthest, its end as the centre.

        The first two principal components of `θᵢ - θₙ`, of length 1.

        Args:
            path: The weights on the way, the last ones last; 3 or more.

        Raises:
            InvalidInput: There are fewer, they have different shapes or are not
                finite, or nothing moved.
        """
        if len(path) < 3:
            raise InvalidInput(
                f"path has {len(path)} points, and a plane needs 3: record more of "
                "them, or pass none, for random directions"
            )
        center = _as_arrays(path[-1])
        away = np.stack([_flat(_as_arrays(each), center) for each in path])
        away = away - away[-1]
        if not np.isfinite(away).all() or not away.any():
            raise InvalidInput(
                "path holds weights that are not finite, or none that moved: there is "
                "no direction in which it goes"
            )
        # Of points × points, which are few, and not of weights × weights.
        _, lengths, directions = np.linalg.svd(away, full_matrices=False)
        shares = lengths**2 / np.sum(lengths**2)
        first, second = (_unflat(direction, center) for direction in directions[:2])
        return cls(center, (first, second), (float(shares[0]), float(shares[1])))

    def at(self, a: float, b: float) -> dict[str, np.ndarray]:
        """The weights at a place of the plane."""
        first, second = self.directions
        return {
            name: value + a * first[name] + b * second[name]
            for name, value in self.center.items()
        }

    def project(self, path: Sequence[Params]) -> np.ndarray:
        """Where weights lie on the plane, (points, 2): the nearest places to them.

        Raises:
            InvalidInput: The weights have other shapes.
        """
        basis = np.stack([_flat(each, self.center) for each in self.directions])
        away = np.stack([_flat(_as_arrays(each), self.center) for each in path])
        away = away - _flat(self.center, self.center)
        return np.linalg.lstsq(basis.T, away.T)[0].T

    def losses(
        self, loss: Callable[[dict[str, np.ndarray]], float], a: Any, b: Any
    ) -> np.ndarray:
        """The loss on a grid of places, (len(b), len(a))."""
        with np.errstate(all="ignore"):
            return np.array([[float(loss(self.at(i, j))) for i in a] for j in b])


def _like_its_neurons(direction: np.ndarray, weights: np.ndarray) -> np.ndarray:
    if weights.ndim < 2:
        return np.zeros_like(weights)
    wanted = np.linalg.norm(weights, axis=0)
    return direction * wanted / np.linalg.norm(direction, axis=0)


def _as_arrays(params: Params) -> dict[str, np.ndarray]:
    if not isinstance(params, Mapping):
        raise InvalidInput(
            f"the weights are {type(params).__name__}: pass dicts of arrays, as "
            "net.params or RecordPath().params"
        )
    return {name: np.asarray(value, np.float64) for name, value in params.items()}


def _flat(params: Params, like: Params) -> np.ndarray:
    shapes, wanted = (
        {name: np.shape(value) for name, value in each.items()}
        for each in (params, like)
    )
    if shapes != wanted:
        raise InvalidInput(
            f"path holds weights of shapes {shapes}, and the network has {wanted}: "
            "pass the path of this very network"
        )
    return np.concatenate([np.ravel(params[name]) for name in like])


def _unflat(values: np.ndarray, like: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    ends = np.cumsum([value.size for value in like.values()])[:-1]
    parts = np.split(values, ends)
    return {
        name: part.reshape(value.shape)
        for (name, value), part in zip(like.items(), parts, strict=True)
    }


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
