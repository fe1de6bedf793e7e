"""The room of checks, used as a person uses it."""

import re

import pytest

from secant_lab.fault_catalogue import BACKPROPS

PLANTED = "#check?fault=transposed&h=0.0001&beside=secant"
OWN = (
    "#check?fault=own&variables=2&formula=x**2*y+%2B+sin(y)&dx=2*x*y"
    "&dy=x**2+-+cos(y)&x=1&y=0.5&reach=1"
)
# The first check of a loss is compiled, on a machine that may have other things to do.
LONG = 600

SAYS = {
    "no_mean": "20 times the slope, a sum for a mean over an axis of 20",
    "halved": "0.5 times the slope, with a 2 missing",
    "sign": "the sign: the gradient is minus the slope",
    "bias_not_summed": "b1: its shape is 20×12, not 12: a batch axis of 20 is left",
    "bias_averaged": "b1: a constant factor: .*0.05 times.*a mean for a sum",
    "slope_forgotten": "W1, b1: .*W2 and b2 are right",
    "slope_of_output": "W1, b1: .*W2 and b2 are right",
    "transposed": "W1: transposed: the gradient is the slope",
    "shape_transposed": "W2: its shape is 5×12, not 12×5: transposed",
    "index_off": "W1: shifted by 1 along axis 0",
    "one_weight": r"W1: a single coordinate, 1.01 times the slope, at \[3, 7\]",
    "mask_forgotten": "W1, b1: .*W2 and b2 are right",
    "mask_of_inputs": "W1, b1: .*W2 and b2 are right",
    "decay_forgotten": "W1: a term proportional to the parameter is missing: 0.05",
}


@pytest.fixture
def open_room(visit, settled):
    """The page at a state of the room, once it shows a verdict."""

    def visited(state, **how):
        page = visit(state, **how)
        page.wait_for_selector("#room[data-found]", timeout=1000 * LONG)
        return page

    return visited


def test_a_fault_is_picked_and_its_verdict_and_line_are_seen(open_room, settled):
    page = open_room(PLANTED)
    settled(page, SAYS["transposed"])
    assert page.inner_text(".verdict span") == "Wrong"
    page.select_option("#fault", "bias_not_summed")
    settled(page, SAYS["bias_not_summed"])
    assert '"b1": d1,' in page.inner_text("#code .wrong")
    assert '"b1": d1.sum(axis=0),' in page.inner_text("#code .right")
    assert page.inner_text("#worst tr th >> nth=0").startswith("b1[")
    page.select_option("#fault", "right")
    # Within rounding or not: that is up to the processor's arithmetic.
    settled(page, "All 221 numbers agree with their secants")
    assert page.locator("#code .wrong").count() == 0
    settled(page, r"calls \d+ of 221 numbers wrong – and none", "#naive")


def test_the_code_is_shown_before_the_verdict(visit, settled):
    page = visit("#check?fault=own&formula=sin(x)*cos(y)*x&variables=2&dx=y&dy=x")
    settled(page, "Checking", "#busy")
    assert page.locator("#room[data-ready]").count() == 1
    assert page.locator(".closer").is_hidden()
    settled(page, "Wrong")
    assert page.inner_text("#busy") == ""
    assert page.locator(".closer").is_visible()


def test_each_fault_is_explained(open_room, settled):
    assert set(SAYS) == {*BACKPROPS} - {"right", "blank_sample"}
    page = open_room(PLANTED)
    for fault, says in SAYS.items():
        page.select_option("#fault", fault)
        settled(page, says)
        assert page.inner_text(".verdict span") == "Wrong"
        assert page.locator("#code .wrong").count() == 1
        assert page.locator("#code .right").count() == 1
    page.select_option("#fault", "blank_sample")
    settled(page, r"Right, on a kink[\s\S]*b1: the slope from below")


def test_a_derivative_is_mended_and_turns_right(open_room, settled):
    page = open_room(OWN)
    settled(page, r"Wrong[\s\S]*121 differ[\s\S]*∂f/∂y: no simple pattern")
    assert page.inner_text("#verdict-x") == "right"
    assert page.inner_text("#verdict-y") == "wrong"
    page.fill("#dy", "x**2 + cos(y")
    settled(page, "∂f/∂y: .*(closed|parenthes)", "#problem")
    assert page.get_attribute("#dy", "aria-invalid") == "true"
    assert page.get_attribute("#dx", "aria-invalid") == "false"
    page.fill("#dy", "x**2 + cos(y)")
    settled(page, "Right[\\s\\S]*All 242 derivatives")
    assert page.inner_text("#verdict-y") == "right"
    assert page.inner_text("#problem") == ""


def test_a_function_of_ones_own_is_typed(open_room, settled):
    page = open_room(PLANTED)
    page.select_option("#fault", "own")
    settled(page, "derivatives")
    page.select_option("#variables", "1")
    page.fill("#formula", "x**3")
    page.fill("#dx", "2*x**2")
    page.fill("#x", "1.5")
    settled(page, "∂f/∂x: 0.6666.* times the slope")
    assert page.locator("#row-y").is_hidden()
    page.fill("#dx", "3*x**2")
    settled(page, "Right[\\s\\S]*All 11 derivatives")
    page.fill("#formula", "log(x - 5)")
    settled(page, "f: The function has no finite value where x = 1.5", "#problem")


