"""HTTP connections: a request must come in time, and strangers leave room.

Whoever reaches the port can open connections and send nothing. A *stranger* is a
connection on which no permitted request has come yet. Strangers are few: when another
one comes, the one that has waited longest is closed. So the page's own connections,
whose first request follows at once, always find room, however many are opened beside
them; and once a request was permitted, nobody's connection closes this one.
"""

from asyncio import Transport
from operator import attrgetter
from typing import Any

from h11 import IDLE
from starlette.types import ASGIApp, Scope
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_STRANGERS = 64
"""The most connections without a permitted request."""

MAX_CONNECTIONS = 512
"""The most connections; beyond them, requests get 503."""

SECONDS_PER_HEAD = 10.0
"""The most seconds until the head of a request is complete."""


def server_config(app: ASGIApp) -> Config:
    """How the page's server serves its application."""
    return Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        http=Connection,
        ws="none",
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=5,
    )


class Connection(H11Protocol):
    """A connection of the page's server, as uvicorn makes one for each client.

    Attributes:
        is_permitted: Whether a request on it had the token or the session.
        opened: The event loop's time at which it was opened, in seconds.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.is_permitted = False
        self.opened = self.loop.time()
        # Uvicorn gives each request a copy of it.
        self.app_state = {**self.app_state, "connection": self}
        self._late = None

    def connection_made(self, transport: Transport) -> None:
        """Counts the strangers, and closes the oldest if there are too many."""
        super().connection_made(transport)
        strangers = [
            connection
            for connection in self.connections
            if isinstance(connection, Connection)
            and not connection.is_permitted
            and not connection.transport.is_closing()
        ]
        if len(strangers) > MAX_STRANGERS:
            min(strangers, key=attrgetter("opened")).transport.abort()
        self._time_the_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the timing of a head."""
        super().connection_lost(exc)
        self._stop_timing()

    def data_received(self, data: bytes) -> None:
        """Reads, and times a head that is not complete."""
        super().data_received(data)
        self._time_the_head()

    def on_response_complete(self) -> None:
        """Times the head of the next request."""
        super().on_response_complete()
        self._time_the_head()

    def _time_the_head(self) -> None:
        """Counts the seconds while a head is awaited, also one that drips."""
        if self.conn.their_state is not IDLE:
            self._stop_timing()
        elif self._late is None and not self.transport.is_closing():
            self._late = self.loop.call_later(SECONDS_PER_HEAD, self.transport.abort)

    def _stop_timing(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def permit_connection(scope: Scope) -> None:
    """Remembers that a request on its connection was permitted."""
    connection = scope.get("state", {}).get("connection")
    if isinstance(connection, Connection):
        connection.is_permitted = True
