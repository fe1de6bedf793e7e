"""What every room must be: reachable, readable, named, and nobody else's.

`axe/` holds axe-core 4.x (Deque, MPL 2.0), which looks for what a screen reader, a
keyboard or weak eyes cannot use.
"""

import re
from pathlib import Path

import pytest

AXE = Path(__file__).parent / "axe" / "axe.min.js"

ROOMS = {
    "slope": "#slope?formula=x**3&x=1&h=0.5&kind=central&low=-2&high=2",
    "descent": "#descent?formula=x0**2/20%2Bx1**2&x0=-7&x1=2&left=-9&right=9"
    "&bottom=-4&top=4&steps=60&runs=sgd:0.95,momentum:0.1,adam:0.3,sgd:1.1",
    # A seven: a line to the right, and down to the left.
    "draw": "#draw?drawing=6y6yk06ydcm8",
    "training": "#training?hidden=20&entries=node:0.1,backprop:0.1",
    "check": "#check?fault=transposed&h=0.0001&beside=secant",
}
"""A state of each room in which there is much to see."""

SLOPE = ROOMS["slope"]

# A room says that it can be used, and that nothing is being computed any more.
READY = "#room[data-ready]:not([data-busy], [data-state=preparing])"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("room", ROOMS)
def test_axe_finds_nothing_serious(visit, room, theme):
    page = visit(ROOMS[room], theme=theme)
    page.wait_for_selector(READY)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    serious = [
        (fault["id"], fault["help"], [node["html"] for node in fault["nodes"]])
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
    assert found["passes"]
    assert serious == []


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("locale", ["en-US", "ko-KR"])
def test_nothing_overflows_and_every_text_is_translated(visit, room, width, locale):
    page = visit(ROOMS[room], width=width, locale=locale)
    page.wait_for_selector(READY)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    keys = rf"\b(?:app|error|room|{room})\.[a-z]\w*"
    assert not set(re.findall(keys, page.inner_text("body")))
    assert page.get_attribute("html", "lang") == locale[:2]


@pytest.mark.parametrize("room", ROOMS)
def test_every_control_has_a_name(visit, room):
    page = visit(ROOMS[room])
    page.wait_for_selector(READY)
    nameless = page.evaluate(
        """[...document.querySelectorAll(
          "button, input, select, canvas, [role=slider], [role=img]")]
        .filter(e => !e.closest("[aria-hidden=true], [role=img] *"))
        .filter(e => !e.getAttribute("aria-label") && !e.textContent.trim()
          && ![...(e.labels ?? [])].some(l => l.textContent.trim()))
        .map(e => e.outerHTML)"""
    )
    assert nameless == []


@pytest.mark.parametrize("room", ROOMS)
def test_the_language_changes_and_the_state_stays(visit, room):
    page = visit(ROOMS[room])
    page.wait_for_selector(READY)
    page.wait_for_timeout(400)
    state = page.url
    page.click("#language")
    page.wait_for_selector("html[lang=ko]")
    assert re.search("[가-힣]{2}", page.inner_text("#room h2"))
    page.wait_for_timeout(400)
    assert page.url == state


@pytest.mark.parametrize("room", ROOMS)
def test_a_strange_link_shows_a_room_all_the_same(visit, room):
    page = visit(f"#{room}?x=abc&h=&kind=x&low=1&no=1&rate=-1&seed=1e99&formula=")
    page.wait_for_selector("#room h2")
    assert page.inner_text("#room h2")


@pytest.mark.parametrize("state", ["", "#no", "#?"])
def test_a_link_to_nowhere_leads_to_the_first_room(visit, state, settled):
    page = visit(state)
    settled(page, r"\d", "#secant-slope")


def test_one_walks_from_room_to_room(visit):
    page = visit(SLOPE)
    for room in ROOMS:
        page.click(f"nav a[data-room={room}]")
        page.wait_for_selector(f"nav a[data-room={room}][aria-current=page]")
        page.wait_for_selector(READY)


def test_the_token_does_not_stay_in_the_address(visit, token):
    page = visit(SLOPE)
    page.wait_for_selector(READY)
    assert "token" not in page.url
    assert token not in page.content()


def test_light_and_dark(visit):
    page = visit(SLOPE, theme="dark")
    background = "getComputedStyle(document.body.parentElement).backgroundColor"
    dark = page.evaluate(background)
    page.click("#theme")
    light = page.evaluate(background)
    assert (dark, light) == ("rgb(18, 21, 28)", "rgb(246, 245, 241)")
    page.reload()
    assert page.evaluate(background) == light


def test_a_request_without_the_token_gets_an_explanation(browser, origin):
    context = browser.new_context()
    page = context.new_page()
    response = page.goto(origin)
    assert response.status == 403
    assert "secant lab" in page.inner_text("body")
    context.close()


def test_other_pages_learn_nothing(visit, origin):
    """A page of another origin asks in the browser of somebody who has the cookie."""
    page = visit(SLOPE)
    page.wait_for_selector(READY)
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


@pytest.mark.parametrize(
    ("said", "settled"),
    [
        ("7(으)로", "7로"),
        ("6(으)로", "6으로"),
        ("2.292(으)로", "2.292로"),
        ("‘각’은(는), 나이(가), 길을(를)", "‘각’은, 나가, 길을"),
        ("10⁻⁴은(는) 0.5이(가) 3와(과)", "10⁻⁴은 0.5가 3과"),
        ("50%은(는)", "50%는"),
        ("길(으)로", "길로"),
        # How Latin letters are read, nobody can tell.
        ("node은(는)", "node은(는)"),
    ],
)
def test_particles_follow_how_the_word_before_them_is_read(visit, said, settled):
    page = visit(SLOPE)
    page.wait_for_selector(READY)
    script = "text => import('/static/particles.js').then(it => it.settled(text))"
    assert page.evaluate(script, said) == settled


def test_a_long_wait_shows_the_elapsed_time(visit):
    page = visit(SLOPE)
    page.wait_for_selector(READY)
    page.clock.install()
    page.evaluate(
        """async () => {
          const { Waiting } = await import("/static/waiting.js")
          const place = document.querySelector("#seen").appendChild(
            document.createElement("div"))
          place.id = "place"
          window.waiting = new Waiting(place)
          waiting.say("It compiles.")
        }"""
    )
    page.clock.run_for(1000)
    assert page.inner_text("#place") == "It compiles."
    page.clock.run_for(3000)
    assert page.locator("#place progress").is_visible()
    assert "4 s" in page.inner_text("#place")
    page.evaluate("waiting.say('')")
    assert page.inner_text("#place") == ""
    assert page.locator("#place progress").is_hidden()
