"""The activations, softmax and log_softmax: values, dtypes, slopes, bad input.

What is exact is compared exactly. What is rounded is compared with mpmath in ulp,
units in the last place; the bounds are those that the docstrings state.
"""

from contextlib import nullcontext
from math import factorial

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from secant import (
    InvalidInput,
    difference,
    identity,
    log_softmax,
    relu,
    sigmoid,
    softmax,
    tanh,
)
from secant.nn.activations import ACTIVATIONS
from secant.nn.networks import INITIALISATIONS

# By mpmath; what every entry of the table is compared with.
EXACT = {
    "sigmoid": lambda a: 1 / (1 + mpmath.exp(-a)),
    "relu": lambda a: max(a, mpmath.mpf(0)),
    "tanh": mpmath.tanh,
    "identity": lambda a: a,
}

ELEMENTWISE = [activation.function for activation in ACTIVATIONS.values()]
OVER_CLASSES = [softmax, log_softmax]

elementwise = pytest.mark.parametrize("f", ELEMENTWISE)
over_classes = pytest.mark.parametrize("f", OVER_CLASSES)
everyone = pytest.mark.parametrize("f", ELEMENTWISE + OVER_CLASSES)
floats = pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
exact_floats = pytest.mark.parametrize("dtype", ["float32", "float64"])


def x64(xp, dtype):
    """JAX has float64 only where it is asked for."""
    return jax.enable_x64(True) if dtype == "float64" and xp is jnp else nullcontext()


# --- dtypes and forms of input ---------------------------------------------------


@everyone
@floats
def test_a_floating_dtype_is_kept(f, dtype, xp):
    with x64(xp, dtype):
        x = xp.asarray([0.5, -2.0], dtype)
        y = f(x)
        assert y.dtype == dtype
        assert y.shape == x.shape
        assert isinstance(y, type(x))


@everyone
def test_bfloat16_is_kept_and_right_to_its_precision(f):
    x = jnp.asarray([0.5, -2.0], jnp.bfloat16)
    y = jax.jit(f)(x)
    assert y.dtype == jnp.bfloat16
    # 8 bits; a handful of roundings in between, and log_softmax rounds as 1 does.
    np.testing.assert_allclose(
        np.asarray(y, np.float64), f(np.array([0.5, -2.0])), rtol=2**-6, atol=2**-7
    )


@everyone
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32"])
def test_whole_numbers_and_truths_are_promoted(f, dtype, xp):
    x = xp.asarray([0, 1, 1], dtype)
    y = f(x)
    assert y.dtype == xp.asarray(0.0).dtype
    np.testing.assert_array_equal(y, f(xp.asarray([0.0, 1.0, 1.0])))


@everyone
def test_lists_and_tuples_are_arrays(f):
    rows = [[1.0, 2.0], [3.0, -4.0]]
    np.testing.assert_array_equal(f(rows), f(np.array(rows)))
    np.testing.assert_array_equal(f(tuple(map(tuple, rows))), f(np.array(rows)))


@elementwise
@pytest.mark.parametrize("number", [2, -1.5, True, np.float32(0.25)])
def test_a_plain_number_gives_a_number(f, number):
    y = f(number)
    assert y.shape == ()
    assert float(y) == float(f(np.array([number]))[0])


@elementwise
def test_an_empty_array_stays_empty(f, xp):
    assert f(xp.zeros((3, 0))).shape == (3, 0)


@everyone
def test_the_input_is_not_changed(f):
    x = np.array([[1.0, -2.0, 3.0]])
    before = x.copy()
    f(x)
    np.testing.assert_array_equal(x, before)


# --- values ----------------------------------------------------------------------


def test_values_known_by_heart(xp):
    x = xp.asarray([-2.0, 0.0, 2.0])
    assert identity(x).tolist() == [-2, 0, 2]
    assert relu(x).tolist() == [0, 0, 2]
    assert tanh(xp.asarray([0.0])).tolist() == [0]
    assert sigmoid(xp.asarray([0.0])).tolist() == [0.5]
    assert softmax(xp.zeros(4)).tolist() == [0.25] * 4
    # The textbook's example: softmax of 0.3, 2.9 and 4.0.
    np.testing.assert_allclose(
        softmax(xp.asarray([0.3, 2.9, 4.0])),
        [0.01821127, 0.24519181, 0.73659691],
        rtol=1e-6,
    )


