"""The room of descents says what mathematics says of them."""

import json
import re
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import secant
from secant.descent import DescentStatus
from secant.errors import InvalidInput
from secant.training.optimizers import OPTIMIZERS
from secant_lab import server
from secant_lab.descents.critical_points import critical_point_near, minimum_below
from secant_lab.descents.surfaces import sample_surface, surface
from secant_lab.descents.trajectories import MAX_STEPS, OPTIMIZER_NAMES, trajectory
from secant_lab.expressions import FUNCTION_COSTS, MAX_FUNCTIONS
from secant_lab.rooms import descent

BOWL = "x0**2 + x1**2"
RAVINE = "x0**2/20 + x1**2"
ROSENBROCK = "(1 - x0)**2 + 100*(x1 - x0**2)**2"
HIMMELBLAU = "(x0**2 + x1 - 11)**2 + (x0 + x1**2 - 7)**2"
SADDLE = "x0**2 - x1**2"


def verdict(formula, start, run, steps=100, view=(-9, 9, -9, 9)):
    told = descent.descents(formula, *start, run, steps, *view)
    (found,) = told["trajectories"]
    return found["verdict"]["status"], found["verdict"]["facts"], found


# --- the surface --------------------------------------------------------------------


def test_heights_are_the_formula_at_a_grid_of_places():
    drawn = descent.heights("x0**2 + 3*x1", -2, 1, -1, 4)
    x0, x1 = np.array(drawn["x0"]), np.array(drawn["x1"])
    assert (x0[0], x0[-1], x1[0], x1[-1]) == (-2, 1, -1, 4)
    assert len(x0) == len(x1) == descent.SAMPLES
    assert np.allclose(drawn["rows"], x0**2 + 3 * x1[:, None], rtol=1e-14)


def test_where_a_surface_has_no_height_there_is_a_gap():
    rows = descent.heights("log(x0)", -1, 1, 0, 1)["rows"]
    assert all(row[0] is None and row[-1] == 0 for row in rows)


