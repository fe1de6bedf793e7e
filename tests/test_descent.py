"""Gradient descent: where it leads, and whether the verdict on it is true."""

import math
import warnings
from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secant.derivatives import numerical_gradient
from secant.descent import DescentStatus, DescentWarning, descend
from secant.errors import InvalidInput
from secant.textbook import gradient_descent

START = [-3.0, 4.0]


def bowl(x):
    return x[0] ** 2 + x[1] ** 2


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def verdict(*args, **options):
    return descend(*args, **options).status.name


# --- where it leads --------------------------------------------------------------


def test_the_notebooks_point():
    x = gradient_descent(bowl, np.array(START), lr=0.1, step_num=100)
    np.testing.assert_allclose(x, [-6.11110793e-10, 8.14814391e-10], rtol=1e-8)


@given(
    curvature=st.floats(0.1, 10),
    start=st.floats(-50, 50),
    share=st.floats(0.01, 1.9),
    steps=st.integers(0, 20),
)
def test_a_parabola_shrinks_by_the_same_factor_each_step(
    curvature, start, share, steps
):
    lr = share / curvature
    descent = descend(lambda x: curvature / 2 * x**2, start, lr, steps)
    expected = start * (1 - share) ** np.arange(steps + 1)
    assert descent.path.shape == (steps + 1,)
    # Central differences of a parabola are exact but for rounding.
    np.testing.assert_allclose(descent.path, expected, atol=1e-7)
    np.testing.assert_allclose(
        descent.values, curvature / 2 * descent.path**2, rtol=1e-12
    )
    np.testing.assert_allclose(
        descent.gradient_norms, abs(curvature * descent.path), atol=1e-7
    )
    assert descent.evaluations in (3 * (steps + 1), 3 * (steps + 1) + 2)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1, 2)])
def test_points_of_any_shape(shape):
    init = np.full(shape, 2.0)
    descent = descend(lambda x: np.sum((x - 1) ** 2), init, 0.1, 100)
    assert descent.path.shape == (101, *shape)
    assert descent.x.shape == shape
    assert descent.x.dtype == np.float64
    assert descent.status is DescentStatus.CONVERGED
    np.testing.assert_allclose(descent.x, np.ones(shape), atol=1e-8)
    assert descent.value == descent.values[-1] == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(
    "init", [[3, 4], np.array([3, 4], np.float32), np.array([3, 4]), jnp.array([3, 4])]
)
def test_starts_of_any_dtype_descend_in_float64(init):
    np.testing.assert_allclose(gradient_descent(bowl, init, 0.1), [0, 0], atol=1e-8)


@pytest.mark.parametrize("lr", [0.1, 10.0])
def test_the_start_is_never_changed_and_never_returned(lr):
    init = np.array(START)
    descent = descend(bowl, init, lr, 5)
    np.testing.assert_array_equal(init, START)
    np.testing.assert_array_equal(descent.path[0], START)
    x = gradient_descent(bowl, init, 0.1, 0)
    assert not np.shares_memory(x, init)
    x += 1  # one's own
    np.testing.assert_array_equal(init, START)


def test_the_result_of_a_descent_is_read_only():
    descent = descend(bowl, START, 0.1, 3)
    for array in (descent.path, descent.values, descent.gradient_norms):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    descent.x[...] = 0
    assert descent.x.any()
    with pytest.raises(AttributeError):
        descent.status = None


def test_a_gradient_of_ones_own_takes_no_evaluations_but_one_a_point():
    descent = descend(bowl, START, 0.1, 100, gradient=lambda f, x: 2 * x)
    assert descent.evaluations == 101
    assert descent.status is DescentStatus.CONVERGED
    x = descend(bowl, START, 0.1, gradient=partial(numerical_gradient, h=1e-2)).x
    np.testing.assert_allclose(x, [0, 0], atol=1e-8)


def test_a_gradient_may_spoil_its_argument():
    def spoils(f, x):
        slope = 2 * x
        x[...] = np.nan
        return slope

    descent = descend(bowl, START, 0.1, 3, gradient=spoils)
    np.testing.assert_allclose(descent.path[1], [-2.4, 3.2])


