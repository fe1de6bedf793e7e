"""Right gradients of random networks raise no alarm."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

_FILE = Path(__file__).parents[2] / "validation" / "false_alarms.py"
_SPEC = importlib.util.spec_from_file_location("false_alarms", _FILE)
false_alarms = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(false_alarms)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_random_networks(dtype):
    found = false_alarms.checked(40, dtype, seed=1, share=10)
    for architecture, _, report in found:
        overflows = not np.isfinite(report.value)
        assert report.ok or overflows, f"{architecture}\n{report}"