@pytest.mark.parametrize("formula", [BOWL, RAVINE, ROSENBROCK, HIMMELBLAU, "1/x0"])
def test_half_of_the_picture_lies_below_the_middle_level(formula):
    drawn = descent.heights(formula, -2, 2, -1, 3)
    levels = drawn["levels"]
    assert len(levels) == descent.LEVELS + 1
    assert (np.diff(levels) > 0).all()
    known = [z for row in drawn["rows"] for z in row if z is not None]
    assert np.mean(known < np.array(levels[descent.LEVELS // 2])) == pytest.approx(
        0.5, abs=0.02
    )


def test_a_plain_has_one_level_and_nothing_has_none():
    assert descent.heights("3", -1, 1, -1, 1)["levels"] == [3]
    assert descent.heights("log(-1 - x0**2)", -1, 1, -1, 1)["levels"] == []


@pytest.mark.parametrize(
    "formula", ["1e308*x0", "-1e308*x0*x1", "exp(exp(3*x0))", "x0 + 1e-300"]
)
def test_levels_are_finite_and_ascending_whatever_the_heights(formula):
    levels = descent.heights(formula, -2, 2, -1, 3)["levels"]
    assert np.isfinite(levels).all()
    assert (np.diff(levels) > 0).all()


@pytest.mark.parametrize(
    ("formula", "at", "gradient", "hessian"),
    [
        (BOWL, (-3, 4), (-6, 8), ((2, 0), (0, 2))),
        (SADDLE, (1, 1), (2, -2), ((2, 0), (0, -2))),
        (ROSENBROCK, (-1.2, 1), (-215.6, -88), ((1330, 480), (480, 200))),
        ("x0*x1**2", (1e5, 3), (9, 6e5), ((0, 6), (6, 2e5))),
        ("exp(x0 - x1)", (2, 2), (1, -1), ((1, -1), (-1, 1))),
        ("1e9 + x0**2", (1e-3, 0), (2e-3, 0), ((2, 0), (0, 0))),
    ],
)
def test_gradients_and_curvatures_are_those_of_mathematics(
    formula, at, gradient, hessian
):
    seen = sample_surface(surface(formula), np.array([at], float))
    assert np.allclose(seen.gradients[0], gradient, rtol=1e-13, atol=1e-15)
    assert np.allclose(seen.hessians[0], hessian, rtol=1e-8, atol=1e-7)


def test_any_number_of_points_can_be_looked_at():
    points = np.random.default_rng(0).normal(size=(23, 2))
    seen = sample_surface(surface(HIMMELBLAU), points)
    single = [sample_surface(surface(HIMMELBLAU), point[None]) for point in points]
    for name in ("values", "gradients", "hessians"):
        assert np.array_equal(
            getattr(seen, name), np.concatenate([getattr(one, name) for one in single])
        )


# --- the trajectories ---------------------------------------------------------------


def test_the_page_offers_the_optimisers_that_go_down_a_surface():
    assert set(OPTIMIZER_NAMES) == set(OPTIMIZERS) - {"adamw"}
    source = Path(server.STATIC / "rooms/descent/runs.js").read_text(encoding="utf-8")
    (offered,) = re.findall(r"OPTIMIZERS = (\[.*?\])", source)
    assert tuple(json.loads(offered)) == OPTIMIZER_NAMES


@pytest.mark.parametrize("rate", [0.005, 0.1, 0.75, 1.05])
def test_on_a_bowl_each_step_multiplies_by_one_number(rate):
    found = trajectory(surface(BOWL), np.array([-3.0, 4.0]), "sgd", rate, 60)
    shrunk = (1 - 2 * rate) ** np.arange(61)
    assert np.allclose(found.path, shrunk[:, None] * [-3, 4], rtol=1e-12, atol=0)
    assert np.allclose(found.values, 25 * shrunk**2, rtol=1e-12, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZER_NAMES)
def test_a_course_is_optax_with_the_slope_of_calculus(optimizer):
    def f(x):
        return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2

    rate, steps = 3e-4, 50
    with jax.enable_x64(True):
        x, rule = jnp.array([-1.2, 1.0]), OPTIMIZERS[optimizer].make(rate)
        path, state = [x], rule.init(x)
        for _ in range(steps):
            update, state = rule.update(jax.grad(f)(x), state, x)
            x = optax.apply_updates(x, update)
            path.append(x)
        path = np.array(path)
    found = trajectory(surface(ROSENBROCK), path[0], optimizer, rate, steps)
    assert found.steps == steps
    assert np.allclose(found.path, path, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("rate", "status", "here"),
    [
        (0.1, DescentStatus.CONVERGED, "converged"),
        (1e-5, DescentStatus.HARDLY_MOVED, "crawls"),
        (1.0, DescentStatus.OSCILLATES, "swings"),
        (1.05, DescentStatus.DIVERGED, "diverged"),
    ],
)
def test_plain_descent_is_secants_own(rate, status, here):
    there = secant.descend(lambda x: x[0] ** 2 + x[1] ** 2, [-3.0, 4.0], rate, 40)
    found = trajectory(surface(BOWL), np.array([-3.0, 4.0]), "sgd", rate, 40)
    assert there.status is status
    assert np.allclose(found.path, there.path, rtol=1e-6, atol=1e-9)
    assert verdict(BOWL, (-3, 4), f"sgd:{rate}", 40)[0] == here


def test_more_steps_start_like_fewer_steps():
    few, many = (
        trajectory(surface(HIMMELBLAU), np.zeros(2), "adam", 0.1, n)
        for n in (7, MAX_STEPS)
    )
    assert (few.steps, many.steps) == (7, MAX_STEPS)
    assert np.array_equal(many.path[:8], few.path)


# --- verdicts: plain descent on a bowl, where all is known ----------------------------


@pytest.mark.parametrize("rate", [1.0001, 1.05, 1.5, 40])
def test_a_rate_above_one_diverges_on_the_bowl_with_the_curvature_as_reason(rate):
    status, facts, _ = verdict(BOWL, (-3, 4), f"sgd:{rate}")
    assert status == "diverged"
    assert facts["step"] == 1
    assert facts["curvature"] == pytest.approx(2, rel=1e-9)
    assert facts["limit"] == pytest.approx(1, rel=1e-9)


def test_a_rate_of_one_swings_for_ever():
    status, facts, _ = verdict(BOWL, (-3, 4), "sgd:1.0")
    assert status == "swings"
    assert facts == {"stalled": True, "bearable": 2, "curvature": 2, "limit": 1}


@pytest.mark.parametrize("rate", [0.99, 0.999, 0.9999])
def test_a_rate_just_below_one_oscillates_and_converges(rate):
    status, facts, _ = verdict(BOWL, (-3, 4), f"sgd:{rate}")
    assert (status, facts["stalled"]) == ("swings", False)
    assert facts["limit"] == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("rate", [0.04, 0.1, 0.3, 0.45, 0.5, 0.6, 0.8, 0.96])
def test_a_descent_has_converged_at_a_thousandth_of_the_way(rate):
    status, facts, _ = verdict(BOWL, (-3, 4), f"sgd:{rate}")
    left = abs(1 - 2 * rate) ** np.arange(101)
    assert status == "converged"
    assert facts["step"] == int(np.argmax(left <= 1e-3))
    assert np.allclose(facts["at"], 0, atol=1e-15)
    assert facts["turns"] == (rate > 0.5)


@pytest.mark.parametrize(("rate", "steps"), [(1e-4, 100), (0.005, 100), (0.02, 20)])
def test_a_descent_crawls_above_a_tenth_of_the_way(rate, steps):
    status, facts, _ = verdict(BOWL, (-3, 4), f"sgd:{rate}", steps)
    assert status == "crawls"
    assert facts["left"] == pytest.approx((1 - 2 * rate) ** steps, rel=1e-9)
    assert np.allclose(facts["to"], 0, atol=1e-12)


def test_it_is_nearly_there_when_less_is():
    status, facts, _ = verdict(BOWL, (-3, 4), "sgd:0.02")
    assert status == "nearly"
    assert facts["left"] == pytest.approx(0.96**100, rel=1e-9)


# --- verdicts: elsewhere ------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "limit"), [("momentum", 1.9), ("nesterov", 1.9 / 2.8)]
)
def test_momentum_tolerates_the_rate_of_the_theory(optimizer, limit):
    below = verdict(BOWL, (-3, 4), f"{optimizer}:{limit * 0.99}", 500)
    above = verdict(BOWL, (-3, 4), f"{optimizer}:{limit * 1.01}", 500)
    assert below[0] != "diverged"
    assert below[2]["values"][-1] < 1e-3 * below[2]["values"][0]
    assert above[0] == "diverged"
    assert above[1]["limit"] == pytest.approx(limit, rel=1e-9)


def test_the_step_of_divergence_is_that_after_the_lowest_value():
    # Along the ravine it falls, across it grows from a thousandth.
    status, facts, found = verdict(RAVINE, (-7, 1e-3), "sgd:1.05")
    assert status == "diverged"
    assert facts["step"] == int(np.argmin(found["values"])) + 1 > 20
    assert facts["limit"] == pytest.approx(1, rel=1e-9)


SMALL = st.floats(-3, 3, allow_subnormal=False)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    formula=st.sampled_from([ROSENBROCK, HIMMELBLAU, "x0**4 + x0*x1 + x1**2"]),
    start=st.tuples(SMALL, SMALL),
    power=st.floats(-3, 0.5),
)
def test_wherever_plain_descent_diverges_the_rate_was_too_large(formula, start, power):
    rate = 10**power
    status, facts, found = verdict(formula, start, f"sgd:{rate}")
    if status == "diverged":
        assert rate >= facts["limit"] * (1 - 1e-6)
        step, values = facts["step"], found["values"]
        assert min(values[step:], default=np.inf) > values[step - 1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "minimum"),
    [
        ((1, 1), (3, 2)),
        ((-1, 2), (-2.8051180870, 3.1313125183)),
        ((-1, -1), (-3.7793102534, -3.2831859913)),
        ((2, -1), (3.5844283403, -1.8481265270)),
    ],
)
@pytest.mark.parametrize("run", ["sgd:0.01", "adam:0.1", "momentum:0.001"])
def test_himmelblaus_four_minima_are_found(start, minimum, run):
    status, facts, _ = verdict(HIMMELBLAU, start, run, 500)
    assert status == "converged"
    assert np.allclose(facts["at"], minimum, atol=1e-8)


