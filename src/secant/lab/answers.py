"""What the server answers when something went wrong: JSON, or a page to be read."""

from html import escape

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse, Response

from secant.errors import SecantError
from secant.lab.refusals import Refused, described
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
