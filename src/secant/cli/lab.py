"""`secant lab`: the server of the interactive page."""

import os
import socket
import sys
from contextlib import suppress
from types import FrameType
from typing import Annotated

import typer

from secant.cli.console import command_errors, err, out
from secant.cli.signals import SignalPolicy, signal_policy
from secant.errors import InvalidInput, SecantError
from secant.freed_memory import keep_freeing_memory, limit_pools

_PORT = 8787


@command_errors
def lab(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 is any free port.")
    ] = _PORT,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address.")
    ] = False,
) -> None:
    """Open the interactive page: slopes, descents, training, digits, checks.

    The server listens only on this machine, and answers only at the address that it
    prints. Ctrl-C ends it.
    """
    _require("starlette", "uvicorn")
    limit_pools()
    keep_freeing_memory()

    import secrets
    import threading
    import webbrowser

    import uvicorn

    from secant_lab import server
    from secant_lab.connections import server_config
    from secant_lab.rooms.training import Room

    class LabServer(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            # The end of a race ends its streams, and the server ends after its
            # streams. A thread, since this one may hold a lock that `close` needs.
            threading.Thread(target=room.close).start()
            super().handle_exit(sig, frame)

    room = Room()
    with _listening_socket(port) as listener:
        port = listener.getsockname()[1]
        token = secrets.token_urlsafe(24)
        address = f"http://127.0.0.1:{port}/?token={token}"
        uvicorn_server = LabServer(
            server_config(server.application(token=token, port=port, room=room))
        )
        # The compiler takes a second to start, in parallel with the browser. The
        # thread is not a daemon: its end inside the compiler would abort the process.
        threading.Thread(target=server.warm_up).start()
        out.print(address, soft_wrap=True)
        err.print("Ctrl-C ends the lab.")
        if not no_browser:
            # The socket listens already: a request waits until the server is ready.
            threading.Thread(
                target=webbrowser.open, args=(address,), daemon=True
            ).start()
        with signal_policy(SignalPolicy.IGNORE):  # uvicorn handles Ctrl-C itself
            uvicorn_server.run(sockets=[listener])
            room.close()
    err.print("the lab is closed")
    _exit()


def _exit() -> None:
    """End the program at once, even during a compilation in a thread.

    Python's normal shutdown would make the compiler abort.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(0)


def _require(*modules: str) -> None:
    from importlib.util import find_spec

    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise SecantError(
            f"the lab needs {' and '.join(missing)}, which are not installed: write  "
            'pip install "secant[lab]"'
        )


def _listening_socket(port: int) -> socket.socket:
    # asyncio disables Nagle's algorithm only if the protocol is given as TCP.
    # Otherwise the body of a response waits for the acknowledgement of its headers,
    # which systems delay by 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform != "win32":  # on Windows it lets two programs use the same port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise InvalidInput(
            f"port {port} cannot be used ({error.strerror or error}): another lab may "
            "use it; write --port 0 for any free port"
        ) from None
    return listener
