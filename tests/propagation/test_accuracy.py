"""Every smooth rule, against mpmath: `tools/accuracy_table.py` has the cases."""

import importlib.util
import sys
from pathlib import Path

import pytest

_FILE = Path(__file__).parents[2] / "tools" / "accuracy_table.py"
_SPEC = importlib.util.spec_from_file_location("accuracy_table", _FILE)
accuracy = importlib.util.module_from_spec(_SPEC)
sys.modules["accuracy_table"] = accuracy  # dataclasses look there
_SPEC.loader.exec_module(accuracy)


@pytest.mark.parametrize("dtype", accuracy.DTYPES)
@pytest.mark.parametrize("case", accuracy.CASES, ids=lambda case: case.name)
def test_the_difference_is_exact_to_8_ulp_or_what_the_table_says(case, dtype):
    worst, where = accuracy.measure(case, dtype)
    assert worst <= case.allowed(dtype), f"{worst:.1f} ulp at x, dx = {where}"
