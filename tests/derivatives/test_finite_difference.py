"""Derivatives by definition: their digits, and all that could silently spoil them."""

import math
import signal
from fractions import Fraction

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from secant.derivatives import numerical_diff, numerical_gradient, partial_derivative
from secant.errors import InvalidInput

moderate = st.floats(-100, 100, allow_subnormal=False)
shapes = array_shapes(min_dims=0, max_dims=4, max_side=4)
points = arrays(np.float64, shapes, elements=moderate)


def squares(x):
    return np.sum(np.asarray(x) ** 2)


def weighted(x):
    """Every entry counts differently, so that an entry mistaken shows."""
    x = np.asarray(x)
    return float(np.sum(np.sin(x) * (1 + np.arange(x.size).reshape(x.shape))))


def slopes_of_weighted(x):
    x = np.asarray(x, np.float64)
    return np.cos(x) * (1 + np.arange(x.size).reshape(x.shape))


# --- the digits ------------------------------------------------------------------


def test_the_notebooks_digits():
    assert numerical_diff(lambda x0: x0 * x0 + 4.0**2, 3.0) == 6.00000000000378


@pytest.mark.parametrize("name", ["sin", "exp", "atan", "tanh", "expm1"])
@given(x=st.floats(-3, 3))
def test_slopes_agree_with_mpmath(name, x):
    exact = float(mpmath.diff(getattr(mpmath, name), mpmath.mpf(x)))
    numpys = getattr(np, "arctan" if name == "atan" else name)
    # h²/6 times the third derivative (at most e³ = 20), and rounding.
    assert numerical_diff(numpys, x) == pytest.approx(exact, abs=4e-8)


@given(points)
def test_gradients_of_any_shape_agree_with_the_closed_form(x):
    gradient = numerical_gradient(weighted, x)
    assert gradient.dtype == np.float64
    assert gradient.shape == x.shape
    assert isinstance(gradient, np.ndarray)
    # The sum's rounding grows with its size: some size²/2 of 1e-16/h = 1e-12.
    atol = 1e-8 * (1 + x.size)
    np.testing.assert_allclose(gradient, slopes_of_weighted(x), atol=atol)


@given(points.filter(lambda x: x.size > 0), st.data())
def test_a_partial_derivative_is_that_entry_of_the_gradient(x, data):
    index = tuple(data.draw(st.integers(-n, n - 1)) for n in x.shape)
    slope = partial_derivative(weighted, x, index)
    assert isinstance(slope, float)
    assert slope == numerical_gradient(weighted, x)[index]


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ">f8", int, np.uint8, "g"])
def test_no_dtype_costs_digits(dtype):
    gradient = numerical_gradient(squares, np.array([3, 4], dtype))
    np.testing.assert_allclose(gradient, [6, 8], rtol=0, atol=1e-8)


def test_whole_numbers_and_bools_are_promoted():
    np.testing.assert_allclose(numerical_gradient(squares, [3, 4]), [6, 8], atol=1e-8)
    slopes = numerical_gradient(squares, np.array([True, False]))
    np.testing.assert_allclose(slopes, [2, 0], atol=1e-8)
    assert numerical_diff(lambda x: x**2, 3) == pytest.approx(6)
    assert partial_derivative(squares, [3, 4], 1) == pytest.approx(8)


def test_jax_arrays_are_converted():
    for x in (jnp.array([3.0, 4.0]), jnp.array([3.0, 4.0], jnp.bfloat16)):
        np.testing.assert_allclose(numerical_gradient(squares, x), [6, 8], atol=1e-8)
    assert numerical_diff(np.sin, jnp.array(0.0)) == pytest.approx(1)


def test_functions_may_return_whatever_is_one_real_number():
    for f, slope in [
        (lambda x: x[0].item() * 3, 3),
        (lambda x: np.array(3 * x[0]), 3),
        (lambda x: (3 * x)[..., 0], 3),
        (lambda x: Fraction(float(x[0])), 1),
        (lambda x: round(x[0]), 0),
        (lambda x: np.int8(7), 0),
    ]:
        assert numerical_gradient(f, [2.25])[0] == pytest.approx(slope)


