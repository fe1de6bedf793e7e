"""Get a data set from the web into the user's cache: the only place that downloads.

Pooch does much the same, but it holds the SHA-256 against the `.gz` file, whose
bytes differ from copy to copy while the images in it do not, and it begins a
download that broke off again from its first byte.
"""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from secant.data.download import Progress, Refused, download
from secant.data.files import digest
from secant.data.places import VARIABLE, cache_folder
from secant.data.specs import File, Spec, spec_named
from secant.errors import DataError

_ABANDONED = 3600.0  # seconds: a process that has not written for an hour is gone


def fetch(
    name: str,
    progress: Progress | None = None,
    mirrors: Sequence[str] | None = None,
    timeout: tuple[float, float] = (5, 15),
) -> Path:
    """Download a data set, verify it, and put it into the cache.

    What is there and whole is not downloaded again. A download that broke off is
    taken up where it stopped, in the same call or in a later one. The folder appears
    in the cache in one step, whole, also when two processes fetch at once.

    Args:
        name: "mnist" or "fashion-mnist".
        progress: Called with a file's name, the bytes that are there, and the bytes
            to come in all.
        mirrors: Addresses of folders with the four files, tried in order; https.
        timeout: Seconds to wait for a connection, and for the next bytes.

    Returns:
        The folder, which `load_mnist` finds by itself.

    Raises:
        InvalidInput: There is no data set of that name.
        DataError: No mirror gave a file as it should be; each is listed with its
            reason. Or the cache cannot be written to.
    """
    spec = spec_named(name)
    target = cache_folder() / spec.name
    if all(_is_whole(target / file.name, file) for file in spec.files):
        return target
    try:
        with _workplace(target) as folder:
            for file in spec.files:
                _fetch_file(file, folder, spec, mirrors, progress, timeout)
            for file in spec.files:
                _sync(folder / file.name)
            _sync(folder)
            _put_in_place(folder, target, spec)
    except OSError as error:
        raise DataError(
            f"{error.filename or target}: cannot be written ({error.strerror}): make "
            f"room, or put the files into a folder yourself and set {VARIABLE} to it"
        ) from None
    return target


def _fetch_file(
    file: File,
    folder: Path,
    spec: Spec,
    mirrors: Sequence[str] | None,
    progress: Progress | None,
    timeout: tuple[float, float],
) -> None:
    path, part = folder / file.name, folder / f"{file.name}.part"
    if _is_whole(path, file):
        return
    if _is_whole(part, file):  # a process that was killed right before the renaming
        os.replace(part, path)
        return

    def report(done: int, total: int) -> None:
        if progress is not None:
            progress(file.name, done, total)

    reasons = []
    for mirror in spec.mirrors if mirrors is None else mirrors:
        url = f"{mirror.rstrip('/')}/{file.name}"
        # A part may stem from another mirror, whose .gz has other bytes. If the whole
        # does not verify, that may be why: once more, from the first byte.
        for resumed in (part.exists(), False):
            try:
                download(
                    url,
                    part,
                    expected=file.download,
                    timeout=timeout,
                    progress=report,
                )
                _verify(part, file)
            except Refused as error:
                reason = str(error)
                if not resumed or part.exists():
                    break
            else:
                os.replace(part, path)
                return
        reasons.append(f"  {url}: {reason}")
    listed = "\n".join(reasons) or "  no mirrors given"
    names = ", ".join(each.name for each in spec.files)
    raise DataError(
        f"{file.name} of {spec.title} could not be downloaded:\n{listed}\n"
        f"Try again later, or put the four files ({names}) into "
        f"{cache_folder() / spec.name}, or set {VARIABLE} to their folder."
    )


def _verify(part: Path, file: File) -> None:
    """Refuse, and delete, what is not the file once it is decompressed."""
    try:
        size, sha256 = digest(part, limit=file.size)
    except DataError:
        part.unlink(missing_ok=True)
        raise Refused("sends a file that is no whole gzip") from None
    if (size, sha256) != (file.size, file.sha256):
        part.unlink()
        raise Refused(
            f"sends other content than was published (SHA-256 {sha256[:12]}…, not "
            f"{file.sha256[:12]}…)"
        )


def _is_whole(path: Path, file: File) -> bool:
    if not path.is_file():
        return False
    try:
        return digest(path, limit=file.size) == (file.size, file.sha256)
    except DataError:
        return False


@contextmanager
def _workplace(target: Path) -> Iterator[Path]:
    """A folder beside `target` for this process alone, with what broke off before.

    Renaming is how a process takes hold of what another left: of two that try, one
    succeeds. What is not finished goes back under the name that the next looks for.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    waiting = target.with_name(f"{target.name}.part")
    mine = target.with_name(f"{target.name}.part-{uuid4().hex}")
    for left in (waiting, *_abandoned(waiting)):
        with suppress(OSError):
            os.rename(left, mine)
            break
    else:
        mine.mkdir()
    try:
        yield mine
    finally:
        with suppress(OSError):
            mine.rmdir()  # where not a byte came
        if mine.exists():
            try:
                os.rename(mine, waiting)
            except OSError:  # another process left its own there
                shutil.rmtree(mine, ignore_errors=True)


def _abandoned(waiting: Path) -> list[Path]:
    """Work folders of processes that were killed."""
    found = []
    for folder in waiting.parent.glob(f"{waiting.name}-*"):
        with suppress(OSError):
            written = max(p.stat().st_mtime for p in (folder, *folder.iterdir()))
            if time.time() - written > _ABANDONED:
                found.append(folder)
    return found


def _put_in_place(folder: Path, target: Path, spec: Spec) -> None:
    """Move the whole folder to where it is looked for, in one step."""
    try:
        os.replace(folder, target)
    except OSError:
        if not target.is_dir():
            raise
        # Something is there already: another process's whole set, or a damaged one.
        if all(_is_whole(target / file.name, file) for file in spec.files):
            shutil.rmtree(folder, ignore_errors=True)
            return
        aside = target.with_name(f"{target.name}.old-{uuid4().hex}")
        os.rename(target, aside)
        os.replace(folder, target)
        shutil.rmtree(aside, ignore_errors=True)
    _sync(target.parent)


def _sync(path: Path) -> None:
    """Have the disk hold what the system only remembers; folders too, where it can."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    with suppress(OSError):
        os.fsync(handle)
    os.close(handle)