def ulps(y, exact, dtype, least=None):
    """How many units in the last place `y` is away from `exact`, a list of mpf's.

    Below `least` (the smallest normal number if not given) the units are its own.
    """
    least = float(np.finfo(dtype).smallest_normal) if least is None else least
    sizes = np.array([max(abs(float(e)), least) for e in exact], dtype)
    errors = [abs(mpmath.mpf(float(a)) - e) for a, e in zip(y, exact, strict=True)]
    return np.array([float(e) for e in errors]) / np.spacing(sizes).astype(float)


@pytest.fixture
def precise():
    with mpmath.workprec(200):
        yield


def numbers(dtype):
    """Small, middling and large ones, as far as sigmoid stays a normal number."""
    draw = np.random.default_rng(0)
    far = -np.log(float(np.finfo(dtype).smallest_normal))
    tiny = 10.0 ** draw.uniform(-30, 0, 300) * draw.choice([-1, 1], 300)
    parts = [draw.uniform(-w, w, 500) for w in (1, 20, far)]
    return np.concatenate([*parts, tiny]).astype(dtype)


@exact_floats
@pytest.mark.parametrize(
    ("f", "exact", "bound"),
    [
        # Measured on 100,000 numbers: 2.9 ulp.
        (sigmoid, lambda x: 1 / (1 + mpmath.exp(-x)), 4),
        # NumPy's own: 1.5 ulp; XLA's, a rational function: 6.5 ulp in float64.
        (tanh, mpmath.tanh, 10),
    ],
    ids=["sigmoid", "tanh"],
)
def test_sigmoid_and_tanh_are_right_to_a_few_ulp(
    f, exact, bound, dtype, xp, precise, compiled
):
    x = numbers(dtype)
    with x64(xp, dtype):
        y = np.asarray(compiled(f)(x))
    assert y.dtype == dtype
    assert ulps(y, [exact(mpmath.mpf(float(v))) for v in x], dtype).max() < bound


def test_sigmoid_is_right_on_the_far_left_where_one_minus_would_be_zero(compiled):
    """1 - sigmoid(87) is 0 in float32; sigmoid(-87) is not."""
    y = float(compiled(sigmoid)(np.float32(-87)))
    assert y == pytest.approx(1.6458115e-38, rel=1e-6)


def both_over_classes(x):
    return softmax(x), log_softmax(x)