def test_functions_that_round_to_float32_leave_some_digits():
    """As JAX does: 2.25 * 3 ± 2e-7, divided by 2e-4."""
    slope = numerical_gradient(lambda x: 3 * jnp.asarray(x, jnp.float32)[0], [2.25])[0]
    assert slope == pytest.approx(3, rel=1e-2)
    assert slope != pytest.approx(3, rel=1e-6)


def test_a_function_that_returns_its_argument_is_read_before_the_next_nudge():
    assert numerical_gradient(lambda x: x, np.array(2.0)) == pytest.approx(1)


def test_an_empty_point_has_an_empty_gradient():
    for shape in [(0,), (3, 0), (0, 2, 0)]:
        gradient = numerical_gradient(pytest.fail, np.zeros(shape))
        assert gradient.shape == shape
        assert gradient.dtype == np.float64
    assert numerical_gradient(pytest.fail, []).shape == (0,)
    assert numerical_diff(lambda x: x**2, []).shape == (0,)


def test_numerical_diff_works_elementwise_for_plots():
    x = np.linspace(-3, 3, 12).reshape(3, 4)
    np.testing.assert_allclose(numerical_diff(np.sin, x), np.cos(x), atol=1e-8)
    assert isinstance(numerical_diff(np.sin, np.array(1.0)), float)


def test_numerical_diff_hands_python_numbers_on_as_such():
    seen = []
    numerical_diff(lambda x: seen.append(type(x)) or math.sin(x), 1)
    assert seen == [float, float]


def test_the_number_of_evaluations_is_two_for_each_entry():
    calls = []
    numerical_gradient(lambda x: calls.append(0) or squares(x), np.ones((3, 2)))
    assert len(calls) == 12


def test_a_gradient_within_a_gradient():
    x = np.array([1.0, 2.0])

    def slope_along_0(x):
        return numerical_gradient(lambda x: x[0] ** 2 * x[1] ** 3, x)[0]

    hessian_row = numerical_gradient(slope_along_0, x)
    np.testing.assert_allclose(hessian_row, [16, 24], atol=1e-5)
    assert x.tolist() == [1, 2]


@pytest.mark.parametrize("h", [1e-2, np.float32(1e-3), Fraction(1, 10_000), 1])
def test_any_positive_number_is_a_step(h):
    assert numerical_gradient(squares, [3.0], h)[0] == pytest.approx(6)
    assert numerical_diff(lambda x: x * x, 3.0, h) == pytest.approx(6)
    assert partial_derivative(squares, [3.0], 0, h) == pytest.approx(6)


# --- in place, and restored ------------------------------------------------------


def test_the_textbooks_idiom_nudges_the_array_that_the_function_reads():
    W = np.array([[1.0, 2.0], [3.0, 4.0]])
    slopes = numerical_gradient(lambda w: squares(W), W)
    np.testing.assert_allclose(slopes, 2 * W, atol=1e-8)
    assert partial_derivative(lambda w: squares(W), W, (1, 0)) == pytest.approx(6)


class Stop(Exception):
    pass


@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt, SystemExit])
@given(x=points.filter(lambda x: x.size > 0), data=st.data())
def test_the_array_is_restored_bit_for_bit_wherever_f_stops(error, x, data):
    last = data.draw(st.integers(0, 2 * x.size - 1))
    x.flat[0] = -0.0
    before, calls = x.tobytes(), []

    def f(w):
        if len(calls) == last:
            raise error
        calls.append(0)
        return weighted(x)

    with pytest.raises(error):
        numerical_gradient(f, x)
    assert x.tobytes() == before
    numerical_gradient(lambda w: weighted(x), x)
    assert x.tobytes() == before


