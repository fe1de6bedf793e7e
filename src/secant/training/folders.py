"""Where runs are kept: `runs/0001`, `runs/0002`, …, or where `--out` says."""

from contextlib import suppress
from pathlib import Path

RUNS = Path("runs")


def reserved(folder: Path | None) -> Path:
    """A folder of this run's own, made now: not when the work has been done.

    Raises:
        InvalidInput: The folder that was named holds something.
    """
    if folder is not None:
        from secant.training.run import new_folder

        return new_folder(folder)
    RUNS.mkdir(exist_ok=True)
    taken = [int(path.name) for path in RUNS.iterdir() if path.name.isdecimal()]
    number = max(taken, default=0)
    while True:
        number += 1
        path = RUNS / f"{number:04}"
        try:
            path.mkdir()
        except FileExistsError:  # another process's, just now
            continue
        return path


def give_back(folder: Path) -> None:
    """Removes what was made for a run that did not come about, and nothing else."""
    from secant.training.keeping import is_begun_only, unmade

    with suppress(OSError):
        if is_begun_only(folder):
            unmade(folder)
        folder.rmdir()
        if folder.parent == RUNS:
            RUNS.rmdir()
