"""Selection and rounding, compared with exact fractions.

Fractions know no rounding: they say what `f(x + dx) - f(x)` is, for every dx.
"""

import math
from fractions import Fraction
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from secant.propagation import difference
from secant.propagation.delta import two_sum

DTYPES = ["float32", "float64", "bfloat16", "float16"]
SIZES = [1e-12, 1e-7, 1e-3, 0.7, 5.0]
# On both sides of the kinks, at the kinks, and where floats are far apart.
POINTS = [-2.5, -1, -0.5, -0.3, 0, 0.2, 0.5, 1, 1.5, 2.5, 3, 1e3, -4e6, 9e6, 3e7]


def exact(x):
    flat = [Fraction(float(v)) for v in np.asarray(x).ravel()]
    return np.array(flat, dtype=object).reshape(np.shape(x))


def moves(size, shape, dtype, seed=0):
    signs = np.random.default_rng(seed).choice([-1, -0.5, 0, 0.5, 1], shape)
    return (size * signs).astype(jnp.dtype(dtype))


def agrees(name, x, steps, ulp=2.0):
    """The result is f's own, bit for bit; the change is the fractions', to some ulp.

    Compiled, so that XLA has its chance to spoil what it takes for algebra.
    """
    f, oracle = OF_ONE[name]
    carry = jax.jit(difference(f))
    own, before = np.asarray(own_values(x)[name]), oracle(exact(x))
    for dx in steps:
        value, change = carry(x, dx)
        np.testing.assert_array_equal(value, own)
        assert change.dtype == value.dtype
        wanted = np.asarray(oracle(exact(x) + exact(dx)) - before, dtype=object)
        assert np.shape(change) == wanted.shape
        eps, tiny = (
            Fraction(float(limit))
            for limit in (jnp.finfo(change.dtype).eps, jnp.finfo(change.dtype).tiny)
        )
        for got, want in zip(exact(change).ravel(), wanted.ravel(), strict=True):
            assert abs(got - want) <= Fraction(ulp) * eps * abs(want) + tiny, (x, dx)


def each(f):
    return np.vectorize(f, otypes=[object])


def round_away(x):
    return math.floor(x + Fraction(1, 2)) if x > 0 else math.ceil(x - Fraction(1, 2))


@each
def sign(x):
    return Fraction((x > 0) - (x < 0))


@each
def truncated(x):
    return Fraction(math.trunc(x))


@each
def remainder(x):
    return x - Fraction(3, 2) * math.floor(x / Fraction(3, 2))


@each
def relu6(x):
    return min(max(x, Fraction(0)), Fraction(6))


@each
def lifted(x):
    return x if x > Fraction(1, 2) else Fraction(-7)


OF_ONE = {
    "abs": (jnp.abs, abs),
    "sign": (jnp.sign, sign),
    "floor": (jnp.floor, each(lambda x: Fraction(math.floor(x)))),
    "ceil": (jnp.ceil, each(lambda x: Fraction(math.ceil(x)))),
    "round": (jnp.round, each(lambda x: Fraction(round(x)))),
    "round_away": (lax.round, each(lambda x: Fraction(round_away(x)))),
    "trunc": (jnp.trunc, truncated),
    "mod": (lambda x: jnp.mod(x, 1.5), remainder),
    "relu": (jax.nn.relu, each(lambda x: max(x, Fraction(0)))),
    "relu6": (jax.nn.relu6, relu6),
    "above": (lambda x: jnp.maximum(x, 0.375), each(lambda x: max(x, Fraction(3, 8)))),
    "clip": (lambda x: jnp.clip(x, 0, 6), relu6),
    "where": (lambda x: jnp.where(x > 0.5, x, -7), lifted),
    "max": (lambda x: jnp.max(x.reshape(3, 5), 1), lambda x: x.reshape(3, 5).max(1)),
    "min": (lambda x: jnp.min(x.reshape(3, 5), 0), lambda x: x.reshape(3, 5).min(0)),
    "ptp": (jnp.ptp, lambda x: x.max() - x.min()),
}
# Their difference is a sum of two rounded numbers.
LOOSE = {"ptp", "mod"}


@jax.jit
def own_values(x):
    """What each function gives by itself, all of them in one program."""
    return {name: f(x) for name, (f, _) in OF_ONE.items()}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(set(OF_ONE) - LOOSE))
