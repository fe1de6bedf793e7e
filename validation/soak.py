"""Memory over long use: the page, training, checks of gradients, and a sweep.

    python validation/soak.py --minutes 30 --people 20 --rates 1000 --checks 1000
    python validation/soak.py --only page --minutes 3 --picture soak.png

- page: people use `secant lab` for some minutes: slopes and descents of ever other
  formulas, drawings, checks, and races that they start, watch, step, save and end.
- training: `fit`, each time with another learning rate and another shape of network,
  data and batch.
- checks: `check_gradient` of ever other functions.
- sweep: `secant sweep`, a hundred trials in one process.

Each is a process of its own, whose resident memory (RSS) is sampled. The memory at the
end may be at most 1.2 times the memory after the first tenth. The table is Markdown;
the exit code is 1 if memory grew more, or if the page answered otherwise than it
should. Linux only.
"""

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import numpy as np

FACTOR = 1.2
"""The most memory at the end, as a multiple of that after the first tenth."""

_WINDOW = 0.02
"""The share of a part over which its memory is averaged: allocators breathe."""


@dataclass
class Record:
    """The memory of a process over its work.

    Attributes:
        name: The part.
        what: What was done, in words.
        done: The share of the work that was done, for each sample.
        rss: The resident bytes, for each sample.
        seconds: When, for each sample.
        faults: What should not have happened.
    """

    name: str
    what: str = ""
    done: list[float] = field(default_factory=list)
    rss: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def sample(self, process: int, done: float) -> None:
        """Note the memory of a process."""
        with suppress(OSError, IndexError):  # it has just ended
            pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
            if pages:
                self.rss.append(pages * os.sysconf("SC_PAGESIZE"))
                self.done.append(done)
                self.seconds.append(time.monotonic() - self.began)
                if len(self.done) < 2 or int(20 * done) > int(20 * self.done[-2]):
                    told = f"{self.name}: {done:.0%}, {self.rss[-1] / 2**20:,.0f} MiB"
                    print(told, file=sys.stderr, flush=True)

    def at(self, share: float) -> float:
        """The mean memory at a share of the work."""
        done, rss = np.array(self.done), np.array(self.rss)
        return float(rss[abs(done - share) <= _WINDOW].mean())

    @property
    def factor(self) -> float:
        return self.at(1.0) / self.at(0.1)

    @property
    def row(self) -> str:
        early, late = self.at(0.1) / 2**20, self.at(1.0) / 2**20
        return (
            f"| {self.name} | {self.what} | {self.seconds[-1] / 60:.1f} min | "
            f"{early:,.0f} MiB | {late:,.0f} MiB | {max(self.rss) / 2**20:,.0f} MiB | "
            f"{self.factor:.2f} | {len(self.faults)} |"
        )


# The page.


