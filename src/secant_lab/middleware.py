"""Who may ask, and how much: the middleware before everything else.

The server runs on its user's machine, where any page that this user's browser shows,
and any other user of the machine, can reach it. So a request is answered only if
- its Host is ours (a name of somebody else's that points to 127.0.0.1 is not),
- its Origin, if the browser sends one, is ours,
- it brings the random token of the address that `secant lab` printed, as `?token=` or
  as the cookie that the first page sets,
- and its body is short.
"""

import hmac
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from secant_lab.error_responses import Refused, failure

LONGEST_BODY = 64 * 1024
"""Bytes of a request's body."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # What has been computed is nobody else's, and files change with the version.
    "Cache-Control": "no-store",
}
"""What every response says of itself."""


class Guard:
    """An ASGI application that lets through to another what may pass.

    Args:
        app: The other.
        token: What a request must know.
        port: Where we listen: our Hosts are 127.0.0.1 and localhost there.
    """

    def __init__(self, app: ASGIApp, *, token: str, port: int) -> None:
        self._app = app
        self._token = token
        self._cookie = f"secant-lab-{port}"
        hosts = [f"{name}:{port}" for name in ("127.0.0.1", "localhost")]
        # Browsers leave out the port that is HTTP's own.
        self._hosts = hosts + (["127.0.0.1", "localhost"] if port == 80 else [])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or has it answered."""
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
            receive = await _short(scope, receive)
        except Refused as refusal:
            answer = failure(refusal, Headers(scope=scope))
            await answer(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            raise Refused(
                421,
                "host",
                f"the request is for {', '.join(hosts) or 'no host'}, and this is "
                f"{self._hosts[0]}: open the address that `secant lab` printed",
                came=", ".join(hosts),
                ours=self._hosts[0],
            )
        for origin in headers.getlist("origin"):
            if origin != f"http://{hosts[0]}":
                raise Refused(
                    403,
                    "origin",
                    f"the request comes from a page of {origin}: only pages of "
                    f"http://{hosts[0]} are answered",
                    came=origin,
                    ours=f"http://{hosts[0]}",
                )
        if not (self._has_token_in_address(scope) or self._has_cookie(headers)):
            raise Refused(
                403,
                "token",
                "the request does not know this lab's token: open the address that "
                "`secant lab` printed, with all that stands behind `?token=`",
            )

    def _has_token_in_address(self, scope: Scope) -> bool:
        try:
            query = parse_qs(scope["query_string"].decode("ascii"), max_num_fields=16)
        except ValueError:
            return False
        return any(map(self._is_token, query.get("token", [])))

    def _has_cookie(self, headers: Headers) -> bool:
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        morsel = cookies.get(self._cookie)
        return morsel is not None and self._is_token(morsel.value)

    def _is_token(self, came: str) -> bool:
        return hmac.compare_digest(came.encode(), self._token.encode())

    def _cookie_of_page(self) -> str:
        # Lax: a link to a page of ours, followed from elsewhere, may show that page;
        # what other pages ask for behind the user's back comes without the cookie.
        return f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Lax"


async def _short(scope: Scope, receive: Receive) -> Receive:
    """Gives out the body that has come, once it has come whole and is short."""
    try:
        announced = int(Headers(scope=scope).get("content-length", "0"))
    except ValueError:
        raise Refused(400, "length", "Content-Length is no number") from None
    body = b""
    more = announced <= LONGEST_BODY
    while more and len(body) <= LONGEST_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if max(announced, len(body)) > LONGEST_BODY:
        raise Refused(
            413,
            "body",
            f"the request has more than {LONGEST_BODY // 1024} KiB: ask for less",
            most=LONGEST_BODY,
            kilobytes=LONGEST_BODY // 1024,
        )
    waiting: list[Message] = [{"type": "http.request", "body": body}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
