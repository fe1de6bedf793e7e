"""What our widgets share: where their modules are, and which language they speak."""

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from secant.errors import InvalidInput
from secant_lab.translations import STATIC

LANGUAGES = ("", "en", "ko")


def entry(name: str) -> Path:
    """Where a widget's module begins."""
    return STATIC / "widgets" / f"{name}.js"


class Cell(anywidget.AnyWidget):
    """A visual of the lab's in a notebook's cell."""

    language = traitlets.Unicode("").tag(sync=True)
    """`"en"`, `"ko"`, or `""` for the browser's."""

    @traitlets.validate("language")
    def _known_language(self, proposal: Any) -> str:
        if proposal["value"] not in LANGUAGES:
            raise InvalidInput(
                f"language is {proposal['value']!r}: write 'en', 'ko', or '' for the "
                "browser's"
            )
        return proposal["value"]
