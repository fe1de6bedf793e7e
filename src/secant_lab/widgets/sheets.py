"""Style sheets of the page, rewritten for a widget inside another page.

A widget stands in a shadow tree, which separates its rules from the notebook's. Rules
for the page become rules for `#cell`, the outermost element. Conditions on the page's
width become conditions on that element's width, and sizes relative to the page's font
use the default of 16 px.
"""

import re

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r":root(\[[^\]]*\])"), r":host(\1)"),
    (re.compile(r":root\b"), ":host"),
    (re.compile(r"^(?:html|body)\b(?=\s*\{)", re.M), "#cell"),
    (re.compile(r"@media (?=\((?:min|max)-width)"), "@container "),
)
_REM = re.compile(r"(?<![\w.])(\d*\.?\d+)rem\b")


def scope_styles(sheet: str) -> str:
    """A style sheet of the page, for the shadow tree of a widget.

    Example:
        >>> scope_styles('html { color: red } h1 { font-size: 1.5rem }')
        '#cell { color: red } h1 { font-size: 24px }'
    """
    for pattern, replacement in _RULES:
        sheet = pattern.sub(replacement, sheet)
    return _REM.sub(lambda match: f"{16 * float(match[1]):g}px", sheet)
