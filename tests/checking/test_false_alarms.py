"""Right gradients of random networks raise no alarm."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

_FILE = Path(__file__).parents[2] / "validation" / "false_alarms.py"
_SPEC = importlib.util.spec_from_file_location("false_alarms", _FILE)
false_alarms = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(false_alarms)


# In float16, the changes by slopes below this underflow on their way through a network:
# that their gradient cannot be judged is right, and no alarm.
TOO_SMALL = {"float16": 2.0**-9}


def raises_alarm(leaf):
    if leaf.verdict == "inconclusive":
        return abs(leaf.gradient).max() >= TOO_SMALL.get(leaf.dtype, 0.0)
    return leaf.verdict in ("wrong", "not finite")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_random_networks(dtype):
    found = false_alarms.checked(40, dtype, seed=1, share=10)
    for architecture, _, report in found:
        overflows = not np.isfinite(report.value)
        alarms = [leaf.name for leaf in report if raises_alarm(leaf)]
        assert not alarms or overflows, f"{architecture}\n{report}"
