"""The page in a browser, as a person has it; its tests skip where none is at hand."""

import re
import shutil
import threading
import time
from pathlib import Path

import pytest
import uvicorn

from secant.cli.lab import _listening_socket
from secant_lab.connections import server_config
from secant_lab.rooms.training import Room
from secant_lab.server import application

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What opens a page is among the slow tests, all of it."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


TOKEN = "a-token-of-the-browser-tests"


@pytest.fixture(scope="session")
def token():
    return TOKEN


@pytest.fixture(scope="session")
def origin():
    """A server as `secant lab` starts it, in a thread, on a port of its own."""
    door = _listening_socket(0)
    port = door.getsockname()[1]
    room = Room()
    server = uvicorn.Server(
        server_config(application(token=TOKEN, port=port, room=room))
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
    thread.start()
    yield f"http://127.0.0.1:{port}"
    room.close()
    server.should_exit = True
    thread.join(120)
    door.close()


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no playwright: pip install playwright"
    )
    names = ("chromium", "chromium-browser", "google-chrome")
    at_hand = next(filter(None, map(shutil.which, names)), None)
    if at_hand is None:
        pytest.skip("no browser: apt-get install chromium")
    with playwright.sync_playwright() as starter:
        browser = starter.chromium.launch(
            executable_path=at_hand, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, origin):
    """Opens the page at a state; whatever it asks of another host fails the test."""
    contexts, foreign, broken = [], [], []

    def open_page(state, *, width=1440, locale="en-US", theme="light"):
        context = browser.new_context(
            viewport={"width": width, "height": 1000},
            locale=locale,
            color_scheme=theme,
        )
        contexts.append(context)

        def asked(request):
            if not request.url.startswith((origin + "/", "data:", "blob:")):
                foreign.append(request.url)

        context.on("request", asked)
        page = context.new_page()
        page.set_default_timeout(300_000)
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.on(
            "console",
            lambda said: (
                broken.append(said.text)
                if "Content Security" in said.text or "Refused" in said.text
                else None
            ),
        )
        page.goto(f"{origin}/?token={TOKEN}{state}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not foreign
    assert not broken


@pytest.fixture(scope="session")
def eventually():
    """Waits until something holds; the seconds only end what hangs."""

    def wait(page, holds, seconds=300):
        ends = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < ends, "it never came about"
            page.wait_for_timeout(20)

    return wait


@pytest.fixture(scope="session")
def settled():
    """Waits until the text at a place matches, and gives it back."""

    def wait(page, what, at="#seen", seconds=300):
        pattern = re.compile(what)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            text = page.inner_text(at)
            if pattern.search(text):
                return text
            page.wait_for_timeout(20)
        return pytest.fail(f"{at} says {page.inner_text(at)!r}, and never {what!r}")

    return wait


@pytest.fixture(scope="session")
def drag():
    """Takes what is at a place, and drags it to the right by so many pixels."""

    def pull(page, selector, right):
        box = page.locator(selector).bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + right / 2, y, steps=6)
        page.mouse.move(x + right, y, steps=6)
        page.mouse.up()

    return pull


@pytest.fixture
def phone(browser, origin):
    """Opens the page at a state on a phone, in Korean."""
    contexts = []

    def open_page(state):
        context = browser.new_context(
            viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True,
            locale="ko-KR", device_scale_factor=2,
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(300_000)
        page.goto(f"{origin}/?token={TOKEN}{state}")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def finger():
    """Puts a finger on an element, moves it, and lifts it; places in shares of it."""

    def stroke(page, selector, begin, end, steps=24):
        box = page.locator(selector).bounding_box()
        screen = page.context.new_cdp_session(page)

        def touch(kind, *shares):
            points = [
                {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
                for x, y in shares
            ]
            event = {"type": kind, "touchPoints": points}
            screen.send("Input.dispatchTouchEvent", event)

        touch("touchStart", begin)
        for step in range(1, steps + 1 if begin != end else 0):
            between = zip(begin, end, strict=True)
            touch("touchMove", [a + step / steps * (b - a) for a, b in between])
        touch("touchEnd")

    return stroke
