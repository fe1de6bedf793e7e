"""Takes the pictures of docs/lab.md: `python tools/lab_pictures.py [ROOM …]`.

Each room of `secant lab` in both languages, in a browser that is at hand (Chromium),
as somebody sees it who has followed a link and looked for a moment.
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
PATIENCE = 300_000  # milliseconds: what learns takes its time on a busy machine


def learn_for_a_while(page: Any) -> None:
    """Starts the race, and stops it when there is something to see."""
    page.wait_for_selector("#room[data-state=paused]", timeout=PATIENCE)
    page.click("#go")
    page.wait_for_function(
        """() => {
          const steps = document.querySelector("#entries-now tr:nth-child(2) td")
          return Number(steps.textContent.replaceAll(",", "")) > 2500
        }""",
        timeout=PATIENCE,
    )
    page.click("#go")
    page.wait_for_selector("#room[data-state=paused]", timeout=PATIENCE)
    page.wait_for_timeout(3_000)


def read_by_a_network_that_has_learned(page: Any) -> None:
    """Waits until the lab's own network has learned, and its answer is explained."""
    page.wait_for_function(
        "() => document.querySelector('#learning progress').hidden", timeout=PATIENCE
    )
    page.wait_for_timeout(5_000)


class View(NamedTuple):
    """What is photographed.

    Attributes:
        link: The room's state.
        look: What somebody does before the picture is taken.
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
        learn_for_a_while,
    ),
    "check": View(
        "#check?fault=transposed&h=0.0001&beside=secant",
        lambda page: page.wait_for_selector("#room[data-found]", timeout=PATIENCE),
    ),
    "draw": View("#draw?drawing=6y6yk06ydcm8", read_by_a_network_that_has_learned),
}


@contextmanager
def serving() -> Iterator[str]:
    """A lab on a port of its own; gives its address."""
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
    """Photographs the rooms, or those that are named."""
    browser_at_hand = shutil.which("chromium") or shutil.which("google-chrome")
    with serving() as address, sync_playwright() as starter:
        browser = starter.chromium.launch(
            executable_path=browser_at_hand, args=["--no-sandbox"]
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
    """The screenshot, small enough for a repository: in 256 colours if need be."""
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
