"""Bundles: several ES modules as one text, as a notebook requires.

The page's modules import each other by relative paths, which do not exist in a
notebook. So each module becomes a function that returns its exports. The functions
stand in the order of their imports, each once:

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

This needs no JavaScript parser if imports and exports begin their lines; any other
form is an error. An imported style sheet becomes its text, scoped to a shadow tree.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

from secant.errors import SecantError
from secant_lab.widgets.sheets import scope_styles

_IMPORT = re.compile(r'^import\s+(?:([\w$*{][^"\']*?)\s+from\s+)?"([^"]+)";?$', re.M)
_REEXPORTED = re.compile(r'^export \{([^{}]*)\} from "([^"]+)";?$', re.M)
_CLAUSE = re.compile(r"(\w+)?\s*,?\s*(?:\*\s*as\s+(\w+)|\{([^{}]*)\})?")
_DEFAULT = re.compile(r"^export default ", re.M)
_DECLARED = re.compile(
    r"^export ((?:const|class|(?:async )?function)\*?\s+(\w+))(?=[\s(=])", re.M
)
_LISTED = re.compile(r"^export \{([^{}]*)\};?$", re.M)
# Comments hold no exports; copyright notices stay.
_COMMENT = re.compile(r"^[ \t]*/\*(?:(?!\*/|Copyright).)*\*/[ \t]*\n?", re.M | re.S)
_UNKNOWN = re.compile(
    r"^[ \t]*(?:import|export)\b(?=[\s{*\"']).*|\bimport\s*[(.].*", re.M
)


class BundleError(SecantError):
    """A module in a form that the bundler does not support."""


def bundle(entry: Path) -> str:
    """A single module from a file and all its imports.

    Args:
        entry: The file; its default export becomes the bundle's.

    Raises:
        BundleError: A module imports something else than a relative file, modules
            import each other, or a module has an unsupported form.
    """
    modules: dict[Path, str] = {}
    parts: list[str] = []
    name = _add(entry.resolve(), modules, parts, within=())
    return "\n".join([*parts, f"export default {name}.default", ""])


def _add(
    path: Path, modules: dict[Path, str], parts: list[str], within: tuple[Path, ...]
) -> str:
    """Append a module after its imports, unless it is there, and return its name."""
    if path in within:
        circle = " → ".join(p.name for p in (*within[within.index(path) :], path))
        raise BundleError(
            f"modules import each other: {circle}; move their common part to a third"
        )
    if path in modules:
        return modules[path]
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BundleError(f"{path.name} cannot be read: {error.strerror}") from None
    if path.suffix == ".css":
        body = f"return {{ default: {json.dumps(scope_styles(text))} }}"
    else:

        def module(source: str) -> str:
            if not source.startswith("."):
                raise BundleError(
                    f"{path.name} imports {source!r}, which is not a file"
                )
            target = (path.parent / source).resolve()
            return _add(target, modules, parts, (*within, path))

        body = _as_function(_COMMENT.sub("", text), path.name, module)
    name = modules[path] = f"m{len(modules)}"
    parts.append(f"// {path.name}\nconst {name} = (() => {{\n{body}\n}})()")
    return name


def _declarations(clause: str | None, module: str) -> str:
    """An import as declarations: `{ a as b }` is `const { a: b } = module`."""
    found = _CLAUSE.fullmatch(clause or "")
    if not found:
        raise BundleError(f"import {clause} is not supported")
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
    """A module's text as a function's body, with imports bound and exports returned.

    `module(source)` returns the name of the module at that path.
    """
    text = _IMPORT.sub(lambda match: _declarations(match[1], module(match[2])), text)
    exports = [match[2] for match in _DECLARED.finditer(text)]
    text = _DECLARED.sub(r"\1", text)
    for match in _REEXPORTED.finditer(text):
        of = module(match[2])
        exports += [f"{out}: {of}.{inside}" for inside, out in _names(match[1])]
    text = _REEXPORTED.sub("", text)
    for match in _LISTED.finditer(text):
        exports += [
            f"{out}: {inside}" if out != inside else out
            for inside, out in _names(match[1])
        ]
    text = _LISTED.sub("", text)
    text, defaults = _DEFAULT.subn("const $default = ", text)
    exports += ["default: $default"] * defaults
    unknown = _UNKNOWN.search(text)
    if unknown:
        raise BundleError(f"{name}: {unknown.group().strip()[:60]!r} is not supported")
    return f"{text.strip()}\nreturn {{ {', '.join(exports)} }}"


def _names(listed: str) -> list[tuple[str, str]]:
    """The inner and the outer names in `a, b as c`."""
    parts = [part.strip().partition(" as ") for part in listed.split(",")]
    return [(inside, out or inside) for inside, _, out in parts if inside]
