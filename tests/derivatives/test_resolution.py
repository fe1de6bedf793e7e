"""Functions with coarse values: float32, rounded, printed, counted, on plateaus."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from secant import derivative, directional_derivative, gradient, hessian, jacobian
from secant.derivatives.resolution import grid_spacing, plateau_height


def printed(value, digits):
    return float(f"{value:.{digits}g}")


def column(values):
    return np.array(values, float)[:, np.newaxis]


# --- the grid of values --------------------------------------------------------------

SMOOTH = np.sin(np.random.default_rng(0).uniform(0.1, 1.5, 6))


@pytest.mark.parametrize(
    ("values", "spacing"),
    [
        (np.float32(SMOOTH), 2.0**-24),
        (np.float16(0.5 + SMOOTH / 2), 2.0**-11),
        (np.float32(1e4) + np.float32(SMOOTH), 2.0**-10),
        (np.round(SMOOTH, 3), 1e-3),
        (np.round(1e5 * SMOOTH, -2), 100.0),
        ([printed(123 * v, 6) for v in SMOOTH], 1e-3),
        ([printed(v, 9) for v in SMOOTH], 1e-9),
        (np.floor(1000 * SMOOTH), 1.0),
        (np.floor(8 * SMOOTH) / 8, 0.125),
        ([False, True, True, False, True], 1.0),
        ([0.5, 0.5, 0.5], 0.0),  # one value tells nothing
        ([1.0, 0.25, math.pi], 0.0),  # nor do two beside one that is long
        (SMOOTH, 0.0),
        (1e300 * SMOOTH, 0.0),
        (1e-300 * SMOOTH, 0.0),
        ([np.inf, np.nan], 0.0),
    ],
)
def test_the_grid_of_values_is_found(values, spacing):
    np.testing.assert_allclose(grid_spacing(column(values)), [spacing])


@pytest.mark.parametrize("entries", [3, 1000])
def test_each_entry_has_a_grid_of_its_own(entries):
    smooth = np.sin(np.random.default_rng(1).uniform(0.1, 1.5, (5, entries)))
    rounded = smooth.copy()
    rounded[:, ::2] = smooth[:, ::2].round(4)
    np.testing.assert_allclose(grid_spacing(rounded)[::2], 1e-4)
    assert not grid_spacing(rounded)[1::2].any()
    assert not grid_spacing(smooth).any()


# --- derivatives ---------------------------------------------------------------------

COARSE = {
    "rounded to 3 decimals": (lambda x: round(float(x * x), 3), 1.2345, 2.469),
    "rounded to 4 decimals": (
        lambda x: round(1 / (1 + x * x), 4),
        0.27788,
        -2 * 0.27788 / (1 + 0.27788**2) ** 2,
    ),
    "float32": (lambda x: np.float32(np.sin(x)), 1.0, math.cos(1)),
    "a sum in float32": (
        lambda x: float(np.float32(1e4) + np.sin(np.float32(x))),
        0.1,
        math.cos(0.1),
    ),
    "counts": (lambda x: int(1e4 * math.exp(x)) / 1e4, 0.3, math.exp(0.3)),
    "x in steps of 1e-3": (lambda x: math.sin(round(x, 3)), 0.52345, math.cos(0.52345)),
    "JAX without x64": (jnp.cos, 1e-4, -1e-4),
    "float32 and a smooth term": (
        lambda x: float(np.float32(math.sin(x))) + x * x,
        0.7,
        math.cos(0.7) + 1.4,
    ),
    "one value at all first steps": (
        lambda x: round(math.exp(-x * x / 2) / math.sqrt(2 * math.pi), 3),
        -0.0015,
        0.0015 * 0.398942,
    ),
}


@pytest.mark.parametrize("method", ["central", "forward", "backward"])
@pytest.mark.parametrize("name", COARSE)
def test_the_error_of_a_coarse_function_holds_its_derivative(name, method):
    f, x, true = COARSE[name]
    found = derivative(f, x, method=method)
    assert abs(found.value - true) <= found.error
    told = derivative(f, x, method=method, noise=0.3e-3)
    assert found.error < 1.0 or found.error <= 100 * told.error


def smooth_cases(draws):
    """Smooth functions with their derivatives, at random places and scales."""
    draw = np.random.default_rng(4)
    for _ in range(draws):
        a, b, c = draw.uniform(0.3, 3, 3)
        x = float(draw.uniform(0.05, 2))
        yield lambda x, a=a, b=b: a * math.sin(b * x), x, a * b * math.cos(b * x)
        yield lambda x, a=a, c=c: a * math.exp(c * x), x, a * c * math.exp(c * x)
        yield (
            lambda x, a=a, b=b: a / (1 + b * x * x),
            x,
            -2 * a * b * x / (1 + b * x * x) ** 2,
        )


ROUNDINGS = {
    "float32": np.float32,
    "float16": np.float16,
    **{f"{d} decimals": partial(lambda v, d: round(v, d), d=d) for d in (2, 4, 6, 8)},
    **{f"{d} digits": partial(printed, digits=d) for d in (4, 6, 8)},
    "floor": lambda v: math.floor(1000 * v) / 1000,
}


@pytest.mark.parametrize(
    "options",
    [
        {},
        *(
            pytest.param(options, marks=pytest.mark.slow)
            for options in (
                {"method": "forward"},
                {"noise": "measure"},
                {"tolerance": 1e-4},
            )
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ROUNDINGS)
def test_of_a_hundred_coarse_functions_nearly_all_errors_hold(name, options):
    rounding = ROUNDINGS[name]
    held = []
    for f, x, true in smooth_cases(34):
        found = derivative(lambda x, f=f: rounding(f(x)), x, **options)
        held.append(abs(found.value - true) <= found.error)
    assert np.mean(held) >= 0.97


def test_every_derivative_knows_of_coarse_values():
    def f(v):
        return round(float(np.sin(v[0]) * v[1]), 5)

    x = np.array([0.7, 1.3])
    slopes = np.array([np.cos(0.7) * 1.3, np.sin(0.7)])
    second = np.array([[-np.sin(0.7) * 1.3, np.cos(0.7)], [np.cos(0.7), 0]])
    for found, true in [
        (gradient(f, x), slopes),
        (jacobian(lambda v: np.array([f(v), v[0]]), x), [slopes, [1, 0]]),
        (hessian(f, x), second),
        (directional_derivative(f, x, [1.0, 2.0]), slopes @ [1, 2]),
    ]:
        assert (abs(found.value - true) <= found.error).all()
        assert np.max(found.error) < 0.05
        assert "the resolution of the function's values, 1e-05" in found.status


def test_a_small_slope_beside_a_large_one_is_not_lost_in_six_digits():
    found = gradient(lambda v: float(f"{v[0] ** 2 + v[1] ** 2:.7g}"), [0.01, 50.0])
    assert (abs(found.value - [0.02, 100]) <= found.error).all()


def test_a_plateau_is_measured_once():
    found = derivative(lambda x: math.sin(round(x, 3)), 0.52345)
    assert found.evaluations <= 45


def test_a_plateau_of_one_entry_leaves_the_error_of_the_others():
    def f(x):
        wide = 1.0 if abs(x[0] - 0.01) < 2e-2 else float(np.pi)
        return np.array([wide, math.sin(x[0])])

    found = jacobian(f, [0.01])
    assert found.error[0] > 1e-3
    assert abs(found.value[1] - math.cos(0.01)) <= found.error[1] < 1e-9


# --- exact functions stay exact ------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "true"),
    [
        (lambda x: x * x, 3.0, 6.0),
        (lambda x: x**3 - 2 * x, 2.0, 10.0),
        (lambda x: 2 * x + 1, 0.0, 2.0),
        (lambda x: 0.1 * x, 1.0, 0.1),
        (lambda x: 1 / x, 2.0, -0.25),
        (lambda x: max(x, 0.0), -0.5, 0.0),
        (lambda x: max(x, 0.0), 0.5, 1.0),
        (lambda x: 5.0, 1.0, 0.0),
        (lambda x: 0.0, 1.0, 0.0),
        (lambda x: math.pi, 1.0, 0.0),
    ],
)
def test_short_values_of_an_exact_function_are_no_grid(f, x, true):
    found = derivative(f, x)
    assert abs(found.value - true) <= found.error < 1e-12
    assert found.evaluations <= 25


def test_a_flat_piece_that_ends_in_a_ramp_is_no_plateau_of_a_staircase():
    found = derivative(lambda x: max(0.0, x - 1e-3), 0.0)
    assert abs(found.value) <= found.error < 1e-11
    assert "resolution" not in found.status


def test_a_ramp_is_no_jump_wherever_bisection_meets_it():
    for where in np.linspace(0.5, 3.0, 300):
        height = plateau_height(
            lambda t, where=where: np.fmax([t - where], 0.0), np.zeros(1), 0.4, 3.1
        )
        assert height == 0.0


def test_a_jump_to_a_slope_is_measured_wherever_bisection_meets_it():
    for where in np.linspace(0.5, 3.0, 300):
        height = plateau_height(
            lambda t, where=where: np.array([(t > where) * (1 + t - where)]),
            np.zeros(1),
            0.4,
            3.1,
            side=1,
        )
        assert height > 0.9


def test_large_values_far_away_do_not_coarsen_a_constant_piece():
    weight, bound = np.float32(0.3455842), np.float32(-1.765826)
    found = derivative(lambda x: weight * max(np.float32(x), bound), -8.478374)
    assert abs(found.value) <= found.error < 1e-7
    assert "resolution" in found.status


def test_a_jump_at_the_point_is_no_grid():
    for f in (np.sign, lambda x: math.floor(x), lambda x: float(x > 0)):
        assert not derivative(f, 0.0).success


def test_values_of_a_told_noise_are_taken_at_their_word():
    found = derivative(lambda x: np.float32(math.sin(x)), 1.0, noise=0.0)
    assert "resolution" not in found.status


# --- waves ---------------------------------------------------------------------------


@pytest.mark.parametrize("k", [16, 64, 256])
def test_a_wave_that_divides_halved_steps_is_seen(k):
    found = derivative(lambda x: x + math.sin(k * math.pi * x) / k, 0.0)
    assert abs(found.value - (1 + math.pi)) <= found.error < 1e-9


def test_a_wave_below_the_first_step_is_seen_through_noise():
    found = derivative(lambda x: round(math.sin(50 * x), 3), 57.8)
    assert not found.success or abs(found.value - 50 * math.cos(2890)) <= found.error


# --- what is said --------------------------------------------------------------------


def test_a_function_of_jax_in_float32_is_told_the_better_way():
    with jax.enable_x64(False):
        assert 'method="difference"' in derivative(jnp.exp, 1.0).status
    found = derivative(lambda x: np.float32(math.exp(x)), 1.0)
    assert "resolution" in found.status
    assert "difference" not in found.status


# --- plateaus and waves that the first steps do not show -----------------------------


@pytest.mark.parametrize(
    ("f", "x", "true"),
    [
        # Wider than the first steps, and seen by a longer one.
        (lambda x: round(1 / (1 + math.exp(-x)), 1), 0.0031554, 0.25),
        (lambda x: round(math.erf(x), 1), -2.36703, 0.00416),
        # Wider than all of them.
        (lambda x: round(math.cos(x), 1), 0.00100851, -0.0010085),
        (lambda x: round(math.atan(x), 1), 147.087, 4.6e-5),
        # f is not defined on the other side.
        (lambda x: round(x**1.5, 1) if x > 0 else math.nan, 0.0833598, 0.4331),
        # Values of all sizes beyond the plateau.
        (lambda x: round(math.exp(x), 1), -3.0, math.exp(-3)),
        (lambda x: math.tan(round(x, 3)), 0.00100851, 1.0),
    ],
)
def test_a_wide_plateau_is_no_constant(f, x, true):
    found = derivative(f, x)
    assert abs(found.value - true) <= found.error
    assert "resolution" in found.status
    assert found.evaluations <= 80


def test_a_constant_is_a_constant_however_far():
    for constant in (0.0, 0.5, math.pi):
        found = derivative(lambda _, c=constant: c, 0.3)
        assert found.value == 0.0
        assert found.error < 1e-14
        assert found.success
        assert found.evaluations <= 25


@pytest.mark.parametrize("method", ["central", "forward", "backward"])
@pytest.mark.parametrize("x", [-962.1872876469387, -800.0, -746.0])
def test_what_overflows_far_away_is_no_jump(method, x):
    with np.errstate(over="ignore"):
        found = derivative(np.exp, x, method=method)
    assert abs(found.value) <= found.error + 1e-300
    assert found.error < 1e-280


def test_what_fails_far_away_does_not_matter():
    table = [round(math.sin(i / 100), 1) for i in range(200)]
    found = derivative(lambda x: table[int(100 * x)] if x >= 0 else table[10**6], 0.02)
    assert abs(found.value - math.cos(0.02)) <= found.error


def test_a_constant_is_not_asked_for_beyond_its_bounds():
    asked = []

    def f(x):
        asked.append(x)
        return 0.5

    derivative(f, 0.3, bounds=(0.1, 2.0))
    assert min(asked) >= 0.1
    assert max(asked) <= 2.0


@pytest.mark.parametrize(
    ("f", "x", "true"),
    [
        # Waves shorter than the steps, and a pole within them.
        (lambda x: round(math.sin(50 * x), 3), 311.329, 50 * math.cos(50 * 311.329)),
        (lambda x: round(math.sin(50 * x), 3), 0.00204006, 49.74),
        (lambda x: round(math.sin(50 * x), 1), 844.628, 50 * math.cos(50 * 844.628)),
        (lambda x: round(math.lgamma(x), 1), 0.011, -91.47),
        (lambda x: round(math.lgamma(x), 1), 0.0321904, -31.59),
    ],
)
def test_long_steps_do_not_leap_over_what_short_ones_saw(f, x, true):
    found = derivative(f, x)
    assert abs(found.value - true) <= found.error


def test_coordinates_that_are_rounded_each_have_steps_of_their_own():
    def f(x):
        a, b = np.round(x, 3)
        return math.log1p(a) + math.expm1(b)

    x = np.array([90.08398, 0.00524])
    for direction in ([1.0, -0.5], [1.0, 1.0], [0.3, -2.0]):
        found = directional_derivative(f, x, direction)
        true = np.array([1 / (1 + x[0]), math.exp(x[1])]) @ direction
        assert abs(found.value - true) <= found.error < 1.0
