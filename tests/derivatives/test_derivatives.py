"""Derivatives to a tolerance: values, errors that hold, shapes, and what is refused."""

import math
import subprocess
import sys

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from jax.scipy.special import log_ndtr
from jax.scipy.stats import cauchy

import secant
from secant.derivatives import (
    derivative,
    directional_derivative,
    gradient,
    hessian,
    jacobian,
    propagated,
)
from secant.derivatives.lines import axes
from secant.derivatives.ridders import STEP_RATIO
from secant.errors import InvalidInput

METHODS = ["central", "forward", "backward", "complex", "difference"]
REAL = ["central", "forward", "backward"]
# What each reaches on a smooth function, relative to the largest entry.
REACHED = {
    "central": 1e-11,
    "forward": 1e-9,
    "backward": 1e-9,
    "complex": 1e-14,
    "difference": 1e-14,
}
points = arrays(
    np.float64,
    array_shapes(min_dims=0, max_dims=3, max_side=3),
    elements=st.floats(-10, 10, allow_subnormal=False),
)


within = st.sampled_from([0.0, 1e-6, 0.01, 0.3, 0.5, 0.99, 1 - 1e-9, 1.0])


def weighted(x):
    """Every entry counts differently, so that an entry mistaken shows."""
    xp = jnp if isinstance(x, jax.Array) else np
    x = xp.asarray(x)
    return xp.sum(xp.sin(x) * (1 + np.arange(x.size).reshape(x.shape)))


def slopes_of_weighted(x):
    return np.cos(x) * (1 + np.arange(x.size).reshape(x.shape))


def table(x):
    """A function of three numbers that gives a (2, 2) matrix."""
    xp = jnp if isinstance(x, jax.Array) else np
    a, b, c = x[0], x[1], x[2]
    return xp.stack([xp.stack([a * b, xp.exp(c)]), xp.stack([a - c, b * b * c])])


def slopes_of_table(x):
    a, b, c = x
    zero = 0.0
    return np.array(
        [
            [[b, a, zero], [zero, zero, np.exp(c)]],
            [[1.0, zero, -1.0], [zero, 2 * b * c, b * b]],
        ]
    )


# --- the digits, and the errors that come with them --------------------------------


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("method", REAL)
@pytest.mark.parametrize("name", ["exp", "sin", "atan", "tanh", "expm1"])
def test_every_order_agrees_with_mpmath(name, method, order):
    numpys = getattr(np, "arctan" if name == "atan" else name)
    for x in (-1.3, 0.0, 0.02, 2.7):
        exact = float(mpmath.diff(getattr(mpmath, name), mpmath.mpf(x), order))
        found = derivative(numpys, x, order=order, method=method)
        assert abs(found.value - exact) <= found.error
        limits = (
            [1e-11, 1e-8, 1e-5, 1e-2] if method != "central" else [1e-12, *[1e-6] * 3]
        )
        assert found.error < 1e4 * limits[order - 1]


@pytest.mark.parametrize("method", METHODS[:-1])
@given(points)
@example(np.array([2.0**-24, 1.0, 1.0]))
@example(np.array([[1.11454738e-13, 2.0], [1.11454738e-13, -0.5]]))
def test_gradients_of_any_shape(method, x):
    found = gradient(weighted, x, method=method)
    assert np.shape(found.value) == np.shape(found.error) == x.shape
    exact = slopes_of_weighted(x)
    largest = abs(exact).max(initial=0)
    # A tiny coordinate may end on steps of its own size, and says so by its error.
    allowed = REACHED[method] * 10 * (1e-3 + largest) + found.error
    assert (abs(found.value - exact) <= allowed).all()
    assert (found.error <= 1e-6 * (1 + largest)).all()


def smooth_sum(x):
    xp = jnp if isinstance(x, jax.Array) else np
    return xp.sum(xp.exp(x)) + xp.sum(x[1:] * xp.sin(x[:-1]))


def cancelling_sum(x):
    xp = jnp if isinstance(x, jax.Array) else np
    return (x.size - xp.sum(xp.cos(x))) ** 2


def slopes_of_smooth_sum(x):
    slopes = np.exp(x)
    slopes[1:] += np.sin(x[:-1])
    slopes[:-1] += x[1:] * np.cos(x[:-1])
    return slopes


def slopes_of_cancelling_sum(x):
    # 1 - cos x = 2 sin²(x / 2), in which nothing cancels.
    return 4 * np.sum(np.sin(x / 2) ** 2) * np.sin(x)


UNSUBTRACTED = ("complex", "difference")


@pytest.mark.parametrize("method", UNSUBTRACTED)
def test_errors_without_subtraction_hold_and_are_no_wider_than_need_be(method):
    x = np.random.default_rng(0).uniform(0.5, 2, 40)
    found = gradient(smooth_sum, x, method=method)
    true = abs(found.value - slopes_of_smooth_sum(x.astype(np.longdouble)))
    assert (true <= found.error).all()
    assert np.median(found.error) <= 200 * np.median(true)


