"""Ways to damage bytes, text and JSON that know nothing of what they stand for."""

import json
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Draw = np.random.Generator

# Where a size is expected: nothing, signs, and what no machine has.
SIZES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1)
SIZES += (2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 2**31, 2**63, 10**400, 0.5, -0.0, 1e308, 1e-320),
    *(
        float("nan"),
        float("inf"),
        "",
        "0",
        "x",
        "nan",
        "../../etc/passwd",
        "\0",
        "é" * 9,
    ),
    *(
        [],
        {},
        [[]],
        {"": 0},
        [0] * 9,
        "[" * 2000,
        [10**9] * 6,
        ["a", "b", "c", "d", "e"],
    ),
)
"""What a JSON value may be replaced by."""


def damaged(draw: Draw, content: bytes, others: list[bytes]) -> bytes:
    """Content with one to four things done to it."""
    for _ in range(draw.integers(1, 5)):
        content = _WAYS[draw.integers(len(_WAYS))](draw, content, others)
    return content


@dataclass(frozen=True)
class Special:
    """What stands under a file's name in place of a regular file.

    Attributes:
        kind: A key of `SPECIAL`.
        target: What a link points to: the name of another file of the case, or bytes
            that are written elsewhere.
    """

    kind: str
    target: str | bytes = b""

    def make(self, path: Path, elsewhere: Path) -> None:
        """Make it at a path, whose folder is the working directory.

        Args:
            path: A name that is free.
            elsewhere: A file outside of the folder that a link may point to.
        """
        SPECIAL[self.kind](path, self, elsewhere)


def special(draw: Draw, name: str, files: list[str], others: list[bytes]) -> Special:
    """Something under the name of a file that is not a regular file."""
    kind = str(draw.choice(list(SPECIAL)))
    if kind == "link to another file":
        siblings = [file for file in files if file != name]
        if siblings and draw.random() < 0.5:
            return Special(kind, str(draw.choice(siblings)))
        return Special(kind, others[draw.integers(len(others))])
    return Special(kind)


def _link(path: Path, found: Special, elsewhere: Path) -> None:
    if isinstance(found.target, bytes):
        elsewhere.write_bytes(found.target)
        path.symlink_to(elsewhere)
    else:
        path.symlink_to(found.target)


def _socket(path: Path, found: Special, elsewhere: Path) -> None:
    # By its name in the working directory: the path of a socket is short.
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)


def _folder(path: Path, found: Special, elsewhere: Path) -> None:
    path.mkdir()


SPECIAL: dict[str, Callable[[Path, Special, Path], object]] = {"folder": _folder}
"""What may stand in place of a file, and how it is made: on Windows only a folder."""

if os.name == "posix":
    SPECIAL |= {
        "FIFO": lambda path, found, elsewhere: os.mkfifo(path),
        "socket": _socket,
        "link to /dev/zero": lambda path, *rest: path.symlink_to("/dev/zero"),
        "link to /dev/null": lambda path, *rest: path.symlink_to("/dev/null"),
        "dangling link": lambda path, *rest: path.symlink_to("nothing-is-here"),
        "link to itself": lambda path, *rest: path.symlink_to(path.name),
        "link to a folder": lambda path, *rest: path.symlink_to("."),
        "link to another file": _link,
    }


def place(draw: Draw, content: bytes) -> int:
    """A position; every second time among the first bytes, where headers are."""
    length = max(len(content), 1)
    if draw.random() < 0.5:
        return int(length ** draw.random()) - 1
    return int(draw.integers(length))


def stretch(draw: Draw, content: bytes) -> slice:
    """Some consecutive bytes: mostly few, sometimes half of all."""
    start = place(draw, content)
    length = int(max(len(content) - start, 1) ** draw.random())
    return slice(start, start + length)


def _flip(draw: Draw, content: bytes, others: list[bytes]) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.integers(1, 9) if content else 0):
        changed[place(draw, content)] ^= 1 << int(draw.integers(8))
    return bytes(changed)


def _overwrite(draw: Draw, content: bytes, others: list[bytes]) -> bytes:
    new = draw.bytes(int(draw.integers(1, 9)))
    start = place(draw, content)
    return content[:start] + new + content[start + len(new) :]


def _size(draw: Draw, content: bytes, others: list[bytes]) -> bytes:
    """A number where a header may have one, in either order of bytes."""
    order, form = draw.choice(["<", ">"]), draw.choice(["B", "H", "I", "Q"])
    width = struct.calcsize(form)
    number = SIZES[draw.integers(len(SIZES))] if draw.random() < 0.8 else len(content)
    new = struct.pack(f"{order}{form}", number % 256**width)
    start = place(draw, content)
    return content[:start] + new + content[start + width :]


