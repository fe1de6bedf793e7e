"""Damaged files for every reader: nothing but Secant's own errors may come of them.

    python tests/fuzzing/fuzz.py --cases 100000
    python tests/fuzzing/fuzz.py --only npz --cases 1000 --seed 7
    python tests/fuzzing/fuzz.py --only npz --case 4711 --keep .    # to look at one

Real files are damaged (bits flipped, cut, spliced, repeated, emptied, sizes that no
machine has) or forged with all check sums right (other JSON, dtypes, shapes, chunks,
bombs), or a FIFO, a device, a folder, a socket or a link stands under their name. They
are read in processes of limited memory. A case must end, within 2 s of
processor time, with a value or a `SecantError`; must not unpickle, start a process or
open a connection; and must not allocate more than the reader's bound. The table is
Markdown; the exit code is 1 if anything else happened.

What readers refuse for its size is 128 times smaller here (bytes) and 10 times
(pixels): bombs are then made in no time.
"""

import argparse
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Freed memory goes back at once, or the peak of a case would hide in it.
os.environ["MALLOC_MMAP_THRESHOLD_"] = os.environ["MALLOC_TRIM_THRESHOLD_"] = "65536"

MEMORY = 2**30
"""Address space that a process may take beyond what it has before its first case."""

PATIENCE = 60.0
"""Seconds after which a case that does not end is given up."""

CHUNK = 100

# A reader's name, a first case and the one after the last.
Part = tuple[str, int, int]


class Child:
    """A process that reads what it is sent, and may die of it."""

    def __init__(self, seed: int) -> None:
        import trials

        processes = multiprocessing.get_context("spawn")
        self.channel, other = processes.Pipe()
        self.current = processes.Array("d", [-1.0, 0.0])
        arguments = (other, self.current, seed, MEMORY)
        self.process = processes.Process(target=trials.serve, args=arguments)
        self.process.daemon = True
        self.process.start()
        other.close()
        self.part: Part | None = None
        self.ready = False

    def send(self, part: Part) -> None:
        self.part = part
        self.current[0] = -1
        self.channel.send(part)

    def ended(self) -> str | None:
        """Why its case has ended it, or has to."""
        if not self.process.is_alive():
            return f"the process ended with {self.process.exitcode}"
        case, since = self.current
        if self.part and case >= 0 and time.monotonic() - since > PATIENCE:
            self.process.kill()
            return f"no end after {PATIENCE:.0f} s"
        return None


def tried(
    cases: dict[str, int], seed: int, at_once: int, tell: Callable[[int], object]
) -> dict[str, Any]:
    """What became of so many cases of each reader, by its name.

    A process that dies costs the case that it died of: what it has not told is read
    again by another, but for that one.
    """
    import trials

    tallies = {name: trials.Tally() for name in cases}
    waiting = deque(
        (name, start, min(start + CHUNK, count))
        for start in range(0, max(cases.values()), CHUNK)
        for name, count in cases.items()
        if start < count
    )
    children = [Child(seed) for _ in range(at_once)]
    while waiting or any(child.part for child in children):
        for place, child in enumerate(children):
            try:
                while child.channel.poll(0.02):
                    tally = child.channel.recv()
                    if tally is not None and child.part:
                        tallies[child.part[0]].add(tally)
                        tell(tally.cases)
                        child.part = None
                    child.ready = True
            except (EOFError, ConnectionError):
                child.process.join(5)
            why = child.ended()
            if why:
                if child.part is None:
                    raise SystemExit(f"no case, and {why}")
                name, start, _ = child.part
                case = int(child.current[0])
                waiting.extend(_without(child.part, case))
                tallies[name].add(trials.Tally(int(case >= start), faults={case: why}))
                children[place] = Child(seed)
            elif child.ready and child.part is None and waiting:
                child.send(waiting.popleft())
    for child in children:
        child.channel.send(None)
        child.process.join()
    return tallies


def _without(part: Part, case: int) -> Iterator[Part]:
    name, start, stop = part
    if case < start:  # it was at none of them
        yield part
        return
    if start < case:
        yield name, start, case
    if case + 1 < stop:
        yield name, case + 1, stop


def table(tallies: dict[str, Any]) -> str:
    """The tallies in Markdown."""
    rows = [
        "| reader | cases | of them special | read | refused | worst time | peak "
        "allocation | of its bound | faults |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, tally in tallies.items():
        refused = tally.cases - tally.read - len(tally.faults)
        rows.append(
            f"| {name} | {tally.cases:,} | {tally.special:,} | {tally.read:,} | "
            f"{refused:,} | {1000 * tally.seconds:.0f} ms | "
            f"{tally.peak / 2**20:.1f} MiB | {tally.share:.0%} | {len(tally.faults)} |"
        )
    return "\n".join(rows)


def keep(name: str, case: int, seed: int, folder: Path) -> None:
    """Puts the files of one case into a folder, and says which of them is damaged."""
    import trials

    files, damaged = trials.case(trials.named(name), case, seed)
    folder = folder.resolve()
    os.chdir(folder)
    for file, content in files.items():
        path = folder / file
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content.make(path, folder / "elsewhere")
            print(f"{path} is a {content.kind}")
    print(f"{folder / damaged} is damaged")


def main() -> None:
    """Damages and reads, with a bar; prints the table and what went wrong."""
    from readers import READERS
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    known = [reader.name for reader in READERS]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=100_000, help="of all readers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=known, help="one reader")
    parser.add_argument("--at-once", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--case", type=int, help="keep this case of --only")
    parser.add_argument("--keep", type=Path, default=Path(), help="there")
    asked = parser.parse_args()
    if asked.case is not None:
        if asked.only is None:
            parser.error("--case is of one reader: add --only")
        keep(asked.only, asked.case, asked.seed, asked.keep)
        return
    names = [asked.only] if asked.only else known
    cases = {name: -(-asked.cases // len(names)) for name in names}
    began = time.monotonic()
    columns = *Progress.get_default_columns(), MofNCompleteColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("cases", total=sum(cases.values()))
        tallies = tried(
            cases, asked.seed, asked.at_once, lambda more: bar.advance(task, more)
        )
    print(table(tallies))
    print(f"\n{sum(cases.values()):,} cases in {time.monotonic() - began:.0f} s")
    faults = 0
    for name, tally in tallies.items():
        for case, why in sorted(tally.faults.items())[:20]:
            print(f"{name}, --seed {asked.seed} --case {case}: {why}")
        faults += len(tally.faults)
    raise SystemExit(min(faults, 1))


if __name__ == "__main__":
    main()
