"""The page used as a person uses it, in a browser; it skips where none is at hand."""

import re
import shutil
import threading
import time

import pytest
import uvicorn

from secant.lab.server import application

playwright = pytest.importorskip(
    "playwright.sync_api", reason="no playwright: pip install playwright"
)

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no browser: apt-get install chromium"
)

TOKEN = "a-token-of-the-browser-tests"
START = "#slope?formula=x**3&x=1&h=0.5&kind=central&low=-2&high=2"


@pytest.fixture(scope="module")
def origin():
    """A server as `secant lab` starts it, in a thread, on a port of its own."""
    import socket

    door = socket.socket()
    door.bind(("127.0.0.1", 0))
    port = door.getsockname()[1]
    config = uvicorn.Config(
        application(token=TOKEN, port=port),
        log_level="warning",
        lifespan="off",
        http="h11",
        ws="none",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
    thread.start()
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)
    door.close()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as starter:
        browser = starter.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, origin):
    """Opens the page at a state; whatever it asks of another host fails the test."""
    contexts, foreign, broken = [], [], []

    def open_page(state=START, *, width=1440, locale="en-US", theme="light"):
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
        page.set_default_timeout(10_000)
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


def settled(page, what, at="#seen", seconds=8):
    """Waits until the text at a place matches, and gives it back."""
    pattern = re.compile(what)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        text = page.inner_text(at)
        if pattern.search(text):
            return text
        page.wait_for_timeout(20)
    pytest.fail(f"{at} says {page.inner_text(at)!r}, and never {what!r}")


def middle(page, selector):
    box = page.locator(selector).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, selector, right):
    x, y = middle(page, selector)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right / 2, y, steps=6)
    page.mouse.move(x + right, y, steps=6)
    page.mouse.up()


def test_the_room_shows_what_its_address_says(visit):
    page = visit()
    # ((1 + h)³ - (1 - h)³) / 2h = 3 + h², and the tangent's 3.
    settled(page, r"^3\.25$", "#secant-slope")
    settled(page, r"^3$", "#tangent-slope")
    settled(page, r"differ by 0\.25")
    assert page.locator("#ways tr").count() == 4
    assert page.input_value("#formula") == "x**3"
    assert page.locator("#errors canvas").count() == 1


def test_the_token_does_not_stay_in_the_address(visit):
    page = visit()
    page.wait_for_selector("#ways tr")
    assert "token" not in page.url
    assert TOKEN not in page.content()


def test_the_point_is_dragged(visit):
    page = visit()
    settled(page, r"^3\.25$", "#secant-slope")
    drag(page, "#point-x .dot", 120)
    page.wait_for_function(
        "!document.querySelector('#x-shown').textContent.match(/^1$/)"
    )
    x = float(page.inner_text("#x-shown"))
    assert x > 1.2
    settled(page, rf"^{3 * x * x:.3f}".rstrip("0"), "#tangent-slope")


def test_the_second_point_is_dragged_and_changes_h(visit):
    page = visit()
    settled(page, r"^3\.25$", "#secant-slope")
    drag(page, "#point-h .dot", -40)
    page.wait_for_function("document.querySelector('#h-shown').textContent !== '0.5'")
    h = float(page.inner_text("#h-shown"))
    assert 0.1 < h < 0.5
    page.wait_for_timeout(300)
    assert float(page.inner_text("#secant-slope")) == pytest.approx(3 + h * h, rel=2e-3)


def test_h_is_chosen_in_the_chart_and_subtraction_is_seen_to_lose(visit):
    page = visit()
    settled(page, r"^3\.25$", "#secant-slope")
    box = page.locator("#errors .u-over").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 9 / 16, box["y"] + 20)
    settled(page, "digits that the two values share have cancelled")
    assert "10⁻⁷" in page.inner_text("#h-shown")
    errors = page.locator("#ways tr td:last-child").all_inner_texts()
    subtracted, carried = errors[:2]
    assert "10⁻" not in subtracted or "10⁻²" in subtracted or "10⁻³" in subtracted
    assert carried == "0" or re.search("10⁻[⁷⁸⁹]|10⁻¹", carried)


def test_a_formula_is_typed(visit):
    page = visit()
    settled(page, r"^3\.25$", "#secant-slope")
    page.fill("#formula", "5*x + 1")
    settled(page, r"^5$", "#tangent-slope")
    assert page.input_value("#curve") == "own"


def test_a_wrong_formula_is_told_and_the_last_right_one_stays(visit):
    page = visit()
    settled(page, r"^3\.25$", "#secant-slope")
    page.fill("#formula", "5*sinn(x)")
    settled(page, "Column 3.*sinn.*Did you mean “sin”", "#problem")
    assert page.get_attribute("#formula", "aria-invalid") == "true"
    assert page.inner_text("#secant-slope") == "3.25"
    page.fill("#formula", "__import__('os')")
    settled(page, "column 12", "#problem")
    page.fill("#formula", "2*x")
    settled(page, r"^2$", "#tangent-slope")
    assert page.inner_text("#problem") == ""


def test_a_curve_is_picked(visit):
    page = visit()
    page.select_option("#curve", "relu")
    settled(page, "A corner: .* 0, from the right 1")
    assert page.input_value("#formula") == "relu(x)"


def test_forward_and_central_secants(visit):
    page = visit()
    settled(page, r"^3\.25$", "#secant-slope")
    page.check("#kind-forward")
    # ((1 + h)³ - 1) / h = 3 + 3h + h²
    settled(page, r"^4\.75$", "#secant-slope")


