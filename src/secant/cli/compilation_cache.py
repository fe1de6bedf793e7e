"""Programs that JAX has compiled are kept on disk, for the next command.

Most of the time until the first step of `secant train` is compilation. JAX's own
persistent cache keeps its results; here only the folder is chosen, by environment
variables, which the processes of a sweep or a distributed run inherit and which cost
nothing until JAX is loaded. Who has set them, or JAX's other settings, keeps them.
"""

import os
import platform
import warnings
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

MAX_BYTES = 2**28
"""What the folder may hold when a command starts; the oldest programs go first."""


def use_compilation_cache() -> None:
    """Has JAX keep what it compiles in the user's cache, where it can be written."""
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    from secant.data.locations import cache_folder

    folder = cache_folder() / "compiled" / _processor()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_room(folder)
    except OSError:
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        return
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    # A damaged file is compiled again; a full disk keeps nothing. Neither matters.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compil")


def _processor() -> str:
    """A name for this kind of processor: programs use the instructions that it has.

    A home folder may be shared by machines of several kinds.
    """
    text = platform.machine()
    with suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        text += next((s for s in lines if s.startswith(("flags", "Features"))), "")
    return sha256(text.encode()).hexdigest()[:16]


def _make_room(folder: Path) -> None:
    files = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # another command has just removed it
                status = entry.stat(follow_symlinks=False)
                files.append((status.st_mtime, status.st_size, entry.path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= MAX_BYTES:
            break
        with suppress(FileNotFoundError):
            os.unlink(path)
        total -= size
