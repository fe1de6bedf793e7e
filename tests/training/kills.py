"""Kills processes that train: `python tests/training/kills.py --kills 500`.

Runs of `fit` and of `secant train`, and workers of `secant sweep`, are killed before
chosen changes of files, within writes and at random moments, also while a second
process wants the same folder or works for the same sweep. Each time the work is started
anew and goes on where it was saved. After each kill every file must be whole, and
nothing that was there may be lost. What comes to its end must equal, bit for bit, what
was never stopped.
"""

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Lock

from killing import runs, sweeps
from killing.outcome import Outcome
from killing.processes import prepare

# A kill of a sweep takes the time of several kills of a run.
_WEIGHTS = dict.fromkeys(sweeps.LANES, 3) | dict.fromkeys([*runs.FIT, *runs.TRAIN], 4)

# The kills between two reports.
_REPORTED = 50


def survive(
    place: Path,
    kills: int,
    seed: int = 0,
    *,
    lanes: tuple[str, ...] = tuple(_WEIGHTS),
    at_once: int = 2,
    tell: Callable[[Outcome], object] = lambda outcome: None,
) -> Outcome:
    """Kills processes in several threads.

    Args:
        place: A folder for everything.
        kills: How many.
        seed: Of the deaths.
        lanes: Which runs and sweeps.
        at_once: The number of lanes at work side by side.
        tell: Is told the outcome so far.

    Returns:
        The outcome.
    """
    prepare()
    lock, total = Lock(), [Outcome()]

    def add(more: Outcome) -> None:
        with lock:
            total[0] += more
            tell(total[0])

    with ThreadPoolExecutor(at_once) as threads:
        jobs = [
            threads.submit(
                partial(
                    sweeps.kill_sweeps if lane in sweeps.LANES else runs.kill_runs,
                    *(place, share, seed, add, lane),
                )
            )
            for lane, share in _shares(kills, lanes).items()
        ]
        for job in jobs:
            job.result()
    return total[0]


def _shares(kills: int, lanes: tuple[str, ...]) -> dict[str, int]:
    """The number of kills of each lane, by its weight; their sum is `kills`."""
    weight = sum(_WEIGHTS[lane] for lane in lanes)
    shares, left = {}, kills
    for lane in lanes:
        share = round(left * _WEIGHTS[lane] / weight)
        shares[lane] = share
        left, weight = left - share, weight - _WEIGHTS[lane]
    return shares


def main() -> None:
    """Kills processes with a progress bar, and prints the results."""
    from rich.console import Console
    from rich.progress import Progress

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=2, help="processes side by side")
    parser.add_argument("--lanes", nargs="+", default=list(_WEIGHTS), help="which runs")
    parser.add_argument("--keep", type=Path, help="a new folder that stays")
    asked = parser.parse_args()
    console, began = Console(), time.monotonic()
    told = reported = 0

    def show(outcome: Outcome) -> None:
        for line in report(outcome, time.monotonic() - began):
            console.print(line, soft_wrap=True)

    with (
        tempfile.TemporaryDirectory() as scratch,
        warnings.catch_warnings(action="ignore"),
        Progress(console=console) as bar,
    ):
        task = bar.add_task("kills", total=asked.kills)

        def tell(outcome: Outcome) -> None:
            nonlocal told, reported
            bar.update(task, completed=outcome.kills)
            for fault in outcome.faults[told:]:
                console.print(fault, markup=False, soft_wrap=True)
            told = len(outcome.faults)
            if outcome.kills >= reported + _REPORTED and outcome.kills < asked.kills:
                reported = outcome.kills
                show(outcome)

        outcome = survive(
            asked.keep or Path(scratch),
            asked.kills,
            asked.seed,
            lanes=tuple(asked.lanes),
            at_once=asked.at_once,
            tell=tell,
        )
    show(outcome)
    sys.exit(bool(outcome.faults) or outcome.equal < outcome.ended)


def report(outcome: Outcome, seconds: float) -> list[str]:
    """The outcome in words."""
    how = outcome.hows
    return [
        f"{outcome.kills} processes killed in {seconds:.0f} s: "
        f"{how.get('event', 0)} before a change of a file or of the database, "
        f"{how.get('write', 0)} within a write, {how.get('beside', 0)} before a change "
        f"while a second process was tried, {how.get('moment', 0)} at random moments",
        "; ".join(f"{lane} {count}" for lane, count in outcome.lanes.items()),
        f"{outcome.trained} had saved something of their own; after {outcome.in_midst} "
        "kills there was half a file, under a name of its own; "
        f"{outcome.refused} second processes were tried",
        f"{outcome.equal} of {outcome.ended} runs and sweeps equal the uninterrupted "
        f"one; {len(outcome.faults)} faults",
    ]


if __name__ == "__main__":
    main()
