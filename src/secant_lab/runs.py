"""Saved runs for the page: those in the folder `runs` of the current folder."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from secant import MLP, Run
from secant.errors import SecantError
from secant.training import HISTORY_FILE, NETWORK_FILE, RUNS_FOLDER
from secant_lab.localized_error import LocalizedError

MAX_LISTED = 100
"""The most runs in a list; it has the newest."""

MAX_BYTES = 2**26
"""The largest file of a run that is read: 64 MiB."""

MAX_WIDTH = 4096
"""The most neurons of a layer."""

PIXELS = 784


@dataclass(frozen=True)
class RunEntry:
    """An entry of the list of runs.

    Attributes:
        name: The folder's name.
        run: The run; None if the page cannot use it.
        problem: The reason that the page cannot use it, or None.
    """

    name: str
    run: Run | None = None
    problem: LocalizedError | None = None


def list_runs() -> list[RunEntry]:
    """The runs, the newest first, with the problem of each unusable one.

    An empty folder belongs to a run in progress and is not listed.
    """
    dated = [(_stamp(folder), folder.name) for folder in _folders()]
    newest = sorted((s[0], name) for s, name in dated if any(s))[::-1]
    return [_found(name) for _, name in newest[:MAX_LISTED]]


def load_network(name: str) -> MLP:
    """The network of a run on digits.

    Args:
        name: The name of a folder in `RUNS_FOLDER`; nothing else is ever opened.

    Raises:
        LocalizedError: There is no such run, or the page cannot use it.
    """
    names = [folder.name for folder in _folders()]
    if name not in names:
        raise LocalizedError(
            "run_unknown",
            f"there is no run {name[:40]!r} in the folder {RUNS_FOLDER}: choose one "
            "from the list",
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


def _found(name: str) -> RunEntry:
    folder = (RUNS_FOLDER / name).resolve()
    stamp = _stamp(folder)
    try:
        if max(stamp[2:]) > MAX_BYTES:
            raise LocalizedError(
                "run_long",
                f"the run {name!r} has a file of more than {MAX_BYTES >> 20} MiB: "
                "read it with `secant predict`",
                name=name,
                most=MAX_BYTES >> 20,
            )
        run = _loaded(folder, stamp)
        _check(name, run.net)
    except LocalizedError as problem:
        return RunEntry(name, problem=problem)
    except (SecantError, OSError) as error:
        return RunEntry(
            name, problem=LocalizedError("run_damaged", str(error), name=name)
        )
    return RunEntry(name, run)


@lru_cache(maxsize=32)
def _loaded(folder: Path, stamp: tuple[int, ...]) -> Run:
    return Run.load(folder)


def _stamp(folder: Path) -> tuple[int, int, int, int]:
    """The times and the sizes of the two files; 0 for a missing file."""
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
    """Raise an error unless the network reads 28×28 pictures, and is not too large."""
    sizes = net.architecture.sizes
    if sizes[0] != PIXELS:
        raise LocalizedError(
            "run_inputs",
            f"the run {name!r} takes samples of {sizes[0]} numbers, and a digit has "
            f"28 × 28 = {PIXELS}: choose a run on MNIST",
            name=name,
            inputs=sizes[0],
        )
    if not 2 <= sizes[-1] <= 10:
        raise LocalizedError(
            "run_classes",
            f"the run {name!r} has {sizes[-1]} classes, and this page needs 2 to 10: "
            "choose a run on digits",
            name=name,
            classes=sizes[-1],
        )
    if max(sizes) > MAX_WIDTH:
        raise LocalizedError(
            "run_wide",
            f"the run {name!r} has a layer of {max(sizes)} neurons, more than the "
            f"limit of {MAX_WIDTH} on this page: choose a smaller network",
            name=name,
            most=MAX_WIDTH,
        )
    if not all(np.isfinite(value).all() for value in net.params.values()):
        raise LocalizedError(
            "run_not_finite",
            f"the run {name!r} has weights that are not finite: train it again with a "
            "smaller learning rate",
            name=name,
        )
