"""Files that are forged: all check sums right, and something else wrong."""

import gzip
import io
import json
import re
import struct
import zipfile
import zlib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import mutations
import numpy as np
from mutations import SIZES, Draw, json_text
from safetensors.numpy import save

from secant.training import serialization

BOMB = 2**25
"""Bytes that a bomb unpacks to: 32 MiB, more than the trials' readers read."""


def forged_json(draw: Draw, content: bytes) -> bytes:
    """JSON with another value."""
    return json_text(draw, json.loads(content)).encode()


def forged_tensors(draw: Draw, content: bytes) -> bytes:
    """A safetensors file whose header lies, or whose SHA-256 is right all the same."""
    if draw.random() < 0.3:
        return _other_header(draw, content)
    form = json.loads(_header(content))["__metadata__"]["format"]
    with TemporaryDirectory() as folder:
        path = Path(folder, "tensors")
        path.write_bytes(content)
        arrays, about = serialization.read_tensors(path, form)
    if draw.random() < 0.7:
        return _sealed(arrays, form, json_text(draw, about))
    return _sealed(_other_arrays(draw, arrays), form, json.dumps(about))


def _sealed(arrays: dict[str, np.ndarray], form: str, about: str) -> bytes:
    """As `serialization.tensor_bytes`, with any text for what is known."""
    sha256 = serialization._fingerprint(arrays, about)
    return save(arrays, {"format": form, "run": about, "sha256": sha256})


def _header(content: bytes) -> bytes:
    return content[8 : 8 + struct.unpack("<Q", content[:8])[0]]


def _other_header(draw: Draw, content: bytes) -> bytes:
    old = _header(content)
    new = json_text(draw, json.loads(old)).encode()
    if draw.random() < 0.2:
        new = old + b" " * int(draw.integers(1, 99))
    return struct.pack("<Q", len(new)) + new + content[8 + len(old) :]


_DTYPES = ("f4", "f8", "f2", "i8", "u1", "?", "i4")