@pytest.mark.parametrize(
    ("size", "method"),
    [
        *((size, method) for size in (0.01, 0.1) for method in UNSUBTRACTED),
        (0.003, "complex"),
        pytest.param(
            *(0.003, "difference"),
            marks=pytest.mark.xfail(
                strict=False, reason="all places near by are rounded alike"
            ),
        ),
    ],
)
def test_errors_without_subtraction_hold_where_f_itself_cancels(size, method):
    x = size * np.random.default_rng(0).uniform(0.5, 2, 40)
    found = gradient(cancelling_sum, x, method=method)
    exact = slopes_of_cancelling_sum(x.astype(np.longdouble))
    assert (abs(found.value - exact) <= found.error).all()


@pytest.mark.parametrize("method", UNSUBTRACTED)
def test_a_slope_that_falls_fast_is_no_error(method):
    xp = jnp if method == "difference" else np
    x = 0.5
    found = derivative(lambda x: xp.exp(-30 * x * x), x, method=method)
    exact = -60 * x * math.exp(-30 * x * x)
    assert abs(found.value - exact) <= found.error <= 1e-14 * abs(exact)


@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (2, 1, 2)])
def test_propagated_gradients_of_any_shape(shape):
    x = np.random.default_rng(0).uniform(-5, 5, shape)
    found = gradient(weighted, x, method="difference")
    assert np.shape(found.value) == np.shape(found.error) == x.shape
    np.testing.assert_allclose(found.value, slopes_of_weighted(x), rtol=1e-13)
    assert (abs(found.value - slopes_of_weighted(x)) <= found.error).all()


@pytest.mark.parametrize("method", METHODS)
def test_jacobians_have_the_shape_of_the_values_and_then_of_the_point(method):
    x = np.array([0.5, -1.5, 2.0])
    found = jacobian(table, x, method=method)
    assert found.value.shape == found.error.shape == found.step.shape == (2, 2, 3)
    exact = slopes_of_table(x)
    np.testing.assert_allclose(found.value, exact, rtol=0, atol=10 * REACHED[method])
    assert (abs(found.value - exact) <= found.error).all()


@pytest.mark.parametrize("method", METHODS)
def test_directional_derivatives_are_products_with_the_jacobian(method):
    x, v = np.array([0.5, -1.5, 2.0]), np.array([1.0, 0.0, -3.0])
    found = directional_derivative(table, x, v, method=method)
    assert found.value.shape == (2, 2)
    exact = slopes_of_table(x) @ v
    np.testing.assert_allclose(found.value, exact, rtol=0, atol=100 * REACHED[method])
    assert (abs(found.value - exact) <= found.error).all()


@pytest.mark.parametrize("method", [*REAL, "difference"])
def test_hessians_are_symmetric_and_right(method):
    def f(x):
        return x[0] ** 2 * x[1] + x[1] * x[2] ** 3 / 100

    x = np.array([3.0, -4.0, 50.0])
    exact = np.array([[-8, 6, 0], [6, 0, 75.0], [0, 75, -12.0]])
    found = hessian(f, x, method=method)
    np.testing.assert_array_equal(found.value, found.value.T)
    assert (abs(found.value - exact) <= found.error).all()
    limit = {"central": 1e-7, "difference": 1e-11}.get(method, 1e-4)
    np.testing.assert_allclose(found.value, exact, rtol=0, atol=limit)


def test_a_hessian_of_a_matrix_has_four_axes():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    found = hessian(lambda x: x[0, 0] * x[1, 1] + x[0, 1] ** 2, x)
    assert found.value.shape == (2, 2, 2, 2)
    assert found.value[0, 0, 1, 1] == pytest.approx(1)
    assert found.value[0, 1, 0, 1] == pytest.approx(2)


@pytest.mark.parametrize("method", METHODS)
def test_places_of_any_shape_and_values_of_any_shape(method):
    x = np.array([[0.5, 1.0, 1.5], [2.0, 2.5, 3.0]])

    def f(x):
        xp = jnp if isinstance(x, jax.Array) else np
        return xp.stack([xp.exp(x), x * x])

    found = derivative(f, x, method=method)
    assert found.value.shape == (2, 3, 2)
    exact = np.stack([np.exp(x), 2 * x], axis=-1)
    assert (abs(found.value - exact) <= found.error).all()
    np.testing.assert_allclose(found.value, exact, rtol=20 * REACHED[method])


def test_functions_of_math_get_floats():
    def f(x):
        assert type(x) is float
        return math.gamma(x)

    assert derivative(f, 3).value == pytest.approx(1.8455686701969342, abs=1e-11)


@pytest.mark.parametrize("x", [[3, 4], (3, 4), np.array([3, 4], np.uint8)])
def test_whole_numbers_are_promoted(x):
    found = gradient(lambda x: x[0] ** 2 + x[1] ** 2, x)
    np.testing.assert_allclose(found.value, [6, 8], rtol=0, atol=1e-12)


