"""Folder of a sweep: its search space, its trials, the table and the picture.

sweep.json          the sweep's identity, by which the same command finds the folder
study.db            the database of the trials, unless a server holds it
trials/0000 …       the run of each trial
trials.csv, sweep.png
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from secant.errors import DataError, InvalidInput
from secant.sweeps.sweep import differences
from secant.training.serialization import replace_file

SWEEPS = Path("sweeps")
FILE, DATABASE = "sweep.json", "study.db"
TABLE_FILE, PICTURE_FILE = "trials.csv", "sweep.png"
_FORMAT = "secant sweep 1"
_MAX_BYTES = 1 << 20


def name_of(identity: Mapping[str, Any]) -> str:
    """The name of a study; equal identities have equal names."""
    text = json.dumps(identity, sort_keys=True)
    return f"secant-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def folder_of(identity: Mapping[str, Any], out: Path | None) -> Path:
    """The folder of a sweep: its existing folder, or a new one.

    Args:
        identity: The search space, the database and the study's name, as JSON values.
        out: The folder; by default a numbered folder in `sweeps`.

    Raises:
        InvalidInput: The folder holds something else.
        DataError: The folder's `sweep.json` is damaged.
    """
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(out.parent / f".{out.name}.lock", timeout=60):
            return _claim(out, identity)
    SWEEPS.mkdir(exist_ok=True)
    with FileLock(SWEEPS / ".lock", timeout=60):
        numbered = sorted(p for p in SWEEPS.iterdir() if p.name.isdecimal())
        for folder in reversed(numbered):
            if (folder / FILE).is_file() and _read(folder / FILE) == identity:
                return folder
        last = max((int(folder.name) for folder in numbered), default=0)
        return _claim(SWEEPS / f"{last + 1:04}", identity)


def _claim(folder: Path, identity: Mapping[str, Any]) -> Path:
    if folder.is_file():
        raise InvalidInput(f"{folder} is a file: name a new folder")
    if (folder / FILE).is_file():
        if changes := differences(_read(folder / FILE), identity):
            raise InvalidInput(
                f"{folder} belongs to another sweep: {'; '.join(changes)}. Repeat the "
                "command that started it, or name a new folder"
            )
        return folder
    folder.mkdir(exist_ok=True)
    # A process that was killed may leave an unfinished file.
    for part in folder.glob(f".{FILE}.*.part"):
        part.unlink(missing_ok=True)
    if any(folder.iterdir()):
        raise InvalidInput(
            f"{folder} is not empty, and Secant overwrites nothing in it: name a new "
            "folder, or move that one away"
        )
    text = json.dumps({"format": _FORMAT, **identity}, indent=2, ensure_ascii=False)
    replace_file(folder / FILE, f"{text}\n".encode())
    return folder


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"it has more than {_MAX_BYTES:,} bytes")
        content = dict(json.loads(path.read_text(encoding="utf-8")))
        if content.pop("format", None) != _FORMAT:
            raise ValueError("it has another format")
    except (OSError, TypeError, ValueError, RecursionError) as error:
        raise DataError(
            f"{path} is damaged or was changed ({error}): restore it from a copy, or "
            "name a new folder with --out"
        ) from None
    return content
