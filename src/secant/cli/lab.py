"""`secant lab`: the page where one can play."""

import os
import socket
import sys
from contextlib import suppress
from types import FrameType
from typing import Annotated

import typer

from secant.cli.console import err, guarded, out
from secant.cli.signals import Hear, hearing
from secant.errors import InvalidInput, SecantError

_PORT = 8787


@guarded
def lab(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen; 0 is any free port.")
    ] = _PORT,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address.")
    ] = False,
) -> None:
    """Open a page where secants and tangents can be played with.

    It listens on this machine only, and answers whoever knows the address that it
    prints. Ctrl-C ends it.
    """
    _need("starlette", "uvicorn")

    import secrets
    import threading
    import webbrowser

    import uvicorn

    from secant_lab import server
    from secant_lab.rooms.training import Room

    class Serving(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            # Streams of races end with them, and the server with its streams. In a
            # thread: a signal comes while this one may hold a lock that it needs.
            threading.Thread(target=room.close).start()
            super().handle_exit(sig, frame)

    room = Room()
    with _listening(port) as door:
        port = door.getsockname()[1]
        token = secrets.token_urlsafe(24)
        address = f"http://127.0.0.1:{port}/?token={token}"
        serving = Serving(
            uvicorn.Config(
                server.application(token=token, port=port, room=room),
                log_level="warning",
                access_log=False,
                server_header=False,
                lifespan="off",
                http="h11",
                ws="none",
                # A page keeps a handful of connections; thousands are no page's.
                limit_concurrency=200,
                timeout_graceful_shutdown=5,
            )
        )
        # The compiler takes a second to start: it may as well while a browser does.
        # No daemon: Python would end it amid the compiler's code, which aborts.
        threading.Thread(target=server.warm_up).start()
        out.print(address, soft_wrap=True)
        err.print("Ctrl-C ends the lab.")
        if not no_browser:
            # The door is open: who comes before the server is ready, waits in it.
            threading.Thread(
                target=webbrowser.open, args=(address,), daemon=True
            ).start()
        with hearing(Hear.NEVER):  # the server hears Ctrl-C itself, and ends
            serving.run(sockets=[door])
            room.close()
    err.print("the lab is closed")
    _leave()


def _leave() -> None:
    """Ends the program, whatever is still being compiled in a thread.

    Python would take itself apart around the compiler, which aborts then.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(0)


def _need(*modules: str) -> None:
    from importlib.util import find_spec

    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise SecantError(
            f"the lab needs {' and '.join(missing)}, which are not installed here: "
            'write  pip install "secant[lab]"'
        )


def _listening(port: int) -> socket.socket:
    # asyncio sends at once only where TCP is named. Otherwise the body of an answer
    # waits for the receipt of its headers, which systems put off by 40 ms.
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform != "win32":  # there it lets two programs listen at once
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind(("127.0.0.1", port))
        door.listen(128)
    except OSError as error:
        door.close()
        raise InvalidInput(
            f"port {port} cannot be listened on ({error.strerror or error}): another "
            "lab may run there already; write --port 0 for any free port"
        ) from None
    return door