def test_in_rosenbrocks_valley_it_crawls_towards_one_and_one():
    status, facts, found = verdict(ROSENBROCK, (-1.2, 1), "sgd:0.001")
    assert status == "crawls"
    assert np.allclose(facts["to"], 1, atol=1e-7)
    end = np.array(found["path"][-1])
    assert facts["left"] == pytest.approx(np.linalg.norm(end - 1) / 2.2, rel=1e-6)


def test_on_the_ridge_of_a_saddle_it_comes_to_rest():
    status, facts, _ = verdict(SADDLE, (-3, 0), "sgd:0.1")
    assert status == "saddle"
    assert facts["step"] == 31
    assert np.allclose(facts["at"], 0, atol=1e-12)


def test_beside_the_ridge_it_leaves_the_picture():
    status, facts, found = verdict(SADDLE, (-3, 1e-3), "sgd:0.1")
    assert status == "left"
    outside = [abs(x1) > 9 for _, x1 in found["path"]]
    assert facts["step"] == outside.index(True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("formula", "status"),
    [
        (BOWL, "flat_minimum"),
        (SADDLE, "flat_saddle"),
        ("-x0**2 - x1**2", "flat_maximum"),
        ("7", "flat"),
    ],
)
@pytest.mark.parametrize("optimizer", OPTIMIZER_NAMES)
def test_where_the_gradient_is_zero_nothing_moves(formula, status, optimizer):
    found = verdict(formula, (0, 0), f"{optimizer}:0.1")
    assert (found[0], found[1]) == (status, {})
    assert found[2]["path"][-1] == [0, 0]


