"""One damaged file after the other, read under guard."""

import gc
import os
import pickle
import shutil
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from mutations import Special, damaged, special
from readers import READERS, Reader, Refused, lower_limits

from secant.errors import SecantError

SECONDS = 2.0
"""Processor time that a file may take to read."""

SPECIAL_SHARE = 0.1
"""The share of cases in which a FIFO, a device, a folder, a socket or a link stands
under the name of a file."""

# What reading a file has no business with. An audit hook cannot be taken off again.
_FORBIDDEN = (
    "pickle.find_class",
    "os.system",
    "os.exec",
    "subprocess.Popen",
    "socket.",
)
_watching = [False]


class Trespass(BaseException):
    """Something was unpickled, started or asked of the network."""


def _audit(event: str, details: object) -> None:
    if _watching[0] and event.startswith(_FORBIDDEN):
        raise Trespass(f"{event}: {details}")


@contextmanager
def guarded() -> Iterator[None]:
    """Nothing inside can unpickle, start a process or open a connection."""

    def refuse(*arguments: object, **named: object) -> None:
        raise Trespass("pickle was asked to load")

    kept = {name: getattr(pickle, name) for name in ("load", "loads", "Unpickler")}
    for name in kept:
        setattr(pickle, name, refuse)
    _watching[0] = True
    try:
        yield
    finally:
        _watching[0] = False
        for name, value in kept.items():
            setattr(pickle, name, value)


def prepared(memory: int) -> None:
    """Makes this process one for trials: low limits, little memory, no pickle."""
    sys.addaudithook(_audit)
    lower_limits()
    for reader in READERS:
        reader.samples()
    gc.freeze()  # what is there already is not looked through after each case
    if memory and sys.platform == "linux":
        import resource

        size = int(Path("/proc/self/statm").read_text().split()[0])
        most = size * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


@dataclass
class Tally:
    """What became of some cases.

    Attributes:
        cases: How many there were.
        read: What was read all the same: what was damaged does not matter, or cannot
            be seen.
        special: How many had something other than a regular file.
        seconds: The most processor time that one took.
        peak: The most bytes that one allocated.
        share: The most of what it may.
        faults: What must not happen, by the number of the case.
    """

    cases: int = 0
    read: int = 0
    special: int = 0
    seconds: float = 0.0
    peak: int = 0
    share: float = 0.0
    faults: dict[int, str] = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        """Takes in the cases of another."""
        self.cases += other.cases
        self.read += other.read
        self.special += other.special
        self.seconds = max(self.seconds, other.seconds)
        self.peak = max(self.peak, other.peak)
        self.share = max(self.share, other.share)
        self.faults |= other.faults


Case = Mapping[str, bytes | Special]


def case(reader: Reader, number: int, seed: int) -> tuple[Case, str]:
    """The files of a case, and which of them is damaged: always the same."""
    draw = np.random.default_rng([seed, number, *reader.name.encode()])
    samples = reader.samples()
    folder = dict(samples[draw.integers(len(samples))])
    others = [content for sample in samples for content in sample.values()]
    names = [name for name in folder if name not in reader.left]
    if reader.left and draw.random() < 0.1:
        names = list(folder)
    name = str(draw.choice(names))
    if draw.random() < SPECIAL_SHARE:
        return folder | {name: special(draw, name, list(folder), others)}, name
    forge = reader.forge.get(name.replace("-", ".").rpartition(".")[2])
    content = folder[name]
    forged = forge is not None and draw.random() < 0.5
    if forge is not None and forged:
        content = forge(draw, content)
    if not forged or draw.random() < 0.1:
        content = damaged(draw, content, others)
    return folder | {name: content}, name


def tried(reader: Reader, number: int, seed: int, folder: Path) -> Tally:
    """Reads the files of a case, from a folder that is the working directory.

    What a process does for the first time, it pays for once: a module that is
    imported, a program that is compiled. A case that allocates too much, or takes too
    long, therefore does so twice.
    """
    tally = _tried(reader, number, seed, folder)
    return _tried(reader, number, seed, folder) if tally.faults else tally


def _tried(reader: Reader, number: int, seed: int, folder: Path) -> Tally:
    files, name = case(reader, number, seed)
    write(files, folder)
    tally = Tally(cases=1, special=int(isinstance(files[name], Special)))
    before = _memory_reset()
    began = time.process_time()
    try:
        with warnings.catch_warnings(action="error"), guarded():
            reader.read(folder)
        tally.read = 1
    except (SecantError, Refused) as error:
        if len(str(error)) > 20_000:
            tally.faults[number] = f"a message of {len(str(error)):,} characters"
    except (Exception, Trespass) as error:
        tally.faults[number] = f"{type(error).__name__}: {error}"[:300]
    tally.seconds = time.process_time() - began
    tally.peak = max(_memory_peak() - before, 0)
    allowed = reader.most(sum(map(_size, files.values())))
    tally.share = tally.peak / allowed
    if tally.peak > allowed:
        tally.faults[number] = f"{tally.peak:,} bytes, and {allowed:,} are allowed"
    if tally.seconds > SECONDS:
        tally.faults[number] = f"{tally.seconds:.1f} s, and {SECONDS:.1f} are allowed"
    return tally


def write(files: Case, folder: Path) -> None:
    """Put the files of a case into a folder, in place of those of the last one.

    The folder is the working directory. A link may point to a file beside the folder.
    """
    for old in folder.iterdir():
        if old.is_symlink() or not old.is_dir():
            if old.is_symlink() or not old.is_file() or old.name not in files:
                old.unlink()
        else:
            shutil.rmtree(old)
    for name, content in files.items():
        path = Path(folder, name)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.unlink(missing_ok=True)
            content.make(path, folder.with_name("elsewhere"))


def _size(content: bytes | Special) -> int:
    """The bytes of a file, or of the file that a link points to."""
    if isinstance(content, Special):
        content = content.target if isinstance(content.target, bytes) else b""
    return len(content)


def _memory_reset() -> int:
    """The bytes that this process holds now; the peak is measured from here on.

    Garbage of earlier work is not counted: collected while a file is read, it would
    make room for what the reader allocates.
    """
    gc.collect()
    if sys.platform != "linux":
        return 0
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return _status("VmRSS")


def _memory_peak() -> int:
    return _status("VmHWM") if sys.platform == "linux" else 0


def _status(name: str) -> int:
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(name))
    return int(line.split()[1]) * 1024


def named(name: str) -> Reader:
    """The reader of that name."""
    return next(reader for reader in READERS if reader.name == name)


def serve(channel, current, seed: int, memory: int) -> None:
    """A process of its own: reads the cases that it is sent the numbers of.

    Args:
        channel: Where a reader's name, a first and a last number come from, and
            tallies go to.
        current: Shared: the number of the case that is being read, and since when.
        seed: Of all cases.
        memory: Bytes that it may take beyond what it has at the start.
    """
    from tempfile import TemporaryDirectory

    prepared(memory)
    place = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with TemporaryDirectory(dir=place) as scratch:
        folder = Path(scratch, "files")
        folder.mkdir()
        os.chdir(folder)
        channel.send(None)
        while True:
            asked = channel.recv()
            if asked is None:
                os.chdir("/")
                return
            name, start, stop = asked
            reader, tally = named(name), Tally()
            for number in range(start, stop):
                current[0], current[1] = number, time.monotonic()
                tally.add(tried(reader, number, seed, folder))
            current[0] = -1
            channel.send(tally)