def _truncate(draw: Draw, content: bytes, others: list[bytes]) -> bytes:
    return content[: place(draw, content)]


def _cut(draw: Draw, content: bytes, others: list[bytes]) -> bytes:
    part = stretch(draw, content)
    return content[: part.start] + content[part.stop :]


def _repeat(draw: Draw, content: bytes, others: list[bytes]) -> bytes:
    part, times = stretch(draw, content), int(draw.integers(1, 4))
    return content[: part.stop] + content[part] * times + content[part.stop :]


def _zero(draw: Draw, content: bytes, others: list[bytes]) -> bytes:
    part = stretch(draw, content)
    return content[: part.start] + bytes(len(content[part])) + content[part.stop :]


def _splice(draw: Draw, content: bytes, others: list[bytes]) -> bytes:
    """A piece of another file, here or as the rest."""
    other = others[draw.integers(len(others))]
    piece, start = other[stretch(draw, other)], place(draw, content)
    after = content[start + len(piece) :] if draw.random() < 0.5 else b""
    return content[:start] + piece + after


def _append(draw: Draw, content: bytes, others: list[bytes]) -> bytes:
    return content + draw.bytes(int(draw.integers(1, 65)))


_WAYS: tuple[Callable[[Draw, bytes, list[bytes]], bytes], ...] = (
    *(_flip, _overwrite, _size, _truncate, _cut, _repeat, _zero, _splice, _append),
)


def other_value(draw: Draw, value: Any) -> Any:
    """A JSON value with one value in it, at any depth, replaced, added or taken out."""
    if draw.random() < 0.25 or not isinstance(value, dict | list) or not value:
        number = isinstance(value, int | float) and abs(value) < 2**63
        if number and draw.random() < 0.3:
            return draw.choice([-value, value + 1, value * 1000, value + 0.5])
        return VALUES[draw.integers(len(VALUES))]
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = keys[draw.integers(len(keys))]
    changed = value.copy()
    if draw.random() < 0.15:
        del changed[key]
    elif draw.random() < 0.1 and isinstance(changed, dict):
        changed[f"{key}x"] = changed.pop(key)
    else:
        changed[key] = other_value(draw, value[key])
    return changed


def json_text(draw: Draw, value: Any) -> str:
    """A value as JSON, one of whose values is another; or nested as deep as it goes."""
    if draw.random() < 0.05:
        depth = int(draw.choice([50, 990, 100_000]))
        ahead, behind = draw.choice([["[", "]"], ['{"a":', "}"]])
        key = str(draw.choice(list(value)))
        text = json.dumps(value | {key: "here"})
        return text.replace('"here"', ahead * depth + "0" + behind * depth)
    return json.dumps(_plain(other_value(draw, value)))


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.item() if isinstance(value, np.generic) else value


def lines(draw: Draw, content: bytes) -> bytes:
    """A CSV with some cells replaced, or a line left out, repeated or made longer."""
    rows = [line.split(b",") for line in content.split(b"\n")]
    for _ in range(draw.integers(1, 4)):
        row = int(draw.integers(len(rows)))
        way = draw.random()
        if way < 0.6:
            rows[row][draw.integers(len(rows[row]))] = CELLS[draw.integers(len(CELLS))]
        elif way < 0.7:
            rows[row] = rows[row] + [CELLS[draw.integers(len(CELLS))]]
        elif way < 0.8:
            rows[row] = rows[row][:-1] or [b""]
        elif way < 0.9:
            rows.insert(row, list(rows[draw.integers(len(rows))]))
        else:
            del rows[row]
            rows = rows or [[b""]]
    mark = draw.choice([b"\n", b"\n", b"\n", b"\r\n", b"\r", b"\n\n"])
    return bytes(mark).join(b",".join(row) for row in rows)


CELLS = (
    *(b"", b" ", b"0", b"-1", b"9", b"1e999", b"-1e39", b"nan", b"inf", b"1_0", b"0x1"),
    *(b"1.5", b"1e-400", b"9" * 400, b"9" * 5000, b'"', b'""', b'"1"', b'"1\n2"', b"'"),
    *(
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        "٣".encode(),
        b"label",
        b"#",
        b"1;2",
        b"\r",
        b"\x1a",
    ),
    *(b"True", b"None", b"x" * 140_000, b'"' * 999, b"=1+1", b"1j", b"1+2j"),
)
"""What a cell may be replaced by."""
