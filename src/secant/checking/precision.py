"""The precision of a dtype: by how much two right results may differ."""

import math
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np


@dataclass(frozen=True)
class Precision:
    """The relative tolerances that the digits of a dtype allow.

    One rounding is uniform over eps, so that its standard deviation is σ = 0.3 eps.
    But XLA's functions of float32 and float64 are off by up to four eps, and by the
    same ones for all x nearby; they are summed and multiplied, so that a right result
    may be off by 16 eps, of which only σ scatters. Where cancellation magnifies errors
    by A, what is measured is 0.3 A eps, and what has to be allowed 16 A eps: 16 / 0.3
    of the measured standard deviations, which is 3 for each rounding.

    A result in 16 bits is computed in 32 and rounded once: 4 eps are enough. Its x
    moves by so few roundings that they scatter half as much: 6 for each rounding.

    Attributes:
        eps: One rounding.
        roundings: By how many roundings two right results may differ.
        deviations: By how many standard deviations of the measured rounding a fault has
            to stand out.
        shift: How far x is moved, relative to its size, so that all is rounded anew:
            so far that what is near a limit is rounded differently too, and so little
            that a fault stays what it is.
        degree: The degree of the polynomial that a fault follows over such a shift.
    """

    eps: float
    roundings: int
    deviations: int
    shift: float
    degree: int

    @classmethod
    def of(cls, dtype: np.dtype) -> "Precision":
        """The precision of a dtype."""
        eps = float(jnp.finfo(dtype).eps)
        if jnp.finfo(dtype).bits > 16:
            return cls(eps, 16, 3 * 16, shift=math.sqrt(eps), degree=2)
        # Over a few roundings nothing is smooth, and no three points lie on a line.
        return cls(eps, 4, 6 * 4, shift=2 * eps, degree=0)

    @property
    def tolerance(self) -> float:
        """By how much two right results may differ, relative to the larger."""
        return self.roundings * self.eps
