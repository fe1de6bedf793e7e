"""Translations of the page, read from its dictionaries: each text is in one file."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"

# An entry of a dictionary is a JSON pair on one line, or on two lines if it is long.
_PAIR = re.compile(r'^ {2}("[\w.]+"):\s+("(?:[^"\\]|\\.)*"),$', re.MULTILINE)


def dictionary(path: Path) -> dict[str, str]:
    """The texts of a file such as `static/words/ko.js`, by key."""
    pairs = _PAIR.findall(path.read_text(encoding="utf-8"))
    return {json.loads(key): json.loads(text) for key, text in pairs}


def korean_text(key: str, facts: Mapping[str, object]) -> str:
    """The page's Korean text for a key, or an empty string if it has none."""
    text = _korean().get(key, "")
    return re.sub(r"\{(\w+)\}", lambda m: str(facts.get(m[1], m[0])), text)


@lru_cache
def _korean() -> dict[str, str]:
    return dictionary(STATIC / "words" / "ko.js")