def test_a_rounded_gradient_of_zero_is_zero():
    minimum = minimum_below(surface(HIMMELBLAU), np.array([-1.0, 2.0]), 10)
    assert verdict(HIMMELBLAU, minimum, "sgd:0.01")[0] == "flat_minimum"


@pytest.mark.parametrize(
    ("formula", "start", "run", "status"),
    [
        ("log(x0) + x1**2", (-1, 1), "sgd:0.1", "nowhere"),
        ("1/x0", (0, 1), "sgd:0.1", "nowhere"),
        ("log(x0) + x1**2", (1, 1), "sgd:0.1", "edge"),
        ("x0 + 2*x1", (0, 0), "sgd:0.01", "underway"),
        ("x0 + 2*x1", (0, 0), "sgd:1", "left"),
        ("-x0**4", (1, 0), "sgd:1", "left"),
        ("abs(x0) + abs(x1)", (1.03, 2.01), "sgd:0.1", "swings"),
        ("x0**2", (-3, 4), "sgd:0.1", "converged"),
        ("x0**4 + x1**4", (1, 1), "sgd:0.01", "crawls"),
        (RAVINE, (-7, 2), "sgd:0.95", "converged"),
        (BOWL, (20, 0), "sgd:0.001", "crawls"),
    ],
)
def test_other_ends(formula, start, run, status):
    assert verdict(formula, start, run)[0] == status


