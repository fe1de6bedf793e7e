"""Evidence on a gradient: gradient and slope side by side, and their patterns."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from secant.checking.slope_source import OneSidedSlopes

_FLOAT64 = np.dtype(np.float64)


@dataclass(frozen=True)
class Comparison:
    """Gradient and slope of some coordinates of a leaf; arrays of one length.

    Attributes:
        indices: Which coordinates, as indices into the flattened leaf.
        gradient: The gradient that is checked.
        slope: The measured slope.
        below: The one-sided slope from below.
        above: The one-sided slope from above.
        error: How far the slope may be off.
        tolerance: By how much gradient and slope may differ.
        suspect: Where they differ by more than a few roundings.
        kink: Where the one-sided slopes differ and the gradient lies between them.
        wrong: Where the gradient is wrong.
        smooth: Where the one-sided slopes agree, the better the smaller the step.
        jump: Where f jumps.
    """

    indices: np.ndarray
    gradient: np.ndarray
    slope: np.ndarray
    below: np.ndarray
    above: np.ndarray
    error: np.ndarray
    tolerance: np.ndarray
    suspect: np.ndarray
    kink: np.ndarray
    wrong: np.ndarray
    smooth: np.ndarray
    jump: np.ndarray

    @classmethod
    def of_another_shape(cls, sides: OneSidedSlopes, eps: float) -> "Comparison":
        """The slopes of a whole leaf whose gradient has another shape: all wrong."""
        slope = sides.slope
        every = np.ones(len(slope), bool)
        return cls(
            indices=np.arange(len(slope)),
            gradient=np.full(len(slope), np.nan),
            slope=slope,
            below=sides.behind,
            above=sides.ahead,
            error=np.zeros(len(slope)),
            tolerance=100 * eps * np.maximum(abs(slope), abs(slope).max(initial=0.0)),
            suspect=every,
            kink=~every,
            wrong=every,
            smooth=every,
            jump=~every,
        )

    @property
    def relative_error(self) -> np.ndarray:
        """The difference of gradient and slope, in units of the tolerance."""
        apart = abs(self.gradient - self.slope)
        with np.errstate(divide="ignore", invalid="ignore"):
            error = apart / self.tolerance
        return np.where((apart == 0) | self.kink, 0.0, error)

    def in_shape(self, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Values of the coordinates, in the leaf's shape; NaN for all others."""
        whole = np.full(shape, np.nan)
        whole.ravel()[self.indices] = values
        return whole


