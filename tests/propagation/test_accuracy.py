"""Every smooth rule, against mpmath: `validation/accuracy.py` has the cases."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

_FILE = Path(__file__).parents[2] / "validation" / "accuracy.py"
_SPEC = importlib.util.spec_from_file_location("accuracy_table", _FILE)
accuracy = importlib.util.module_from_spec(_SPEC)
sys.modules["accuracy_table"] = accuracy  # dataclasses look there
_SPEC.loader.exec_module(accuracy)


# The combinators handle 16 bits, in the same way for all rules. For functions that take
# long to compile, only the tool checks the bounds in 16 bits.
_MEASURED = [
    (case, dtype)
    for case in accuracy.CASES
    for dtype in (case.dtypes if case.stride == 1 else case.dtypes[:2])
]


@pytest.mark.parametrize(
    ("case", "dtype"), _MEASURED, ids=[f"{case.name}-{d}" for case, d in _MEASURED]
)
def test_the_difference_is_exact_to_8_ulp_or_what_the_table_says(case, dtype):
    if case.why and "optimization_level=0" in os.environ.get("XLA_FLAGS", ""):
        pytest.skip(f"{case.why}, has the table's digits optimised: XLA_FLAGS= pytest")
    worst, where = accuracy.measure(case, dtype)
    assert worst <= case.allowed(dtype), f"{worst:.1f} ulp at x, dx = {where}"