# --- the verdict -----------------------------------------------------------------


@pytest.mark.parametrize("shift", [0.0, 1e6, -1e6])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize(
    ("lr", "steps", "name"),
    [
        (10.0, 100, "DIVERGED"),
        (1.1, 100, "DIVERGED"),
        (10.0, 1, "DIVERGED"),
        (1.0, 100, "OSCILLATES"),
        (1.0, 7, "OSCILLATES"),
        (0.1, 100, "CONVERGED"),
        (0.5, 1, "CONVERGED"),
        (0.9, 200, "CONVERGED"),
        (0.01, 5, "STILL_FALLING"),
        (0.01, 100, "STILL_FALLING"),
        (1e-10, 100, "HARDLY_MOVED"),
    ],
)
def test_verdicts_do_not_depend_on_units(lr, steps, name, scale, shift):
    # The shift goes with the scale: beside 1e6, a bowl 1e-6 high cannot be seen.
    descent = descend(lambda x: scale * (bowl(x) + shift), START, lr / scale, steps)
    assert descent.status.name == name
    stretch = 1e3
    stretched = descend(
        lambda x: scale * bowl(x / stretch),
        np.array(START) * stretch,
        lr / scale * stretch**2,
        steps,
    )
    assert stretched.status.name == name


@st.composite
def quadratics(draw):
    """½ Σ λᵢ yᵢ² with y = x turned, and a start that no λ leaves out."""
    size = draw(st.integers(1, 4))
    curvatures = np.array([draw(st.floats(0.3, 1)) for _ in range(size)])
    curvatures[0] = 1
    scale = 10.0 ** draw(st.integers(-4, 4))
    seed = draw(st.integers(0, 2**32 - 1))
    turn, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))
    signs = [draw(st.sampled_from([-1, 1])) for _ in range(size)]
    y = np.array([s * draw(st.floats(0.5, 5)) for s in signs])
    matrix = scale * turn @ np.diag(curvatures) @ turn.T
    shift = scale * draw(st.sampled_from([0.0, -30.0, 1e3]))
    return lambda x: x @ matrix @ x / 2 + shift, turn @ y, 1 / scale


@settings(max_examples=40)
@given(quadratics(), st.floats(0.1, 1.5))
def test_below_the_edge_quadratics_converge(quadratic, share):
    f, start, unit = quadratic
    # The flattest direction shrinks by 1 - 0.3 · 0.1 a step: to 1e-7 in 550.
    assert verdict(f, start, share * unit, 550) == "CONVERGED"


@settings(max_examples=40)
@given(quadratics(), st.floats(2.2, 100), st.integers(25, 60))
def test_above_the_edge_quadratics_diverge(quadratic, share, steps):
    f, start, unit = quadratic
    descent = descend(f, start, share * unit, steps)
    assert descent.status.name == "DIVERGED"
    assert descent.message.startswith("diverged at step ")
    assert np.isfinite(descent.path).all()
    assert np.isfinite(descent.values).all()
    assert np.isfinite(descent.gradient_norms).all()
    assert len(descent.path) == len(descent.values) == len(descent.gradient_norms)


@settings(max_examples=40)
@given(quadratics())
def test_at_the_edge_quadratics_bounce(quadratic):
    f, start, unit = quadratic
    assert verdict(f, start, 2 * unit, 100) == "OSCILLATES"


@settings(max_examples=40)
@given(quadratics(), st.floats(1e-8, 9e-3), st.integers(1, 50))
def test_with_tiny_steps_quadratics_hardly_move(quadratic, share, steps):
    f, start, unit = quadratic
    assert verdict(f, start, share * unit / steps, steps) == "HARDLY_MOVED"


@settings(max_examples=40)
@given(quadratics(), st.floats(0.1, 0.9), st.integers(1, 20))
def test_unfinished_descents_of_quadratics_are_still_falling(quadratic, share, steps):
    f, start, unit = quadratic
    assert verdict(f, start, share * unit / steps, steps) == "STILL_FALLING"


