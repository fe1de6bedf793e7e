"""Middleware that checks the origin and the size of every request.

The server runs on its user's machine. Every page in this user's browser, and every
other user of the machine, can reach it. So the server answers a request only if
- its Host is the server's (another name that points to 127.0.0.1 is not),
- its Origin, if the browser sends one, is the server's,
- it has the random token of the address that `secant lab` printed, as `?token=`, or
  the session cookie that the first page got, and comes from a page of this server,
- and its body is short.

A browser sends the cookies of a host to all of its ports. So the cookie is not the
token: whoever reads it at another port cannot open the page with it in a browser, and
it ends with the server.
"""

import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from secant_lab.connections import permit_connection
from secant_lab.error_responses import RequestError, error_response

MAX_BODY_BYTES = 64 * 1024
"""The most bytes of a request's body."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Results are private, and files change with the version.
    "Cache-Control": "no-store",
}
"""Headers of every response."""


class AccessGuard:
    """ASGI middleware that passes only permitted requests to the application.

    Args:
        app: The application.
        token: The token that a request needs.
        port: The server's port; its Hosts are 127.0.0.1 and localhost at this port.
    """

    def __init__(self, app: ASGIApp, *, token: str, port: int) -> None:
        self._app = app
        self._token = token
        self._cookie = f"secant-lab-{port}"
        self._session = secrets.token_urlsafe()
        hosts = [f"{name}:{port}" for name in ("127.0.0.1", "localhost")]
        # Browsers omit the default port of HTTP.
        self._hosts = hosts + (["127.0.0.1", "localhost"] if port == 80 else [])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the application, or answer with an error."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if self._has_token_in_address(scope):
                    headers.append("Set-Cookie", self._cookie_of_page())
            await send(message)

        try:
            self._check(scope)
            permit_connection(scope)
            receive = await _limited(scope, receive)
            scope = _without_range(scope)
        except RequestError as error:
            response = error_response(error, Headers(scope=scope))
            await response(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            raise RequestError(
                421,
                "host",
                f"the request is for {', '.join(hosts) or 'no host'}, and this is "
                f"{self._hosts[0]}: open the address that `secant lab` printed",
                came=", ".join(hosts),
                ours=self._hosts[0],
            )
        for origin in headers.getlist("origin"):
            if origin != f"http://{hosts[0]}":
                raise RequestError(
                    403,
                    "origin",
                    f"the request comes from a page of {origin}: only pages of "
                    f"http://{hosts[0]} get an answer",
                    came=origin,
                    ours=f"http://{hosts[0]}",
                )
        if self._has_token_in_address(scope):
            return
        # Browsers say so. A page at another port of this machine is "same-site", and
        # its hidden requests carry the cookie, some of them without an Origin.
        site = headers.get("sec-fetch-site", "same-origin")
        if site not in ("same-origin", "none"):
            raise RequestError(
                403,
                "origin",
                f"the request comes from a page of another address ({site}): only "
                f"pages of http://{hosts[0]} get an answer",
                came=site,
                ours=f"http://{hosts[0]}",
            )
        if not self._has_session(headers):
            raise RequestError(
                403,
                "token",
                "the request does not have this lab's token: open the address that "
                "`secant lab` printed, with everything after `?token=`",
            )

    def _has_token_in_address(self, scope: Scope) -> bool:
        try:
            query = parse_qs(scope["query_string"].decode("ascii"), max_num_fields=16)
        except ValueError:
            return False
        return any(map(self._is_token, query.get("token", [])))

    def _has_session(self, headers: Headers) -> bool:
        # Starlette's parser also reads what other programs of this host have set, such
        # as JSON; the standard library's gives up the whole header there.
        came = cookie_parser(headers.get("cookie", "")).get(self._cookie, "")
        return hmac.compare_digest(came.encode(), self._session.encode())

    def _is_token(self, came: str) -> bool:
        return hmac.compare_digest(came.encode(), self._token.encode())

    def _cookie_of_page(self) -> str:
        # Strict: no request that another site has caused carries the cookie.
        return f"{self._cookie}={self._session}; Path=/; HttpOnly; SameSite=Strict"


def _without_range(scope: Scope) -> Scope:
    """The request for the whole file: its files are small, and RFC 9110 allows it.

    Starlette answers a wrong range with an error that is neither JSON nor a page.
    """
    headers = [field for field in scope["headers"] if field[0] != b"range"]
    return {**scope, "headers": headers}


async def _limited(scope: Scope, receive: Receive) -> Receive:
    """A `receive` that returns the complete body, which is within the limit."""
    try:
        announced = int(Headers(scope=scope).get("content-length", "0"))
    except ValueError:
        sentence = "Content-Length is not a number: send the number of bytes"
        raise RequestError(400, "length", sentence) from None
    body = b""
    more = announced <= MAX_BODY_BYTES
    while more and len(body) <= MAX_BODY_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if max(announced, len(body)) > MAX_BODY_BYTES:
        raise RequestError(
            413,
            "body",
            f"the request has more than {MAX_BODY_BYTES // 1024} KiB: send less",
            most=MAX_BODY_BYTES,
            kilobytes=MAX_BODY_BYTES // 1024,
        )
    pending: list[Message] = [{"type": "http.request", "body": body}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