@dataclass(frozen=True)
class Evidence:
    """A leaf whose gradient is wrong; arrays of the leaf's shape.

    Attributes:
        gradient: The gradient that is checked; of another shape, if that is the fault.
        slope: What it should be; NaN where nothing was measured.
        x: The leaf itself.
        tolerance: By how much the two may differ; NaN where nothing was measured.
        smooth: Where the one-sided slopes agree.
        axes: The lengths of all axes in the program: a batch's among them.
        others: The gradients of the other leaves.
        dtype: The coarsest dtype of the program.
        branches: Whether the program selects between branches, as far as is known.
        tie: If numbers are tied at x: the slope along the diagonal by the gradient,
            that of f, and whether the two differ.
        jump: Where f jumps.
    """

    gradient: np.ndarray
    slope: np.ndarray
    x: np.ndarray
    tolerance: np.ndarray
    smooth: np.ndarray | bool = True
    axes: frozenset[int] = frozenset()
    others: tuple[np.ndarray, ...] = ()
    dtype: np.dtype = _FLOAT64
    branches: bool = True
    tie: tuple[float, float, bool] | None = None
    jump: np.ndarray | bool = False

    @cached_property
    def measured(self) -> np.ndarray:
        """The mask of coordinates with a finite gradient and a finite slope."""
        return np.isfinite(self.slope) & np.isfinite(self.gradient)

    @cached_property
    def wrong(self) -> np.ndarray:
        """The mask of coordinates that differ by more than the tolerance."""
        return self.measured & (abs(self.gradient - self.slope) > self.tolerance)

    @cached_property
    def wrong_indices(self) -> np.ndarray:
        """The indices of the wrong coordinates, a row for each."""
        return np.argwhere(self.wrong)

    def explained(self, by: np.ndarray) -> bool:
        """Whether the gradient equals `by`, to the digits that can be told.

        The remainder may be ten times the tolerance, since a factor was itself fitted
        to the numbers, plus a thousandth of the fault: a pattern explains a fault if
        what it leaves over is small beside the fault.
        """
        here = self.measured
        remainder = abs(self.gradient - by)[here]
        fault = abs(self.gradient - self.slope)[here]
        allowed = 10 * self.tolerance[here] + 1e-3 * fault
        return bool(here.any() and (remainder <= allowed).all())

    def equals_slope(self, guess: np.ndarray) -> bool:
        """Whether a gradient of another shape, changed to `guess`, is the slope."""
        return guess.shape == self.slope.shape and bool(
            (abs(guess - self.slope) <= 10 * self.tolerance).all()
        )

    def uncertainty(self, part: np.ndarray) -> float:
        """The relative uncertainty of a part of the gradient: the median coordinate's.

        A fact such as a factor is printed with as many digits as it allows.
        """
        here = self.measured & (part != 0)
        return float(np.median(self.tolerance[here] / abs(part[here])))

    @cached_property
    def factor(self) -> float:
        """c, if the gradient is c times the slope; 0.0 if it is not.

        c is fitted by least squares, each coordinate weighted by 1 / tolerance².
        """
        here = self.measured & (self.slope != 0)
        if not here.any():
            return 0.0
        weight = 1 / np.maximum(self.tolerance[here], np.finfo(float).tiny) ** 2
        weight = weight / weight.max()
        factor = float(
            (weight * self.gradient[here] * self.slope[here]).sum()
            / (weight * self.slope[here] ** 2).sum()
        )
        return factor if self.explained(factor * self.slope) else 0.0

    @cached_property
    def decay(self) -> float:
        """c, if the gradient is the slope less c x; 0.0 if it is not."""
        here = self.measured & (self.x != 0)
        if here.sum() < 3:
            return 0.0
        c = float(np.median((self.slope - self.gradient)[here] / self.x[here]))
        return c if self.explained(self.slope - c * self.x) else 0.0

    @cached_property
    def single(self) -> tuple[float, float] | None:
        """Gradient and slope of the only wrong coordinate; None if there are more."""
        if len(self.wrong_indices) != 1 or self.measured.sum() < 2:
            return None
        at = tuple(self.wrong_indices[0])
        return float(self.gradient[at]), float(self.slope[at])


def near(a: float, b: float) -> bool:
    """Whether two factors are the same to a thousandth."""
    return bool(np.isclose(a, b, rtol=1e-3))


def shift_of(a: np.ndarray, b: np.ndarray, axis: int) -> int:
    """The shift along an axis with the largest circular cross-correlation."""
    a, b = (np.nan_to_num(array) for array in (a, b))
    spectrum = np.fft.rfft(a, axis=axis) * np.fft.rfft(b, axis=axis).conj()
    correlation = np.fft.irfft(spectrum, a.shape[axis], axis=axis)
    rest = tuple(i for i in range(a.ndim) if i != axis)
    return int(np.argmax(correlation.sum(rest)))


def index_text(index: np.ndarray) -> str:
    """An index as one writes it: `[2, 3]`."""
    return "[" + ", ".join(str(int(i)) for i in index) + "]"


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as one reads it: `2×3`."""
    return "×".join(map(str, shape)) or "scalar"


def number_text(x: float, uncertainty: float = 1e-6) -> str:
    """The shortest number within the relative uncertainty; at most six digits.

    Example:
        >>> number_text(99.9999999), number_text(1.0010002)
        ('100', '1.001')
        >>> number_text(0.00999984, 1e-4)
        '0.01'
    """
    for digits in range(1, 6):
        short = f"{x:.{digits}g}"
        if abs(float(short) - x) <= uncertainty * abs(x):
            return f"{float(short):g}"
    return f"{x:.6g}"