def test_functions_of_one_number_change_exactly(name, dtype):
    with jax.enable_x64(dtype == "float64"):
        points = [p for p in POINTS if abs(p) < 6e4 or dtype != "float16"]
        points += [0.0] * (15 - len(points))
        x = np.array(points, jnp.dtype(dtype))
        agrees(name, x, [moves(size, x.shape, dtype) for size in SIZES])


@pytest.mark.parametrize("name", sorted(LOOSE))
def test_their_compositions_change_as_precisely_as_their_parts(name):
    x = np.float32([*POINTS[:12], 0, 0, 0])
    steps = [moves(size, x.shape, "float32") for size in SIZES]
    agrees(name, x, steps, ulp=4)


OF_TWO = {
    "maximum": (jnp.maximum, np.maximum),
    "minimum": (jnp.minimum, np.minimum),
    "bounded": (
        lambda a, b: lax.clamp(b, a, 4 * b),
        lambda a, b: np.minimum(np.maximum(a, b), 4 * b),
    ),
    "larger": (
        lambda a, b: jnp.where(a >= b, a, 2 * b),
        each(lambda a, b: a if a >= b else 2 * b),
    ),
}


@lru_cache(maxsize=len(OF_TWO))
def carried(name):
    """The difference of a function of two, in one program for all examples."""
    f, _ = OF_TWO[name]
    return jax.jit(difference(lambda x: f(*x)))


def numbers(**bounds):
    of_bits = {"width": 32, "allow_nan": False, "allow_infinity": False}
    return st.floats(**of_bits, allow_subnormal=False, **bounds)


A_MOVE = st.one_of(
    st.just(0.0),
    st.builds(
        lambda digits, power, sign: sign * digits * 2.0**power,
        st.integers(1, 2**12),
        st.integers(-50, 4),
        st.sampled_from([-1, 1]),
    ),
)
FOUR = {"min_size": 4, "max_size": 4}


@pytest.mark.parametrize("name", OF_TWO)
@settings(max_examples=20)
@given(
    a=st.lists(numbers(min_value=-8, max_value=8), **FOUR),
    b=st.lists(numbers(min_value=-8, max_value=8), **FOUR),
    da=st.lists(A_MOVE, **FOUR),
    db=st.lists(A_MOVE, **FOUR),
    ties=st.booleans(),
)
def test_the_winner_is_that_of_the_sums_and_the_change_exact(name, a, b, da, db, ties):
    f, oracle = OF_TWO[name]
    a, da, db = (jnp.asarray(v, jnp.float32) for v in (a, da, db))
    b = a if ties else jnp.asarray(b, jnp.float32)
    value, change = carried(name)((a, b), (da, db))
    np.testing.assert_array_equal(value, f(a, b))
    before = oracle(exact(a), exact(b))
    wanted = oracle(exact(a) + exact(da), exact(b) + exact(db)) - before
    for got, want in zip(exact(change), wanted, strict=True):
        assert (
            abs(got - want) <= 8 * Fraction(2) ** -23 * abs(want) + Fraction(2) ** -126
        )


@pytest.mark.parametrize("constant", [1.0, 1e6, -0.3])
def test_two_sum_is_exact_where_one_of_the_two_is_known_to_the_compiler(constant):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=200) * 10 ** rng.uniform(-6, 6, 200), jnp.float32)
    known = jnp.float32(constant)
    wanted = exact(x) + exact(known)
    for f in (lambda x: two_sum(known, x), lambda x: two_sum(x, known)):
        s, e = jax.jit(f)(x)
        assert all(exact(s) + exact(e) == wanted)


def test_a_winner_that_comes_from_far_off_brings_all_its_digits():
    x, dx = jnp.float32(-1e6), jnp.float32(1000000.2)
    _, change = difference(lambda x: jnp.maximum(x, 0.1))(x, dx)
    wanted = exact(x) + exact(dx) - exact(np.float32(0.1))
    np.testing.assert_allclose(change, float(wanted), rtol=2e-7)


# --- Selection ---


def test_where_keeps_the_chosen_cases_change_as_it_is():
    x, dx = jnp.array([-3.0, 0.1, 4.0]), jnp.array([1e-9, 3e-9, -7e-12])
    _, change = difference(lambda x: jnp.where(x > 0, 3 * x, -x))(x, dx)
    np.testing.assert_array_equal(change, [-dx[0], 3 * dx[1], 3 * dx[2]])


def test_a_flip_far_below_the_spacing_of_floats_is_the_whole_jump():
    jump = jax.jit(difference(lambda x: jnp.where(x < 1, x, 10.0)))
    assert float(jump(1.0, -1e-12)[1]) == -9
    assert float(jump(1.0, 1e-12)[1]) == 0


