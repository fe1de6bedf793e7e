"""Losses of other libraries, some of them coarse: `validation/coarse_losses.py`."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from secant import check_gradient
from secant.derivatives import derivatives

_FILE = Path(__file__).parents[2] / "validation" / "coarse_losses.py"
_SPEC = importlib.util.spec_from_file_location("coarse_losses", _FILE)
coarse_losses = importlib.util.module_from_spec(_SPEC)
sys.modules["coarse_losses"] = coarse_losses
_SPEC.loader.exec_module(coarse_losses)


@pytest.mark.parametrize("seed", range(8))
def test_the_gradients_of_the_study_are_right(seed):
    case = coarse_losses.drawn(np.random.default_rng(seed), "NumPy", "float64")
    above, below = (case.loss([leaf + h for leaf in case.x]) for h in (1e-5, -1e-5))
    slope = sum(float(part.sum()) for part in case.gradient)
    assert (above - below) / 2e-5 == pytest.approx(slope, rel=1e-6, abs=1e-8)


@pytest.mark.slow
def test_no_right_gradient_raises_an_alarm_and_no_fault_passes():
    for library, kind, right, wrong in coarse_losses.reports(8, seed=1):
        assert right.verdict not in ("wrong", "not finite"), (library, kind, right)
        assert not wrong.ok, (library, kind, wrong)


def accidental(monkeypatch, off):
    """Slopes of which the first from the usual steps is off, by an accident."""
    gradient = derivatives.gradient

    def found(f, x, **options):
        result = gradient(f, x, **options)
        if "step" not in options and "method" not in options:
            result.value[0] += off
        return result

    monkeypatch.setattr(derivatives, "gradient", found)


def rounded(v):
    return float(np.float32(np.sum(np.sin(v.astype(np.float32)))))


def test_a_suspect_is_measured_from_other_steps(monkeypatch):
    """Two polynomials through coarse values agree by chance, once in a while."""
    accidental(monkeypatch, 3e-4)
    x = np.array([0.3, 0.8, 1.1])
    assert check_gradient(rounded, x, np.cos(x)).ok
    monkeypatch.undo()
    for factor in ([1.01, 1, 1], 1.01):
        assert check_gradient(rounded, x, factor * np.cos(x)).verdict == "wrong"
