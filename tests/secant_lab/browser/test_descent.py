"""The room of descents, used as a person uses it."""

import math
import re

import pytest

BOWL = "#descent?formula=x0**2%2Bx1**2&x0=-3&x1=4&left=-7&right=7&bottom=-5&top=5"
RATES = f"{BOWL}&steps=100&runs=sgd:0.005,sgd:0.1,sgd:1.05"
ONE = f"{BOWL}&steps=100&runs=sgd:0.1"

# Of the picture, around the map: left, right, top, bottom.
MARGINS = (44, 12, 12, 30)


def place(page, x0, x1, view=(-7, 7, -5, 5)):
    """Where a point of the surface is on the screen."""
    box = page.locator("#map").bounding_box()
    left, right, top, bottom = MARGINS
    wide, tall = box["width"] - left - right, box["height"] - top - bottom
    a = (x0 - view[0]) / (view[1] - view[0])
    b = (view[3] - x1) / (view[3] - view[2])
    return box["x"] + left + a * wide, box["y"] + top + b * tall


def start(page):
    return tuple(float(page.input_value(f"#{name}")) for name in ("x0", "x1"))


def painted(page):
    """The paths, as they are drawn: another picture, another number."""
    return page.evaluate(
        """() => {
          const canvas = document.querySelectorAll("#map canvas")[1]
          const { data } = canvas.getContext("2d")
            .getImageData(0, 0, canvas.width, canvas.height)
          let sum = 0
          for (let i = 0; i < data.length; i += 4)
            if (data[i + 3]) sum = (sum * 31 + i + data[i]) % 1000003
          return sum
        }"""
    )


def row(page, number=0):
    cells = page.locator(
        f"#trajectories tr:nth-child({number + 1}) td"
    ).all_inner_texts()
    return [float(cell.replace("−", "-")) for cell in cells]


def test_the_room_shows_the_state_of_its_address(visit, settled):
    page = visit(RATES)
    said = settled(page, "Diverged")
    crawls, converged, diverged = said.strip().split("\n")
    assert re.search(r"sgd, 0\.005 Crawls: after 100 steps, 37%", crawls)
    assert "Converged at step 31 to (0, 0)" in converged
    assert "Diverged at step 1" in diverged
    assert "above 1 = 2 / 2" in diverged
    assert page.input_value("#surface") == "own"
    assert page.locator("#trajectories tr").count() == 3
    assert page.locator("#values canvas").count() == 1
    label = page.get_attribute("#map [role=img]", "aria-label")
    assert "sgd, 0.1: Converged at step 31" in label


def test_a_click_sets_the_start(visit, settled):
    page = visit(ONE)
    settled(page, "Converged at step 31")
    before = painted(page)
    page.mouse.click(*place(page, 5, -2))
    settled(page, r"Converged at step 31")
    assert start(page) == pytest.approx((5, -2), abs=0.05)
    page.fill("#steps", "1")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#step').max === '1'")
    # One step with 0.1 leaves 0.8 of the start.
    assert row(page)[:2] == pytest.approx([4, -1.6], abs=0.05)
    assert painted(page) != before


def test_the_start_is_dragged_and_the_paths_follow(visit, settled, eventually):
    page = visit(ONE)
    settled(page, "Converged")
    seen = {painted(page)}
    page.mouse.move(*place(page, -3, 4))
    page.mouse.down()
    for x0 in (-1, 1, 3):
        page.mouse.move(*place(page, x0, -4), steps=3)
        eventually(page, lambda: painted(page) not in seen)
        seen.add(painted(page))
    page.mouse.up()
    assert start(page) == pytest.approx((3, -4), abs=0.05)
    page.mouse.move(*place(page, 0, 0))
    assert start(page) == pytest.approx((3, -4), abs=0.05)


def test_a_drag_ends_at_the_edge_of_the_picture(visit, settled):
    page = visit(ONE)
    settled(page, "Converged")
    page.mouse.move(*place(page, -3, 4))
    page.mouse.down()
    page.mouse.move(1, 1, steps=4)
    page.mouse.up()
    assert start(page) == (-7, 5)


