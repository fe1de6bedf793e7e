"""What the server answers when something went wrong: JSON, or a page to be read."""

from html import escape

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse, Response

from secant.errors import SecantError
from secant.lab.expressions import ExpressionError
from secant.lab.told import Told
from secant.lab.words import korean

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


def failure(error: SecantError, headers: Headers) -> Response:
    """An error, for whoever asks with these headers.

    A browser that asks for a page gets one, in both languages; everybody else
    `{"error": {"code", "message", "facts", …}}`.
    """
    code, facts, status = "input", {}, 400
    match error:
        case Told():
            code, facts = error.code, error.facts
        case Refused():
            code, facts, status = error.code, error.facts, error.status
    if "text/html" in headers.get("accept", ""):
        english = str(error)
        page = _PAGE.format(
            status=status,
            english=escape(f"{english[:1].upper()}{english[1:]}."),
            korean=escape(korean(f"error.{code}", facts)),
        )
        return HTMLResponse(page, status)
    content = {"code": code, "message": str(error), "facts": facts}
    if isinstance(error, ExpressionError):
        content["column"] = error.column
    return JSONResponse({"error": content}, status)