def test_jax_arrays_are_points_too():
    found = gradient(lambda x: float(x @ x), jnp.array([3.0, 4.0]))
    np.testing.assert_allclose(found.value, [6, 8], rtol=0, atol=1e-12)


def test_an_empty_point_has_an_empty_gradient():
    for method in METHODS:
        found = gradient(weighted, np.empty((0, 3)), method=method)
        assert found.value.shape == (0, 3)
        assert found.success
    assert hessian(weighted, np.empty(0)).value.shape == (0, 0)


def test_errors_hold_in_95_of_100_cases():
    draw = np.random.default_rng(0)
    functions = [
        (np.exp, np.exp),
        (np.sin, np.cos),
        (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
        (lambda x: np.sin(50 * x), lambda x: 50 * np.cos(50 * x)),
        (lambda x: 1 / (1 + 25 * x * x), lambda x: -50 * x / (1 + 25 * x * x) ** 2),
        (lambda x: x**3 - x, lambda x: 3 * x * x - 1),
    ]
    for options in (
        {},
        {"method": "forward"},
        {"tolerance": 1e-3},
        {"tolerance": 1e-6},
    ):
        held = []
        for f, slope in functions:
            x = 10 ** draw.uniform(-3, 1, 40) * draw.choice([-1, 1], 40)
            found = derivative(f, x, **options)
            # The true slope is itself rounded.
            slack = 4e-16 * (1 + abs(50 * x)) * abs(slope(x)).max()
            held.append(abs(found.value - slope(x)) <= found.error + slack)
        assert np.mean(held) >= 0.95


@pytest.mark.parametrize("size", [1.0, 1e-9])
def test_a_tolerance_saves_evaluations_and_is_reached(size):
    counts = []
    for tolerance in (1e-2, 1e-5, 1e-10):
        found = derivative(lambda x: size * np.exp(x), 1.0, tolerance=tolerance)
        assert found.success
        assert found.status.startswith("converged")
        exact = size * np.e
        assert abs(found.value - exact) <= found.error <= tolerance * exact
        counts.append(found.evaluations)
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def test_a_tolerance_that_floats_do_not_allow():
    found = derivative(np.exp, 1.0, tolerance=1e-17)
    assert not found.success
    assert found.status.startswith("limited by rounding")
    assert abs(found.value - np.e) <= found.error


def test_a_value_of_f_that_hardly_changes_beside_another_costs_no_evaluations():
    def alone(x):
        return np.exp(x)

    def beside(x):
        return np.array([np.exp(x[0]), 1e-9 * np.sin(50 * x[0])])

    one, both = (jacobian(f, [1.0], tolerance=1e-6) for f in (alone, beside))
    assert one.evaluations == both.evaluations


@pytest.mark.parametrize("unit", [1.6e-19, 6.6e-34, 1e-15])
def test_coordinates_of_the_size_of_atoms_have_a_scale_of_their_own(unit):
    for f, x, true in [
        (lambda q: (q / unit) ** 2, unit, 2 / unit),
        (math.log, unit, 1 / unit),
        (lambda q: math.sin(q / unit), unit, math.cos(1) / unit),
    ]:
        found = derivative(f, x)
        assert abs(found.value - true) <= found.error <= 1e-9 / unit


@pytest.mark.parametrize("left", [5.5e-17, -1.1e-16, 1e-20])
def test_what_rounding_has_left_of_a_zero_is_differentiated_like_zero(left):
    for f, true in [
        (np.exp, np.exp(left)),
        (np.sin, 1.0),
        (lambda x: np.tanh(x - 1), 1 - np.tanh(left - 1) ** 2),
        (lambda x: x**3 - x, -1.0),
    ]:
        found = derivative(f, left)
        assert abs(found.value - true) <= found.error < 1e-11


@pytest.mark.parametrize(
    ("x", "step"),
    [
        pytest.param(0.0, 1 / 4, id="zero"),
        pytest.param(1e-200, 1 / 4, id="hardly more than zero"),
        pytest.param(1.6e-19, 0.4e-19, id="a charge"),
        pytest.param(-0.3, float(mpmath.log1p(0.3)) / 4, id="small"),
        pytest.param(1e6, float(mpmath.log1p(10**6)) / 4, id="large"),
        # 2¹² spacings of 2⁸.
        pytest.param(2.0**60, 2.0**20 / 4, id="huge"),
    ],
)
def test_first_steps_are_a_quarter_of_the_scale_and_keep_ten_bits(x, step):
    (found,) = axes(np.array([x]), None).initial_step
    assert found == pytest.approx(step, rel=1e-15)


def test_steps_are_divided_by_r_cubed_once_the_next_ones_did_not_help():
    steps = []

    def f(x):
        steps.append(abs(x - 1))
        return math.sin(200 * x)

    found = derivative(f, 1.0, noise=0.0)
    assert abs(found.value - 200 * math.cos(200)) <= found.error < 1e-6
    # At x itself; then on both sides.
    taken = np.array(steps[1::2])
    ratios = taken[:-1] / taken[1:]
    # r²: from the best step, which is r times the shortest one, divided by r³.
    powers = np.log(ratios) / np.log(STEP_RATIO)
    np.testing.assert_allclose(powers, [1, 1, 2, 3, 3, 1, 1], rtol=1e-9)


def test_one_coordinate_of_ten_may_take_longer_steps_for_a_little_accuracy():
    # The short coordinate's steps lose digits to rounding, though few.
    x = np.append(np.ones(9), 0.003)
    found = gradient(lambda x: np.sum(np.sin(x)), x, noise=0.0)
    assert (abs(found.value - np.cos(x)) <= found.error).all()
    assert found.error[-1] <= 1e-12


@pytest.mark.parametrize("count", [1, 40])
def test_complex_points_are_one_for_each_line_and_three_near_by_for_each_probe(count):
    points = 0

    def f(x):
        nonlocal points
        points += np.iscomplexobj(x)
        return np.sum(np.exp(x))

    gradient(f, np.ones(count), method="complex")
    # Few lines are probed along themselves, many along four random ones.
    assert points == count + 3 * min(count, 4)


def test_evaluations_are_counted():
    for method in ["central", "forward", "complex"]:
        count = 0

        def f(x):
            nonlocal count
            count += 1
            return np.sum(x * x)

        assert gradient(f, np.arange(1.0, 6), method=method).evaluations == count


def test_a_coordinate_that_matters_little_takes_longer_steps_at_no_more_cost():
    # f is 1e6 times as large as what the coordinate does to it: halves of the first
    # step would lose a digit more than doubles of it.
    found = derivative(lambda x: 1e6 + x**3, 1.0)
    assert found.step >= 0.17
    assert abs(found.value - 3) <= found.error < 4e-9
    assert found.evaluations == 7


def test_a_first_longer_step_out_of_the_domain_is_replaced_by_a_shorter_one():
    def f(x):
        return 1e3 + math.sqrt(1.3 - x)

    found = derivative(f, 1.0, noise=0.0)
    exact = -0.5 / math.sqrt(0.3)
    assert abs(found.value - exact) <= found.error < 1e-8
    for budget in range(7, 30):
        found = derivative(f, 1.0, noise=0.0, max_evaluations=budget)
        assert found.evaluations <= budget
        assert abs(found.value - exact) <= found.error


def test_noise_of_a_sum_that_cancels_is_heard_before_many_coordinates_climb():
    draw = np.random.default_rng(0)
    x = draw.uniform(0.9, 1.1, 400) / 400

    def f(x):
        return np.sum(1e3 + np.cos(x)) - 1e3 * x.size

    found = gradient(f, x)
    assert found.evaluations <= 13 * x.size
    assert (abs(found.value + np.sin(x)) <= found.error).mean() >= 0.95
    assert found.error.max() < 3e-8


def test_smooth_gradients_cost_about_six_evaluations_a_coordinate():
    x = np.linspace(-2, 2, 100)
    assert gradient(lambda x: np.sum(x**4), x).evaluations <= 6.2 * 100


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e3])
def test_coordinates_of_any_size(scale):
    found = derivative(lambda x: np.sin(x / scale), 0.7 * scale)
    assert found.value * scale == pytest.approx(np.cos(0.7), rel=1e-10)