def test_a_finger_scrolls_over_the_picture_and_a_tap_sets_the_start(
    phone, finger, settled
):
    page = phone(ONE)
    settled(page, "수렴했어요")
    page.locator("#map").evaluate("map => map.scrollIntoView({ block: 'center' })")
    before, scrolled = start(page), page.evaluate("scrollY")
    finger(page, "#map", (0.6, 0.8), (0.6, 0.2))
    page.wait_for_function("before => scrollY > before + 50", arg=scrolled)
    assert start(page) == before
    page.locator("#map").evaluate("map => map.scrollIntoView({ block: 'center' })")
    finger(page, "#map", (0.7, 0.5), (0.7, 0.5))
    page.wait_for_function(
        "x0 => Number(document.querySelector('#x0').value) > x0", arg=1
    )
    scrolled = page.evaluate("scrollY")
    finger(page, "#map", (0.7, 0.5), (0.3, 0.5))
    page.wait_for_function(
        "x0 => Number(document.querySelector('#x0').value) < x0", arg=-1
    )
    assert page.evaluate("scrollY") == scrolled
    # The start itself is dragged in any direction.
    finger(page, "#start", (0.5, 0.5), (0.5, 2.5))
    page.wait_for_function(
        "x1 => Number(document.querySelector('#x1').value) < x1", arg=-1
    )
    assert page.evaluate("scrollY") == scrolled


def test_the_start_moves_by_keys_and_by_number(visit, settled):
    page = visit(ONE)
    settled(page, "Converged")
    page.focus("#start")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#start[aria-valuetext='x₀ = −2.93, x₁ = 4']")
    page.keyboard.press("Shift+ArrowDown")
    page.wait_for_selector("#start[aria-valuetext='x₀ = −2.93, x₁ = 3.5']")
    assert start(page) == (-2.93, 3.5)
    page.fill("#x0", "0")
    page.keyboard.press("Tab")
    page.fill("#x1", "0")
    page.keyboard.press("Tab")
    settled(page, "the start is a minimum")


def test_a_typed_formula_works_and_an_invalid_one_is_reported(visit, settled):
    page = visit(ONE)
    settled(page, "Converged at step 31 to")
    page.fill("#formula", "(x - 2)**2 + (y + 1)**2")
    settled(page, r"Converged at step 31 to \(2, −1\)")
    assert page.input_value("#surface") == "own"
    page.fill("#formula", "x0**2 + sinn(x1)")
    settled(page, "Column 9.*sinn.*Did you mean “sin”", "#problem")
    assert page.get_attribute("#formula", "aria-invalid") == "true"
    assert "(2, −1)" in page.inner_text("#seen")
    page.fill("#formula", "x0**2 + z")
    settled(page, "there is no “z”", "#problem")
    page.fill("#formula", "x0**2 - x1**2")
    settled(page, "Left the picture")
    settled(page, "^$", "#problem")


def test_a_surface_is_picked_with_a_start_of_its_own(visit, settled):
    page = visit(ONE)
    settled(page, "Converged")
    for name, says in (
        ("ravine", r"sgd, 0\.95 Converged at step 69.*overshoots"),
        ("rosenbrock", r"sgd, 0\.001 Crawls: .* to \(1, 1\)"),
        ("saddle", "Left the picture"),
        ("himmelblau", r"sgd, 0\.01 Converged at step 24 to \(3, 2\)"),
        ("bowl", "Converged at step 31"),
    ):
        page.select_option("#surface", name)
        settled(page, says)
        assert page.input_value("#surface") == name


def test_the_rate_is_slid_and_typed(visit, settled):
    page = visit(ONE)
    settled(page, "Converged at step 31")
    page.focus("#rate-0")
    page.keyboard.press("End")
    settled(page, r"sgd, 10 Diverged at step 1.*above 1 = 2 / 2")
    assert page.input_value("#rate-field-0") == "10"
    page.fill("#rate-field-0", "1")
    settled(
        page,
        r"sgd, 1 Oscillates.*half of the \d+ steps.*exactly at the limit 1 = 2 / 2",
    )
    assert float(page.input_value("#rate-0")) == 0
    page.focus("#rate-0")
    page.keyboard.press("ArrowLeft")
    settled(page, r"sgd, 0\.977 Oscillates.*The limit is 1 = 2 / 2")


