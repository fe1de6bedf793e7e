"""Gradient descent, with a verdict on its outcome.

`x ← x - learning rate · gradient`. The gradient points in the direction of the
steepest ascent, so it is subtracted, and the learning rate is positive.
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

GradientOf: TypeAlias = Callable[[Function, Any], Any]
"""`(f, x) -> gradient` of x's shape, like `numerical_gradient`."""

_LR = PositiveNumber(
    example=0.1,
    hint="descent subtracts lr × gradient, and the gradient points uphill; to climb, "
    "descend `lambda x: -f(x)`",
)
_STEPS = WholeNumber(low=0, example=100)

# The step size of `numerical_gradient`, which scales the rounding errors of its slopes.
_STEP_SIZE = 1e-4


class DescentWarning(UserWarning):
    """A warning about a descent that diverged."""


class DescentStatus(Enum):
    """The outcome of a descent, as a sentence."""

    CONVERGED = "The gradient vanished: further steps would hardly lower the value."
    STILL_FALLING = "The value was still falling after the last step."
    OSCILLATES = "The iterates oscillate: the learning rate is at the stability limit."
    DIVERGED = "The value rose and did not return, or is not finite."
    HARDLY_MOVED = "The learning rate is too small for a visible change in these steps."
    STARTED_FLAT = "The gradient is 0 at the start: a minimum, saddle or maximum."


