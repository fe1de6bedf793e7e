"""The room where one draws, used as a person uses it."""

import re
import shutil
import time

import pytest

from secant import RunMetadata, TwoLayerNet, fit, load_mnist_sample
from secant_lab.rooms import draw
from secant_lab.strokes import drawing_notes, parse_strokes, rasterize

EMPTY = "#draw"
SEVEN = "#draw?drawing=6y6yk06ydcm8"

ONE = [[(0.5, 0.15), (0.5, 0.85)]]
FOUR = [
    [(0.43, 0.15), (0.26, 0.52), (0.78, 0.52)],
    [(0.62, 0.18), (0.56, 0.85)],
]


@pytest.fixture(scope="module")
def learned():
    """The lab's own network when it has learned, so that what it reads stays."""
    draw.OWN.network()
    draw.OWN.join()
    assert draw.OWN.status == "finished"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run, of another network than the lab's own."""
    trained = fit(
        TwoLayerNet(784, 16, 10), load_mnist_sample(), "backprop", iterations=400,
        learning_rate=0.5, metadata=RunMetadata("digits of a test"),
    )  # fmt: skip
    return trained.save(tmp_path_factory.mktemp("runs") / "kept")


@pytest.fixture
def runs(run, tmp_path, monkeypatch):
    """A folder `runs` with a good run, and one that is damaged."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, tmp_path / "runs" / "0001")
    shutil.copytree(run, tmp_path / "runs" / "0002")
    network = tmp_path / "runs" / "0002" / "network.safetensors"
    network.write_bytes(network.read_bytes()[:-50])


def trace(page, drawn):
    """Draws strokes with the mouse."""
    page.locator("#paper").scroll_into_view_if_needed()
    box = page.locator("#paper").bounding_box()

    def at(x, y):
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    for stroke in drawn:
        page.mouse.move(*at(*stroke[0]))
        page.mouse.down()
        for place in stroke[1:]:
            page.mouse.move(*at(*place), steps=12)
        page.mouse.up()


def drawing_in(page, count):
    """The drawing in the address, as soon as it has so many strokes and rests."""
    ends = time.monotonic() + 300
    before = None
    while time.monotonic() < ends:
        found = re.search(r"drawing=([^&]*)", page.url)
        drawn = found[1] if found else ""
        if drawn == before and len(parse_strokes(drawn)) == count:
            return drawn
        before = drawn
        page.wait_for_timeout(600)
    return pytest.fail(f"the address has never {count} strokes: {page.url}")


def test_a_one_is_drawn_and_read(visit, settled, learned):
    page = visit(EMPTY)
    settled(page, "Nothing yet")
    settled(page, "The paper is empty", "#notes")
    trace(page, ONE)
    drawn = drawing_in(page, 1)
    said = settled(page, r"predicts a 1, probability [\d>\s]+%; next \d, [\d<\s]+%\.")
    assert page.inner_text("#digit") == "1"
    assert page.locator(".bar.first").inner_text().split()[0] == "1"
    settled(page, re.escape(said), "#spoken")
    # What was drawn is what the server reads: one long, thin line.
    ink = rasterize(parse_strokes(drawn))
    assert drawing_notes(ink) == []
    assert ink.any(axis=1).sum() > 6 * ink.any(axis=0).sum()


def test_it_reads_while_one_draws(visit, settled, learned):
    page = visit(EMPTY)
    settled(page, "Nothing yet")
    box = page.locator("#paper").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(
        box["x"] + 0.5 * box["width"], box["y"] + 0.8 * box["height"], steps=9
    )
    settled(page, "predicts a 1")  # before the pen is lifted
    page.mouse.up()


def test_the_form_is_shown_as_the_server_made_it(visit, settled, learned):
    page = visit(SEVEN)
    settled(page, "predicts a 7")
    shown = page.evaluate(
        """() => { const c = document.querySelector("#form");
        return [...c.getContext("2d").getImageData(0, 0, 28, 28).data]
          .filter((_, i) => i % 4 === 0) }"""
    )
    assert shown == draw.read("6y6yk06ydcm8")["form"]


def test_the_reasons_are_shown(visit, settled, learned):
    page = visit(SEVEN)
    settled(page, "predicts a 7")
    reasons = draw.why("6y6yk06ydcm8")["reasons"]
    said = settled(page, "times as probable", "#why")
    assert f"of {reasons['against']} is +{reasons['gap']:.2f}" in said
    assert "most supports 7" in said
    assert said.split("\n")[0] in page.get_attribute("#heat", "aria-label")
    for side in ("for", "against"):
        numbers = page.locator(f"#units-{side} figcaption").all_inner_texts()
        effects = [unit["effect"] for unit in reasons["units"][side]]
        assert numbers == [f"{e:+.2f}".replace("-", "−") for e in effects]
    # Orange where a pixel speaks for it, blue where against: the two strongest.
    colours = page.evaluate(
        """([most, least]) => { const c = document.querySelector("#heat");
        const { data } = c.getContext("2d").getImageData(0, 0, 28, 28);
        return [most, least].map(i => [data[4 * i], data[4 * i + 2]]) }""",
        [reasons["pixels"].index(f(reasons["pixels"])) for f in (max, min)],
    )
    assert colours[0][0] > colours[0][1] + 40
    assert colours[1][1] > colours[1][0] + 10


def test_another_digit_is_compared_with(visit, settled, learned):
    page = visit(SEVEN)
    settled(page, "predicts a 7")
    page.click("#bar-1")
    settled(page, "score of 7 minus that of 1 ", "#why")
    assert page.get_attribute("#bar-1", "aria-pressed") == "true"
    page.wait_for_function("() => location.hash.includes('against=1')")
    page.click("#bar-7")
    usual = draw.read("6y6yk06ydcm8")["reading"]["next"]
    settled(page, f"score of 7 minus that of {usual} ", "#why")


def test_it_is_drawn_by_keys(visit, settled, learned):
    page = visit(EMPTY)
    settled(page, "Nothing yet")
    page.focus("#paper")
    for _ in range(12):
        page.keyboard.press("ArrowUp")
    settled(page, "Pen up, 50 from the left and 20 from the top", "#pen")
    page.keyboard.down(" ")
    for _ in range(24):
        page.keyboard.press("ArrowDown")
    settled(page, "Pen down, 50 from the left and 80 from the top", "#pen")
    page.keyboard.up(" ")
    settled(page, "predicts a 1")
    settled(page, "Pen up", "#pen")
    page.keyboard.press("ArrowRight")
    (stroke,) = parse_strokes(drawing_in(page, 1))
    assert stroke[0].tolist() == [500, 200]
    assert stroke[-1].tolist() == [500, 800]
    # Between two presses of Enter, for whoever cannot hold a key; in small steps.
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    assert parse_strokes(drawing_in(page, 2))[1].tolist() == [[525, 800], [530, 800]]
    page.keyboard.press("Backspace")
    assert len(parse_strokes(drawing_in(page, 1))) == 1


def test_undo_and_clear(visit, settled, learned):
    page = visit(EMPTY)
    settled(page, "Nothing yet")
    assert page.is_disabled("#undo")
    assert page.is_disabled("#clear")
    trace(page, FOUR)
    settled(page, "The network predicts")
    whole = drawing_in(page, 2)
    assert len(parse_strokes(whole)) == 2
    page.click("#undo")
    assert drawing_in(page, 1) == whole.split(".")[0]
    page.click("#clear")
    settled(page, "Nothing yet")
    assert drawing_in(page, 0) == ""
    # Clearing is taken back as a stroke is.
    page.click("#undo")
    settled(page, "The network predicts")
    page.click("#undo")
    settled(page, "Nothing yet")
    assert page.is_disabled("#undo")


def test_a_link_shows_another_person_the_same_digit(visit, settled, learned):
    page = visit(EMPTY)
    settled(page, "Nothing yet")
    trace(page, FOUR)
    pixels = "document.querySelector('#form').toDataURL()"
    drawn = drawing_in(page, 2)
    settled(page, "predicts a 4")
    assert "token" not in page.url
    other = visit("#" + page.url.partition("#")[2])
    settled(page, re.escape(settled(other, "The network predicts")))
    assert other.evaluate(pixels) == page.evaluate(pixels)
    # Its strokes are taken back one by one.
    other.click("#undo")
    assert drawing_in(other, 1) == drawn.split(".")[0]


@pytest.mark.parametrize(
    "state",
    [
        "drawing=abc",
        "drawing=zzzz",
        "drawing=" + "0" * 30_000,
        "drawing=%3Cscript%3E&example=-5",
        "example=5000&against=77&run=",
    ],
)
def test_a_drawing_that_is_none_is_an_empty_paper(visit, settled, state):
    page = visit(f"#draw?{state}")
    settled(page, "Nothing yet")
    assert page.inner_text("#problem") == ""


def test_a_run_is_chosen(visit, settled, learned, runs):
    page = visit(SEVEN)
    own = settled(page, "predicts a 7")
    settled(page, "numerical gradients", "#learning")
    page.wait_for_selector("#run option[value='0001']", state="attached")
    page.select_option("#run", "0001")
    settled(page, "digits of a test", "#learning")
    reasons = draw.why("6y6yk06ydcm8", run="0001")["reasons"]
    settled(page, rf"\+{reasons['gap']:.2f}".replace(".", r"\."), "#why")
    page.wait_for_function("() => location.hash.includes('run=0001')")
    other = visit("#" + page.url.partition("#")[2])
    settled(other, "digits of a test", "#learning")
    assert other.input_value("#run") == "0001"
    page.select_option("#run", "")
    settled(page, re.escape(own))


def test_a_damaged_run_is_reported_and_cannot_be_chosen(visit, settled, learned, runs):
    page = visit(SEVEN, locale="ko-KR")
    settled(page, "7로 읽었어요")
    settled(page, "“0002”: 손상되었거나", "#unusable")
    assert page.is_disabled("#run option[value='0002']")
    assert page.is_enabled("#run option[value='0001']")


def test_a_link_to_a_missing_run_is_reported(visit, settled, learned):
    page = visit(SEVEN + "&run=../../etc")
    settled(page, "there is no run '../../etc'", "#problem")
    page.select_option("#run", "")
    settled(page, "predicts a 7")
    settled(page, "^$", "#problem")


def test_a_test_digit_is_put_on_the_paper_and_drawn_over(visit, settled, learned):
    page = visit(EMPTY)
    settled(page, "Nothing yet")
    page.click("#examples button[aria-label='Put a 6 on the paper']")
    settled(page, "predicts a 6")
    page.wait_for_function("() => location.hash.includes('example=')")
    trace(page, [[(0.3, 0.3), (0.7, 0.3)]])
    drawing_in(page, 1)
    other = visit("#" + page.url.partition("#")[2])
    settled(page, re.escape(settled(other, "The network predicts")))
    form = "document.querySelector('#form').toDataURL()"
    assert other.evaluate(form) == page.evaluate(form)
    before = page.locator("#examples button").first.get_attribute("data-index")
    page.click("#others")
    page.wait_for_function(
        "before => document.querySelector('#examples button').dataset.index !== before",
        arg=before,
    )
    page.click("#undo")
    settled(page, "predicts a 6")
    page.click("#undo")
    settled(page, "Nothing yet")


def test_notes_explain_why_a_digit_is_hard_to_read(visit, settled, learned):
    page = visit(EMPTY)
    settled(page, "Nothing yet")
    trace(page, [[(0.5, 0.45), (0.5, 0.55)]])
    settled(page, "The digit is small", "#notes")
    page.click("#clear")
    trace(page, [[(0.5, 0.0), (0.5, 0.8)]])
    settled(page, "The digit touches the edge", "#notes")
    settled(page, "predicts a 1")


def test_the_language_changes_and_the_digit_stays(visit, settled, learned):
    page = visit(EMPTY)
    settled(page, "Nothing yet")
    trace(page, ONE)
    settled(page, "predicts a 1")
    drawn = drawing_in(page, 1)
    page.click("#language")
    settled(page, r"1로 읽었어요\. 확률 [\d>\s]+%\. 다음은 \d")
    settled(page, "가장 큰 근거", "#why")
    assert drawing_in(page, 1) == drawn


def test_it_is_drawn_by_a_finger(phone, finger, settled, learned):
    page = phone(EMPTY)
    settled(page, "비어 있어요")
    page.locator("#paper").scroll_into_view_if_needed()
    assert page.locator("#paper").bounding_box()["width"] > 300
    scrolled = page.evaluate("scrollY")
    finger(page, "#paper", (0.5, 0.2), (0.5, 0.8))
    settled(page, "1로 읽었어요")
    (stroke,) = parse_strokes(drawing_in(page, 1))
    assert stroke[-1][1] - stroke[0][1] > 550
    assert page.evaluate("scrollY") == scrolled
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_everything_is_reached_by_keyboard(visit, settled, learned):
    page = visit(SEVEN)
    settled(page, "predicts a 7")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    wanted = ["run", "paper", "undo", "clear", "bar-0", "bar-9", "others"]
    assert [name for name in reached if name in wanted][: len(wanted)] == wanted
    page.focus("#bar-2")
    page.keyboard.press("Enter")
    settled(page, "score of 7 minus that of 2 ", "#why")


def test_a_drawing_has_an_end(visit, settled, learned):
    page = visit(EMPTY)
    settled(page, "Nothing yet")
    page.focus("#paper")
    page.evaluate(
        """() => { const paper = document.querySelector("#paper");
        const press = key => paper.dispatchEvent(
          new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
        press("Enter");
        for (let i = 0; i < 800; i++) { press("ArrowLeft"); press("ArrowRight") }
        press("Enter") }"""
    )
    settled(page, "no room for more strokes", "#notes")
    drawn = drawing_in(page, 1)
    assert sum(map(len, parse_strokes(drawn))) == 1500
    trace(page, ONE)
    assert drawing_in(page, 1) == drawn


def test_progress_is_shown_while_the_labs_own_network_trains(
    visit, settled, monkeypatch
):
    """With a network that has not been asked yet."""
    monkeypatch.setattr(draw, "OWN", draw.BackgroundTraining(iterations=3000))
    page = visit(SEVEN)
    settled(page, r"about to train|Training with .*: step [\d,]+ of 3,000", "#learning")
    settled(page, r"Training with .*: step [\d,]+ of 3,000", "#learning")
    settled(page, r"9[\d.]+% of 1,000 other digits are correct", "#learning")
    settled(page, "predicts a 7, ")
    assert draw.OWN.status == "finished"