def test_leaving_the_domain_is_reported_with_its_step():
    _, facts, found = verdict("log(x0) + x1**2", (1, 1), "sgd:0.1")
    assert facts["step"] == len(found["path"])
    last = found["path"][-1][0]
    assert last - 0.1 / last < 0 < last


@pytest.mark.parametrize("power", [-5, 5])
@pytest.mark.parametrize("rate", [0.1, 0.005, 1.0, 1.05])
def test_verdicts_do_not_depend_on_the_units_of_f(power, rate):
    plain, _, _ = verdict(BOWL, (-3, 4), f"sgd:{rate}")
    scaled, _, _ = verdict(f"1e{power}*({BOWL})", (-3, 4), f"sgd:{rate}e{-power}")
    assert scaled == plain


def test_newtons_step_is_exact_on_parabolas():
    f = surface("(x0 - 1)**2 + 3*(x1 + 2)**2 + x0*x1")
    near = critical_point_near(f, np.array([5.0, 5.0]))
    assert near is not None
    assert near.kind == "minimum"
    assert np.allclose(np.array([[2, 1], [1, 6]]) @ near.x, [2, -12], atol=1e-9)


def test_where_there_is_no_minimum_none_is_found():
    for formula in ("x0 + x1", "x0**2 - x1**2", "exp(x0)", "log(x0)"):
        assert minimum_below(surface(formula), np.array([1.0, 0.5]), 40) is None


# --- presets ------------------------------------------------------------------------


@pytest.mark.parametrize("scale", ["1", "0.003", "700"])
@pytest.mark.parametrize("start", [(-3, 4), (0.1, 0), (0, -5)])
def test_the_three_rates_crawl_converge_and_diverge(start, scale):
    formula = f"{scale}*({BOWL})"
    runs = descent.presets(formula, *start, -6, 6)["rates"]
    told = descent.descents(formula, *start, runs, 100, -6, 6, -6, 6)
    found = [each["verdict"]["status"] for each in told["trajectories"]]
    assert found == ["crawls", "converged", "diverged"]


@pytest.mark.slow
@pytest.mark.parametrize("formula", [BOWL, ROSENBROCK, "3", "log(x0)", "exp(9*x0)"])
def test_presets_can_always_be_run(formula):
    presets = descent.presets(formula, -1.2, 1, -6, 6)
    assert set(presets) == {"rates", "optimizers"}
    for runs in presets.values():
        told = descent.descents(formula, -1.2, 1, runs, 5, -6, 6, -6, 6)
        assert len(told["trajectories"]) == 3


# --- what is asked ------------------------------------------------------------------


def test_several_descents_start_at_one_point():
    runs = "sgd:0.1,momentum:0.05,adam:0.2,rmsprop:0.1"
    told = descent.descents(BOWL, -3, 4, runs, 10, -5, 5, -5, 5)
    found = [(each["optimizer"], each["rate"]) for each in told["trajectories"]]
    assert ",".join(f"{name}:{rate}" for name, rate in found) == runs
    assert all(each["path"][0] == [-3, 4] for each in told["trajectories"])
    assert all(each["values"][0] == 25 for each in told["trajectories"])


