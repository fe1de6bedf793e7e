"""Files to read, whole and damaged, and a set of MNIST's form that is quick to make."""

import gzip
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from secant.data import locations, mnist, registry
from secant.errors import DataError

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def idx_bytes(array: np.ndarray) -> bytes:
    code = CODES[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture(scope="session", name="idx_bytes")
def idx_bytes_fixture() -> Callable[[np.ndarray], bytes]:
    """An array as the content of an IDX file."""
    return idx_bytes


@pytest.fixture(scope="session")
def mutated() -> Callable[[st.DataObject, bytes], bytes]:
    """Content with a few bytes changed, cut out, put in, or cut off, as drawn."""

    def mutate(data: st.DataObject, content: bytes) -> bytes:
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(0, max(0, len(content) - 1)))
            kind = data.draw(st.sampled_from(["change", "cut", "put", "end", "head"]))
            if kind == "head":  # headers are where the trouble is
                at %= 24
            new = data.draw(st.binary(min_size=1, max_size=4))
            if kind in ("change", "head"):
                content = content[:at] + new + content[at + len(new) :]
            elif kind == "cut":
                content = content[:at] + content[at + len(new) :]
            elif kind == "put":
                content = content[:at] + new + content[at:]
            else:
                content = content[:at]
        return content

    return mutate


@pytest.fixture(scope="session")
def at_worst_data_error() -> Callable[[Path], AbstractContextManager[None]]:
    """What is inside may raise a DataError that names the file, and nothing else."""

    @contextmanager
    def inside(path: Path) -> Iterator[None]:
        try:
            yield
        except DataError as error:
            if str(path) not in str(error):
                raise AssertionError("the message does not name the file") from error

    return inside


@pytest.fixture
def no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any data set; returns the user's cache."""
    cache = tmp_path / "cache"
    monkeypatch.delenv(locations.DATA_VARIABLE, raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *a, **k: str(cache))
    for name, spec in registry.SPECS.items():
        monkeypatch.setitem(registry.SPECS, name, replace(spec, system=()))
    return cache


@pytest.fixture
def tiny(
    no_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Path]:
    """Small sets in the place of MNIST and Fashion-MNIST; folders by name."""
    folders = {}
    for seed, name in enumerate(("mnist", "fashion-mnist")):
        rng = np.random.default_rng(seed)
        folder = tmp_path / "published" / name
        folder.mkdir(parents=True)
        files = []
        for file, count in zip(
            registry.SPECS[name].files, (20, 20, 10, 10), strict=True
        ):
            shape = (count, *file.shape[1:])
            if len(shape) == 1:
                array = rng.permutation(np.arange(count) % 10).astype(np.uint8)
            else:
                array = rng.integers(0, 256, shape, dtype=np.uint8)
            content = idx_bytes(array)
            packed = gzip.compress(content, mtime=0)
            (folder / file.name).write_bytes(packed)
            digest = sha256(content).hexdigest()
            size, download = len(content), len(packed)
            files.append(
                registry.File(file.name, shape, download, size, digest),
            )
        x_train, t_train, x_test, t_test = files
        spec = replace(
            registry.SPECS[name],
            x_train=x_train,
            t_train=t_train,
            x_test=x_test,
            t_test=t_test,
        )
        monkeypatch.setitem(registry.SPECS, name, spec)
        folders[name] = folder
    return folders


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    """Ten digits of the sample built in, one of each: uint8 of shape (10, 28, 28)."""
    (x, t), _ = mnist.read_sample()
    return np.stack([x[t == digit][0] for digit in range(10)])


@pytest.fixture(scope="session")
def difference() -> Callable[[np.ndarray, np.ndarray], float]:
    """The mean difference of a digit from MNIST's own, in uint8, a pixel aside or not.

    MNIST's digits stand on whole pixels: one whose centre of mass is halfway between
    two may come to stand on the other. The mean pixel of a digit is 0.13.
    """

    def mean(found: np.ndarray, digit: np.ndarray) -> float:
        image = found.reshape(28, 28)
        return min(
            float(np.abs(np.roll(image, shift, (0, 1)) - digit / 255).mean())
            for shift in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
        )

    return mean
