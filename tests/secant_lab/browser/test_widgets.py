"""The widgets' bundles in a browser, with a notebook's part played by a few lines."""

import pytest

pytest.importorskip("anywidget", reason='no anywidget: pip install "secant[jupyter]"')

# What anywidget does with a widget: it imports the text, and hands it a model.
HOST = """async ({ esm, traits }) => {
  const listeners = {}
  const fire = (event, value) => [...(listeners[event] ?? [])].forEach((f) => f(value))
  const model = {
    get: (name) => traits[name],
    set: (name, value) => { traits[name] = value },
    on: (event, f) => (listeners[event] ??= new Set()).add(f),
    off: (event, f) => listeners[event]?.delete(f),
    save_changes: () => window.saved(traits),
    send: (message) => window.kernel(message).then((m) => fire("msg:custom", m)),
  }
  window.change = (values) => {
    Object.assign(traits, values)
    for (const name in values) fire(`change:${name}`)
  }
  const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }))
  const widget = (await import(url)).default
  widget.initialize?.({ model })
  // As notebooks do: a cell is filled before it stands in the page.
  const el = document.createElement("div")
  window.end = widget.render({ model, el })
  setTimeout(() => document.getElementById("cell-of-a-notebook").append(el), 50)
}"""

NOTEBOOK = """<!doctype html><html><head><style>
  * { font-family: monospace; } h2, label { color: rgb(1, 2, 3); } body { margin: 31px }
</style></head><body><h2>Mine</h2><table><tr><td>1</td></tr></table>
<div id="cell-of-a-notebook"></div></body></html>"""


@pytest.fixture
def show(browser):
    """Shows a widget in a page that is not ours; nothing may be asked of any host."""
    contexts, asked, broken = [], [], []

    def open_page(widget, *, width=1200, dark=False):
        context = browser.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(300_000)
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(("blob:", "data:"))
                else asked.append(request.url)
            ),
        )
        page.set_content(NOTEBOOK)
        if dark:
            page.evaluate("document.body.style.background = '#111'")
        saved = []
        page.expose_function("saved", lambda traits: saved.append(traits))
        answers = []
        widget.send = answers.append

        def kernel(message):
            widget._handle_custom_msg(message, [])
            return answers.pop()

        page.expose_function("kernel", kernel)
        traits = {
            name: getattr(widget, name)
            for name in widget.trait_names(sync=True)
            if name not in ("layout", "tooltip") and not name.startswith("_esm")
        }
        page.evaluate(HOST, {"esm": widget._esm, "traits": traits})
        page.saved = saved
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not asked
    assert not broken


@pytest.fixture
def slope():
    from secant_lab.widgets import Slope

    return Slope("x**3", x=1, h=0.5, low=-2, high=2, language="en")


def test_a_slope_is_dragged_in_a_cell(show, slope, settled, eventually, drag):
    page = show(slope)
    settled(page, r"^3\.25$", "#secant-slope")
    drag(page, "#point-x .dot", 100)

    def agree():
        if not page.saved or (x := page.saved[-1]["x"]) <= 1.2:
            return False
        shown, tangent = (
            float(page.inner_text(at)) for at in ("#x-shown", "#tangent-slope")
        )
        return shown == pytest.approx(x) and tangent == pytest.approx(
            3 * x * x, rel=1e-4
        )

    eventually(page, agree)


def test_values_set_by_python_are_shown(show, slope, settled):
    page = show(slope)
    settled(page, r"^3\.25$", "#secant-slope")
    page.evaluate("change({ x: 2, kind: 'forward' })")
    # ((2 + h)³ - 2³) / h = 12 + 6h + h²
    settled(page, r"^15\.25$", "#secant-slope")
    assert page.is_checked("#kind-forward")


def test_an_invalid_formula_is_reported_in_the_cell(show, slope, settled):
    page = show(slope)
    settled(page, r"^3\.25$", "#secant-slope")
    page.fill("#formula", "sinn(x)")
    settled(page, "Did you mean “sin”", "#problem")