@pytest.mark.parametrize(
    ("example", "says"),
    [
        ("cube", "Wrong"),
        ("relu", r"wrong exactly where its variable has x < 0[\s\S]*point itself"),
        ("abs", r"Right, on a kink[\s\S]*the slope from below is −1, from above 1"),
        ("root", r"Not finite[\s\S]*at 0 the function has no slope"),
        ("rounding", "Right, within rounding"),
        ("four", "∂f/∂w: it is too large by 1"),
    ],
)
def test_examples(open_room, settled, example, says):
    page = open_room(OWN)
    page.select_option("#example", example)
    settled(page, says)


def test_a_cell_is_looked_at_by_pointer_and_by_keys(open_room, settled):
    page = open_room(PLANTED)
    canvas = page.locator("#maps canvas").first
    side = canvas.bounding_box()["width"] / 12
    canvas.hover(position={"x": 4.5 * side, "y": 2.5 * side})
    n = r"(−?[\d.]+)"
    said = rf"^W1\[2, 4\]: gradient {n}, secant {n}; they differ by {n}\."
    settled(page, said, "#cell")
    numbers = re.match(said, page.inner_text("#cell")).groups()
    gradient, secant, difference = (float(x.replace("−", "-")) for x in numbers)
    assert difference == pytest.approx(abs(gradient - secant), rel=0.05)
    canvas.focus()
    for key in ("ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    settled(page, r"^W1\[3, 5\]", "#cell")
    assert canvas.get_attribute("aria-valuetext").startswith("W1[3, 5]: gradient")
    assert canvas.get_attribute("aria-valuenow") == str(3 * 12 + 5)
    page.keyboard.press("Home")
    settled(page, r"^W1\[3, 0\]", "#cell")
    page.keyboard.press("ArrowLeft")
    settled(page, r"^W1\[3, 0\]", "#cell")
    page.keyboard.press("Control+End")
    settled(page, r"^W1\[11, 11\]", "#cell")
    page.keyboard.press("Tab")
    settled(page, r"^b1\[\d+\]", "#cell")


PIXEL = """([selector, x, y]) => {
  const canvas = document.querySelector(selector)
  const pixel = canvas.getContext("2d").getImageData(x, y, 1, 1).data
  return [...pixel].slice(0, 3)
}"""


def test_colours_are_errors_on_a_log_scale(open_room):
    page = open_room(PLANTED)
    light = page.evaluate(PIXEL, ["#maps canvas", 3, 3])
    dark = page.evaluate(PIXEL, ["#maps canvas", 3 + 26 * 6, 3 + 26])
    # The diagonal of what was transposed is right; beside it the error is as large as
    # the largest slope.
    assert min(light) > 200
    assert dark[0] - dark[1] > 60
    page.check("#beside-naive")
    noisy = page.evaluate(PIXEL, ["#maps canvas", 3, 3])
    assert noisy != light
    page.click("#theme")
    page.check("#beside-secant")
    assert max(page.evaluate(PIXEL, ["#maps canvas", 3, 3])) < 110


def test_the_step_of_the_naive_check_is_chosen(open_room, settled):
    page = open_room("#check?fault=right")
    settled(page, "h = 10⁻⁴", "#naive")
    few = int(re.search(r"calls (\d+)", page.inner_text("#naive"))[1])
    page.select_option("#h", "0.00001")
    settled(page, "h = 10⁻⁵", "#naive")
    assert int(re.search(r"calls (\d+)", page.inner_text("#naive"))[1]) > few


def test_a_link_shows_another_person_the_same(open_room, settled):
    page = open_room(OWN)
    page.fill("#dy", "x**2 + cos(y) + 1")
    settled(page, "too large by 1")
    page.check("#beside-naive")
    page.wait_for_url(re.compile("beside=naive"))
    other = open_room("#" + page.url.partition("#")[2], locale="ko-KR")
    settled(
        other, "틀렸어요[\\s\\S]*어디서나 같은 상수가 더해져 있어요: 1", seconds=LONG
    )
    assert other.input_value("#dy") == "x**2 + cos(y) + 1"
    assert other.is_checked("#beside-naive")


def test_the_language_changes_and_the_findings_stay(open_room, settled):
    page = open_room(PLANTED)
    settled(page, SAYS["transposed"])
    page.locator("#maps canvas").first.focus()
    page.keyboard.press("Control+Home")
    page.click("#language")
    settled(page, r"틀렸어요[\s\S]*W1: 전치됐어요[\s\S]*곱하는 순서를 바꾸세요")
    settled(page, r"^W1\[0, 0\]: 기울기", "#cell")
    assert page.get_attribute("#fault optgroup >> nth=1", "label") == "일부러 틀린 것"
    page.select_option("#fault", "own")
    page.fill("#formula", "sinn(x)")
    settled(page, "f: .*모르는 이름.*“sin”인가요", "#problem")


@pytest.mark.parametrize("state", [PLANTED, OWN])
def test_a_narrow_page_holds_it_all(open_room, state):
    page = open_room(state, width=390)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for canvas in page.locator("#maps canvas").all():
        box = canvas.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


def test_everything_is_reached_by_keyboard(open_room):
    page = open_room(OWN)
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.id || document.activeElement.tagName")
        )
    wanted = ["fault", "example", "formula", "variables", "dx", "x", "dy", "y"]
    wanted += ["reach", "h", "beside-secant", "CANVAS", "CANVAS"]
    assert [name for name in reached if name in wanted][: len(wanted)] == wanted
