"""How long a page of `secant lab` takes, in a lab that has just been started.

    python benchmarks/lab_usable.py [--rounds 5]

For every room a process, a browser context and a page of its own; the clock starts when
the address is opened, as soon as the lab has printed it. "Usable": the room shows what
it is about, and its controls work. "Complete": nothing is being computed any more; a
room that compiles says so until then. Needs `pip install "secant[lab]" playwright` and
a Chromium.
"""

import argparse
import shutil
import statistics
from time import perf_counter

from lab_page import served
from playwright.sync_api import Browser, sync_playwright

READY = "#room[data-ready]"
COMPLETE = {
    "slope": READY,
    "descent": READY,
    # The first weights are there at once, their gradient once the step is compiled.
    "training": "#room[data-state=paused] #gradients + .none[hidden]",
    "draw": READY,
    # The code is there at once, the verdict once the check is compiled.
    "check": "#room[data-found]",
}


def opened(browser: Browser, room: str) -> tuple[float, float]:
    """Seconds until a room is usable, and until it is complete."""
    with served() as address:
        page = browser.new_context().new_page()
        page.set_default_timeout(120_000)
        began = perf_counter()
        page.goto(f"{address}#{room}", wait_until="commit")
        page.wait_for_selector(READY)
        usable = perf_counter() - began
        page.wait_for_selector(COMPLETE[room], state="attached")
        complete = perf_counter() - began
        page.context.close()
    return usable, complete


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    names = ("chromium", "chromium-browser", "google-chrome")
    browser_path = next(filter(None, map(shutil.which, names)))
    with sync_playwright() as starter:
        browser = starter.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox"]
        )
        for room in COMPLETE:
            times = [opened(browser, room) for _ in range(rounds)]
            usable, complete = zip(*times, strict=True)
            print(
                f"{room:9} usable after {statistics.median(usable):.2f} s, "
                f"worst {max(usable):.2f}; "
                f"complete after {statistics.median(complete):.2f} s"
            )
        browser.close()


if __name__ == "__main__":
    main()
