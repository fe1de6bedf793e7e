"""The stream of a race's updates, and its questions, as a browser asks them."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import anyio
import pytest

from secant_lab.server import application
from secant_lab.training.stream import race_stream

TOKEN = "a-token-of-the-tests"
RACE = {
    "entries": [{"gradient": "backprop", "rate": 0.1}],
    "hidden": 6,
    "batch": 20,
    "seed": 3,
}


@pytest.fixture
def race(lab):
    race = lab.train("start", **RACE)["race"]
    yield race
    lab.train("end", race=race)


def events(response):
    """What comes, one after the other."""
    for line in response:
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))


def the_first(stream, holds):
    return next(update for update in stream if holds(update))


def until(holds, seconds=600.0):
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it never came about"
        time.sleep(0.01)


# --- the stream ---------------------------------------------------------------------


def test_the_stream_covers_a_race_from_preparation_to_end(lab, race):
    with lab.watch(race) as response:
        assert response.status == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        stream = events(response)
        the_first(stream, lambda update: update["state"] == "paused")
        lab.train("go", race=race)
        update = the_first(stream, lambda update: update["entries"][0]["step"] > 200)
        assert update["state"] == "running"
        the_first(stream, lambda update: update["pictures"])
        lab.train("pause", race=race)
        the_first(stream, lambda update: update["state"] == "paused")
        lab.train("rewind", race=race)
        update = the_first(stream, lambda update: update["entries"][0]["restarted"])
        assert update["entries"][0]["step"] == 0
        lab.train("end", race=race)
        update = the_first(stream, lambda update: update["state"] == "ended")
        assert update["ended"] == "closed"
        # The stream is closed: nothing comes any more.
        assert not list(stream)


def test_a_race_that_ends_during_an_update_is_reported_as_ended(lab, race):
    found = lab.room.find(race)

    async def told():
        events = []
        async for event in race_stream(found).body_iterator:
            events.append(event)
            # The event is still being sent: nobody has looked at the race again.
            found.ended = "closed" if "data:" in event else None
        return events

    assert '"state":"ended"' in anyio.run(told)[-1]


def test_after_a_reload_a_page_gets_the_same_history(lab, race):
    lab.train("step", race=race, count=250)
    seen = []
    for _ in range(2):
        with lab.watch(race) as page:
            seen.append(
                the_first(events(page), lambda n: n["entries"][0]["step"] == 250)
            )
    assert seen[1]["entries"][0]["first_step"] == 0
    assert seen[1]["entries"][0]["restarted"]
    assert len(seen[1]["entries"][0]["losses"]) == 250
    assert [epoch["step"] for epoch in seen[1]["entries"][0]["epochs"]] == [0, 200]
    with lab.watch(race) as page:
        assert next(events(page))["entries"] == seen[1]["entries"]


def test_a_paused_race_shows_its_last_step(lab, race):
    with lab.watch(race) as page:
        stream = events(page)
        the_first(stream, lambda update: update["state"] == "paused")
        for step in (1, 2, 3):
            lab.train("step", race=race)
            drawn = the_first(
                stream,
                lambda update, step=step: (
                    update["pictures"]
                    and update["pictures"]["entries"][0]["step"] == step
                ),
            )
            assert drawn["entries"][0]["step"] == step


def test_a_closed_page_is_detected(lab, race):
    watched = lab.room.find(race)
    with lab.watch(race), lab.watch(race):
        until(lambda: watched._watchers == 2)
    until(lambda: watched._watchers == 0)


def test_a_page_that_does_not_read_makes_no_queue():
    """It stops reading for a while; then it gets one update with everything."""
    application_ = application(token=TOKEN, port=1)
    room = application_._app.state.room
    made = room.start(**RACE | {"entries": [room_entry()]})["race"]
    race = room.find(made)
    until(lambda: race.state == "paused")
    sent, blocked = [], anyio.Event()

    async def send(message):
        body = message.get("body", b"")
        if body.startswith(b"event"):
            sent.append(json.loads(body.split(b"data: ")[1]))
            if len(sent) == 2:
                await blocked.wait()

    async def receive():
        await anyio.sleep_forever()

    async def read():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(race_stream(race), {"type": "http"}, receive, send)
            while len(sent) < 2:
                await anyio.sleep(0.01)
            told = sent[-1]["entries"][0]["step"]
            for _ in range(5):
                room.step(race.id, 100)
                while race.state != "paused":
                    await anyio.sleep(0.01)
            blocked.set()
            while sent[-1]["entries"][0]["step"] < told + 500:
                await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
        return told

    # In a thread of its own: where a browser is driven, a loop runs already.
    with ThreadPoolExecutor(1) as thread:
        told = thread.submit(anyio.run, read).result(600)
    caught_up = [update for update in sent[2:] if update["entries"][0]["losses"]]
    assert len(caught_up) == 1
    assert caught_up[0]["entries"][0]["first_step"] == told
    assert caught_up[0]["entries"][0]["step"] == told + 500
    room.close()


def room_entry():
    from secant_lab.training.race_config import EntryConfig

    return EntryConfig("backprop", 0.1)


def test_a_silent_stream_sends_keep_alive_lines(lab, race, monkeypatch):
    monkeypatch.setattr("secant_lab.training.stream._SILENCE", 0.1)
    with lab.watch(race) as page:
        until(lambda: page.readline().startswith(b": nothing new"))


def test_while_races_run_other_questions_are_answered(lab):
    races = [lab.train("start", **RACE)["race"] for _ in range(4)]
    for race in races:
        lab.train("go", race=race)
    question = {"formula": "x**2", "low": -1, "high": 1}
    with ExitStack() as opened:
        pages = [opened.enter_context(lab.watch(race)) for race in races]
        for _ in range(5):
            assert lab.ask("slope/curve", question)[0] == 200
        for page in pages:
            the_first(events(page), lambda update: update["entries"][0]["step"] > 50)
    for race in races:
        lab.train("end", race=race)


# --- who may watch ------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "wrong"])
def test_without_the_token_nobody_watches(lab, race, token):
    with lab.watch(race, token) as answer:
        assert answer.status == 403
        assert json.loads(answer.read())["error"]["code"] == "token"


def test_no_other_page_watches(lab, race):
    with lab.watch(race, Origin="http://evil.example") as answer:
        assert answer.status == 403
        assert json.loads(answer.read())["error"]["code"] == "origin"


@pytest.mark.parametrize("race", ["", "x", "%00", "..%2f", "x" * 5_000])
def test_a_race_that_is_not_there_cannot_be_watched(lab, race):
    with lab.watch(race) as answer:
        assert answer.status == 400
        assert json.loads(answer.read())["error"]["code"] == "race"


# --- questions ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["text/plain;charset=UTF-8", "application/json", ""])
def test_a_beacon_ends_a_race_whatever_it_calls_its_body(lab, race, kind):
    watched = lab.room.find(race)
    body = json.dumps({"race": race}).encode()
    status, _ = lab.ask("training/end", body, **{"Content-Type": kind})
    assert (status, watched.ended) == (200, "closed")
    status, answer = lab.ask("training/go", {"race": race})
    assert (status, answer["error"]["code"]) == (400, "race")


@pytest.mark.parametrize(
    ("entries", "code", "says"),
    [
        ("[]", "type", "a list"),
        (None, "type", "a list"),
        ({}, "type", "a list"),
        ([], "entries", "1 to 4"),
        ([1], "type", "entries[0]"),
        ([["node", 0.1]], "type", "an object"),
        ([{}], "missing", "entries[0].gradient"),
        ([{"gradient": "node"}], "missing", "entries[0].rate"),
        ([{"gradient": 1, "rate": 0.1}], "type", "send text"),
        ([{"gradient": "node", "rate": "0.1"}], "type", "a finite number"),
        ([{"gradient": "node", "rate": True}], "type", "a finite number"),
        ([{"gradient": "node", "rate": 10**400}], "type", "a finite number"),
        (
            [{"gradient": "node", "rate": 0.1, "x": 1}],
            "entry",
            "entry of entries[0] 'x'",
        ),
        ([{"gradient": "node", "rate": 0.1, "__class__": 1}], "entry", "no entry"),
        ([{"gradient": "node", "rate": 0.1}] * 5, "entries", "has 5"),
        ([{"gradient": "node", "rate": 0.1}] * 1_000, "entries", "has 1000"),
        ([{"gradient": "x" * 1_000, "rate": 0.1}], "settings", "gradient method"),
    ],
)
def test_malformed_entries_are_refused_with_the_valid_form(lab, entries, code, says):
    status, answer = lab.ask("training/start", {"entries": entries})
    assert (status, answer["error"]["code"]) == (400, code)
    assert says in answer["error"]["message"]


def test_choices_are_json(lab):
    offered = lab.train("choices")
    assert {g["name"] for g in offered["gradients"]} >= {"definition", "backprop"}
    assert [g["name"] for g in offered["gradients"] if g["slow"]] == ["definition"]
    assert lab.train("saved_runs")["folders"] is not None


def test_the_stream_is_only_for_reading(lab, race):
    status, answer = lab.ask("training/watch", {"race": race})
    assert (status, answer["error"]["code"]) == (404, "address")
