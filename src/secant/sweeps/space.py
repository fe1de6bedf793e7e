"""Search spaces: ranges and choices in the syntax of the command line.

`learning_rate=1e-3..1:log`     a range, on a logarithmic scale
`batch_size=32..256:32`         a range in steps
`hidden=20..200`                whole numbers, since both ends are whole
`optimizer=sgd,adam`            choices
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from secant.errors import InvalidInput, unknown_name

Value = str | int | float

_NUMBER = r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?::(.*))?")
_WHOLE = re.compile(r"[+-]?\d+")

# A larger search is a mistake, or an attack on the memory.
_MAX_CHARACTERS, _MAX_CHOICES, _MAX_NAMES = 2000, 200, 40

# Databases of trials hold numbers as float64, exact up to this one.
_MAX_NUMBER = 2**53


@dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, both included.

    They are whole numbers if both ends are of type int.

    Attributes:
        low: The smallest number.
        high: The largest number.
        log: Whether the numbers are uniform on a logarithmic scale.
        step: The distance of neighbours, from `low` on; None for a continuous range.

    Example:
        >>> str(Range(0.001, 1.0, log=True)), str(Range(32, 256, step=32))
        ('0.001..1.0:log', '32..256:32')
    """

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    @property
    def whole(self) -> bool:
        """Whether the numbers are whole."""
        return isinstance(self.low, int)

    @property
    def ends(self) -> tuple[Value, ...]:
        """The values to validate before a sweep."""
        return self.low, self.high

    def __str__(self) -> str:
        """The range in the syntax of the command line."""
        text = f"{self.low!r}..{self.high!r}"
        if self.log:
            text += ":log"
        return text if self.step is None else f"{text}:{self.step!r}"


@dataclass(frozen=True)
class Choices:
    """A choice of several values, in the syntax of the command line.

    Example:
        >>> str(Choices(("sgd", "adam")))
        'sgd,adam'
    """

    values: tuple[str, ...]

    @property
    def ends(self) -> tuple[Value, ...]:
        """The values to validate before a sweep: all of them."""
        return self.values

    def __str__(self) -> str:
        """The choices in the syntax of the command line."""
        return ",".join(self.values)


Space = Mapping[str, Range | Choices]


def parse(words: Iterable[str], kinds: Mapping[str, type]) -> Space:
    """The search space of a command line.

    Args:
        words: Words such as `learning_rate=1e-3..1:log`.
        kinds: The searchable options and the types of their values: float, int,
            bool or str. A range of an option of type str, such as the sizes of
            hidden layers, has whole numbers if both ends are whole.

    Raises:
        InvalidInput: A word is not a search space; the message says what to write.

    Example:
        >>> kinds = {"rate": float, "kind": str}
        >>> space = parse(["rate=1e-3..1:log", "kind=a,b"], kinds)
        >>> for name, values in space.items():
        ...     print(name, repr(values))
        rate Range(low=0.001, high=1.0, log=True, step=None)
        kind Choices(values=('a', 'b'))
    """
    space: dict[str, Range | Choices] = {}
    for word in words:
        shown = _short(word)
        name, equals, text = word.partition("=")
        name = name.strip().lstrip("-").replace("-", "_")
        if not equals or not name:
            raise InvalidInput(
                f"{shown!r} names no option to search: write NAME=LOW..HIGH or "
                "NAME=THIS,THAT, as in learning_rate=1e-3..1:log or optimizer=sgd,adam"
            )
        if name not in kinds:
            raise unknown_name("option to search", name, kinds)
        if name in space:
            raise InvalidInput(f"{name} is searched twice: write it once")
        if len(text) > _MAX_CHARACTERS:
            raise InvalidInput(
                f"{name} has more than {_MAX_CHARACTERS:,} characters: write a range"
            )
        space[name] = _values(name, text.strip(), kinds[name])
    if not space:
        raise InvalidInput(
            "there is nothing to search: write at least one NAME=LOW..HIGH or "
            "NAME=THIS,THAT, as in learning_rate=1e-3..1:log"
        )
    if len(space) > _MAX_NAMES:
        raise InvalidInput(
            f"{len(space)} options are searched: search at most {_MAX_NAMES}"
        )
    return space


