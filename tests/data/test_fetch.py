"""Downloads from servers on this machine that behave as badly as the web's do."""

import gzip
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from secant.data import download, fetch
from secant.data.files import digest
from secant.data.mnist import load_mnist
from secant.data.registry import SPECS
from secant.errors import DataError, InvalidInput

IMAGES = "train-images-idx3-ubyte.gz"
PATIENT = (600.0, 600.0)
"""For servers that answer: however busy the machine is, they are waited for."""

STALLED = (600.0, 2.0)
"""For one that does not. What one that answers sends, comes in much less."""

DRIPPING = (2.0, 4.0)
"""For one whose headers never end: they may take the sum of both."""

Answer = Callable[["Handler", bytes], None]


class Handler(BaseHTTPRequestHandler):
    """Gives a file as the server's `answer` says, and keeps what was asked for."""

    server: Any

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[-1]
        self.server.asked.append((name, self.headers.get("Range")))
        content = (self.server.folder / name).read_bytes()
        # Who asked has gone before the end, as some tests want it.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.server.answer(self, content)

    def start(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def first(self) -> int:
        """The first byte that was asked for."""
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(match[1]) if match else 0

    def log_message(self, format: str, *args: object) -> None:
        pass


def well(handler: Handler, content: bytes) -> None:
    start = handler.first()
    if start >= len(content):
        handler.start(416, Content_Length=0)
        return
    headers: dict[str, object] = {"Content_Length": len(content) - start}
    if start:
        last, total = len(content) - 1, len(content)
        headers["Content_Range"] = f"bytes {start}-{last}/{total}"
    handler.start(206 if start else 200, **headers)
    handler.wfile.write(content[start:])


def without_range(handler: Handler, content: bytes) -> None:
    handler.start(200, Content_Length=len(content))
    if handler.first():
        handler.wfile.write(content)
    else:
        handler.wfile.write(content[: len(content) // 2])


def halves(handler: Handler, content: bytes) -> None:
    """Breaks every connection off after a half of what is left."""
    if len(content) < 1000:
        well(handler, content)
        return
    start = handler.first()
    last, total = len(content) - 1, len(content)
    headers = {"Content_Range": f"bytes {start}-{last}/{total}"} if start else {}
    handler.start(206 if start else 200, Content_Length=total - start, **headers)
    left = content[start:]
    handler.wfile.write(left[: max(4000, len(left) // 2)])


def forbidden(handler: Handler, content: bytes) -> None:
    handler.start(403, Content_Length=0)


def stalling(handler: Handler, content: bytes) -> None:
    if not handler.path.endswith(IMAGES):
        well(handler, content)  # once is enough to wait for it
        return
    handler.start(200, Content_Length=len(content))
    handler.server.stop.wait(600)


def trickling(handler: Handler, content: bytes) -> None:
    handler.start(200, Content_Length=len(content))
    for byte in content:
        if handler.server.stop.wait(0.001):
            return
        handler.wfile.write(bytes([byte]))


def endless(handler: Handler, content: bytes) -> None:
    handler.start(200)
    while not handler.server.stop.is_set():
        handler.wfile.write(b"\0" * 65536)


def too_long(handler: Handler, content: bytes) -> None:
    handler.start(200, Content_Length=10**12)


def countless(handler: Handler, content: bytes) -> None:
    handler.start(200, Content_Length="9" * 5000)


def elsewhere(handler: Handler, content: bytes) -> None:
    handler.start(302, Location="http://192.0.2.1/set", Content_Length=0)


def in_circles(handler: Handler, content: bytes) -> None:
    handler.start(302, Location=handler.path, Content_Length=0)


def with_control_characters(handler: Handler, content: bytes) -> None:
    handler.wfile.write(
        b"HTTP/1.1 404 No\x1b[31mwhere\x07\r\nContent-Length: 0\r\n\r\n"
    )


def dripping(handler: Handler, content: bytes) -> None:
    """Its headers never end, and each byte of them comes in time."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not handler.server.stop.wait(0.05):
        handler.wfile.write(b"x")


def other(handler: Handler, content: bytes) -> None:
    page = gzip.compress(b"Please log in to the network of this hotel.")
    handler.start(200, Content_Length=len(page))
    handler.wfile.write(page)


def no_gzip(handler: Handler, content: bytes) -> None:
    handler.start(200, Content_Length=6)
    handler.wfile.write(b"\x1f\x8b\x08\0\0\0")


def bomb(handler: Handler, content: bytes) -> None:
    body = gzip.compress(b"\0" * 5_000_000)
    handler.start(200, Content_Length=len(body))
    handler.wfile.write(body)


class Mirror:
    def __init__(self, folder: Path, answer: Answer) -> None:
        self.server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.server.folder, self.server.answer = folder, answer
        self.server.asked, self.server.stop = [], threading.Event()
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/set"

    @property
    def ranges(self) -> list[str | None]:
        """What was asked of the training images."""
        return [part for name, part in self.server.asked if name == IMAGES]

    def close(self) -> None:
        self.server.stop.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def mirror(
    tiny: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Answer], Mirror]]:
    """Starts a server of the small MNIST that answers as it is told."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    started = []

    def start(answer: Answer) -> Mirror:
        started.append(Mirror(tiny["mnist"], answer))
        return started[-1]

    yield start
    for each in started:
        each.close()


Start = Callable[[Answer], Mirror]


def assert_whole(folder: Path, cache: Path) -> None:
    assert folder == cache / "mnist"
    for file in SPECS["mnist"].files:
        assert digest(folder / file.name) == (file.size, file.sha256)
    assert [path.name for path in cache.iterdir()] == ["mnist"]  # nothing left over


def test_set_is_fetched_and_then_found(mirror: Start, no_data: Path) -> None:
    seen = []
    server = mirror(well)
    folder = fetch.fetch("mnist", lambda *now: seen.append(now), [server.url])
    assert_whole(folder, no_data)
    (x_train, _), _ = load_mnist()
    assert len(x_train) == 20
    sizes = {file.name: file.download for file in SPECS["mnist"].files}
    assert {name for name, _, _ in seen} == set(sizes)
    assert all(total == sizes[name] >= done for name, done, total in seen)
    assert seen[-1][1] == seen[-1][2]


def test_set_that_is_there_is_not_fetched_again(mirror: Start, no_data: Path) -> None:
    server = mirror(well)
    fetch.fetch("mnist", mirrors=[server.url])
    asked = len(server.server.asked)
    assert_whole(fetch.fetch("mnist", mirrors=[server.url]), no_data)
    assert len(server.server.asked) == asked


def test_damaged_set_in_the_cache_is_replaced(mirror: Start, no_data: Path) -> None:
    server = mirror(well)
    folder = fetch.fetch("mnist", mirrors=[server.url])
    (folder / IMAGES).write_bytes(b"damaged")
    assert_whole(fetch.fetch("mnist", mirrors=[server.url]), no_data)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (forbidden, "answers 403 Forbidden"),
        (stalling, "stalls"),
        (trickling, "is slower than 1,024 bytes a second"),
        (endless, "sends more than"),
        (too_long, "offers 1,000,000,000,000 bytes"),
        (countless, "offers a number of bytes that has 5,000 digits"),
        (elsewhere, "is not https"),
        (in_circles, "redirects more than 5 times"),
        (with_control_characters, "answers 404 No [31mwhere"),
        pytest.param(
            dripping, "stalls before its answer begins", marks=pytest.mark.slow
        ),
        (other, "sends other content than was published"),
        (no_gzip, "sends an incomplete or damaged gzip file"),
        (bomb, "sends other content than was published"),
    ],
)
def test_bad_mirror_is_named_with_its_reason_and_the_next_serves(
    mirror: Start,
    no_data: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
    reason: str,
) -> None:
    bad, good = mirror(answer), mirror(well)
    waits: dict[Answer, tuple[float, float]] = {stalling: STALLED, dripping: DRIPPING}
    timeout = waits.get(answer, PATIENT)
    if answer is trickling:
        # A clock by which ten seconds go by from one byte to the next.
        slow = SimpleNamespace(monotonic=count(0.0, 10.0).__next__)
        monkeypatch.setattr(download, "time", slow)
    with pytest.raises(DataError) as caught:
        fetch.fetch("mnist", mirrors=[bad.url], timeout=timeout)
    assert f"{bad.url}/{IMAGES}: {reason}" in str(caught.value)
    assert f"put the four files ({IMAGES}, " in str(caught.value)
    assert str(no_data / "mnist") in str(caught.value)
    folder = fetch.fetch("mnist", mirrors=[bad.url, good.url], timeout=timeout)
    assert_whole(folder, no_data)


def test_mirror_that_cannot_be_reached_is_named(mirror: Start, no_data: Path) -> None:
    gone = mirror(well)
    gone.close()
    with pytest.raises(DataError, match=f"{gone.url}/{IMAGES}: cannot be reached"):
        fetch.fetch("mnist", mirrors=[gone.url], timeout=PATIENT)
    assert list(no_data.iterdir()) == []  # nothing is left where nothing came


def test_all_mirrors_that_fail_are_listed(mirror: Start, no_data: Path) -> None:
    first, second = mirror(forbidden), mirror(other)
    with pytest.raises(DataError) as caught:
        fetch.fetch("mnist", mirrors=[first.url, second.url])
    lines = str(caught.value).splitlines()
    assert lines[1].startswith(f"  {first.url}/")
    assert lines[2].startswith(f"  {second.url}/")


def test_broken_connection_is_resumed_where_it_broke(
    mirror: Start, no_data: Path
) -> None:
    server = mirror(halves)
    assert_whole(fetch.fetch("mnist", mirrors=[server.url]), no_data)
    ranges = server.ranges
    assert ranges[0] is None
    starts = [int(each[6:-1]) for each in ranges[1:] if each]
    assert len(starts) == len(ranges) - 1 >= 1
    assert starts == sorted(set(starts))


def test_later_call_resumes_an_earlier_download(mirror: Start, no_data: Path) -> None:
    bad, good = mirror(stalling), mirror(well)
    half = SPECS["mnist"].x_train.download // 2

    def break_off(handler: Handler, content: bytes) -> None:
        handler.start(200, Content_Length=len(content))
        handler.wfile.write(content[:half])
        bad.server.answer = forbidden

    bad.server.answer = break_off
    with pytest.raises(DataError, match="403"):
        fetch.fetch("mnist", mirrors=[bad.url])
    assert not (no_data / "mnist").exists()
    assert_whole(fetch.fetch("mnist", mirrors=[good.url]), no_data)
    assert good.ranges == [f"bytes={half}-"]


def test_old_partial_files_of_a_killed_process_are_reused(
    mirror: Start, no_data: Path, tiny: dict[str, Path]
) -> None:
    server = mirror(well)
    folder = no_data / f"mnist.part-{uuid4().hex}"
    folder.mkdir(parents=True)
    whole = (tiny["mnist"] / IMAGES).read_bytes()
    part = folder / f"{IMAGES}.part"
    part.write_bytes(whole)  # killed after the last byte, before it was verified
    os.utime(part, (0, 0))
    os.utime(folder, (0, 0))
    assert_whole(fetch.fetch("mnist", mirrors=[server.url]), no_data)
    assert server.ranges == []


def test_partial_files_of_a_running_process_are_not_touched(
    mirror: Start, no_data: Path
) -> None:
    folder = no_data / f"mnist.part-{uuid4().hex}"
    folder.mkdir(parents=True)
    fetch.fetch("mnist", mirrors=[mirror(well).url])
    assert folder.exists()


def test_server_that_ignores_range_is_begun_anew(mirror: Start, no_data: Path) -> None:
    server = mirror(without_range)
    # `without_range` gives halves of what is asked for from the first byte on.
    server.server.answer = lambda handler, content: (
        without_range if len(content) > 1000 else well
    )(handler, content)
    assert_whole(fetch.fetch("mnist", mirrors=[server.url]), no_data)
    assert [part is None for part in server.ranges] == [True, False]


@pytest.mark.parametrize(
    "claim", ["bytes 0-9/10", "bytes {start}-{last}/*", "", "bytes 5-{last}/{total}"]
)
def test_wrong_range_restarts_the_download(
    mirror: Start, no_data: Path, claim: str
) -> None:
    def wrong_piece(handler: Handler, content: bytes) -> None:
        start, total = handler.first(), len(content)
        if start:
            piece = claim.format(start=start, last=total - 1, total=total)
            handler.start(206, Content_Length=10, Content_Range=piece)
            handler.wfile.write(b"0123456789")
        elif total > 1000 and not server.ranges[1:]:
            handler.start(200, Content_Length=total)
            handler.wfile.write(content[: total // 2])
        else:
            well(handler, content)

    server = mirror(wrong_piece)
    assert_whole(fetch.fetch("mnist", mirrors=[server.url]), no_data)
    assert [part is None for part in server.ranges] == [True, False, True]


def test_part_from_a_mirror_with_other_bytes_is_begun_anew(
    mirror: Start, no_data: Path
) -> None:
    server = mirror(well)
    folder = no_data / "mnist.part"
    folder.mkdir(parents=True)
    (folder / f"{IMAGES}.part").write_bytes(b"\0" * 5000)
    assert_whole(fetch.fetch("mnist", mirrors=[server.url]), no_data)
    assert server.ranges == ["bytes=5000-", None]


def test_part_longer_than_the_file_is_begun_anew(mirror: Start, no_data: Path) -> None:
    server = mirror(well)
    folder = no_data / "mnist.part"
    folder.mkdir(parents=True)
    (folder / f"{IMAGES}.part").write_bytes(b"\0" * 30_000)
    assert_whole(fetch.fetch("mnist", mirrors=[server.url]), no_data)
    assert server.ranges == ["bytes=30000-", None]


def test_two_fetches_at_once_leave_one_whole_set(mirror: Start, no_data: Path) -> None:
    server = mirror(well)
    results: list[object] = []

    def run() -> None:
        try:
            results.append(fetch.fetch("mnist", mirrors=[server.url]))
        except DataError as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [no_data / "mnist"] * 4
    assert_whole(no_data / "mnist", no_data)


def test_callback_that_stops_the_fetch_loses_nothing(
    mirror: Start, no_data: Path
) -> None:
    server = mirror(well)

    def stop(file: str, done: int, total: int) -> None:
        if file != IMAGES:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch.fetch("mnist", stop, [server.url])
    assert [path.name for path in no_data.iterdir()] == ["mnist.part"]
    assert_whole(fetch.fetch("mnist", mirrors=[server.url]), no_data)
    assert len(server.ranges) == 1


def test_address_that_is_not_https_is_not_used(no_data: Path) -> None:
    with pytest.raises(DataError, match=r"http://example\.org/.*: is not https"):
        fetch.fetch("mnist", mirrors=["http://example.org/"])


def test_mirrors_of_every_set_are_https() -> None:
    for spec in SPECS.values():
        assert all(address.startswith("https://") for address in spec.mirrors)


def test_cache_that_cannot_be_written_to_is_refused(
    mirror: Start, no_data: Path
) -> None:
    no_data.write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"cannot be written \(.*set SECANT_DATA"):
        fetch.fetch("mnist", mirrors=[mirror(well).url])


def test_unknown_set_is_refused_unasked() -> None:
    with pytest.raises(InvalidInput, match="did you mean 'mnist'"):
        fetch.fetch("mnist2")


def test_attempts_at_one_mirror_are_bounded(
    mirror: Start, no_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "MAX_ATTEMPTS", 2)
    server = mirror(halves)
    with pytest.raises(DataError, match="breaks off after"):
        fetch.fetch("mnist", mirrors=[server.url])
    assert len(server.ranges) == 2
