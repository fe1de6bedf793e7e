"""Errors of requests, and their JSON form."""

from typing import Any

from secant.errors import SecantError
from secant.lab.expressions import ExpressionError
from secant.lab.told import LocalizedError


class RequestError(SecantError):
    """A request that gets an error instead of an answer.

    Attributes:
        status: The HTTP status code.
        code: The key of the sentence in the page's dictionaries.
        facts: The values in the sentence, by name.
    """

    def __init__(self, status: int, code: str, sentence: str, **facts: object) -> None:
        """Make an error; `str` returns the sentence."""
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.facts = facts


def error_content(error: SecantError) -> dict[str, Any]:
    """The JSON form of an error: `{"code", "message", "facts"}`.

    An error in a formula also has its `column`.
    """
    has_code = isinstance(error, LocalizedError | RequestError)
    content = {
        "code": error.code if has_code else "input",
        "message": str(error),
        "facts": error.facts if has_code else {},
    }
    if isinstance(error, ExpressionError):
        content["column"] = error.column
    return content