def test_where_f_is_defined_near_by_only():
    # The first step leaves the domain of both; shorter ones do not.
    found = derivative(math.log, 1e-3, step=0.1)
    assert found.value == pytest.approx(1000, rel=1e-9)
    found = derivative(lambda x: x**0.5, 1e-4, step=0.1)
    assert found.value == pytest.approx(50, rel=1e-9)


def test_large_numbers_get_steps_of_their_own_size_where_noise_asks_for_them():
    for x in (1e8, 1e17):
        found = derivative(lambda x: x * x, x)
        assert abs(found.value - 2 * x) <= found.error < 1e-11 * x


def test_places_and_values_that_are_none():
    assert derivative(np.sin, np.empty((0, 2))).value.shape == (0, 2)
    assert jacobian(lambda x: np.empty(0), [1.0, 2.0]).value.shape == (0, 2)
    assert jacobian(lambda x: np.ones(3), np.empty(0)).value.shape == (3, 0)


# --- noise, kinks, budgets and bounds ----------------------------------------------


@pytest.mark.parametrize("noise", [None, 1e-6, "measure"])
def test_noise_gets_a_step_of_its_own_size(noise):
    held = []
    for seed in range(30):
        draw = np.random.default_rng(seed)

        def f(x, draw=draw):
            return math.sin(x) + 1e-6 * draw.standard_normal()

        found = derivative(f, 1.0, noise=noise)
        error = abs(found.value - math.cos(1))
        held.append(error <= found.error)
        assert error < 1e-3
        assert found.error < 5e-3
    assert np.mean(held) >= 0.95
    assert found.status.startswith("limited by the function's noise of")


