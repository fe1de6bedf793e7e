"""One file over HTTP: bounded, resumed where it broke off, given up when it stalls."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import requests

Progress: TypeAlias = Callable[[str, int, int], object]
"""Called with a file's name, the bytes that are there, and the bytes to come in all."""

ATTEMPTS = 5
"""How often a connection that breaks is taken up again, at one mirror."""

SLOWEST = 1024
"""Bytes a second, over a connection's life; a slower one is given up."""

_BITE = 2**16
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Refused(Exception):
    """A mirror does not give the file; the message says why, in a few words."""


class _Broken(Exception):
    """A connection that broke off, and that is worth taking up again."""


def download(
    url: str,
    part: Path,
    *,
    expected: int,
    timeout: tuple[float, float],
    progress: Callable[[int, int], object],
) -> None:
    """Bring the file at `url` into `part`, going on from what `part` holds.

    Args:
        url: With https, or on this machine.
        part: Where the bytes go. It is kept when the connection breaks, for the next
            attempt, and emptied when a mirror does not send what was asked for.
        expected: Bytes that the file should have; twice as many (and 64 KiB) are the
            most that is taken.
        timeout: Seconds to wait for a connection, and for the next bytes.
        progress: Called with the bytes that are there and those to come in all.

    Raises:
        Refused: The mirror does not give the file, or stalls, or gives too much.
    """
    # Imported here: nothing but a download needs it.
    import requests

    _refuse_insecure(url)
    limit = 2 * expected + _BITE
    with requests.Session() as session:
        for attempt in range(ATTEMPTS):
            held = _size(part)
            try:
                _attempt(session, url, part, limit, timeout, progress)
            except (_Broken, requests.RequestException) as error:
                came = _size(part) - held
                if came <= 0 or attempt == ATTEMPTS - 1:
                    raise Refused(_reason(error)) from None
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
            part.unlink()  # the whole file after all
            start = 0
        elif start and _misfits(response, start):
            part.unlink()
            start = 0
            response.close()
            response = _get(session, url, 0, timeout)
        if response.status_code != (206 if start else 200):
            raise Refused(f"answers {response.status_code} {response.reason}".strip())
        _refuse_insecure(response.url)
        total = _total(response, start)
        if total is not None and total > limit:
            part.unlink(missing_ok=True)
            raise Refused(f"offers {total:,} bytes, more than the {limit:,} taken")
        _receive(response, part, start, total, limit, timeout[1], progress)
    finally:
        response.close()


def _get(
    session: "requests.Session", url: str, start: int, timeout: tuple[float, float]
) -> "requests.Response":
    # identity: the bytes as they are stored, or a range of them would mean nothing.
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    return session.get(url, headers=headers, stream=True, timeout=timeout)


def _receive(
    response: "requests.Response",
    part: Path,
    start: int,
    total: int | None,
    limit: int,
    patience: float,
    progress: Callable[[int, int], object],
) -> None:
    from urllib3.exceptions import HTTPError

    # read1 gives what has come; read would wait for a whole bite, however slow.
    raw: Any = response.raw
    read = getattr(raw, "read1", raw.read)
    done, began, broken = start, time.monotonic(), False
    with part.open("ab") as file:
        while total is None or done < total:
            try:
                bite = read(_BITE, decode_content=False)
            except (HTTPError, OSError) as error:
                if "timed out" in str(error):
                    raise _Broken("stalls") from None
                broken = True
                break
            if not bite:
                break
            done += len(bite)
            if done > limit:
                file.truncate(0)
                raise Refused(f"sends more than {limit:,} bytes")
            file.write(bite)
            progress(done, total or done)
            elapsed = time.monotonic() - began
            if elapsed > patience and (done - start) / elapsed < SLOWEST:
                raise Refused(f"is slower than {SLOWEST:,} bytes a second")
        file.flush()
        os.fsync(file.fileno())
    if broken or (total is not None and done < total):
        whole = "an unknown number of" if total is None else f"{total:,}"
        raise _Broken(f"breaks off after {done:,} of {whole} bytes")


def _misfits(response: "requests.Response", start: int) -> bool:
    """Whether the answer is another piece than asked for, or there is no such piece."""
    if response.status_code != 206:
        return response.status_code == 416
    match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if match is None:
        return True
    first, last, total = map(int, match.groups())
    return first != start or last != total - 1


def _total(response: "requests.Response", start: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return start + int(length) if length.isascii() and length.isdigit() else None


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _refuse_insecure(url: str) -> None:
    address = urlsplit(url)
    if address.scheme != "https" and address.hostname not in _LOOPBACK:
        raise Refused("is not https: give an https:// address")


def _reason(error: Exception) -> str:
    """A few words: what an exception comes down to."""
    import requests

    if isinstance(error, _Broken):
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
