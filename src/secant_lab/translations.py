"""The page's dictionaries, read by Python: each word stands in one file only."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"

# A line of a dictionary is a pair of JSON's, or of two lines where it is long.
_PAIR = re.compile(r'^ {2}("[\w.]+"):\s+("(?:[^"\\]|\\.)*"),$', re.MULTILINE)


def dictionary(path: Path) -> dict[str, str]:
    """The words of a file such as `static/words/ko.js`, by key."""
    pairs = _PAIR.findall(path.read_text(encoding="utf-8"))
    return {json.loads(key): json.loads(text) for key, text in pairs}


def korean(key: str, facts: Mapping[str, object]) -> str:
    """What the page would say, without a page; nothing if it has no words for it."""
    text = _korean().get(key, "")
    return re.sub(r"\{(\w+)\}", lambda m: str(facts.get(m[1], m[0])), text)


@lru_cache
def _korean() -> dict[str, str]:
    return dictionary(STATIC / "words" / "ko.js")
