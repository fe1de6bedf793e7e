"""What is not answered, and how that is told."""

from typing import Any

from secant.errors import SecantError
from secant.lab.expressions import ExpressionError
from secant.lab.told import Told


class Refused(SecantError):
    """A request that is not answered.

    Attributes:
        status: HTTP's number for it.
        code: Which refusal, for the page's dictionaries.
        facts: What the sentence speaks of, by name.
    """

    def __init__(self, status: int, code: str, sentence: str, **facts: object) -> None:
        """The sentence is what `str` gives."""
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.facts = facts


def described(error: SecantError) -> dict[str, Any]:
    """An error as a visual reads it: `{"code", "message", "facts"}`.

    Of a formula that cannot be read, the `column` too.
    """
    told = isinstance(error, Told | Refused)
    content = {
        "code": error.code if told else "input",
        "message": str(error),
        "facts": error.facts if told else {},
    }
    if isinstance(error, ExpressionError):
        content["column"] = error.column
    return content
