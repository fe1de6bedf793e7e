"""Gradient descent: step after step against the gradient, and what came of it.

`x ← x - learning rate · gradient`. The gradient points to where the function rises
most, so it is subtracted, and the learning rate is positive.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

import numpy as np

from secant.arrays import Array, ArrayLike
from secant.derivatives.finite_difference import numerical_gradient, refuse_unread
from secant.derivatives.validation import (
    Floats,
    Function,
    as_function,
    as_number,
    as_point,
    refuse_not_finite,
)
from secant.errors import InvalidInput
from secant.validation import PositiveNumber, WholeNumber, validate

Gradient: TypeAlias = Callable[[Function, Any], Any]
"""`(f, x) -> gradient` of x's shape, as `numerical_gradient`."""

_LR = PositiveNumber(
    example=0.1,
    hint="descent subtracts lr × gradient, and the gradient points uphill; to climb, "
    "descend `lambda x: -f(x)`",
)
_STEPS = WholeNumber(low=0, example=100)

# How far `numerical_gradient` nudges, which scales the rounding of its slopes.
_NUDGE = 1e-4


class DescentWarning(UserWarning):
    """A descent that did not get down."""


class DescentStatus(Enum):
    """What came of a descent, in a sentence."""

    CONVERGED = "The gradient vanished: further steps would hardly lower the value."
    STILL_FALLING = "The value was still falling when the steps ran out."
    BOUNCES = "Steps lead to and fro: the learning rate is at the edge."
    DIVERGED = "The value rose for good, or was finite no longer."
    HARDLY_MOVED = "The learning rate is too small to get anywhere in these steps."
    STARTED_FLAT = "The gradient is 0 at the start: a minimum, saddle or maximum."


@dataclass(frozen=True, eq=False)
class Descent:
    """A descent: where it went, and what came of it.

    Attributes:
        path: The points, (steps + 1, *shape of x), float64, read-only. Where the
            descent ended early, those that were reached with everything finite.
        values: f at each of them, (steps + 1,).
        gradient_norms: The gradient's length √Σᵢgᵢ² at each of them, (steps + 1,).
        status: Which of six things happened.
        message: The same in a sentence with this descent's numbers.
        evaluations: How many times f was called.
    """

    path: Floats = field(repr=False)
    values: Floats = field(repr=False)
    gradient_norms: Floats = field(repr=False)
    status: DescentStatus
    message: str
    evaluations: int

    @property
    def x(self) -> Floats:
        """The last point, a new array."""
        return self.path[-1].copy()

    @property
    def value(self) -> float:
        """The value of f at the last point."""
        return float(self.values[-1])


def descend(
    f: Function,
    init_x: ArrayLike,
    lr: float = 0.01,
    step_num: int = 100,
    *,
    gradient: Gradient = numerical_gradient,
) -> Descent:
    """Descends and says what happened: `x ← x - lr · gradient(f, x)`.

    The verdict does not depend on the units of f and x. With v the values, g the
    lengths of the gradients and n the steps taken, the first of these that holds:

    - Diverged: a value, slope or point came out that is not finite or not to be
      computed.
    - Started flat: g₀ and gₙ are rounding, `4 √size ε (|f| + spread (1 + |x|/h)) / h`
      with `spread` how far f moved when nudged.
    - Hardly moved: no gradient on the way differs from the first by more than 1 %, so
      that less than 1 % of the way to a minimum is done. Where none differs by more
      than rounding, as for a straight line: no coordinate moved by more than 1 %.
    - Converged: gₙ is rounding, or at the pace of the last tenth of the steps,
      `r² = gₙ²/gₙ₋₁²`, what is left to fall, `lr gₙ² / (1 - r²)`, is below 1e-6 of
      what was fallen.
    - Diverged: over the last half of the steps the value rose by more than 5 % of
      `lr Σ g²`, which is what it should have fallen by; or it ended above the whole
      first half by more than 1 % of `lr g₀²`.
    - Bounces: over the last half it fell by less than 5 % of that. On a parabola of
      curvature λ the share is `1 - lr λ / 2`: 0 at the edge, lr = 2/λ.
    - Still falling: all else.

    Args:
        f: What is to become small: an array of init_x's shape in, a number out.
        init_x: Where to start: real numbers of any shape; never changed.
        lr: The learning rate, a positive number.
        step_num: How many steps, an integer from 0 on.
        gradient: Finds the gradient of f at x. For another nudge:
            `functools.partial(numerical_gradient, h=1e-6)`.

    Returns:
        The path, the values and the verdict. An overflow on the way ends the descent
        and is no error.

    Raises:
        InvalidInput: An argument is not of its kind, or no gradient can be found at
            the start.

    Example:
        >>> def bowl(x):
        ...     return x[0] ** 2 + x[1] ** 2
        >>> descend(bowl, [-3.0, 4.0], lr=0.1).status.name
        'CONVERGED'
        >>> print(descend(bowl, [-3.0, 4.0], lr=1.0).message)
        bounces: ... the learning rate 1.0 is at the edge: try 0.5 or less
    """
    as_function(gradient, "gradient")
    f, rate = as_function(f), validate("lr", lr, _LR)
    steps = validate("step_num", step_num, _STEPS)
    x = as_point(init_x, "init_x")
    look = _Look(f, gradient)
    ended = ""
    # What overflows ends in a sentence; NumPy's warnings would say it less well.
    with np.errstate(all="ignore"):
        views = [look(x, "at init_x")]
        if x.size and not views[0].slope.any():
            refuse_unread(look.f, x, init_x, remedy="")
        for step in range(1, steps + 1):
            x = np.asarray(x - rate * views[-1].slope)
            try:
                views.append(look(x, f"at step {step}"))
            except (ArithmeticError, ValueError) as error:
                # The first clause says what happened; what follows is advice.
                ended = re.split(r", and |: |; ", str(error))[0]
                break
        course = _Course.of(views, rate, ended)
        status, message = _judge(course)
    for array in (course.path, course.values, course.norms):
        array.flags.writeable = False
    return Descent(
        course.path, course.values, course.norms, status, message, look.f.calls
    )


