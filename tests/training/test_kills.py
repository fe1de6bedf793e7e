"""A run whose process is killed repeatedly equals an uninterrupted run."""

import importlib
import os
from pathlib import Path

import pytest

_FILE = Path(__file__).parent / "kills.py"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_runs_killed_at_random_moments_resume_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(_FILE.parent))
    kills = importlib.import_module("kills")
    outcome = kills.survive(tmp_path, 20, lanes=("node", "spsa"))
    assert outcome.kills == 20
    assert outcome.trained > 0
    assert outcome.ended == outcome.equal > 0
    assert outcome.unreadable == outcome.lost == 0
