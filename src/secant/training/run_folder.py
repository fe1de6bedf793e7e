"""The folder of a run: its files, its number, and who trains in it.

manifest.json                             what the run is
initial.safetensors                       the first weights
checkpoints/000000000600.safetensors …    the newest few states of the run
best.safetensors                          the best weights so far
network.safetensors, history.csv, training.png    the finished run
tensorboard/                              events for TensorBoard, on request
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from filelock import FileLock, Timeout

from secant.errors import InvalidInput

RUNS_FOLDER = Path("runs")
"""The folder of all runs that were given no folder: `runs/0001`, `runs/0002`, …"""

MANIFEST_FILE = "manifest.json"
INITIAL_FILE = "initial.safetensors"
CHECKPOINTS_FOLDER = "checkpoints"
BEST_FILE = "best.safetensors"
NETWORK_FILE = "network.safetensors"
"""The file of a run folder that holds the trained weights."""

HISTORY_FILE = "history.csv"
"""The file of a run folder that holds the losses and the accuracies."""

PICTURE_FILE = "training.png"
LOCK_FILE = ".lock"
EVENTS_FOLDER = "tensorboard"
"""The folder of TensorBoard's events; it may be there before the run is."""

# The contents of a run's folder before its first checkpoint.
_BEGUN = {MANIFEST_FILE, INITIAL_FILE, LOCK_FILE, EVENTS_FOLDER, CHECKPOINTS_FOLDER}


def prepare_folder(folder: Path, *, resume: bool | None = None) -> None:
    """Makes the folder if needed, and refuses one that holds something else.

    Args:
        folder: The folder.
        resume: Whether it may hold a run, to be continued; None where no run trains.
            A run that had no time to begin may be there in any case.

    Raises:
        InvalidInput: The folder holds something else, is a file, or is not writable.
    """
    try:
        if folder.is_file():
            raise InvalidInput(f"{folder} is a file: name a new folder")
        folder.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in folder.iterdir()}
        content = {name for name in names if not name.endswith(".part")}
        content -= {LOCK_FILE, EVENTS_FOLDER}
    except OSError as error:
        raise unwritable_folder(folder, error) from None
    # A process that is killed before it writes the manifest leaves these two.
    has_begun = content == {INITIAL_FILE} and (resume or LOCK_FILE in names)
    is_run = MANIFEST_FILE in content
    if content and not has_begun and not (resume and is_run):
        to_resume = " (to continue the run in it, pass resume=True)"
        raise InvalidInput(
            f"{folder} exists already, and nothing in it will be overwritten: name a "
            f"new folder, or move that one away{to_resume if resume is False else ''}"
        )


def unwritable_folder(folder: Path, error: OSError) -> InvalidInput:
    """The error for a folder that cannot be written to."""
    return InvalidInput(
        f"{folder} is not writable ({error.strerror or error}): name a writable folder "
        "on a disk with room"
    )


def folder_lock(folder: Path) -> FileLock:
    """The lock of the process that trains in the folder."""
    # A page reserves a folder in one thread and trains in another.
    return FileLock(folder / LOCK_FILE, timeout=0, thread_local=False)


def take_folder(folder: Path, lock: FileLock, *, resume: bool = False) -> None:
    """Makes the folder if needed, and takes its lock.

    Raises:
        InvalidInput: The folder holds something else, is in use, or is not writable.
    """
    prepare_folder(
        folder, resume=resume
    )  # before a lock file is put where it is not wanted
    try:
        lock.acquire()
    except Timeout:
        raise InvalidInput(
            f"{folder} is in use: another process trains there. Wait until it ends, or "
            "name another folder"
        ) from None
    except OSError as error:
        raise unwritable_folder(folder, error) from None
    try:  # another process may have used the folder meanwhile
        prepare_folder(folder, resume=resume)
    except BaseException:
        lock.release()
        raise


@dataclass(frozen=True)
class ReservedFolder:
    """The folder of a run that this process will train: `reserve_run_folder`.

    It is a path, which `fit(folder=…)` takes.

    Attributes:
        path: The folder.
        lock: Its lock, which this process has.
        made: Whether the folder is new.
    """

    path: Path
    lock: FileLock
    made: bool

    def __fspath__(self) -> str:
        return str(self.path)

    def release(self) -> None:
        """Ends the reservation, and removes what was made for a run without steps.

        A folder that holds a step of a run, or anything that is not a run's, stays. So
        does what another process has reserved meanwhile, and an empty folder that was
        there before. A second call does nothing.
        """
        if not self.lock.is_locked:
            return
        with suppress(OSError):
            if holds_no_steps(self.path):
                _remove_begun(self.path)
                if self.made:
                    self.path.rmdir()
                    if self.path.parent == RUNS_FOLDER:
                        RUNS_FOLDER.rmdir()
        self.lock.release(force=True)


def reserve_run_folder(folder: Path | None = None) -> ReservedFolder:
    """Makes and locks the folder of a run before the run starts.

    No other run takes it until `release` is called, or this process ends.

    Args:
        folder: The folder, new or empty; None for the next number in `RUNS_FOLDER`.

    Returns:
        The folder, which exists and is empty.

    Raises:
        InvalidInput: The folder holds something, is a file, is in use by another
            process, or cannot be written to.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as parent:
        ...     folder = reserve_run_folder(pathlib.Path(parent, "mine"))
        ...     folder.release()
        ...     folder.path.exists()
        False
    """
    if folder is not None:
        made = not folder.exists()
        reserved = ReservedFolder(folder, folder_lock(folder), made)
        take_folder(folder, reserved.lock)
        return reserved
    RUNS_FOLDER.mkdir(exist_ok=True)
    taken = [int(path.name) for path in RUNS_FOLDER.iterdir() if path.name.isdecimal()]
    number = max(taken, default=0)
    while True:
        number += 1
        path = RUNS_FOLDER / f"{number:04}"
        try:
            path.mkdir()
        except FileExistsError:  # another process has just taken this number
            continue
        reserved = ReservedFolder(path, folder_lock(path), made=True)
        take_folder(path, reserved.lock)
        return reserved


def holds_no_steps(folder: Path) -> bool:
    """Whether a folder holds at most a run that has begun and has no checkpoint."""
    names = {path.name for path in folder.iterdir() if path.suffix != ".part"}
    return names <= _BEGUN and not any((folder / CHECKPOINTS_FOLDER).glob("*"))


def _remove_begun(folder: Path) -> None:
    """Removes the files of a run that has begun and has no checkpoint."""
    rmtree(folder / EVENTS_FOLDER, ignore_errors=True)
    for name in (MANIFEST_FILE, INITIAL_FILE, LOCK_FILE):
        (folder / name).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        (folder / CHECKPOINTS_FOLDER).rmdir()