# --- looking ---------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _View:
    """What is seen at a point, and how much of the slope may be rounding."""

    x: Floats
    value: float
    slope: Floats
    rounding: float


class _Counted:
    """f, counting its calls and noting between which values it moves."""

    def __init__(self, f: Function):
        self.f = f
        self.calls = 0
        self.forget()

    def forget(self) -> None:
        self.lowest, self.highest, self.precision = np.inf, -np.inf, 2.0**-52

    def __call__(self, x: Array) -> Any:
        self.calls += 1
        value = self.f(x)
        if not isinstance(value, float):
            size = getattr(getattr(value, "dtype", None), "itemsize", 8)
            # float32 and bfloat16: JAX's functions return them.
            self.precision = {4: 2.0**-23, 2: 2.0**-8}.get(size, self.precision)
            return value
        self.lowest, self.highest = min(self.lowest, value), max(self.highest, value)
        return value


class _Look:
    """Takes a view of f at a point."""

    def __init__(self, f: Function, gradient: Gradient):
        self.f = _Counted(f)
        self.gradient = gradient

    def __call__(self, x: Floats, where: str) -> _View:
        refuse_not_finite(x, "x")
        self.f.forget()
        # Copies: whatever is done to them, the path stays as it was.
        value = as_number(self.f(x.copy()), lambda: where)
        slope = as_point(self.gradient(self.f, x.copy()), "the gradient")
        if slope.shape != x.shape:
            raise InvalidInput(
                f"gradient returned shape {slope.shape} for x of shape {x.shape}: "
                "return a slope for each entry"
            )
        spread = max(self.f.highest - self.f.lowest, 0.0)
        size = float(abs(x).max(initial=0.0))
        unsure = abs(value) + spread * (1 + size / _NUDGE)
        rounding = 4 * np.sqrt(x.size) * self.f.precision * unsure / _NUDGE
        return _View(x, value, slope, float(rounding))


# --- judging ---------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Course:
    """What a verdict is made from."""

    rate: float
    path: Floats
    values: Floats
    norms: Floats
    turned: float
    """The largest difference of a gradient from the first."""
    roundings: tuple[float, float]
    """Of the first and the last gradient."""
    ended: str
    """What ended the descent early, or nothing."""

    @classmethod
    def of(cls, views: list[_View], rate: float, ended: str) -> "_Course":
        first, last = views[0], views[-1]
        return cls(
            rate=rate,
            path=np.stack([view.x for view in views]),
            values=np.array([view.value for view in views]),
            norms=np.array([_length(view.slope) for view in views]),
            turned=max(_length(view.slope - first.slope) for view in views),
            roundings=(first.rounding, last.rounding),
            ended=ended,
        )

    @property
    def steps(self) -> int:
        return len(self.values) - 1

    @property
    def moved(self) -> float:
        """How far the coordinate that moved farthest did."""
        return float(abs(self.path - self.path[0]).max(initial=0.0))


def _judge(course: _Course) -> tuple[DescentStatus, str]:
    if course.ended:
        return DescentStatus.DIVERGED, _say_diverged(course)
    if _is_flat(course):
        return DescentStatus.STARTED_FLAT, (
            f"started flat: the value is {course.values[0]:.6g} and the gradient 0 "
            "there, at a minimum, a saddle or a maximum, and no step leads anywhere; "
            "start at another point"
        )
    if course.steps == 0:
        return DescentStatus.STILL_FALLING, (
            f"no step was taken: the value is {course.values[0]:.6g}, the gradient's "
            f"length {course.norms[0]:.3g}; pass step_num=100, for example"
        )
    if _has_hardly_moved(course):
        return DescentStatus.HARDLY_MOVED, _say_hardly_moved(course)
    if _has_converged(course):
        return DescentStatus.CONVERGED, (
            f"converged: the value fell {_change(course.values[0], course.values[-1])} "
            f"in {_count(course.steps)}, and the gradient's length from "
            f"{course.norms[0]:.3g} to {course.norms[-1]:.3g}"
        )
    share = _share_of_the_promise(course)
    if share < -0.05 or _has_risen(course):
        return DescentStatus.DIVERGED, _say_diverged(course)
    half = course.steps - course.steps // 2
    if share <= 0.05:
        return DescentStatus.BOUNCES, (
            f"bounces: over the last {_count(half)} the value went "
            f"{_change(course.values[-1 - half], course.values[-1])}, although the "
            f"gradient's length is still {course.norms[-1]:.3g}; the learning rate "
            f"{course.rate!r} is at the edge: try {course.rate / 2:.3g} or less"
        )
    return DescentStatus.STILL_FALLING, _say_still_falling(course)


