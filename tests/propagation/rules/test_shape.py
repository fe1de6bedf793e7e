"""Data movement and other dtypes: a difference moves with its number, unrounded."""

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from jax.ad_checkpoint import checkpoint_name

from secant.propagation import difference

MOVED = {
    "reshape": lambda x: x.reshape(-1),
    "broadcast": lambda x: jnp.broadcast_to(x, (2, *x.shape)),
    "transpose": lambda x: x.T,
    "expand": lambda x: x[None],
    "squeeze": lambda x: jnp.squeeze(x[None]),
    "flip": lambda x: jnp.flip(x, -1),
    "slice": lambda x: x[1:],
    "every_second": lambda x: lax.slice(
        x, (0,) * x.ndim, x.shape, (1,) * (x.ndim - 1) + (2,)
    ),
    "pad": lambda x: lax.pad(x, jnp.zeros((), x.dtype), [(1, -1, 1)] * x.ndim),
    "concatenate": lambda x: jnp.concatenate([x, 0 * x, x]),
    "split": lambda x: jnp.split(x, [1])[1],
    "stack": lambda x: jnp.stack([x, x], -1),
    "unstack": lambda x: jnp.unstack(x)[0],
    "tile": lambda x: jnp.tile(x, 2),
    "roll": lambda x: jnp.roll(x, 1),
    "repeat": lambda x: jnp.concatenate([x, x[:1]]),
    "copy": jnp.copy,
    "stop_gradient": lax.stop_gradient,
    "name": lambda x: checkpoint_name(x, "x"),
    "device_put": jax.device_put,
    "barrier": lax.optimization_barrier,
    "fewer_digits": lambda x: lax.reduce_precision(x, 8, 23),
}


@pytest.mark.parametrize("name", MOVED)
@settings(max_examples=5)
@given(
    shape=st.sampled_from([(2,), (3, 2), (2, 1, 3)]),
    dtype=st.sampled_from(["float32", "bfloat16", "complex64", "int32"]),
    seed=st.integers(0, 2**16),
)
def test_changes_go_where_the_numbers_go(name, shape, dtype, seed):
    f = MOVED[name]
    if name == "fewer_digits" and dtype in ("complex64", "int32"):
        return
    rng = np.random.default_rng(seed)
    x, dx = (rng.integers(-99, 99, shape) for _ in range(2))
    if dtype != "int32":
        dx = dx * 1e-12
    x, dx = (jnp.asarray(v.astype(jnp.dtype(dtype))) for v in (x, dx))
    value, change = jax.jit(difference(f))(x, dx)
    np.testing.assert_array_equal(value, f(x))
    np.testing.assert_array_equal(change, f(dx))


def test_what_is_padded_with_changes_too():
    _, change = difference(lambda x: jnp.pad(x[0], 1, constant_values=x[1]))(
        (jnp.ones(2), 5.0), (1e-9, 1e-12)
    )
    np.testing.assert_array_equal(change, jnp.array([1e-12, 1e-9, 1e-9, 1e-12]))


@pytest.mark.parametrize("f", [lax.optimization_barrier, jax.device_put])
def test_each_of_several_results_changes_by_its_own_operand(f):
    x = (jnp.ones(2), jnp.array([1, 2]), jnp.float32(3))
    _, change = difference(f)(x, (1e-9, 3, None))
    np.testing.assert_array_equal(change[0], jnp.full(2, 1e-9))
    np.testing.assert_array_equal(change[1], [3, 3])
    assert change[2] == 0


# --- Other dtypes ---


made_whole_and_difference = jax.jit(difference(lambda x: x.astype(int)))


@given(
    x=st.one_of(
        st.integers(-40, 40).map(lambda n: n / 4),
        st.sampled_from([2.0**24, -(2.0**24), 2.0**26, 1e9, -1e9]),
    ),
    dx=st.sampled_from([0.0, 1e-12, -1e-12, 0.25, -0.75, 3.0, -3.0, 1e6]),
    dtype=st.sampled_from(["float32", "bfloat16"]),
)
def test_a_number_made_whole_is_the_exact_sum_cut_off(x, dx, dtype):
    x, dx = jnp.asarray(x, dtype), jnp.asarray(dx, dtype)
    value, change = made_whole_and_difference(x, dx)
    assert value == x.astype(int)
    assert int(value) + int(change) == math.trunc(
        Fraction(float(x)) + Fraction(float(dx))
    )


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32"])
def test_a_sum_that_an_integer_cannot_hold_is_cut_to_what_it_can(dtype):
    x, dx = np.float32([0.0, -1.0, 3e9, -3e9]), np.float32([3e9, -3e9, 1, -1])

    def cut(x):
        return x.astype(dtype)

    value, change = map(np.asarray, jax.jit(difference(cut))(x, dx))
    np.testing.assert_array_equal(value + change, jax.jit(cut)(x + dx))


