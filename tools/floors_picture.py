"""Draws docs/images/floors.png and writes the tables of docs/all-of-secant.md.

    python tools/floors_picture.py

Everything that it draws and writes comes from the sources. A box is a module or package
of `src/secant`, or another package of `src`; its text is the head of its docstring, its
arrows are its imports. It stands one floor above the highest package that it imports.
The trip of a nudge is the stack of calls above a rule of `secant.difference` while
`secant.fit` trains. `tests/test_docs.py` compares both with what is kept.
"""

import ast
import json
import re
import textwrap
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from floors_layout import Node, order, place
from jax import lax
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, PathPatch, Polygon
from matplotlib.path import Path as Curve

import secant
from secant import plots
from secant.plots.style import COLORS, DARK
from secant.propagation.registry import RULES

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
PAGE = ROOT / "docs" / "all-of-secant.md"
PICTURE = ROOT / "docs" / "images" / "floors.png"


# --- What the sources say -------------------------------------------------------------


@dataclass(frozen=True)
class Package:
    """A module or package of `src/secant`, or another package of `src`.

    Attributes:
        name: `training`, of `src/secant/training/`.
        head: The first sentence of its docstring.
        uses: The packages that it imports from, sorted.
        floor: 0 if it imports from none.
    """

    name: str
    head: str
    uses: tuple[str, ...]
    floor: int


@dataclass(frozen=True)
class Hop:
    """A file that a nudge passes, and the first function that it enters there."""

    file: str
    function: str
    head: str


@cache
def packages() -> dict[str, Package]:
    """All packages by name, the lowest first; names with an underscore are left out."""
    places = [*(SRC / "secant").iterdir(), *SRC.iterdir()]
    found = {
        place.stem: sorted(place.rglob("*.py")) if place.is_dir() else [place]
        for place in places
        if place.name != "secant" and is_package(place)
    }
    uses = {
        name: {package_of(target, found) for path in paths for target in imports(path)}
        & (found.keys() - {name})
        for name, paths in found.items()
    }
    built: dict[str, Package] = {}
    for name in TopologicalSorter(
        {k: sorted(uses[k]) for k in sorted(uses)}
    ).static_order():
        floor = max((built[other].floor + 1 for other in uses[name]), default=0)
        at = found[name][0]
        built[name] = Package(name, head(at), tuple(sorted(uses[name])), floor)
    return built


def is_package(place: Path) -> bool:
    """Whether a path of `src` is a module or a package with a name of its own."""
    is_python = place.suffix == ".py" or (place / "__init__.py").exists()
    return is_python and not place.name.startswith("_")


def imports(path: Path) -> Iterator[str]:
    """The dotted names that a file imports, and those that it takes from `secant`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.Attribute(value=ast.Name(id="secant"), attr=attr):
                yield f"secant.{attr}"


def package_of(dotted: str, known: dict[str, list[Path]]) -> str:
    """The package that a dotted name is from: `secant.fit` is from `training`."""
    root, _, rest = dotted.partition(".")
    name = rest.split(".")[0]
    if root != "secant":
        return root if (SRC / root).is_dir() else ""
    return name if name in known else public_names().get(name, "")


@cache
def public_names() -> dict[str, str]:
    """The package that each public name of `secant` comes from."""
    stub = ast.parse((SRC / "secant" / "__init__.pyi").read_text(encoding="utf-8"))
    return {
        alias.name: node.module.split(".")[0]
        for node in ast.walk(stub)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def head(path: Path) -> str:
    """The first sentence of a file's docstring, without its full stop."""
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(re.split(r"\.(?:\s|$)", doc, maxsplit=1)[0].split())


class _Arrived(Exception):
    """Ends a training when a nudge has reached a rule; nothing is compiled."""