@pytest.mark.parametrize("method", ["central", "difference"])
def test_a_kink_at_the_point_is_reported(method):
    f = abs if method == "central" else jnp.abs
    found = derivative(f, 0.0, method=method)
    assert found.value == 0
    assert found.error >= 1
    assert not found.success
    assert "the slopes on both sides differ at value" in found.status


def test_a_second_derivative_at_a_kink_diverges():
    # 2 / h, which grows without a limit: no two slopes are to be compared.
    found = derivative(abs, 0.0, order=2)
    assert found.status.startswith("did not converge at value")
    assert not found.success


def test_a_kink_in_one_of_many_coordinates_is_reported():
    def f(x):
        return x[0] ** 2 + jnp.maximum(x[1], 1.0) + x[2] + x[3] * x[4]

    x = np.array([1.0, 1.0, 3.0, 4.0, 5.0])
    for found in (
        gradient(f, x, method="difference"),
        gradient(lambda x: float(f(x)), x),
    ):
        assert found.value[1] == pytest.approx(0.5, abs=1e-3)
        assert found.error[1] >= 0.5


def test_a_jump_shows_as_a_large_error():
    found = derivative(lambda x: math.floor(x), 1.0)
    assert found.error > 1e3
    assert not found.success


def test_a_kink_near_by_does_not_spoil_the_derivative():
    found = derivative(lambda x: abs(x - 1e-3), 0.0)
    assert abs(found.value + 1) <= found.error < 1e-9


@pytest.mark.parametrize("budget", [9, 11, 20])
def test_a_budget_is_kept(budget):
    count = 0

    def f(x):
        nonlocal count
        count += 1
        return np.sin(40 * x[0]) + np.exp(x[1])

    found = gradient(f, [1.0, 2.0], max_evaluations=budget, tolerance=1e-12)
    assert count == found.evaluations <= budget
    assert found.status.startswith(f"stopped by max_evaluations={budget}")
    assert not found.success


@pytest.mark.parametrize("method", ["central", "complex"])
@given(within, within, st.sampled_from([gradient, hessian]))
def test_bounds_are_never_left(method, a, b, of):
    if of is hessian and method == "complex":
        of = jacobian

    def f(x):
        assert 0 <= x[0].real <= 1
        assert 0 <= x[1].real <= 1
        return x[0] ** 2 + 3 * x[1] * x[0]

    found = of(f, [a, b], bounds=(0, [1, 1]), method=method)
    exact = [2 * a + 3 * b, 3 * a] if of is not hessian else [[2, 3], [3, 0]]
    assert (abs(found.value - np.array(exact)) <= found.error).all()


@pytest.mark.parametrize("x", [0.0, 1.0])
def test_at_a_bound_the_differences_are_one_sided(x):
    found = derivative(math.exp, x, bounds=(0, 1))
    assert abs(found.value - math.exp(x)) <= found.error < 1e-9


# --- how f is called ---------------------------------------------------------------


def test_vectorized_functions_get_stacks_of_points():
    seen = []

    def f(x):
        seen.append(x.shape)
        return np.sum(np.sin(x), axis=(1, 2))

    x = np.arange(6.0).reshape(2, 3)
    found = gradient(f, x, vectorized=True)
    np.testing.assert_allclose(found.value, np.cos(x), rtol=0, atol=1e-11)
    assert all(shape[1:] == (2, 3) for shape in seen)
    assert found.evaluations == sum(shape[0] for shape in seen)
    assert len(seen) < 8
    plain = gradient(lambda x: np.sum(np.sin(x)), x)
    np.testing.assert_allclose(found.value, plain.value, rtol=1e-12)


def test_vectorized_jacobians_and_derivatives():
    x = np.array([0.5, -1.5, 2.0])

    def f(x):
        return np.stack([x[:, 0] * x[:, 1], np.exp(x[:, 2])], axis=1)

    found = jacobian(f, x, vectorized=True)
    assert found.value.shape == (2, 3)
    found = derivative(np.sin, x, vectorized=True, method="complex")
    np.testing.assert_allclose(found.value, np.cos(x), rtol=1e-14)


def test_f_may_change_its_argument():
    x = np.array([1.0, 2.0])

    def f(x):
        x *= x
        return x.sum()

    np.testing.assert_allclose(gradient(f, x).value, [2, 4], rtol=1e-11)
    np.testing.assert_array_equal(x, [1, 2])


def test_large_gradients_go_in_blocks():
    # 4,000 × 4,000 numbers would be 128 MB; a block is 8 MB.
    found = gradient(lambda x: float(x @ x), np.ones(4000), vectorized=False)
    np.testing.assert_allclose(found.value, 2, rtol=1e-9)


