"""What it costs to be watched: `secant lab` with one training, and with twenty.

    python benchmarks/lab.py [--data mnist] [--seconds 4] [--pairs 7]

Starts a lab of its own and asks it as pages do, over HTTP. Prints

- steps a second of a training that a page watches, over those of one that nobody does,
  in turns: the median of the pairs, and the quartiles; the same for each second of CPU
  time, which a machine that is busy otherwise disturbs less;
- how many updates a second a page gets of a training at full speed;
- with so many trainings, each watched: memory, and how long another room takes to
  answer.
"""

import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np


class Lab:
    """A lab in a process of its own."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "secant", "lab", "--port", "0", "--no-browser"],
            cwd=self.folder.name,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        address = self.process.stdout.readline()
        found = re.search(r":(\d+)/\?token=(\S+)", address)
        assert found, address
        self.port, self.token = int(found[1]), found[2]

    def __enter__(self) -> "Lab":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.folder.cleanup()

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)

    def ask(self, name: str, **body: object) -> dict:
        with closing(self.connection()) as connection:
            address = f"/api/{name}?token={self.token}"
            connection.request("POST", address, json.dumps(body))
            answer = json.loads(connection.getresponse().read())
        assert "error" not in answer, answer
        return answer

    def race(self, entries: list[str], **settings: object) -> str:
        """A race that is prepared and can be looked at."""
        wanted = [{"gradient": name, "rate": 0.1} for name in entries]
        race = self.ask("training/start", entries=wanted, **settings)["race"]
        with self.watched(race) as page:
            while not page.drawn:
                time.sleep(0.05)
        return race

    @contextmanager
    def watched(self, race: str):
        page = Page(self, race)
        try:
            yield page
        finally:
            page.close()

    @property
    def cpu_seconds(self) -> float:
        """What the lab's process has used of all cores."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    @property
    def megabytes(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024


class Page(threading.Thread):
    """Reads the updates of a race as fast as they come."""

    def __init__(self, lab: Lab, race: str) -> None:
        super().__init__(daemon=True)
        self.connection = lab.connection()
        query = f"token={lab.token}&race={race}"
        self.connection.request("GET", f"/api/training/watch?{query}")
        self.stream = self.connection.getresponse()
        self.updates = 0
        self.drawn = False
        self.ended = False
        self.start()

    def run(self) -> None:
        for line in self.stream:
            if line.startswith(b"data: "):
                self.updates += 1
                self.drawn = self.drawn or b'"gradients":"' in line
            if self.ended:
                break
        self.stream.close()
        self.connection.close()

    def close(self) -> None:
        """Stops with the next line, or leaves the thread to the last one."""
        self.ended = True
        self.join(1.0)


def speed(lab: Lab, race: str, seconds: float) -> np.ndarray:
    """Steps a second, and steps a second of the process's CPU time."""

    def now() -> np.ndarray:
        steps = sum(lab.ask("training/keep_alive", race=race)["steps"])
        return np.array([steps, time.perf_counter(), lab.cpu_seconds])

    before = now()
    time.sleep(seconds)
    steps, clock, cpu = now() - before
    return np.array([steps / clock, steps / cpu])


def watching(lab: Lab, entries: list[str], options: argparse.Namespace) -> None:
    race = lab.race(entries, data=options.data)
    shares, alone, watched, told = [], [], [], []
    for pair in range(options.pairs):
        # From the start each time: a race ends after 200,000 steps.
        lab.ask("training/rewind", race=race)
        lab.ask("training/go", race=race)
        time.sleep(0.5)
        for watch in (pair % 2 == 0, pair % 2 == 1):
            if not watch:
                alone.append(speed(lab, race, options.seconds))
                continue
            with lab.watched(race) as page:
                time.sleep(0.2)
                before, began = page.updates, time.perf_counter()
                watched.append(speed(lab, race, options.seconds))
                told.append((page.updates - before) / (time.perf_counter() - began))
        shares.append(watched[-1] / alone[-1])
    lab.ask("training/end", race=race)
    low, middle, high = np.quantile(shares, [0.25, 0.5, 0.75], axis=0) - 1
    print(
        f"| {', '.join(entries)} | {np.median(alone, axis=0)[0]:,.0f} | "
        f"{np.median(watched, axis=0)[0]:,.0f} | "
        f"{middle[0]:+.1%} ({low[0]:+.1%} to {high[0]:+.1%}) | "
        f"{middle[1]:+.1%} ({low[1]:+.1%} to {high[1]:+.1%}) | {np.median(told):.0f} |"
    )


def answers(lab: Lab, count: int = 60) -> str:
    took = []
    for x in np.linspace(-1, 1, count):
        began = time.perf_counter()
        lab.ask("slope/point", formula="sin(3*x)", x=float(x), h=0.1)
        took.append(1000 * (time.perf_counter() - began))
        time.sleep(0.02)
    middle, most = np.quantile(took, [0.5, 0.95])
    return f"{middle:.0f} | {most:.0f}"


def crowd(lab: Lab, options: argparse.Namespace) -> None:
    print(f"| nothing trains | {lab.megabytes:,.0f} | {answers(lab)} | |")
    races = [
        lab.race(["node"], data=options.data, seed=seed)
        for seed in range(options.races)
    ]
    for race in races:
        lab.ask("training/go", race=race)
    pages = [Page(lab, race) for race in races]
    time.sleep(2)
    for when in ("at first", f"after {options.minute:.0f} s"):
        rates = [0] * len(races)
        before = [
            lab.ask("training/keep_alive", race=race)["steps"][0] for race in races
        ]
        began = time.perf_counter()
        answered = answers(lab)
        after = [
            lab.ask("training/keep_alive", race=race)["steps"][0] for race in races
        ]
        seconds = time.perf_counter() - began
        rates = (np.array(after) - before) / seconds
        print(
            f"| {len(races)} trainings, watched, {when} | {lab.megabytes:,.0f} | "
            f"{answered} | {rates.min():,.0f} to {rates.max():,.0f} |"
        )
        time.sleep(options.minute if when == "at first" else 0)
    for race, page in zip(races, pages, strict=True):
        lab.ask("training/end", race=race)
        page.close()
    time.sleep(2)
    print(f"| ended | {lab.megabytes:,.0f} | {answers(lab)} | |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="sample", help="sample or mnist")
    parser.add_argument("--seconds", type=float, default=4.0, help="of a measurement")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--races", type=int, default=20)
    parser.add_argument("--minute", type=float, default=30.0, help="between two looks")
    options = parser.parse_args()
    with Lab() as lab:
        print(
            "| entries | steps/s alone | watched | steps/s | of CPU time | updates/s |"
        )
        print("|---|---:|---:|---:|---:|---:|")
        watching(lab, ["node"], options)
        watching(lab, ["node", "backprop", "weight", "spsa"], options)
    with Lab() as lab:
        print()
        print("| | memory, MB | slope/point, ms, median | 95 % | steps/s of each |")
        print("|---|---:|---:|---:|---:|")
        crowd(lab, options)


if __name__ == "__main__":
    main()
