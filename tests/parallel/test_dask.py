"""A function on a Dask cluster: a real scheduler, two workers, one of them killed."""

import logging
import os
import signal
import sys
import threading
import time

import cloudpickle
import numpy as np
import pytest

import secant
from secant.parallel.map import open_caller

distributed = pytest.importorskip(
    "distributed", reason='needs Dask: pip install "secant[cluster]"'
)
dask_config = pytest.importorskip("dask").config


@pytest.fixture(scope="module")
def cluster():
    # Two deaths of workers fail a task. With more, a function that kills them would
    # kill one that is just being started, which its nanny then never starts again.
    with (
        dask_config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            memory_limit=None,
            silence_logs=logging.CRITICAL,
        ) as cluster,
    ):
        yield cluster


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster) as client:
        ends = time.monotonic() + 300
        while answering(client) != 2 or started(cluster) != 2:
            assert time.monotonic() < ends
            time.sleep(0.05)
        yield client


def answering(client):
    """How many workers answer; one that a test has killed may still be listed."""
    try:
        return len(client.run(os.getpid))
    except Exception:
        return 0


def started(cluster):
    """How many workers their nannies know to be running.

    A worker answers before that. One that dies in between is never started again, and
    without any worker a call waits for ever.
    """
    nannies = cluster.workers.values()
    return sum(nanny.process.status is distributed.Status.running for nanny in nannies)


def test_values_are_those_of_a_loop_and_in_its_order(client):
    def f(x):
        return float((x**2).sum())

    points = [np.array([i, 2.0 * i]) for i in range(100)]
    with open_caller(f, secant.dask_workers(client)) as call:
        assert call(points) == [f(x) for x in points]
        assert call(points[:3]) == [f(x) for x in points[:3]]
        assert call([]) == []


def test_the_work_is_spread_evenly_whatever_went_before(client, tmp_path):
    over = secant.dask_workers(client)
    for i in range(8):
        with open_caller(lambda x, i=i: x + i, over) as call:
            assert call(range(64)) == list(range(i, 64 + i))

    folder = str(tmp_path)

    def paced(x):
        """Waits, after 60 calls, until the other worker has more than 32.

        However the machine shares its time out: of 128 calls, enough are left then for
        the other, if the scheduler lets it have them.
        """
        import time

        pid = os.getpid()
        open(os.path.join(folder, f"{pid} {x}"), "w").close()
        ends = time.monotonic() + 60
        while True:
            calls = os.listdir(folder)
            mine = sum(name.startswith(f"{pid} ") for name in calls)
            if mine <= 60 or len(calls) - mine > 32 or "in vain" in calls:
                return pid
            if time.monotonic() > ends:  # once for all that are left
                open(os.path.join(folder, "in vain"), "w").close()
            time.sleep(0.005)

    with open_caller(paced, over) as call:
        pids = call(range(128))
    assert not (tmp_path / "in vain").exists(), "the other worker has nothing to do"
    assert min(pids.count(pid) for pid in set(pids)) > 32
    assert len(set(pids)) == 2


def test_a_worker_that_is_killed_changes_no_value(client, once):
    data = np.arange(1000.0)

    def slow(x):
        import time

        time.sleep(0.005)
        if x == 60 and once():
            os.kill(os.getpid(), signal.SIGKILL)
        return float(np.sqrt(data[x]))

    points = range(200)
    with open_caller(slow, secant.dask_workers(client)) as call:
        values = call(points)
        again = call(points)
    assert not once()
    assert values == again == [float(np.sqrt(data[x])) for x in points]


def test_captured_data_outlives_all_workers_that_hold_it(client):
    data = np.arange(1000.0)

    def f(x):
        return float(data[x])

    with open_caller(f, secant.dask_workers(client)) as call:
        assert call(range(100)) == list(map(float, range(100)))
        for pid in client.run(os.getpid).values():
            os.kill(pid, signal.SIGKILL)
        assert call(range(100)) == list(map(float, range(100)))


def test_captured_data_is_opened_once_in_each_worker(client, laden):
    f, arrivals = laden
    with open_caller(f, secant.dask_workers(client)) as call:
        for _ in range(3):
            assert call(range(100)) == [x + 1_999_999.0 for x in range(100)]
    away = arrivals()
    assert 1 <= len(away) <= 2
    assert len(set(away)) == len(away)


