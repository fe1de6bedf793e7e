"""Constraints on arguments: numbers, shares, choices and booleans.

A constraint says which values an argument takes. `validate` returns the value as
Python's own `int`, `float`, `str` or `bool`, or raises an error that says what
came, why it is wrong and what to write instead:

    batch_size = validate("batch_size", batch_size, WholeNumber(low=1))

The model is scikit-learn's `_param_validation`, with its `Interval` and `StrOptions`.

NumPy is imported where a value is checked, not with this module: the command line
declares constraints, and its help answers without NumPy.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import inf, isfinite
from numbers import Real
from operator import index
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from secant.errors import InvalidInput, short_repr, unknown_name

__all__ = [
    "Boolean",
    "Choice",
    "Constraint",
    "Each",
    "Or",
    "PositiveNumber",
    "RealNumber",
    "Share",
    "WholeNumber",
    "as_real_number",
    "as_whole_number",
    "validate",
    "validate_fields",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Closed: TypeAlias = Literal["both", "left", "right", "neither"]
"""The ends of an interval that belong to it."""


class Constraint(ABC, Generic[T_co]):
    """The values that an argument takes.

    Attributes:
        hint: What else helps whoever passed another value.
    """

    hint: str = ""

    @abstractmethod
    def clean(self, value: Any) -> T_co:
        """The value as Python's own.

        Raises:
            Rejected: The argument does not take it.
        """

    @abstractmethod
    def describe(self) -> str:
        """The valid values in words, as they stand after "pass"."""

    def error(self, name: str, value: object) -> InvalidInput:
        """The error for a value that the argument does not take."""
        hint = f"; {self.hint}" if self.hint else ""
        return InvalidInput(
            f"{name} is {short_repr(value)}{_kind(value)}: pass {self.describe()}{hint}"
        )


class Rejected(Exception):
    """A constraint does not hold for a value."""


def validate(name: str, value: Any, constraint: Constraint[T]) -> T:
    """The value of an argument, if its constraint holds.

    Args:
        name: The argument's name.
        value: What came.
        constraint: What it has to be.

    Returns:
        The value as Python's own: NumPy's scalars and arrays without dimensions
        become `int`, `float` or `bool`.

    Raises:
        InvalidInput: The constraint does not hold.

    Example:
        >>> import numpy as np
        >>> validate("batch_size", np.int64(100), WholeNumber(low=1))
        100
        >>> validate("batch_size", 0, WholeNumber(low=1))
        Traceback (most recent call last):
        secant.errors.InvalidInput: batch_size is 0: pass a whole number, 1 or above
    """
    try:
        return constraint.clean(value)
    except Rejected:
        raise constraint.error(name, value) from None


def validate_fields(instance: Any, **constraints: Constraint[Any]) -> None:
    """Validates fields of a dataclass, in the order given, and sets the clean values.

    To be called in `__post_init__`, of a frozen dataclass too.

    Raises:
        InvalidInput: A constraint does not hold.

    Example:
        >>> import numpy as np
        >>> @dataclass(frozen=True)
        ... class Batch:
        ...     size: int
        ...
        ...     def __post_init__(self):
        ...         validate_fields(self, size=WholeNumber(low=1))
        >>> Batch(np.int64(3))
        Batch(size=3)
    """
    for name, constraint in constraints.items():
        value = validate(name, getattr(instance, name), constraint)
        object.__setattr__(instance, name, value)


@dataclass(frozen=True)
class WholeNumber(Constraint[int]):
    """A whole number, `low ≤ n ≤ high`; booleans and floats such as 2.0 are none.

    Attributes:
        low: The least; None for no limit.
        high: The largest; None for no limit.
        meaning: What the number is, in place of "a whole number".
        example: One that is likely.
        hint: What else helps.

    Example:
        >>> WholeNumber(low=0, high=9).describe()
        'a whole number from 0 to 9'
    """

    low: int | None = None
    high: int | None = None
    meaning: str = ""
    example: object = None
    hint: str = ""

    def clean(self, value: Any) -> int:
        """The value as an `int`."""
        number = as_whole_number(value)
        if (
            number is None
            or (self.low is not None and number < self.low)
            or (self.high is not None and number > self.high)
        ):
            raise Rejected
        return number

    def describe(self) -> str:
        """The valid values, in words."""
        low = None if self.low is None else str(self.low)
        high = None if self.high is None else str(self.high)
        within = _interval(low, high, "both")
        return _described(self, self.meaning, "a whole number", within)


@dataclass(frozen=True)
class RealNumber(Constraint[float]):
    """A finite real number between `low` and `high`; booleans are none.

    Attributes:
        low: Its lower limit.
        high: Its upper limit.
        closed: Which of the two limits it may reach.
        meaning: What the number is, in place of "a finite number".
        example: One that is likely, a number or its digits as one would write them.
        hint: What else helps.

    Example:
        >>> RealNumber(low=0).describe()
        'a finite number, 0 or above'
        >>> RealNumber(low=0, high=1, closed="left", example="1e-6").describe()
        'a finite number of at least 0 and below 1, such as 1e-6'
    """

    low: float = -inf
    high: float = inf
    closed: Closed = "both"
    meaning: str = ""
    example: object = None
    hint: str = ""

    def clean(self, value: Any) -> float:
        """The value as a `float`."""
        number = as_real_number(value)
        if number is None or not isfinite(number):
            raise Rejected
        above = number > self.low or (
            number == self.low and self.closed in ("both", "left")
        )
        below = number < self.high or (
            number == self.high and self.closed in ("both", "right")
        )
        if not (above and below):
            raise Rejected
        return number

    def describe(self) -> str:
        """The valid values, in words."""
        low = f"{self.low:g}" if isfinite(self.low) else None
        high = f"{self.high:g}" if isfinite(self.high) else None
        within = _interval(low, high, self.closed)
        return _described(self, self.meaning, self._noun(), within)

    def _noun(self) -> str:
        return "a finite number"


@dataclass(frozen=True)
class PositiveNumber(RealNumber):
    """A finite real number above 0.

    Example:
        >>> PositiveNumber(example=0.1).describe()
        'a finite number above 0, such as 0.1'
    """

    low: float = 0.0
    closed: Closed = "neither"


@dataclass(frozen=True)
class Share(RealNumber):
    """A share of a whole: a real number from 0 to 1, or without one of these ends.

    Example:
        >>> Share(closed="neither", example=0.1).describe()
        'a share above 0 and below 1, such as 0.1'
    """

    low: float = 0.0
    high: float = 1.0

    def _noun(self) -> str:
        return "a share"


class Choice(Constraint[T]):
    """One of several names, or one of several whole numbers.

    Args:
        known: The names or numbers, or a table of them, which may still grow.
        kind: What they name, in the singular: `"gradient method"`; else the name of
            the argument says it.

    Example:
        >>> validate("loss", "mse", Choice(["cross_entropy", "sum_squares"]))
        Traceback (most recent call last):
        secant.errors.InvalidInput: there is no loss 'mse'. Known: cross_entropy, ...
        >>> validate("order", 3, Choice([1, 2]))
        Traceback (most recent call last):
        secant.errors.InvalidInput: order is 3: pass 1 or 2
    """

    def __init__(self, known: Collection[T], kind: str = "") -> None:
        self.known = known
        self.kind = kind

    def clean(self, value: Any) -> T:
        """The one that is meant."""
        # Names are compared with strings and numbers with whole numbers alone, since
        # True equals 1 and an array equals nothing and everything.
        came = value if isinstance(value, str) else as_whole_number(value)
        for one in self.known:
            if came is not None and one == came:
                return one
        raise Rejected

    def describe(self) -> str:
        """The valid values, in words."""
        *others, last = map(repr, self.known)
        return f"{', '.join(others)} or {last}" if others else last

    def error(self, name: str, value: object) -> InvalidInput:
        """The error, with the nearest name."""
        if all(isinstance(one, str) for one in self.known):
            return unknown_name(self.kind or name, value, map(str, self.known))
        return super().error(name, value)


@dataclass(frozen=True)
class Boolean(Constraint[bool]):
    """True or False, of Python or of NumPy; 0 and 1 are neither.

    Example:
        >>> validate("bias", 1, Boolean())
        Traceback (most recent call last):
        secant.errors.InvalidInput: bias is 1: pass True or False
    """

    def clean(self, value: Any) -> bool:
        """The value as a `bool`."""
        import numpy as np

        if not isinstance(value, bool | np.bool_):
            raise Rejected
        return bool(value)

    def describe(self) -> str:
        """The valid values, in words."""
        return "True or False"


@dataclass(frozen=True)
class Each(Constraint[tuple[T_co, ...]]):
    """Several values, such as the sizes of layers, for each of which one thing holds.

    Attributes:
        of: What holds for each.
        least: How many there are at least.
        most: How many there are at most; None for no limit.
        meaning: What they are: "the neurons of each layer".
        example: How one would write them.

    Example:
        >>> import numpy as np
        >>> validate("sizes", [784, np.int64(10)], Each(WholeNumber(low=1), least=2))
        (784, 10)
    """

    of: Constraint[T_co]
    least: int = 0
    most: int | None = None
    meaning: str = ""
    example: object = None
    hint: str = ""

    def clean(self, value: Any) -> tuple[T_co, ...]:
        """The values as a tuple."""
        if isinstance(value, str | bytes | Mapping | set | frozenset):
            raise Rejected
        try:
            several = tuple(value)
        except TypeError:
            raise Rejected from None
        most = len(several) if self.most is None else self.most
        if not self.least <= len(several) <= most:
            raise Rejected
        return tuple(self.of.clean(one) for one in several)

    def describe(self) -> str:
        """The valid values, in words."""
        if self.most is None:
            count = f"{self.least} or more values" if self.least else "values"
        elif self.least == self.most:
            count = f"{self.least} values"
        else:
            count = f"{self.least} to {self.most} values"
        each = f", each {self.of.describe()}"
        return _described(self, self.meaning, count, each)


class Or(Constraint[Any]):
    """A constraint's values, or one of a few constants, such as None.

    Example:
        >>> noise = Or(RealNumber(low=0), "measure", None)
        >>> validate("noise", None, noise), validate("noise", 1, noise)
        (None, 1.0)
        >>> noise.describe()
        "a finite number, 0 or above, or 'measure' or None"
    """

    def __init__(self, constraint: Constraint[Any], *constants: object) -> None:
        self.constraint = constraint
        self.constants = constants
        self.hint = constraint.hint

    def clean(self, value: Any) -> Any:
        """The constant, or what the constraint makes of the value."""
        for constant in self.constants:
            # Of one type: True is no 1, and an array compares entry by entry.
            if type(value) is type(constant) and value == constant:
                return constant
        return self.constraint.clean(value)

    def describe(self) -> str:
        """The valid values, in words."""
        words = [self.constraint.describe() + ",", *map(repr, self.constants)]
        return " or ".join(words)

    def error(self, name: str, value: object) -> InvalidInput:
        """The error, with the nearest name."""
        if isinstance(self.constraint, Choice):
            return self.constraint.error(name, value)
        return super().error(name, value)


SEED = WholeNumber(low=0)
"""A seed of random numbers."""


def as_whole_number(value: Any) -> int | None:
    """The value as an `int`, or None if it is no whole number.

    Example:
        >>> import numpy as np
        >>> as_whole_number(np.array(3)), as_whole_number(3.0), as_whole_number(True)
        (3, None, None)
    """
    import numpy as np

    if _is_boolean(value) or np.ma.isMaskedArray(value):
        return None
    try:
        return index(value)
    except TypeError:
        return None


def as_real_number(value: Any) -> float | None:
    """The value as a `float`, NaN and infinities too, or None if it is no real number.

    A whole number or a fraction beyond every float becomes infinite.

    Example:
        >>> import numpy as np
        >>> as_real_number(np.float32(0.5)), as_real_number(10**400)
        (0.5, inf)
        >>> as_real_number("0.5"), as_real_number(True), as_real_number(1j)
        (None, None, None)
    """
    if isinstance(value, Real):
        if isinstance(value, bool):
            return None
        try:
            return float(value)
        except OverflowError:
            return inf if abs(value) == value else -inf
    import numpy as np

    try:
        array = np.asarray(value)
    except Exception:  # a ragged list, a tracer, a tensor that lives elsewhere
        return None
    # JAX's bfloat16 is of kind "V".
    real = array.dtype.kind in "iuf" or "float" in array.dtype.name
    if array.ndim or not real or np.ma.isMaskedArray(value):
        return None
    return float(array)


def _is_boolean(value: Any) -> bool:
    # True is a number to Python, and a mistake here.
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return isinstance(value, bool) or kind == "b"


def _kind(value: Any) -> str:
    """The kind of a value, if its `repr` does not show it clearly."""
    if isinstance(value, str | bytes):
        return ", a string"
    from secant.arrays import is_traced

    if is_traced(value):
        return ", which JAX traces, so that it has no value yet"
    return ""


def _interval(low: str | None, high: str | None, closed: Closed) -> str:
    """An interval in words, as it stands after a noun."""
    left, right = closed in ("both", "left"), closed in ("both", "right")
    if low is None and high is None:
        return ""
    if high is None:
        return f", {low} or above" if left else f" above {low}"
    if low is None:
        return f", {high} or below" if right else f" below {high}"
    if left and right:
        return f" from {low} to {high}"
    return (
        f" {'of at least' if left else 'above'} {low} and "
        f"{'at most' if right else 'below'} {high}"
    )


def _described(constraint: Any, meaning: str, noun: str, within: str) -> str:
    if meaning and within and not within.startswith(","):
        within = f",{within}"
    such_as = "" if constraint.example is None else f", such as {constraint.example}"
    return f"{meaning or noun}{within}{such_as}"
