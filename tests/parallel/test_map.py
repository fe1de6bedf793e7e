"""Functions called in other processes: the same values, errors that say why."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import (
    BrokenExecutor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest

import secant
from secant.parallel import processes
from secant.parallel.map import chunked, open_caller
from secant.parallel.task import Raised, RemoteFunction

POINTS = [np.array([i, 2.0 * i]) for i in range(100)]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


PATIENCE = 300
"""Seconds that only end what hangs, on a machine that does much else, too."""


def gone(pids, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def square():
    # Made here, because what stands in a test module is sent by its module's name,
    # which no other process can import.
    return lambda x: float((x**2).sum())


@pytest.mark.parametrize("workers", [None, 1, np.int64(1), 2, -1])
def test_values_are_those_of_a_loop_and_in_its_order(square, workers):
    with open_caller(square, workers) as call:
        assert call(POINTS) == [square(x) for x in POINTS]
        assert call(POINTS[:3]) == [square(x) for x in POINTS[:3]]
        assert call([]) == []


def test_processes_are_reused_and_call_the_right_function():
    seen = set()
    for factor in range(4):
        with open_caller(lambda x, factor=factor: (os.getpid(), factor * x), 2) as call:
            pids, values = zip(*call(range(100)), strict=True)
        assert list(values) == [factor * x for x in range(100)]
        seen |= set(pids)
    assert len(seen) <= 2
    assert os.getpid() not in seen


def test_joblib_and_secant_leave_each_other_alone(square):
    # loky's reusable pool would be one for both, and each would break the other's.
    from joblib import Parallel, delayed

    for _ in range(2):
        with open_caller(square, 2) as call:
            assert call(POINTS) == [square(x) for x in POINTS]
        assert Parallel(2)(delayed(abs)(i) for i in (-1, 2)) == [1, 2]


@pytest.mark.parametrize("kind", ["builtin", "threads", "processes", "pool"])
def test_anything_that_works_like_map_will_do(square, kind):
    spawn = get_context("spawn")
    with (
        ThreadPoolExecutor(2) as threads,
        ProcessPoolExecutor(2, spawn) as executor,
        spawn.Pool(1) as pool,
    ):
        over = {
            "builtin": map,
            "threads": threads.map,
            "processes": executor.map,
            "pool": pool.map,
        }[kind]
        with open_caller(square, over) as call:
            assert call(POINTS) == [square(x) for x in POINTS]
        pool.close()
        pool.join()


def test_a_map_gets_lists_and_as_many_chunks_as_its_count_asks_for(square):
    class Over:
        count = 3

        def __call__(self, function, chunks):
            self.chunks = chunks
            return map(function, chunks)

    over = Over()
    with open_caller(square, over) as call:
        assert call(POINTS) == [square(x) for x in POINTS]
    assert isinstance(over.chunks, list)
    assert len(over.chunks) == 48
    assert {type(chunk) for chunk in over.chunks} == {list}


@pytest.mark.parametrize("length", [0, 1, 2, 31, 32, 33, 2000])
def test_chunks_are_all_points_in_nearly_equal_lists(length):
    chunks = chunked(range(length), 2)
    assert [point for chunk in chunks for point in chunk] == list(range(length))
    assert len(chunks) == min(length, 32)
    if length:
        lengths = [len(chunk) for chunk in chunks]
        assert 0 <= max(lengths) - min(lengths) <= 1


def test_a_map_over_threads_sends_nothing():
    lock = threading.Lock()
    with (
        ThreadPoolExecutor(2) as pool,
        open_caller(lambda x: lock.locked(), pool.map) as f,
    ):
        assert f([1, 2]) == [False, False]


# --- errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "workers",
    [0, -2, True, 1.5, "2", [2]],
    ids=["0", "-2", "bool", "float", "str", "list"],
)
def test_an_invalid_number_of_workers_is_refused(square, workers):
    with (
        pytest.raises(secant.InvalidInput, match=r"workers is .*pass a number"),
        open_caller(square, workers),
    ):
        pass


def test_a_pool_instead_of_its_map_is_refused(square):
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(secant.InvalidInput, match="pass its `map`"),
        open_caller(square, pool),
    ):
        pass


def too_few(function, chunks):
    return [function(chunk) for chunk in chunks[1:]]


def futures(function, chunks):
    with ThreadPoolExecutor(1) as pool:
        return [pool.submit(function, chunk) for chunk in chunks]


def shortened(function, chunks):
    return [function(chunk)[1:] for chunk in chunks]


@pytest.mark.parametrize(
    ("over", "what"),
    [
        (too_few, "31 results for 32 chunks"),
        (futures, "Future.*dask_workers"),
        (shortened, "3 values of a chunk"),
    ],
)
def test_a_map_that_loses_results_is_refused(square, over, what):
    over.count = 2
    points = POINTS[:96]
    with (
        open_caller(square, over) as call,
        pytest.raises(secant.InvalidInput, match=what),
    ):
        call(points)


def test_an_error_of_f_keeps_its_position_and_its_traceback():
    def f(x):
        if x == 3:
            raise ZeroDivisionError("three")
        return x

    for workers in (None, 2):
        with open_caller(f, workers) as call:
            values = call(range(6))
        error = values.pop(3).error
        assert values == [0, 1, 2, 4, 5]
        assert type(error) is ZeroDivisionError
        assert str(error) == "three"
    assert "in f" in error.__notes__[0]


def test_unpicklable_errors_and_values_are_named():
    class Stubborn(Exception):
        """Can be pickled and not unpickled, as many an exception."""

        def __init__(self, one, two):
            super().__init__(f"{one} and {two}")

    def f(x):
        if x == 1:
            raise Stubborn("salt", "pepper")
        return threading.Lock() if x == 2 else x

    with open_caller(f, 2) as call:
        values = call(range(4))
    assert values[0] == 0
    assert values[3] == 3
    assert isinstance(values[1], Raised)
    assert "Stubborn: salt and pepper" in str(values[1].error)
    assert "in f" in values[1].error.__notes__[0]
    with pytest.raises(secant.InvalidInput, match="f returned a lock"):
        raise values[2].error


def held(kind, tmp_path):
    lock = threading.Lock()
    if kind == "captured":
        return lambda x: lock.locked(), "`lock`, a lock"
    if kind == "nested":

        def inner(x):
            return lock.locked()

        return lambda x: inner(x), "`lock`, a lock"
    if kind == "partial":
        return partial(lambda x, guard: x, guard=lock), "`guard`, a lock"
    if kind == "thread":
        thread = threading.Thread()
        return lambda x: thread.name, "a lock"

    class Simulator:
        def __init__(self):
            self.socket = lock

        def __call__(self, x):
            return x

        def run(self, x):
            return x

    if kind == "object":
        return Simulator(), "`self.socket`, a lock"
    return Simulator().run, "`self.socket`, a lock"


@pytest.mark.parametrize(
    "kind", ["captured", "nested", "partial", "thread", "object", "method"]
)
def test_an_unpicklable_object_is_named(kind, tmp_path):
    f, named = held(kind, tmp_path)
    with (
        open_caller(f, 2) as call,
        pytest.raises(secant.InvalidInput, match="cannot be sent") as caught,
    ):
        call([1, 2])
    assert named in str(caught.value)
    assert "leave out workers" in str(caught.value)


def test_an_open_file_is_named(tmp_path):
    with (
        (tmp_path / "log").open("w") as log,
        open_caller(lambda x: log.write("x"), 2) as call,
        pytest.raises(secant.InvalidInput, match="`log`, a TextIOWrapper"),
    ):
        call([1, 2])


def test_an_object_that_cannot_be_unpickled_is_refused():
    class Locked:
        def __setstate__(self, state):
            raise RuntimeError("no entry")

        def __init__(self):
            self.x = 1

    locked = Locked()
    with (
        open_caller(lambda x: locked.x, 2) as call,
        pytest.raises(secant.InvalidInput, match=r"not unpickled: .*no entry"),
    ):
        call([1, 2])


def test_a_module_that_workers_lack_is_named(tmp_path, monkeypatch):
    (tmp_path / "only_at_home.py").write_text("def f(x):\n    return x\n")
    monkeypatch.syspath_prepend(tmp_path)
    import only_at_home

    monkeypatch.undo()
    with (
        open_caller(only_at_home.f, 2) as call,
        pytest.raises(secant.SecantError, match="No module named 'only_at_home'"),
    ):
        call([1, 2])


# --- what is sent -------------------------------------------------------------------


def test_captured_data_is_opened_once_in_each_process(laden):
    f, arrivals = laden
    with open_caller(f, 2) as call:
        for _ in range(3):
            assert call(range(100)) == [x + 1_999_999.0 for x in range(100)]
    away = arrivals()
    assert 1 <= len(away) <= 2
    assert len(set(away)) == len(away)


def test_a_task_of_the_processes_is_small_and_the_file_is_private(square, monkeypatch):
    import cloudpickle

    sizes, modes = [], []

    class Pool:
        def submit(self, run, path, digest, points):
            sizes.append(len(cloudpickle.dumps((run, path, digest, points))))
            modes.append(os.stat(os.path.dirname(path)).st_mode & 0o777)
            folders.append(os.path.dirname(path))
            return self.Done(run(path, digest, points))

        class Done:
            def __init__(self, value):
                self.value = value

            def result(self):
                return self.value

    folders = []
    monkeypatch.setattr(processes, "_pool", lambda count: (Pool(), KeyError))
    data = np.arange(1_000_000.0)
    with open_caller(lambda x: float(data[x]), 2) as call:
        assert call(range(64)) == list(map(float, range(64)))
    assert max(sizes) < 1000
    assert set(modes) == {0o700} or os.name == "nt"
    assert not os.path.exists(folders[0])


def test_a_file_that_was_changed_is_not_opened(tmp_path):
    remote = RemoteFunction(lambda x: x)
    path = tmp_path / "parcel"
    path.write_bytes(remote.pickled.data + b"!")
    with pytest.raises(secant.SecantError, match="another function"):
        processes._run(str(path), remote.pickled.digest, [1])


# --- what dies ----------------------------------------------------------------------


@pytest.mark.parametrize("how", ["exit", "kill"])
def test_a_worker_that_dies_once_costs_nothing_but_time(once, how):
    def f(x):
        if x == 40 and once():
            os._exit(3) if how == "exit" else os.kill(os.getpid(), signal.SIGKILL)
        return x

    with open_caller(f, 2) as call:
        assert call(range(100)) == list(range(100))
    assert not once()


def test_a_function_that_kills_its_workers_is_a_clear_error():
    with (
        open_caller(lambda x: os._exit(3) if x == 9 else x, 2) as call,
        pytest.raises(secant.SecantError, match=r"a worker died .* out of memory"),
    ):
        call(range(100))
    with open_caller(lambda x: x, 2) as call:  # and the next call works
        assert call(range(10)) == list(range(10))


def test_chunks_that_did_not_end_are_counted_when_workers_die_twice(monkeypatch):
    class Dying:
        def submit(self, run, path, digest, points):
            chunk = Future()
            if 9 in points:
                chunk.set_exception(BrokenExecutor())
            else:
                chunk.set_result(b"")
            chunks.append(chunk)
            return chunk

        def shutdown(self, wait):
            pass

    chunks = []
    monkeypatch.setattr(processes, "_pool", lambda count: (Dying(), BrokenExecutor))
    with (
        open_caller(abs, 2) as call,
        pytest.raises(secant.SecantError, match="a worker died") as caught,
    ):
        call(range(100))
    # In the second try, the one that was left.
    assert f"with 1 of {len(chunks) - 1} chunks" in str(caught.value)


PROGRAM = """
import os, sys, time
from secant.parallel.map import open_caller

