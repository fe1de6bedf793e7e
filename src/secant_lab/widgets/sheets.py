"""The page's style sheets, for a part of another page: nothing of it looks otherwise.

A widget stands in a shadow tree, which no rule of the notebook enters and which no rule
of ours leaves. What the page says of itself is said there of `#cell`, its outermost
element; what depends on the page's width depends on that element's, and what depends on
the page's letters is as with the usual ones, of 16 px.
"""

import re

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r":root(\[[^\]]*\])"), r":host(\1)"),
    (re.compile(r":root\b"), ":host"),
    (re.compile(r"^(?:html|body)\b(?=\s*\{)", re.M), "#cell"),
    (re.compile(r"@media (?=\((?:min|max)-width)"), "@container "),
)
_REM = re.compile(r"(?<![\w.])(\d*\.?\d+)rem\b")


def scoped(sheet: str) -> str:
    """A style sheet of the page, for the shadow tree of a widget.

    Example:
        >>> scoped('html { color: red } h1 { font-size: 1.5rem }')
        '#cell { color: red } h1 { font-size: 24px }'
    """
    for pattern, replacement in _RULES:
        sheet = pattern.sub(replacement, sheet)
    return _REM.sub(lambda match: f"{16 * float(match[1]):g}px", sheet)