def test_ctrl_c_leaves_the_array_as_it_was():
    x = np.arange(2_000.0)
    before = x.tobytes()
    calls = []

    def f(w):
        calls.append(0)
        if len(calls) == 1_001:
            signal.raise_signal(signal.SIGINT)
        return 0.0

    with pytest.raises(KeyboardInterrupt):
        numerical_gradient(f, x)
    assert x.tobytes() == before


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a[::2, ::3],
        lambda a: a[::-1],
        lambda a: a.T,
        lambda a: np.asfortranarray(a),
        lambda a: a[1, 2:3].reshape(()),
        lambda a: a[:, np.newaxis],
        lambda a: np.frombuffer(bytearray(b"0" + a.tobytes()), offset=1),
    ],
    ids=["strided", "reversed", "transposed", "Fortran", "0-d", "3-D", "unaligned"],
)
def test_views_of_any_memory_layout_are_nudged_in_place(view):
    base = np.random.default_rng(0).standard_normal((6, 6))
    x = view(base)
    expected, before = slopes_of_weighted(x), base.copy()
    for f in (weighted, lambda w: weighted(x)):
        np.testing.assert_allclose(numerical_gradient(f, x), expected, atol=1e-6)
    np.testing.assert_array_equal(base, before)


def test_entries_that_share_memory_are_nudged_one_at_a_time():
    base = np.arange(4.0)
    windows = np.lib.stride_tricks.as_strided(base, (3, 2), (8, 8))
    row = np.broadcast_to(base, (3, 4))
    for x in (windows, row):
        gradient = numerical_gradient(weighted, x)
        np.testing.assert_allclose(gradient, slopes_of_weighted(x), atol=1e-6)
    assert base.tolist() == [0, 1, 2, 3]


def test_a_function_may_reshape_and_keep_its_argument():
    x, kept = np.arange(4.0), []

    def f(w):
        kept.append(w)
        return squares(w.reshape(2, 2))

    np.testing.assert_allclose(numerical_gradient(f, x), 2 * x, atol=1e-8)
    assert x.shape == (4,)


# --- a function that reads the array itself --------------------------------------

UNREAD = (
    r"reads the array that was passed and not its argument.*lambda w: loss\(w, x, t"
)


def locked(x):
    x.flags.writeable = False
    return x


OWN_ARRAYS = {
    "float32": np.array([[1.0, 2.0], [3.0, 4.0]], np.float32),
    "float16": np.array([1.0, 2.0], np.float16),
    "uint8": np.array([200, 255], np.uint8),
    "int": np.zeros(3, int),
    "bool": np.array([True, False]),
    "0-d": np.array(3),
    "big-endian": np.array([1.0, 2.0], ">f8"),
    "overlapping": np.lib.stride_tricks.as_strided(np.arange(3.0), (2, 2), (8, 8)),
    "read-only": locked(np.array([1.0, 2.0])),
    "broadcast": np.broadcast_to(np.arange(1.0, 3.0), (2, 2)),
}


@pytest.mark.parametrize("own", OWN_ARRAYS.values(), ids=OWN_ARRAYS.keys())
def test_a_function_that_reads_the_array_itself_is_reported(own):
    before, writeable = own.copy(), own.flags.writeable

    def f(w):
        return float(np.sum(own.astype(float) ** 3))

    with pytest.raises(InvalidInput, match=UNREAD):
        numerical_gradient(f, own)
    with pytest.raises(InvalidInput, match=UNREAD):
        partial_derivative(f, own, (0,) * own.ndim)
    assert own.tobytes() == before.tobytes()
    assert own.flags.writeable == writeable
    # What the message says to write instead works.
    W = own.astype(float)
    slopes = numerical_gradient(lambda w: float(np.sum(W**3)), W)
    np.testing.assert_allclose(slopes, 3 * W**2, rtol=1e-4, atol=1e-4)


def test_a_softmax_of_the_array_itself_is_reported_too():
    """Moving all of its entries by as much would change nothing."""
    own = np.zeros(3, np.float32)

    def f(w):
        return float(np.exp(own[0]) / np.exp(own).sum())

    with pytest.raises(InvalidInput, match=UNREAD):
        numerical_gradient(f, own)


