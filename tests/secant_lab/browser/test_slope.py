"""The room of slopes, used as a person uses it."""

import re

import pytest

START = "#slope?formula=x**3&x=1&h=0.5&kind=central&low=-2&high=2"


def test_the_room_shows_the_state_of_its_address(visit, settled):
    page = visit(START)
    # ((1 + h)³ - (1 - h)³) / 2h = 3 + h², and the tangent's 3.
    settled(page, r"^3\.25$", "#secant-slope")
    settled(page, r"^3$", "#tangent-slope")
    settled(page, r"differ by 0\.25")
    assert page.locator("#ways tr").count() == 4
    assert page.input_value("#formula") == "x**3"
    assert page.locator("#errors canvas").count() == 1


def test_the_point_is_dragged(visit, settled, drag):
    page = visit(START)
    settled(page, r"^3\.25$", "#secant-slope")
    drag(page, "#point-x .dot", 120)
    page.wait_for_function(
        "() => !document.querySelector('#x-shown').textContent.match(/^1$/)"
    )
    x = float(page.inner_text("#x-shown"))
    assert x > 1.2
    page.wait_for_function(
        "slope => Math.abs(Number("
        "document.querySelector('#tangent-slope').textContent) - slope) < 0.01",
        arg=3 * x * x,
    )


def test_the_second_point_is_dragged_and_changes_h(visit, settled, eventually, drag):
    page = visit(START)
    settled(page, r"^3\.25$", "#secant-slope")
    drag(page, "#point-h .dot", -40)
    page.wait_for_function(
        "() => document.querySelector('#h-shown').textContent !== '0.5'"
    )
    h = float(page.inner_text("#h-shown"))
    assert 0.1 < h < 0.5

    def agree():
        h, slope = (float(page.inner_text(at)) for at in ("#h-shown", "#secant-slope"))
        return slope == pytest.approx(3 + h * h, rel=2e-3)

    eventually(page, agree)


def test_h_is_chosen_in_the_chart_and_subtraction_is_seen_to_lose(visit, settled):
    page = visit(START)
    settled(page, r"^3\.25$", "#secant-slope")
    box = page.locator("#errors .u-over").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 9 / 16, box["y"] + 20)
    settled(page, "digits that the two values share cancel")
    assert "10⁻⁷" in page.inner_text("#h-shown")
    errors = page.locator("#ways tr td:last-child").all_inner_texts()
    subtracted, propagated = errors[:2]
    assert "10⁻" not in subtracted or "10⁻²" in subtracted or "10⁻³" in subtracted
    assert propagated == "0" or re.search("10⁻[⁷⁸⁹]|10⁻¹", propagated)


def test_a_formula_is_typed(visit, settled):
    page = visit(START)
    settled(page, r"^3\.25$", "#secant-slope")
    page.fill("#formula", "5*x + 1")
    settled(page, r"^5$", "#tangent-slope")
    assert page.input_value("#curve") == "own"


def test_an_invalid_formula_is_reported_and_the_last_valid_one_stays(visit, settled):
    page = visit(START)
    settled(page, r"^3\.25$", "#secant-slope")
    page.fill("#formula", "5*sinn(x)")
    settled(page, "Column 3.*sinn.*Did you mean “sin”", "#problem")
    assert page.get_attribute("#formula", "aria-invalid") == "true"
    assert page.inner_text("#secant-slope") == "3.25"
    page.fill("#formula", "__import__('os')")
    settled(page, "Column 12", "#problem")
    page.fill("#formula", "2*x")
    settled(page, r"^2$", "#tangent-slope")
    assert page.inner_text("#problem") == ""


def test_a_curve_is_picked(visit, settled):
    page = visit(START)
    page.select_option("#curve", "relu")
    settled(page, "A corner: .* 0, from the right 1")
    assert page.input_value("#formula") == "relu(x)"


def test_at_a_corner_the_empty_chart_is_explained(visit, settled):
    page = visit("#slope?formula=abs(x)&x=0&h=0.5&low=-2&high=2")
    page.wait_for_selector("#no-errors", state="visible")
    settled(page, "no tangent here.*Move the point", "#no-errors")
    assert not page.is_visible("#errors canvas")
    page.focus("#point-x")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#errors canvas", state="visible")
    assert not page.is_visible("#no-errors")


def test_a_link_with_an_invalid_formula_is_reported_in_place_of_the_curve(
    visit, settled
):
    page = visit("#slope?formula=sinn(x)&x=1", locale="ko-KR")
    page.wait_for_selector("#no-curve", state="visible")
    settled(page, "아직 보여 줄 곡선이 없어요", "#no-curve")
    settled(page, "혹시 “sin”인가요", "#problem")
    assert not page.is_visible("#plane svg")
    page.fill("#formula", "sin(x)")
    page.wait_for_selector("#plane svg", state="visible")
    settled(page, r"\d", "#tangent-slope")
    assert not page.is_visible("#no-curve")


def test_forward_and_central_secants(visit, settled):
    page = visit(START)
    settled(page, r"^3\.25$", "#secant-slope")
    page.check("#kind-forward")
    # ((1 + h)³ - 1) / h = 3 + 3h + h²
    settled(page, r"^4\.75$", "#secant-slope")


def test_the_language_changes_and_the_state_stays(visit, settled):
    page = visit(START)
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


def test_a_link_shows_another_person_the_same(visit, settled):
    page = visit(START)
    settled(page, r"^3\.25$", "#secant-slope")
    page.fill("#formula", "x**2 + 1")
    page.check("#kind-forward")
    settled(page, r"^2\.5$", "#secant-slope")
    page.wait_for_function("() => location.hash.includes('forward')")
    page.wait_for_timeout(300)
    link = page.url.partition("#")[2]
    assert "token" not in page.url
    page.reload()
    settled(page, r"^2\.5$", "#secant-slope")
    other = visit(f"#{link}", locale="ko-KR")
    settled(other, r"^2\.5$", "#secant-slope")
    assert other.input_value("#formula") == "x**2 + 1"
    assert other.is_checked("#kind-forward")


def test_everything_is_reached_by_keyboard(visit, settled):
    page = visit(START)
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


def test_points_and_sliders_move_by_keys(visit, settled):
    page = visit(START)
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


def test_two_tabs_do_not_disturb_each_other(visit, settled):
    one, two = visit(START), visit("#slope?formula=x**2&x=3&h=0.5&low=-4&high=4")
    settled(two, r"^6$", "#secant-slope")
    settled(one, r"^3\.25$", "#secant-slope")
    one.fill("#formula", "7*x")
    settled(one, r"^7$", "#secant-slope")
    assert two.inner_text("#secant-slope") == "6"
