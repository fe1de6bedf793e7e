"""What is not answered, and how that is told."""

from html import escape
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse, Response

from secant.errors import SecantError
from secant_lab.expressions import ExpressionError
from secant_lab.localized_error import Told
from secant_lab.translations import korean


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


# What the server answers when something went wrong: JSON, or a page to be read.

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Secant lab · {status}</title>
</head>
<body>
<main>
<h1>Secant lab · {status}</h1>
<p>{english}</p>
<p lang="ko">{korean}</p>
</main>
</body>
</html>
"""


def failure(error: SecantError, headers: Headers) -> Response:
    """An error, for whoever asks with these headers.

    A browser that asks for a page gets one, in both languages; everybody else
    `{"error": {"code", "message", "facts", …}}`.
    """
    status = error.status if isinstance(error, Refused) else 400
    said = described(error)
    if "text/html" not in headers.get("accept", ""):
        return JSONResponse({"error": said}, status)
    english = said["message"]
    page = _PAGE.format(
        status=status,
        english=escape(f"{english[:1].upper()}{english[1:]}."),
        korean=escape(korean(f"error.{said['code']}", said["facts"])),
    )
    return HTMLResponse(page, status)
