"""The likeliest cause of a wrong gradient, where its pattern shows one.

Each pattern is a guess at what was written in the place of the gradient. It is named
only if it explains the whole leaf, to the digits that can be told.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import jax.numpy as jnp
import numpy as np

# How many times the tolerance a fault must be for patterns to be told apart.
_PLAIN = 30


class Cause(str):
    """A sentence that names the likeliest cause, and its parts for other languages.

    Attributes:
        code: Which cause: `"factor"`; "" for none.
        facts: What the sentence speaks of, by name.

    Example:
        >>> cause = Cause("shifted", "shifted by 1 along axis 0", by=1, axis=0)
        >>> cause.startswith("shifted by 1"), cause.code, cause.facts["axis"]
        (True, 'shifted', 0)
    """

    code: str
    facts: dict[str, Any]

    def __new__(cls, code: str, sentence: str, **facts: Any) -> Self:
        """The sentence is the string itself."""
        cause = super().__new__(cls, sentence)
        cause.code, cause.facts = code, facts
        return cause

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        """What a copy is made from; its facts follow as its state."""
        return self.code, str(self)


UNKNOWN = Cause("", "")
"""No pattern shows."""


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


def likely_cause(evidence: Evidence) -> Cause:
    """The cause; `UNKNOWN`, which is "", if no pattern explains the leaf.

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
        return UNKNOWN
    for pattern in _PATTERNS:
        cause = pattern(evidence)
        if cause:
            seen, size = int(evidence.measured.sum()), evidence.slope.size
            if seen == size:
                return cause
            counts = {"seen": f"{seen:,}", "size": f"{size:,}"}
            part = " (as seen in {seen} of {size})".format(**counts)
            return Cause(cause.code, cause + part, **cause.facts, **counts)
    return UNKNOWN


def _of_not_finite(e: Evidence) -> Cause:
    bad = ~np.isfinite(e.gradient)
    if np.any(bad & e.smooth & np.isfinite(e.slope)):
        return Cause(
            "branch_not_taken",
            "the gradient is not finite where the function has a slope: a branch that "
            "jnp.where does not take has no finite derivative there (guard its "
            "argument: f(where(ok, x, 1.0)))",
        )
    if (e.x[bad] == 0).all():
        return Cause(
            "no_slope_at_0",
            "at 0 the function has no slope: it ends, is steep, or has a kink there",
        )
    return UNKNOWN


def _known(e: Evidence, part: np.ndarray) -> float:
    """How well a part of the claim can be told, relative: so many digits are said."""
    here = e.measured & (part != 0)
    return float(np.median(e.tolerance[here] / abs(part[here])))


def _zero(e: Evidence) -> Cause:
    if e.gradient.any():
        return UNKNOWN
    return Cause(
        "zero",
        "all zero: nothing reaches this leaf (a stop_gradient, a term that the "
        "backward rule forgets, an argument that it passes over)",
    )


def _sign(e: Evidence) -> Cause:
    if e.gradient.size == 1 or not e.explained(-e.slope):
        return UNKNOWN
    return Cause("sign", "the sign: the gradient is minus the slope")


def _factor(e: Evidence) -> Cause:
    here = e.measured & (e.slope != 0)
    if not here.any():
        return UNKNOWN
    # Least squares, weighted by what can be told of each.
    weight = 1 / np.maximum(e.tolerance[here], np.finfo(float).tiny) ** 2
    weight = weight / weight.max()
    factor = float(
        (weight * e.gradient[here] * e.slope[here]).sum()
        / (weight * e.slope[here] ** 2).sum()
    )
    if not factor or not e.explained(factor * e.slope):
        return UNKNOWN
    number = _number(factor, _known(e, factor * e.slope))
    text = f"a constant factor: the gradient is {number} times the slope"

    def named(code: str, addition: str = "", **more: Any) -> Cause:
        return Cause(code, text + addition, factor=number, **more)

    for length in sorted(e.axes):
        if length > 1 and np.isclose(factor, length, rtol=1e-3):
            over = f", as of a sum for a mean over an axis of {length}"
            return named("sum_for_mean", over, length=length)
        if length > 1 and np.isclose(factor, 1 / length, rtol=1e-3):
            over = f", as of a mean for a sum over an axis of {length}"
            return named("mean_for_sum", over, length=length)
    if np.isclose(abs(factor), 2.0, rtol=1e-3):
        return named("two_too_many", ": a 2 too many, as of a square's derivative")
    if np.isclose(abs(factor), 0.5, rtol=1e-3):
        return named("two_missing", ": a 2 is missing, as of a square's derivative")
    return named("factor")


