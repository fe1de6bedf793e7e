"""Wrong requests to the page: every one gets an answer, and none does harm.

    python tests/fuzzing/requests_fuzz.py --cases 20000
    python tests/fuzzing/requests_fuzz.py --cases 500 --seed 7
    python tests/fuzzing/requests_fuzz.py --case 4711               # one, in full

`secant lab` runs as its users start it, and several clients send it requests over
sockets: JSON values and JSON itself, formulas at the limits, drawings, gradients of
one's own, races, heads, and bytes that are no HTTP. No response may be a 500, come
later than 60 s or hold the token. An error as JSON has its code and its message. Every
request that is HTTP gets a response, and the right ones in between get a 200. The
server's memory and open files may not grow after the first tenth. The table is
Markdown; the exit code is 1 if anything else happened.

It is no general fuzzer of interfaces, such as Schemathesis: those send what an HTTP
library can send, to addresses of a schema, and look at one response. Half of these
cases are bytes that no library sends, most others are texts with a grammar of their
own or need the number of a race that lives, and the judge looks at the server, too.
"""

import argparse
import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from http_cases import COMPILED, COOKIE, KINDS, PORT, RACE, TOKEN, Case, case, post

from secant_lab.expressions import MAX_COMPILED

PATIENCE = 60.0
"""The most seconds until a response is complete; some formulas compile for seconds."""

SILENCE = 0.3
"""The seconds that a client waits for the rest of what is no whole request."""

MORE_FILES = 40
"""How many more open files there may be at the end: connections on which the server
still waits for the rest of a case."""