def test_a_case_that_is_guarded_where_it_is_not_chosen_is_carried_across():
    def f(x):
        return jnp.where(x > 0, jnp.log(jnp.where(x > 0, x, 1)), -1.0)

    _, change = jax.jit(difference(f))(np.float32([0.0, -0.5]), np.float32([0.5, 1.0]))
    np.testing.assert_allclose(change, np.log([0.5, 0.5]) + 1, rtol=1e-6)


def test_one_of_many_cases_is_chosen_by_a_number():
    def f(x):
        return lax.select_n(x["which"], x["a"], 2 * x["a"], -x["a"])

    x = {"which": jnp.array([0, 1, 2], jnp.int32), "a": jnp.array([1.0, 2.0, 3.0])}
    dx = {"which": jnp.array([2, 0, -1], jnp.int32), "a": jnp.float32(1e-9)}
    _, change = difference(f)(x, dx)
    np.testing.assert_allclose(change, [-2, 2e-9, 9], rtol=1e-6)


def test_a_predicate_of_no_axes_chooses_among_arrays():
    def f(x):
        return lax.select_n(x["on"], x["a"], x["a"] + 1)

    x = {"on": jnp.array(False), "a": jnp.arange(3.0)}
    _, change = difference(f)(x, {"on": True, "a": 0.25})
    np.testing.assert_array_equal(change, [1.25] * 3)


# --- Infinities and NaN ---


@pytest.mark.parametrize(
    ("f", "wanted"),
    [
        (jnp.abs, [0.25, -0.25]),
        (jax.nn.relu, [0.25, 0]),
        (lambda x: jnp.clip(x, -1, 1), [0, 0]),
        (lambda x: jnp.maximum(x, x), [0.25, 0.25]),
        (jnp.sign, [0, 0]),
        (jnp.floor, [0, 0]),
        (jnp.round, [0, 0]),
        (jnp.isfinite, [False, False]),
        (lambda x: x == jnp.inf, [False, False]),
        (lambda x: jnp.stack([jnp.max(x), jnp.min(x)]), [0.25, 0.25]),
    ],
)
def test_infinities_stay_where_they_are(f, wanted):
    x = np.float32([np.inf, -np.inf])
    _, change = jax.jit(difference(f))(x, np.full(2, 0.25, np.float32))
    np.testing.assert_array_equal(change, wanted)


def test_a_mask_of_minus_infinity_leaves_the_maximum_finite():
    x = np.float32([[-np.inf, 2.0], [-np.inf, -np.inf]])
    carry = jax.jit(difference(lambda x: jnp.max(x, axis=1)))
    _, change = carry(x, np.full((2, 2), 1e-9, np.float32))
    np.testing.assert_array_equal(change, np.full(2, 1e-9, np.float32))


@pytest.mark.parametrize("f", [jnp.abs, jax.nn.relu, jnp.floor, jnp.round, jnp.sign])
def test_nan_stays_nan_and_spoils_no_other(f):
    _, change = difference(f)(jnp.array([jnp.nan, 1.0]), jnp.full(2, 1.0))
    assert np.isnan(change).tolist() == [True, False]


# --- Integers, complex numbers ---


def test_any_function_of_integers_is_computed_again():
    def f(n):
        return (
            (n * n - 3) // 2 % 5,
            n ^ 6,
            ~n & 3 | n,
            n << 2,
            n >> 1,
            lax.population_count(n),
            lax.clz(n),
            jnp.max(n),
            jnp.sort(n),
            jnp.any(n > 4),
            lax.reduce_xor(n, (0,)),
            jnp.cumsum(n)[::-1],
            jnp.clip(n, 2, 5),
            n[n % 3],
            lax.top_k(n, 2),
        )

    x, dx = jnp.array([1, 7, 4]), jnp.array([3, 0, -6])
    value, change = jax.jit(difference(f))(x, dx)
    after = f(x + dx)
    for now, moved, then in zip(
        *map(jax.tree.leaves, (value, change, after)), strict=True
    ):
        flipped = now ^ moved if now.dtype == bool else now + moved
        np.testing.assert_array_equal(flipped, then)


def test_draws_from_a_seed_that_changes_are_drawn_again():
    def f(seed):
        return jax.random.key_data(jax.random.fold_in(jax.random.key(0), seed))

    value, change = difference(f)(3, 1)
    np.testing.assert_array_equal(value + change, f(4))