def test_a_rate_that_is_none_changes_nothing(visit, settled):
    page = visit(ONE)
    settled(page, "Converged at step 31")
    page.fill("#rate-field-0", "-3")
    page.keyboard.press("Tab")
    assert page.input_value("#rate-field-0") == "0.1"
    page.fill("#rate-field-0", "0.2")
    settled(page, r"sgd, 0\.2 Converged at step 14")


def test_an_optimiser_is_chosen_added_and_removed(visit, settled):
    page = visit(ONE)
    settled(page, "Converged at step 31")
    page.select_option("#optimizer-0", "momentum")
    settled(page, r"momentum, 0\.1 Converged|momentum, 0\.1 Almost")
    for count in (2, 3, 4):
        page.click("#add")
        page.wait_for_function(
            "n => document.querySelectorAll('#trajectories tr').length === n", arg=count
        )
    assert page.is_disabled("#add")
    page.select_option("#optimizer-3", "adam")
    settled(page, r"adam, 0\.0125")
    page.click("#remove-0")
    settled(page, r"^\s*momentum, 0\.05")
    assert page.locator("#runs li").count() == 3
    page.click("#remove-0")
    page.click("#remove-0")
    settled(page, r"^\s*adam, 0\.0125")
    assert page.is_disabled("#remove-0")


def test_three_rates_crawl_converge_and_diverge(visit, settled):
    page = visit(ONE)
    settled(page, "Converged at step 31")
    page.click("#preset-rates")
    said = settled(page, "Diverged").strip().split("\n")
    assert [re.search(r", [\d.]+ (\w+)", line).group(1) for line in said] == [
        "Crawls",
        "Converged",
        "Diverged",
    ]


def test_three_optimisers_are_compared(visit, settled):
    page = visit(ONE)
    settled(page, "Converged at step 31")
    page.click("#preset-optimizers")
    said = settled(page, "adam")
    assert re.findall(r"(\w+), [\d.]+ ", said) == ["sgd", "momentum", "adam"]


def test_the_path_is_played_paused_and_stepped(visit, settled):
    page = visit(ONE)
    settled(page, "Converged at step 31")
    assert page.input_value("#step") == "100"
    whole = painted(page)
    page.click("#play")
    settled(page, "Pause", "#play")
    page.wait_for_function("() => Number(document.querySelector('#step').value) >= 3")
    part = painted(page)
    assert part != whole
    page.wait_for_function("() => Number(document.querySelector('#step').value) >= 6")
    page.click("#play")
    settled(page, "Play", "#play")
    at = int(page.input_value("#step"))
    assert 6 <= at < 100
    assert painted(page) not in (part, whole)
    page.click("#back")
    at = int(page.input_value("#step"))
    page.click("#forward")
    assert page.input_value("#step") == str(at + 1)
    settled(page, rf"^At step {at + 1}$", "#table-caption")
    left = 0.8 ** (at + 1)
    assert row(page) == pytest.approx([-3 * left, 4 * left, 25 * left**2], rel=1e-3)


def test_it_plays_to_the_end_faster_where_that_is_wanted(visit, settled):
    page = visit(f"{BOWL}&steps=20&runs=sgd:0.1")
    settled(page, "Crawls|Almost|Converged")
    page.select_option("#speed", "40")
    page.click("#play")
    settled(page, "Pause", "#play")
    settled(page, "Play", "#play")
    assert page.input_value("#step") == "20"
    assert page.is_disabled("#forward")


def test_the_step_is_chosen_by_slider_and_in_the_chart(visit, settled):
    page = visit(ONE)
    settled(page, "Converged at step 31")
    page.focus("#step")
    page.keyboard.press("Home")
    settled(page, "^At step 0$", "#table-caption")
    assert row(page) == [-3, 4, 25]
    assert page.is_disabled("#back")
    page.keyboard.press("ArrowRight")
    settled(page, "^At step 1$", "#table-caption")
    box = page.locator("#values .u-over").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.4, box["y"] + 20)
    settled(page, "^At step 40$", "#table-caption")


