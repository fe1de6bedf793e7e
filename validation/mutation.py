"""The share of planted faults that the fast tests find: mutation testing.

    python -m pytest -q -n auto --cov=src/secant --cov-branch --cov-context=test
    python validation/mutation.py --mutants 300 --out mutation.jsonl

A mutant is the code with one operator, comparison, condition or number changed
(DeMillo, Lipton & Sayward 1978, "Hints on test data selection", Computer 11(4), 34-41).
Mutants are drawn by a seed, in equal shares from the given folders. Each is met by the
tests that execute its line, as `.coverage` has them, until one fails (`-x`). Those of
its own file and folder come first, and among these the ones that execute few lines:
they are quick, and close to what is changed. At most `--tests` of them run, so that the
share is a lower bound. A mutant that no test finds *survives*: it needs a test, or it
is equivalent to the code, which only a reader can say. A mutant whose tests do not end
counts as found, since a run that hangs is noticed.

Each worker changes a copy of the repository, never the repository itself. `--out` is a
file of JSON lines; what it holds already is not run again, so that a long study can be
interrupted.
"""

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from queue import SimpleQueue

from coverage import CoverageData

ROOT = Path(__file__).parents[1]
FOLDERS = ("propagation", "derivatives", "checking", "nn", "training")

COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


@dataclass(frozen=True)
class Mutant:
    """One changed place.

    Attributes:
        file: Of which file, from the repository's root.
        line: Of which line.
        index: Which of the file's changes it is, in the order of `changes`.
        change: The change in words, as "a < b → a <= b".
    """

    file: str
    line: int
    index: int
    change: str


def changes(tree: ast.AST) -> Iterator[tuple[ast.AST, str, object, str]]:
    """Each node that can be changed: the node, its field, the value and words."""
    skipped = {id(node) for node in _unexecuted(tree)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Compare):
            new = COMPARISONS.get(type(node.ops[0]))
            if new:
                ops = [new(), *node.ops[1:]]
                yield node, "ops", ops, _words(node, ops=ops)
        elif isinstance(node, ast.BinOp) and not _is_text(node):
            new = OPERATORS.get(type(node.op))
            if new:
                yield node, "op", new(), _words(node, op=new())
        elif isinstance(node, ast.BoolOp):
            op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield node, "op", op, _words(node, op=op)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            yield node, "op", ast.UAdd(), _words(node, op=ast.UAdd())
        elif isinstance(node, ast.If | ast.IfExp | ast.While):
            test = ast.UnaryOp(ast.Not(), node.test)
            words = f"if {ast.unparse(node.test)} → if {ast.unparse(test)}"
            yield node, "test", test, words
        elif isinstance(node, ast.Constant):
            value = node.value
            if isinstance(value, bool):
                yield node, "value", not value, f"{value} → {not value}"
            elif isinstance(value, int | float):
                yield node, "value", value + 1, f"{value} → {value + 1}"


def _unexecuted(tree: ast.AST) -> Iterator[ast.AST]:
    """What no test can tell: annotations, and the messages of errors."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.arg):
            part = node.annotation
        elif isinstance(node, ast.FunctionDef):
            part = node.returns
        elif isinstance(node, ast.Raise | ast.JoinedStr) or _is_for_types(node):
            part = node
        else:
            part = None
        if part is not None:
            yield from ast.walk(part)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _is_text(node: ast.BinOp) -> bool:
    sides = (node.left, node.right)
    return any(
        isinstance(side, ast.JoinedStr)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in sides
    )


def _words(node: ast.AST, **fields: object) -> str:
    before = ast.unparse(node)
    kept = {name: getattr(node, name) for name in fields}
    for name, value in fields.items():
        setattr(node, name, value)
    after = ast.unparse(node)
    for name, value in kept.items():
        setattr(node, name, value)
    return f"{before} → {after}"[:200]


def mutated(source: str, index: int) -> str:
    """The source with one change made.

    Example:
        >>> mutated("def f(a, b):\\n    return a < b", 0)
        'def f(a, b):\\n    return a <= b'
    """
    tree = ast.parse(source)
    node, field, value, _ = list(changes(tree))[index]
    setattr(node, field, value)
    return ast.unparse(ast.fix_missing_locations(tree))


def drawn(folders: list[str], count: int, seed: int) -> list[Mutant]:
    """Mutants in equal shares of the folders, by a seed."""
    draw = random.Random(seed)
    chosen: list[Mutant] = []
    for number, folder in enumerate(folders):
        places = [ROOT / name for name in folder.split(",")]
        files = [
            file
            for place in places
            for file in (sorted(place.rglob("*.py")) if place.is_dir() else [place])
        ]
        found = [
            Mutant(str(file.relative_to(ROOT)), node.lineno, index, words)
            for file in files
            for index, (node, _, _, words) in enumerate(
                changes(ast.parse(file.read_text(encoding="utf-8")))
            )
        ]
        share = count * (number + 1) // len(folders) - count * number // len(folders)
        chosen += draw.sample(found, min(share, len(found)))
    return chosen


def executed_lines(data: CoverageData) -> Counter[str]:
    """How many lines each test executes."""
    return Counter(
        test
        for file in data.measured_files()
        for contexts in data.contexts_by_lineno(file).values()
        for test in _tests_in(contexts)
    )


def _tests_in(contexts: Iterable[str]) -> set[str]:
    """The tests of coverage's contexts, each of which is `test|phase`."""
    return {context.partition("|")[0] for context in contexts if context}


