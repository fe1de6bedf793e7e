"""Download of a data set into the user's cache: the only module that downloads.

Pooch does nearly the same, but it compares the SHA-256 of the `.gz` file, whose
bytes differ between copies with equal images, and it restarts an interrupted
download from its first byte.
"""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from secant.data.download import DownloadProgress, MirrorError, download
from secant.data.files import digest
from secant.data.locations import DATA_VARIABLE, cache_folder
from secant.data.registry import File, Spec, spec_named
from secant.errors import DataError

_ABANDONED_AFTER = 3600.0  # seconds: a process that wrote nothing for an hour is gone


def fetch(
    name: str,
    progress: DownloadProgress | None = None,
    mirrors: Sequence[str] | None = None,
    timeout: tuple[float, float] = (5, 15),
) -> Path:
    """Download a data set, verify it, and put it into the cache.

    A complete data set is not downloaded again. An interrupted download continues
    where it stopped, in the same call or in a later one. The complete folder appears
    in the cache in one step, even if two processes fetch at the same time.

    Args:
        name: "mnist" or "fashion-mnist".
        progress: Called with a file's name, the bytes received so far, and the bytes
            in all.
        mirrors: https addresses of folders with the four files, tried in order.
        timeout: Seconds to wait for a connection, and for the next bytes.

    Returns:
        The folder, which `load_mnist` finds without further settings.

    Raises:
        InvalidInput: There is no data set of that name.
        DataError: No mirror delivered a correct file (the message lists each mirror
            with its reason), or the cache cannot be written.
    """
    spec = spec_named(name)
    target = cache_folder() / spec.name
    if all(_is_complete(target / file.name, file) for file in spec.files):
        return target
    try:
        with _work_folder(target) as folder:
            for file in spec.files:
                _fetch_file(file, folder, spec, mirrors, progress, timeout)
            for file in spec.files:
                _sync(folder / file.name)
            _sync(folder)
            _install(folder, target, spec)
    except OSError as error:
        raise DataError(
            f"{error.filename or target}: cannot be written ({error.strerror}): make "
            "room, or put the files into a folder yourself and set "
            f"{DATA_VARIABLE} to it"
        ) from None
    return target


def _fetch_file(
    file: File,
    folder: Path,
    spec: Spec,
    mirrors: Sequence[str] | None,
    progress: DownloadProgress | None,
    timeout: tuple[float, float],
) -> None:
    path, part = folder / file.name, folder / f"{file.name}.part"
    if _is_complete(path, file):
        return
    if _is_complete(part, file):  # left by a process that was killed before the rename
        os.replace(part, path)
        return

    def report(done: int, total: int) -> None:
        if progress is not None:
            progress(file.name, done, total)

    reasons = []
    for mirror in spec.mirrors if mirrors is None else mirrors:
        url = f"{mirror.rstrip('/')}/{file.name}"
        # The part may come from another mirror, whose .gz has other bytes. That can
        # make the verification fail, so it is tried once more from the first byte.
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
            except MirrorError as error:
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
        f"{cache_folder() / spec.name}, or set {DATA_VARIABLE} to their folder."
    )


def _verify(part: Path, file: File) -> None:
    """Delete the part and raise `MirrorError` unless it decompresses to the file."""
    try:
        size, sha256 = digest(part, limit=file.size)
    except DataError:
        part.unlink(missing_ok=True)
        raise MirrorError("sends an incomplete or damaged gzip file") from None
    if (size, sha256) != (file.size, file.sha256):
        part.unlink()
        raise MirrorError(
            f"sends other content than was published (SHA-256 {sha256[:12]}…, not "
            f"{file.sha256[:12]}…)"
        )


def _is_complete(path: Path, file: File) -> bool:
    if not path.is_file():
        return False
    try:
        return digest(path, limit=file.size) == (file.size, file.sha256)
    except DataError:
        return False


@contextmanager
def _work_folder(target: Path) -> Iterator[Path]:
    """A folder beside `target` for this process only, with earlier unfinished parts.

    A process claims the parts of another by renaming their folder: if two try, one
    succeeds. An unfinished folder gets back the name that the next process looks for.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{target.name}.part")
    claimed = target.with_name(f"{target.name}.part-{uuid4().hex}")
    for candidate in (unfinished, *_abandoned(unfinished)):
        with suppress(OSError):
            os.rename(candidate, claimed)
            break
    else:
        claimed.mkdir()
    try:
        yield claimed
    finally:
        with suppress(OSError):
            claimed.rmdir()  # succeeds only if no byte arrived
        if claimed.exists():
            try:
                os.rename(claimed, unfinished)
            except OSError:  # another process left its own parts there
                shutil.rmtree(claimed, ignore_errors=True)


def _abandoned(unfinished: Path) -> list[Path]:
    """Work folders of processes that were killed."""
    found = []
    for folder in unfinished.parent.glob(f"{unfinished.name}-*"):
        with suppress(OSError):
            written = max(p.stat().st_mtime for p in (folder, *folder.iterdir()))
            if time.time() - written > _ABANDONED_AFTER:
                found.append(folder)
    return found


def _install(folder: Path, target: Path, spec: Spec) -> None:
    """Move the complete folder to `target` in one step."""
    try:
        os.replace(folder, target)
    except OSError:
        if not target.is_dir():
            raise
        # `target` exists: a complete set from another process, or a damaged one.
        if all(_is_complete(target / file.name, file) for file in spec.files):
            shutil.rmtree(folder, ignore_errors=True)
            return
        aside = target.with_name(f"{target.name}.old-{uuid4().hex}")
        os.rename(target, aside)
        os.replace(folder, target)
        shutil.rmtree(aside, ignore_errors=True)
    _sync(target.parent)


def _sync(path: Path) -> None:
    """Write cached data of a file or folder to the disk, where the system can."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:  # Windows cannot open folders
        return
    with suppress(OSError):
        os.fsync(handle)
    os.close(handle)