@pytest.mark.parametrize(
    "x",
    [[1.0, 2.0], np.zeros(2, np.float32), np.zeros(2), locked(np.zeros(2)), []],
    ids=["list", "float32", "float64", "read-only", "empty"],
)
def test_flat_functions_have_a_gradient_of_0(x):
    before = np.array(x)
    for f in (lambda w: 4.0, lambda w: np.sum(np.floor(w + 0.5)), lambda w: len(w)):
        np.testing.assert_array_equal(numerical_gradient(f, x), np.zeros(len(x)))
    np.testing.assert_array_equal(x, before)


def test_inherently_read_only_memory_is_not_changed():
    x = np.frombuffer(np.zeros(2).tobytes())
    assert numerical_gradient(lambda w: 4.0, x).tolist() == [0, 0]


def test_a_function_that_can_be_called_no_more_is_not_suspected():
    calls = []

    def f(w):
        calls.append(0)
        if len(calls) > 5:
            raise Stop
        return 1.0

    assert numerical_gradient(f, np.zeros(2, np.float32)).tolist() == [0, 0]


# --- a function that changes its argument ----------------------------------------


def shifts(x):
    x -= 1
    return np.sum(x)


def changes_the_last(x):
    x.flat[-1] += 1
    return np.sum(x)


def changes_the_first(x):
    x.flat[0] = 7.0
    return np.sum(x)


@pytest.mark.parametrize("f", [shifts, changes_the_last, changes_the_first])
@pytest.mark.parametrize("dtype", [float, np.float32])
def test_a_function_that_changes_its_argument_is_reported(f, dtype):
    x = np.arange(6, dtype=dtype).reshape(2, 3)
    before = x.copy()
    with pytest.raises(InvalidInput, match=r"f changed its argument: x\[\d, \d\]"):
        numerical_gradient(f, x)
    np.testing.assert_array_equal(x, before)


def test_a_function_may_change_its_argument_and_undo_it():
    def f(x):
        x *= 2
        value = np.sum(x)
        x /= 2
        return value

    np.testing.assert_allclose(numerical_gradient(f, np.ones(3)), [2, 2, 2])


# --- what is refused -------------------------------------------------------------

BAD_POINTS = {
    "nan": (np.array([1.0, np.nan]), r"x\[1\] is nan, and there is no slope"),
    "inf": ([[0.0, np.inf]], r"x\[0, 1\] is inf, and there is no slope"),
    "scalar-nan": (np.float64("nan"), r"x is nan, and there is no slope"),
    "complex": (np.array([1 + 2j]), "x holds complex128, not real numbers"),
    "object": (np.array([1.0, None]), "x holds object, not real numbers"),
    "str": (["a", "b"], "x holds <U1, not real numbers"),
    "None": (None, "x holds object, not real numbers"),
    "ragged": ([[1.0], [2.0, 3.0]], "x is not an array of numbers"),
    "masked": (np.ma.array([1.0, 2.0], mask=[0, 1]), "x is a masked array"),
    "date": (np.array(["2020-01-01"], "M8[D]"), r"x holds datetime64\[D\], not real"),
    "huge-int": (10**400, "x holds object, not real numbers"),
}


@pytest.mark.parametrize(("x", "message"), BAD_POINTS.values(), ids=BAD_POINTS.keys())
def test_points_that_are_not_finite_real_numbers(x, message):
    for derive in (numerical_gradient, numerical_diff, partial_derivative):
        with pytest.raises(InvalidInput, match=message):
            derive(squares, x)


def test_points_that_jax_traces():
    with pytest.raises(InvalidInput, match="x is traced by JAX"):
        jax.jit(lambda x: numerical_gradient(squares, x))(jnp.ones(2))


BAD_STEPS = {
    "zero": 0,
    "negative": -1e-4,
    "nan": np.nan,
    "inf": np.inf,
    "too-large": 1e308,
    "huge-int": 10**400,
    "bool": True,
    "str": "1e-4",
    "None": None,
    "list": [1e-4],
    "complex": 1j,
}


@pytest.mark.parametrize("h", BAD_STEPS.values(), ids=BAD_STEPS.keys())
def test_steps_that_are_no_positive_number(h):
    for derive in (numerical_gradient, numerical_diff):
        with pytest.raises(
            InvalidInput, match=r"h is .*: pass a finite number above 0"
        ):
            derive(squares, 1.0, h)
    with pytest.raises(InvalidInput, match=r"h is .*: pass a finite number above 0"):
        partial_derivative(squares, [1.0], 0, h)


