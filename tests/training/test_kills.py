"""What is killed repeatedly equals what was never interrupted."""

import importlib
import os
from pathlib import Path

import pytest

_FILE = Path(__file__).parent / "kills.py"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL"),
]


@pytest.fixture
def survive(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(_FILE.parent))
    kills = importlib.import_module("kills")
    return lambda *arguments, **more: kills.survive(tmp_path, *arguments, **more)


def assert_whole(outcome, kills):
    assert outcome.faults == ()
    assert outcome.kills == kills
    assert outcome.trained > 0
    assert outcome.ended == outcome.equal > 0


def test_killed_runs_resume_bit_for_bit(survive):
    outcome = survive(12, lanes=("fit node", "train weight"))
    assert_whole(outcome, 12)
    assert outcome.hows["event"] > 0


def test_a_sweep_whose_workers_are_killed_loses_nothing(survive):
    pytest.importorskip("optuna", reason='needs pip install "secant[sweep]"')
    assert_whole(survive(2, lanes=("sweep",)), 2)
