"""A sweep's folder: what it searches, its trials, the table and the picture.

sweep.json          what is searched, by which the same command finds it again
study.db            the trials, where no server keeps them
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
_LONGEST = 1 << 20


def name_of(identity: Mapping[str, Any]) -> str:
    """A study's name that whoever searches the same has, too."""
    text = json.dumps(identity, sort_keys=True)
    return f"secant-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def folder_of(identity: Mapping[str, Any], out: Path | None) -> Path:
    """The folder of a sweep: the one that it has already, or a new one.

    Args:
        identity: What is searched, where, and under which name, as JSON holds it.
        out: Where the folder is to be; if not given, below `sweeps`.

    Raises:
        InvalidInput: The folder holds something else.
        DataError: What it holds is damaged.
    """
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(out.parent / f".{out.name}.lock", timeout=60):
            return _taken(out, identity)
    SWEEPS.mkdir(exist_ok=True)
    with FileLock(SWEEPS / ".lock", timeout=60):
        numbered = sorted(p for p in SWEEPS.iterdir() if p.name.isdecimal())
        for folder in reversed(numbered):
            if (folder / FILE).is_file() and _read(folder / FILE) == identity:
                return folder
        last = max((int(folder.name) for folder in numbered), default=0)
        return _taken(SWEEPS / f"{last + 1:04}", identity)


def _taken(folder: Path, identity: Mapping[str, Any]) -> Path:
    if folder.is_file():
        raise InvalidInput(f"{folder} is a file: name a new folder")
    if (folder / FILE).is_file():
        if apart := differences(_read(folder / FILE), identity):
            raise InvalidInput(
                f"{folder} is another sweep's: {'; '.join(apart)}. Give the command "
                "that it was begun with, or name a new folder"
            )
        return folder
    if folder.is_dir() and any(folder.iterdir()):
        raise InvalidInput(
            f"{folder} is there already, and nothing in it will be overwritten: name "
            "a new folder, or move that one away"
        )
    folder.mkdir(exist_ok=True)
    text = json.dumps({"format": _FORMAT, **identity}, indent=2, ensure_ascii=False)
    replace_file(folder / FILE, f"{text}\n".encode())
    return folder


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LONGEST:
            raise ValueError(f"it has more than {_LONGEST:,} bytes")
        content = dict(json.loads(path.read_text(encoding="utf-8")))
        if content.pop("format", None) != _FORMAT:
            raise ValueError("its format is another")
    except (OSError, TypeError, ValueError, RecursionError) as error:
        raise DataError(
            f"{path} is damaged or was changed ({error}): restore it from a copy, or "
            "name a new folder with --out"
        ) from None
    return content
