"""A race as a stream of server-sent events: an update whenever something is new.

Source: WHATWG HTML, section 9.2, "Server-sent events".
"""

import json
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Any

from anyio import sleep
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from secant_lab.training.pictures import draw_pictures
from secant_lab.training.race import Race
from secant_lab.training.race_updates import RaceUpdates

_UPDATE_SECONDS = 0.025
"""The seconds between two updates: at most 40 a second."""

_PICTURE_SECONDS = 0.12
_PICTURE_PAUSE = 10
_MAX_PICTURE_SECONDS = 1.0
"""The pause between two pictures is ten times as long as the last picture took, and at
most a second: on a busy machine a picture mostly waits for the processor."""

_SILENCE = 15.0
"""After this many seconds without an update the stream sends a comment: the server
notices a page that has gone only when it cannot send."""

# One thread for the pictures of all races: with more pages each gets them more rarely.
_picture_thread = ThreadPoolExecutor(1, "lab-draws")


def race_stream(race: Race) -> Response:
    """The stream of a race's updates, until the race ends or the page stops reading."""
    return _Stream(race)


class _Stream(StreamingResponse):
    def __init__(self, race: Race) -> None:
        super().__init__(_events(race), media_type="text/event-stream")
        self._race = race

    async def stream_response(self, send: Send) -> None:
        # Not in the generator, which may end long after the page has stopped reading.
        with self._race.watched():
            await super().stream_response(send)


async def _events(race: Race) -> AsyncIterator[str]:
    updates, pictures_of_race = RaceUpdates(race), _Pictures(race)
    # The milliseconds after which a page connects again if the connection breaks.
    yield "retry: 1000\n\n"
    last_sent = due = monotonic()
    while True:
        # Read before the update: if the race ends after it, the next update says so.
        ended = race.ended
        pictures = pictures_of_race.poll()
        update = updates.poll(force=pictures is not None)
        if update:
            yield _event({**update, "pictures": pictures})
            last_sent = monotonic()
        elif monotonic() - last_sent > _SILENCE:
            yield ": nothing new\n\n"
            last_sent = monotonic()
        if ended:
            return
        # Counted from the time when it was due, so that the time of an update is not
        # added to the pause.
        due = max(due + _UPDATE_SECONDS, monotonic())
        await sleep(max(due - monotonic(), 0))


def _event(update: dict[str, Any]) -> str:
    content = json.dumps(update, allow_nan=False, separators=(",", ":"))
    return f"event: update\ndata: {content}\n\n"


class _Pictures:
    """The pictures of a race, drawn in another thread, and not too often."""

    def __init__(self, race: Race) -> None:
        self._race = race
        self._drawing: Future[dict[str, Any]] | None = None
        self._began = self._next = 0.0
        self._drawn: object = None

    def poll(self) -> dict[str, Any] | None:
        """The pictures that have been drawn since the last call, or None."""
        race, now = self._race, monotonic()
        if self._drawing is None:
            status = [(e.rewinds, e.step, e.gradient_ready) for e in race.entries]
            due = now >= self._next or not race.active
            if race.created and not race.ended and status != self._drawn and due:
                self._drawn, self._began = status, now
                self._drawing = _picture_thread.submit(draw_pictures, race)
            return None
        if not self._drawing.done():
            return None
        pictures, self._drawing = self._drawing.result(), None
        pause = max(_PICTURE_SECONDS, _PICTURE_PAUSE * (now - self._began))
        self._next = self._began + min(pause, _MAX_PICTURE_SECONDS)
        return pictures
