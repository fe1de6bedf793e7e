"""Base class of the widgets: their modules and their language."""

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from secant.errors import InvalidInput
from secant_lab.translations import STATIC

LANGUAGES = ("", "en", "ko")


def module_path(name: str) -> Path:
    """The path of a widget's main module."""
    return STATIC / "widgets" / f"{name}.js"


class LabWidget(anywidget.AnyWidget):
    """A picture of the lab in a notebook's cell."""

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
