"""How fast the training room of `secant lab` draws, in a browser of this machine.

    python benchmarks/lab_page.py [--seconds 5]

Repaints: frames of the browser in which the loss curve was drawn anew, while training
at full speed. Presses: from the key's going down to the frame that shows its effect.
Needs `pip install "secant[lab]" playwright` and a Chromium.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

ROOMS = {
    "one entry": "#training?entries=node:0.1",
    "race of four": "#training?entries=spsa:0.1,weight:0.1,node:0.1,backprop:0.1",
}

COUNTING = """
  const drawn = { frames: 0, repaints: 0, fresh: false }
  const stroke = CanvasRenderingContext2D.prototype.stroke
  CanvasRenderingContext2D.prototype.stroke = function (...given) {
    if (this.canvas.closest("#chart .loss")) drawn.fresh = true
    return stroke.apply(this, given)
  }
  const frame = () => {
    drawn.frames += 1
    drawn.repaints += drawn.fresh
    drawn.fresh = false
    requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
  window.drawn = drawn
"""

# From the press to the end of the frame in which what it changes has changed.
PRESS = """
  ([pressed, changed]) => new Promise((told) => {
    const seen = () => document.querySelector(changed).innerText
    const before = seen()
    let began = 0
    const look = () => {
      if (seen() === before) requestAnimationFrame(look)
      else setTimeout(() => told(performance.now() - began))
    }
    const button = document.querySelector(pressed)
    button.addEventListener("keydown", () => {
      began = performance.now()
      requestAnimationFrame(look)
    }, { once: true })
    button.focus()
    window.listening = true
  })
"""


@contextmanager
def served() -> Iterator[str]:
    """`secant lab` in a session of its own, as in a terminal beside the browser."""
    command = [sys.executable, "-m", "secant", "lab", "--no-browser", "--port", "0"]
    lab = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert lab.stdout
    try:
        yield lab.stdout.readline().strip()
    finally:
        lab.terminate()
        lab.wait()


def until(page: Page, state: str) -> None:
    """Waits until the room is in a state."""
    page.wait_for_selector(f"#room[data-ready][data-state={state}]", timeout=180_000)


def repaints(page: Page, seconds: float) -> tuple[float, float]:
    """Frames and repaints a second."""
    before = page.evaluate("({ ...drawn, now: performance.now() })")
    page.wait_for_timeout(1000 * seconds)
    after = page.evaluate("({ ...drawn, now: performance.now() })")
    passed = (after["now"] - before["now"]) / 1000
    return tuple((after[k] - before[k]) / passed for k in ("frames", "repaints"))


def press(page: Page, pressed: str, changed: str) -> float:
    """Milliseconds from a press of Enter to the frame that shows its effect."""
    page.evaluate("window.listening = false")
    waiting = f"window.told = ({PRESS})({[pressed, changed]!r})"
    page.evaluate(f"() => {{ {waiting} }}")
    page.keyboard.press("Enter")
    return page.evaluate("window.told")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    seconds = parser.parse_args().seconds
    names = ("chromium", "chromium-browser", "google-chrome")
    browser_path = next(filter(None, map(shutil.which, names)))
    with served() as address, sync_playwright() as starter:
        browser = starter.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox"]
        )
        for name, room in ROOMS.items():
            page = browser.new_page(viewport={"width": 1440, "height": 1000})
            page.add_init_script(COUNTING)
            page.goto(address + room)
            until(page, "paused")
            page.click("#go")
            until(page, "running")
            page.wait_for_timeout(2000)
            frames, drawn = repaints(page, seconds)
            steps = page.inner_text("#entries-now td:nth-of-type(2)")
            print(f"{name}: {drawn:.1f} repaints and {frames:.1f} frames a second,")
            print(f"    first entry at {steps} steps a second")
            halts = [press(page, "#go", "#go") for _ in range(11)]
            until(page, "paused")
            steps_taken = [press(page, "#step", "#entries-now td") for _ in range(10)]
            for what, times in (("start/pause", halts), ("one step", steps_taken)):
                middle, worst = statistics.median(times), max(times)
                print(
                    f"    {what}: press to repaint {middle:.0f} ms, worst {worst:.0f}"
                )
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
