"""The finished runs that a room can use: those in the folder `runs` of this place."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from secant import MLP, Run
from secant.errors import SecantError
from secant.training import HISTORY_FILE, NETWORK_FILE, RUNS_FOLDER
from secant_lab.localized_error import Told

MOST_LISTED = 100
"""Runs of a list, the newest."""

MOST_BYTES = 2**26
"""The longest file of a run that is read: 64 MiB."""

WIDEST = 4096
"""Neurons of a layer."""

PIXELS = 784


@dataclass(frozen=True)
class Found:
    """A folder of a run.

    Attributes:
        name: Of the folder.
        run: What it holds; None if it cannot be used.
        problem: Why not.
    """

    name: str
    run: Run | None = None
    problem: Told | None = None


def listed() -> list[Found]:
    """The runs, the newest first; those that cannot be used with what is wrong.

    An empty folder is that of a run under way, and is left out.
    """
    dated = [(_stamp(folder), folder.name) for folder in _folders()]
    newest = sorted((s[0], name) for s, name in dated if any(s))[::-1]
    return [_found(name) for _, name in newest[:MOST_LISTED]]


def network_of(name: str) -> MLP:
    """The network of a run that reads digits.

    Args:
        name: The name of a folder in `RUNS_FOLDER`. Nothing else is ever opened.

    Raises:
        Told: There is no such run, or it cannot be used.
    """
    names = [folder.name for folder in _folders()]
    if name not in names:
        raise Told(
            "run_unknown",
            f"there is no run {name[:40]!r} in the folder {RUNS_FOLDER}: choose one of "
            "the list",
            name=name[:40],
        )
    found = _found(name)
    if found.run is None:
        assert found.problem is not None
        raise found.problem
    return found.run.net


def _folders() -> list[Path]:
    try:
        return [path for path in RUNS_FOLDER.iterdir() if path.is_dir()]
    except OSError:
        return []


def _found(name: str) -> Found:
    folder = (RUNS_FOLDER / name).resolve()
    stamp = _stamp(folder)
    try:
        if max(stamp[2:]) > MOST_BYTES:
            raise Told(
                "run_long",
                f"the run {name!r} has a file of more than {MOST_BYTES >> 20} MiB: "
                "read it with `secant predict`",
                name=name,
                most=MOST_BYTES >> 20,
            )
        run = _loaded(folder, stamp)
        _check(name, run.net)
    except Told as problem:
        return Found(name, problem=problem)
    except (SecantError, OSError) as error:
        return Found(name, problem=Told("run_damaged", str(error), name=name))
    return Found(name, run)


@lru_cache(maxsize=32)
def _loaded(folder: Path, stamp: tuple[int, ...]) -> Run:
    return Run.load(folder)


def _stamp(folder: Path) -> tuple[int, int, int, int]:
    """When the two files were written, and how long they are; 0 for what is not."""
    times, sizes = [], []
    for name in (NETWORK_FILE, HISTORY_FILE):
        try:
            status = (folder / name).stat()
        except OSError:
            times.append(0)
            sizes.append(0)
        else:
            times.append(status.st_mtime_ns)
            sizes.append(status.st_size)
    return times[0], times[1], sizes[0], sizes[1]


def _check(name: str, net: MLP) -> None:
    """That it reads pictures of 28×28, tells a few classes apart, and is no giant."""
    sizes = net.architecture.sizes
    if sizes[0] != PIXELS:
        raise Told(
            "run_inputs",
            f"the run {name!r} takes samples of {sizes[0]} numbers, and a digit has "
            f"28 × 28 = {PIXELS}: choose a run on MNIST",
            name=name,
            inputs=sizes[0],
        )
    if not 2 <= sizes[-1] <= 10:
        raise Told(
            "run_classes",
            f"the run {name!r} knows {sizes[-1]} classes, and here 2 to 10 can be "
            "told apart: choose a run on digits",
            name=name,
            classes=sizes[-1],
        )
    if max(sizes) > WIDEST:
        raise Told(
            "run_wide",
            f"the run {name!r} has a layer of {max(sizes)} neurons, more than the "
            f"{WIDEST} that can be looked into while one draws",
            name=name,
            most=WIDEST,
        )
    if not all(np.isfinite(value).all() for value in net.params.values()):
        raise Told(
            "run_not_finite",
            f"the run {name!r} has weights that are not finite: train it again with a "
            "smaller learning rate",
            name=name,
        )