def test_complex_numbers_keep_their_direction_and_order():
    z, dz = jnp.array([3 + 4j, 1 - 1j]), jnp.array([1e-6j, 2e-6 + 0j])
    carry = jax.jit(difference(lambda z: (abs(z), jnp.sign(z), z.max())))
    _, (size, sign, largest) = carry(z, dz)
    np.testing.assert_allclose(size, [8e-7, 2**0.5 * 1e-6], rtol=1e-6)
    exact_z, moved = np.asarray(z, complex), np.asarray(z, complex) + np.asarray(dz)
    wanted = moved / abs(moved) - exact_z / abs(exact_z)
    np.testing.assert_allclose(sign, wanted, rtol=1e-5)
    assert largest == dz[0]


# --- Branches that join without a jump ---


def bell(x):
    return 2 / math.sqrt(math.pi) * math.exp(-x * x)


# Two formulas of one function, and its slope.
JOINED = {
    # As `jax.scipy.special.ndtr` is at ±1.
    "erf": (lambda x: 1 + lax.erf(x), lambda x: lax.erfc(-x), bell),
    "powers": (lambda x: x**3, lambda x: x * x * x, lambda x: 3 * x * x),
    "turned": (jnp.sin, lambda x: jnp.cos(np.pi / 2 - x), math.cos),
}


@pytest.mark.parametrize("join", ["where", "cond"])
@pytest.mark.parametrize("name", JOINED)
def test_branches_of_one_function_join_without_the_others_rounding(name, join):
    left, right, slope = JOINED[name]

    def f(at):
        x, seam = at
        if join == "where":
            return jnp.where(x < seam, left(x), right(x))
        return lax.cond(x < seam, left, right, x)

    carry = jax.jit(lambda x, seam, dx: difference(f)((x, seam), (dx, None))[1])
    for seam in np.random.default_rng(0).uniform(0.1, 2, 8).astype("float32"):
        for x in (seam, np.nextafter(seam, np.float32(0))):
            for dx in np.float32([1e-3, 1e-6, 1e-12, -1e-3, -1e-6, -1e-12]):
                mean = slope(float(x) + float(dx) / 2)
                got = float(carry(x, seam, dx)) / float(dx)
                np.testing.assert_allclose(got, mean, rtol=3e-6, atol=1e-6)


def test_a_bound_in_a_where_is_met_exactly():
    above = np.nextafter(np.float32(1), np.float32(2))
    step = above - np.float32(1)
    _, change = jax.jit(difference(lambda x: jnp.where(x > 1, x, 1.0)))(
        above, -2 * step
    )
    assert change == -step


def test_a_jump_as_small_as_a_rounding_between_constants_stays():
    step = np.finfo("float32").eps
    _, change = difference(lambda x: jnp.where(x > 0, 1 + step, jnp.float32(1)))(
        0.0, 1e-9
    )
    assert change == step


# --- Composition ---


def kinked(x):
    return jnp.sum(jnp.where(x > 0.5, jnp.abs(x) * x, jnp.maximum(x, 2 * x))) - x.max()


def test_the_same_under_jit_and_vmap():
    x = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)
    dx = moves(0.3, (3, 4), "float32")
    plain = [difference(kinked)(*row) for row in zip(x, dx, strict=True)]
    together = jax.jit(jax.vmap(difference(kinked)))(x, dx)
    for got, want in zip(together, zip(*plain, strict=True), strict=True):
        np.testing.assert_allclose(got, np.stack(want), rtol=1e-6)


def test_the_gradient_of_a_change_is_the_gradients_change():
    x, dx = np.float32([-1.0, 0.2, 0.75, 2.0]), np.float32([0.3, -0.5, 0.25, -1.75])
    got = jax.jit(jax.grad(lambda x: difference(kinked)(x, dx)[1]))(x)
    there, here = map(jax.jit(jax.grad(kinked)), (x + dx, x))
    wanted = np.subtract(there, here)
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


@pytest.mark.parametrize("name", ["abs", "clip", "floor", "max", "relu", "round"])
def test_second_differences_are_the_fractions(name):
    f, oracle = OF_ONE[name]
    x = np.float32([*POINTS[:12], 5.5, 0.0, 1.0])
    a, b = moves(0.75, x.shape, "float32"), moves(0.75, x.shape, "float32", seed=1)
    _, change = jax.jit(difference(lambda x: difference(f)(x, a)[1]))(x, b)
    x, a, b = map(exact, (x, a, b))
    wanted = (oracle(x + a + b) - oracle(x + b)) - (oracle(x + a) - oracle(x))
    np.testing.assert_allclose(change, wanted.astype(float), rtol=1e-6)