def test_the_notebook_looks_as_before_and_the_cell_as_the_page(show, slope, settled):
    page = show(slope)
    settled(page, r"^3\.25$", "#secant-slope")
    look = "getComputedStyle(document.querySelector({!r})).{}"
    assert page.evaluate(look.format("body", "margin")) == "31px"
    assert page.evaluate(look.format("body > h2", "color")) == "rgb(1, 2, 3)"
    assert page.evaluate(look.format("body > table", "marginTop")) == "0px"
    inside = page.locator("#room h2").evaluate("e => getComputedStyle(e).fontFamily")
    assert "system-ui" in inside
    assert page.locator("#x-shown").evaluate("e => e.getRootNode() !== document")


@pytest.mark.parametrize(("dark", "paper"), [(True, "18, 21, 28"), (False, "246, 245")])
def test_it_is_as_dark_as_the_notebook(show, slope, settled, eventually, dark, paper):
    page = show(slope, dark=dark)
    settled(page, r"^3\.25$", "#secant-slope")
    color = "e => getComputedStyle(e).backgroundColor"
    assert paper in page.locator("#cell").evaluate(color)
    page.evaluate(f"document.body.style.background = {['#fff', '#111'][not dark]!r}")
    eventually(page, lambda: paper not in page.locator("#cell").evaluate(color))


@pytest.mark.parametrize("width", [390, 1200])
def test_nothing_sticks_out_of_the_cell(show, slope, settled, width):
    page = show(slope, width=width)
    settled(page, r"^3\.25$", "#secant-slope")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_removed_widget_leaves_nothing(show, slope, settled):
    page = show(slope)
    settled(page, r"^3\.25$", "#secant-slope")
    page.evaluate("window.end()")
    assert page.inner_html("#cell-of-a-notebook > div") == ""
    page.evaluate("dispatchEvent(new Event('theme'))")


def test_a_descent_starts_where_one_clicks(show, settled, eventually):
    from secant_lab.widgets import Descent

    page = show(Descent(runs="sgd:0.1", language="en"))
    settled(page, "Converged at step")
    box = page.locator("#map").bounding_box()
    page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + 0.7 * box["height"])
    eventually(
        page,
        lambda: page.saved and page.saved[-1]["x0"] > 0 and page.saved[-1]["x1"] < 0,
    )


def test_a_run_is_drawn_while_it_runs(show, settled, eventually):
    import numpy as np

    from secant.history import Epoch
    from secant.training import Progress
    from secant_lab.widgets import LiveTraining

    chart = LiveTraining(language="ko")

    def train(step):
        losses = np.exp(-np.arange(step and step - 50, step) / 40)
        epoch = Epoch(step, 1.0, 0.5, 1.0, 0.5 + step / 400)
        chart(Progress(step, 200, losses, epoch, None, step / 100, None))

    page = show(chart)
    settled(page, "fit에 건네 주세요", "#said")
    train(0)
    page.evaluate("change", {"curves": chart.curves, "facts": chart.facts})
    settled(page, "첫걸음", "#said")
    for step in (50, 100, 150, 200):
        train(step)
        page.evaluate("change", {"curves": chart.curves, "facts": chart.facts})
        settled(page, f"{step}걸음", "#said")
    settled(page, r"끝났어요: 200걸음, 2.0초. 손실: 1.000 → .*정확도: 100.0%", "#said")
    drawn = """e => {
      const { data } = e.getContext("2d").getImageData(0, 0, e.width, e.height)
      const inks = new Set()
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 250) inks.add(
        `${data[i]},${data[i + 1]},${data[i + 2]}`)
      return [...inks]
    }"""
    # The colour of the first entry, as the sheet has it: #0072b2.
    for canvas in page.locator("#chart canvas").all():
        assert "0,114,178" in canvas.evaluate(drawn)
    page.select_option("#axis", "second")
    eventually(page, lambda: page.saved and page.saved[-1]["axis"] == "second")
