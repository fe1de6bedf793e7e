"""Help texts with the entries of a table: `help="{activations}."`.

The names are filled in when the help is shown, so commands do not load the tables.
"""

from collections.abc import Iterable
from typing import Any

from typer.core import TyperCommand


class TableHelp(TyperCommand):
    """A command whose options' help may hold `{activations}` and `{losses}`."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Writes the help with the names from the tables."""
        names = _names()
        for option in self.params:
            text = getattr(option, "help", None)
            if text:
                setattr(option, "help", text.format_map(names))  # noqa: B010
        super().format_help(ctx, formatter)


def _names() -> dict[str, str]:
    from secant.nn.activations import ACTIVATIONS
    from secant.nn.losses import LOSSES

    return {"activations": alternatives(ACTIVATIONS), "losses": alternatives(LOSSES)}


def alternatives(names: Iterable[str]) -> str:
    """Names as a list in a sentence.

    Example:
        >>> alternatives(["sigmoid", "relu", "tanh"])
        'sigmoid, relu or tanh'
    """
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
