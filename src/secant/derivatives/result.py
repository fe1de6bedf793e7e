"""A derivative with its error: what `derivative`, `gradient` and the others return."""

from dataclasses import dataclass

import numpy as np

from secant.arrays import Array
from secant.derivatives.validation import Floats


@dataclass(frozen=True, eq=False)
class Derivative:
    """A derivative and what is known about it.

    Attributes:
        value: The derivative, float64.
        error: For each entry of `value` by how much it may be wrong. It is an
            estimate: docs/derivatives.md says how often it holds.
        step: For each entry the shortest step that the value is made of.
        evaluations: How many times f was evaluated, in all.
        success: Whether the tolerance was reached; where none was asked for, whether
            nothing but rounding or noise kept the error from being smaller.
        status: How it ended, a sentence.

    Example:
        >>> import secant
        >>> print(secant.derivative(np.exp, 1.0))
        2.718281828459... ± ... (... evaluations; converged: ...)
    """

    value: Array
    error: Array
    step: Array
    evaluations: int
    success: bool
    status: str

    def __array__(
        self, dtype: type | None = None, copy: bool | None = None
    ) -> np.ndarray:
        """`np.asarray(result)` is its value."""
        return np.array(self.value, dtype, copy=copy)

    def __str__(self) -> str:
        """Value, error and how it ended."""
        summary = f"({self.evaluations:,} evaluations; {self.status})"
        if np.ndim(self.value) == 0:
            return f"{float(self.value)!r} ± {float(self.error):.1e} {summary}"
        errors: Floats = np.asarray(self.error)
        largest = float(errors.max()) if errors.size else 0.0
        return f"{self.value} ± at most {largest:.1e} {summary}"
