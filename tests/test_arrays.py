"""Arrays: whose namespace, which dtype, and where something stands."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from secant import InvalidInput, difference, value_and_gradient
from secant.arrays import (
    as_array,
    as_real,
    first_entry,
    is_traced,
    jax_array,
    namespace,
)
from secant.nn import Architecture
from secant.propagation import slope


@pytest.mark.parametrize("plain", [2, 2.0, [1, 2], (1, 2), np.ones(2), np.float32(1)])
def test_other_arguments_use_numpy(plain):
    assert namespace(plain) is np
    assert namespace(plain, None, plain) is np


def test_one_jax_array_among_the_arguments_is_enough_for_jax():
    assert namespace(jnp.ones(2)) is jnp
    assert namespace(np.ones(2), jnp.ones(2)) is jnp
    assert namespace([1, 2], jnp.ones(2), 3) is jnp


def test_a_tracer_counts_as_jax_and_is_recognised():
    seen = []

    def look(x):
        seen.append((namespace(x), namespace(1.0, x), is_traced(x), is_traced(1, x)))
        return x

    jax.jit(look)(1.0)
    jax.vmap(look)(jnp.ones(2))
    jax.grad(look)(1.0)
    assert seen == [(jnp, jnp, True, True)] * 3


def test_an_array_that_can_be_looked_at_is_no_tracer(xp):
    assert not is_traced(xp.ones(2), 1.0, [2])
    assert not is_traced()


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_floating_dtype_is_kept(xp, dtype):
    assert as_real(xp.ones(2, dtype), "x").dtype == dtype


def test_float64_is_kept_if_it_is_enabled(xp):
    with jax.enable_x64(True):
        assert as_real(xp.ones(2, "float64"), "x").dtype == "float64"


def test_jax_bfloat16_is_kept():
    assert as_real(jnp.ones(2, jnp.bfloat16), "x").dtype == jnp.bfloat16


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int32", "uint32"])
def test_whole_numbers_become_the_engines_float(xp, dtype):
    real = as_real(xp.asarray([0, 1], dtype), "x")
    assert real.dtype == xp.asarray(0.0).dtype
    assert real.tolist() == [0, 1]


def test_jax_whole_numbers_become_float64_under_x64():
    with jax.enable_x64(True):
        assert as_real(jnp.asarray([1]), "x").dtype == "float64"


@pytest.mark.parametrize(
    ("wrong", "what_came", "advice"),
    [
        ([1j], "complex128", "pass numbers"),
        ("three", "<U5", "pass numbers"),
        (["1", "2"], "<U1", "pass numbers"),
        (None, "object", "pass numbers"),
        ([1.0, None], "object", "pass numbers"),
        ([10**400], "object", "pass numbers"),
        (np.array(["2020-01-01"], "datetime64[D]"), "datetime64", "pass numbers"),
        ([[1, 2], [3]], "inhomogeneous shape", "rows are equally long"),
    ],
)
def test_an_object_that_is_no_real_number_is_named_and_refused(
    wrong, what_came, advice
):
    with pytest.raises(InvalidInput) as caught:
        as_real(wrong, "the_name")
    message = str(caught.value)
    assert message.startswith("the_name ")
    assert what_came in message
    assert advice in message


def test_complex_jax_arrays_are_refused():
    with pytest.raises(InvalidInput, match="holds complex64"):
        as_real(jnp.asarray([1j]), "x")


def test_bfloat16_in_numpy_is_refused_with_a_remedy():
    """`np.asarray` of a JAX array may be that: it is floating, but not NumPy's."""
    with pytest.raises(InvalidInput, match=r"bfloat16.*x\.astype\(np\.float32\)"):
        as_real(np.asarray(jnp.ones(2, jnp.bfloat16)), "x")


def test_a_list_of_tracers_is_refused_with_the_remedy():
    with pytest.raises(InvalidInput, match=r"traced array.*pass one array"):
        jax.jit(lambda a: as_real([a, a], "x"))(1.0)


def test_a_whole_number_too_large_for_jax_is_refused():
    with pytest.raises(InvalidInput, match="t is not an array of numbers"):
        as_array([2**80], "t", jnp)


def test_a_position_is_written_as_an_index():
    mask = np.zeros((2, 3), bool)
    mask[1, 2] = True
    assert first_entry("y", mask) == "y[1, 2]"
    mask[1, 0] = True
    assert first_entry("y", mask) == "y[1, 0]"
    assert first_entry("t", np.array([False, True])) == "t[1]"
    assert first_entry("t", np.array(True)) == "t"


# --- of JAX, from NumPy ---

DTYPES = ["f2", "f4", "f8", "i4", "i8", "u1", "?", "c8", "c16", jnp.bfloat16]


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_numpy_array_goes_to_jax_as_jax_takes_it(dtype, compilations):
    x = np.array([0, 1, 2, 100]).astype(dtype)
    here = jax_array(x)
    assert compilations == []
    there = jnp.asarray(x)
    assert (here.dtype, here.weak_type) == (there.dtype, there.weak_type)
    np.testing.assert_array_equal(here, there)


def test_numpy_converts_what_becomes_another_float(compilations):
    whole, large = jax_array(np.arange(3), float), jax_array(np.array([1e300]))
    assert compilations == []
    assert whole.dtype == large.dtype == jnp.float32
    assert large[0] == np.inf  # and nobody is warned


@pytest.mark.parametrize("x", [3, 2.5, [1, 2], jnp.arange(2)])
def test_what_is_no_numpy_array_goes_to_jax_as_ever(x):
    here, there = jax_array(x), jnp.asarray(x)
    assert (here.dtype, here.weak_type) == (there.dtype, there.weak_type)
    np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize("x", [np.array(["a"]), np.array([None])])
def test_what_jax_cannot_hold_is_a_type_error(x):
    with pytest.raises(TypeError):
        jax_array(x)


# `jnp.asarray` would compile and keep one for each length.
@pytest.mark.parametrize(
    "call",
    [
        lambda x: difference(jnp.sum)(x, x),
        lambda x: slope(jnp.sum, x, x, 1e-3),
        lambda x: value_and_gradient(jnp.sum)(x, key=jax.random.key(0)),
        lambda x: value_and_gradient(Architecture((x.size, 2)), "backprop")(
            {"W1": np.ones((x.size, 2)), "b1": np.ones(2)}, x[None], [1]
        ),
        lambda x: difference(lambda y: jnp.sum(y * x))(1.0, 1.0),
    ],
    ids=["difference", "slope", "spsa", "network", "constant"],
)
def test_no_program_is_compiled_to_read_an_array(call, compilations):
    call(np.ones(5, np.float32))
    compilations.clear()  # of what a process compiles once
    call(np.ones(37, np.float32))
    assert "jit(stage)" not in compilations