def test_rosenbrocks_valley():
    start = [-1.2, 1.0]
    assert verdict(rosenbrock, start, 1e-3, 100) == "STILL_FALLING"
    assert verdict(rosenbrock, start, 1e-3, 2_000) == "STILL_FALLING"
    assert verdict(rosenbrock, start, 1e-2, 100) == "DIVERGED"
    assert verdict(rosenbrock, start, 1e-9, 100) == "HARDLY_MOVED"

    def slope(f, x):
        rise = x[1] - x[0] ** 2
        return np.array([-2 * (1 - x[0]) - 400 * x[0] * rise, 200 * rise])

    descent = descend(rosenbrock, start, 2e-3, 12_000, gradient=slope)
    assert descent.status.name == "CONVERGED"
    np.testing.assert_allclose(descent.x, [1, 1], atol=1e-3)


def test_a_straight_line_falls_without_bound():
    descent = descend(lambda x: 3 * x[0] + 1, [5.0], 0.1)
    assert descent.status.name == "STILL_FALLING"
    assert "or does not exist" in descent.message
    assert verdict(lambda x: 3 * x[0], [0.0], 0.1) == "STILL_FALLING"
    assert verdict(lambda x: 3 * x[0] + 1, [5.0], 1e-8) == "HARDLY_MOVED"


def test_a_kink_is_bounced_about():
    assert verdict(lambda x: abs(x[0]), [1.05], 0.1, 100) == "OSCILLATES"


@pytest.mark.parametrize(
    ("f", "start"),
    [
        (bowl, [0.0, 0.0]),
        (lambda x: (x[0] - 3) ** 2, [3.0]),
        (lambda x: (x[0] - 3) ** 2 + 1e6, [3.0]),
        (lambda x: x[0] ** 2 - x[1] ** 2, [0.0, 0.0]),
        (lambda x: -bowl(x), [0.0, 0.0]),
        (lambda x: 4.0, [1.0]),
        (lambda x: 0.0, []),
    ],
    ids=["minimum", "at 3", "shifted", "saddle", "maximum", "constant", "empty"],
)
def test_a_flat_start(f, start):
    descent = descend(f, start, 0.1, 20)
    assert descent.status is DescentStatus.STARTED_FLAT
    assert "a minimum, a saddle or a maximum" in descent.message
    np.testing.assert_array_equal(descent.x, start)


def test_a_start_close_to_the_minimum_is_not_flat():
    assert verdict(bowl, [1e-6, 0.0], 0.1, 100) == "CONVERGED"


def test_functions_that_round_to_float32_converge_to_within_their_rounding():
    def f(x):
        return jnp.sum(jnp.asarray(x, jnp.float32) ** 2) + 1

    assert verdict(f, START, 0.1, 60) == "CONVERGED"


def test_a_descent_without_steps_is_reported():
    descent = descend(bowl, START, 0.1, 0)
    assert descent.path.tolist() == [START]
    assert descent.message.startswith("no step was taken: the value is 25")


def test_messages_name_the_step_the_values_and_the_rate():
    messages = {lr: descend(bowl, START, lr).message for lr in (10.0, 1.0, 0.1, 1e-10)}
    assert messages[10.0].startswith(
        "diverged at step 1: the value rose from 25 to 9025 and did not return"
    )
    assert messages[10.0].endswith("the learning rate 10.0 is too large: try 1 or less")
    assert messages[1.0].endswith(
        "learning rate 1.0 is at the stability limit: try 0.5 or less"
    )
    assert messages[0.1].startswith("converged: the value fell from 25 to 1.03738e-18")
    assert "the learning rate 1e-10 is too small for so few steps" in messages[1e-10]
    # What is suggested works.
    assert "try about 0.05," in messages[1e-10]
    assert verdict(bowl, START, 0.05, 200) == "CONVERGED"


def test_values_beside_a_large_number_have_enough_digits():
    message = descend(lambda x: bowl(x) + 1e6, START, 1e-10).message
    assert "the value from 1000025 to 1000024.999999;" in message
    message = descend(lambda x: bowl(x) + 1e9, START, 0.1).message
    assert "from 1.00000002e+09 to 1e+09" in message