def test_the_language_changes_and_the_state_stays(visit):
    page = visit()
    settled(page, r"differ by 0\.25")
    page.fill("#formula", "x**4")
    settled(page, r"^5$", "#secant-slope")
    page.click("#language")
    settled(page, r"할선의 기울기: 5.*접선의 기울기: 4")
    assert page.get_attribute("html", "lang") == "ko"
    assert page.input_value("#formula") == "x**4"
    assert page.inner_text("nav a") == "기울기"
    page.fill("#formula", "sinn(x)")
    settled(page, "모르는 이름.*“sin”인가요", "#problem")
    page.reload()
    settled(page, "기울기는 차이예요", "h2")
    page.click("#language")
    settled(page, "A slope is a difference", "h2")


def test_korean_browsers_are_spoken_to_in_korean(visit):
    page = visit(locale="ko-KR")
    settled(page, "할선의 기울기: 3.25")
    left = set(re.findall(r"slope\.\w+|error\.\w+|app\.\w+", page.inner_text("body")))
    assert not left


def test_a_link_shows_another_person_the_same(visit):
    page = visit()
    settled(page, r"^3\.25$", "#secant-slope")
    page.fill("#formula", "x**2 + 1")
    page.check("#kind-forward")
    settled(page, r"^2\.5$", "#secant-slope")
    page.wait_for_function("location.hash.includes('forward')")
    page.wait_for_timeout(300)
    link = page.url.partition("#")[2]
    assert "token" not in page.url
    page.reload()
    settled(page, r"^2\.5$", "#secant-slope")
    other = visit(f"#{link}", locale="ko-KR")
    settled(other, r"^2\.5$", "#secant-slope")
    assert other.input_value("#formula") == "x**2 + 1"
    assert other.is_checked("#kind-forward")


@pytest.mark.parametrize(
    "state", ["", "#no", "#slope?x=abc&h=&kind=x&low=1&no=1", "#?"]
)
def test_a_strange_link_shows_a_room_all_the_same(visit, state):
    page = visit(state)
    settled(page, r"\d", "#secant-slope")


def test_everything_is_reached_by_keyboard(visit):
    page = visit()
    settled(page, r"^3\.25$", "#secant-slope")
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    wanted = ["skip", "copy", "language", "theme", "curve", "formula"]
    wanted += ["kind-central", "point-h", "point-x", "x", "h", "low", "high"]
    assert [name for name in reached if name in wanted][: len(wanted)] == wanted
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    page.focus("#language")
    page.keyboard.press("Tab")
    assert page.evaluate(outline) != "none"


def test_points_and_sliders_move_by_keys(visit):
    page = visit()
    settled(page, r"^3\.25$", "#secant-slope")
    page.focus("#point-x")
    page.keyboard.press("ArrowRight")
    settled(page, r"^1\.02$", "#x-shown")
    page.keyboard.press("Shift+ArrowLeft")
    settled(page, r"^0\.82$", "#x-shown")
    page.wait_for_selector("#point-x[aria-valuetext^='x = 0.82, f(x) = 0.55']")
    page.focus("#h")
    page.keyboard.press("End")
    settled(page, r"^1$", "#h-shown")
    page.keyboard.press("Home")
    settled(page, "10⁻¹⁶", "#h-shown")
    page.focus("#point-h")
    page.keyboard.press("ArrowUp")
    settled(page, "1.12×10⁻¹⁶", "#h-shown")


def test_every_control_has_a_name(visit):
    page = visit()
    settled(page, r"^3\.25$", "#secant-slope")
    nameless = page.evaluate(
        """[...document.querySelectorAll("button, input, select, [role=slider]")]
        .filter(e => !e.getAttribute("aria-label") && !e.textContent.trim()
          && ![...(e.labels ?? [])].some(l => l.textContent.trim()))
        .map(e => e.outerHTML)"""
    )
    assert nameless == []


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("locale", ["en-US", "ko-KR"])
def test_nothing_sticks_out_at_any_width(visit, width, locale):
    page = visit(width=width, locale=locale)
    settled(page, r"^3\.25$", "#secant-slope")
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_light_and_dark(visit):
    page = visit(theme="dark")
    background = "getComputedStyle(document.body.parentElement).backgroundColor"
    dark = page.evaluate(background)
    page.click("#theme")
    light = page.evaluate(background)
    assert (dark, light) == ("rgb(18, 21, 28)", "rgb(246, 245, 241)")
    page.reload()
    assert page.evaluate(background) == light


def test_two_tabs_do_not_disturb_each_other(visit):
    one, two = visit(), visit("#slope?formula=x**2&x=3&h=0.5&low=-4&high=4")
    settled(two, r"^6$", "#secant-slope")
    settled(one, r"^3\.25$", "#secant-slope")
    one.fill("#formula", "7*x")
    settled(one, r"^7$", "#secant-slope")
    assert two.inner_text("#secant-slope") == "6"


def test_whoever_does_not_know_the_token_sees_why(visit, browser, origin):
    context = browser.new_context()
    page = context.new_page()
    response = page.goto(origin)
    assert response.status == 403
    assert "secant lab" in page.inner_text("body")
    context.close()


def test_other_pages_learn_nothing(visit, browser, origin):
    """A page of another origin asks in the browser of somebody who has the cookie."""
    page = visit()
    settled(page, r"^3\.25$", "#secant-slope")
    stranger = page.context.new_page()
    stranger.goto("data:text/html,<title>stranger</title>")
    outcome = stranger.evaluate(
        """async (origin) => {
          try {
            const response = await fetch(`${origin}/api/slope/curve`, {
              method: "POST", credentials: "include", body: "{}" })
            return await response.text()
          } catch (error) { return String(error) }
        }""",
        origin,
    )
    assert "TypeError" in outcome
