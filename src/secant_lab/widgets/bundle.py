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
from collections.abc import Callable
from pathlib import Path

from secant.errors import SecantError
from secant_lab.widgets.sheets import scoped

_IMPORT = re.compile(r'^import\s+(?:([\w$*{][^"\']*?)\s+from\s+)?"([^"]+)";?$', re.M)
_PASSED_ON = re.compile(r'^export \{([^{}]*)\} from "([^"]+)";?$', re.M)
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

        def module(source: str) -> str:
            if not source.startswith("."):
                raise Unbundled(f"{path.name} imports {source!r}, which is no file")
            target = (path.parent / source).resolve()
            return _add(target, modules, parts, (*within, path))

        body = _as_function(_COMMENT.sub("", text), path.name, module)
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


def _as_function(text: str, name: str, module: Callable[[str], str]) -> str:
    """A module's text as a function's body: imports bound, exports returned.

    `module(source)` is the name of what stands there.
    """
    text = _IMPORT.sub(lambda match: _bound(match[1], module(match[2])), text)
    exports = [match[2] for match in _DECLARED.finditer(text)]
    text = _DECLARED.sub(r"\1", text)
    for match in _PASSED_ON.finditer(text):
        of = module(match[2])
        exports += [f"{out}: {of}.{inside}" for inside, out in _names(match[1])]
    text = _PASSED_ON.sub("", text)
    for match in _LISTED.finditer(text):
        exports += [
            f"{out}: {inside}" if out != inside else out
            for inside, out in _names(match[1])
        ]
    text = _LISTED.sub("", text)
    text, defaults = _DEFAULT.subn("const $default = ", text)
    exports += ["default: $default"] * defaults
    left = _LEFT.search(text)
    if left:
        raise Unbundled(f"{name}: {left.group().strip()[:60]!r} is not known here")
    return f"{text.strip()}\nreturn {{ {', '.join(exports)} }}"


def _names(listed: str) -> list[tuple[str, str]]:
    """`a, b as c`, by what each is called inside and outside."""
    parts = [part.strip().partition(" as ") for part in listed.split(",")]
    return [(inside, out or inside) for inside, _, out in parts if inside]