def run_page(minutes: float, people: int, folder: Path) -> Record:
    """`people` use one lab."""
    record = Record("page")
    process = subprocess.Popen(
        [sys.executable, "-m", "secant", "lab", "--port", "0", "--no-browser"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=(folder / "lab.log").open("wb"),
        text=True,
    )
    assert process.stdout is not None
    address = urlsplit(process.stdout.readline().strip())
    token = address.query.partition("=")[2]
    end = threading.Event()
    everyone = [Person(number, address.port or 0, token) for number in range(people)]
    threads = [
        threading.Thread(target=person.use_the_page, args=(end,)) for person in everyone
    ]
    record.began = time.monotonic()
    for thread in threads:
        thread.start()
    length = 60 * minutes
    while (passed := time.monotonic() - record.began) < length:
        record.sample(process.pid, passed / length)
        time.sleep(min(1.0, length / 200))
    record.sample(process.pid, 1.0)
    descriptors = len(os.listdir(f"/proc/{process.pid}/fd"))
    end.set()
    for thread in threads:
        thread.join(300)
        if thread.is_alive():
            record.faults.append("a request has no answer after 300 s")
    process.send_signal(signal.SIGINT)
    try:
        process.wait(300)
    except subprocess.TimeoutExpired:
        process.kill()
        record.faults.append("Ctrl-C has not ended the lab within 300 s")
    answers = sum((person.answers for person in everyone), Counter[int]())
    slowest = max(person.slowest for person in everyone)
    counted = ", ".join(f"{n:,} × {status}" for status, n in sorted(answers.items()))
    record.what = (
        f"{people} people: {counted}; {sum(p.races for p in everyone):,} races, "
        f"{sum(p.events for p in everyone):,} updates; the slowest answer "
        f"{slowest[0]:.1f} s ({slowest[1]}); {descriptors} open files at the end"
    )
    record.faults += [fault for person in everyone for fault in person.faults]
    if log := (folder / "lab.log").read_text().replace("Ctrl-C ends the lab.", ""):
        log = log.replace("the lab is closed", "").strip()
        record.faults += [f"the lab wrote {log[-2000:]}"] if log else []
    return record


class Person:
    """Somebody who uses the page in one tab."""

    def __init__(self, number: int, port: int, token: str) -> None:
        self.draw = np.random.default_rng([7, number])
        self.port, self.token = port, token
        self.answers: Counter[int] = Counter()
        self.faults: list[str] = []
        self.slowest = (0.0, "")
        self.races = self.events = 0

    def use_the_page(self, end: threading.Event) -> None:
        """Go from room to room until the end."""
        rooms = (self.slope, self.descent, self.paper, self.check, self.training)
        shares = (0.3, 0.2, 0.2, 0.1, 0.2)
        while not end.is_set():
            room = rooms[self.draw.choice(len(rooms), p=shares)]
            try:
                self.open_page()
                room(end)
            except Exception as error:
                self.faults.append(f"{room.__name__}: {type(error).__name__}: {error}")
                time.sleep(1)

    def think(self, end: threading.Event) -> None:
        end.wait(self.draw.exponential(1.0))

    def open_page(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        with closing(connection):
            connection.request("GET", f"/?token={self.token}")
            response = connection.getresponse()
            response.read()
            self.answers[response.status] += 1
            if response.status != 200:
                self.faults.append(f"the page: {response.status}")

    def ask(self, name: str, may_fail: bool = False, **body: Any) -> Any:
        """The answer to a request; None for an error that may be."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        with closing(connection):
            began = time.monotonic()
            connection.request(
                "POST", f"/api/{name}?token={self.token}", json.dumps(body)
            )
            response = connection.getresponse()
            content = json.loads(response.read())
            took = time.monotonic() - began
        self.slowest = max(self.slowest, (took, name))
        self.answers[response.status] += 1
        if response.status == 200:
            return content
        if response.status >= 500 or not may_fail:
            self.faults.append(f"{name} {json.dumps(body)[:300]}: {content}")
        return None

    def slope(self, end: threading.Event) -> None:
        formula = formula_of(self.draw, ("x",))
        self.ask("slope/curve", formula=formula, low=-3.0, high=3.0)
        for _ in range(self.draw.integers(1, 6)):
            if end.is_set():
                return
            x, h = float(self.draw.uniform(-3, 3)), 10 ** self.draw.uniform(-8, 0)
            self.ask(
                "slope/point",
                formula=formula,
                x=x,
                h=float(h),
                kind=str(self.draw.choice(["central", "forward"])),
            )
            self.think(end)

    def descent(self, end: threading.Event) -> None:
        formula = formula_of(self.draw, ("x0", "x1"))
        view: dict[str, Any] = {"left": -5.0, "right": 5.0, "bottom": -5.0, "top": 5.0}
        start: dict[str, Any] = {
            name: float(self.draw.uniform(-4, 4)) for name in ("x0", "x1")
        }
        self.ask("descent/heights", formula=formula, **view)
        found = self.ask(
            "descent/presets", formula=formula, **start, left=-5.0, right=5.0
        )
        if found:
            for runs in found.values():
                self.ask(
                    "descent/descents",
                    formula=formula,
                    **start,
                    runs=runs,
                    steps=int(self.draw.integers(1, 501)),
                    **view,
                )
                self.think(end)

    def paper(self, end: threading.Event) -> None:
        self.ask("draw/networks")
        self.ask("draw/examples", page=int(self.draw.integers(100)))
        points = self.draw.integers(0, 1001, (self.draw.integers(2, 20), 2))
        drawing = "".join(base_36(number) for point in points for number in point)
        example = int(self.draw.integers(-1, 900))
        if end.is_set():
            return
        self.ask("draw/read", drawing=drawing, example=example)
        self.think(end)
        self.ask("draw/why", drawing=drawing, example=example)

    def check(self, end: threading.Event) -> None:
        if self.draw.random() < 0.5:
            self.ask("check/planted", fault=str(self.draw.choice(FAULTS)))
        else:
            # A point where the function has no value is an error that may be.
            factor = self.draw.integers(1, 100)
            self.ask(
                "check/own",
                may_fail=True,
                formula=f"{factor}*x**2 + {formula_of(self.draw, ('x', 'y'))}",
                variables=2,
                dx=f"{factor}*2*x",
                dy=formula_of(self.draw, ("x", "y")),
                x=1.0,
                y=2.0,
            )
        self.think(end)

    def training(self, end: threading.Event) -> None:
        methods = ("backprop", "node", "weight")
        started = self.ask(
            "training/start",
            entries=[
                {
                    "gradient": str(self.draw.choice(methods)),
                    "rate": float(10 ** self.draw.uniform(-3, 0)),
                }
                for _ in range(self.draw.integers(1, 4))
            ],
            hidden=int(self.draw.integers(2, 60)),
            batch=int(self.draw.integers(1, 100)),
            optimizer=str(self.draw.choice(["sgd", "momentum", "adam"])),
            seed=int(self.draw.integers(1000)),
        )
        if not started:
            return
        self.races += 1
        race = started["race"]
        self.ask("training/go", race=race)
        self.watch(race, self.draw.uniform(1, 6))
        self.ask("training/pause", race=race)
        self.ask("training/keep_alive", race=race)
        self.ask("training/step", race=race, count=int(self.draw.integers(1, 50)))
        self.ask("training/rewind", race=race)
        self.ask("training/step", race=race, count=5)
        self.think(end)
        if self.draw.random() < 0.1:
            # There is nothing to save before the first step.
            self.ask("training/save", may_fail=True, race=race)
        if self.draw.random() < 0.8:  # others close the tab
            self.ask("training/end", race=race)

    def watch(self, race: str, seconds: float) -> None:
        """Read a race's stream for a while, and close it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        with closing(connection):
            connection.request(
                "GET", f"/api/training/watch?token={self.token}&race={race}"
            )
            with connection.getresponse() as response:
                self.answers[response.status] += 1
                until = time.monotonic() + seconds
                while time.monotonic() < until and (line := response.readline()):
                    self.events += line.startswith(b"event:")


FAULTS = ("right", "sign", "transposed", "no_mean", "index_off", "decay_forgotten")


def base_36(number: int) -> str:
    """A number from 0 to 1000 as two digits."""
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return digits[number // 36] + digits[number % 36]


_TERMS = (
    *("{a}*{x}**2", "sin({a}*{x})", "{a}*{x}*{y}", "exp(-{x}**2/{a})", "{a}*abs({x})"),
    *("tanh({x}/{a})", "cos({x}) * {y}", "log(1 + {x}**2)", "{x}**3/{a}", "{a}*{x}"),
    *("max({x}, {a})", "sigmoid({a}*{x})", "relu({x})", "sqrt({a} + {x}**2)"),
)


def formula_of(draw: np.random.Generator, names: tuple[str, ...]) -> str:
    """A formula that nobody has typed before, most probably."""
    return " + ".join(
        str(draw.choice(_TERMS)).format(
            a=round(float(draw.uniform(0.5, 4)), 3), x=draw.choice(names), y=names[-1]
        )
        for _ in range(draw.integers(1, 4))
    )


# Training and checks, in a process of their own, which prints a line for each.


def run_child(name: str, count: int) -> Record:
    """`work_NAME` in a process of its own."""
    record = Record(name)
    process = subprocess.Popen(
        [sys.executable, __file__, "--work", name, "--count", str(count)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    number, said = 0, ""
    for line in process.stdout:
        if line.startswith("."):
            number += 1
            record.sample(process.pid, number / count)
        else:
            said += line
    if process.wait() or number != count:
        record.faults.append(f"{number} of {count}, and exit code {process.returncode}")
    record.what = said.strip()
    return record


def work_training(count: int) -> str:
    """`fit` with ever other rates and shapes."""
    from secant import MLP, fit

    draw, seen = np.random.default_rng(1), set[Any]()
    optimizers = ("sgd", "momentum", "adam")
    while len(seen) < count:
        inputs, classes = int(draw.integers(1, 9)), int(draw.integers(2, 6))
        hidden = tuple(draw.integers(1, 33, draw.integers(1, 4)).tolist())
        shape = (inputs, *hidden, classes)
        if shape in seen:
            continue
        seen.add(shape)
        samples = int(draw.integers(20, 60))
        x = draw.normal(size=(samples, inputs))
        data = (x, draw.integers(classes, size=samples))
        fit(
            MLP(shape, seed=len(seen)),
            (data, data),
            "backprop",
            iterations=10,
            batch_size=int(draw.integers(1, 11)),
            optimizer=str(draw.choice(optimizers)),
            learning_rate=float(10 ** draw.uniform(-4, 0)),
        )
        print(".", flush=True)
    return f"{count:,} × `fit`, each with another learning rate and shape"


def work_rates(count: int) -> str:
    """`fit` with ever other rates."""
    from secant import MLP, fit

    draw = np.random.default_rng(2)
    data = (draw.normal(size=(40, 4)), draw.integers(3, size=40))
    for rate in np.geomspace(1e-4, 1, count):
        fit(
            MLP((4, 6, 3)),
            (data, data),
            "node",
            iterations=10,
            batch_size=5,
            optimizer="adam",
            learning_rate=float(rate),
        )
        print(".", flush=True)
    return f"{count:,} × `fit`, each with another learning rate"


def work_checks(count: int) -> str:
    """`check_gradient` of ever other functions."""
    import jax
    import jax.numpy as jnp

    from secant import check_gradient

    draw = np.random.default_rng(3)
    functions: tuple[Callable[..., Any], ...] = (jnp.sin, jnp.tanh, jnp.exp, jnp.square)
    verdicts: Counter[str] = Counter()
    for number in range(count):
        first, second = (functions[i] for i in draw.integers(len(functions), size=2))
        factors = draw.uniform(0.5, 2, 2)

        def f(p: Any, first=first, second=second, factors=factors) -> Any:
            return jnp.sum(factors[0] * first(p["a"]) * second(factors[1] * p["b"]))

        length = int(draw.integers(1, 6))
        point = {
            name: jnp.asarray(draw.uniform(-1, 1, length), jnp.float32) for name in "ab"
        }
        wrong = 1.01 if number % 2 else 1.0
        verdicts[
            str(
                check_gradient(
                    f,
                    point,
                    lambda p, f=f, wrong=wrong: jax.tree.map(
                        lambda part: wrong * part, jax.grad(f)(p)
                    ),
                ).verdict
            )
        ] += 1
        print(".", flush=True)
    told = ", ".join(f"{n:,} {verdict}" for verdict, n in sorted(verdicts.items()))
    return f"{count:,} × `check_gradient`, each of another function: {told}"


# A sweep.


def run_sweep(trials: int, folder: Path) -> Record:
    """`secant sweep` in one process."""
    record = Record("sweep", f"`secant sweep --trials {trials}`")
    words = f"--data sample --iterations 60 --trials {trials} --out sweep --pruner none"
    space = "learning_rate=1e-3..1:log hidden=5..60 optimizer=sgd,momentum,adam"
    with (folder / "sweep.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "secant", "sweep", *words.split()),
                *(*space.split(), "batch_size=20..200"),
            ],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        while process.poll() is None:
            count = sum(1 for _ in (folder / "sweep" / "trials").glob("*"))
            if count:
                record.sample(process.pid, count / trials)
            time.sleep(0.5)
    if process.returncode:
        text = (folder / "sweep.log").read_text()
        record.faults.append(f"exit code {process.returncode}: {text[-1000:]}")
    return record


def picture(records: list[Record], path: Path) -> None:
    """The memory of each part over its work."""
    from matplotlib.figure import Figure

    figure = Figure((7, 3.6), layout="constrained")
    axes = figure.subplots()
    for record in records:
        axes.plot(
            100 * np.array(record.done),
            np.array(record.rss) / 2**20,
            label=f"{record.name}: × {record.factor:.2f}",
        )
    axes.axvline(10, color="grey", linewidth=0.8, linestyle=":")
    axes.set(xlabel="% of the work", ylabel="resident memory, MiB", ylim=(0, None))
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Run the parts, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("page", "training", "rates", "checks", "sweep")
    parser.add_argument("--minutes", type=float, default=30, help="of the page")
    parser.add_argument("--people", type=int, default=20, help="on the page")
    parser.add_argument("--rates", type=int, default=1000, help="in training")
    parser.add_argument("--checks", type=int, default=1000)
    parser.add_argument("--trials", type=int, default=100, help="of the sweep")
    parser.add_argument("--only", choices=parts, action="append", help="some parts")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--samples", type=Path, help="write all samples as JSON there")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        print(globals()[f"work_{asked.work}"](asked.count))
        return
    # A program from JAX's cache on disk takes less memory than its compilation.
    os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)
    records = list(_records(asked, asked.only or parts))
    print(
        "| part | what | time | memory after a tenth | at the end | at most | end / "
        "tenth | faults |\n|---|---|--:|--:|--:|--:|--:|--:|"
    )
    for record in records:
        print(record.row)
    for record in records:
        for fault in record.faults[:20]:
            print(f"{record.name}: {fault}")
    if asked.picture:
        picture(records, asked.picture)
    if asked.samples:
        content = {r.name: [r.done, r.rss, r.seconds] for r in records}
        asked.samples.write_text(json.dumps(content))
    raise SystemExit(any(r.faults or r.factor > FACTOR for r in records))


def _records(asked: argparse.Namespace, parts: Any) -> Iterator[Record]:
    for part in parts:
        with TemporaryDirectory() as scratch:
            if part == "page":
                yield run_page(asked.minutes, asked.people, Path(scratch))
            elif part == "sweep":
                yield run_sweep(asked.trials, Path(scratch))
            else:
                count = asked.checks if part == "checks" else asked.rates
                yield run_child(part, count)


if __name__ == "__main__":
    main()
