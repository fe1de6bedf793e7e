"""Fixtures for functions in other processes.

They are fixtures, because a function of a test module is sent by the name of its
module, which no other process can import.
"""

import os
import tempfile

import numpy as np
import pytest


@pytest.fixture
def once(tmp_path):
    """`once()`: whether nobody, in any process, has asked before."""
    mark = str(tmp_path / "asked")

    def first():
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True

    return first


@pytest.fixture
def laden(tmp_path):
    """A function that captures 16 MB, and where these arrived: a process each time."""

    class Data:
        def __init__(self):
            self.numbers = np.arange(2_000_000.0)

        def __setstate__(self, state):
            self.__dict__ = state
            tempfile.mkstemp(prefix=f"{os.getpid()}-", dir=tmp_path)

    def arrivals():
        pids = [int(path.name.partition("-")[0]) for path in tmp_path.iterdir()]
        return [pid for pid in pids if pid != os.getpid()]

    data = Data()
    return lambda x: x + data.numbers[-1], arrivals
