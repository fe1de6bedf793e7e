"""Planes through a network's weights, to look at the loss on.

`θ(a, b) = θ* + a δ + b η`, with θ* the network's weights. Li et al., "Visualizing the
Loss Landscape of Neural Nets" (2018), sections 4 and 7.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from secant.errors import InvalidInput

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
