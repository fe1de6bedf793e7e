"""A function on a Dask cluster: a real scheduler, two workers, one of them killed."""

import os
import signal
import sys
import tempfile

import numpy as np
import pytest

import secant
from secant.slopes.workers import calling

distributed = pytest.importorskip(
    "distributed", reason='needs Dask: pip install "secant[cluster]"'
)


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        memory_limit=None,
        silence_logs="critical",
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster) as client:
        client.wait_for_workers(2, timeout=30)
        yield client


def counted(folder):
    """A function that captures 16 MB, each of whose arrivals leaves a file."""

    class Data:
        def __init__(self):
            self.numbers = np.arange(2_000_000.0)

        def __setstate__(self, state):
            self.__dict__ = state
            tempfile.mkstemp(prefix=f"{os.getpid()}-", dir=folder)

    data = Data()
    return lambda x: x + data.numbers[-1]


def arrivals(folder):
    """Which other processes it arrived in, one for each time."""
    pids = [int(path.name.partition("-")[0]) for path in folder.iterdir()]
    return [pid for pid in pids if pid != os.getpid()]


def once(mark):
    """Whether this is the first process to ask."""
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def test_values_are_those_of_a_loop_and_in_its_order(client):
    def f(x):
        return float((x**2).sum())

    points = [np.array([i, 2.0 * i]) for i in range(100)]
    with calling(f, secant.dask_workers(client)) as call:
        assert call(points) == [f(x) for x in points]
        assert call(points[:3]) == [f(x) for x in points[:3]]
        assert call([]) == []


def test_both_workers_take_part(client):
    import time

    def f(x):
        time.sleep(0.01)
        return os.getpid()

    with calling(f, secant.dask_workers(client)) as call:
        assert len(set(call(range(64)))) == 2


def test_a_worker_that_is_killed_changes_no_value(client, tmp_path):
    mark = str(tmp_path / "killed")
    data = np.arange(1000.0)

    def slow(x):
        import time

        time.sleep(0.005)
        if x == 60 and once(mark):
            os.kill(os.getpid(), signal.SIGKILL)
        return float(np.sqrt(data[x]))

    points = range(200)
    with calling(slow, secant.dask_workers(client)) as call:
        values = call(points)
        again = call(points)
    assert os.path.exists(mark)
    assert values == again == [float(np.sqrt(data[x])) for x in points]


def test_captured_data_outlives_all_who_hold_it(client, tmp_path):
    data = np.arange(1000.0)

    def f(x):
        return float(data[x])

    with calling(f, secant.dask_workers(client)) as call:
        assert call(range(100)) == list(map(float, range(100)))
        client.restart(timeout=30, wait_for_workers=True)
        with pytest.raises(Exception, match="."):
            raise RuntimeError("restart cancels what the client holds")
        assert call(range(100)) == list(map(float, range(100)))
