"""The values of a function at many points: counted and checked.

An error about a value names the point at which the value came.
"""

import sys
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

import numpy as np

from secant.arrays import first_entry
from secant.derivatives.lines import Indices, Lines
from secant.derivatives.validation import Floats, as_number, number_or_none
from secant.errors import InvalidInput, short_repr
from secant.parallel.map import Caller
from secant.parallel.task import Raised

UNDEFINED = (ArithmeticError, LookupError, RuntimeError, ValueError)
"""Errors of a function outside of its domain: `math.log(-1)`, `1 / 0`, no entry of a
table, a solver that does not converge."""


class Evaluation:
    """Calls a function for a derivative.

    Args:
        call: Calls the function at a list of points, see `secant.parallel.map`.
        scalar: Whether the function has to return one number.
        vectorized: Whether it takes many points at once, stacked along a first axis.
        dtype: Of the values: float, or complex for complex points.

    Attributes:
        shape: The shape of f's values; None before the first.
        used: The evaluations so far.
        trouble: What f raised outside of its domain.
        computes_in_float32: Whether f's last values were JAX arrays of float32.
    """

    def __init__(
        self,
        call: Caller,
        *,
        scalar: bool = False,
        vectorized: bool = False,
        dtype: type = float,
    ) -> None:
        self.shape: tuple[int, ...] | None = () if scalar else None
        self.used = 0
        self.trouble: Exception | None = None
        self.computes_in_float32 = False
        self._call = call
        self._scalar = scalar
        self._vectorized = vectorized
        self._dtype = dtype
        self._known: list[Any] = []
        # Python makes (-1) ** 0.5 complex: like log(-1), it is outside of f's domain.
        self._missing = (Raised,) if dtype is complex else (Raised, complex)

    def at(self, lines: Lines, which: Indices, t: Floats) -> Floats:
        """The values at `x + t d`, (points, entries of f).

        Where f is not finite, or raises an error of `UNDEFINED`, the values are NaN and
        `trouble` holds the error: perhaps a shorter step helps.

        Raises:
            InvalidInput: A value is no array of real numbers of f's shape.
        """

        def where(i: int) -> str:
            return lines.describe(int(which[i]), float(t[i]))

        if self._vectorized:
            return self._stacked(lines.stacked(which, t), where)
        return self._one_by_one(lines.points(which, t), where)

    def of(self, points: Sequence[Any], where: Callable[[int], str]) -> Any:
        """The values at any points."""
        if self._vectorized:
            return self._stacked(np.stack(points), where)
        return self._one_by_one(points, where)

    def floats(self, points: Sequence[Any]) -> list[float] | None:
        """The values at points, where f returns finite floats; None where it does not.

        They are kept: after `rewind` they come again before f is called.
        """
        values = self._call(points)
        self._known += values
        self.used += len(points)
        self.shape = ()
        for value in values:
            if type(value) not in (float, np.float64) or not isfinite(value):
                return None
        return [float(value) for value in values]

    def rewind(self) -> None:
        """Starts again, with the values that `floats` has seen, in the same order."""
        known, call = self._known, self._call

        def call_again(points: Sequence[Any]) -> list[Any]:
            first = known[: len(points)]
            if not first:
                return call(points)
            del known[: len(points)]
            return first + call(points[len(first) :])

        self._call = call_again
        self.used, self.shape = 0, () if self._scalar else None

    def _one_by_one(self, points: Sequence[Any], where: Callable[[int], str]) -> Floats:
        self.used += len(points)
        # NumPy need not warn about f outside of its domain: NaN is looked for below.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            values = self._call(points)
        self.computes_in_float32 = _is_float32_of_jax(values[0])
        missing = [i for i, v in enumerate(values) if isinstance(v, self._missing)]
        for i in missing:
            if isinstance(values[i], complex):
                self.trouble = InvalidInput(
                    f"f returned {values[i]} (complex) {where(i)}, and a slope needs "
                    "real numbers: `return abs(y)` or `return y.real`, or pass bounds "
                    "where f is real"
                )
                continue
            error = values[i].error
            if not isinstance(error, UNDEFINED) or isinstance(error, InvalidInput):
                raise _noted(error, where(i))
            self.trouble = _noted(error, where(i))
        if self.shape is None:
            if missing:
                raise self.trouble or AssertionError
            self.shape = _shape(values[0])
        for i in missing:
            values[i] = np.full(self.shape, np.nan)
        return self._checked(self._array(values, where), where)

    def _array(self, values: list[Any], where: Callable[[int], str]) -> Any:
        """Values as one array of (points, *shape)."""
        shape = (len(values), *(self.shape or ()))
        masked = any(isinstance(value, np.ma.MaskedArray) for value in values)
        if not masked and not isinstance(values[0], bool):
            try:
                array: Any = np.asarray(values)
                if array.shape == shape and self._is_numbers(array.dtype):
                    return array
            except Exception:  # of several shapes, or not convertible
                pass
        return np.stack([self._value(v, where, i) for i, v in enumerate(values)])

    def _value(self, value: Any, where: Callable[[int], str], i: int) -> Any:
        """A value of the function as an array.

        Raises:
            InvalidInput: It is no array of real numbers, or of another shape.
        """
        try:
            array: Any = np.asarray(value)
        except Exception:  # a ragged list, a tensor that lives elsewhere
            array = np.asarray(None)
        if array.dtype.kind == "O" and self._dtype is not complex:
            array = _as_floats(value, array)
        what = "a masked array" if np.ma.isMaskedArray(value) else short_repr(value)
        kind = type(value).__name__
        good = self._is_numbers(array.dtype) and not np.ma.isMaskedArray(value)
        if good and array.shape == self.shape:
            return array
        if self._scalar:
            # bfloat16, for example, is a number that NumPy does not know.
            return np.asarray(as_number(value, lambda: where(i)))
        if good:
            raise InvalidInput(
                f"f returned an array of shape {array.shape} {where(i)}, and one of "
                f"shape {self.shape} before: return the same shape everywhere"
            )
        raise InvalidInput(
            f"f returned {what} ({kind}) {where(i)}, and a slope needs "
            "real numbers: return a number or an array of floats"
            + (" (has f a `return`?)" if value is None else "")
        )

    def _stacked(self, points: Any, where: Callable[[int], str]) -> Floats:
        self.used += len(points)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            (values,) = self._call([points])
        self.computes_in_float32 = _is_float32_of_jax(values)
        if isinstance(values, Raised):
            raise _noted(values.error, where(0), "one of the points of the stack is ")
        array = np.asarray(values)
        if self.shape is None and array.ndim:
            self.shape = array.shape[1:]
        expected = (len(points), *(self.shape or ()))
        if array.shape != expected:
            raise InvalidInput(
                f"f returned an array of shape {array.shape} for {len(points)} points, "
                f"stacked in an array of shape {points.shape}: with vectorized=True "
                "it has to return one value for each, "
                + (f"{expected}" if self._scalar else f"({len(points)}, …)")
            )
        if not self._is_numbers(array.dtype) or np.ma.isMaskedArray(values):
            raise InvalidInput(
                f"f returned an array of {array.dtype}, and a slope needs real "
                "numbers: return floats that are not masked"
            )
        return self._checked(array, where)

    def _checked(self, array: Any, where: Callable[[int], str]) -> Floats:
        flat = array.reshape(len(array), -1).astype(self._dtype)
        finite = np.isfinite(flat)
        if not finite.all():
            i, entry = np.unravel_index(int(np.argmin(finite)), finite.shape)
            mask = np.zeros(self.shape or (), bool)
            mask.flat[int(entry)] = True
            if self.trouble is None:
                self.trouble = InvalidInput(
                    f"{first_entry('f', mask)} is {flat[i, entry]} {where(int(i))}, "
                    "and a slope needs finite values: choose a point where f is finite "
                    "on both sides, pass bounds or a smaller step, or look for a "
                    "log(0), a division by 0 or an overflow in f"
                )
            flat[~finite.all(axis=1)] = np.nan
        return flat

    def _is_numbers(self, dtype: Any) -> bool:
        return dtype.kind in ("iufc" if self._dtype is complex else "iuf")


def _is_float32_of_jax(value: Any) -> bool:
    jax: Any = sys.modules.get("jax")
    return bool(jax and isinstance(value, jax.Array) and value.dtype == "float32")


def _as_floats(value: Any, array: Any) -> Any:
    """Objects that are real numbers, such as fractions, as floats, else unchanged."""
    objects = array.ravel() if array.ndim else [value]
    numbers = [number_or_none(one) for one in objects]
    if None in numbers:
        return array
    return np.array(numbers, float).reshape(array.shape)


def _shape(value: Any) -> tuple[int, ...]:
    try:
        return np.shape(value)
    except ValueError:  # rows of unequal length: reported by _value
        return ()


def _noted(error: Exception, where: str, lead: str = "") -> Exception:
    note = f"raised by f {lead}{where}"
    # A worker that answers from a cache may return the same error again.
    if note not in getattr(error, "__notes__", []):
        error.add_note(note)
    return error
