"""Kills a training process at random moments: `python tests/training/kills.py`.

Each time it is started anew and goes on where it was kept. When a run comes to its
end it must equal one that was never stopped; then another begins.
"""

import argparse
import multiprocessing
import os
import signal
import tempfile
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

ITERATIONS = 600

SETTINGS = {"iterations": ITERATIONS, "batch_size": 16, "optimizer": "adam"}


class Outcome(NamedTuple):
    """What came of it.

    Attributes:
        kills: Processes that were killed.
        in_midst: Of these, how many left half a file behind.
        ended: Runs that came to their end.
        equal: Of these, how many equal the uninterrupted run, bit for bit.
        unreadable: Checkpoints that could not be read.
    """

    kills: int
    in_midst: int
    ended: int
    equal: int
    unreadable: int


def problem(seed):
    """A network and data, small: what is tried is keeping them."""
    from secant import MLP

    draw = np.random.default_rng(seed)
    t = np.arange(96) % 3
    x = np.eye(3)[t] + draw.normal(0, 0.6, (96, 3))
    return MLP((3, 16, 3), "tanh", init="xavier", seed=seed), ((x, t), (x[:30], t[:30]))


def train(folder, seed):
    """One process's life."""
    from secant import Checkpoints, TrainingWarning, fit

    net, data = problem(seed)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        fit(
            net,
            data,
            seed=seed,
            folder=folder,
            resume=True,
            checkpoints=Checkpoints(steps=3, seconds=None),
            callbacks=[lambda progress: time.sleep(0.01)],
            **SETTINGS,
        )
        untrusted = sum(
            issubclass(one.category, TrainingWarning) and "damaged" in str(one.message)
            for one in said
        )
    Path(folder, "untrusted").write_text(str(untrusted))


def survive(place: Path, kills: int, seed: int = 0, tell=lambda outcome: None):
    """Kills so many processes and says what became of their runs."""
    processes = multiprocessing.get_context("forkserver")
    # What may be shared: JAX may not, its threads would be lost on the way.
    processes.set_forkserver_preload(["numpy", "matplotlib.pyplot"])
    imports = processes.Process(target=int)
    imports.start()
    imports.join()
    draw = np.random.default_rng(seed)
    outcome, run, folder = Outcome(0, 0, 0, 0, 0), 0, place / "0"
    longest = None
    while outcome.kills < kills:
        process = processes.Process(target=train, args=(folder, run))
        began = time.monotonic()
        process.start()
        if longest is None:
            while process.is_alive() and not any(folder.glob("checkpoints/0*")):
                time.sleep(0.01)
            # From before it has read anything to long after its first checkpoint.
            longest = 1.6 * (time.monotonic() - began)
        process.join(draw.uniform(0, longest))
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            parts = any(folder.rglob("*.part")) if folder.exists() else False
            outcome = outcome._replace(
                kills=outcome.kills + 1, in_midst=outcome.in_midst + parts
            )
        elif process.exitcode != 0:
            raise AssertionError(f"a process ended with {process.exitcode}")
        else:
            outcome = ended(outcome, folder, run)
            run += 1
            folder = place / str(run)
        tell(outcome)
    # The last is let live, so that the last run, too, is compared.
    process = processes.Process(target=train, args=(folder, run))
    process.start()
    process.join()
    return ended(outcome, folder, run)


def ended(outcome, folder, seed):
    """The outcome, with one more run that has come to its end."""
    from secant import Run, fit

    net, data = problem(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = fit(net, data, seed=seed, **SETTINGS)
    return outcome._replace(
        ended=outcome.ended + 1,
        equal=outcome.equal + same(Run.load(folder), whole),
        unreadable=outcome.unreadable + int((folder / "untrusted").read_text()),
    )


def same(run, whole):
    """Whether two runs are equal, bit for bit."""
    return (
        all(
            np.array_equal(run.net.params[name], value)
            for name, value in whole.net.params.items()
        )
        and np.array_equal(run.losses, whole.losses)
        and run.history.epochs == whole.history.epochs
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        print(survive(Path(scratch), asked.kills, asked.seed, tell=print))  # noqa: T201
