"""Kills training processes at random moments: `python tests/training/kills.py`.

Each time the process is started anew and goes on where the run was kept. A run that
comes to its end must equal one that was never stopped; then another begins. Several
runs, of different gradient methods and optimisers, are killed side by side.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

ITERATIONS = 150

LANES: dict[str, dict[str, Any]] = {
    "node": {"optimizer": "adam"},
    "spsa": {"optimizer": "momentum", "sampling": "epochs", "learning_rate": 0.01},
    "definition": {"optimizer": "rmsprop", "sampling": "epochs"},
    "weight": {"optimizer": "adagrad"},
}
"""The runs that are killed: gradient methods, and their other settings."""


class Outcome(NamedTuple):
    """The result of the kills.

    Attributes:
        kills: Processes that were killed.
        trained: Of these, how many had kept a step of their own by then.
        in_midst: Of these, how many left half a file behind.
        ended: Runs that came to their end.
        equal: Of these, how many equal the uninterrupted run, bit for bit.
        unreadable: Checkpoints that could not be read after a kill.
        lost: Kills after which the newest checkpoint was older than before.
    """

    kills: int = 0
    trained: int = 0
    in_midst: int = 0
    ended: int = 0
    equal: int = 0
    unreadable: int = 0
    lost: int = 0

    def plus(self, **more: int) -> "Outcome":
        """A copy with larger counts."""
        return self._replace(**{n: getattr(self, n) + int(v) for n, v in more.items()})


def train(lane: str, folder: str) -> None:
    """The program of a process: a small network, with a checkpoint at each step."""
    from secant import MLP, Checkpoints, fit

    seed = list(LANES).index(lane)
    draw = np.random.default_rng(seed)
    t = np.arange(96) % 3
    x = np.eye(3)[t] + draw.normal(0, 0.6, (96, 3))
    fit(
        MLP((3, 16, 3), "tanh", init="xavier", seed=seed),
        ((x, t), (x[:30], t[:30])),
        lane,
        iterations=ITERATIONS,
        batch_size=16,
        seed=seed,
        folder=folder,
        resume=True,
        checkpoints=Checkpoints(steps=1, seconds=None),
        **LANES[lane],
    )


def started(lane: str, folder: Path, compiled: Path, *, keep: bool = False):
    """A process that trains, with compiled programs taken from a folder or put there.

    One that may be killed puts none there: half a program would be no use to others.
    """
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(compiled),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0" if keep else "1e9",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, "-W", "ignore", __file__, "--train", lane, str(folder)]
    return subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )


def finished(process: "subprocess.Popen[bytes]") -> None:
    """Waits for a process that nobody kills."""
    said = process.communicate()[1]
    if process.returncode != 0:
        raise AssertionError(f"a process ended with {process.returncode}: {said!r}")


def kill_one_lane(
    place: Path, kills: int, seed: int, tell: Callable[[Outcome], object], lane: str
) -> Outcome:
    """Kills a number of processes, which train one after the other.

    Args:
        place: A folder for its runs.
        kills: How many.
        seed: Of the moments, which are spread evenly over a whole process's life, as
            long as that was of late.
        tell: Is told what each process added to the outcome.
        lane: Which run.
    """
    from secant import Run

    draw = np.random.default_rng([seed, *lane.encode()])
    place = place / lane
    finished(started(lane, place / "whole", place / "compiled", keep=True))
    # Once more, to measure the time without compilation.
    began = time.monotonic()
    finished(started(lane, place / "again", place / "compiled"))
    life = time.monotonic() - began
    whole = Run.load(place / "whole")
    outcome, run = Outcome(ended=1, equal=same(Run.load(place / "again"), whole)), 0
    tell(outcome)
    while True:
        folder, last = place / str(run), outcome.kills == kills
        before = newest(folder)
        process, began = started(lane, folder, place / "compiled"), time.monotonic()
        try:
            # The last one survives, so that its run is compared too.
            process.wait(None if last else draw.uniform(0, life))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            more = after_a_kill(folder, before)
            if not more["trained"]:
                life *= 1.1  # a busy machine: it may never come to train
        else:
            finished(process)
            life = max(0.7 * life, time.monotonic() - began)
            more = {"ended": 1, "equal": same(Run.load(folder), whole)}
            run += 1
        tell(Outcome().plus(**more))
        outcome = outcome.plus(**more)
        if last:
            return outcome


def after_a_kill(folder: Path, before: int) -> dict[str, int]:
    """The files that a process left."""
    return {
        "kills": 1,
        "trained": newest(folder) > before,
        "in_midst": any(folder.rglob("*.part")),
        "unreadable": sum(not readable(path) for path in checkpoints(folder)),
        "lost": newest(folder) < before,
    }


def checkpoints(folder: Path) -> list[Path]:
    """The files of a run's checkpoints, the oldest first."""
    return sorted((folder / "checkpoints").glob("0*.safetensors"))