def _axes_exchanged(e: Evidence) -> Cause:
    if e.slope.ndim < 2:
        return UNKNOWN
    shape = e.slope.shape
    for order in itertools.permutations(range(e.slope.ndim)):
        turned = e.slope.transpose(order)
        if order == tuple(range(e.slope.ndim)):
            continue
        what = "transposed" if len(order) == 2 else f"transposed, axes {order}"
        if turned.shape == shape and e.explained(turned):
            return Cause(
                "transposed",
                f"{what}: the gradient is the slope with its axes exchanged",
            )
        if e.explained(turned.reshape(shape)):
            return Cause(
                "read_in_another_order",
                f"{what} and then reshaped: the gradient's numbers are those of the "
                "slope, read in another order",
            )
    return UNKNOWN


def _mirrored(e: Evidence) -> Cause:
    for count in range(1, e.slope.ndim + 1):
        for axes in itertools.combinations(range(e.slope.ndim), count):
            if e.explained(np.flip(e.slope, axes)):
                which = ", ".join(map(str, axes))
                return Cause(
                    "mirrored",
                    f"mirrored along axis {which}: as of a convolution's kernel that "
                    "was flipped, or was not",
                    axes=which,
                )
    return UNKNOWN


def _shifted(e: Evidence) -> Cause:
    for axis, length in enumerate(e.slope.shape):
        shift = _likeliest_shift(e.gradient, e.slope, axis) if length > 1 else 0
        if shift and e.explained(np.roll(e.slope, shift, axis)):
            by = shift if shift <= length // 2 else shift - length
            return Cause(
                "shifted",
                f"shifted by {by} along axis {axis}: an index is off",
                by=by,
                axis=axis,
            )
    return UNKNOWN


def _likeliest_shift(a: np.ndarray, b: np.ndarray, axis: int) -> int:
    """Where the circular cross-correlation along an axis is largest."""
    a, b = (np.nan_to_num(array) for array in (a, b))
    spectrum = np.fft.rfft(a, axis=axis) * np.fft.rfft(b, axis=axis).conj()
    correlation = np.fft.irfft(spectrum, a.shape[axis], axis=axis)
    rest = tuple(i for i in range(a.ndim) if i != axis)
    return int(np.argmax(correlation.sum(rest)))


def _exchanged_leaves(e: Evidence) -> Cause:
    for other in e.others:
        if other.shape != e.slope.shape or not other.any():
            continue
        here = e.measured
        if (abs(other - e.slope)[here] <= e.tolerance[here]).all():
            return Cause(
                "exchanged_leaves",
                "exchanged leaves: the gradient given for another leaf fits here",
            )
    return UNKNOWN


def _proportional(e: Evidence) -> Cause:
    """A term c x too few or too many: weight decay."""
    here = e.measured & (e.x != 0)
    if here.sum() < 3:
        return UNKNOWN
    missing = (e.slope - e.gradient)[here]
    c = float(np.median(missing / e.x[here]))
    if not c or not e.explained(e.slope - c * e.x):
        return UNKNOWN
    number = _number(abs(c), _known(e, c * e.x))
    kind = "missing" if c > 0 else "too many"
    return Cause(
        "decay_missing" if c > 0 else "decay_too_many",
        f"a term proportional to the parameter is {kind}: {number} times x, "
        "as of weight decay",
        factor=number,
    )


def _offset(e: Evidence) -> Cause:
    if e.measured.sum() < 3:
        return UNKNOWN
    c = float(np.median((e.gradient - e.slope)[e.measured]))
    if not c or not e.explained(e.slope + c):
        return UNKNOWN
    number = _number(c, _known(e, np.full(e.x.shape, c)))
    return Cause(
        "constant_added",
        f"a constant is added: {number} in each coordinate",
        constant=number,
    )


def _where_negative(e: Evidence) -> Cause:
    """A branch for negative x, or for positive ones, that is another."""
    wrong, here = e.wrong, e.measured
    for side, name in ((e.x < 0, "x < 0"), (e.x > 0, "x > 0"), (e.x == 0, "x = 0")):
        inside = wrong & side
        if wrong.sum() >= 2 and (wrong == inside).all() and (here & ~side).any():
            # By far most of that side, too: a few could be negative by chance.
            expected = here & side & (abs(e.slope) + abs(e.gradient) > 0)
            if inside.sum() >= 0.9 * expected.sum():
                return Cause(
                    "branch", f"a branch: wrong exactly where {name}", where=name
                )
    return UNKNOWN


