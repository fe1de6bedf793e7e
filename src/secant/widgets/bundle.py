"""Several ES modules as one: what a notebook takes is a single text.

The page's modules import each other by relative paths, which lead nowhere in a
notebook. So each becomes a function that returns what it exports, once, in an order in
which everything is there before it is used:

    import { axis } from "./charts.js"         const m0 = (() => {
    export const build = () => axis()             …
    export default { build }                      return { axis }
                                               })()
                                               const m1 = (() => {
                                                  const { axis } = m0
                                                  const build = () => axis()
                                                  const $default = { build }
                                                  return { build, default: $default }
                                               })()
                                               export default m1.default

No parser of JavaScript is needed for that, as long as imports and exports begin their
lines: what is written otherwise is refused. A style sheet that is imported is its text,
scoped to a shadow tree.
"""

import json
import re
from pathlib import Path

from secant.errors import SecantError
from secant.widgets.sheets import scoped

_IMPORT = re.compile(r'^import\s+(?:([\w$*{][^"\']*?)\s+from\s+)?"([^"]+)";?$', re.M)
_CLAUSE = re.compile(r"(\w+)?\s*,?\s*(?:\*\s*as\s+(\w+)|\{([^{}]*)\})?")
_DEFAULT = re.compile(r"^export default ", re.M)
_DECLARED = re.compile(
    r"^export ((?:const|class|(?:async )?function)\*?\s+(\w+))(?=[\s(=])", re.M
)
_LISTED = re.compile(r"^export \{([^{}]*)\};?$", re.M)
# What is commented out is no export; whose the code is stays written.
_COMMENT = re.compile(r"^[ \t]*/\*(?:(?!\*/|Copyright).)*\*/[ \t]*\n?", re.M | re.S)
_LEFT = re.compile(r"^[ \t]*(?:import|export)\b(?=[\s{*\"']).*|\bimport\s*[(.].*", re.M)


class Unbundled(SecantError):
    """A module that is not written so that it could be bundled."""


def bundle(entry: Path) -> str:
    """The module of a file and all that it imports, as the text of one module.

    Args:
        entry: The file; its default export becomes the bundle's.

    Raises:
        Unbundled: A module imports what is not a file beside it, two import each
            other, or one is written in a way that is not known here.
    """
    modules: dict[Path, str] = {}
    parts: list[str] = []
    name = _add(entry.resolve(), modules, parts, within=())
    return "\n".join([*parts, f"export default {name}.default", ""])


def _add(
    path: Path, modules: dict[Path, str], parts: list[str], within: tuple[Path, ...]
) -> str:
    """Appends a module after all that it imports, unless it is there; its name."""
    if path in within:
        circle = " → ".join(p.name for p in (*within[within.index(path) :], path))
        raise Unbundled(f"modules import each other: {circle}; move out what both need")
    if path in modules:
        return modules[path]
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Unbundled(f"{path.name} cannot be read: {error.strerror}") from None
    if path.suffix == ".css":
        body = f"return {{ default: {json.dumps(scoped(text))} }}"
    else:

        def imported(match: re.Match[str]) -> str:
            clause, source = match.groups()
            if not source.startswith("."):
                raise Unbundled(f"{path.name} imports {source!r}, which is no file")
            target = (path.parent / source).resolve()
            return _bound(clause, _add(target, modules, parts, (*within, path)))

        text = _COMMENT.sub("", text)
        body = _returning(_IMPORT.sub(imported, text), path.name)
    name = modules[path] = f"m{len(modules)}"
    parts.append(f"// {path.name}\nconst {name} = (() => {{\n{body}\n}})()")
    return name


def _bound(clause: str | None, module: str) -> str:
    """An import as declarations: `{ a as b }` is `const { a: b } = module`."""
    found = _CLAUSE.fullmatch(clause or "")
    if not found:
        raise Unbundled(f"import {clause} is not known here")
    default, everything, names = found.groups()
    lines = []
    if default:
        lines.append(f"const {default} = {module}.default")
    if everything:
        lines.append(f"const {everything} = {module}")
    if names is not None:
        lines.append(f"const {{ {names.strip().replace(' as ', ': ')} }} = {module}")
    return "\n".join(lines)


def _returning(text: str, name: str) -> str:
    """A module's text, with its exports returned."""
    exports = [match[2] for match in _DECLARED.finditer(text)]
    text = _DECLARED.sub(r"\1", text)
    for match in _LISTED.finditer(text):
        for entry in filter(None, map(str.strip, match[1].split(","))):
            inside, _, outside = entry.partition(" as ")
            exports.append(f"{outside}: {inside}" if outside else inside)
    text = _LISTED.sub("", text)
    text, defaults = _DEFAULT.subn("const $default = ", text)
    exports += ["default: $default"] * defaults
    left = _LEFT.search(text)
    if left:
        raise Unbundled(f"{name}: {left.group().strip()[:60]!r} is not known here")
    return f"{text.strip()}\nreturn {{ {', '.join(exports)} }}"
