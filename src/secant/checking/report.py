"""Reports of a check: a verdict for each leaf, readable when printed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from secant.checking.context import CheckContext
from secant.checking.diagnosis import Cause
from secant.checking.evidence import Comparison
from secant.checking.rounding import PERTURBATIONS
from secant.checking.verdict import Judgement, Verdict
from secant.errors import InvalidInput, SecantError
from secant.validation import Choice, validate

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_ORDER = list(Verdict)
_FINE = (Verdict.RIGHT, Verdict.ROUNDING, Verdict.KINK, Verdict.TIE)


class WrongGradient(SecantError, AssertionError):
    """A gradient that a check did not find right; the message is the report."""


@dataclass(frozen=True)
class Entry:
    """One coordinate of a leaf.

    Attributes:
        name: As one writes it: `x['W1'][3, 2]`.
        gradient: The gradient that is checked.
        slope: The slope of the secant.
        error: How far that slope may be off, an absolute number.
        tolerance: By how much the two may differ before the gradient is called wrong.
        below: The one-sided slope from below.
        above: The one-sided slope from above.
    """

    name: str
    gradient: float
    slope: float
    error: float
    tolerance: float
    below: float
    above: float

    @property
    def relative(self) -> float:
        """The difference of gradient and slope, relative to the larger."""
        size = max(abs(self.gradient), abs(self.slope))
        return abs(self.gradient - self.slope) / size if size else 0.0


@dataclass(frozen=True)
class LeafReport:
    """The result of a check for one leaf of the tree.

    Attributes:
        name: Where the leaf is: `x['W1']`.
        shape: Its shape.
        dtype: The dtype by whose digits it was judged: the coarsest of the program.
        verdict: The verdict.
        worst: The coordinate that decided the verdict; in a right leaf, the one with
            the largest error; None if the leaf is empty.
        cause: The likeliest cause, where a pattern shows one: a sentence or `""`, with
            its `code`, its `facts` and the `fix` for programs, in English and Korean.
        wrong: How many coordinates are wrong.
        kinks: Coordinates on a kink, at most ten, with one-sided slopes.
        checked: How many coordinates were nudged by themselves.
        resolution: The smallest relative error that would show, in the median
            coordinate.
        reason: How the tolerance was found; for projections, what they cannot see.
        gradient: The gradient that is checked, of the leaf's shape.
        slope: The slopes of the secants, of the leaf's shape; NaN where nothing was
            measured.
        off: How much the two differ, in units of the tolerance; NaN likewise.
        kinked: Which coordinates lie on a kink, of the leaf's shape.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    verdict: Verdict
    worst: Entry | None
    cause: Cause
    wrong: int
    kinks: tuple[Entry, ...]
    checked: int
    resolution: float
    reason: str
    gradient: np.ndarray = field(repr=False)
    slope: np.ndarray = field(repr=False)
    off: np.ndarray = field(repr=False)
    kinked: np.ndarray = field(repr=False)

    @classmethod
    def of(
        cls,
        check: CheckContext,
        leaf: int,
        judgement: Judgement,
        reason: str | None = None,
    ) -> "LeafReport":
        """The report on a leaf.

        Args:
            check: The check.
            leaf: Which leaf of floats.
            judgement: What the check found.
            reason: How the tolerance was found, if not by these coordinates alone.
        """
        verdict, cause, comparison = judgement
        place = check.point.real[leaf]
        name, shape = check.point.names[place], np.shape(check.point.leaves[place])
        gradient = check.values[leaf]
        if gradient.shape != shape:
            gradient = np.full(shape, np.nan)
        size = np.maximum(abs(comparison.gradient), abs(comparison.slope))
        seen = np.isfinite(size) & (size > 0)
        relative = comparison.tolerance[seen] / size[seen]
        worst = _worst(comparison, verdict)
        return cls(
            name=name,
            shape=shape,
            dtype=check.source.dtype.name,
            verdict=verdict,
            worst=None if worst is None else _entry(comparison, worst, name, shape),
            cause=cause,
            wrong=int(comparison.wrong.sum()),
            kinks=tuple(
                _entry(comparison, int(i), name, shape)
                for i in np.flatnonzero(comparison.kink)[:10]
            ),
            checked=len(comparison.indices),
            resolution=float(np.median(relative)) if seen.any() else 0.0,
            reason=reason or _reason(check, leaf, comparison),
            gradient=gradient,
            slope=comparison.in_shape(comparison.slope, shape),
            off=comparison.in_shape(comparison.relative_error, shape),
            kinked=comparison.in_shape(comparison.kink, shape) == 1,
        )

    @property
    def size(self) -> int:
        """The number of coordinates."""
        return int(np.prod(self.shape))

    def to_dict(self) -> dict[str, Any]:
        """All but the arrays, in types that JSON knows."""
        return {
            "name": self.name,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "verdict": str(self.verdict),
            "cause": self.cause,
            "wrong": self.wrong,
            "checked": self.checked,
            "resolution": _plain(self.resolution),
            "reason": self.reason,
            "worst": None if self.worst is None else _entry_dict(self.worst),
            "kinks": [_entry_dict(entry) for entry in self.kinks],
        }


