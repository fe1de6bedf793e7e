"""A race as a stream of server-sent events: the newest, whenever there is something.

WHATWG HTML, section 9.2, "Server-sent events".
"""

import json
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Any

from anyio import sleep
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from secant_lab.training.pictures import draw
from secant_lab.training.race import Race
from secant_lab.training.race_updates import Watcher

_EVERY = 0.025
"""Seconds between two looks: at most 40 news a second."""

_PICTURE_EVERY = 0.12
_PICTURES_SHARE = 10
_PICTURE_AT_LAST = 1.0
"""Between two pictures a watcher lets ten times as long pass as the last one took, but
not more than a second: on a busy machine most of that time is spent waiting."""

_SILENCE = 15.0
"""After so many seconds without news a line says that we are there: if it cannot be
sent, the page is gone."""

# One thread for all watchers: the more there are, the rarer pictures are.
_painter = ThreadPoolExecutor(1, "lab-draws")


def watching(race: Race) -> Response:
    """The stream of a race's news, until it ends or nobody reads it."""
    return _Stream(race)


class _Stream(StreamingResponse):
    def __init__(self, race: Race) -> None:
        super().__init__(_events(race), media_type="text/event-stream")
        self._race = race

    async def stream_response(self, send: Send) -> None:
        # Here and not in the generator, which may end long after its reader did.
        with self._race.watched():
            await super().stream_response(send)


async def _events(race: Race) -> AsyncIterator[str]:
    watcher, gallery = Watcher(race), _Gallery(race)
    # Should the connection break, a page asks again after so many milliseconds.
    yield "retry: 1000\n\n"
    said = due = monotonic()
    while True:
        # Asked before the news are: what ends after them is told by the next ones.
        ended = race.ended
        pictures = gallery.look()
        news = watcher.look(anyhow=pictures is not None)
        if news:
            yield _event({**news, "pictures": pictures})
            said = monotonic()
        elif monotonic() - said > _SILENCE:
            yield ": nothing new\n\n"
            said = monotonic()
        if ended:
            return
        # Counted from when it was due: what the news take is not added to the wait.
        due = max(due + _EVERY, monotonic())
        await sleep(max(due - monotonic(), 0))


def _event(news: dict[str, Any]) -> str:
    content = json.dumps(news, allow_nan=False, separators=(",", ":"))
    return f"event: news\ndata: {content}\n\n"


class _Gallery:
    """Pictures of a race, drawn beside it, and rarely enough not to slow it."""

    def __init__(self, race: Race) -> None:
        self._race = race
        self._drawing: Future[dict[str, Any]] | None = None
        self._begun = self._next = 0.0
        self._of: object = None

    def look(self) -> dict[str, Any] | None:
        """The picture that has become ready, if one has."""
        race, now = self._race, monotonic()
        if self._drawing is None:
            of = [(lane.rewinds, lane.step, lane.lookable) for lane in race.lanes]
            due = now >= self._next or not race.going
            if race.made and not race.ended and of != self._of and due:
                self._of, self._begun = of, now
                self._drawing = _painter.submit(draw, race)
            return None
        if not self._drawing.done():
            return None
        drawn, self._drawing = self._drawing.result(), None
        pause = max(_PICTURE_EVERY, _PICTURES_SHARE * (now - self._begun))
        self._next = self._begun + min(pause, _PICTURE_AT_LAST)
        return drawn
