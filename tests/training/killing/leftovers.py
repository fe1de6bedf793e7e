"""What a killed process leaves in the folder of a run: each file whole, none lost."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np


def faults_of_run(folder: Path) -> Iterator[str]:
    """The files of a run's folder that are not whole, or that nobody should leave."""
    if not folder.exists():
        return
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or path.suffix == ".part":
            continue
        name = str(path.relative_to(folder))
        read = (
            _read_checkpoint
            if path.parent.name == "checkpoints"
            else _READERS.get(name)
        )
        if read is None:
            yield f"{path} should not be there"
            continue
        try:
            read(path)
        except Exception as error:
            yield f"{path} cannot be read: {type(error).__name__}: {error}"


def half_files(folder: Path) -> int:
    """The unfinished files, which have names of their own."""
    return sum(1 for _ in folder.rglob("*.part"))


def newest(folder: Path) -> int:
    """The step of the last checkpoint, or −1."""
    files = (folder / "checkpoints").glob("0*.safetensors")
    return max((int(path.stem) for path in files), default=-1)


def lost(folder: Path, before: dict[str, Any]) -> Iterator[str]:
    """What a run's folder had before and has no longer."""
    now = kept(folder)
    if now["step"] < before["step"]:
        yield f"{folder} had step {before['step']}, and now {now['step']}"
    for name in sorted(before["files"] - now["files"]):
        yield f"{folder} has lost {name}"


def kept(folder: Path) -> dict[str, Any]:
    """What a run's folder has and must not lose."""
    names = {path.name for path in folder.glob("[!.]*") if path.is_file()}
    return {"step": newest(folder), "files": names}


def contents(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file, by name."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def differences(folder: Path, whole: Any) -> Iterator[str]:
    """In what the run of a folder differs from another one, bit for bit."""
    from secant import Run
    from secant.errors import SecantError
    from secant.training.serialization import fingerprint

    try:
        run = Run.load(folder)
    except SecantError as error:
        yield f"{folder} has no run: {error}"
        return
    pairs = {
        "weights": [fingerprint(each.net.params) for each in (run, whole)],
        "best weights": [
            each.best and fingerprint(each.best.params) for each in (run, whole)
        ],
        "best epoch": [each.best_epoch for each in (run, whole)],
        "losses": [each.losses.tobytes() for each in (run, whole)],
        "measurements": [each.history.epochs for each in (run, whole)],
        "status": [each.status for each in (run, whole)],
    }
    for name, (first, second) in pairs.items():
        if first != second:
            yield f"{folder} has other {name} than the uninterrupted run"
    if not (folder / "training.png").is_file():
        yield f"{folder} has no picture"


def _read_checkpoint(path: Path) -> None:
    from secant.training.serialization import read_tensors

    arrays, _ = read_tensors(path, "secant checkpoint 1")
    assert len(arrays["losses"]) == int(path.stem)


def _read_network(path: Path) -> None:
    from secant.training.run import read_network

    read_network(path)


def _read_history(path: Path) -> None:
    from secant.history import History

    text = path.read_text(encoding="utf-8")
    history = History.from_csv(text, str(path))
    assert history.to_csv() == text
    assert len(history.losses) > 0
    assert np.isfinite(history.losses).all()


def read_picture(path: Path) -> None:
    """Reads all points of a picture."""
    from PIL import Image

    with Image.open(path) as picture:
        picture.load()


def _read_manifest(path: Path) -> None:
    from secant.training.manifest import Manifest

    Manifest.read(path.parent)


_READERS: dict[str, Callable[[Path], object]] = {
    ".lock": lambda path: None,
    "manifest.json": _read_manifest,
    "initial.safetensors": _read_network,
    "best.safetensors": _read_network,
    "network.safetensors": _read_network,
    "history.csv": _read_history,
    "training.png": read_picture,
}