def tests_of(
    mutant: Mutant,
    data: CoverageData,
    collected: list[str],
    lines: Counter[str],
    most: int,
) -> list[str]:
    """The tests that execute the line, those of the mirrored file and folder first.

    Among these, those that execute few lines. A line that is executed while its file
    is imported belongs to all tests that execute others of it.
    """
    near = mutant.file.removeprefix("src/secant/").rpartition("/")[0]
    contexts = data.contexts_by_lineno(str(ROOT / mutant.file))
    here = _tests_in(contexts.get(mutant.line, []))
    somewhere = _tests_in(chain.from_iterable(contexts.values()))
    tests = [t for t in collected if t in here]
    tests = tests or [t for t in collected if t in somewhere] or collected
    stem = Path(mutant.file).stem
    tests = sorted(
        tests,
        key=lambda t: (f"test_{stem}" not in t, f"tests/{near}/" not in t, lines[t]),
    )
    return tests[:most]


def collected_in(copy: Path) -> list[str]:
    """The names of the fast tests; nothing else may end a mutant's run."""
    done = subprocess.run(
        [*(sys.executable, "-m", "pytest", "-q", "-n0", "--collect-only")],
        cwd=copy,
        env=_environment(copy),
        capture_output=True,
        text=True,
        check=True,
    )
    return [line for line in done.stdout.splitlines() if "::" in line]


def verdict(mutant: Mutant, copy: Path, tests: list[str], limit: float) -> str:
    """`found`, `survived` or `hung`."""
    file = copy / mutant.file
    source = file.read_text(encoding="utf-8")
    file.write_text(mutated(source, mutant.index), encoding="utf-8")
    try:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-x", "-q", "-n0"),
                *("-p", "no:cacheprovider", "-p", "no:randomly"),
                *tests,
            ],
            cwd=copy,
            env=_environment(copy),
            capture_output=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "hung"
    finally:
        file.write_text(source, encoding="utf-8")
    return "survived" if done.returncode == 0 else "found"


def _environment(copy: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(copy / "src"), "CI": "1"}


def main() -> None:
    """Draws mutants, runs their tests and prints the share that is found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mutants", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folders", nargs="*", metavar="PATH[,PATH…]")
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--tests", type=int, default=300, help="at most, of a mutant")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds a mutant")
    parser.add_argument("--coverage", default=".coverage")
    parser.add_argument("--out", type=Path, default=Path("mutation.jsonl"))
    asked = parser.parse_args()
    folders = asked.folders or [f"src/secant/{name}" for name in FOLDERS]
    data = CoverageData(asked.coverage)
    data.read()
    if not any(data.measured_contexts()):
        parser.error(
            f"{asked.coverage} does not say which test executes what: run the tests "
            "with --cov-context=test and in workers (-n), or pytest-cov says nothing"
        )
    mutants = drawn(folders, asked.mutants, asked.seed)
    known: dict[str, str] = {}
    if asked.out.exists():
        for line in asked.out.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            known[f"{row['file']}:{row['index']}"] = row["verdict"]

    copies: SimpleQueue[Path] = SimpleQueue()
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(asked.at_once):
            copy = Path(scratch, str(number))
            shutil.copytree(
                ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "runs")
            )
            copies.put(copy)
        collected, lines = collected_in(copy), executed_lines(data)

        def judge(mutant: Mutant) -> str:
            key = f"{mutant.file}:{mutant.index}"
            if key in known:
                return known[key]
            copy = copies.get()
            try:
                tests = tests_of(mutant, data, collected, lines, asked.tests)
                found = verdict(mutant, copy, tests, asked.limit)
            finally:
                copies.put(copy)
            with asked.out.open("a", encoding="utf-8") as file:
                row = {**asdict(mutant), "verdict": found}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            if found == "survived":
                print(f"{mutant.file}:{mutant.line}: {mutant.change}", flush=True)
            return found

        with ThreadPoolExecutor(asked.at_once) as pool:
            verdicts = list(pool.map(judge, mutants))
    total = Counter(verdicts)
    for folder in folders:
        here = Counter(
            v
            for mutant, v in zip(mutants, verdicts, strict=True)
            if mutant.file.startswith(tuple(folder.split(",")))
        )
        print(f"{folder}: {here['found'] + here['hung']} of {here.total()} found")
    print(f"{total['found'] + total['hung']} of {total.total()} mutants found")


if __name__ == "__main__":
    main()