def test_difference_follows_a_function_that_changes():
    class Model:
        w = 2.0

        def __call__(self, x):
            return self.w * x * x

    model = Model()
    assert derivative(model, 3.0, method="difference").value == 12
    model.w = 5.0
    assert derivative(model, 3.0, method="difference").value == 30


def test_difference_leaves_jaxs_settings_alone():
    found = gradient(lambda x: jnp.sum(x**3), [0.1, 0.2], method="difference")
    np.testing.assert_allclose(found.value, [0.03, 0.12], rtol=1e-15)
    assert jnp.ones(1).dtype == jnp.float32


def test_difference_of_a_function_that_casts_to_float32_has_such_an_error():
    found = derivative(lambda x: jnp.float32(x) ** 3, 1.1, method="difference")
    assert abs(found.value - 3 * 1.1**2) <= found.error
    assert 1e-8 < found.error < 1e-4


def test_neither_the_import_nor_the_textbook_methods_load_jax():
    program = (
        "import secant, sys; secant.gradient(lambda x: x @ x, [1.0, 2.0]);"
        "assert 'jax' not in sys.modules and 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_results_read_well():
    found = secant.derivative(np.sin, 1.0)
    assert found.success
    assert str(found).startswith("0.5403023")
    assert " ± " in str(found)
    assert "evaluations; converged: the estimated error is at most" in str(found)
    assert "Derivative(value=" in repr(found)
    assert float(np.asarray(found)) == found.value
    with pytest.raises(AttributeError):
        found.value = 1.0


# --- what is refused ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"method": "centre"}, "did you mean 'central'", id="method"),
        pytest.param({"step": 0}, "step is 0: pass a positive number", id="step"),
        pytest.param({"step": 1e-16}, "step is 1e-16, which is lost", id="lost-step"),
        pytest.param({"step": [1, 2, 3]}, "step has shape", id="step-shape"),
        pytest.param(
            {"tolerance": 2}, "tolerance is 2: pass a relative", id="tolerance"
        ),
        pytest.param({"noise": -1}, "noise is -1: pass the standard", id="noise"),
        pytest.param({"noise": "mesure"}, "noise is 'mesure'", id="noise-word"),
        pytest.param({"bounds": 1}, r"bounds are 1: pass .lower, upper", id="bounds"),
        pytest.param({"bounds": (0, 1)}, "x\\[0\\] is 3.0, outside", id="outside"),
        pytest.param(
            {"bounds": (3, 3)}, "no room for a step at x\\[0\\]", id="no-room"
        ),
        pytest.param({"max_evaluations": 0}, "max_evaluations is 0", id="budget"),
        pytest.param({"max_evaluations": 4}, "takes at least 9", id="small-budget"),
        pytest.param(
            {"max_evaluations": 4, "method": "forward"},
            "takes at least 5",
            id="small-one-sided-budget",
        ),
    ],
)
def test_options_that_cannot_be(options, words):
    if options.get("bounds") == (3, 3):
        options = {"bounds": ([3, 0], [3, 9])}
    with pytest.raises(InvalidInput, match=words):
        gradient(lambda x: x @ x, [3.0, 4.0], **options)


def test_a_budget_too_small_for_all_lines_of_a_hessian_is_refused_before_any():
    # One at x, and two steps to both sides on two axes and their diagonal.
    calls = 0

    def f(x):
        nonlocal calls
        calls += 1
        return x[0] * x[1]

    with pytest.raises(InvalidInput, match="takes at least 13 here"):
        hessian(f, [1.0, 2.0], max_evaluations=12)
    assert calls == 0
    assert hessian(f, [1.0, 2.0], max_evaluations=13).evaluations <= 13


@pytest.mark.parametrize("method", ["central", "forward", "backward"])
@pytest.mark.parametrize("x", [1e300, -1e300, 1e200])
def test_places_whose_square_is_no_number(x, method):
    found = derivative(lambda x: 3 * x, x, method=method)
    assert abs(found.value - 3) <= found.error < 1e-10
    found = derivative(lambda x: np.log(abs(x)), x, method=method)
    assert abs(found.value - 1 / x) <= found.error


def test_values_whose_differences_overflow():
    with pytest.raises(InvalidInput, match="beyond float64's largest number"):
        derivative(lambda x: 1e308 * math.sin(1e3 * x), 1.0)


@pytest.mark.parametrize("order", [0, 5, True, 1.5, "1"])
def test_orders_that_there_are_not(order):
    with pytest.raises(InvalidInput, match="pass 1, 2, 3 or 4"):
        derivative(math.exp, 1.0, order=order)


def cancelling(large, shift):
    """Functions whose large terms cancel, and their derivatives."""
    shifted = shift + 0.25 * large / (1 + large)
    return [
        (lambda z: (large * z + np.sin(z)) - large * z, np.cos),
        (lambda z: (large * np.exp(z) + np.sin(z)) - large * np.exp(z), np.cos),
        (lambda z: np.sin(z + shifted) - np.sin(z), lambda z: dsin(z, shifted)),
        (
            lambda z: (z + large) ** 2 - (0.5 * z + large) ** 2,
            lambda z: 1.5 * z + large,
        ),
    ]


