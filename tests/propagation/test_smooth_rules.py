"""Smooth rules at 0, for large changes, at infinity and under transformations."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax import lax

from secant.propagation import difference

slow = pytest.mark.slow

# Each function, the same function of mpmath, and an interval of its domain on which its
# second derivative has one sign, so that second differences do not cancel.
FUNCTIONS = {
    "exp": (lax.exp, mp.exp, 0.2, 0.9),
    "exp2": (lax.exp2, lambda x: mp.mpf(2) ** x, 0.2, 0.9),
    "expm1": (lax.expm1, mp.expm1, 0.2, 0.9),
    "log": (lax.log, mp.log, 0.2, 0.9),
    "log1p": (lax.log1p, mp.log1p, 0.2, 0.9),
    "logistic": (lax.logistic, lambda x: 1 / (1 + mp.exp(-x)), 0.2, 0.9),
    "tanh": (lax.tanh, mp.tanh, 0.2, 0.9),
    "sinh": (lax.sinh, mp.sinh, 0.2, 0.9),
    "cosh": (lax.cosh, mp.cosh, 0.2, 0.9),
    "asinh": (lax.asinh, mp.asinh, 0.2, 0.9),
    "acosh": (lax.acosh, mp.acosh, 1.2, 1.9),
    "atanh": (lax.atanh, mp.atanh, 0.2, 0.9),
    "sin": (lax.sin, mp.sin, 0.2, 0.9),
    "cos": (lax.cos, mp.cos, 0.2, 0.9),
    "tan": (lax.tan, mp.tan, 0.2, 0.9),
    "asin": (lax.asin, mp.asin, 0.2, 0.9),
    "acos": (lax.acos, mp.acos, 0.2, 0.9),
    "atan": (lax.atan, mp.atan, 0.2, 0.9),
    "sqrt": (lax.sqrt, mp.sqrt, 0.2, 0.9),
    "rsqrt": (lax.rsqrt, lambda x: 1 / mp.sqrt(x), 0.2, 0.9),
    "cbrt": (lax.cbrt, mp.cbrt, 0.2, 0.9),
    "x**5": (lambda x: x**5, lambda x: x**5, 0.2, 0.9),
    "x**-2": (lambda x: x**-2, lambda x: x**-2, 0.2, 0.9),
    "x**x": (lambda x: lax.pow(x, x), lambda x: x**x, 0.2, 0.9),
    "1 / (1 + x)": (lambda x: 1 / (1 + x), lambda x: 1 / (1 + x), 0.2, 0.9),
    "atan2": (lambda x: lax.atan2(x, 1 + x), lambda x: mp.atan2(x, 1 + x), 0.2, 0.9),
    "erf": (lax.erf, mp.erf, 0.2, 0.9),
    "erfc": (lax.erfc, mp.erfc, 0.2, 0.9),
    "lgamma": (lax.lgamma, lambda x: mp.log(mp.gamma(x)), 0.2, 0.9),
    "bessel_i0e": (
        lax.bessel_i0e,
        lambda x: mp.besseli(0, x) * mp.exp(-abs(x)),
        0.2,
        0.9,
    ),
}
_EPS = float(np.finfo(np.float32).eps)

each = pytest.mark.parametrize("name", FUNCTIONS)
# One of each kind, where compilation takes long.
_SOME = ["exp2", "log1p", "tanh", "sinh", "asinh", "atanh", "sin", "tan", "asin"]
_SOME += ["cbrt", "x**5", "x**x", "erf"]
some = pytest.mark.parametrize("name", _SOME)


def _some(low, high, count=24):
    return jnp.asarray(np.linspace(low, high, count), jnp.float32)


@some
@slow
def test_a_difference_of_a_difference_keeps_its_digits(name):
    f, exact, low, high = FUNCTIONS[name]
    x = _some(low, high)

    @jax.jit
    def second(x, d):
        return difference(lambda at: difference(f)(at, d)[1])(x, d)[1]

    for d in (np.float32(1e-3), np.float32(1e-7)):
        step = mp.mpf(float(d))
        for at, got in zip(x, second(x, jnp.full_like(x, d)), strict=True):
            a = mp.mpf(float(at))
            with mp.workdps(60):
                want = exact(a + 2 * step) - 2 * exact(a + step) + exact(a)
            assert abs(mp.mpf(float(got)) - want) <= 16 * _EPS * abs(want)


@each
@slow
def test_no_change_makes_no_change(name):
    f, _, low, high = FUNCTIONS[name]
    x = _some(low, high)
    assert not np.any(difference(f)(x, jnp.zeros_like(x))[1])


@some
@slow
def test_gradients_are_those_of_the_function_at_both_ends(name):
    f, _, low, high = FUNCTIONS[name]
    x, dx = _some(low, high), jnp.float32(0.05)

    def change(x, dx):
        return difference(f)(x, dx)[1]

    by_x, by_dx = jax.jit(jax.vmap(jax.grad(change, (0, 1)), (0, None)))(x, dx)
    slope = jax.vmap(jax.grad(f))
    np.testing.assert_allclose(by_dx, slope(x + dx), rtol=1e-4)
    scale = np.max(np.abs(slope(x)))
    np.testing.assert_allclose(by_x, slope(x + dx) - slope(x), atol=1e-5 * scale)


@some
@slow
def test_one_by_one_under_vmap_and_all_at_once_are_the_same(name):
    f, _, low, high = FUNCTIONS[name]
    x, dx = _some(low, high), jnp.geomspace(1e-9, 0.05, 24)
    together = difference(f)(x, dx)[1]
    apart = jax.vmap(difference(f))(x, dx)[1]
    np.testing.assert_allclose(together, apart, rtol=4 * _EPS)


@pytest.mark.parametrize(
    ("f", "exact", "x", "dx"),
    [
        (lax.exp, mp.exp, -100.0, 130.0),
        (lax.exp, mp.exp, 80.0, -300.0),
        (lax.exp2, lambda x: mp.mpf(2) ** x, -140.0, 150.0),
        (lax.expm1, mp.expm1, -100.0, 130.0),
        (lax.log, mp.log, 1e-30, 1e10),
        (lax.log, mp.log, 1e30, -0.999e30),
        (lax.log1p, mp.log1p, -0.5, 1e30),
        (lax.logistic, lambda x: 1 / (1 + mp.exp(-x)), 100.0, -130.0),
        (lax.logistic, lambda x: 1 / (1 + mp.exp(-x)), -100.0, 80.0),
        (lax.tanh, mp.tanh, 30.0, -60.0),
        (lax.sinh, mp.sinh, -50.0, 120.0),
        (lax.cosh, mp.cosh, -50.0, 120.0),
        (lax.asinh, mp.asinh, 1e-3, 1e30),
        (lax.asinh, mp.asinh, -1e25, 1e30),
        (lax.acosh, mp.acosh, 1.0, 1e25),
        (lax.atanh, mp.atanh, -0.9999, 1.9998),
        (lax.sin, mp.sin, 1.0, 2.5),
        (lax.cos, mp.cos, 1.0, 2.5),
        (lax.tan, mp.tan, -1.5, 3.0),
        (lax.asin, mp.asin, -1.0, 2.0),
        (lax.atan, mp.atan, -1e30, 2e30),
        (lax.atan, mp.atan, 1e20, 1e19),
        (lax.sqrt, mp.sqrt, 0.0, 1e30),
        (lax.rsqrt, lambda x: 1 / mp.sqrt(x), 1e-30, 1e30),
        (lax.cbrt, mp.cbrt, 1e-30, 1e30),
        (lambda x: lax.integer_pow(x, -3), lambda x: x**-3, 1e-3, 1e3),
        (lambda x: lax.pow(x, 2.5), lambda x: x**2.5, 1e-3, 1e3),
        (lambda x: lax.pow(2.5, x), lambda x: mp.mpf(2.5) ** x, -30.0, 60.0),
        (lax.erf, mp.erf, -9.0, 6.0),
        (lax.erfc, mp.erfc, 8.0, -3.0),
        (lax.lgamma, lambda x: mp.log(mp.gamma(x)), 1e-3, 30.0),
        (lax.digamma, mp.digamma, 1e-3, 30.0),
    ],
)
@slow
def test_a_large_change_is_right(f, exact, x, dx):
    a, step = (mp.mpf(float(np.float32(v))) for v in (x, dx))
    with mp.workdps(60):
        want = exact(a + step) - exact(a)
    given = jax.jit(difference(f))(jnp.float32(x), jnp.float32(dx))[1]
    assert float(given) == pytest.approx(float(want), rel=64 * _EPS)


# --- Special functions: a cheap point of each, of what the slow tests search ---


@pytest.mark.parametrize(
    ("f", "exact", "x"),
    [
        (lax.digamma, mp.digamma, 2.25),
        (lax.digamma, mp.digamma, -0.4),  # by reflection
        (lax.lgamma, lambda x: mp.log(abs(mp.gamma(x))), -0.4),
        (lambda x: lax.polygamma(jnp.zeros_like(x), x), mp.digamma, 0.75),
        (
            lambda x: lax.polygamma(jnp.full_like(x, 2), x),
            lambda x: -2 * mp.zeta(3, x),
            0.75,
        ),
        (lambda x: lax.zeta(jnp.full_like(x, 1.5), x), lambda x: mp.zeta(1.5, x), 0.75),
        (
            lambda x: lax.igamma(jnp.full_like(x, 3), x),
            lambda x: mp.gammainc(3, 0, x, regularized=True),
            2.25,
        ),
        (
            lambda x: lax.igammac(jnp.full_like(x, 20), x),
            lambda x: mp.gammainc(20, x, regularized=True),
            18.0,
        ),
        (
            lambda x: lax.betainc(jnp.full_like(x, 2), jnp.full_like(x, 3.5), x),
            lambda x: mp.betainc(2, 3.5, 0, x, regularized=True),
            0.25,
        ),
    ],
    ids=[
        "digamma",
        "digamma below 0",
        "lgamma below 0",
        "polygamma 0",
        "polygamma 2",
        "zeta",
        "igamma",
        "igammac",
        "betainc",
    ],
)
def test_a_special_function_changes_by_all_its_digits_at_one_point(f, exact, x):
    x, dx = np.float32(x), np.float32(1e-5)
    a, step = mp.mpf(float(x)), mp.mpf(float(dx))
    with mp.workdps(40):
        want = exact(a + step) - exact(a)
    given = jax.jit(difference(f))(x, dx)[1]
    assert float(given) == pytest.approx(float(want), rel=32 * _EPS)


# --- Powers of 0 ---


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@mp.workdps(60)
def test_gamma_functions_keep_their_digits_between_their_poles(dtype):
    """Close to a pole and far from it, on its way out and across."""
    distances = (1e-6, -1e-6, 1e-3, -1e-3, 0.03, -0.2, 0.3, 0.45, 0.5)
    shares = (1e-12, -1e-9, 1e-4, -0.01, 0.3, -0.9, -1.5)
    columns = [
        (distance - n, share * abs(distance))
        for n in (0, 1, 2, 7, 14)
        for distance in distances
        for share in shares
    ]
    with jax.enable_x64(dtype == "float64"):
        x, dx = (np.array(column, dtype) for column in zip(*columns, strict=True))
        both = jax.jit(difference(lambda x: (lax.digamma(x), lax.lgamma(x))))
        changes = list(map(np.asarray, both(x, dx)[1]))
    ulp = float(np.finfo(dtype).eps)
    for a, d, of_digamma, of_lgamma in zip(x, dx, *changes, strict=True):
        a, b = mp.mpf(float(a)), mp.mpf(float(a)) + mp.mpf(float(d))
        want = mp.digamma(b) - mp.digamma(a)
        assert abs(mp.mpf(float(of_digamma)) - want) < 4 * ulp * abs(want), (a, d)
        # log |Γ| is a sum: log π - log |sin πx| - log Γ(1 - x).
        of_sine = mp.log(abs(mp.sinpi(b) / mp.sinpi(a)))
        of_mirror = mp.loggamma(1 - b) - mp.loggamma(1 - a)
        want, unit = -of_sine - of_mirror, abs(of_sine) + abs(of_mirror)
        assert abs(mp.mpf(float(of_lgamma)) - want) < 8 * ulp * unit, (a, d)


def test_a_power_of_zero_jumps_where_its_exponent_comes_to_zero():
    y, dy = np.float32([1, 0, 0, 2]), np.float32([-1, 1e-30, 3, 1])
    given = jax.jit(difference(lambda y: lax.pow(jnp.zeros_like(y), y)))(y, dy)[1]
    assert given.tolist() == [1, -1, -1, 0]


# --- Ends of the domain ---


@pytest.mark.parametrize("f", [lax.tanh, lax.logistic, lax.erf, lax.erfc, lax.atan])
@pytest.mark.parametrize("x", [np.inf, -np.inf])
@slow
def test_what_is_level_at_infinity_does_not_change_there(f, x):
    for dx in (-1.0, 1e-20, 3.0):
        assert float(difference(f)(jnp.float32(x), jnp.float32(dx))[1]) == 0


@pytest.mark.parametrize("f", [lax.exp, lax.log, lax.sin, lax.erf, lax.sqrt, lax.atan2])
@slow
def test_nan_stays_nan(f):
    g = (lambda x: f(x, 1 + x)) if f is lax.atan2 else f
    assert np.isnan(difference(g)(jnp.float32(np.nan), jnp.float32(1e-3))[1])
    assert np.isnan(difference(g)(jnp.float32(0.5), jnp.float32(np.nan))[1])


@slow
def test_functions_are_nan_outside_their_domain():
    for f, x in ((lax.log, -1.0), (lax.sqrt, -1.0), (lax.acosh, 0.5), (lax.asin, 2.0)):
        assert np.isnan(difference(f)(jnp.float32(x), jnp.float32(-0.1))[1])


# --- Remainders ---


@given(
    st.floats(-50, 50, width=32),
    st.floats(0.25, 8, width=32),
    st.floats(-20, 20, width=32),
    st.floats(-0.125, 0.125, width=32),
    st.booleans(),
)
@slow
def test_a_remainder_jumps_where_it_should(a, b, da, db, negative):
    if negative:
        b, db = -b, -db
    want = np.fmod(a + da, b + db) - np.fmod(a, b)  # in float64
    args = [tuple(jnp.float32(v) for v in pair) for pair in ((a, b), (da, db))]
    given = float(difference(lambda at: lax.rem(*at))(*args)[1])
    slack = 1e-4
    near_a_jump = min(abs(np.fmod(a + da, b + db)), abs(b + db)) < slack or (
        abs(b + db) - abs(np.fmod(a + da, b + db)) < slack
    )
    if not near_a_jump:
        assert given == pytest.approx(want, abs=slack)


_remainder = jax.jit(difference(lambda at: lax.rem(*at)))


@pytest.mark.parametrize(
    ("a", "b", "da", "db", "want"),
    [
        (6.0, 3.0, 1e-30, 0, 1e-30),
        (6.0, 3.0, -1e-30, 0, 3.0),
        (-6.0, 3.0, 1e-30, 0, -3.0),
        (-6.0, 3.0, -1e-30, 0, -1e-30),
        (0.0, 3.0, 1e-30, 0, 1e-30),
        (0.0, 3.0, -1e-30, 0, -1e-30),
        (5.0, 3.0, 1e-30, 0, 1e-30),
        (5.0, -3.0, 2.0, 0, -1.0),
        # Only the divisor changes, or both do.
        (7.0, 3.0, 0, 1e-30, -2e-30),
        (7.0, 3.0, 1e-30, 2e-30, -3e-30),
        (6.0, 3.0, 0, 1e-30, 3.0),
        (-7.0, 3.0, 0, 0.25, 0.5),
        (7.0, -3.0, 0, 0.25, 0.5),
        # The dividend changes its sign, or comes to 0.
        (1.0, 3.0, -3.0, 0, -3.0),
        (-1.0, 3.0, 5.0, 0, 2.0),
        (7.0, 3.0, -14.0, 0, -2.0),
        (1.0, 3.0, -1.0, 0, -1.0),
        (-7.0, 3.0, 7.0, 0, 1.0),
    ],
)
def test_a_change_below_the_spacing_of_floats_decides_a_remainder(a, b, da, db, want):
    given = _remainder(*(tuple(map(np.float32, pair)) for pair in ((a, b), (da, db))))
    assert float(given[1]) == pytest.approx(want, rel=1e-6)


def test_a_remainder_by_a_divisor_that_does_not_change():
    a, da = np.float32([6, 6, -6]), np.float32([1e-30, -1e-30, 1e-30])
    given = jax.jit(difference(lambda a: lax.rem(a, jnp.full(3, 3.0))))(a, da)[1]
    np.testing.assert_allclose(given, [1e-30, 3, -3], rtol=1e-6)


# --- Angles ---


@given(st.floats(-np.pi, np.pi), st.floats(-3, 3), st.floats(0.1, 3), st.floats(0.1, 3))
@slow
def test_an_angle_changes_by_what_atan2_says_also_across_its_cut(t, turn, r, s):
    y, x = np.float32(r * np.sin(t)), np.float32(r * np.cos(t))
    dy = np.float32(s * np.sin(t + turn) - y)
    dx = np.float32(s * np.cos(t + turn) - x)
    there = (float(y) + float(dy), float(x) + float(dx))
    want = np.arctan2(*there) - np.arctan2(float(y), float(x))
    if abs(there[0]) > 1e-3 * abs(there[1]):  # else a rounding decides the side
        given = difference(lambda at: lax.atan2(*at))((y, x), (dy, dx))[1]
        assert float(given) == pytest.approx(want, abs=2e-6)


_angle = jax.jit(difference(lambda at: lax.atan2(*at)))


def _angle_change(y, x, dy, dx):
    at, by = (np.float32(pair) for pair in ((y, x), (dy, dx)))
    return float(_angle(tuple(at), tuple(by))[1])


def test_an_angle_at_the_origin():
    assert _angle_change(0, 0, 1, 0) == pytest.approx(np.pi / 2)
    assert _angle_change(0, 0, -1, -1) == pytest.approx(-3 * np.pi / 4)
    assert _angle_change(1, 0, -1, 0) == pytest.approx(-np.pi / 2)
    assert _angle_change(0, -1, 0, 1) == pytest.approx(-np.pi)


@pytest.mark.parametrize(("y", "x"), [(1, 0.5), (0.5, -1), (0, 1), (-1, 0), (0, 3)])
def test_an_angle_keeps_the_digits_of_a_change_far_below_its_own(y, x):
    for dy, dx in ((1e-12, 0), (0, 1e-12), (3e-12, -1e-12)):
        want = (x * dy - y * dx) / (x * x + y * y)
        assert _angle_change(y, x, dy, dx) == pytest.approx(want, rel=1e-6)


# --- Complex numbers ---


@pytest.mark.parametrize(
    "f",
    [
        lambda z: z * z,
        lambda z: lax.square(z),
        lambda z: z**3,
        lambda z: 1 / (1 + z),
        lambda z: z / (2 - z),
        lax.exp,
        lax.sqrt,
        lax.sin,
        lax.tanh,
        lax.log,
        lambda z: lax.conj(z) * z,
        lambda z: lax.real(z) ** 2 + lax.imag(z) ** 2,
        lambda z: lax.complex(lax.imag(z), lax.exp(lax.real(z))),
    ],
)
@pytest.mark.parametrize("size", [1e-12, 1e-4, 0.5])
@slow
def test_complex_numbers_agree_with_more_digits(f, size):
    rng = np.random.default_rng(3)
    z, dz = (
        (rng.uniform(0.3, 1, 20) + 1j * rng.uniform(-1, 1, 20)) * scale
        for scale in (1, size)
    )
    given = difference(f)(z.astype(np.complex64), dz.astype(np.complex64))[1]
    with jax.enable_x64(True):
        exact = difference(f)(
            jnp.asarray(z.astype(np.complex64), complex),
            jnp.asarray(dz.astype(np.complex64), complex),
        )[1]
    exact = np.asarray(exact)
    assert np.max(np.abs(given - exact) / np.max(np.abs(exact))) < 2e-6
    if size > 0.1:
        with jax.enable_x64(True):
            far = f(jnp.asarray(z + dz)) - f(jnp.asarray(z))
        np.testing.assert_allclose(exact, far, atol=1e-6)


_POWERS = [lax.square, lambda z: z**3, lambda z: z**-2, lax.sqrt, lax.exp]
if hasattr(lax, "one_minus_square_p"):
    _POWERS += [lax.one_minus_square_p.bind]


@pytest.mark.parametrize("f", _POWERS)
def test_complex_powers_do_not_subtract_two_large_numbers(f):
    """A change of 0.15 is large, yet small beside the number."""
    z, dz = np.complex64(61.3 + 39.7j), np.complex64(0.1234 - 0.0678j)
    with jax.enable_x64(True):
        f_of = jax.jit(f)
        want = complex(f_of(np.complex128(z) + dz)) - complex(f_of(np.complex128(z)))
    given = complex(jax.jit(difference(f))(z, dz)[1])
    assert abs(given - want) <= 4 * _EPS * abs(want)
