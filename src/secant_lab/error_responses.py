"""Errors of requests, and their JSON form."""

from html import escape
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse, Response

from secant.errors import SecantError
from secant_lab.expressions import ExpressionError
from secant_lab.localized_error import LocalizedError
from secant_lab.translations import korean_text


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


# Responses to errors: JSON, or a page for people.

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


def error_response(error: SecantError, headers: Headers) -> Response:
    """The response to a request with these headers that caused an error.

    A browser that accepts HTML gets a page in both languages; other clients get
    `{"error": {"code", "message", "facts", …}}`.
    """
    status = error.status if isinstance(error, RequestError) else 400
    content = error_content(error)
    if "text/html" not in headers.get("accept", ""):
        return JSONResponse({"error": content}, status)
    english = content["message"]
    page = _PAGE.format(
        status=status,
        english=escape(f"{english[:1].upper()}{english[1:]}."),
        korean=escape(korean_text(f"error.{content['code']}", content["facts"])),
    )
    return HTMLResponse(page, status)
