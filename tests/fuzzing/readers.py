"""What reads files, with real files to damage and what it may cost to read them."""

import gzip
import io
import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from forgeries import (
    forged_idx,
    forged_jpeg,
    forged_json,
    forged_npz,
    forged_png,
    forged_tensors,
)
from mutations import Draw, lines

from secant import MLP, Checkpoints, Run, RunMetadata, load_data
from secant.cli.train_task import load_task
from secant.data import csv_table, digit_images, files, idx, npz
from secant.data.digit_images import read_digit
from secant.data.idx import read_idx
from secant.data.mnist import read_sample
from secant.training import checkpoint
from secant.training.config import TrainConfig
from secant.training.loop import train
from secant.training.schedules import Schedule
from secant.training.trainer import Trainer

MIB = 2**20

# Lower than for users, so that files beyond them are made in no time.
MAX_BYTES, MAX_TEXT, MAX_PIXELS = 16 * MIB, 4 * MIB, 4_000_000

Folder = Mapping[str, bytes]


def lower_limits() -> None:
    """Makes the readers refuse what is beyond the limits of this file."""
    for module in (files, idx, npz):
        module.MAX_BYTES = MAX_BYTES
    csv_table.MAX_TEXT = MAX_TEXT
    for module in (digit_images, digit_images):
        module.MAX_PIXELS = MAX_PIXELS


@dataclass(frozen=True)
class Reader:
    """A way to read files.

    Attributes:
        name: What it reads.
        read: Reads what is in a folder, which is the working directory, and makes
            use of it.
        samples: Real files, by name, as many folders of them as there are kinds.
        most: The bytes that it may allocate, given how many its files have.
        forge: By a name's ending, how such a file is forged.
        left: Files that are left as they are.
    """

    name: str
    read: Callable[[Path], object]
    samples: Callable[[], list[Folder]]
    most: Callable[[int], int]
    forge: Mapping[str, Callable[[Draw, bytes], bytes]] = field(default_factory=dict)
    left: tuple[str, ...] = ()


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Some of the digits that are built in, of each class."""
    (x, t), _ = read_sample()
    rows = np.concatenate([np.flatnonzero(t == digit)[:3] for digit in range(10)])
    return x[rows].reshape(-1, 28, 28), t[rows]


def idx_bytes(array: np.ndarray, code: int = 8) -> bytes:
    """An array as an IDX file."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(idx.TYPES[code]).tobytes()


@cache
def _idx_samples() -> list[Folder]:
    x, t = digits()
    plain = {"images-idx3": idx_bytes(x), "labels-idx1": idx_bytes(t)}
    packed = {name: gzip.compress(content, mtime=0) for name, content in plain.items()}
    floats = {
        "images-idx3": idx_bytes(x[:6] / 255, 13),
        "labels-idx1": idx_bytes(t[:6]),
    }
    return [plain, packed, floats]


def _read_idx(folder: Path) -> object:
    return read_idx("labels-idx1"), load_data("images-idx3")


@cache
def _npz_samples() -> list[Folder]:
    x, t = digits()
    parts = {"x_train": x[::2], "t_train": t[::2], "x_test": x[1::2], "t_test": t[1::2]}
    found = []
    for save in (np.savez, np.savez_compressed):
        for arrays in ({"x": np.asfortranarray(x / 255), "t": t.astype(">i4")}, parts):
            buffer = io.BytesIO()
            save(buffer, **arrays)
            found.append({"own.npz": buffer.getvalue()})
    return found


@cache
def _csv_samples() -> list[Folder]:
    x, t = digits()
    rows = np.column_stack([t, x.reshape(len(x), -1)])
    tall = "\n".join(",".join(map(str, row)) for row in rows[::6].tolist())
    draw = np.random.default_rng(0)
    flat = ['left,label,"right, or not"']
    flat += [f'{a:.6g},{int(a > b)},"{b:.9e}"' for a, b in draw.normal(size=(40, 2))]
    return [{"own.csv": tall.encode()}, {"own.csv": "\n".join(flat).encode()}]


@cache
def _image_samples() -> list[Folder]:
    from PIL import Image

    x, _ = digits()
    image = Image.fromarray(255 - x[5]).resize((60, 44))
    forms: dict[str, list[tuple[Any, dict[str, Any]]]] = {
        "png": [
            (image, {}),
            (image.convert("RGBA"), {}),
            (image.convert("P"), {"transparency": 0}),
            (image.convert("1"), {}),
            (Image.fromarray(np.asarray(image, np.uint16) * 257), {}),
        ],
        "jpeg": [
            (image, {"quality": 80}),
            (image.convert("RGB"), {"progressive": True, "exif": _turned()}),
            (image.convert("CMYK"), {}),
        ],
        "bmp": [(image, {})],
        "gif": [(image.convert("P"), {})],
        "webp": [
            (image.convert("RGB"), {"lossless": True}),
            (image.convert("RGB"), {}),
        ],
    }
    found = []
    for suffix, pictures in forms.items():
        for picture, options in pictures:
            buffer = io.BytesIO()
            picture.save(buffer, format=suffix, **options)
            found.append({f"digit.{suffix}": buffer.getvalue()})
    return found


def _turned() -> bytes:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()


