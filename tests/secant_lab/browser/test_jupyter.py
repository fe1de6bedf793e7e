"""The widgets in a real JupyterLab, as a person uses them."""

import importlib.util
import re
import time
from pathlib import Path

import pytest

pytest.importorskip("jupyterlab", reason='no JupyterLab: pip install "secant[lessons]"')
pytest.importorskip("anywidget", reason='no anywidget: pip install "secant[jupyter]"')

CELLS = [
    "None",
    "from secant_lab.widgets import LiveTraining, Slope\n"
    "picture = Slope('x**3', x=1, h=0.5, low=-2, high=2, language='en')\n"
    "picture",
    "print('Python has', picture.x, picture.formula)",
    "import secant\n"
    "train, test = secant.load_mnist_sample()\n"
    "chart = LiveTraining(language='en')\n"
    "run = secant.fit(secant.TwoLayerNet(784, 50, 10), (train, test),\n"
    "                 iterations=2000, callbacks=[chart])",
]


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory):
    """A JupyterLab with a notebook of these cells; its address."""
    file = Path(__file__).parents[3] / "tools" / "jupyter_lab.py"
    spec = importlib.util.spec_from_file_location("jupyter_lab", file)
    jupyter_lab = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(jupyter_lab)
    with jupyter_lab.serving(tmp_path_factory.mktemp("jupyter"), CELLS) as address:
        yield address


def test_widgets_work_in_jupyterlab(browser, jupyter, settled, drag):
    context = browser.new_context(viewport={"width": 1440, "height": 1500})
    foreign = []
    origin = jupyter.split("/lab/")[0]
    ours = (origin, origin.replace("http", "ws"), "data:", "blob:")
    context.on(
        "request",
        lambda request: (
            None if request.url.startswith(ours) else foreign.append(request.url)
        ),
    )
    page = context.new_page()
    page.set_default_timeout(120_000)
    dialog = page.locator("dialog.jp-Dialog")
    # On a busy machine JupyterLab asks which kernel to use, or says that its server was
    # slow to answer; a person presses the button that is marked.
    page.add_locator_handler(dialog, lambda: dialog.locator(".jp-mod-accept").click())
    page.goto(jupyter)
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")

    def run(number):
        page.locator(".jp-Cell").nth(number).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")

    # What is run before the kernel is connected is forgotten, though it looks as if
    # it ran: once a cell has its number, the kernel is there.
    for _ in range(12):
        run(0)
        page.wait_for_timeout(5000)
        if re.search(r"\[\d+\]", page.locator(".jp-InputPrompt").first.inner_text()):
            break
    run(1)
    page.wait_for_selector("#room[data-ready]")
    settled(page, r"^3\.25$", "#secant-slope", 60)
    drag(page, "#point-x .dot", 60)
    page.fill("#formula", "x**2")
    # Keys by which a notebook would cut its cell or add one.
    page.focus("#point-x")
    for key in ("d", "d", "b", "ArrowRight"):
        page.keyboard.press(key)
    page.wait_for_timeout(1000)
    assert page.locator(".jp-Cell").count() == len(CELLS)
    x = float(page.inner_text("#x-shown"))
    assert x > 1.1
    settled(page, rf"^{2 * x:.4g}", "#tangent-slope", 60)
    run(2)
    page.wait_for_function(
        "said => document.body.innerText.includes(said)",
        arg=f"Python has {x:g} x**2",
    )

    run(3)
    said = "#said"
    page.wait_for_selector(said)
    heard, ends = set(), time.monotonic() + 180
    while time.monotonic() < ends and not any("Done" in text for text in heard):
        heard.add(page.inner_text(said))
        page.wait_for_timeout(30)
    # It was drawn while it ran, and not at the end.
    assert sum(text.startswith("Step") for text in heard) >= 2
    settled(page, r"Done: 2,000 steps.*% of the test samples", said)
    context.close()
    assert not foreign