def test_a_step_that_is_lost_beside_a_large_number():
    x = np.array([[1.0, 2.0], [1e16, 1.0]])
    message = r"h = 0.0001 is lost beside x\[1, 0\] = 1e\+16.*pass h=6e\+10"
    with pytest.raises(InvalidInput, match=message):
        numerical_gradient(squares, x)
    with pytest.raises(InvalidInput, match=message):
        partial_derivative(squares, x, (1, 0))
    with pytest.raises(InvalidInput, match=r"lost beside x = 1e\+16"):
        numerical_diff(lambda x: x * x, 1e16)
    # Only what is nudged counts; and the step that the message suggests works.
    assert partial_derivative(lambda x: x[0, 1] ** 2, x, (0, 1)) == pytest.approx(4)
    assert numerical_diff(lambda x: x * x, 1e16, h=6e10) == pytest.approx(2e16)


def test_a_step_of_which_rounding_leaves_too_little():
    """At 1e12 floats lie 1.2e-4 apart: x + h and x - h are not 2h apart."""
    with pytest.raises(InvalidInput, match=r"lost beside x\[0\] = 1000000000000.0"):
        numerical_gradient(lambda x: 3 * x[0], [1e12])
    slope = numerical_gradient(lambda x: 3 * x[0], [1e9])[0]
    assert slope == pytest.approx(3, rel=0.01)


BAD_VALUES = {
    "one-entry": (np.array([9.0]), r"an array of shape \(1,\) where x\[0\] is nudged"),
    "matrix": (np.ones((2, 3)), r"shape \(2, 3\) where x\[0\].*return float\(np.sum\("),
    "list": ([9.0], r"an array of shape \(1,\) where x\[0\]"),
    "None": (None, r"f returned None where x\[0\].*has f a `return`"),
    "complex": (1 + 2j, r"f returned \(1\+2j\) where x\[0\].*return abs\(y\)"),
    "bool": (True, r"f returned True where x\[0\].*a comparison has no slope"),
    "numpy-bool": (np.True_, r"returned True where x\[0\].*a comparison has no slope"),
    "str": ("9", r"f returned '9' \(str\) where x\[0\]"),
    "masked": (np.ma.masked, r"f returned a masked value where x\[0\]"),
    "ragged": ([[1], [2, 3]], r"f returned \[\[1\], \[2, 3\]\] \(list\) where x\[0\]"),
    "nan": (np.nan, r"f is nan where x\[0\] is nudged to 3.0001"),
    "inf": (-np.inf, r"f is -inf where x\[0\] is nudged to 3.0001"),
    "float32-inf": (np.float32(np.inf), r"f is inf where x\[0\] is nudged to 3.0001"),
    "jax-nan": (jnp.array(np.nan), r"f is nan where x\[0\] is nudged to 3.0001"),
    "huge-int": (10**400, r"f is inf where x\[0\] is nudged to 3.0001"),
}


@pytest.mark.parametrize(
    ("value", "message"), BAD_VALUES.values(), ids=BAD_VALUES.keys()
)
def test_functions_that_return_something_else_than_a_finite_real(value, message):
    x = np.array([3.0, 4.0])
    for derive in (numerical_gradient, lambda f, x: partial_derivative(f, x, 0)):
        with pytest.raises(InvalidInput, match=message):
            derive(lambda w: value, x)
    with pytest.raises(InvalidInput, match=r"f (returned|is) .* where x is 3.0001"):
        numerical_diff(lambda w: value, 3.0)
    assert x.tolist() == [3, 4]


def test_a_nonfinite_value_on_one_side_is_reported_with_its_index():
    def f(x):
        return -math.inf if x[1, 0] <= 0 else math.log(x[1, 0])

    with pytest.raises(InvalidInput, match=r"f is -inf where x\[1, 0\] is nudged to 0"):
        numerical_gradient(f, [[1.0], [1e-4]])


