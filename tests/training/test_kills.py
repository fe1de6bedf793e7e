"""A run whose process is killed, again and again, comes out as if it had not been."""

import importlib
import os
from pathlib import Path

import pytest

_FILE = Path(__file__).parent / "kills.py"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_moments(seed, tmp_path, monkeypatch):
    # Processes find what they run by its name.
    monkeypatch.syspath_prepend(str(_FILE.parent))
    kills = importlib.import_module("kills")
    outcome = kills.survive(tmp_path, 10, seed)
    assert outcome.kills == 10
    assert outcome.ended == outcome.equal > 0
    assert outcome.unreadable == 0
