"""Responses to errors: JSON, or a page for people."""

from html import escape

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse, Response

from secant.errors import SecantError
from secant.lab.refusals import RequestError, error_content
from secant.lab.words import korean_text

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
