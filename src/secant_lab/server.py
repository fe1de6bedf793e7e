"""The server of the page: static files, and the rooms' functions called by JSON."""

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
from secant_lab.error_responses import Refused, failure
from secant_lab.middleware import Guard
from secant_lab.request_args import arguments
from secant_lab.rooms import check, descent, draw, slope, training
from secant_lab.training.stream import watching
from secant_lab.translations import STATIC

Answer = Callable[..., dict[str, Any]]

ANSWERS: Mapping[str, Answer] = MappingProxyType(
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
"""What can be asked by `POST /api/ROOM/NAME`, the arguments as a JSON object.

Beside these, an application answers what can be asked of its `training.Room`.
"""

# How long a page takes to open, and some seconds more.
_LATER = 6.0

# More threads than cores gain nothing, and take memory.
_AT_ONCE = 4


def application(*, token: str, port: int, room: training.Room | None = None) -> ASGIApp:
    """The whole application.

    Args:
        token: What a request must know.
        port: Where it will listen.
        room: Where it trains; closed by whoever made it, a new one otherwise.

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
            SecantError: _refuse,
            HTTPException: _refuse_http,
            Exception: _fail,
        },
    )
    app.state.threads = None
    app.state.room = room
    app.state.answers = {**ANSWERS, **room.answers}
    return Guard(app, token=token, port=port)


def warm_up() -> None:
    """Has the compiler work once, so that the first page need not wait for it.

    The checks, which take it seconds, come later: until then the cores are those of the
    page that is being opened.
    """
    slope.point("x**2", 1.0, 0.5)
    descent.descents("x0**2 + x1**2", -3, 4, "sgd:0.1", 1, -5, 5, -5, 5)
    time.sleep(_LATER)
    check.planted("transposed")


def _page(request: Request) -> Response:
    return FileResponse(STATIC / "index.html")


def _no_icon(request: Request) -> Response:
    return Response(status_code=204)


async def _answer(request: Request) -> Response:
    name = request.path_params["name"]
    answers: Mapping[str, Answer] = request.app.state.answers
    if name not in answers:
        path = request.url.path
        sentence = f"nothing can be asked at {path!r}"
        raise Refused(404, "address", sentence, path=path)
    asked = arguments(answers[name], await request.body())
    # Made here, because a limiter belongs to a loop that runs.
    state = request.app.state
    state.threads = state.threads or CapacityLimiter(_AT_ONCE)
    answer = await to_thread.run_sync(
        partial(answers[name], **asked), limiter=state.threads
    )
    return JSONResponse(answer)


async def _watch(request: Request) -> Response:
    room: training.Room = request.app.state.room
    return watching(room.find(request.query_params.get("race", "")))


def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, SecantError)
    return failure(error, request.headers)


def _refuse_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    sentence = f"{request.method} {path} is not answered: {error.detail}"
    refusal = Refused(error.status_code, "address", sentence, path=path)
    return failure(refusal, request.headers)


def _fail(request: Request, error: Exception) -> Response:
    what = f"{type(error).__name__}: {error}"
    refusal = Refused(500, "bug", f"this is a bug in Secant: {what}", what=what)
    return failure(refusal, request.headers)