def newest(folder: Path) -> int:
    """The step of the last checkpoint, or −1."""
    return max((int(path.stem) for path in checkpoints(folder)), default=-1)


def readable(path: Path) -> bool:
    """Whether a checkpoint is whole, by its own SHA-256."""
    from secant.errors import DataError
    from secant.training.serialization import read_tensors

    try:
        arrays, _ = read_tensors(path, "secant checkpoint 1")
        return len(arrays["losses"]) == int(path.stem)
    except DataError:
        return False


def same(run, whole) -> bool:
    """Whether two runs are equal, bit for bit: weights by their SHA-256."""
    from secant.training.serialization import fingerprint

    return (
        fingerprint(run.net.params) == fingerprint(whole.net.params)
        and fingerprint(run.best.params) == fingerprint(whole.best.params)
        and np.array_equal(run.losses, whole.losses)
        and run.history.epochs == whole.history.epochs
    )


def survive(
    place: Path,
    kills: int,
    seed: int = 0,
    *,
    lanes: tuple[str, ...] = tuple(LANES),
    at_once: int = 2,
    tell: Callable[[Outcome], object] = lambda outcome: None,
) -> Outcome:
    """Kills processes in several threads, and returns the results."""
    lock, total = Lock(), [Outcome()]

    def add(more: Outcome) -> None:
        with lock:
            total[0] = total[0].plus(**more._asdict())
            tell(total[0])

    shares = [len(part) for part in np.array_split(range(kills), len(lanes))]
    with ThreadPoolExecutor(at_once) as threads:
        jobs = [
            threads.submit(partial(kill_one_lane, place, share, seed, add, lane))
            for lane, share in zip(lanes, shares, strict=True)
        ]
        for job in jobs:
            job.result()
    return total[0]


def main() -> None:
    """Kills processes with a progress bar, and prints the results."""
    from rich.console import Console
    from rich.progress import Progress

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=2, help="processes side by side")
    parser.add_argument("--train", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.train:
        train(*asked.train)
        return
    console, began = Console(), time.monotonic()
    with (
        tempfile.TemporaryDirectory() as scratch,
        warnings.catch_warnings(action="ignore"),
        Progress(console=console) as bar,
    ):
        task = bar.add_task("kills", total=asked.kills)
        outcome = survive(
            Path(scratch),
            asked.kills,
            asked.seed,
            at_once=asked.at_once,
            tell=lambda outcome: bar.update(task, completed=outcome.kills),
        )
    seconds = time.monotonic() - began
    console.print(
        f"{outcome.kills} processes killed in {seconds:.0f} s: {outcome.trained} had "
        f"kept steps of their own, {outcome.in_midst} were killed within a write\n"
        f"{outcome.equal} of {outcome.ended} runs equal the uninterrupted one, "
        f"{outcome.unreadable} checkpoints unreadable, {outcome.lost} steps lost"
    )
    raise SystemExit(
        outcome.equal < outcome.ended or outcome.unreadable + outcome.lost > 0
    )


if __name__ == "__main__":
    main()
