"""The result of a numerical derivative: value, error, and how it ended."""

from dataclasses import dataclass

import numpy as np

from secant.arrays import Array
from secant.derivatives.validation import Floats


@dataclass(frozen=True, eq=False)
class Derivative:
    """A numerical derivative with an estimate of its error.

    Attributes:
        value: The derivative, float64.
        error: How wrong each entry of `value` may be. It is an estimate:
            docs/derivatives.md says how often it holds.
        step: The shortest step that each entry is made of.
        evaluations: How often f was evaluated, in all.
        success: Whether the tolerance was reached. Without a tolerance: whether only
            rounding or noise limit the error.
        status: How it ended, in one sentence.

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
        """The value, for `np.asarray(result)`."""
        return np.array(self.value, dtype, copy=copy)

    def __str__(self) -> str:
        """Value, error and status."""
        summary = f"({self.evaluations:,} evaluations; {self.status})"
        if np.ndim(self.value) == 0:
            return f"{float(self.value)!r} ± {float(self.error):.1e} {summary}"
        errors: Floats = np.asarray(self.error)
        largest = float(errors.max()) if errors.size else 0.0
        return f"{self.value} ± at most {largest:.1e} {summary}"