@dataclass(frozen=True, eq=False)
class Descent:
    """The result of a descent: its path and its outcome.

    Attributes:
        path: The points, (steps + 1, *shape of x), float64, read-only. If the descent
            ended early, the points up to the last one with finite values.
        values: The value of f at each point, (steps + 1,).
        gradient_norms: The gradient's norm √Σᵢgᵢ² at each point, (steps + 1,).
        status: One of six outcomes.
        message: The outcome in a sentence with this descent's numbers.
        evaluations: The number of calls of f.
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
    gradient: GradientOf = numerical_gradient,
) -> Descent:
    """Gradient descent `x ← x - lr · gradient(f, x)`, with its path and its outcome.

    The verdict does not depend on the units of f and x. Let v be the values, g the
    norms of the gradients and n the number of steps. The verdict is the first of
    these that holds:

    - Diverged: a value, slope or point is not finite, or its computation fails.
    - Started flat: g₀ and gₙ are within rounding errors,
      `4 √size ε (|f| + spread (1 + |x|/h)) / h`, where `spread` is the range of f's
      values at the perturbed points.
    - Hardly moved: no gradient of the path differs from the first by more than 1 %, so
      the descent has covered less than 1 % of the distance to a minimum. If no
      gradient differs by more than rounding errors, as on a straight line: no
      coordinate moved by more than 1 %.
    - Converged: gₙ is within rounding errors; or the remaining decrease
      `lr gₙ² / (1 - r²)`, at the rate `r² = gₙ²/gₙ₋₁²` of the last tenth of the steps,
      is below 1e-6 of the decrease so far.
    - Diverged: over the last half of the steps the value rose by more than 5 % of
      `lr Σ g²`, the decrease that the gradients predict; or the last value exceeds
      every value of the first half by more than 1 % of `lr g₀²`.
    - Bounces: over the last half the value fell by less than 5 % of that prediction.
      On a parabola of curvature λ the share is `1 - lr λ / 2`, which is 0 at the
      stability limit lr = 2/λ.
    - Still falling: in all other cases.

    Args:
        f: The function to minimise, from an array of init_x's shape to a number.
        init_x: The start: real numbers of any shape; it is not changed.
        lr: The learning rate, a positive number.
        step_num: The number of steps, an integer of at least 0.
        gradient: A function that returns the gradient of f at x. For another step
            size: `functools.partial(numerical_gradient, h=1e-6)`.

    Returns:
        The path, the values and the verdict. An overflow during the descent ends it
        and is not an error.

    Raises:
        InvalidInput: An argument is invalid, or f has no gradient at the start.

    Example:
        >>> def bowl(x):
        ...     return x[0] ** 2 + x[1] ** 2
        >>> descend(bowl, [-3.0, 4.0], lr=0.1).status.name
        'CONVERGED'
        >>> print(descend(bowl, [-3.0, 4.0], lr=1.0).message)
        oscillates: ... the learning rate 1.0 is at the stability limit: try 0.5 or less
    """
    as_function(gradient, "gradient")
    f, rate = as_function(f), validate("lr", lr, _LR)
    steps = validate("step_num", step_num, _STEPS)
    x = as_point(init_x, "init_x")
    evaluate = _Evaluator(f, gradient)
    failure = ""
    # The message explains an overflow better than NumPy's warnings.
    with np.errstate(all="ignore"):
        points = [evaluate(x, "at init_x")]
        if x.size and not points[0].slope.any():
            refuse_unread(evaluate.f, x, init_x, remedy="")
        for step in range(1, steps + 1):
            x = np.asarray(x - rate * points[-1].slope)
            try:
                points.append(evaluate(x, f"at step {step}"))
            except (ArithmeticError, ValueError) as error:
                # The first clause says what happened; the rest is advice.
                failure = re.split(r", and |: |; ", str(error))[0]
                break
        trace = _Trace.from_points(points, rate, failure)
        status, message = _verdict(trace)
    for array in (trace.path, trace.values, trace.norms):
        array.flags.writeable = False
    return Descent(
        trace.path,
        trace.values,
        trace.norms,
        status,
        message,
        evaluate.f.calls,
    )


# --- evaluation ------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _EvaluatedPoint:
    """Value and slope at a point, with the rounding error of the slope."""

    x: Floats
    value: float
    slope: Floats
    rounding: float


class _CountedFunction:
    """The function f, with a count of its calls and the range of its values."""

    def __init__(self, f: Function):
        self.f = f
        self.calls = 0
        self.reset_range()

    def reset_range(self) -> None:
        self.lowest, self.highest, self.precision = np.inf, -np.inf, 2.0**-52

    def __call__(self, x: Array) -> Any:
        self.calls += 1
        value = self.f(x)
        if not isinstance(value, float):
            size = getattr(getattr(value, "dtype", None), "itemsize", 8)
            # JAX's functions return float32 and bfloat16.
            self.precision = {4: 2.0**-23, 2: 2.0**-8}.get(size, self.precision)
            return value
        self.lowest, self.highest = min(self.lowest, value), max(self.highest, value)
        return value


class _Evaluator:
    """The evaluation of f and its gradient at a point."""

    def __init__(self, f: Function, gradient: GradientOf):
        self.f = _CountedFunction(f)
        self.gradient = gradient

    def __call__(self, x: Floats, where: str) -> _EvaluatedPoint:
        refuse_not_finite(x, "x")
        self.f.reset_range()
        # Copies protect the path from changes by f and gradient.
        value = as_number(self.f(x.copy()), lambda: where)
        slope = as_point(self.gradient(self.f, x.copy()), "the gradient")
        if slope.shape != x.shape:
            raise InvalidInput(
                f"gradient returned shape {slope.shape} for x of shape {x.shape}: "
                "return a slope for each entry"
            )
        spread = max(self.f.highest - self.f.lowest, 0.0)
        size = float(abs(x).max(initial=0.0))
        # f's own rounding, and the rounding of x ± h, which moves f by its spread.
        uncertainty = abs(value) + spread * (1 + size / _STEP_SIZE)
        rounding = 4 * np.sqrt(x.size) * self.f.precision * uncertainty / _STEP_SIZE
        return _EvaluatedPoint(x, value, slope, float(rounding))


# --- verdict ---------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Trace:
    """The data of a verdict."""

    rate: float
    path: Floats
    values: Floats
    norms: Floats
    gradient_change: float
    """The largest difference of a gradient from the first."""
    roundings: tuple[float, float]
    """The rounding errors of the first and the last gradient."""
    failure: str
    """The reason that ended the descent early, or an empty string."""

    @classmethod
    def from_points(
        cls, points: list[_EvaluatedPoint], rate: float, failure: str
    ) -> "_Trace":
        first, last = points[0], points[-1]
        return cls(
            rate=rate,
            path=np.stack([point.x for point in points]),
            values=np.array([point.value for point in points]),
            norms=np.array([_norm(point.slope) for point in points]),
            gradient_change=max(_norm(point.slope - first.slope) for point in points),
            roundings=(first.rounding, last.rounding),
            failure=failure,
        )

    @property
    def steps(self) -> int:
        return len(self.values) - 1

    @property
    def max_displacement(self) -> float:
        """The largest distance of a coordinate from its start."""
        return float(abs(self.path - self.path[0]).max(initial=0.0))


def _verdict(trace: _Trace) -> tuple[DescentStatus, str]:
    if trace.failure:
        return DescentStatus.DIVERGED, _diverged_message(trace)
    if _is_flat(trace):
        return DescentStatus.STARTED_FLAT, (
            f"started flat: the value is {trace.values[0]:.6g} and the gradient 0 "
            "there, at a minimum, a saddle or a maximum, so no step changes x; start "
            "at another point"
        )
    if trace.steps == 0:
        return DescentStatus.STILL_FALLING, (
            f"no step was taken: the value is {trace.values[0]:.6g} and the "
            f"gradient's length {trace.norms[0]:.3g}; pass step_num=100, for "
            "example"
        )
    if _has_hardly_moved(trace):
        return DescentStatus.HARDLY_MOVED, _hardly_moved_message(trace)
    if _has_converged(trace):
        return DescentStatus.CONVERGED, (
            f"converged: the value fell {_change(trace.values[0], trace.values[-1])} "
            f"in {_count(trace.steps)}, and the gradient's length from "
            f"{trace.norms[0]:.3g} to {trace.norms[-1]:.3g}"
        )
    share = _share_of_predicted_decrease(trace)
    if share < -0.05 or _has_risen(trace):
        return DescentStatus.DIVERGED, _diverged_message(trace)
    half = trace.steps - trace.steps // 2
    if share <= 0.05:
        return DescentStatus.OSCILLATES, (
            f"oscillates: over the last {_count(half)} the value changed "
            f"{_change(trace.values[-1 - half], trace.values[-1])}, although "
            f"the gradient's length is still {trace.norms[-1]:.3g}; the learning "
            f"rate {trace.rate!r} is at the stability limit: try "
            f"{trace.rate / 2:.3g} or less"
        )
    return DescentStatus.STILL_FALLING, _still_falling_message(trace)


def _is_flat(trace: _Trace) -> bool:
    first, last = trace.roundings
    return bool(trace.norms[0] <= first and trace.norms[-1] <= last)


def _has_hardly_moved(trace: _Trace) -> bool:
    rounding = max(trace.roundings)
    if trace.gradient_change > rounding:
        return trace.gradient_change <= 0.01 * trace.norms[0]
    # f is straight within rounding errors: its curvature gives no distance to go.
    size = float(abs(trace.path[0]).max(initial=0.0))
    return trace.max_displacement <= max(0.01 * size, _STEP_SIZE)


def _has_converged(trace: _Trace) -> bool:
    norm, before = trace.norms[-1], trace.norms.max()
    # A huge f has huge rounding errors: the gradient must also have halved.
    if norm <= trace.roundings[1] and norm <= before / 2:
        return True
    window = max(trace.steps // 10, 1)
    # Each step lowers the value by lr g². If g² falls by the factor r² per step, the
    # remaining steps lower it by the geometric series lr gₙ² (1 + r² + r⁴ + …).
    rate = (norm / trace.norms[-1 - window]) ** (2 / window)
    decrease = trace.values.max() - trace.values[-1]
    return bool(rate < 1 and trace.rate * norm**2 <= 1e-6 * decrease * (1 - rate))


def _share_of_predicted_decrease(trace: _Trace) -> float:
    """The decrease over the last half of the steps, as a share of `lr Σ g²`."""
    half = trace.steps // 2
    norms = trace.norms[half:-1]
    # Divided by the largest norm first, since a square may overflow.
    largest = norms.max()
    predicted = trace.rate * np.sum((norms / largest) ** 2) * largest
    return float((trace.values[half] - trace.values[-1]) / largest / predicted)


def _has_risen(trace: _Trace) -> bool:
    """Whether the value rose, even slowly: 1 % a step is 5e-3 of the prediction."""
    before = trace.values[: trace.steps // 2 + 1].max()
    predicted = trace.rate * trace.norms[0] ** 2
    return bool(trace.values[-1] - before > 0.01 * predicted)


# --- messages --------------------------------------------------------------------


def _diverged_message(trace: _Trace) -> str:
    values = trace.values
    # The last minimum: until there, the value returned after every rise.
    lowest = int(np.flatnonzero(values == values.min())[-1])
    advice = (
        f"the learning rate {trace.rate!r} is too large: try "
        f"{trace.rate / 10:.3g} or less"
    )
    if lowest < trace.steps:
        after = f"; in the end {trace.failure}" if trace.failure else ""
        return (
            f"diverged at step {lowest + 1}: the value rose "
            f"{_change(values[lowest], values[lowest + 1])} and did not return"
            f"{after}; {advice}"
        )
    step = trace.steps + 1
    if trace.steps == 0:
        return (
            f"diverged at step {step}: the value was {values[0]:.6g}, and then "
            f"{trace.failure}; {advice}"
        )
    return (
        f"diverged at step {step}: the value fell {_change(values[0], values[-1])}, "
        f"and then {trace.failure}; f may be unbounded below or undefined there, "
        f"or else {advice}"
    )


def _hardly_moved_message(trace: _Trace) -> str:
    share = trace.gradient_change / trace.norms[0]
    better = 10 * trace.rate
    if trace.gradient_change > max(trace.roundings):
        # A step changes the gradient by the share lr · curvature; a tenth is safe.
        better = max(better, 0.1 * trace.rate * trace.steps / share)
    return (
        f"hardly moved in {_count(trace.steps)}: no coordinate by more than "
        f"{trace.max_displacement:.1g}, the value "
        f"{_change(trace.values[0], trace.values[-1])}; the learning rate "
        f"{trace.rate!r} is too small for so few steps: try about {better:.1g}, "
        "or more steps"
    )


def _still_falling_message(trace: _Trace) -> str:
    hint = "take more steps"
    if trace.norms[-1] >= 0.99 * trace.norms.max():
        hint = (
            "the gradient has not become smaller, so a minimum is far away or does "
            "not exist"
        )
    return (
        f"still falling after {_count(trace.steps)}: the value fell "
        f"{_change(trace.values[0], trace.values[-1])}, the gradient's "
        f"length from {trace.norms[0]:.3g} to {trace.norms[-1]:.3g}; {hint}"
    )


def _change(before: float, after: float) -> str:
    """Both values, with enough digits to show their difference."""
    for digits in (6, 9, 12, 17):
        one, other = f"{before:.{digits}g}", f"{after:.{digits}g}"
        if one != other:
            return f"from {one} to {other}"
    return f"from {before:.6g} to {after:.6g}"


def _count(steps: int) -> str:
    return "1 step" if steps == 1 else f"{steps} steps"


def _norm(slope: Floats) -> float:
    """√Σgᵢ², without overflow of the squares."""
    largest = float(abs(slope).max(initial=0.0))
    if largest == 0 or not np.isfinite(largest):
        return largest
    return largest * float(np.sqrt(np.sum((slope / largest) ** 2)))