def slow(x):
    open(os.path.join(folder, str(os.getpid())), "w").close()
    time.sleep(100_000)

folder = sys.argv[1]
with open_caller(slow, 2) as call:
    call(range(100))
"""


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.parametrize("to", ["the program", "all of the terminal"])
def test_ctrl_c_stops_quickly_and_leaves_no_process_behind(tmp_path, to):
    # No `if __name__ == "__main__"`, and a function of the program itself.
    script, folder = tmp_path / "program.py", tmp_path / "pids"
    script.write_text(PROGRAM)
    folder.mkdir()
    program = subprocess.Popen(
        [sys.executable, script, folder],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + PATIENCE
        while len(pids := [int(p.name) for p in folder.iterdir()]) < 2:
            assert time.monotonic() < end
            assert program.poll() is None, program.stderr.read()
            time.sleep(0.05)
        if to == "the program":
            program.send_signal(signal.SIGINT)
        else:
            os.killpg(program.pid, signal.SIGINT)
        _, said = program.communicate(timeout=PATIENCE)
    finally:
        program.kill()
    assert "KeyboardInterrupt" in said
    # Ctrl-C may come between a semaphore's end and the word of it to loky's tracker,
    # which then looks for what is gone. What is still there would be left behind.
    leaked = re.findall(r"resource_tracker: There appear to be (\d+) leaked", said)
    found_gone = re.findall(r"resource_tracker: \S+: FileNotFoundError", said)
    assert sum(map(int, leaked)) <= len(found_gone), said
    assert "Exception in thread" not in said
    assert gone(pids)


def test_threads_of_numerical_libraries_share_the_cores():
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
    with open_caller(lambda x: [os.environ.get(name) for name in names], 2) as call:
        (found,) = call([0])
    share = str(max((os.cpu_count() or 1) // 2, 1))
    assert found == [os.environ.get(name, share) for name in names]