@exact_floats
@pytest.mark.parametrize("spread", [1, 10, 25])
@pytest.mark.parametrize("classes", [2, 10, 50])
def test_softmax_and_log_softmax_are_right_to_a_few_ulp(
    dtype, spread, classes, xp, precise, compiled
):
    """Measured on 36,000 scores of up to 100 classes: 7.5 ulp, and 1 more for each
    unit below the largest score (a difference d rounded by half an ulp moves exp(d)
    by up to d of its own); for log_softmax 3.9 ulp of the larger of the result and 1.
    """
    draw = np.random.default_rng(classes)
    x = (spread * draw.standard_normal((200 // classes, classes))).astype(dtype)
    with x64(xp, dtype):
        y, logs = map(np.asarray, compiled(both_over_classes)(x))
    tiny = 2 * float(np.finfo(dtype).smallest_normal)
    for row, p, log_p in zip(x, y, logs, strict=True):
        powers = [mpmath.exp(mpmath.mpf(float(v))) for v in row]
        exact = [power / sum(powers) for power in powers]
        logs_exact = [mpmath.log(e) for e in exact]
        below = row.max() - row
        # XLA takes what is below the normal numbers for 0.
        held = np.array([e > tiny for e in exact])
        assert np.all(ulps(p, exact, dtype)[held] < (10 + below)[held])
        assert np.all(p[~held] <= 2 * tiny)
        assert np.all(ulps(log_p, logs_exact, dtype, least=1.0) < 6)


def test_log_softmax_is_right_where_the_probability_is_zero(xp):
    """A probability of 1e-50 is 0 in float32, and log(0) would be -inf."""
    scores = xp.asarray([0.0, -115.0], "float32")
    assert np.asarray(softmax(scores))[1] == 0
    assert np.asarray(log_softmax(scores))[1] == -115


@over_classes
def test_adding_a_number_to_all_scores_changes_nothing(f, xp):
    # Whole numbers: neither the sums nor the differences are rounded.
    x = np.float32([1.0, -3.0, 2.0])
    np.testing.assert_array_equal(f(xp.asarray(x)), f(xp.asarray(x + 1024)))


# --- samples and classes ---------------------------------------------------------


@given(x=arrays(np.float32, (7, 10), elements=st.floats(-50, 50, width=32)))
def test_each_row_of_probabilities_sums_to_one(x):
    for y in map(np.asarray, (softmax(x), jax.jit(softmax)(x))):
        assert y.dtype == np.float32
        assert np.all(y >= 0)
        # In units of the dtype's eps: ten roundings of at most half a one, and
        # as many in the sum of which the shares are taken; measured: 2.
        off = abs(y.astype(np.float64).sum(axis=-1) - 1) / np.finfo(np.float32).eps
        assert off.max() <= 10


@over_classes
@pytest.mark.parametrize("shape", [(5, 3), (2, 4, 3), (6, 1)])
def test_each_sample_of_a_batch_is_as_if_alone(f, shape, compiled):
    f = compiled(f)
    x = np.float32(np.random.default_rng(0).standard_normal(shape))
    y = np.asarray(f(x))
    assert y.shape == shape
    for place in np.ndindex(shape[:-1]):
        # XLA may fuse the two differently: up to a few ulp of numbers below 10.
        np.testing.assert_allclose(y[place], f(x[place]), rtol=1e-6, atol=1e-6)


def test_softmax_does_not_run_over_the_batch_as_the_notebooks_did():
    """`np.max(a)` and `np.sum(exp_a)` without an axis mix the samples: each row of
    ten then sums to about 1/10, and a sample's outputs depend on its neighbours."""

    def notebooks_softmax(a):
        exp_a = np.exp(a - np.max(a))
        return exp_a / np.sum(exp_a)

    scores = np.random.default_rng(0).standard_normal((10, 3))
    assert notebooks_softmax(scores).sum() == pytest.approx(1)
    assert notebooks_softmax(scores).sum(axis=1).max() < 0.3

    y = softmax(scores)
    np.testing.assert_allclose(y.sum(axis=1), np.ones(10), rtol=1e-15)
    np.testing.assert_allclose(y[0], notebooks_softmax(scores[0]), rtol=1e-15)


def test_one_class_is_certain(xp):
    assert softmax(xp.asarray([[3.0], [-4.0]])).tolist() == [[1], [1]]
    assert log_softmax(xp.asarray([[3.0], [-4.0]])).tolist() == [[0], [0]]


# --- stability: warnings are errors here -----------------------------------------


def all_outputs(x):
    return [f(x) for f in ELEMENTWISE + OVER_CLASSES]


@given(data=st.data(), dtype=st.sampled_from(["float16", "float32", "float64"]))
def test_no_finite_input_warns_or_gives_nan(data, dtype):
    x = data.draw(
        arrays(
            dtype,
            (2, 3),
            elements=st.floats(
                allow_nan=False,
                allow_infinity=False,
                width=np.dtype(dtype).itemsize * 8,
            ),
        )
    )
    for xp, outputs in ((np, all_outputs), (jnp, jax.jit(all_outputs))):
        with x64(xp, dtype):
            found = outputs(x)
            for f, y in zip(ELEMENTWISE + OVER_CLASSES, found, strict=True):
                y = np.asarray(y)
                assert not np.isnan(y).any(), f
                if f is not log_softmax:
                    assert np.isfinite(y).all(), f
                else:
                    assert np.all(y <= 0)


@floats
def test_the_largest_floats_give_the_limits(dtype, xp, compiled):
    largest = float(np.finfo(dtype).max)
    limits = {
        sigmoid: [1, 0, 0.5],
        tanh: [1, -1, 0],
        relu: [largest, 0, 0],
        softmax: [1, 0, 0],
        # The second is -2 · largest, which no number of the dtype is.
        log_softmax: [0, -np.inf, -largest],
    }
    with x64(xp, dtype):
        x = np.array([largest, -largest, 0.0], dtype)
        outputs = compiled(lambda x: [f(x) for f in limits])(x)
        assert [y.tolist() for y in outputs] == list(limits.values())


@elementwise
def test_nan_in_is_nan_out_and_stays_where_it_was(f, xp):
    y = np.asarray(f(xp.asarray([np.nan, 1.0])))
    assert np.isnan(y).tolist() == [True, False]


@over_classes
def test_nan_in_is_nan_in_all_of_its_sample_and_no_other(f, xp):
    y = np.asarray(f(xp.asarray([[np.nan, 1.0], [1.0, 2.0]])))
    assert np.isnan(y).tolist() == [[True, True], [False, False]]


def test_a_score_of_minus_infinity_rules_a_class_out(xp):
    assert softmax(xp.asarray([-np.inf, 0.0, 0.0])).tolist() == [0, 0.5, 0.5]


# --- under jit, vmap and grad ----------------------------------------------------


@everyone
def test_jit_and_vmap_compute_the_same(f):
    x = jnp.asarray(np.random.default_rng(0).standard_normal((5, 3)), "float32")
    expected = f(x)
    # A compiled function may fuse and round otherwise: a few ulp.
    np.testing.assert_allclose(jax.jit(f)(x), expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(jax.vmap(f)(x), expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(jax.jit(jax.vmap(f))(x), expected, rtol=1e-6, atol=1e-7)


@everyone
def test_numpy_and_jax_compute_the_same(f):
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    np.testing.assert_allclose(f(x), f(jnp.asarray(x)), rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize(
    ("f", "slope", "bend"),
    [(sigmoid, 0.25, 0), (tanh, 1, 0), (identity, 1, 0), (relu, 0, 0)],
)
def test_slopes_at_exactly_zero(f, slope, bend):
    """Relu's is a convention: `maximum` would have given 1/2."""
    assert jax.grad(f)(0.0) == slope
    assert jax.jit(jax.grad(f))(0.0) == slope
    assert jax.jit(jax.grad(jax.grad(f)))(0.0) == bend


def test_first_and_second_derivatives_are_the_formulas():
    with jax.enable_x64(True):
        x = np.array([-3.0, -0.5, 0.5, 3.0])
        y, z = sigmoid(x), tanh(x)
        first = {
            identity: np.ones(4),
            relu: x > 0,
            sigmoid: y * (1 - y),
            tanh: 1 - z * z,
        }
        second = {
            identity: np.zeros(4),
            relu: np.zeros(4),
            sigmoid: y * (1 - y) * (1 - 2 * y),
            tanh: -2 * z * (1 - z * z),
        }
        # 1 - z² for z = 0.995 magnifies the 6 ulp of XLA's tanh to 1.4e-13.
        for f in first:
            slope, bend = jax.grad(f), jax.grad(jax.grad(f))
            np.testing.assert_allclose(jax.jit(jax.vmap(slope))(x), first[f], 1e-12)
            np.testing.assert_allclose(jax.jit(jax.vmap(bend))(x), second[f], 1e-12)


@pytest.mark.parametrize("f", [identity, relu, sigmoid, tanh])
def test_slopes_are_finite_far_out(f):
    x = jnp.asarray([1e4, -1e4, 3e38, -3e38])
    limits = {identity: [1, 1, 1, 1], relu: [1, 0, 1, 0]}.get(f, [0, 0, 0, 0])
    assert jax.jit(jax.vmap(jax.grad(f)))(x).tolist() == limits
    assert jax.jit(jax.vmap(jax.grad(jax.grad(f))))(x).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_slopes_keep_their_digits_where_the_value_is_1(name, compiled):
    """`1 - y²` and `y (1 - y)` are 0 there."""
    function, derivative = ACTIVATIONS[name].function, ACTIVATIONS[name].derivative
    x = np.float32([-40, -20, -12, -8, 8, 12, 20, 40])
    with mpmath.workdps(40):
        twice = 1 if name == "sigmoid" else 2
        halves = [mpmath.cosh(mpmath.mpf(float(a)) * twice / 2) for a in x]
        expected = [float(twice**2 / 4 / half**2) for half in halves]
    slopes = jax.jit(jax.vmap(jax.grad(function)))(x)
    np.testing.assert_allclose(slopes, expected, rtol=2e-6)
    slopes = compiled(lambda x: derivative(x, function(x)))(x)
    np.testing.assert_allclose(slopes, expected, rtol=2e-6)


# --- the table ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_function_is_its_formula(name, compiled):
    x = np.float32([-20, -3, -0.5, 0, 1e-3, 0.5, 3, 20])
    with mpmath.workdps(40):
        expected = [float(EXACT[name](mpmath.mpf(float(a)))) for a in x]
    found = compiled(ACTIVATIONS[name].function)(x)
    np.testing.assert_allclose(found, expected, rtol=2e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_derivative_of_an_entry_is_the_slope(name, compiled):
    """What backprop multiplies by, against what JAX finds, the kink of relu too."""
    function, derivative = ACTIVATIONS[name].function, ACTIVATIONS[name].derivative
    x = np.float32([-3.0, -0.5, 0.0, 0.5, 3.0])
    slopes = compiled(lambda x: derivative(x, function(x)))(x)
    assert slopes.dtype == "float32"
    expected = jax.jit(jax.vmap(jax.grad(function)))(x)
    np.testing.assert_allclose(slopes, expected, rtol=2e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_slope_is_above_the_bound_and_one_is_near_it(name):
    activation = ACTIVATIONS[name]
    x = np.linspace(-20, 20, 4001)
    steepest = abs(activation.derivative(x, activation.function(x))).max()
    assert 0.99 * activation.slope_bound <= steepest <= activation.slope_bound


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_derivative_is_above_what_the_scale_allows(name):
    """|f⁽ᵐ⁾| ≤ m! slope_bound / scale^(m - 1), kinks apart."""
    activation = ACTIVATIONS[name]
    x = np.linspace(-20, 20, 2001)
    x = x[[min(abs(a - k) for k in activation.kinks or (99,)) > 0.1 for a in x]]
    with jax.enable_x64(True):
        derivative = jax.grad(activation.function)
        for order in range(2, 6):
            derivative = jax.grad(derivative)
            largest = abs(jax.vmap(derivative)(x)).max()
            allowed = factorial(order) * activation.slope_bound
            assert largest <= allowed / activation.scale ** (order - 1)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_first_weights_of_an_entry_are_known(name):
    assert ACTIVATIONS[name].init in INITIALISATIONS


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_change_of_a_small_nudge_is_the_difference(name, compiled):
    """In float32, for nudges far below the spacing of floats, kinks and tails too."""
    activation = ACTIVATIONS[name]
    a = np.array([-20, -9, -3, -0.5, -1e-3, 0, 1e-3, 0.5, 3, 9, 20], np.float32)

    @compiled
    def change(a, da):
        return activation.change(activation.linearization(a), da)

    for da in np.float32([2**-7, -(2**-7), 3e-3, -1e-4, 1e-9]):
        found = change(a, da)
        with mpmath.workdps(40):
            expected = [_change(name, float(x), float(da)) for x in a]
        assert np.asarray(found).dtype == np.float32
        np.testing.assert_allclose(found, np.array(expected), rtol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_difference_across_zero_keeps_its_digits(name):
    """Where a function is written by cases, its cases meet there."""
    a = np.float32([-1e-6, -3e-5, -2e-3, -0.4, -6, 1e-6, 3e-5, 2e-3, 0.4, 6])
    carry = jax.jit(difference(ACTIVATIONS[name].function))
    for part in (0.5, 1, 1.01, 2, 3):
        da = -np.float32(part) * a
        _, found = carry(a, da)
        with mpmath.workdps(40):
            expected = [
                _change(name, float(x), float(d)) for x, d in zip(a, da, strict=True)
            ]
        np.testing.assert_allclose(found, np.array(expected), rtol=1e-6)


def _change(name, a, da):
    a, da = mpmath.mpf(a), mpmath.mpf(da)
    return float(EXACT[name](a + da) - EXACT[name](a))


@pytest.mark.parametrize(
    "x", [[0.3, -1.0, 2.0], [1.0, 1.0, -1.0], [0.0, 0.0, 0.0]], ids=str
)
def test_derivatives_of_softmax_are_the_formulas_ties_or_not(x):
    """∂p_k/∂x_j = p_k (δ_kj - p_j), and of log p_k: δ_kj - p_j; the second
    derivative of log p_k is the same for each k: p_i p_j - p_i δ_ij."""
    with jax.enable_x64(True):
        x = jnp.asarray(x)
        p = np.asarray(softmax(x))
        slope, log_slope = jax.jit(jax.jacobian(both_over_classes))(x)
        np.testing.assert_allclose(slope, np.diag(p) - np.outer(p, p), atol=1e-15)
        np.testing.assert_allclose(log_slope, np.eye(3) - p, atol=1e-15)
        bend = np.outer(p, p) - np.diag(p)
        np.testing.assert_allclose(
            jax.jit(jax.hessian(log_softmax))(x), np.stack([bend] * 3), atol=1e-15
        )


@over_classes
@pytest.mark.parametrize("far", [1e4, 3e38])
def test_derivatives_of_softmax_are_finite_far_out(f, far):
    x = jnp.asarray([far, -far, 0.0])
    chosen = np.array([[0, 0, 0], [-1, 1, 0], [-1, 0, 1]])
    np.testing.assert_array_equal(
        jax.jit(jax.jacobian(f))(x), chosen if f is log_softmax else np.zeros((3, 3))
    )
    assert np.isfinite(jax.jit(jax.hessian(f))(x)).all()


# --- bad input -------------------------------------------------------------------


@everyone
@pytest.mark.parametrize(
    ("wrong", "what_came", "advice"),
    [
        pytest.param([1j, 2.0], "holds complex128", "pass numbers", id="complex"),
        pytest.param("three", "holds <U5", "pass numbers", id="string"),
        pytest.param(["1", "2"], "holds <U1", "pass numbers", id="strings"),
        pytest.param(None, "holds object", "pass numbers", id="None"),
        pytest.param([1.0, None], "holds object", "pass numbers", id="a None inside"),
        pytest.param({"a": 1}, "holds object", "pass numbers", id="dict"),
        pytest.param([[1, 2], [3]], "inhomogeneous", "equally long", id="ragged"),
    ],
)
def test_what_is_no_real_number_is_refused(f, wrong, what_came, advice):
    with pytest.raises(InvalidInput) as caught:
        f(wrong)
    message = str(caught.value)
    assert message.startswith("x ")
    assert what_came in message
    assert advice in message


@over_classes
@pytest.mark.parametrize(
    ("wrong", "shape"),
    [(2.0, "()"), ([], "(0,)"), (np.zeros((3, 0)), "(3, 0)")],
    ids=["number", "empty", "no classes"],
)
def test_softmax_of_no_classes_is_refused(f, wrong, shape, xp):
    with pytest.raises(InvalidInput) as caught:
        f(xp.asarray(wrong))
    assert f"of shape {shape}, has none" in str(caught.value)
    assert "pass one score for each class" in str(caught.value)


def test_shapes_are_checked_under_jit_too():
    with pytest.raises(InvalidInput, match=r"of shape \(\)"):
        jax.jit(softmax)(1.0)
    with pytest.raises(InvalidInput, match="complex64"):
        jax.jit(sigmoid)(1j)