@dataclass(frozen=True)
class GradientReport:
    """The result of a check.

    Attributes:
        leaves: A report for each leaf of floating-point numbers, by its name.
        value: The value of the function at `x`.
        notes: Sentences about what else matters.

    Example:
        >>> import jax.numpy as jnp, secant
        >>> report = secant.check_gradient(lambda x: jnp.sum(x**3), jnp.arange(3.0))
        >>> report.ok, report.verdict
        (True, <Verdict.RIGHT: 'right'>)
    """

    leaves: Mapping[str, LeafReport]
    value: float
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[LeafReport]:
        """The leaves' reports, in the order of the tree."""
        return iter(self.leaves.values())

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all leaves."""
        found = [leaf.verdict for leaf in self]
        return max(found, key=_ORDER.index, default=Verdict.RIGHT)

    @property
    def ok(self) -> bool:
        """Whether every leaf is right: none is wrong, not finite or inconclusive."""
        return self.verdict in _FINE

    def to_dict(self) -> dict[str, Any]:
        """The report without its arrays, in types that JSON knows."""
        return {
            "ok": self.ok,
            "verdict": str(self.verdict),
            "value": _plain(self.value),
            "leaves": [leaf.to_dict() for leaf in self],
            "notes": list(self.notes),
        }

    def assert_ok(self) -> None:
        """Raises unless `ok` is True: for tests.

        Raises:
            WrongGradient: The gradient is wrong, or nothing is known about it; the
                message is the report. It is an `AssertionError` too, so that a test
                fails by it.
        """
        if not self.ok:
            raise WrongGradient(str(self))

    def plot(self, leaf: str | None = None, *, language: str = "en") -> "Figure":
        """A heat map of the error over a leaf, in units of the tolerance.

        Args:
            leaf: Its name; by default the leaf with the worst verdict.
            language: `en` or `ko`.

        Returns:
            A Matplotlib figure.

        Raises:
            InvalidInput: There is no such leaf.
        """
        from secant import plots

        if not self.leaves:
            raise InvalidInput("there is no leaf to draw: x holds no floats")
        if leaf is None:
            chosen = max(self, key=lambda one: _ORDER.index(one.verdict))
        else:
            chosen = self.leaves[validate("leaf", leaf, Choice(self.leaves))]
        return plots.gradient_errors(
            chosen.off,
            title=chosen.name,
            verdict=chosen.verdict,
            note=chosen.cause,
            language=language,
        )

    def __str__(self) -> str:
        """The report in words: a line for each leaf, and its remarks."""
        rows = [_row(leaf) for leaf in self]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [f"gradient: {self.verdict}"]
        for leaf, row in zip(self, rows, strict=True):
            cells = zip(row, widths, strict=True)
            lines.append("  ".join(cell.ljust(width) for cell, width in cells).rstrip())
            lines += [_wrapped(text, "    ") for text in _remarks(leaf)]
        # A reason that several leaves share is printed once.
        reasons = dict.fromkeys(leaf.reason for leaf in self if leaf.worst)
        return "\n".join(
            [*lines, *(_wrapped(text) for text in (*reasons, *self.notes))]
        )


def _worst(comparison: Comparison, verdict: Verdict) -> int | None:
    if not len(comparison.indices):
        return None
    if verdict is Verdict.NOT_FINITE:
        return int(np.argmin(np.isfinite(comparison.gradient + comparison.slope)))
    if verdict is Verdict.KINK:
        return int(np.argmax(comparison.kink))
    if verdict is Verdict.INCONCLUSIVE:
        return int(
            np.argmax(np.maximum(abs(comparison.gradient), abs(comparison.slope)))
        )
    return int(np.argmax(comparison.relative_error))


def _entry(
    comparison: Comparison, place: int, leaf: str, shape: tuple[int, ...]
) -> Entry:
    return Entry(
        _entry_name(leaf, int(comparison.indices[place]), shape),
        *(
            float(array[place])
            for array in (
                comparison.gradient,
                comparison.slope,
                comparison.error,
                comparison.tolerance,
                comparison.below,
                comparison.above,
            )
        ),
    )


def _entry_name(leaf: str, index: int, shape: tuple[int, ...]) -> str:
    """A coordinate as one writes it."""
    if not shape:
        return leaf
    return f"{leaf}[{', '.join(str(int(i)) for i in np.unravel_index(index, shape))}]"


def _reason(check: CheckContext, leaf: int, comparison: Comparison) -> str:
    """The origin of the tolerance, in words."""
    precision, source = check.precision, check.source
    text = (
        f"tolerance: {precision.roundings} roundings of {source.dtype.name}, "
        f"{precision.tolerance:.1g} of the slope"
    )
    if not source.exact:
        text += "; the error bar of the secant"
    if comparison.suspect.any():
        text += (
            f"; {precision.deviations} standard deviations of what changes erratically "
            f"where x is moved by up to {precision.shift:.1g} of itself, "
            f"{PERTURBATIONS} times"
        )
        if source.exact and source.dtype != np.float64:
            text += "; a difference that vanishes in float64 is rounding"
    nudge = source.nudge_at_0(leaf)
    if nudge is not None:
        text += f"; a coordinate that is 0 is nudged by {nudge:.1g}"
    return text


def _wrapped(text: str, margin: str = "") -> str:
    return fill(text, 88, initial_indent=margin, subsequent_indent=margin)


def _row(leaf: LeafReport) -> tuple[str, ...]:
    shape = "×".join(map(str, leaf.shape)) or "scalar"
    if leaf.worst is None:
        return leaf.name, shape, str(leaf.verdict), "nothing to check"
    coordinates = f"{leaf.checked:,} of {leaf.size:,} nudged"
    return leaf.name, shape, str(leaf.verdict), f"{leaf.dtype}, {coordinates}"


def _remarks(leaf: LeafReport) -> Iterator[str]:
    worst = leaf.worst
    if worst is None:
        return
    if leaf.cause:
        # The choice at a tie is a fact.
        yield f"{'' if leaf.verdict is Verdict.TIE else 'likely: '}{leaf.cause}"
    if leaf.verdict is Verdict.INCONCLUSIVE:
        yield (
            "rounding, or the error of the secants, reaches so far that a fault as "
            "large as the gradient would not show; the largest:"
        )
    if leaf.verdict is Verdict.WRONG:
        yield f"wrong in {leaf.wrong:,} of {leaf.checked:,}; the worst:"
    if leaf.verdict is Verdict.KINK:
        yield f"{len(leaf.kinks)} on a kink, where all values in between are right:"
        for entry in leaf.kinks[:3]:
            yield (
                f"{entry.name}: gradient {entry.gradient:.7g}, slope from below "
                f"{entry.below:.7g}, from above {entry.above:.7g}"
            )
    elif leaf.verdict is Verdict.TIE:
        yield (
            f"{worst.name}: gradient {worst.gradient:.7g}, slope where it moves alone "
            f"{worst.slope:.7g}"
        )
    else:
        yield (
            f"{worst.name}: gradient {worst.gradient:.7g}, secant {worst.slope:.7g} "
            f"± {worst.error:.1g}, off by {worst.relative:.1g}"
        )


def _entry_dict(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        **{
            key: _plain(getattr(entry, key))
            for key in ("gradient", "slope", "error", "tolerance", "below", "above")
        },
    }


def _plain(number: float) -> float | str:
    """A number as JSON has it, which knows neither NaN nor infinity."""
    return float(number) if np.isfinite(number) else str(float(number))