def _read_image(folder: Path) -> object:
    (path,) = folder.iterdir()
    found = read_digit(path.name)
    assert found.shape == (784,)
    assert np.isfinite(found).all()
    return found


def _net() -> MLP:
    return MLP((784, 3, 10), "tanh", init="xavier", seed=1)


def _config() -> TrainConfig:
    return TrainConfig.build(
        "backprop",
        iterations=12,
        batch_size=5,
        optimizer="adam",
        learning_rate=Schedule("cosine", 0.01, steps=12),
        seed=2,
        validation_split=0.2,
        early_stopping=50,
    )


def _data() -> Any:
    return load_data("own.npz")


def _npz_of_digits() -> bytes:
    return _npz_samples()[3]["own.npz"]


@cache
def _run_folder() -> Folder:
    """A run as `fit` keeps it."""
    before = Path.cwd()
    with TemporaryDirectory() as scratch:
        os.chdir(scratch)
        try:
            Path("own.npz").write_bytes(_npz_of_digits())
            kept = Checkpoints(steps=4, seconds=None, keep=2)
            notes = {"data": "own.npz", "command": "secant train"}
            train(
                _net(),
                _data(),
                _config(),
                folder="run",
                checkpoints=kept,
                metadata=RunMetadata(notes=notes),
            )
            return {
                str(path.relative_to("run")): path.read_bytes()
                for path in sorted(Path("run").rglob("*"))
                if path.is_file() and path.suffix in (".safetensors", ".json", ".csv")
            }
        finally:
            os.chdir(before)


@cache
def _run_samples() -> list[Folder]:
    names = ("network.safetensors", "best.safetensors", "history.csv")
    return [{name: _run_folder()[name] for name in names}]


def _read_run(folder: Path) -> object:
    run = Run.load(folder)
    run.describe()
    run.history.to_csv()
    assert run.test_accuracy.shape == run.train_accuracy.shape
    outputs: list[Any] = []
    with np.errstate(all="ignore"):  # weights that are whole and infinite
        for net in filter(None, (run.net, run.best)):
            outputs.append(net.predict(np.zeros(net.architecture.sizes[0])))
    if run.best_epoch is not None:
        outputs.append(run.best_epoch.step + run.best_epoch.train_loss)
    return outputs


@cache
def _manifest_samples() -> list[Folder]:
    names = ("manifest.json", "initial.safetensors")
    return [
        {name: _run_folder()[name] for name in names} | {"own.npz": _npz_of_digits()}
    ]


def _read_manifest(folder: Path) -> object:
    """As `secant train --resume` and `secant rerun` do."""
    task, manifest = load_task(folder)
    trainer = Trainer(task.net, task.samples, task.config)
    checkpoint.check_same_run("the manifest", manifest.origin, trainer.origin())
    return trainer.config


@cache
def _checkpoint_samples() -> list[Folder]:
    return [
        {Path(name).name: content}
        for name, content in _run_folder().items()
        if name.startswith("checkpoints")
    ]


@cache
def _trainer() -> Trainer:
    before = Path.cwd()
    with TemporaryDirectory() as scratch:
        os.chdir(scratch)
        try:
            Path("own.npz").write_bytes(_npz_of_digits())
            return Trainer(_net(), _data(), _config())
        finally:
            os.chdir(before)


def _read_checkpoint(folder: Path) -> object:
    trainer = _trainer()
    found = checkpoint.read_newest(folder, trainer.start.train_state, trainer.origin())
    if found.state is None:
        raise Refused(found.skipped[0])
    run = trainer.result(found.state)
    run.describe()
    run.history.to_csv()
    found.state.with_time(training=1.0)
    return trainer.has_finite_loss(found.state), trainer.evaluate(found.state)


class Refused(ValueError):
    """A file was passed over: refused, in words."""


READERS = (
    Reader(
        "run",
        _read_run,
        _run_samples,
        lambda size: 8 * MIB + 40 * size,
        {"safetensors": forged_tensors, "csv": lines},
    ),
    Reader(
        "checkpoint",
        _read_checkpoint,
        _checkpoint_samples,
        lambda size: 8 * MIB + 40 * size,
        {"safetensors": forged_tensors},
    ),
    Reader(
        "configuration",
        _read_manifest,
        _manifest_samples,
        lambda size: 8 * MIB + 40 * size,
        {"json": forged_json, "safetensors": forged_tensors},
        left=("own.npz", "initial.safetensors"),
    ),
    Reader(
        "IDX",
        _read_idx,
        _idx_samples,
        lambda size: 8 * MIB + 12 * MAX_BYTES,
        {"idx3": forged_idx, "idx1": forged_idx},
    ),
    Reader(
        "CSV",
        lambda folder: load_data("own.csv"),
        _csv_samples,
        lambda size: 8 * MIB + 40 * size,
        {"csv": lines},
    ),
    Reader(
        "npz",
        lambda folder: load_data("own.npz"),
        _npz_samples,
        lambda size: 8 * MIB + 12 * MAX_BYTES,
        {"npz": forged_npz},
    ),
    Reader(
        "image",
        _read_image,
        _image_samples,
        lambda size: 96 * MIB + 30 * MAX_PIXELS,
        {"png": forged_png, "jpeg": forged_jpeg},
    ),
)
