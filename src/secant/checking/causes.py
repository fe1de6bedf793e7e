"""The likeliest cause of a wrong gradient, where its pattern shows one.

Each pattern is a guess at what was written in the place of the gradient. It is named
only if it explains the whole leaf, to the digits that can be told.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

# How many times the tolerance a fault must be for patterns to be told apart.
_PLAIN = 30


@dataclass(frozen=True)
class Evidence:
    """A leaf whose gradient is wrong; arrays of the leaf's shape.

    Attributes:
        gradient: The claim.
        slope: What it should be; NaN where nothing was measured.
        x: The leaf itself.
        tolerance: How far the two may be apart; NaN likewise.
        smooth: Where the slopes to both sides agree.
        axes: The lengths of all axes in the program: a batch's among them.
        others: The claims for the other leaves.
    """

    gradient: np.ndarray
    slope: np.ndarray
    x: np.ndarray
    tolerance: np.ndarray
    smooth: np.ndarray | bool = True
    axes: frozenset[int] = frozenset()
    others: tuple[np.ndarray, ...] = ()

    @property
    def measured(self) -> np.ndarray:
        """Where there is something to compare."""
        return np.isfinite(self.slope) & np.isfinite(self.gradient)

    @property
    def wrong(self) -> np.ndarray:
        """Where the two are further apart than they may be."""
        return self.measured & (abs(self.gradient - self.slope) > self.tolerance)

    def explained(self, by: np.ndarray) -> bool:
        """Whether the claim is `by`, to the digits that can be told.

        Ten times the tolerance, since a factor was itself found from the numbers, and
        a thousandth of the fault: what is left of it has to be small beside it.
        """
        here = self.measured
        left = abs(self.gradient - by)[here]
        fault = abs(self.gradient - self.slope)[here]
        allowed = 10 * self.tolerance[here] + 1e-3 * fault
        return bool(here.any() and (left <= allowed).all())


def likely_cause(evidence: Evidence) -> str:
    """A sentence, or "" if no pattern explains the leaf.

    Example:
        >>> slope = np.array([1.0, -2.0, 3.0])
        >>> likely_cause(Evidence(-slope, slope, slope, 1e-6 * abs(slope)))
        'the sign: the gradient is minus the slope'
    """
    if not np.isfinite(evidence.gradient).all():
        return _of_not_finite(evidence)
    fault = abs(evidence.gradient - evidence.slope)[evidence.wrong]
    # Of a fault of few digits, any pattern would seem to explain it.
    if not (fault > _PLAIN * evidence.tolerance[evidence.wrong]).any():
        return ""
    for pattern in _PATTERNS:
        cause = pattern(evidence)
        if cause:
            seen, size = int(evidence.measured.sum()), evidence.slope.size
            part = f" (as seen in {seen:,} of {size:,})" if seen < size else ""
            return cause + part
    return ""


def _of_not_finite(e: Evidence) -> str:
    bad = ~np.isfinite(e.gradient)
    if np.any(bad & e.smooth & np.isfinite(e.slope)):
        return (
            "the gradient is not finite where the function has a slope: a branch that "
            "jnp.where does not take has no finite derivative there (guard its "
            "argument: f(where(ok, x, 1.0)))"
        )
    if (e.x[bad] == 0).all():
        return "at 0 the function has no slope: it ends, is steep, or has a kink there"
    return ""


def _known(e: Evidence, part: np.ndarray) -> float:
    """How well a part of the claim can be told, relative: so many digits are said."""
    here = e.measured & (part != 0)
    return float(np.median(e.tolerance[here] / abs(part[here])))


def _zero(e: Evidence) -> str:
    if e.gradient.any():
        return ""
    return (
        "all zero: nothing reaches this leaf (a stop_gradient, a term that the "
        "backward rule forgets, an argument that it passes over)"
    )


def _sign(e: Evidence) -> str:
    if e.gradient.size == 1 or not e.explained(-e.slope):
        return ""
    return "the sign: the gradient is minus the slope"


def _factor(e: Evidence) -> str:
    here = e.measured & (e.slope != 0)
    if not here.any():
        return ""
    # Least squares, weighted by what can be told of each.
    weight = 1 / np.maximum(e.tolerance[here], np.finfo(float).tiny) ** 2
    weight = weight / weight.max()
    factor = float(
        (weight * e.gradient[here] * e.slope[here]).sum()
        / (weight * e.slope[here] ** 2).sum()
    )
    if not factor or not e.explained(factor * e.slope):
        return ""
    number = _number(factor, _known(e, factor * e.slope))
    text = f"a constant factor: the gradient is {number} times the slope"
    for length in sorted(e.axes):
        if length > 1 and np.isclose(factor, length, rtol=1e-3):
            return f"{text}, as of a sum for a mean over an axis of {length}"
        if length > 1 and np.isclose(factor, 1 / length, rtol=1e-3):
            return f"{text}, as of a mean for a sum over an axis of {length}"
    for size, what in ((2.0, "too many"), (0.5, "is missing")):
        if np.isclose(abs(factor), size, rtol=1e-3):
            return f"{text}: a 2 {what}, as of a square's derivative"
    return text


def _axes_exchanged(e: Evidence) -> str:
    if e.slope.ndim < 2:
        return ""
    shape = e.slope.shape
    for order in itertools.permutations(range(e.slope.ndim)):
        turned = e.slope.transpose(order)
        if order == tuple(range(e.slope.ndim)):
            continue
        what = "transposed" if len(order) == 2 else f"transposed, axes {order}"
        if turned.shape == shape and e.explained(turned):
            return f"{what}: the gradient is the slope with its axes exchanged"
        if e.explained(turned.reshape(shape)):
            return (
                f"{what} and then reshaped: the gradient's numbers are those of the "
                "slope, read in another order"
            )
    return ""


def _mirrored(e: Evidence) -> str:
    for count in range(1, e.slope.ndim + 1):
        for axes in itertools.combinations(range(e.slope.ndim), count):
            if e.explained(np.flip(e.slope, axes)):
                which = ", ".join(map(str, axes))
                return (
                    f"mirrored along axis {which}: as of a convolution's kernel that "
                    "was flipped, or was not"
                )
    return ""


def _shifted(e: Evidence) -> str:
    for axis, length in enumerate(e.slope.shape):
        shift = _likeliest_shift(e.gradient, e.slope, axis) if length > 1 else 0
        if shift and e.explained(np.roll(e.slope, shift, axis)):
            by = shift if shift <= length // 2 else shift - length
            return f"shifted by {by} along axis {axis}: an index is off"
    return ""


def _likeliest_shift(a: np.ndarray, b: np.ndarray, axis: int) -> int:
    """Where the circular cross-correlation along an axis is largest."""
    a, b = (np.nan_to_num(array) for array in (a, b))
    spectrum = np.fft.rfft(a, axis=axis) * np.fft.rfft(b, axis=axis).conj()
    correlation = np.fft.irfft(spectrum, a.shape[axis], axis=axis)
    rest = tuple(i for i in range(a.ndim) if i != axis)
    return int(np.argmax(correlation.sum(rest)))


def _exchanged_leaves(e: Evidence) -> str:
    for other in e.others:
        if other.shape != e.slope.shape or not other.any():
            continue
        here = e.measured
        if (abs(other - e.slope)[here] <= e.tolerance[here]).all():
            return "exchanged leaves: the gradient given for another leaf fits here"
    return ""


def _proportional(e: Evidence) -> str:
    """A term c x too few or too many: weight decay."""
    here = e.measured & (e.x != 0)
    if here.sum() < 3:
        return ""
    missing = (e.slope - e.gradient)[here]
    c = float(np.median(missing / e.x[here]))
    if not c or not e.explained(e.slope - c * e.x):
        return ""
    number = _number(abs(c), _known(e, c * e.x))
    kind = "missing" if c > 0 else "too many"
    return (
        f"a term proportional to the parameter is {kind}: {number} times x, "
        "as of weight decay"
    )


def _offset(e: Evidence) -> str:
    if e.measured.sum() < 3:
        return ""
    c = float(np.median((e.gradient - e.slope)[e.measured]))
    if not c or not e.explained(e.slope + c):
        return ""
    number = _number(c, _known(e, np.full(e.x.shape, c)))
    return f"a constant is added: {number} in each coordinate"


def _where_negative(e: Evidence) -> str:
    """A branch for negative x, or for positive ones, that is another."""
    wrong, here = e.wrong, e.measured
    for side, name in ((e.x < 0, "x < 0"), (e.x > 0, "x > 0"), (e.x == 0, "x = 0")):
        inside = wrong & side
        if wrong.sum() >= 2 and (wrong == inside).all() and (here & ~side).any():
            # By far most of that side, too: a few could be negative by chance.
            expected = here & side & (abs(e.slope) + abs(e.gradient) > 0)
            if inside.sum() >= 0.9 * expected.sum():
                return f"a branch: wrong exactly where {name}"
    return ""


def _few(e: Evidence) -> str:
    """What the wrong coordinates have in common, if they are few."""
    wrong = np.argwhere(e.wrong)
    total = int(e.measured.sum())
    if len(wrong) == 1 and total > 1:
        at = tuple(wrong[0])
        ratio = _ratio(float(e.gradient[at]), float(e.slope[at]))
        return f"a single coordinate{ratio}; all others are right"
    if len(wrong) > total / 2 or e.slope.ndim < 1:
        return ""
    for axis in range(e.slope.ndim):
        places = np.unique(wrong[:, axis])
        if e.slope.ndim > 1 and len(places) == 1 and len(wrong) > 1:
            return f"all wrong ones have index {places[0]} along axis {axis}"
    spans = [np.ptp(wrong[:, axis]) + 1 for axis in range(e.slope.ndim)]
    if len(wrong) > 1 and np.prod(spans) == len(wrong):
        corner = tuple(int(i) for i in wrong.min(0))
        block = "×".join(str(int(s)) for s in spans)
        return f"a block of {block} from index {_place(corner)} on is wrong"
    inner = e.slope[e.wrong], e.gradient[e.wrong]
    if np.allclose(inner[0], -inner[1], rtol=1e-3):
        return f"the sign of {len(wrong):,} coordinates"
    return ""


def _ratio(gradient: float, slope: float) -> str:
    if slope and np.isclose(gradient, -slope, rtol=1e-3):
        return ", of the wrong sign"
    if gradient == 0:
        return ", which is 0"
    if slope:
        return f", {_number(gradient / slope)} times the slope"
    return ""


def _place(index: tuple[int, ...]) -> str:
    return "[" + ", ".join(map(str, index)) + "]"


def _number(x: float, off: float = 1e-6) -> str:
    """The shortest one as near as it was found, relative; of at most six digits.

    Example:
        >>> _number(99.9999999), _number(1.0010002), _number(0.00999984, 1e-4)
        ('100', '1.001', '0.01')
    """
    for digits in range(1, 6):
        short = f"{x:.{digits}g}"
        if abs(float(short) - x) <= off * abs(x):
            return f"{float(short):g}"
    return f"{x:.6g}"


def of_fewer_digits(gradient: np.ndarray, slope: np.ndarray, dtype: np.dtype) -> str:
    """Which dtype of fewer digits a gradient has been through, as a sentence or "".

    Example:
        >>> slope = np.array([0.1, 0.2, 0.3])
        >>> gradient = slope.astype(np.float16).astype(np.float64)
        >>> of_fewer_digits(gradient, slope, np.dtype(np.float32))
        'the gradient has the digits of float16: it was computed or kept in it'
    """
    # Of few numbers all could be simple ones, as 1 and 1/2.
    if len(np.unique(abs(gradient))) < 3:
        return ""
    with np.errstate(over="ignore"):
        for fewer in (jnp.bfloat16, jnp.float16, jnp.float32):
            unit = float(jnp.finfo(fewer).eps)
            kept = (gradient.astype(fewer).astype(np.float64) == gradient).all()
            near = ~(abs(gradient - slope) > unit * abs(slope))
            if unit > jnp.finfo(dtype).eps and kept and near.all():
                return (
                    f"the gradient has the digits of {np.dtype(fewer).name}: it was "
                    "computed or kept in it"
                )
    return ""


_PATTERNS: tuple[Callable[[Evidence], str], ...] = (
    _zero,
    _sign,
    _factor,
    _exchanged_leaves,
    _axes_exchanged,
    _mirrored,
    _shifted,
    _proportional,
    _offset,
    _where_negative,
    _few,
)


def cause_of_shape(
    gradient: np.ndarray, slope: np.ndarray, tolerance: np.ndarray
) -> str:
    """The likeliest cause of a claim whose shape is not that of the leaf.

    Example:
        >>> slope = np.array([2.0, 4.0])
        >>> cause_of_shape(np.array([[1.0, 2.0]] * 2), slope, 1e-6 * slope)
        'its shape is (2, 2), and not (2,): a batch axis of 2 is left, whose sum is ...'
    """
    text = f"its shape is {gradient.shape}, and not {slope.shape}"

    def fits(guess: np.ndarray) -> bool:
        return bool((abs(guess - slope) <= 10 * tolerance).all())

    if gradient.shape[1:] == slope.shape and gradient.ndim == slope.ndim + 1:
        for what, reduced in (("sum", gradient.sum(0)), ("mean", gradient.mean(0))):
            if fits(reduced):
                return (
                    f"{text}: a batch axis of {len(gradient)} is left, whose {what} is "
                    "the slope"
                )
    if gradient.size == slope.size:
        if gradient.T.shape == slope.shape and fits(gradient.T):
            return f"{text}: transposed"
        if fits(gradient.reshape(slope.shape)):
            return f"{text}: the numbers are right, reshape them to that of the leaf"
    if gradient.ndim < slope.ndim:
        return f"{text}: a sum went over one axis too many"
    return text