def _other_arrays(draw: Draw, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    changed = dict(arrays)
    name = str(draw.choice(list(changed)))
    value = changed[name]
    way = draw.integers(8)
    if way == 0:
        del changed[name]
    elif way == 1:
        changed[f"{name}x"] = value
    elif way == 2:
        changed[name] = value.astype(draw.choice(_DTYPES))
    elif way == 3:
        changed[name] = value.ravel()[: draw.integers(value.size + 1)]
    elif way == 4:
        changed[name] = value[None]
    elif way == 5:
        changed[name] = np.asarray(draw.choice([-1, 0, 9]), value.dtype)
    elif way == 6:
        shape = (0, *value.shape[1:]) if value.ndim else (0,)
        changed[name] = np.zeros(shape, value.dtype)
    else:
        odd = draw.choice([np.nan, np.inf, -1e38]) if value.dtype.kind == "f" else 7
        changed[name] = np.full_like(value, odd)
    return changed


def forged_idx(draw: Draw, content: bytes) -> bytes:
    """An IDX file with other dimensions; packed anew, or a bomb, if it is gzip."""
    zipped = content[:2] == b"\x1f\x8b"
    plain = bytearray(gzip.decompress(content) if zipped else content)
    way = draw.random()
    if way < 0.02:
        return _idx_bomb(int(draw.choice([100, BOMB // 4, BOMB])))
    elif way < 0.7:
        dimensions = plain[3]
        at = 4 + 4 * int(draw.integers(dimensions))
        plain[at : at + 4] = struct.pack(">I", SIZES[draw.integers(len(SIZES))] % 2**32)
    else:
        plain[int(draw.integers(2, 4))] = int(draw.integers(256))
    return gzip.compress(plain, 1, mtime=0) if zipped else bytes(plain)


@cache
def _idx_bomb(claim: int) -> bytes:
    """Zeros, as many as they are said to be, or more."""
    head = struct.pack(">BBBBI", 0, 0, 8, 1, claim)
    return gzip.compress(head + bytes(max(claim, BOMB // 2)), 9, mtime=0)


def forged_npz(draw: Draw, content: bytes) -> bytes:
    """A zip that is whole, of arrays with other headers, names and sizes."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    name = str(draw.choice(list(entries)))
    way = draw.random()
    if way < 0.02:
        return _npz_bomb(int(draw.choice([BOMB // 8, BOMB])))
    elif way < 0.05:
        entries[name] = (
            _npy_header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }")
            + PICKLE
        )
    elif way < 0.6:
        entries[name] = _other_npy(draw, entries[name])
    elif way < 0.7:
        entries[f"{draw.choice(_NAMES)}.npy"] = entries.pop(name)
    else:
        entries[name] = mutations.damaged(draw, entries[name], list(entries.values()))
    buffer = io.BytesIO()
    kind = int(draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    if draw.random() < 0.03:
        kind = int(draw.choice([zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for entry, value in entries.items():
            archive.writestr(entry, value)
    forged = bytearray(buffer.getvalue())
    if draw.random() < 0.4:
        # A size or an offset of the directory, which zipfile believes at first.
        at = forged.rfind(b"PK\1\2" if draw.random() < 0.5 else b"PK\5\6")
        at += int(draw.integers(4, 46))
        wide = "<I" if draw.random() < 0.7 else "<H"
        number = SIZES[draw.integers(len(SIZES))] % 256 ** struct.calcsize(wide)
        forged[at : at + struct.calcsize(wide)] = struct.pack(wide, number)
    return bytes(forged)


@cache
def _npz_bomb(size: int) -> bytes:
    """A zip of kilobytes, whose arrays are zeros."""
    rows, buffer = size // 784, io.BytesIO()
    text = "{'descr': '|u1', 'fortran_order': False, 'shape': (%s), }"
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "x.npy", _npy_header(text % f"{rows}, 784") + bytes(rows * 784)
        )
        archive.writestr("t.npy", _npy_header(text % f"{rows},") + bytes(rows))
    return buffer.getvalue()


# Unpickled, it would call os.getpid.
PICKLE = b"cos\ngetpid\n(tR."

_NAMES = ("x", "t", "X", "y", "x_train", "t_train", "x_test", "t_test", "a", "../x")


def _npy_header(text: str) -> bytes:
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode("latin-1")


def _other_npy(draw: Draw, entry: bytes) -> bytes:
    length = struct.unpack("<H", entry[8:10])[0]
    text, items = entry[10 : 10 + length].decode("latin-1"), entry[10 + length :]
    kind = draw.choice(["<f8", ">f4", "|u1", "|b1", "<U9", "|O", "<c16", "<M8[s]", "f"])
    shape = draw.choice(["()", "(0,)", "(-1,)", f"({2**62},)", "(9" * 1, "(1,) * 9"])
    way = draw.random()
    if way < 0.4:
        text = re.sub(r"'descr': '[^']*'", f"'descr': '{kind}'", text)
    elif way < 0.8:
        text = re.sub(r"\([^)]*\)", str(shape), text, count=1)
    else:
        text = text.replace("False", "True")
    return _npy_header(text.strip()) + items


def forged_png(draw: Draw, content: bytes) -> bytes:
    """A PNG whose chunks are others and have right check sums."""
    chunks, at = [], 8
    while at + 8 <= len(content):
        length = struct.unpack(">I", content[at : at + 4])[0]
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    way, place = draw.random(), int(draw.integers(len(chunks)))
    kind, inside = chunks[place]
    if way < 0.35:
        kind, inside = chunks[0]
        head = bytearray(inside)
        if draw.random() < 0.7:
            for start in (0, 4):
                if draw.random() < 0.7:
                    size = int(draw.choice([0, 1, 999, 2000, 5000, 70000, 2**31 - 1]))
                    head[start : start + 4] = struct.pack(">I", size)
        else:
            head[int(draw.integers(8, 13))] = int(draw.choice([0, 1, 2, 3, 4, 6, 16]))
        chunks[0] = kind, bytes(head)
    elif way < 0.45:
        kind = bytes(
            draw.choice([b"zTXt", b"iCCP", b"tEXt", b"iTXt", b"eXIf", b"tRNS"])
        )
        big = b"a\0\0" + _zeros(int(draw.choice([1000, 1000, BOMB])))
        chunks.insert(min(place + 1, len(chunks)), (kind, big))
    elif way < 0.6:
        chunks.insert(place, chunks[draw.integers(len(chunks))])
    elif way < 0.65 and len(chunks) > 1:
        del chunks[place]
    elif way < 0.8 and kind == b"IDAT":
        rows = mutations.damaged(draw, zlib.decompress(inside), [inside])
        chunks[place] = kind, zlib.compress(rows)
    else:
        chunks[place] = kind, mutations.damaged(draw, inside, [inside])
    return content[:8] + b"".join(map(_chunk, *zip(*chunks, strict=True)))


@cache
def _zeros(count: int) -> bytes:
    return zlib.compress(bytes(count), 9)


def _chunk(kind: bytes, inside: bytes) -> bytes:
    code = struct.pack(">I", zlib.crc32(kind + inside))
    return struct.pack(">I", len(inside)) + kind + inside + code


def forged_jpeg(draw: Draw, content: bytes) -> bytes:
    """A JPEG of another height and width."""
    at = content.find(b"\xff\xc0")
    sizes = struct.pack(">HH", *draw.choice([1, 60, 999, 2000, 9000, 65_500], 2))
    return content[: at + 5] + sizes + content[at + 9 :]