def test_a_number_is_true_unless_the_exact_sum_is_zero():
    x, dx = jnp.array([0.0, 1.0, 1.0]), jnp.array([1e-30, -1.0, 1e-9])
    _, change = difference(lambda x: x.astype(bool))(x, dx)
    assert change.tolist() == [True, True, False]


def test_whole_numbers_and_truth_values_become_numbers():
    def f(x):
        return x["n"].astype(jnp.float32) / 2, x["on"] * 1.5

    x = {"n": jnp.array([1, -4]), "on": jnp.array([True, False])}
    _, (halves, switched) = difference(f)(x, {"n": 3, "on": True})
    np.testing.assert_array_equal(halves, [1.5, 1.5])
    np.testing.assert_array_equal(switched, [-1.5, 1.5])


def test_integers_are_subtracted_before_they_are_rounded():
    """float32 holds 2²⁴ but not 2²⁴ + 1; int8's -128 and 127 are 255 apart."""
    as_float = jax.jit(difference(lambda n: n.astype(jnp.float32)))
    assert float(as_float(np.int32(2**24), 1)[1]) == 1
    assert float(as_float(np.int8(-128), np.int8(-1))[1]) == 255
    assert float(as_float(np.uint8(200), np.uint8(56))[1]) == -200


def test_a_change_keeps_its_digits_in_a_narrow_dtype():
    def f(x):
        return x.astype(jnp.bfloat16) * 2

    _, change = difference(f)(jnp.float32(1), 1e-9)
    np.testing.assert_allclose(np.float32(change), 2e-9, rtol=2**-8)


def test_bits_are_those_of_the_rounded_sum():
    def bits(x):
        return lax.bitcast_convert_type(x, jnp.int32)

    x, dx = jnp.array([1.0, 2.0]), jnp.array([0.5, 1e-12])
    value, change = difference(bits)(x, dx)
    np.testing.assert_array_equal(value + change, bits(x + dx))
    _, back = difference(lambda n: lax.bitcast_convert_type(n, jnp.float32))(
        bits(x), bits(x + dx) - bits(x)
    )
    np.testing.assert_array_equal(back, [0.5, 0])


# --- Axes with names ---


@pytest.mark.parametrize(
    ("f", "plainly"),
    [
        (lambda x: lax.psum(x, "i"), lambda x: [sum(x)] * 3),
        (lambda x: lax.pmean(x, "i"), lambda x: [sum(x) / 3] * 3),
        (lambda x: lax.pmax(x, "i"), lambda x: [max(x)] * 3),
        (lambda x: lax.pmin(x, "i"), lambda x: [min(x)] * 3),
        (lambda x: lax.all_gather(x, "i"), lambda x: [x] * 3),
        (
            lambda x: lax.ppermute(x, "i", [(0, 1), (1, 2), (2, 0)]),
            lambda x: [x[2], x[0], x[1]],
        ),
    ],
)
@pytest.mark.parametrize("size", [1e-3, 2.0])
def test_collectives_carry_changes(f, plainly, size):
    x, dx = np.array([1.0, 3.0, 2.0]), size * np.array([1.0, -0.75, 0.5])
    _, change = jax.vmap(difference(f), axis_name="i")(
        jnp.asarray(x, jnp.float32), jnp.asarray(dx, jnp.float32)
    )
    wanted = np.subtract(plainly([*(x + dx)]), plainly([*x]))
    np.testing.assert_allclose(change, wanted, rtol=1e-6)


def test_all_to_all_carries_changes():
    x, dx = jnp.arange(9.0).reshape(3, 3), 1e-9 * jnp.arange(9.0).reshape(3, 3)
    f = jax.vmap(difference(lambda x: lax.all_to_all(x, "i", 0, 0)), axis_name="i")
    np.testing.assert_array_equal(f(x, dx)[1], dx.T)