def dsin(z, shift):
    """cos(z + shift) - cos z, without cancellation."""
    return -2 * np.sin(shift / 2) * np.sin(z + shift / 2)


def test_the_error_of_a_complex_step_holds_where_large_terms_cancel():
    draw, held = np.random.default_rng(0), []
    for _ in range(50):
        large, x = 10 ** draw.uniform(2, 10), draw.uniform(0.2, 1.5)
        for f, slope in cancelling(large, 10 ** draw.uniform(-9, -2)):
            found = derivative(f, x, method="complex")
            held.append(abs(found.value - slope(x)) <= found.error)
    assert np.mean(held) >= 0.97


def test_a_slope_of_large_terms_that_cancel_in_every_step_alike():
    found = derivative(lambda z: (1e10 * z + z**2) - 1e10 * z, 0.7, method="complex")
    assert abs(found.value - 1.4) <= found.error <= 1e-4


def test_no_complex_step_of_second_order():
    with pytest.raises(InvalidInput, match="gives first derivatives"):
        hessian(lambda x: x @ x, [1.0, 2.0], method="complex")


def test_a_direction_of_another_shape():
    with pytest.raises(InvalidInput, match=r"v has shape \(3,\) where x has \(2,\)"):
        directional_derivative(lambda x: x @ x, [1.0, 2.0], [1.0, 2.0, 3.0])


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize(
    "f",
    [
        pytest.param(lambda x: np.sum(np.abs(x)), id="abs"),
        pytest.param(lambda x: np.sum(np.real(x) ** 2), id="real"),
        pytest.param(lambda x: x[0] ** 2 + np.real(x[1]) ** 2, id="one-of-two"),
    ],
)
def test_a_complex_step_that_is_lost_in_f(f, size):
    with pytest.raises(InvalidInput, match="f drops the imaginary part"):
        gradient(f, np.arange(1.0, size + 1), method="complex")


@pytest.mark.parametrize(
    "f",
    [
        pytest.param(lambda x: np.sin(np.asarray(x)).sum(), id="numpy"),
        pytest.param(lambda x: math.sin(x[0]), id="math"),
        pytest.param(lambda x: x[0] if x[0] > 0 else x[1], id="if"),
    ],
)
def test_a_function_that_jax_cannot_trace_has_no_difference(f):
    with pytest.raises(InvalidInput, match=r"propagated through f \(\w.+\): write"):
        gradient(f, [1.0, 2.0], method="difference")


def test_difference_takes_no_workers():
    with pytest.raises(InvalidInput, match="leave out vectorized and workers"):
        gradient(jnp.sum, [1.0], method="difference", vectorized=True)


def test_a_gradient_of_a_function_that_reads_the_callers_array():
    W = np.array([1.0, 2.0])
    with pytest.raises(InvalidInput, match="f reads the array that was passed"):
        gradient(lambda w: float(W @ W), W)


def test_a_function_may_return_the_same_buffer_at_every_call():
    buffer = np.zeros(3)

    def f(x):
        buffer[:] = x**2
        return buffer

    x = np.array([1.0, 2.0, 3.0])
    for method in ("central", "forward", "backward"):
        found = jacobian(f, x, method=method)
        np.testing.assert_allclose(found.value, np.diag(2 * x), atol=1e-9)


def test_noise_is_measured_first_when_that_is_asked_for():
    asked = derivative(math.sin, 1.0, noise="measure")
    assert asked.evaluations >= derivative(math.sin, 1.0).evaluations + 9


@pytest.mark.parametrize("points", [2.0, [0.5, 1.5, 2.5]])
def test_a_long_program_runs_without_compilation(points, monkeypatch):
    def f(x):
        return jnp.exp(jnp.sin(x))

    x = np.array(points)
    exact = (np.cos(x) ** 2 - np.sin(x)) * np.exp(np.sin(x))
    monkeypatch.setattr(propagated, "MAX_COMPILED_EQUATIONS", 100)
    monkeypatch.setattr(propagated, "block_length", lambda _: 2)
    found = derivative(f, x, order=2, method="difference")
    assert (abs(found.value - exact) <= found.error).all()
    np.testing.assert_allclose(found.value, exact, rtol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("x", "curvature"), [(-5.0, -0.96730356538288777), (-50.0, -0.9996009568131961)]
)
def test_the_second_derivative_of_log_ndtr_takes_seconds(x, curvature):
    # By mpmath; compiled whole, it took minutes. JAX's series for -50 is off by 1e-13.
    found = derivative(log_ndtr, x, order=2, method="difference")
    assert found.success
    assert abs(found.value - curvature) <= 1e-12


def test_each_order_of_a_propagated_derivative_counts_as_an_evaluation():
    first, second = (
        derivative(jnp.sin, np.ones(3), order=order, method="difference")
        for order in (1, 2)
    )
    assert second.evaluations - 1 == 2 * (first.evaluations - 1)


