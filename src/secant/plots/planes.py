"""Planes through a network's weights, for pictures of the loss.

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
