"""Server of the page: static files, and the rooms' functions as JSON endpoints."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from secant.errors import SecantError
from secant_lab.error_responses import RequestError, error_response
from secant_lab.middleware import AccessGuard
from secant_lab.request_args import parse_arguments
from secant_lab.rooms import check, descent, draw, slope, training
from secant_lab.training.stream import race_stream
from secant_lab.translations import STATIC

Endpoint = Callable[..., dict[str, Any]]

ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType(
    {
        f"{room}/{function.__name__}": function
        for room, functions in {
            "slope": (slope.curve, slope.point),
            "descent": (descent.heights, descent.descents, descent.presets),
            "draw": (draw.networks, draw.examples, draw.read, draw.why),
            "check": (check.code, check.planted, check.own),
        }.items()
        for function in functions
    }
)
"""The endpoints `POST /api/ROOM/NAME`, with the arguments as a JSON object.

An application also has the endpoints of its `training.Room`.
"""

# Seconds for a page to open, and some more.
_WARM_UP_DELAY = 6.0

# More threads than cores are not faster, and take memory.
_MAX_THREADS = 4


def application(*, token: str, port: int, room: training.Room | None = None) -> ASGIApp:
    """The whole application.

    Args:
        token: The token that a request needs.
        port: The server's port.
        room: The room of the training, which its maker closes; a new one by default.

    Returns:
        An ASGI application.
    """
    room = room or training.Room()
    app = Starlette(
        routes=[
            Route("/", _page),
            Route("/favicon.ico", _no_icon),
            Route("/api/training/watch", _watch),
            Route("/api/{name:path}", _answer, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        exception_handlers={
            SecantError: _secant_error,
            HTTPException: _http_error,
            Exception: _unexpected_error,
        },
    )
    # Starlette would answer `/static` with the address `/static/` and the whole query,
    # the token included.
    app.router.redirect_slashes = False
    app.state.threads = None
    app.state.room = room
    app.state.answers = {**ENDPOINTS, **room.endpoints}
    return AccessGuard(app, token=token, port=port)


def warm_up() -> None:
    """Compile the first computations of a page in advance.

    The checks, which take seconds to compile, come later, so that the cores are free
    for the opening page.
    """
    slope.point("x**2", 1.0, 0.5)
    descent.descents("x0**2 + x1**2", -3, 4, "sgd:0.1", 1, -5, 5, -5, 5)
    time.sleep(_WARM_UP_DELAY)
    check.planted("transposed")


def _page(request: Request) -> Response:
    return FileResponse(STATIC / "index.html")


def _no_icon(request: Request) -> Response:
    return Response(status_code=204)


async def _answer(request: Request) -> Response:
    name = request.path_params["name"]
    answers: Mapping[str, Endpoint] = request.app.state.answers
    if name not in answers:
        path = request.url.path
        sentence = f"there is nothing at {path!r}"
        raise RequestError(404, "address", sentence, path=path)
    options = parse_arguments(answers[name], await request.body())
    # Made here, since a limiter belongs to a running event loop.
    state = request.app.state
    state.threads = state.threads or CapacityLimiter(_MAX_THREADS)
    answer = await to_thread.run_sync(
        partial(answers[name], **options), limiter=state.threads
    )
    return JSONResponse(answer)


async def _watch(request: Request) -> Response:
    room: training.Room = request.app.state.room
    return race_stream(room.find(request.query_params.get("race", "")))


def _secant_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, SecantError)
    return error_response(error, request.headers)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    sentence = f"{request.method} {path} has no answer: {error.detail}"
    request_error = RequestError(error.status_code, "address", sentence, path=path)
    return error_response(request_error, request.headers)


def _unexpected_error(request: Request, error: Exception) -> Response:
    text = f"{type(error).__name__}: {error}"
    bug = RequestError(500, "bug", f"this is a bug in Secant: {text}", what=text)
    return error_response(bug, request.headers)