def test_captured_data_leaves_home_once(client):
    """What goes out with each call is the points, not the 16 MB beside them."""
    data = np.random.default_rng(0).uniform(size=2_000_000)
    sent = []
    submit, over = client.map, secant.dask_workers(client)

    def weighed(function, items, **rest):
        sent.append(len(cloudpickle.dumps((function, items))))
        assert isinstance(rest["cached"], distributed.Future)
        keys.add(rest["cached"].key)
        return submit(function, items, **rest)

    keys = set()
    client.map = weighed
    with open_caller(lambda x: float(data[x]), over) as call:
        for _ in range(3):
            assert call(range(100)) == data[:100].tolist()
    assert len(sent) == 3
    assert max(sent) < 10_000
    assert len(keys) == 1


def test_a_function_that_kills_every_worker_is_a_clear_error(client):
    with (
        open_caller(lambda x: os._exit(1), secant.dask_workers(client)) as call,
        pytest.raises(secant.SecantError, match=r"killed every Dask worker .* memory"),
    ):
        call([1])
    with open_caller(lambda x: x, secant.dask_workers(client)) as call:
        assert call([1, 2]) == [1, 2]


def test_errors_of_f_come_home(client):
    def f(x):
        if x == 1:
            raise ZeroDivisionError("one")
        return x

    with open_caller(f, secant.dask_workers(client)) as call:
        first, second = call([0, 1])
    assert first == 0
    assert type(second.error) is ZeroDivisionError
    assert "in f" in second.error.__notes__[0]


def test_an_unpicklable_object_is_named(client):
    lock = threading.Lock()
    with (
        open_caller(lambda x: lock.locked(), secant.dask_workers(client)) as call,
        pytest.raises(secant.InvalidInput, match="`lock`, a lock"),
    ):
        call([1])


def test_a_module_that_the_workers_lack_is_named(client, tmp_path, monkeypatch):
    (tmp_path / "at_home_alone.py").write_text("def f(x):\n    return x\n")
    monkeypatch.syspath_prepend(tmp_path)
    import at_home_alone

    with (
        open_caller(at_home_alone.f, secant.dask_workers(client)) as call,
        pytest.raises(secant.SecantError, match="No module named 'at_home_alone'"),
    ):
        call([1, 2])


def test_it_is_a_map_for_scipy_too(client):
    from scipy.optimize import differential_evolution

    def bowl(x):
        return float(((x - 1) ** 2).sum())

    options = {"maxiter": 3, "seed": 0, "polish": False, "updating": "deferred"}
    over = secant.dask_workers(client)
    here = differential_evolution(bowl, [(-2, 2)] * 2, **options)
    there = differential_evolution(bowl, [(-2, 2)] * 2, workers=over, **options)
    assert there.fun == here.fun


@pytest.mark.parametrize("given", [None, "tcp://127.0.0.1:8786", [1]])
def test_an_object_that_is_no_client_is_refused(given):
    with pytest.raises(secant.InvalidInput, match=r"client is .*distributed\.Client"):
        secant.dask_workers(given)


def test_a_client_as_workers_is_refused_with_the_right_argument(client):
    with (
        pytest.raises(secant.InvalidInput, match=r"secant\.dask_workers"),
        open_caller(abs, client),
    ):
        pass


def test_a_client_that_was_closed_is_refused(cluster):
    client = distributed.Client(cluster)
    over = secant.dask_workers(client)
    client.close()
    with (
        open_caller(abs, over) as call,
        pytest.raises(secant.InvalidInput, match="client is closed"),
    ):
        call([1])


def test_an_asynchronous_client_is_refused(cluster):
    import asyncio

    async def ask():
        async with distributed.Client(
            cluster.scheduler_address, asynchronous=True
        ) as client:
            secant.dask_workers(client)

    with pytest.raises(secant.InvalidInput, match="asynchronous"):
        asyncio.run(ask())


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(secant.SecantError, match=r'pip install "secant\[cluster\]"'):
        secant.dask_workers(None)