def test_the_step_that_diverges_need_not_be_the_first():
    """x falls for some steps while y, 1e-6 at first, grows threefold at each."""
    descent = descend(lambda x: x[0] ** 2 / 20 + 2 * x[1] ** 2, [1, 1e-6], 1.0, 40)
    assert descent.status.name == "DIVERGED"
    lowest = int(descent.values.argmin())
    assert lowest > 3
    assert descent.message.startswith(f"diverged at step {lowest + 1}:")


# --- ends on the way -------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "start", "lr", "reason"),
    [
        (bowl, START, 10.0, "h = 0.0001 is lost beside"),
        (bowl, START, 1e200, "f is inf"),
        (lambda x: x[0] ** 4, [3.0], 1.0, "is lost beside"),
        (lambda x: float(x[0]) ** 200, [1.0], 1e10, "Numerical result out of range"),
        (lambda x: np.log(x[0]), [1.0], 0.1, "f is nan"),
        (lambda x: math.log(x[0]), [1.0], 0.1, "math domain error"),
        (lambda x: -np.exp(x[0]), [0.0], 0.1, "f is -inf"),
        (lambda x: -(x[0] ** 2), [1.0], 0.1, "is lost beside"),
    ],
    ids=["h", "inf", "steep", "OverflowError", "nan", "ValueError", "-inf", "hill"],
)
def test_a_step_that_cannot_be_computed_ends_as_diverged(f, start, lr, reason):
    descent = descend(f, start, lr, 1_000)
    assert descent.status is DescentStatus.DIVERGED
    assert reason in descent.message
    assert "\n" not in descent.message
    assert 1 <= len(descent.path) == len(descent.values) < 1_001
    assert np.isfinite(descent.values).all()
    assert np.isfinite(descent.gradient_norms).all()
    np.testing.assert_array_equal(descent.path[0], start)


def test_a_division_by_zero_at_a_later_step_ends_as_diverged():
    to_the_pole = descend(
        lambda x: 1 / float(x[0]), [1.0], 1.0, gradient=lambda f, x: np.ones(1)
    )
    assert to_the_pole.status is DescentStatus.DIVERGED
    assert "division by zero" in to_the_pole.message


def test_a_nonfinite_gradient_at_a_later_step_ends_as_diverged():
    def gradient(f, x):
        return 2 * x if x[0] < -1 else x * np.nan

    descent = descend(bowl, START, 0.1, gradient=gradient)
    assert descent.status.name == "DIVERGED"
    assert "the gradient[0] is nan" in descent.message


def test_gradient_descent_warns_where_it_diverged_and_returns_the_last_finite_point():
    with pytest.warns(DescentWarning, match="diverged at step 1: .* too large") as seen:
        x = gradient_descent(bowl, START, lr=10.0)
    assert seen[0].filename == __file__
    assert np.isfinite(x).all()
    np.testing.assert_array_equal(x, descend(bowl, START, lr=10.0).x)


@pytest.mark.parametrize("lr", [1.0, 0.1, 0.01, 1e-10])
def test_gradient_descent_warns_of_nothing_else(lr):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gradient_descent(bowl, START, lr)


class Stop(Exception):
    pass


@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt, TypeError])
def test_other_errors_of_f_are_raised_at_any_step(error):
    calls = []

    def f(x):
        calls.append(0)
        if len(calls) > 20:
            raise error
        return bowl(x)

    with pytest.raises(error):
        descend(f, START, 0.1)


# --- what is refused -------------------------------------------------------------

BAD_RATES = {
    "zero": (0, "lr is 0: pass a finite number above 0, such as 0.1"),
    "negative": (-0.1, "lr is -0.1: .* such as 0.1; .*gradient points uphill"),
    "nan": (np.nan, "lr is nan: pass a finite number above 0"),
    "inf": (np.inf, "lr is inf: pass a finite number above 0"),
    "bool": (True, "lr is True: pass a finite number above 0"),
    "str": ("0.1", "lr is '0.1', a string: pass a finite number above 0"),
    "None": (None, "lr is None: pass a finite number above 0"),
    "array": (np.array([0.1]), r"lr is array\(\[0.1\]\): pass a finite number above 0"),
}


