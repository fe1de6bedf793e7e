"""The room of training, used as a person uses it."""

import math
import re
import threading
from dataclasses import replace

import pytest

from secant.nn.gradients import METHODS
from secant_lab.training.race_entry import RaceEntry

START = "#training?hidden=20&entries=node:0.5"
RACE = "#training?hidden=20&entries=weight:0.5,node:0.5,backprop:0.5"

# Compiling a step takes seconds, and many where other tests run beside it.
PATIENCE = 600_000


@pytest.fixture
def enter(visit):
    """Opens the room, and waits until it could be started."""

    def opened(state=START, **how):
        page = visit(state, **how)
        until(page, "paused")
        return page

    return opened


@pytest.fixture
def held(monkeypatch):
    """Lets no entry be compiled before the event is set."""
    event, compile_step = threading.Event(), RaceEntry.compile_step

    def waits(*given):
        assert event.wait(600)
        compile_step(*given)

    monkeypatch.setattr(RaceEntry, "compile_step", waits)
    yield event
    event.set()


def until(page, state):
    page.wait_for_selector(f"#room[data-ready][data-state={state}]", timeout=PATIENCE)


def number(page, column, entry=1):
    """What the table says of an entry; NaN where it has no number yet."""
    text = page.inner_text(
        f"#entries-now tbody tr:nth-child({entry}) td:nth-of-type({column})"
    )
    found = re.match(r"[\d.,]+", text)
    return float(found[0].replace(",", "")) if found else math.nan


def steps(page, entry=1):
    return number(page, 1, entry)


def loss(page, entry=1):
    return number(page, 3, entry)


def after(page, at_least, entry=1):
    """Waits until an entry has made so many steps."""
    page.wait_for_function(
        """([row, least]) => {
          const cell = document.querySelector(
            `#entries-now tbody tr:nth-child(${row}) td`)
          return Number(cell.textContent.replaceAll(",", "")) >= least
        }""",
        arg=[entry, at_least],
        timeout=PATIENCE,
    )


def still(page):
    """Waits until it is paused, and the pictures are of the step that the table tells.

    Pictures are drawn beside the training, and come after the numbers.
    """
    until(page, "paused")
    page.wait_for_function(
        """() => {
          const entry = document.querySelector("#entries-now tr:has(:checked) td")
          const gradient = document.querySelector("#gradients + .none")
          const shown = document.querySelector("#digits").dataset.step
          return entry.textContent.replaceAll(",", "") === shown && gradient.hidden
        }""",
        timeout=PATIENCE,
    )


def right(page):
    return int(re.findall(r"\d+", page.inner_text("#digits-heading"))[0])


def picture(page, selector):
    return page.evaluate("s => document.querySelector(s).toDataURL()", selector)


def race_of(page):
    """The race that the page's stream is about."""
    with page.expect_request("**/api/training/watch?race=*") as asked:
        page.reload()
    return asked.value.url.partition("race=")[2]


def lives(page, race):
    """Whether the server still knows a race, asked by somebody with the cookie."""
    answer = page.context.request.post(
        f"{page.url.partition('/?')[0].partition('#')[0].rstrip('/')}/api/training/keep_alive",
        data={"race": race},
    )
    return answer.ok


def test_first_weights_are_seen_while_the_step_compiles(visit, settled, held):
    page = visit("#training?hidden=23&entries=node:0.5")
    page.wait_for_selector("#room[data-ready][data-state=preparing]", timeout=PATIENCE)
    assert right(page) < 15
    assert page.locator("#digits li[data-right]").count() == 40
    assert "compiling" in page.inner_text("#waiting [role=status]")
    assert page.locator("#gradients + .none").is_visible()
    untrained = picture(page, "#weights")
    # What is wished for meanwhile is done then.
    page.click("#go")
    settled(page, "starts by itself", "#waiting")
    assert page.inner_text("#go") == "Pause"
    page.click("#go")
    assert page.inner_text("#go") == "Start"
    held.set()
    still(page)
    assert steps(page) == 0
    assert picture(page, "#weights") == untrained
    assert page.inner_text("#waiting") == ""