BAD_ELEMENTWISE = {
    "sum": (lambda x: np.sum(x**2), r"for x of shape \(2,\).*elementwise"),
    "None": (lambda x: None, r"f returned None for x of shape \(2,\)"),
    "bool": (lambda x: x > 0, r"f returned an array of bool, and a slope needs real"),
    "complex": (lambda x: 1j * x, r"f returned an array of complex128.*return y.real"),
    "nan": (lambda x: np.where(x > 4, np.nan, x), r"f is nan where x\[1\] is 5.0001"),
    "nan-behind": (
        lambda x: np.where(x < 3, np.nan, x),
        r"f is nan where x\[0\] is 2.9999",
    ),
    "masked": (lambda x: np.ma.masked_less(x, 4), "f returned a masked value"),
}


@pytest.mark.parametrize(
    ("f", "message"), BAD_ELEMENTWISE.values(), ids=BAD_ELEMENTWISE.keys()
)
def test_functions_that_do_not_work_elementwise(f, message):
    with pytest.raises(InvalidInput, match=message):
        numerical_diff(f, np.array([3.0, 5.0]))


def test_a_slope_beyond_the_largest_number():
    def f(x):
        return math.copysign(1e308, x[1] - 2)

    with pytest.raises(InvalidInput, match=r"the slope along x\[1\] is beyond"):
        numerical_gradient(f, [1.0, 2.0])
    with pytest.raises(InvalidInput, match=r"the slope along x\[1\] is beyond"):
        partial_derivative(f, [1.0, 2.0], 1)
    with pytest.raises(InvalidInput, match="the slope along x is beyond"):
        numerical_diff(lambda x: math.copysign(1e308, x), 0.0)
    with pytest.raises(InvalidInput, match=r"the slope along x\[1\] is beyond"):
        numerical_diff(lambda x: np.copysign(1e308, x), [3.0, 0.0])


@pytest.mark.parametrize("f", [9.0, None, np.ones(2)], ids=["number", "None", "array"])
def test_an_object_that_is_no_function_is_refused(f):
    for derive in (numerical_gradient, numerical_diff, partial_derivative):
        with pytest.raises(InvalidInput, match="which is no function: pass f itself"):
            derive(f, 1.0)


BAD_INDICES = {
    "too-large": ([1.0, 2.0], 2),
    "too-negative": ([1.0, 2.0], -3),
    "None": ([1.0, 2.0], None),
    "too-many": ([1.0, 2.0], (0, 0)),
    "float": ([1.0, 2.0], 0.0),
    "bool": ([1.0, 2.0], True),
    "str": ([1.0, 2.0], "0"),
    "list": ([1.0, 2.0], [0]),
    "slice": ([1.0, 2.0], slice(None)),
    "too-few": ([[1.0, 2.0]], 0),
    "outside": ([[1.0, 2.0]], (0, 2)),
    "0-d": (1.0, 0),
    "empty": ([], 0),
}


@pytest.mark.parametrize(("x", "index"), BAD_INDICES.values(), ids=BAD_INDICES.keys())
def test_indices_that_name_no_entry(x, index):
    with pytest.raises(InvalidInput, match=r"index is .*names no entry of x of shape"):
        partial_derivative(squares, x, index)


def test_a_point_without_dimensions_needs_no_index():
    for index in (None, ()):
        assert partial_derivative(lambda x: x**2, 3.0, index) == pytest.approx(6)


def test_an_error_of_f_is_raised_with_the_index():
    error = Stop("a message")

    def f(x):
        if x[1] < 2:
            raise error
        return 0.0

    with pytest.raises(Stop, match="a message") as caught:
        numerical_gradient(f, np.array([1.0, 2.0]))
    assert caught.value is error
    assert error.__notes__ == ["raised by f where x[1] is nudged to 1.9999"]


def test_an_array_without_entries_has_no_index_to_propose():
    with pytest.raises(InvalidInput, match="there is no entry"):
        partial_derivative(lambda x: 0.0, np.ones((0, 2)), (0, 0))