def test_the_floor_is_the_lowest_that_is_seen():
    told = descent.descents(SADDLE, -3, 1e-3, "sgd:0.1", 100, -4, 4, -3, 3)
    (found,) = told["trajectories"]
    seen = [
        value
        for value, (x0, x1) in zip(found["values"], found["path"], strict=True)
        if abs(x0) <= 4 and abs(x1) <= 3
    ]
    assert told["floor"] == min(seen) < 0
    assert descent.descents(BOWL, 1, 1, "sgd:0.1", 9, -4, 4, -3, 3)["floor"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("formula", ["1/x0", "log(x0)", "exp(exp(x0*x1))", "x0**x1"])
@pytest.mark.parametrize("start", [(-1, 2), (0, 0), (1, 1), (5, -5)])
def test_results_are_always_json(formula, start):
    runs = "sgd:1,adam:0.1,momentum:100"
    for found in (
        descent.descents(formula, *start, runs, 100, -6, 6, -6, 6),
        descent.heights(formula, -6, 6, -6, 6),
        descent.presets(formula, *start, -6, 6),
    ):
        assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_endpoint_takes_the_page_s_arguments(client):
    asked = {"formula": "x**2 + y**2", "x0": 3, "x1": 4, "runs": "sgd:0.1"}
    asked |= {"steps": 10, "left": -5, "right": 5, "bottom": -5, "top": 5}
    answer = client.post("/api/descent/descents", json=asked).json()
    assert answer["trajectories"][0]["values"][0] == 25
    wrong = client.post("/api/descent/descents", json=asked | {"runs": "sgd:-1"})
    assert wrong.status_code == 400
    assert wrong.json()["error"]["code"] == "rate"


BAD = {
    "misspelt optimiser": ({"runs": "sdg:0.1"}, "did you mean 'sgd'"),
    "weight decay": ({"runs": "adamw:0.1"}, "'adam'"),
    "no descent": ({"runs": ""}, "optimizer"),
    "no rate": ({"runs": "sgd"}, "1e-12"),
    "negative rate": ({"runs": "sgd:-0.1"}, "no minus"),
    "rate of 0": ({"runs": "sgd:0"}, "1e-12"),
    "rate of NaN": ({"runs": "sgd:nan"}, "1e-12"),
    "huge rate": ({"runs": "sgd:1e9"}, r"1e\+06"),
    "five descents": ({"runs": ",".join(["sgd:1"] * 5)}, "at most 4"),
    "no step": ({"steps": 0}, "1 to 500"),
    "too many steps": ({"steps": 10**9}, "1 to 500"),
    "far start": ({"x0": 1e9}, "million"),
    "start of NaN": ({"x1": float("nan")}, "million"),
    "empty picture": ({"left": 5}, "less than"),
    "picture upside down": ({"top": -7}, "less than"),
    "far picture": ({"bottom": -1e9}, "million"),
    "third variable": ({"formula": "x2**2"}, "'x2'"),
}


@pytest.mark.parametrize("what", BAD)
def test_invalid_input_is_reported(what):
    changed, says = BAD[what]
    good = {"formula": BOWL, "x0": 1, "x1": 1, "runs": "sgd:0.1", "steps": 10}
    good |= {"left": -5, "right": 5, "bottom": -5, "top": 5}
    with pytest.raises(InvalidInput, match=says):
        descent.descents(**good | changed)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["asinh", "sinh", "tanh", "sigmoid"])
def test_no_formula_keeps_the_compiler_for_long(name):
    formula = "x0*x1"
    for _ in range(MAX_FUNCTIONS // FUNCTION_COSTS.get(name, 1)):
        formula = f"{name}({formula})"
    runs = "sgd:0.1,momentum:0.1,adam:0.1,nesterov:0.1"
    # Without a bound it is minutes. Of this process alone; a busy core is slower.
    began = time.process_time()
    descent.descents(formula, 1.3, 1.2, runs, 500, -5, 5, -5, 5)
    assert time.process_time() - began < 30


def test_a_descent_that_runs_away_beyond_the_squares_of_floats_has_left():
    # Its coordinates reach 1e207, whose squares are infinite.
    told = server.ENDPOINTS["descent/descents"](
        "max(x1, 3.207) + cos(x1) * x1 + exp(-x0**2/2.538)",
        x0=-2.1139184367037904,
        x1=0.0740238589242086,
        runs="sgd:6.2",
        steps=409,
        left=-5.0,
        right=5.0,
        bottom=-5.0,
        top=5.0,
    )
    (found,) = told["trajectories"]
    assert max(map(max, np.abs(found["path"]))) > 1e160
    assert found["verdict"]["status"] == "left"
