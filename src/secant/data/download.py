"""Download of one file over HTTP: bounded, resumable, ended when it stalls."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    import requests

DownloadProgress: TypeAlias = Callable[[str, int, int], object]
"""Called with a file's name, the bytes received so far, and the bytes in all."""

MAX_ATTEMPTS = 5
"""The number of connections to one mirror before the download gives up."""

MIN_BYTES_PER_SECOND = 1024
"""The lowest mean speed of a connection; a slower one is closed."""

_CHUNK = 2**16
_MAX_REDIRECTS = 5
# Python refuses to read whole numbers of thousands of digits.
_LENGTH = re.compile(r"[0-9]{1,18}")
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class MirrorError(Exception):
    """A mirror does not deliver the file; the message says why in a few words."""


class _ConnectionBroken(Exception):
    """A connection that broke; another attempt may succeed."""


def download(
    url: str,
    part: Path,
    *,
    expected: int,
    timeout: tuple[float, float],
    progress: Callable[[int, int], object],
) -> None:
    """Download the file at `url` into `part`, after the bytes that `part` holds.

    Args:
        url: An https address, or an address on this machine.
        part: The file that receives the bytes. It stays when the connection breaks,
            for the next attempt, and is emptied when a mirror sends something else.
        expected: Bytes that the file should have; the download accepts at most twice
            as many, plus 64 KiB.
        timeout: Seconds to wait for a connection, and for the next bytes.
        progress: Called with the bytes received so far and the bytes in all.

    Raises:
        MirrorError: The mirror does not deliver the file, stalls, or sends too much.
    """
    # Imported here: only a download needs it.
    import requests

    _require_https(url)
    limit = 2 * expected + _CHUNK
    with requests.Session() as session:
        for attempt in range(MAX_ATTEMPTS):
            size_before = _size(part)
            try:
                _attempt(session, url, part, limit, timeout, progress)
            except (_ConnectionBroken, requests.RequestException) as error:
                received = _size(part) - size_before
                if received <= 0 or attempt == MAX_ATTEMPTS - 1:
                    raise MirrorError(_reason(error)) from None
            else:
                return


def _attempt(
    session: "requests.Session",
    url: str,
    part: Path,
    limit: int,
    timeout: tuple[float, float],
    progress: Callable[[int, int], object],
) -> None:
    start = _size(part)
    response = _get(session, url, start, timeout)
    try:
        if start and response.status_code == 200:
            part.unlink()  # the mirror ignored the range and sends the whole file
            start = 0
        elif start and _is_wrong_range(response, start):
            part.unlink()
            start = 0
            response.close()
            response = _get(session, url, 0, timeout)
        if response.status_code != (206 if start else 200):
            reason = _plain(response.reason or "")
            raise MirrorError(f"answers {response.status_code} {reason}".strip())
        total = _total(response, start)
        if total is not None and total > limit:
            part.unlink(missing_ok=True)
            raise MirrorError(f"offers {total:,} bytes, more than the limit {limit:,}")
        _receive(response, part, start, total, limit, timeout[1], progress)
    finally:
        response.close()


def _get(
    session: "requests.Session", url: str, start: int, timeout: tuple[float, float]
) -> "requests.Response":
    """The answer of a mirror, whose head is there, after redirections."""
    # identity: the bytes as stored, since a range counts bytes of what is sent.
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    for _ in range(_MAX_REDIRECTS + 1):
        _require_https(url)  # of each address, before anything is sent there
        response = _head(session, url, headers, timeout)
        target = session.get_redirect_target(response)
        if target is None:
            return response
        response.close()
        url = urljoin(url, target)
    raise MirrorError(f"redirects more than {_MAX_REDIRECTS} times")


def _head(
    session: "requests.Session",
    url: str,
    headers: dict[str, str],
    timeout: tuple[float, float],
) -> "requests.Response":
    # A time-out counts from one byte to the next. In a thread, the whole head has one.
    answers: SimpleQueue[requests.Response | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(
                session.get(
                    url,
                    headers=headers,
                    stream=True,
                    timeout=timeout,
                    allow_redirects=False,
                )
            )
        except Exception as error:
            answers.put(error)

    Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=sum(timeout))
    except Empty:
        raise MirrorError("stalls before its answer begins") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _plain(text: str) -> str:
    """A text from a mirror, without control characters and cut."""
    return "".join(c if c.isprintable() else " " for c in text)[:60].strip()


def _receive(
    response: "requests.Response",
    part: Path,
    start: int,
    total: int | None,
    limit: int,
    max_wait: float,
    progress: Callable[[int, int], object],
) -> None:
    from urllib3.exceptions import HTTPError

    # read1 returns what has arrived; read would wait for a whole chunk, however slow.
    raw: Any = response.raw
    read = getattr(raw, "read1", raw.read)
    done, began, broken = start, time.monotonic(), False
    with part.open("ab") as file:
        while total is None or done < total:
            try:
                chunk = read(_CHUNK, decode_content=False)
            except (HTTPError, OSError) as error:
                if "timed out" in str(error):
                    raise _ConnectionBroken("stalls") from None
                broken = True
                break
            if not chunk:
                break
            done += len(chunk)
            if done > limit:
                file.truncate(0)
                raise MirrorError(f"sends more than {limit:,} bytes")
            file.write(chunk)
            progress(done, total or done)
            elapsed = time.monotonic() - began
            if elapsed > max_wait and (done - start) / elapsed < MIN_BYTES_PER_SECOND:
                raise MirrorError(
                    f"is slower than {MIN_BYTES_PER_SECOND:,} bytes a second"
                )
        file.flush()
        os.fsync(file.fileno())
    if broken or (total is not None and done < total):
        whole = "an unknown number of" if total is None else f"{total:,}"
        raise _ConnectionBroken(f"breaks off after {done:,} of {whole} bytes")


def _is_wrong_range(response: "requests.Response", start: int) -> bool:
    """Whether the response is another range than requested, or no such range exists."""
    if response.status_code != 206:
        return response.status_code == 416
    match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if match is None:
        return True
    first, last, total = map(int, match.groups())
    return first != start or last != total - 1


def _total(response: "requests.Response", start: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    if length.isascii() and length.isdigit() and not _LENGTH.fullmatch(length):
        raise MirrorError(f"offers a number of bytes that has {len(length):,} digits")
    return start + int(length) if _LENGTH.fullmatch(length) else None


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _require_https(url: str) -> None:
    address = urlsplit(url)
    if address.scheme != "https" and address.hostname not in _LOOPBACK:
        raise MirrorError("is not https: pass an https:// address")


def _reason(error: Exception) -> str:
    """The reason of an exception in a few words."""
    import requests

    if isinstance(error, _ConnectionBroken):
        return str(error)

    if isinstance(error, requests.ConnectTimeout):
        return "does not answer in time"
    if isinstance(error, requests.Timeout):
        return "stalls"
    if isinstance(error, requests.exceptions.SSLError):
        return "has no certificate that can be trusted"
    if isinstance(error, requests.ConnectionError):
        return "cannot be reached"
    return " ".join(str(error).split())[:120] or type(error).__name__
