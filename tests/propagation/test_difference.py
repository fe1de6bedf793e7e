"""`difference` and `slope`: their arguments, their results, their composition.

The functions here are made of a few operations; the rules have tests of their own.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from secant.errors import InvalidInput
from secant.propagation import difference, slope


def close(a, b, rtol=1e-6):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol)


# --- Arguments ---


def test_pytrees_go_in_and_come_out():
    def f(x):
        return {"product": x["a"] * x["b"][0], "kept": [x["b"][1], None]}

    x = {"a": jnp.arange(3.0), "b": (2.0, jnp.ones((2, 2)))}
    dx = {"a": jnp.full(3, 1e-9), "b": (0.0, jnp.full((2, 2), 1e-12))}
    value, change = difference(f)(x, dx)
    assert jax.tree.structure(value) == jax.tree.structure(f(x))
    assert jax.tree.structure(change) == jax.tree.structure(f(x))
    close(value["product"], [0, 2, 4])
    close(change["product"], [2e-9] * 3)
    close(change["kept"][0], np.full((2, 2), 1e-12))


@pytest.mark.parametrize("dx", [1e-9, np.float64(1e-9), jnp.float32(1e-9), [1e-9] * 3])
def test_a_change_is_broadcast_and_cast_to_what_it_changes(dx):
    x = jnp.arange(3, dtype=jnp.float32)
    dx = jnp.asarray(dx) if isinstance(dx, list) else dx
    value, change = difference(lambda x: x * x)(x, dx)
    assert change.dtype == jnp.float32
    assert value.shape == change.shape == (3,)
    close(change, 2e-9 * np.arange(3) + 1e-18)


@pytest.mark.parametrize("x", [2.0, 2, np.float64(2), np.full((2,), 2.0), np.int16(2)])
def test_numbers_and_numpy_arrays_are_taken_as_jax_takes_them(x):
    whole = jnp.issubdtype(jnp.asarray(x).dtype, jnp.integer)
    value, change = difference(lambda x: 3 * x)(x, 1 if whole else 1e-9)
    expected = 3 * jnp.asarray(x)
    assert value.dtype == change.dtype == expected.dtype
    close(value, expected)
    close(change, np.full(np.shape(x), 3 if whole else 3e-9))


def test_none_and_float0_leave_a_leaf_as_it_is():
    def f(x):
        return x[0] * x[1]

    _, of_none = difference(f)((2.0, 3.0), (None, 1e-9))
    _, of_float0 = difference(f)(
        (2.0, 3.0), (np.zeros((), jax.dtypes.float0), jnp.float32(1e-9))
    )
    close(of_none, 2e-9)
    close(of_float0, 2e-9)


def test_none_leaves_a_whole_branch_of_the_tree_as_it_is():
    _, change = difference(lambda x: x["w"]["a"] * x["b"])(
        {"w": {"a": 2.0, "c": 5.0}, "b": 3.0}, {"w": None, "b": 1e-9}
    )
    close(change, 2e-9)


def test_whole_numbers_change_by_whole_numbers_and_truth_values_flip():
    def f(x):
        return x["n"] + 1, x["on"], x["n"] * x["v"]

    x = {"n": jnp.array([1, 2]), "on": jnp.array([True, False]), "v": 3.0}
    dx = {"n": jnp.array([4, 0]), "on": jnp.array([True, False]), "v": 0.0}
    _, (n, on, product) = difference(f)(x, dx)
    assert n.tolist() == [4, 0]
    assert on.tolist() == [True, False]
    assert on.dtype == bool
    close(product, [12, 0])


def test_random_keys_pass_through():
    def f(x):
        return x["key"], x["v"] * 2.0

    x = {"key": jax.random.key(0), "v": 1.0}
    (key, _), (moved, change) = difference(f)(x, {"key": None, "v": 1e-9})
    assert key.dtype == x["key"].dtype
    assert moved.dtype == jax.dtypes.float0
    close(change, 2e-9)


def test_a_key_cannot_change():
    with pytest.raises(InvalidInput, match="pass dx=None"):
        difference(lambda x: 1.0)(jax.random.key(0), 1)


@pytest.mark.parametrize(
    ("x", "dx", "says"),
    [
        ([1.0, 2.0], [1.0], "another structure"),
        ({"a": 1.0}, {"b": 1.0}, "another structure"),
        (jnp.ones(3), jnp.ones(2), r"shape \(2,\) where x has \(3,\)"),
        (jnp.ones(3), jnp.ones((2, 3)), r"shape \(2, 3\)"),
        (jnp.arange(3), 0.5, "whole numbers"),
        (jnp.ones(3), 1j, "complex64 where x holds float32"),
        (1.0, "small", "'small'"),
    ],
)
def test_a_change_that_does_not_go_with_x_is_refused(x, dx, says):
    with pytest.raises(InvalidInput, match=says):
        difference(lambda x: x)(x, dx)


def test_x_that_is_no_array_is_refused():
    with pytest.raises(InvalidInput, match="x holds 'text'"):
        difference(lambda x: x)("text", 1.0)


def test_arguments_of_difference_are_checked():
    with pytest.raises(InvalidInput, match="pass a function"):
        difference(3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match=r"no fallback 'guess'.*error, subtract"):
        difference(abs, fallback="guess")  # pyright: ignore[reportArgumentType]


def test_empty_arrays_and_empty_trees_are_no_special_case():
    value, change = difference(lambda x: (x * 2, x.sum()))(jnp.zeros((0, 3)), 1e-9)
    assert value[0].shape == change[0].shape == (0, 3)
    assert float(change[1]) == 0
    assert difference(lambda x: {})({}, {}) == ({}, {})


# --- Results ---


def test_constants_do_not_change_and_the_argument_changes_by_dx():
    value, (one, array, same, flag) = difference(
        lambda x: (1.0, np.arange(2), x, x.ndim == 0)
    )(jnp.float32(2), 1e-30)
    assert value[1].dtype == np.asarray(jnp.arange(2)).dtype
    assert float(one) == 0
    assert array.tolist() == [0, 0]
    assert float(same) == np.float32(1e-30)
    assert not flag


@pytest.mark.parametrize("x", [2.0, 2, jnp.float32(2), jnp.bfloat16(2)])
def test_results_have_the_types_that_f_gives_weak_ones_too(x):
    def f(x):
        return x * 2, lax.fori_loop(0, 2, lambda i, c: c * x, x)

    x = jnp.asarray(x)
    value, change = difference(f)(x, 1)
    for got, by, expected in zip(value, change, f(x), strict=True):
        assert got.aval == expected.aval
        assert by.dtype == expected.dtype


def test_the_value_is_bit_for_bit_that_of_f():
    def f(x):
        return (x * 1.1 / 3.0 + x) @ x.T

    x = jax.random.normal(jax.random.key(0), (5, 7))
    value, _ = difference(f)(x, 1e-3)
    assert np.array_equal(value, f(x))


# --- Composition ---


def cubic(x):
    return x * x * x


def test_under_jit_and_vmap():
    x, dx = jnp.arange(1.0, 4.0), 1e-8
    expected = 3e-8 * np.arange(1.0, 4.0) ** 2
    close(jax.jit(difference(cubic))(x, dx)[1], expected, 1e-5)
    carry = jax.vmap(difference(cubic), in_axes=(0, None))
    close(carry(x, dx)[1], expected, 1e-5)
    close(difference(jax.vmap(cubic))(x, dx)[1], expected, 1e-5)
    close(difference(jax.jit(cubic))(x, dx)[1], expected, 1e-5)


def test_under_grad():
    # d/dx [(x + h)³ - x³] = 6 x h + 3 h²
    gradient = jax.grad(lambda x: difference(cubic)(x, 1e-9)[1])(2.0)
    close(gradient, 12e-9)
    # d/dh [(x + h)³ - x³] = 3 (x + h)²
    close(jax.grad(lambda h: difference(cubic)(2.0, h)[1])(1e-9), 12.0)
    close(difference(jax.grad(cubic))(2.0, 1e-9)[1], 12e-9)


def test_inside_scan():
    def body(x, _):
        return x, difference(cubic)(x, 1e-9)[1]

    _, changes = lax.scan(body, 2.0, None, length=2)
    close(changes, [12e-9] * 2)


def test_of_itself():
    def by(h):
        return lambda x: difference(cubic)(x, h)[1]

    # ΔΔ x³ = 6 h k x + 3 h k (h + k)
    _, second = difference(by(1e-6))(2.0, 1e-5)
    close(second, 6 * 1e-11 * 2 + 3e-11 * 1.1e-5)
    _, third = difference(lambda x: difference(by(1e-3))(x, 1e-4)[1])(2.0, 1e-5)
    close(third, 6e-12)


def test_f_may_close_over_tracers():
    def outer(w, x):
        return difference(lambda x: w * x * x)(x, 1e-9)[1]

    close(jax.jit(outer)(3.0, 2.0), 12e-9)
    close(jax.grad(outer)(3.0, 2.0), 4e-9)
    close(jax.vmap(outer, (0, None))(jnp.array([3.0, 1.0]), 2.0), [12e-9, 4e-9])
    _, moved = difference(lambda w: outer(w, 2.0))(3.0, 1e-3)
    close(moved, 4e-12)


def test_in_double_precision():
    with jax.enable_x64(True):
        _, change = difference(cubic)(2.0, 1e-25)
        assert change.dtype == np.float64
        close(change, 12e-25, 1e-15)


# --- slope ---


@pytest.mark.parametrize("h", [1e-6, 1e-3, 0.5])
def test_slopes_have_the_error_of_the_formula_only(h):
    # The slopes of x³: 3x² + h² and 6x.
    close(slope(cubic, 2.0, 1.0, h), 12 + h * h)
    close(slope(cubic, 2.0, 1.0, h, order=2), 12.0)


def test_slope_along_a_direction_through_a_pytree():
    def f(x):
        return {"y": x["w"] @ x["b"]}

    x = {"w": jnp.array([[1.0, 2.0]]), "b": jnp.array([3.0, 4.0])}
    d = {"w": jnp.array([[1.0, 0.0]]), "b": jnp.array([0.0, 0.5])}
    close(slope(f, x, d, 1e-4)["y"], [3.0 + 1.0])
    second = {"w": jnp.ones((1, 2)), "b": jnp.ones(2)}
    close(slope(f, x, second, 1e-4, order=2)["y"], [4.0])


def test_slope_leaves_keys_and_integers_where_the_direction_is_none():
    x = {"key": jax.random.key(0), "n": jnp.array(3), "v": 2.0}
    d = {"key": None, "n": None, "v": 1.0}
    close(slope(lambda x: x["n"] * x["v"], x, d, 1e-3), 3.0)


def test_slope_of_whole_numbers_is_taken_of_the_real_ones():
    close(slope(cubic, 2, 1, 1e-3), 12 + 1e-6)


@pytest.mark.parametrize("order", [1, 2])
def test_slope_with_a_traced_step(order):
    of_h = jax.jit(lambda h: slope(cubic, 2.0, 1.0, h, order=order))
    close(of_h(1e-4), 12.0)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"h": 0}, "other than 0"),
        ({"h": float("nan")}, "finite"),
        ({"h": "1"}, "finite"),
        ({"order": 3}, "1 or 2"),
        ({"direction": [1.0]}, "another structure"),
        ({"direction": jnp.ones(2)}, "shape"),
        ({"f": lambda x: x > 1}, "no slope"),
    ],
)
def test_arguments_of_slope_are_checked(arguments, says):
    good = {"f": cubic, "x": 2.0, "direction": 1.0, "h": 1e-3}
    with pytest.raises(InvalidInput, match=says):
        slope(**(good | arguments))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_a_value_of_16_bits_is_the_same_wherever_xla_reads_it(dtype):
    """XLA keeps the product in 32 bits for one reader and rounds it for the next."""
    draw = np.random.default_rng(0)
    W, z = (draw.normal(size=s).astype(dtype) for s in ((5, 3), (2, 5)))

    def f(W):
        return jax.nn.logsumexp(z @ W)

    gradient = np.asarray(jax.jit(jax.grad(f))(W), float)
    # float16 has no numbers small enough for a smaller step.
    h = 2.0**-20 if dtype == jnp.bfloat16 else 2.0**-6
    moved = jax.jit(difference(f))
    for i in range(5):
        dW = np.zeros_like(W)
        dW[i, 1] = h
        _, change = moved(W, dW)
        assert float(change) / h == pytest.approx(gradient[i, 1], rel=0.06, abs=2e-4)


# --- constants of a compiled program ---

ONE = np.float32(1)
BELOW_ONE = np.nextafter(ONE, np.float32(0))

# XLA merges constants that are added one after the other: `(x - 1) + dx` into
# `x - (1 - dx)`, which rounds to `x - 1`.
MEETING_CONSTANTS = {
    "comparison": lambda x: x < 1,
    "equality": lambda x: x == 1,
    "comparison of a sum": lambda x: x + 2 < 3,
    "selection": lambda x: jnp.where(x < 1, x, 2 * x),
    "maximum": lambda x: jnp.maximum(x, 1),
    "sign": lambda x: jnp.sign(x - 1),
    "square": lambda x: (x - 1) ** 2,
    "cube": lambda x: (x - 1) ** 3,
    "quotient": lambda x: (x - 1) / (x + 1),
    "interpolation": lambda x: jnp.interp(
        x, jnp.array([0.0, 1.0, 2.0]), jnp.array([0.0, 1.0, 5.0])
    ),
    "sum": lambda x: ((x + 1) - 1) + 0.5,
}


@pytest.mark.parametrize("name", MEETING_CONSTANTS)
@pytest.mark.parametrize("dx", [-1e-12, pytest.param(1e-9, marks=pytest.mark.slow)])
def test_a_constant_difference_is_not_merged_with_the_constants_of_a_program(name, dx):
    f = MEETING_CONSTANTS[name]
    x = np.array([1, BELOW_ONE, 0, 2, 0.7], np.float32)
    dx = np.float32(dx)
    compiled = jax.jit(lambda x: difference(f)(x, dx)[1])(x)
    expected = difference(f)(x, dx)[1]
    if expected.dtype == bool:
        np.testing.assert_array_equal(compiled, expected)
    else:
        np.testing.assert_allclose(compiled, expected, rtol=1e-6)