def test_it_learns_and_one_sees_it(enter, settled):
    page = enter()
    settled(page, "has not learned anything yet", "#said")
    assert page.locator("#digits li").count() == 40
    assert steps(page) == 0
    before = (
        right(page),
        picture(page, "#weights"),
        picture(page, "#chart .loss canvas"),
    )
    page.click("#go")
    until(page, "running")
    after(page, 300)
    page.click("#go")
    still(page)
    assert right(page) > before[0] + 15
    assert picture(page, "#weights") != before[1]
    assert picture(page, "#chart .loss canvas") != before[2]
    assert loss(page) < 1
    assert number(page, 4) > 60
    settled(page, r"the loss went from 2\.\d+ to 0\.\d+", "#said")
    marked = page.locator("#digits li[data-right=true]").count()
    assert marked == right(page)


def test_a_pause_stops_the_training_and_one_step_is_one(enter):
    page = enter()
    page.click("#go")
    after(page, 20)
    page.click("#go")
    still(page)
    stood = steps(page), picture(page, "#weights")
    page.wait_for_timeout(800)
    assert (steps(page), picture(page, "#weights")) == stood
    for more in (1, 2):
        page.click("#step")
        after(page, stood[0] + more)
        still(page)
        assert steps(page) == stood[0] + more
    assert picture(page, "#weights") != stood[1]


def test_rewound_it_is_as_it_was(enter, settled):
    page = enter()
    still(page)
    before = picture(page, "#weights"), page.inner_text("#digits")
    page.click("#step")
    after(page, 1)
    still(page)
    first = loss(page), picture(page, "#gradients")
    page.click("#go")
    after(page, 50)
    page.click("#rewind")
    settled(page, "has not learned anything yet", "#said")
    still(page)
    assert steps(page) == 0
    assert (picture(page, "#weights"), page.inner_text("#digits")) == before
    # The same first batch, so the same first step.
    page.click("#step")
    after(page, 1)
    still(page)
    assert (loss(page), picture(page, "#gradients")) == first


def test_a_changed_setting_restarts_and_is_in_the_address(enter, settled):
    page = enter()
    page.click("#go")
    after(page, 20)
    page.fill("#hidden", "10")
    page.press("#hidden", "Enter")
    settled(page, "7,960 weights", "#size")
    until(page, "paused")
    settled(page, "has not learned anything yet", "#said")
    assert steps(page) == 0
    page.select_option("#activation", "relu")
    page.select_option("#optimizer", "adam")
    until(page, "paused")
    page.wait_for_function("() => location.hash.includes('adam')")
    assert "hidden=10" in page.url
    assert "activation=relu" in page.url
    rate = page.input_value("#entries .entry input")
    assert rate == "0.5", "a rate that somebody has chosen stays"


def test_another_optimiser_brings_its_usual_rate(enter):
    page = enter("#training?hidden=10&entries=node:0.1")
    page.select_option("#optimizer", "adam")
    page.wait_for_function(
        "() => document.querySelector('.entry input').value === '0.001'"
    )


def test_a_race_runs_from_the_same_weights_over_the_same_batches(enter, settled):
    page = enter(RACE)
    page.click("#step")
    for entry in (1, 2, 3):
        after(page, 1, entry)
    still(page)
    # The loss before a step is that of equal weights on an equal batch.
    assert loss(page, 1) == loss(page, 2) == loss(page, 3)
    page.click("#go")
    for entry in (1, 2, 3):
        after(page, 60, entry)
    settled(page, "Smallest loss: (weight|node|backprop), ", "#said")
    page.click("#go")
    still(page)
    page.select_option("#axis", "second")
    page.wait_for_function("() => location.hash.includes('axis=second')")
    by_second = picture(page, "#chart .loss canvas")
    page.select_option("#axis", "step")
    page.wait_for_function(
        "seen => document.querySelector('#chart .loss canvas').toDataURL() !== seen",
        arg=by_second,
    )
    before = picture(page, "#gradients")
    page.click("#entries-now tbody tr:nth-child(3) input")
    page.wait_for_function("() => location.hash.includes('shown=2')")
    still(page)
    assert picture(page, "#gradients") != before