# --- what cannot be told -------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: 1e20 * math.sin(1e9 * x),
        lambda x: math.cos(3 * x) + (1e9 * (x > 0.3 + 1e-7) + 3e9 * (x < 0.3 - 1e-7)),
    ],
    ids=["a fast wave", "walls on both sides"],
)
def test_an_error_that_leaves_nothing_known_is_no_success(f):
    found = derivative(f, 0.3)
    assert found.error > abs(found.value)
    assert not found.success


def beside_a_wall(height, distance):
    """A smooth function and a wall at a distance from 0.3."""

    def f(x):
        beyond = (x - 0.3) * math.copysign(1, distance) > abs(distance)
        return math.cos(3 * x) + (height if beyond else 0)

    return f


@pytest.mark.parametrize("distance", [1e-7, -1e-7, 1e-4, -1e-4])
@pytest.mark.parametrize("height", [1e10, 1e3, 1.0])
def test_beside_a_wall_the_other_side_tells_the_slope(height, distance):
    f = beside_a_wall(height, distance)
    slope = -3 * math.sin(0.9)
    found = derivative(f, 0.3)
    assert found.success
    assert abs(found.value - slope) <= found.error < 1e-5
    whole = gradient(lambda x: f(x[0]) + x[1] ** 2, [0.3, 2.0])
    assert (abs(whole.value - [slope, 4.0]) <= whole.error).all()
    assert whole.error.max() < 1e-5


@pytest.mark.parametrize(
    "at_x",
    [
        lambda x: 1e3 if x > 0.3 else 0,  # a jump at the point itself
        lambda x: 2 * (x - 0.3) if x > 0.3 else 0,  # a kink there
        lambda x: 1e3 if x > 0.3 + 1e-7 else 2 * max(0, x - 0.3),  # and a wall
    ],
    ids=["jump", "kink", "kink and wall"],
)
def test_one_side_tells_nothing_where_f_has_two_slopes(at_x):
    found = derivative(lambda x: math.cos(3 * x) + at_x(x), 0.3)
    assert not found.success


@pytest.mark.parametrize("x", [0.0, 0.7])
def test_a_value_at_the_point_alone_is_no_success(x):
    found = derivative(lambda y: 2.0 if y == x else math.sin(y), x)
    assert not found.success
    assert found.error > 1


def cauchy_quantile(q):
    """The quantiles of the Cauchy distribution, with a pole at 0 and one at 1."""
    return math.tan(math.pi * (q - 0.5))


@pytest.mark.parametrize("q", [1e-8, 1e-5, 1e-3])
def test_a_pole_at_0_is_not_stepped_over(q):
    found = derivative(cauchy_quantile, q)
    exact = math.pi / math.sin(math.pi * q) ** 2
    assert found.success
    assert abs(found.value - exact) <= found.error <= 1e-5 * exact


def test_a_pole_that_all_steps_pass_leaves_no_success():
    assert not derivative(cauchy_quantile, 1 - 1e-5).success
    assert not derivative(cauchy.ppf, 1 - 1e-5).success


@pytest.mark.parametrize("q", [1e-5, 1e-8, 1 - 1e-5])
def test_no_success_where_the_error_is_larger_than_all_that_f_changes_by(q):
    found = derivative(cauchy.ppf, q)
    exact = math.pi / math.sin(math.pi * q) ** 2
    assert abs(found.value - exact) <= found.error or not found.success


def test_a_wall_is_left_within_the_budget():
    f, calls = beside_a_wall(1e3, 1e-7), []
    for most in range(7, 80, 9):
        calls.clear()
        try:
            found = derivative(
                lambda x: calls.append(x) or f(x), 0.3, max_evaluations=most
            )
        except InvalidInput:
            continue
        assert len(calls) == found.evaluations <= most


def test_a_minimum_with_noise_is_a_success():
    draw = np.random.default_rng(0)
    found = derivative(lambda x: 1 + (x - 2) ** 2 + 1e-6 * draw.standard_normal(), 2.0)
    assert abs(found.value) <= found.error < 1e-4
    assert found.success


@pytest.mark.parametrize("seed", range(5))
def test_the_complex_step_takes_an_exact_fit(seed):
    b = np.random.default_rng(seed).uniform(-3, 3, 8)
    for at in b:
        found = derivative(
            lambda x, b=at: (np.exp(x) - np.exp(b)) ** 2, at, method="complex"
        )
        assert abs(found.value) <= found.error + 1e-12
    found = gradient(
        lambda x: ((np.exp(x) - np.exp(b)) ** 2).sum(), b, method="complex"
    )
    assert (abs(found.value) <= found.error + 1e-12).all()
    with pytest.raises(InvalidInput, match="drops the imaginary part"):
        derivative(lambda x: (np.real(np.exp(x)) - 1.5) ** 2, 0.4, method="complex")
