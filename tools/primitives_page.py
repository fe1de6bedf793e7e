"""Writes docs/primitives.md from the table of rules: `python tools/primitives_page.py`.

The primitives differ between versions of JAX. The row of a primitive that the installed
version lacks stays as it is, under the title of its section: if the title changes, move
the row by hand.
"""

import importlib
import re
from pathlib import Path

import jax
from jax import lax
from jax.extend.core import Primitive, primitives

import secant.propagation.rules  # noqa: F401  its import fills the table
from secant.propagation.registry import RULES

PAGE = Path(__file__).parents[1] / "docs" / "primitives.md"

HEAD = """\
# Supported primitives

`secant.difference(f)` traces `f` as a JAX program and walks it with one rule for each \
primitive operation. This page lists the primitives that have a rule. `x` and `Δx` are \
an operand and its difference, and `f` is the primitive's result. The kind says \
which combinator defines the rule. A rule of the kind *linear*, *bilinear*, *data \
movement* or *recompute* is one line of code, an *elementwise* or *binary* one is a \
formula, and a *composition* is made of other primitives. A primitive without a rule \
raises `MissingRule`, which names it and its line in your code; `fallback="subtract"` \
computes it by subtraction instead, and warns.

`jax.make_jaxpr(f)(x)` shows the primitives of a function.

`tools/primitives_page.py` writes this page.
"""


def groups() -> dict[str, dict[str, str]]:
    """The rows of the page, by module of rules and by primitive."""
    found: dict[str, dict[str, str]] = {}
    for primitive, rule in RULES.items():
        module = rule.module.rpartition(".")[2]
        note = rule.note.replace("|", "\\|")
        row = f"| `{primitive.name}` | {rule.kind} | {note} |"
        found.setdefault(module, {})[primitive.name] = row
    return found


def title(module: str) -> str:
    """The title of a module's section: the first sentence of its docstring."""
    doc = importlib.import_module(f"secant.propagation.rules.{module}").__doc__ or ""
    sentence = re.split(r"[.:](?:\s|$)", doc, maxsplit=1)[0]
    return " ".join(sentence.split())


def installed() -> set[str]:
    """The names of all primitives in the public modules of the installed JAX."""
    return {
        value.name
        for place in (lax, lax.linalg, primitives)
        for value in vars(place).values()
        if isinstance(value, Primitive)
    }


def rows(page: str) -> dict[str, dict[str, str]]:
    """The rows of a page, by section and by primitive."""
    found: dict[str, dict[str, str]] = {}
    for section in page.split("\n## ")[1:]:
        name, _, body = section.partition("\n")
        found[name] = {
            match[1]: match[0]
            for match in re.finditer(r"^\| `(\w+)` \|.*$", body, flags=re.MULTILINE)
        }
    return found


def page(before: str) -> str:
    """The new page, given the old one."""
    kept, known, parts = rows(before), installed(), [HEAD.rstrip("\n")]
    for module, now in sorted(groups().items()):
        name = title(module)
        old = {k: v for k, v in kept.get(name, {}).items() if k not in known | set(now)}
        lines = [row for _, row in sorted((old | now).items())]
        parts += [f"\n## {name}\n", "| primitive | kind | rule |", "|---|---|---|"]
        parts += lines
    return "\n".join(parts) + "\n"


def main() -> None:
    """Writes the page."""
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    PAGE.write_text(page(before), encoding="utf-8", newline="\n")
    print(f"{PAGE}: {len(RULES)} primitives, by JAX {jax.__version__}")


if __name__ == "__main__":
    main()