def test_who_wants_no_motion_gets_none_unasked(visit, settled):
    page = visit(ONE)
    page.emulate_media(reduced_motion="reduce")
    settled(page, "Converged at step 31")
    page.click("#preset-rates")
    settled(page, "Diverged")
    assert page.input_value("#step") == "100"
    settled(page, "Play", "#play")
    # Asked to, it goes from step to step and never between them.
    page.click("#play")
    page.wait_for_function("() => Number(document.querySelector('#step').value) >= 2")
    page.click("#play")
    at = page.input_value("#step")
    stepped = painted(page)
    page.focus("#step")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert page.input_value("#step") == at
    assert painted(page) == stepped


def test_with_motion_a_preset_is_played(visit, settled):
    page = visit(ONE)
    settled(page, "Converged at step 31")
    page.click("#preset-rates")
    settled(page, "Pause", "#play")
    page.wait_for_function("() => Number(document.querySelector('#step').value) >= 3")


def test_a_link_shows_another_person_the_same(visit, settled):
    page = visit(ONE)
    settled(page, "Converged at step 31")
    page.fill("#formula", "x0**2/20 + x1**2")
    page.mouse.click(*place(page, -6, 2))
    page.click("#add")
    page.select_option("#optimizer-1", "adam")
    said = settled(page, r"adam, 0\.05")
    page.wait_for_function("() => location.hash.includes('adam')")
    page.wait_for_timeout(300)
    link, begun = page.url.partition("#")[2], start(page)
    page.reload()
    assert settled(page, r"adam, 0\.05") == said
    other = visit(f"#{link}")
    assert settled(other, r"adam, 0\.05") == said
    assert start(other) == begun
    assert other.input_value("#formula") == "x0**2/20 + x1**2"


def test_changing_the_language_translates_the_verdicts(visit, settled):
    page = visit(RATES)
    settled(page, "Diverged")
    page.click("#language")
    said = settled(page, "발산했어요")
    assert "37% 남았어요" in said
    assert re.search(r"31번째 걸음에서 \(0, 0\)에 수렴했어요", said)
    assert "1.05 > 1 = 2 / 2" in said
    page.fill("#formula", "x0**2 + zz")
    settled(page, "모르는 이름", "#problem")


def test_everything_is_reached_by_keyboard(visit, settled):
    page = visit(ONE)
    settled(page, "Converged")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    wanted = ["surface", "formula", "start", "play", "back", "step", "speed"]
    wanted += ["x0", "x1", "left", "right", "bottom", "top"]
    wanted += ["optimizer-0", "rate-0", "rate-field-0", "add"]
    wanted += ["preset-rates", "preset-optimizers", "steps"]
    assert [name for name in reached if name in wanted][: len(wanted)] == wanted


def test_another_part_of_the_surface_is_looked_at(visit, settled, eventually):
    page = visit(ONE)
    settled(page, "Converged")
    before = painted(page)
    page.fill("#right", "14")
    page.keyboard.press("Tab")
    page.wait_for_function("() => location.hash.includes('right=14')")
    eventually(page, lambda: painted(page) != before)
    page.mouse.click(*place(page, 10, 0, (-7, 14, -5, 5)))
    assert start(page) == pytest.approx((10, 0), abs=0.1)
    page.fill("#left", "20")
    page.keyboard.press("Tab")
    settled(page, "from 20 to 14", "#problem")
    assert not math.isnan(start(page)[0])


def test_the_surface_is_seen_in_perspective_and_turned(visit, settled, eventually):
    page = visit(ONE)
    settled(page, "Converged")
    above = painted(page)
    page.check("#look-perspective")
    settled(page, "Drag to turn", "#how")
    seen = {above, painted(page)}
    box = page.locator("#map").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 240, steps=5)
    page.mouse.up()
    seen.add(painted(page))
    assert page.input_value("#turn") == "50"
    assert start(page) == (-3, 4)
    page.focus("#turn")
    page.keyboard.press("Home")
    seen.add(painted(page))
    page.focus("#start")
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_selector("#start[aria-valuetext='x₀ = −2.3, x₁ = 4']")
    eventually(page, lambda: painted(page) not in seen)
    page.wait_for_function("() => location.hash.includes('turn=-180&tilt=50')")
    page.reload()
    settled(page, "Converged")
    assert page.is_checked("#look-perspective")
    page.check("#look-above")
    settled(page, "Click or drag", "#how")
    assert page.is_hidden("#turn")
