"""All that is known while a gradient is checked, and how far roundings may take it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from secant.checking.point import Point, as_float64, in_kind_of
from secant.checking.slope_source import Question, Sides, Slopes

SHIFTS = 12
"""How often x is moved a little to see what that changes."""

# What changes as a parabola along the line on which x is moved is the function or the
# fault. Without this a fault in sin(1000 x) would scatter enough to pass in float32.
_SMOOTH = 2

# How many roundings apart two right results may be: functions are good to some four
# each, and there are sums and products of them. What is computed in 16 bits is
# computed in 32 and rounded once.
_ROUNDINGS, _ROUNDINGS_OF_16_BITS = 16, 4

# How many standard deviations a fault has to stand out by, for each of these
# roundings. A rounding scatters by 0.3 of itself; but functions of float32 are off by
# several, and by the same beside x: what cancellation makes of them does not scatter,
# and is taken to be as much larger as they are. (16 bits scatter less beside x.)
_DEVIATIONS, _DEVIATIONS_OF_16_BITS = 3, 6

# How many times another gradient's roundings may be those of JAX's own.
_LIKE = 4

# How far a slope may be off beside the largest one, each times its x: a thousand
# roundings of float64, whatever the dtype. Of a slope that is 1e-30 beside others of 1,
# nothing is left where y is near 1 and 1 - y is taken, and no dtype shows it.
_BESIDE = 2.0**-42


Claim = Callable[[Sequence[Any]], list[np.ndarray]]
"""The gradient that is checked: all leaves in, an array for each leaf of floats out."""

Pair = Callable[[Sequence[Any]], tuple[Any, Any]]
"""Claim and slope from all leaves: numbers, or arrays of one shape."""


@dataclass(frozen=True)
class Case:
    """All that is known while a gradient is checked.

    Attributes:
        point: Where.
        slopes: Where slopes come from.
        claim: The gradient as a function of the leaves; None if only its values at
            the point are known.
        claimed: Its values at the point.
        like: What shows how such a gradient is rounded: the claim; where only values
            are known, JAX's own, if there is one.
        value: What the function returned.
        draw: For shifts and signs.
        tell: Called with how many coordinates were nudged since it was called last.
    """

    point: Point
    slopes: Slopes
    claim: Claim | None
    claimed: list[np.ndarray]
    draw: np.random.Generator
    like: Claim | None = None
    value: float = 0.0
    tell: Callable[[int], object] = lambda done: None

    @property
    def unit(self) -> float:
        """One rounding, relative."""
        return float(jnp.finfo(self.slopes.dtype).eps)

    @property
    def roundings(self) -> int:
        """How many of them two right results may be apart."""
        return _ROUNDINGS if self._wide else _ROUNDINGS_OF_16_BITS

    @property
    def tolerance(self) -> float:
        """These roundings, relative."""
        return self.roundings * self.unit

    @property
    def deviations(self) -> int:
        """How many standard deviations a fault stands out by."""
        many = _DEVIATIONS if self._wide else _DEVIATIONS_OF_16_BITS
        return many * self.roundings

    @property
    def _wide(self) -> bool:
        return jnp.finfo(self.slopes.dtype).bits > 16

    @property
    def shift(self) -> float:
        """How far x is moved to round everything otherwise, relative to its size.

        Far enough for what is near a limit to be rounded otherwise as well, and so
        little that a fault stays what it is.
        """
        return math.sqrt(self.unit) if self._wide else 2 * self.unit

    def sides(
        self,
        leaf: int,
        indices: np.ndarray,
        *,
        shrink: float = 1.0,
        tell: Callable[[int], object] = lambda done: None,
    ) -> Sides:
        """The slopes at the point, and how far they may be off.

        A change that is lost on the way is multiplied by all that would have followed:
        by the largest slope at most, as a guess.
        """
        found = self.slopes.each(
            Question(leaf, indices, self.point.leaves, shrink, tell)
        )
        if not self.slopes.exact:
            return found
        return found._replace(error=found.error * max(1.0, self._largest))

    def pair(self, leaf: int, indices: np.ndarray) -> Pair:
        """Claim and slope of some coordinates, as a function of all leaves."""

        def pair(leaves: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
            slope = self.slopes.each(Question(leaf, indices, leaves)).slope
            claim = self.like(leaves) if self.like else self.claimed
            return claim[leaf].ravel()[indices], slope

        return pair

    def scatter(self, pair: Pair) -> np.ndarray:
        """How far claim and slope may be apart by rounding: these deviations of that.

        x is moved along a line. There a fault changes smoothly, by little; what the
        dtype cannot show comes out otherwise each time.

        Source:
            Vignes (1993), "A stochastic arithmetic for reliable scientific
            computation", Math. Comput. Simul. 35, 233-261.
        """
        places = self.draw.uniform(-1, 1, SHIFTS)
        powers = np.vander(places, _SMOOTH + 1)
        line = self._directions()
        if self._wide:
            shifts = [[self.shift * t * d for d in line] for t in places]
        else:
            # Over a few roundings nothing is smooth, and no three points on a line.
            powers = powers[:, -1:]
            shifts = [[self.shift * d for d in self._directions()] for _ in places]
        found = np.array([pair(self._moved(by)) for by in shifts])
        claims, slopes = found[:, 0], found[:, 1]
        apart = (claims - slopes).reshape(SHIFTS, -1)
        rough = apart - powers @ (np.linalg.pinv(powers) @ apart)
        variance = (rough**2).sum(0) / (SHIFTS - powers.shape[1])
        return self.deviations * np.sqrt(variance).reshape(slopes.shape[1:])

    def gone_in_float64(self, pair: Pair, apart: np.ndarray) -> np.ndarray:
        """Where claim and slope, so far apart, are not where there are more digits.

        Rounding vanishes there, a fault stays. Nowhere, if float64 is what there is, or
        if something in the functions can take nothing else than what they were given.
        """
        if not self.slopes.exact or self.slopes.dtype == np.float64:
            return np.zeros(len(apart), bool)
        with jax.enable_x64(True):
            leaves = [
                in_kind_of(leaf, as_float64(leaf))
                for leaf in (self.point.leaves[i] for i in self.point.real)
            ]
            try:
                claim, slope = pair(self.point.with_real(leaves))
            except Exception:
                # A kernel of float32 alone may raise anything at all.
                return np.zeros(len(apart), bool)
        there = claim - slope
        gone = abs(there) <= apart / 2
        if self.claim is None:
            # Of values nobody knows what they are in float64: roundings as large as
            # those of JAX's own gradient are believed, and a few times that.
            here = np.subtract(*pair(self.point.leaves))
            gone &= apart <= _LIKE * abs(here - there)
        return gone

    @property
    def _largest(self) -> float:
        """The largest slope that is claimed."""
        claimed = np.concatenate([np.ravel(claim) for claim in self.claimed])
        return float(abs(claimed[np.isfinite(claimed)]).max(initial=0.0))

    def beside_the_largest(self, leaf: int, indices: np.ndarray) -> np.ndarray:
        """How far slopes may be off beside the largest slope, each times its x.

        A fault of 0.1 % is seen in all slopes but those below 2e-10 of the largest.
        """
        scales = [self.point.scales(i) for i in range(len(self.claimed))]
        largest = max(
            float(abs(np.where(np.isfinite(g), g * x, 0.0)).max(initial=0.0))
            for g, x in zip(self.claimed, scales, strict=True)
            if g.shape == x.shape
        )
        return _BESIDE * largest / scales[leaf].ravel()[indices]

    def _directions(self) -> list[np.ndarray]:
        shapes = [np.shape(self.point.leaves[i]) for i in self.point.real]
        return [self.draw.uniform(-1, 1, shape) for shape in shapes]

    def _moved(self, by: Sequence[np.ndarray]) -> list[Any]:
        leaves = []
        for i, part in zip(self.point.real, by, strict=True):
            leaf = self.point.leaves[i]
            x = as_float64(leaf)
            leaves.append(in_kind_of(leaf, (x + part * x).astype(leaf.dtype)))
        return self.point.with_real(leaves)