@cache
def trip() -> tuple[Hop, ...]:
    """The files between `secant.fit` and the rule of the exponential in a sigmoid."""
    rule = RULES[lax.exp_p]

    def stop(*args, **kwargs):
        raise _Arrived

    x = np.linspace(0, 1, 35, dtype=np.float32).reshape(7, 5)
    data = (x, np.arange(7) % 3), (x, np.arange(7) % 3)
    RULES[lax.exp_p] = replace(rule, function=stop)
    try:
        secant.fit(secant.TwoLayerNet(5, 4, 3), data, iterations=1, batch_size=7)
    except _Arrived as arrived:
        calls = [
            (Path(frame.f_code.co_filename), frame.f_code.co_qualname)
            for frame, _ in traceback.walk_tb(arrived.__traceback__)
        ]
    finally:
        RULES[lax.exp_p] = rule
    calls[-1] = module_path(rule.module), rule.note
    hops: dict[str, Hop] = {}
    for path, function in calls:
        if SRC / "secant" in path.parents:
            file = path.relative_to(SRC / "secant").as_posix()
            entry = function.split(".<locals>")[0]
            hops.setdefault(file, Hop(file, entry, head(path)))
    return tuple(hops.values())


def module_path(dotted: str) -> Path:
    """The file of a module."""
    return SRC / (dotted.replace(".", "/") + ".py")


# --- The picture ----------------------------------------------------------------------

BOX, GAP, LANE = 2.15, 0.22, 0.16
"""Widths: of a box, between two boxes, of an arrow that passes a floor."""

HEIGHT, FLOOR = 0.78, 1.22
"""Heights: of a box, of a floor."""


def arrows() -> list[tuple[str, str]]:
    """Each import of one package by another, unless a path of others repeats it."""
    known = packages()

    @cache
    def below(name: str) -> frozenset[str]:
        return frozenset().union(*({u} | below(u) for u in known[name].uses))

    return [
        (name, used)
        for name, package in known.items()
        for used in package.uses
        if not any(used in below(other) for other in package.uses if other != used)
    ]


def chains() -> list[list[Node]]:
    """Each arrow as the nodes that it passes, one on each floor."""
    known = packages()
    return [
        [
            (upper,),
            *(
                (upper, lower, str(f))
                for f in range(known[upper].floor - 1, known[lower].floor, -1)
            ),
            (lower,),
        ]
        for upper, lower in arrows()
    ]


def draw() -> Figure:
    """The packages on their floors, their arrows, and the trip of a nudge."""
    known, ways = packages(), chains()
    links = [link for way in ways for link in pairwise(way)]
    floors: list[list[Node]] = [
        [] for _ in range(1 + max(r.floor for r in known.values()))
    ]
    for name, package in known.items():
        floors[package.floor].append((name,))
    for way in ways:
        for node in way[1:-1]:
            floors[int(node[2])].append(node)
    floors = order(floors, links)
    x = place(floors, links, lambda node: BOX + GAP if len(node) == 1 else LANE)
    left, right = min(x.values()) - BOX / 2 - 0.35, max(x.values()) + BOX / 2 + 0.2
    top = len(floors) * FLOOR
    with mpl.rc_context(plots.STYLE):
        figure = Figure(figsize=(right - left, top))
        axes = figure.add_axes((0, 0, 1, 1), xlim=(left, right), ylim=(0, top))
        axes.axis("off")
        for f in range(0, len(floors), 2):
            axes.axhspan(f * FLOOR, (f + 1) * FLOOR, color="#f4f6f8", linewidth=0)
        for f in range(len(floors)):
            axes.text(
                left + 0.08, (f + 0.5) * FLOOR, str(f), color=plots.GREY, va="center"
            )
        colors = {name: COLORS[i % 6] for i, name in enumerate(known)}
        for way in ways:
            draw_arrow(axes, way, x, colors[way[0][0]])
        visited = list(
            dict.fromkeys(hop.file.split("/")[0].removesuffix(".py") for hop in trip())
        )
        for name, package in known.items():
            draw_package(axes, package, x[(name,)])
            if name in visited:
                draw_badge(axes, package, x[(name,)], visited.index(name) + 1)
    return figure


