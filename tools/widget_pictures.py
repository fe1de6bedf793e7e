"""Takes the pictures of docs/widgets.md: `python tools/widget_pictures.py`.

The cells run in a separate JupyterLab, which Chromium opens; each
picture is a cell with the first card of its output. Needs the extras `jupyter` and
`lessons`.
"""

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from jupyter_lab import serving
from lab_pictures import save
from playwright.sync_api import sync_playwright

PICTURES = Path(__file__).parents[1] / "docs" / "images" / "widgets"
WIDTH, HEIGHT = 1100, 3600
MAX_WAIT = 300_000  # milliseconds
MARGIN = 12
HIDDEN = ".jp-cell-toolbar, .jp-Collapser, .Toastify { display: none !important }"

CELLS = {
    "slope": """from secant_lab.widgets import Slope

picture = Slope("x**4 - 3*x**2 + x", x=1.6, h=0.4, low=-2.2, high=2.2)
picture""",
    "live-training": """import secant
from secant_lab.widgets import LiveTraining

data = secant.load_mnist_sample()
chart = LiveTraining()
net = secant.TwoLayerNet(784, 50, 10)
run = secant.fit(net, data, iterations=5_000, callbacks=[chart])""",
}
READY = {"slope": ("#secant-slope", r"\d"), "live-training": ("#said", "^Done")}
"""An element of the widget, which is in a shadow tree, and its text at the end."""


def run_cell(cell: Any) -> None:
    """Runs a cell."""
    cell.locator(".cm-content").click()
    cell.page.keyboard.press("Control+Enter")


def wait_for_kernel(cell: Any) -> None:
    """Runs the first cell until it has an output.

    JupyterLab forgets a cell that runs before the kernel is connected.
    """
    for _ in range(20):
        run_cell(cell)
        cell.page.wait_for_timeout(15_000)
        if cell.locator(".jp-OutputArea-output").count():
            return
    raise TimeoutError("the first cell has no output")


def main() -> None:
    """Runs the cells and saves a picture of each."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with (
        tempfile.TemporaryDirectory() as home,
        serving(Path(home), list(CELLS.values())) as address,
        sync_playwright() as starter,
    ):
        browser = starter.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox"]
        )
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, locale="en"
        )
        page.set_default_timeout(MAX_WAIT)
        page.goto(address)
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")
        page.add_style_tag(content=HIDDEN)
        page.keyboard.press("Control+b")  # hides the list of files
        for number, name in enumerate(CELLS):
            cell = page.locator(".jp-Cell").nth(number)
            if number:
                run_cell(cell)
            else:
                wait_for_kernel(cell)
            selector, text = READY[name]
            page.locator(selector).filter(has_text=re.compile(text)).wait_for()
            page.wait_for_timeout(2_000)
            card = cell.locator(".card").first.bounding_box()
            whole = cell.bounding_box()
            if not (whole and card):
                raise RuntimeError(f"the cell {name} is not on the page")
            whole["height"] = card["y"] + card["height"] + MARGIN - whole["y"]
            picture = page.screenshot(clip=whole)
            save(picture, PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