def _values(name: str, text: str, kind: type) -> Range | Choices:
    if found := _RANGE.fullmatch(text):
        if kind is bool:
            raise InvalidInput(f"{name} is on or off: write {name}=true,false")
        return _range(name, *found.groups(), kind=kind)
    if ".." in text and "," not in text:
        raise InvalidInput(
            f"{name}={_short(text)} is not a range: write numbers, as in {name}=1..10, "
            f"or {name}=0.001..1:log"
        )
    return _choices(name, text, kind)


def _range(name: str, low: str, high: str, rest: str | None, kind: type) -> Range:
    written = f"{name}={low}..{high}"
    log, step_text, must_be_whole = False, None, kind is int
    for part in (rest or "").split(":") if rest is not None else ():
        if part == "log":
            log = True
        elif part == "int":
            must_be_whole = True
        elif re.fullmatch(_NUMBER, part):
            step_text = part
        else:
            raise unknown_name(
                f"kind of range (after the colon of {written})",
                _short(part),
                ["log", "int", "a step such as 10"],
            )
    texts = [low, high, *([step_text] if step_text else [])]
    whole = all(_WHOLE.fullmatch(each) for each in texts)
    if must_be_whole and not whole:
        raise InvalidInput(
            f"{written} is a range of whole numbers: write its ends, and a step if "
            f"any, without a point, as in {name}=10..100"
        )
    whole = (whole and kind is not float) or must_be_whole
    numbers: list[int | float] = [int(t) if whole else float(t) for t in texts]
    first, last, step = numbers[0], numbers[1], numbers[2] if step_text else None
    if not all(math.isfinite(n) and abs(n) <= _MAX_NUMBER for n in numbers):
        raise InvalidInput(f"{written} is too large: stay within ±{_MAX_NUMBER:,}")
    if first >= last:
        remedy = (
            f"set it with --{name.replace('_', '-')} {low}"
            if first == last
            else f"write {name}={high}..{low}"
        )
        raise InvalidInput(f"{written} is an empty range: {remedy}")
    if log and first <= 0:
        raise InvalidInput(
            f"{written}:log begins at {low}, and a logarithmic scale has only positive "
            f"numbers: begin above 0, as in {name}=1e-4..{high}:log"
        )
    if log and step is not None:
        raise InvalidInput(
            f"{written} cannot have both a logarithmic scale and steps: write one of "
            "them"
        )
    if step is not None:
        if step <= 0 or step > last - first:
            raise InvalidInput(
                f"{written} has a step of {step_text}: write one above 0 and no longer "
                "than the range"
            )
        # The last step inside the range; Decimal avoids rounding errors.
        size = Decimal(str(step))
        count = (Decimal(str(last)) - Decimal(str(first))) // size
        last = type(last)(Decimal(str(first)) + count * size)
    return Range(first, last, log, step)


def _choices(name: str, text: str, kind: type) -> Choices:
    values = tuple(part.strip() for part in text.split(","))
    shown = f"{name}={_short(text)}"
    option = f"--{name.replace('_', '-')}"
    if len(values) == 1:
        raise InvalidInput(
            f"{shown} is a single value, so there is no choice: write "
            f"{name}=LOW..HIGH or {name}=THIS,THAT, or set it with {option}"
            + ("" if kind is bool else f" {_short(text) or 'VALUE'}")
        )
    if "" in values:
        raise InvalidInput(f"{shown} has an empty choice: remove a comma")
    if len(set(values)) < len(values):
        raise InvalidInput(f"{shown} has a choice twice: write it once")
    if len(values) > _MAX_CHOICES:
        raise InvalidInput(f"{name} has over {_MAX_CHOICES} choices: write a range")
    for value in values:
        if not _has_kind(value, kind):
            names = {int: "a whole number", float: "a number", bool: "true or false"}
            raise InvalidInput(f"{shown}: {_short(value)!r} is not {names[kind]}")
    return Choices(values)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"


def _has_kind(value: str, kind: type) -> bool:
    if kind is bool:
        return value in ("true", "false")
    try:
        return kind is str or math.isfinite(kind(value))
    except (ValueError, OverflowError):
        return False


def description(space: Space) -> dict[str, Any]:
    """The space as text; equal spaces have equal descriptions."""
    return {name: str(values) for name, values in sorted(space.items())}