def height(node: Node) -> float:
    """The middle of the floor of a place."""
    floor = packages()[node[0]].floor if len(node) == 1 else int(node[2])
    return (floor + 0.5) * FLOOR


def draw_arrow(axes, way: list[Node], x: dict[Node, float], color: str) -> None:
    """A line from the foot of a box, between the boxes of other floors, to a top."""
    points, codes = [], []
    for upper, lower in pairwise(way):
        a, b = x[upper], x[lower]
        start, end = height(upper) - HEIGHT / 2, height(lower) + HEIGHT / 2
        if lower == way[-1]:
            end += 0.07
        bend = (start - end) * 0.6
        points += [(a, start), (a, start - bend), (b, end + bend), (b, end)]
        codes += [Curve.LINETO if codes else Curve.MOVETO] + [Curve.CURVE4] * 3
    axes.add_patch(
        PathPatch(
            Curve(points, codes), fill=False, edgecolor=color, linewidth=1.1, alpha=0.8
        )
    )
    tip, y = points[-1]
    axes.add_patch(
        Polygon(
            [(tip - 0.05, y + 0.02), (tip + 0.05, y + 0.02), (tip, y - 0.07)],
            color=color,
        )
    )


def draw_package(axes, package: Package, x: float) -> None:
    """A box with the name and the head of the docstring."""
    y = height((package.name,))
    axes.add_patch(
        FancyBboxPatch(
            (x - BOX / 2, y - HEIGHT / 2),
            BOX,
            HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor="white",
            edgecolor=plots.GREY,
            linewidth=0.8,
            zorder=3,
        )
    )
    text = package.head.replace("`", "")
    lines = textwrap.wrap(text, 34, max_lines=3, placeholder=" …")
    axes.text(
        x,
        y + 0.24,
        package.name,
        ha="center",
        va="center",
        fontsize=11,
        fontweight="bold",
        zorder=4,
    )
    axes.text(
        x,
        y + 0.1,
        "\n".join(lines),
        ha="center",
        va="top",
        fontsize=7.6,
        color=DARK,
        zorder=4,
    )


def draw_badge(axes, package: Package, x: float, number: int) -> None:
    """The number of a package on the trip of the nudge."""
    at = x - BOX / 2, height((package.name,)) + HEIGHT / 2
    axes.add_patch(Circle(at, 0.14, color=plots.ORANGE, zorder=5))
    axes.text(
        *at,
        str(number),
        ha="center",
        va="center",
        color="white",
        fontsize=9,
        fontweight="bold",
        zorder=6,
    )


# --- The page -------------------------------------------------------------------------


def tables() -> dict[str, str]:
    """The tables of the page, by the name of the marks that they stand between."""
    floors = ["| floor | package | what stands there | imports |", "|---:|---|---|---|"]
    for package in sorted(
        packages().values(), key=lambda package: (-package.floor, package.name)
    ):
        uses = ", ".join(f"`{name}`" for name in package.uses)
        floors.append(
            f"| {package.floor} | `{package.name}` | {package.head} | {uses} |"
        )
    hops = ["| | file | enters at | what stands there |", "|---:|---|---|---|"]
    for number, hop in enumerate(trip(), start=1):
        hops.append(f"| {number} | `{hop.file}` | `{hop.function}` | {hop.head} |")
    return {"floors": "\n".join(floors), "trip": "\n".join(hops)}


def page(text: str) -> str:
    """The page with its tables as they should be."""
    for name, table in tables().items():
        between = rf"(<!-- {name}: [^\n]*-->\n\n)(?:\|[^\n]*\n)*"
        text, count = re.subn(between, lambda m, t=table: f"{m[1]}{t}\n", text)
        if count != 1:
            raise ValueError(f"{PAGE.name} has {count} marks <!-- {name}: … -->")
    return text


def data() -> str:
    """What the picture shows, kept within the file."""
    return json.dumps(
        [list(map(asdict, each)) for each in (packages().values(), trip())]
    )


def main() -> None:
    """Draws the picture and writes the tables."""
    draw().savefig(PICTURE, metadata={"Description": data()})
    text = page(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