def _few(e: Evidence) -> Cause:
    """What the wrong coordinates have in common, if they are few."""
    wrong = np.argwhere(e.wrong)
    total = int(e.measured.sum())
    if len(wrong) == 1 and total > 1:
        at = tuple(wrong[0])
        code, ratio, facts = _ratio(float(e.gradient[at]), float(e.slope[at]))
        text = f"a single coordinate{ratio}; all others are right"
        place = _place(tuple(int(i) for i in at))
        return Cause(f"single{code}", text, place=place, **facts)
    if len(wrong) > total / 2 or e.slope.ndim < 1:
        return UNKNOWN
    for axis in range(e.slope.ndim):
        places = np.unique(wrong[:, axis])
        if e.slope.ndim > 1 and len(places) == 1 and len(wrong) > 1:
            return Cause(
                "one_index",
                f"all wrong ones have index {places[0]} along axis {axis}",
                index=int(places[0]),
                axis=axis,
            )
    spans = [np.ptp(wrong[:, axis]) + 1 for axis in range(e.slope.ndim)]
    if len(wrong) > 1 and np.prod(spans) == len(wrong):
        corner = _place(tuple(int(i) for i in wrong.min(0)))
        block = "×".join(str(int(s)) for s in spans)
        return Cause(
            "block",
            f"a block of {block} from index {corner} on is wrong",
            block=block,
            place=corner,
        )
    inner = e.slope[e.wrong], e.gradient[e.wrong]
    if np.allclose(inner[0], -inner[1], rtol=1e-3):
        count = f"{len(wrong):,}"
        return Cause("some_signs", f"the sign of {count} coordinates", count=count)
    return UNKNOWN


def _ratio(gradient: float, slope: float) -> tuple[str, str, dict[str, str]]:
    """What a wrong coordinate is beside its slope: a code, words, and their facts."""
    if slope and np.isclose(gradient, -slope, rtol=1e-3):
        return "_sign", ", of the wrong sign", {}
    if gradient == 0:
        return "_zero", ", which is 0", {}
    if slope:
        number = _number(gradient / slope)
        return "_factor", f", {number} times the slope", {"factor": number}
    return UNKNOWN, "", {}


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


def of_fewer_digits(gradient: np.ndarray, slope: np.ndarray, dtype: np.dtype) -> Cause:
    """Which dtype of fewer digits a gradient has been through, or `UNKNOWN`.

    Example:
        >>> slope = np.array([0.1, 0.2, 0.3])
        >>> gradient = slope.astype(np.float16).astype(np.float64)
        >>> of_fewer_digits(gradient, slope, np.dtype(np.float32))
        'the gradient has the digits of float16: it was computed or kept in it'
    """
    # Of few numbers all could be simple ones, as 1 and 1/2.
    if len(np.unique(abs(gradient))) < 3:
        return UNKNOWN
    with np.errstate(over="ignore"):
        for fewer in (jnp.bfloat16, jnp.float16, jnp.float32):
            unit = float(jnp.finfo(fewer).eps)
            kept = (gradient.astype(fewer).astype(np.float64) == gradient).all()
            near = ~(abs(gradient - slope) > unit * abs(slope))
            if unit > jnp.finfo(dtype).eps and kept and near.all():
                name = np.dtype(fewer).name
                return Cause(
                    "fewer_digits",
                    f"the gradient has the digits of {name}: it was computed or kept "
                    "in it",
                    dtype=name,
                )
    return UNKNOWN


_PATTERNS: tuple[Callable[[Evidence], Cause], ...] = (
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
) -> Cause:
    """The likeliest cause of a claim whose shape is not that of the leaf.

    Example:
        >>> slope = np.array([2.0, 4.0])
        >>> cause_of_shape(np.array([[1.0, 2.0]] * 2), slope, 1e-6 * slope)
        'its shape is (2, 2), and not (2,): a batch axis of 2 is left, whose sum is ...'
    """
    text = f"its shape is {gradient.shape}, and not {slope.shape}"

    def named(code: str, addition: str = "", **more: Any) -> Cause:
        came, due = _shape(gradient), _shape(slope)
        return Cause(code, text + addition, came=came, due=due, **more)

    def fits(guess: np.ndarray) -> bool:
        return bool((abs(guess - slope) <= 10 * tolerance).all())

    if gradient.shape[1:] == slope.shape and gradient.ndim == slope.ndim + 1:
        length = len(gradient)
        for what, reduced in (("sum", gradient.sum(0)), ("mean", gradient.mean(0))):
            if fits(reduced):
                left = f": a batch axis of {length} is left, whose {what} is the slope"
                return named(f"batch_axis_{what}", left, length=length)
    if gradient.size == slope.size:
        if gradient.T.shape == slope.shape and fits(gradient.T):
            return named("shape_transposed", ": transposed")
        if fits(gradient.reshape(slope.shape)):
            return named(
                "reshaped",
                ": the numbers are right, reshape them to that of the leaf",
            )
    if gradient.ndim < slope.ndim:
        return named("axis_lost", ": a sum went over one axis too many")
    return named("shape")


def _shape(array: np.ndarray) -> str:
    return "×".join(map(str, array.shape)) or "scalar"
