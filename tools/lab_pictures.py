"""Takes the pictures of docs/lab.md: `python tools/lab_pictures.py [ROOM …]`.

Each room of `secant lab` in both languages, in Chromium, from a link and after a short
wait. Run it on an idle machine: the entries of a race share its time.
"""

import shutil
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from PIL import Image
from playwright.sync_api import sync_playwright

from secant_lab.server import application

PICTURES = Path(__file__).parents[1] / "docs" / "images" / "lab"
TOKEN = "a-token-of-the-pictures"
WIDTH, HEIGHT = 1360, 900
MOST_BYTES = 110_000
MAX_WAIT = 300_000  # milliseconds, long enough for training on a busy machine


def train_for_a_while(page: Any) -> None:
    """Starts the race, and pauses it after 2,500 steps of the second entry."""
    page.wait_for_selector("#room[data-state=paused]", timeout=MAX_WAIT)
    page.click("#go")
    page.wait_for_function(
        """() => {
          const steps = document.querySelector("#entries-now tr:nth-child(2) td")
          return Number(steps.textContent.replaceAll(",", "")) > 2500
        }""",
        timeout=MAX_WAIT,
    )
    page.click("#go")
    page.wait_for_selector("#room[data-state=paused]", timeout=MAX_WAIT)
    page.wait_for_timeout(3_000)


def wait_for_the_network(page: Any) -> None:
    """Waits until the lab's own network is trained and its prediction explained."""
    page.wait_for_function(
        "() => document.querySelector('#learning progress').hidden", timeout=MAX_WAIT
    )
    page.wait_for_timeout(5_000)


class View(NamedTuple):
    """A view of the page for a picture.

    Attributes:
        link: The room's state.
        look: The actions before the picture is taken.
    """

    link: str
    look: Callable[[Any], object] = lambda page: None


VIEWS = {
    "slope": View("#slope?formula=sin(3*x)*exp(-x**2/4)&x=0.7&h=0.5&low=-4&high=4"),
    "descent": View(
        "#descent?formula=x0**2/20%2Bx1**2&x0=-7&x1=2&left=-9&right=9"
        "&bottom=-4&top=4&steps=60&runs=sgd:0.95,momentum:0.1,adam:0.3,sgd:1.1",
        lambda page: page.wait_for_timeout(6000),
    ),
    "training": View(
        "#training?entries=weight:0.1,node:0.1,backprop:0.1,spsa:0.1&shown=1",
        train_for_a_while,
    ),
    "check": View(
        "#check?fault=transposed&h=0.0001&beside=secant",
        lambda page: page.wait_for_selector("#room[data-found]", timeout=MAX_WAIT),
    ),
    "draw": View("#draw?drawing=6y6yk06ydcm8", wait_for_the_network),
}


@contextmanager
def serving() -> Iterator[str]:
    """A lab on a free port; yields its address."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
        server = uvicorn.Server(
            uvicorn.Config(
                application(token=TOKEN, port=port), log_level="warning", lifespan="off"
            )
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}/?token={TOKEN}"
        finally:
            server.should_exit = True
            thread.join()


def main(rooms: list[str]) -> None:
    """Takes the pictures of all rooms, or of the named ones."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with serving() as address, sync_playwright() as starter:
        browser = starter.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox"]
        )
        for room, view in VIEWS.items():
            for language in ("en", "ko"):
                if not rooms or room in rooms:
                    page = browser.new_page(
                        viewport={"width": WIDTH, "height": HEIGHT}, locale=language
                    )
                    page.goto(address + view.link)
                    page.wait_for_selector("#room[data-ready]", timeout=60_000)
                    view.look(page)
                    page.wait_for_timeout(500)
                    save(
                        page.screenshot(full_page=True),
                        PICTURES / f"{room}.{language}.png",
                    )
                    page.close()


def save(screenshot: bytes, path: Path) -> None:
    """Saves the screenshot, with 256 colours if it would be too large otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.open(BytesIO(screenshot)).convert("RGB")
    picture.save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        few = picture.quantize(
            256, Image.Quantize.MEDIANCUT, kmeans=4, dither=Image.Dither.NONE
        )
        few.save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