def test_presets_lay_out_a_race(enter):
    page = enter()
    page.select_option("#preset", "methods")
    page.wait_for_function(
        "() => document.querySelectorAll('#entries-now tbody tr').length === 4"
    )
    chosen = page.eval_on_selector_all(".entry select", "all => all.map(e => e.value)")
    assert chosen == ["definition", "weight", "node", "backprop"]
    assert "One step runs the network" in page.inner_text("#size")
    page.select_option("#preset", "rates")
    page.wait_for_function(
        "() => document.querySelector('.entry input').value === '0.01'"
    )
    rates = page.eval_on_selector_all(".entry input", "all => all.map(e => e.value)")
    assert rates == ["0.01", "0.1", "1", "10"]
    assert page.is_disabled("#add")
    page.click(".entry:last-child button")
    page.wait_for_function("() => document.querySelectorAll('.entry').length === 3")
    assert page.input_value("#preset") == "own"


def test_a_method_of_the_server_s_table_has_its_description_there(enter, monkeypatch):
    planted = replace(METHODS["backprop"], name="planted", description="a planted rule")
    monkeypatch.setitem(METHODS, "planted", planted)
    page = enter("#training?hidden=20&entries=planted:0.5")
    assert "planted: a planted rule." in page.inner_text("#size")
    assert page.locator(".entry option[value=planted]").count() == 1


def test_a_diverged_entry_is_reported(enter, settled):
    page = enter(
        "#training?hidden=20&activation=relu&loss=sum_squares&entries=node:0.01,node:1000"
    )
    page.click("#go")
    said = settled(page, "diverged at step", "#said")
    assert "rate 1000 diverged at step" in said
    assert "Try a learning rate of 100." in said
    after(page, 50)
    settled(page, "Only rate 0.01 is still running", "#said")