class Lab:
    """`secant lab` in a process of its own.

    Attributes:
        port: Its port.
        token: Its token.
        cookie: The cookie of a page that was opened.
        race: A race that lives.
    """

    def __init__(self, folder: Path) -> None:
        self.log = folder / "lab.log"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "secant", "lab", "--port", "0", "--no-browser"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=self.log.open("wb"),
            text=True,
        )
        assert self.process.stdout is not None
        address = self.process.stdout.readline().strip()
        self.port = int(address.partition("127.0.0.1:")[2].partition("/")[0])
        self.token = address.partition("token=")[2]
        self.cookie = self.race = ""
        response, _ = self.send(
            f"GET /?token={TOKEN} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n\r\n".encode(),
            "GET",
        )
        self.cookie = response[0].headers["Set-Cookie"].partition(";")[0]
        self.start_race()

    def start_race(self) -> None:
        """Start another race, for the cases that need one."""
        body = json.dumps(
            {"entries": [{"gradient": "backprop", "rate": 0.1}], "hidden": 3}
        )
        (answer,), _ = self.send(post("training/start", body.encode()))
        self.race = json.loads(answer.body)["race"]
        assert len(self.race) == len(RACE)

    def fill_caches(self, count: int) -> None:
        """Have as many programs compiled as the rooms keep, which are bounded."""
        for number in range(count):
            text = f"{number + 2}*x0**2 + sin(x1)/{number + 2}"
            both = {"formula": text}
            bodies: list[tuple[str, dict[str, Any]]] = [
                (
                    "slope/point",
                    {"formula": text.replace("x1", "x").replace("x0", "x")},
                ),
                ("descent/descents", both),
                ("descent/presets", both),
            ]
            if number % 3 == 0:
                own = {"formula": text.replace("x1", "y").replace("x0", "x")}
                bodies.append(("check/own", own))
                bodies.append(("training/start", {"hidden": number + 1}))
            for name, changed in bodies:
                body = json.dumps(COMPILED[name] | changed).encode()
                (answer,), _ = self.send(post(name, body))
                assert answer.status == 200, answer.body

    def filled(self, content: bytes) -> bytes:
        """A case's content with this server's own values."""
        values = {
            TOKEN: self.token,
            COOKIE: self.cookie,
            PORT: str(self.port),
            RACE: self.race,
        }
        for name, value in values.items():
            content = content.replace(name.encode(), value.encode())
        return content

    def send(
        self,
        content: bytes,
        method: str = "POST",
        complete: bool = True,
        count: int = 1,
    ) -> tuple[list["Answer"], bytes]:
        """The responses to a request, or to `count` at once, and all bytes that came.

        Raises:
            TimeoutError: No response, or not all of it, within the patience.
            http.client.HTTPException: What came is no response.
        """
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
            stream = _Recorder(client, PATIENCE if complete else SILENCE)
            with suppress(BrokenPipeError, ConnectionResetError):
                client.sendall(self.filled(content))
            answers = []
            for _ in range(count):
                answer = _read_response(stream, method)
                answers.append(answer)
            return answers, bytes(stream.came)

    def memory(self) -> int:
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGESIZE")

    def files(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def close(self) -> str:
        """End it, and return what it wrote."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "it did not end within 60 s"
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(line for line in lines if line and not _EXPECTED.match(line))


# What the lab says of itself, and what uvicorn says of what is no HTTP for it.
_EXPECTED = re.compile(
    r"Ctrl-C ends the lab\.|the lab is closed|WARNING:  (Invalid HTTP request received|"
    r"Unsupported upgrade request|No supported WebSocket library detected)\."
)


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class _Recorder(io.RawIOBase):
    """A socket as a file for `http.client`, with a deadline, that keeps what came."""

    def __init__(self, client: socket.socket, seconds: float) -> None:
        self._client, self._ends = client, time.monotonic() + seconds
        self.came = bytearray()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the response is late")
        self._client.settimeout(left)
        count = self._client.recv_into(buffer)
        self.came += memoryview(buffer)[:count]
        return count

    def makefile(self, mode: str) -> io.BufferedReader:
        # One buffer for all responses of a connection.
        if not hasattr(self, "_buffer"):
            self._buffer = _Open(self)
        return self._buffer


class _Open(io.BufferedReader):
    """A buffer that stays open when a response ends, since others may follow."""

    def close(self) -> None:
        pass


def _read_response(stream: _Recorder, method: str) -> Answer:
    # It asks its socket for nothing but `makefile`, which a recorder has.
    response = http.client.HTTPResponse(stream, method=method)
    response.begin()
    if response.headers.get("Content-Type", "").startswith("text/event-stream"):
        # A race's stream does not end: its beginning is enough.
        return Answer(response.status, response.headers, response.fp.read1(4096))
    body = response.read()
    return Answer(response.status, response.headers, body)


@dataclass
class Tally:
    """What became of the cases of one kind.

    Attributes:
        cases: How many there were.
        statuses: The responses, by their status; 0 for none.
        slowest: The seconds until the slowest response, and its case.
        faults: What must not happen, by the number of the case.
    """

    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    slowest: tuple[float, int] = (0.0, -1)
    faults: dict[int, str] = field(default_factory=dict)


def try_case(
    lab: Lab, number: int, seed: int, tally: Tally, lock: threading.Lock
) -> None:
    """Send a case and judge what comes."""
    given = case(number, seed)
    count = given.content.count(b"HTTP/1.1\r\n") if given.kind == "pipelined" else 1
    began = time.monotonic()
    answers, came, fault = [], b"", ""
    try:
        answers, came = lab.send(given.content, given.method, given.complete, count)
    except (OSError, http.client.HTTPException) as error:
        if given.complete:
            fault = f"no response: {type(error).__name__}: {error}"
    took = time.monotonic() - began
    for answer in answers:
        fault = fault or judge(given, answer)
    if lab.token.encode() in came or (
        lab.cookie.encode() in came.replace(b"set-cookie: " + lab.cookie.encode(), b"")
    ):
        fault = "the response holds the token or the session"
    if given.complete and took > PATIENCE:
        fault = f"the response took {took:.0f} s"
    with lock:
        tally.cases += 1
        tally.statuses.update([answer.status for answer in answers] or [0])
        if given.complete:
            tally.slowest = max(tally.slowest, (took, number))
        if fault:
            tally.faults[number] = fault


def judge(given: Case, answer: Answer) -> str:
    """What is wrong with a response; empty if nothing is."""
    told = f"{answer.status}: {answer.body[:300]!r}"
    if answer.status >= 500:
        return told
    # Nothing can be saved before the first step, and races end.
    may_fail = b'"code":"nothing"' in answer.body or b'"code":"race"' in answer.body
    if given.kind in ("right", "pipelined") and answer.status != 200 and not may_fail:
        return f"a right request: {told}"
    if answer.status < 400 or given.method == "HEAD":
        return ""
    kind = answer.headers.get("Content-Type", "")
    if kind.startswith("application/json"):
        error = json.loads(answer.body).get("error", {})
        texts = [error.get("code"), error.get("message")]
        if not all(isinstance(text, str) and text for text in texts):
            return f"an error without code and message: {told}"
        if len(answer.body) > 20_000:
            return f"an error of {len(answer.body):,} bytes"
    elif given.complete and not kind.startswith("text/html"):
        return f"an error that is neither JSON nor HTML: {told}"
    return ""


def table(tallies: dict[str, Tally]) -> str:
    """The tallies in Markdown."""
    rows = [
        "| kind | cases | responses | slowest | faults |",
        "|---|--:|---|--:|--:|",
    ]
    for name, tally in tallies.items():
        told = ", ".join(
            f"{n:,} × {status or 'none'}"
            for status, n in sorted(tally.statuses.items())
        )
        rows.append(
            f"| {name} | {tally.cases:,} | {told} | {tally.slowest[0]:.2f} s (case "
            f"{tally.slowest[1]}) | {len(tally.faults)} |"
        )
    return "\n".join(rows)


def attack(
    lab: Lab, cases: int, seed: int, at_once: int, growth: float
) -> tuple[dict[str, Tally], list[str]]:
    """Send the cases from several clients; the tallies, and the server's faults."""
    tallies = {name: Tally() for name in KINDS}
    lock, numbers = threading.Lock(), iter(range(cases))
    marks: dict[str, tuple[int, int]] = {}

    def client() -> None:
        while True:
            with lock:
                number = next(numbers, None)
                if number == cases // 10:
                    marks["tenth"] = lab.memory(), lab.files()
            if number is None:
                return
            if number % 500 == 250:
                # The races of before may have been ended by a case.
                with suppress(OSError, http.client.HTTPException, KeyError):
                    lab.start_race()
            if number % 1000 == 0:
                print(
                    f"{number:,}: {lab.memory() / 2**20:.0f} MiB, {lab.files()} files",
                    file=sys.stderr,
                    flush=True,
                )
            try_case(lab, number, seed, tallies[case(number, seed).kind], lock)

    threads = [threading.Thread(target=client) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    marks["end"] = lab.memory(), lab.files()
    sent = sum(tally.cases for tally in tallies.values())
    faults = [] if sent == cases else [f"the clients sent {sent:,} of {cases:,} cases"]
    (early, few), (late, many) = marks.get("tenth", marks["end"]), marks["end"]
    print(
        f"memory {early / 2**20:,.0f} MiB after a tenth, {late / 2**20:,.0f} MiB at "
        f"the end (× {late / early:.2f}); {few} and {many} open files\n"
    )
    if late > growth * early:
        faults.append("the memory has grown")
    if many > few + MORE_FILES:
        faults.append("the open files have become more")
    return tallies, faults


def show(lab: Lab, number: int, seed: int) -> None:
    """One case, and its responses, in full."""
    given = case(number, seed)
    print(given.kind, "complete" if given.complete else "not complete")
    print(lab.filled(given.content))
    try:
        print(lab.send(given.content, given.method, given.complete)[1])
    except (OSError, http.client.HTTPException) as error:
        print(f"{type(error).__name__}: {error}")


def main() -> None:
    """Attack a lab; print the table and what went wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=3, help="clients")
    parser.add_argument(
        "--growth",
        type=float,
        default=1.2,
        help="the most memory at the end, as a multiple of that after the first tenth",
    )
    parser.add_argument(
        "--fill",
        type=int,
        default=MAX_COMPILED,
        help="the formulas that are compiled before the first case, so that what grows "
        "later is no bounded cache",
    )
    parser.add_argument("--case", type=int, help="show this one alone")
    asked = parser.parse_args()
    began = time.monotonic()
    with TemporaryDirectory() as scratch:
        lab = Lab(Path(scratch))
        if asked.case is not None:
            show(lab, asked.case, asked.seed)
            print(lab.close())
            return
        try:
            lab.fill_caches(asked.fill)
            tallies, faults = attack(
                lab, asked.cases, asked.seed, asked.at_once, asked.growth
            )
            if lab.process.poll() is not None:
                faults.append(f"the lab ended with {lab.process.returncode}")
        finally:
            said = lab.close()
        if said:
            faults.append(f"the lab wrote: {said[-3000:]}")
    print(table(tallies))
    print(f"\n{asked.cases:,} cases in {time.monotonic() - began:.0f} s")
    for name, tally in tallies.items():
        for number, why in sorted(tally.faults.items())[:20]:
            print(f"{name}, --seed {asked.seed} --case {number}: {why}")
        faults += tally.faults.values()
    for fault in faults:
        if fault.startswith("the "):
            print(fault)
    raise SystemExit(min(len(faults), 1))


if __name__ == "__main__":
    main()
