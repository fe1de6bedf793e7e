"""Readers of files meet damaged ones; and the watch over them sees what it should."""

import gc
import importlib
import os
import pickle
import signal
import subprocess
import sys
import time
from http.client import HTTPMessage
from pathlib import Path

import numpy as np
import pytest

from secant import DataError

HERE = Path(__file__).parent
COMMAND = [sys.executable, str(HERE / "fuzz.py")]


@pytest.fixture(scope="module")
def trials():
    sys.path.insert(0, str(HERE))
    try:
        yield importlib.import_module("trials")
    finally:
        sys.path.remove(str(HERE))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty folder that is the working directory."""
    folder = tmp_path / "files"
    folder.mkdir()
    monkeypatch.chdir(folder)
    # Each case collects garbage: here too, it looks at its own objects alone.
    gc.collect()
    gc.freeze()
    yield folder
    gc.unfreeze()


@pytest.mark.parametrize("name", ["IDX", "CSV", "npz", "image"])
def test_a_damaged_file_is_read_or_refused(trials, place, name):
    tally = trials.Tally()
    for number in range(40):
        tally.add(trials.tried(trials.named(name), number, 3, place))
    assert tally.faults == {}
    assert 0 < tally.read < tally.cases


@pytest.mark.skipif(os.name != "posix", reason="Windows has none of them")
@pytest.mark.parametrize("name", ["IDX", "CSV", "npz", "image"])
def test_a_fifo_a_device_or_a_link_for_a_file_is_refused(trials, place, name):
    from mutations import SPECIAL, Special

    tried = trials.named(name)
    files = tried.samples()[0]
    for kind in sorted(set(SPECIAL) - {"link to another file"}):
        for file in files:
            trials.write({**files, file: Special(kind)}, place)
            with pytest.raises(DataError):
                tried.read(place)


@pytest.mark.skipif(os.name != "posix", reason="links are made as on POSIX")
def test_a_link_to_a_sample_is_read(trials, place):
    from mutations import Special

    (content,) = trials.named("npz").samples()[0].values()
    trials.write({"own.npz": Special("link to another file", content)}, place)
    train, _ = trials.named("npz").read(place)
    assert len(train)


def reader(trials, read, most=lambda size: 2**26):
    return trials.Reader("planted", read, lambda: [{"file": b"some bytes" * 9}], most)


def unpickling(folder):
    pickle.loads(pickle.dumps(1))


def starting(folder):
    subprocess.run(["true"], check=False)


def allocating(folder):
    np.ones(2**24)


def dawdling(folder):
    end = time.process_time() + 2.2
    while time.process_time() < end:
        pass


def failing(folder):
    {}["missing"]


def talking(folder):
    raise DataError("x" * 30_000)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_garbage_of_earlier_work_does_not_hide_what_a_reader_allocates(trials, place):
    class Garbage:
        def __init__(self):
            self.itself, self.content = self, np.ones(2**25)

    def collecting(folder):
        gc.collect()
        allocating(folder)

    Garbage()
    tally = trials.tried(reader(trials, collecting), 5, 0, place)
    assert "bytes, and 67,108,864 are allowed" in tally.faults[5]


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (unpickling, "pickle was asked to load"),
        (starting, "subprocess.Popen"),
        pytest.param(
            allocating,
            "bytes, and 67,108,864 are allowed",
            marks=pytest.mark.skipif(
                sys.platform != "linux", reason="the peak is measured by Linux's /proc"
            ),
        ),
        pytest.param(dawdling, "s, and 2.0 are allowed", marks=pytest.mark.slow),
        (failing, "KeyError"),
        (talking, "a message of 30,000 characters"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_forbidden_behaviour_of_a_reader_is_detected(trials, place, read, told):
    sys.addaudithook(trials._audit)
    tally = trials.tried(reader(trials, read), 5, 0, place)
    assert list(tally.faults) == [5]
    assert told in tally.faults[5]


def printed(command, folder):
    """What a study prints that finds no fault."""
    outcome = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout


@pytest.mark.slow
def test_files_damaged_by_the_thousand(tmp_path):
    assert "2,100 cases in" in printed(
        [*COMMAND, "--cases", "2100", "--at-once", "1"], tmp_path
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="children are found in /proc")
def test_a_crashed_reader_is_reported_and_the_others_continue(tmp_path):
    process = subprocess.Popen(
        [*COMMAND, "--only", "CSV", "--cases", "3000", "--at-once", "1"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    # Once it is in its folder of memory, it reads.
    reads = None
    while reads is None:
        assert process.poll() is None
        for child in children.read_text().split():
            if "/dev/shm/" in os.readlink(f"/proc/{child}/cwd"):
                reads = int(child)
        time.sleep(0.02)
    time.sleep(1)
    os.kill(reads, signal.SIGKILL)
    said = process.communicate()[0]
    assert process.returncode == 1
    assert "the process ended with -9" in said
    assert "| CSV | 3,000 |" in said


# --- requests -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def requests_fuzz():
    sys.path.insert(0, str(HERE))
    try:
        yield importlib.import_module("requests_fuzz")
    finally:
        sys.path.remove(str(HERE))


def answered(requests_fuzz, status, body, kind="application/json"):
    headers = HTTPMessage()
    headers["Content-Type"] = kind
    return requests_fuzz.Answer(status, headers, body)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (500, b'{"error": {"code": "bug", "message": "a bug"}}', "500"),
        (503, b"", "503"),
        (400, b'{"error": {"code": "", "message": "no code"}}', "without code"),
        (400, b'{"error": {"code": "x"}}', "without code"),
        (400, b'{"message": "no error"}', "without code"),
    ],
)
def test_forbidden_responses_are_detected(requests_fuzz, status, body, told):
    given = requests_fuzz.Case("values", b"")
    assert told in requests_fuzz.judge(given, answered(requests_fuzz, status, body))


def test_an_error_that_is_no_json_and_a_refused_right_request_are_detected(
    requests_fuzz,
):
    plain = answered(requests_fuzz, 404, b"Not Found", "text/plain")
    given = requests_fuzz.Case("heads", b"")
    assert "neither" in requests_fuzz.judge(given, plain)
    good = answered(requests_fuzz, 400, b'{"error": {"code": "x", "message": "y"}}')
    assert requests_fuzz.judge(given, good) == ""
    given = requests_fuzz.Case("right", b"")
    assert "a right request" in requests_fuzz.judge(given, good)


def test_a_case_of_requests_is_always_the_same(requests_fuzz):
    cases = [requests_fuzz.case(number, 0) for number in range(300)]
    assert cases == [requests_fuzz.case(number, 0) for number in range(300)]
    assert {given.kind for given in cases} == set(requests_fuzz.KINDS)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured in /proc")
def test_requests_damaged_by_the_hundred(tmp_path):
    # So few do not fill the caches: the growth is judged in the long run alone.
    command = [sys.executable, str(HERE / "requests_fuzz.py"), "--cases", "400"]
    command += ["--seed", "1", "--fill", "0", "--growth", "9"]
    assert "400 cases in" in printed(command, tmp_path)
    assert list(tmp_path.iterdir()) == []