def test_a_trained_entry_is_saved(enter, settled, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = enter()
    page.click("#go")
    after(page, 50)
    page.click("#save")
    text = settled(page, r"Saved in runs/\d+", "#saved")
    folder = re.findall(r"runs/\d+", text)[0]
    assert f"secant evaluate {folder}" in text
    assert list((tmp_path / folder).iterdir())


def test_a_reload_shows_the_same_settings_untrained(enter, settled):
    page = enter(RACE)
    before = picture(page, "#weights")
    page.click("#go")
    after(page, 30)
    page.fill(".entry:nth-of-type(1) input", "0.25")
    page.press(".entry:nth-of-type(1) input", "Enter")
    page.wait_for_function("() => location.hash.includes('0.25')")
    page.reload()
    until(page, "paused")
    assert page.input_value("#hidden") == "20"
    assert page.input_value(".entry:nth-of-type(1) input") == "0.25"
    assert steps(page) == 0
    assert picture(page, "#weights") == before


def test_the_language_changes_while_it_runs(enter, settled):
    page = enter()
    page.click("#go")
    after(page, 10)
    state = page.url
    page.click("#language")
    settled(page, "걸음 만에 손실이", "#said")
    assert page.inner_text("#go") == "멈춤"
    assert page.inner_text("#activation option:checked") == "sigmoid"
    assert re.search("[가-힣]{2}", page.inner_text("#digits-heading"))
    until(page, "running")
    after(page, steps(page) + 20)
    assert page.url == state


def test_two_tabs_do_not_disturb_each_other(enter):
    one, two = enter(), enter("#training?hidden=10&entries=backprop:0.1")
    one.click("#go")
    after(one, 30)
    assert steps(two) == 0
    two.click("#step")
    after(two, 1)
    one.click("#go")
    still(one)
    stood = steps(one)
    two.click("#go")
    after(two, 30)
    assert steps(one) == stood


@pytest.mark.parametrize("how", ["closed", "left for another room"])
def test_leaving_the_room_ends_the_training(enter, how):
    page = enter()
    race = race_of(page)
    until(page, "paused")
    page.click("#go")
    after(page, 5)
    witness = page.context.new_page()
    witness.goto(page.url.partition("#")[0])
    assert lives(witness, race)
    if how == "closed":
        page.close(run_before_unload=True)
    else:
        page.click("nav a[data-room=slope]")
    for _ in range(3000):
        if not lives(witness, race):
            return
        witness.wait_for_timeout(100)
    pytest.fail("the race goes on")


def test_a_page_that_is_not_seen_holds_no_stream_and_lives(enter):
    page = enter()
    page.click("#go")
    after(page, 20)
    with page.expect_request("**/api/training/keep_alive"):
        page.evaluate(
            """() => {
              Object.defineProperty(document, "hidden", { get: () => window.away })
              window.away = true
              document.dispatchEvent(new Event("visibilitychange"))
            }"""
        )
    page.wait_for_timeout(300)
    unseen = steps(page)
    page.wait_for_timeout(700)
    assert steps(page) == unseen
    page.evaluate(
        """() => {
          window.away = false
          document.dispatchEvent(new Event("visibilitychange"))
        }"""
    )
    after(page, unseen + 20)
    until(page, "running")


def test_an_invalid_setting_is_reported_and_corrected(enter, settled):
    page = enter()
    page.fill("#hidden", "0")
    page.press("#hidden", "Enter")
    settled(page, "hidden is 0: pass a number between 1 and", "#problem")
    settled(page, "settings are invalid", "#said")
    page.fill("#hidden", "10")
    page.press("#hidden", "Enter")
    settled(page, "^$", "#problem")
    until(page, "paused")
    page.click("#step")
    after(page, 1)


def test_an_invalid_rate_changes_nothing(enter):
    page = enter()
    for none in ("fast", "0", "-1", ""):
        page.fill(".entry input", none)
        page.press(".entry input", "Enter")
        assert page.input_value(".entry input") == "0.5"
    page.click("#step")
    after(page, 1)


@pytest.mark.parametrize(
    "entries",
    [
        "a:1,b:1,c:1,d:1,e:1",
        *("", "node", "node:0", "node:-1", "node:x", "%00:1"),
    ],
)
def test_a_link_with_strange_entries_shows_the_usual_one(enter, entries):
    page = enter(f"#training?hidden=10&entries={entries}&shown=7&axis=no")
    assert page.input_value(".entry input") == "0.1"
    assert page.input_value("#axis") == "step"
    assert page.locator("#entries-now tbody tr").count() == 1


def test_a_link_with_unknown_names_is_reported(visit, settled):
    page = visit("#training?hidden=10&entries=nod:0.5")
    settled(page, "nod.*[Dd]id you mean 'node'", "#problem")
    page.select_option(".entry select", "node")
    until(page, "paused")
    assert page.inner_text("#problem") == ""


def test_everything_is_reached_and_done_by_keyboard(enter):
    page = enter(RACE)
    reached = []
    page.focus("#theme")
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    wanted = ["data", "hidden", "activation", "loss", "optimizer", "init", "batch"]
    wanted += [
        "seed",
        "preset",
        "equal_steps",
        "add",
        "go",
        "step",
        "rewind",
        "save",
        "axis",
    ]
    assert [name for name in reached if name in wanted][: len(wanted)] == wanted
    page.focus("#go")
    page.keyboard.press("Space")
    until(page, "running")
    after(page, 10)
    page.keyboard.press("Space")
    until(page, "paused")
    page.keyboard.press("Tab")
    stood = steps(page, 2)
    page.keyboard.press("Enter")
    after(page, stood + 1, 2)
    page.focus("#entries-now tbody tr:nth-child(1) input")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("() => location.hash.includes('shown=1')")