def _is_flat(course: _Course) -> bool:
    first, last = course.roundings
    return bool(course.norms[0] <= first and course.norms[-1] <= last)


def _has_hardly_moved(course: _Course) -> bool:
    rounding = max(course.roundings)
    if course.turned > rounding:
        return course.turned <= 0.01 * course.norms[0]
    # As straight as can be told: the curvature says nothing about how far to go.
    size = float(abs(course.path[0]).max(initial=0.0))
    return course.moved <= max(0.01 * size, _NUDGE)


def _has_converged(course: _Course) -> bool:
    norm, before = course.norms[-1], course.norms.max()
    # Where f is huge, rounding is too: only a gradient that fell counts.
    if norm <= course.roundings[1] and norm <= before / 2:
        return True
    window = max(course.steps // 10, 1)
    pace = (norm / course.norms[-1 - window]) ** (2 / window)
    fallen = course.values.max() - course.values[-1]
    return bool(pace < 1 and course.rate * norm**2 <= 1e-6 * fallen * (1 - pace))


def _share_of_the_promise(course: _Course) -> float:
    """Of what the last half of the steps should have fallen by, how much they did."""
    half = course.steps // 2
    norms = course.norms[half:-1]
    # Divided by the largest before it is squared, which may overflow.
    largest = norms.max()
    promise = course.rate * np.sum((norms / largest) ** 2) * largest
    return float((course.values[half] - course.values[-1]) / largest / promise)


def _has_risen(course: _Course) -> bool:
    """Slowly, perhaps: growth of 1 % a step is 5e-3 of the promise."""
    before = course.values[: course.steps // 2 + 1].max()
    promise = course.rate * course.norms[0] ** 2
    return bool(course.values[-1] - before > 0.01 * promise)


# --- saying ----------------------------------------------------------------------


def _say_diverged(course: _Course) -> str:
    values = course.values
    # The last of equally low ones: until there, the value came back.
    lowest = int(np.flatnonzero(values == values.min())[-1])
    advice = (
        f"the learning rate {course.rate!r} is too large: try {course.rate / 10:.3g} "
        "or less"
    )
    if lowest < course.steps:
        after = f"; in the end {course.ended}" if course.ended else ""
        return (
            f"diverged at step {lowest + 1}: the value rose "
            f"{_change(values[lowest], values[lowest + 1])} and never came back"
            f"{after}; {advice}"
        )
    step = course.steps + 1
    if course.steps == 0:
        return (
            f"diverged at step {step}: the value was {values[0]:.6g}, and then "
            f"{course.ended}; {advice}"
        )
    return (
        f"diverged at step {step}: the value fell {_change(values[0], values[-1])}, "
        f"and then {course.ended}; f may fall for ever or end there, or else {advice}"
    )


def _say_hardly_moved(course: _Course) -> str:
    share = course.turned / course.norms[0]
    better = 10 * course.rate
    if course.turned > max(course.roundings):
        # A step turns the gradient by lr · curvature; a tenth a step is quick and safe.
        better = max(better, 0.1 * course.rate * course.steps / share)
    return (
        f"hardly moved in {_count(course.steps)}: no coordinate by more than "
        f"{course.moved:.1g}, the value "
        f"{_change(course.values[0], course.values[-1])}; the learning rate "
        f"{course.rate!r} is too small for so few steps: try about {better:.1g}, or "
        "more steps"
    )


def _say_still_falling(course: _Course) -> str:
    hint = "take more steps"
    if course.norms[-1] >= 0.99 * course.norms.max():
        hint = (
            "the gradient has not become smaller, so a minimum is far away, or there "
            "is none"
        )
    return (
        f"still falling after {_count(course.steps)}: the value went "
        f"{_change(course.values[0], course.values[-1])}, the gradient's length from "
        f"{course.norms[0]:.3g} to {course.norms[-1]:.3g}; {hint}"
    )


def _change(before: float, after: float) -> str:
    """Both values with as many digits as it takes to tell them apart."""
    for digits in (6, 9, 12, 17):
        one, other = f"{before:.{digits}g}", f"{after:.{digits}g}"
        if one != other:
            return f"from {one} to {other}"
    return f"from {before:.6g} to {after:.6g}"


def _count(steps: int) -> str:
    return "1 step" if steps == 1 else f"{steps} steps"


def _length(slope: Floats) -> float:
    """√Σgᵢ², where the squares may overflow."""
    largest = float(abs(slope).max(initial=0.0))
    if largest == 0 or not np.isfinite(largest):
        return largest
    return largest * float(np.sqrt(np.sum((slope / largest) ** 2)))