@pytest.mark.parametrize(("lr", "message"), BAD_RATES.values(), ids=BAD_RATES.keys())
def test_learning_rates_that_are_no_positive_number(lr, message):
    for run in (descend, gradient_descent):
        with pytest.raises(InvalidInput, match=message):
            run(bowl, START, lr)


BAD_COUNTS = {"negative": -1, "float": 100.0, "bool": True, "str": "9", "None": None}


@pytest.mark.parametrize("step_num", BAD_COUNTS.values(), ids=BAD_COUNTS.keys())
def test_step_numbers_that_are_no_count(step_num):
    for run in (descend, gradient_descent):
        with pytest.raises(
            InvalidInput, match=r"step_num is .*: pass a whole number, 0"
        ):
            run(bowl, START, 0.1, step_num)


BAD_STARTS = {
    "nan": ([np.nan, 1.0], r"init_x\[0\] is nan"),
    "complex": ([1j, 1.0], "init_x holds complex128, not real numbers"),
    "str": (["a", "b"], "init_x holds <U1, not real numbers"),
    "ragged": ([[1.0], [1.0, 2.0]], "init_x is not an array of numbers"),
    "masked": (np.ma.array([1.0, 2.0]), "init_x is a masked array"),
    "huge": ([1e16, 1.0], r"h = 0.0001 is lost beside x\[0\] = 1e\+16"),
}


@pytest.mark.parametrize(
    ("start", "message"), BAD_STARTS.values(), ids=BAD_STARTS.keys()
)
def test_starts_from_which_no_gradient_can_be_found(start, message):
    for run in (descend, gradient_descent):
        with pytest.raises(InvalidInput, match=message):
            run(bowl, start)


BAD_FUNCTIONS = {
    "number": (25.0, "f is 25.0, which is no function"),
    "None": (lambda x: None, "f returned None at init_x.*has f a `return`"),
    "array": (lambda x: x**2, r"f returned an array of shape \(2,\) at init_x"),
    "nan": (lambda x: np.nan, "f is nan at init_x"),
    "overflow": (lambda x: np.exp(1e4), "f is inf at init_x"),
    "one-sided": (
        lambda x: np.log(x[0] + 3),
        r"f is -inf at init_x",
    ),
}


@pytest.mark.parametrize(
    ("f", "message"), BAD_FUNCTIONS.values(), ids=BAD_FUNCTIONS.keys()
)
def test_functions_of_which_there_is_no_gradient_at_the_start(f, message):
    for run in (descend, gradient_descent):
        with pytest.raises(InvalidInput, match=message):
            run(f, START)


def test_a_function_that_changes_its_argument():
    def f(x):
        x -= 1
        return bowl(x)

    with pytest.raises(InvalidInput, match="f changed its argument"):
        descend(f, START)


def test_an_error_of_f_at_the_start_is_raised():
    with pytest.raises(ZeroDivisionError):
        descend(lambda x: 1 / 0, START)


@pytest.mark.parametrize("dtype", [float, np.float32, int])
def test_a_function_that_reads_the_start_itself_is_reported(dtype):
    """The notebook's descent moved the caller's own array, which this one leaves."""
    W = np.array([3, 4], dtype)
    with pytest.raises(InvalidInput, match=r"not its argument.*lambda w: loss\(w, x,"):
        gradient_descent(lambda w: bowl(W.astype(float)), W, 0.1)
    assert W.tolist() == [3, 4]


BAD_GRADIENTS = {
    "no-function": (2.0, "gradient is 2.0, which is no function"),
    "shape": (lambda f, x: 2.0, r"gradient returned shape \(\) for x of shape \(2,\)"),
    "nan": (lambda f, x: x * np.nan, r"the gradient\[0\] is nan"),
    "None": (lambda f, x: None, "the gradient holds object, not real numbers"),
}


@pytest.mark.parametrize(
    ("gradient", "message"), BAD_GRADIENTS.values(), ids=BAD_GRADIENTS.keys()
)
def test_gradients_that_are_none(gradient, message):
    with pytest.raises(InvalidInput, match=message):
        descend(bowl, START, gradient=gradient)
