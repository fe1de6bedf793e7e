"""Slopes along coordinates: their values, their blocks, and the memory of a block."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from secant.errors import InvalidInput
from secant.propagation import coordinates
from secant.propagation.coordinates import (
    block_length,
    both_ways,
    call_in_blocks,
    central_slopes,
    change_bytes,
    changes_along_coordinates,
    displacement,
    map_in_blocks,
    one_sided_slopes,
)
from secant.propagation.jaxpr_tools import axis_lengths, float_dtypes, result_bytes

TREE = {"a": jnp.array([1.0, 2.0]), "b": jnp.array([[0.5], [3.0]])}


def product(x):
    return jnp.prod(x["a"]) * jnp.sum(x["b"] ** 2)


@pytest.fixture
def in_blocks_of(monkeypatch):
    """Sets the number of rows in a block, if each takes 1,000 bytes."""

    def limit(rows):
        for name in ("_CPU_BLOCK_BYTES", "_BLOCK_BYTES"):
            monkeypatch.setattr(coordinates, name, 1_000 * rows)

    return limit


def test_a_displacement_moves_the_entries_that_it_names_and_no_other():
    moved = displacement(TREE, jnp.array([1, 3]), jnp.array([0.25, -1.0]))
    np.testing.assert_array_equal(moved["a"], [0, 0.25])
    np.testing.assert_array_equal(moved["b"], [[0], [-1]])


def test_both_ways_leave_what_has_no_displacement():
    value, ahead, back = both_ways(product, TREE, {"a": None, "b": TREE["b"] * 0 + 0.5})
    assert float(value) == 2 * 9.25
    assert float(ahead) == 2 * (1.0**2 + 3.5**2 - 9.25)
    assert float(back) == 2 * (0.0**2 + 2.5**2 - 9.25)


def test_changes_are_those_of_each_coordinate_alone():
    entries, steps = np.int32([3, 0]), np.float32([2.0**-40, 1.0])
    found = jax.jit(partial(changes_along_coordinates, product))(TREE, entries, steps)
    np.testing.assert_allclose(found, [2 * 6 * 2.0**-40, 2 * 9.25], rtol=1e-6)


def test_central_slopes_through_a_pytree():
    found = central_slopes(product, TREE, jnp.arange(4), 1e-5)
    np.testing.assert_allclose(found, [18.5, 9.25, 2, 12], rtol=1e-6)


def test_central_slopes_of_several_results_and_whole_numbers():
    def squares(x):
        return x**2 * jnp.ones(3)

    found = jax.jit(lambda x: central_slopes(squares, x, np.arange(2), 1))(np.arange(3))
    np.testing.assert_array_equal(found, [[0, 0, 0], [0, 2, 0]])


def test_a_result_without_slope_is_refused():
    with pytest.raises(InvalidInput, match="no slope"):
        jax.jit(lambda x: central_slopes(lambda x: x[0] > 0, x, np.arange(2), 1e-3))(
            np.ones(2)
        )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_one_sided_slopes_tell_both_sides_of_a_kink(dtype):
    x, steps = np.array([[0, 2], [2.0**-5, 2.0**-5]], jnp.dtype(dtype))
    both_sides = jax.jit(partial(one_sided_slopes, lambda x: abs(x).sum()))
    ahead, behind = both_sides(x, np.arange(2), steps)
    assert ahead.dtype == behind.dtype == jnp.float32
    np.testing.assert_array_equal([ahead, behind], [[1, 1], [-1, 1]])


@pytest.mark.parametrize("count", [0, 1, 3, 7, 8])
def test_a_map_in_blocks_is_a_vmap_of_at_most_a_block(count, in_blocks_of):
    in_blocks_of(3)
    lengths = []

    @jax.custom_batching.custom_vmap
    def row_sum(row):
        return row.sum()

    @row_sum.def_vmap
    def _(axis_size, batched, rows):
        lengths.append(axis_size)
        return rows.sum(1), True

    rows = np.arange(2.0 * count).reshape(count, 2)
    found = map_in_blocks(lambda r: {"2": 2 * r, "sum": row_sum(r)}, (rows,), 1_000)
    np.testing.assert_array_equal(found["2"], 2 * rows)
    np.testing.assert_array_equal(found["sum"], rows.sum(1))
    assert max(lengths) <= 3


def test_calls_in_blocks_have_one_length_and_tell_how_far_they_are(in_blocks_of):
    in_blocks_of(5)
    lengths, told = [], []

    def program(x, y):
        lengths.append(len(x))
        return x + y, x * y

    x, y = np.arange(10), np.arange(10) ** 2
    total, product = call_in_blocks(program, (x, y), 1_000, of=10, progress=told.append)
    np.testing.assert_array_equal(total, x + y)
    np.testing.assert_array_equal(product, x * y)
    # The largest power of two that fits.
    assert lengths == [4, 4, 4]
    assert told == [4, 4, 2]


def test_any_handful_of_rows_has_the_same_program():
    lengths = []

    def program(x):
        lengths.append(len(x))
        return (x,)

    for count in (1, 5, 64, 65, 1_000):
        call_in_blocks(program, (np.arange(count),), 1, of=1_000)
    assert lengths == [64, 64, 64, 1_024, 1_024]


def test_a_block_is_as_long_as_its_bytes_allow(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    assert block_length(2**20) == 16
    assert block_length(2**30) == 1
    assert block_length(0) == 1_024
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert block_length(2**20) == 256


def test_the_bytes_are_those_of_all_intermediate_results():
    def f(x):
        def turn(total, row):
            return total + jnp.sin(row), None

        return lax.scan(turn, jnp.zeros(8), x)[0].astype(jnp.bfloat16)

    x = jnp.zeros((4, 8))
    program = jax.make_jaxpr(f)(x)
    # The zeros, the loop's result, a sine and a sum in it: four times 8 float32.
    assert result_bytes(program) == 4 * 32 + 16
    assert change_bytes(program, x) == 2 * (128 + 4 * 32 + 16)
    assert axis_lengths(program) == {4, 8}
    assert set(float_dtypes(program)) == {jnp.dtype("float32"), jnp.dtype("bfloat16")}


@pytest.mark.parametrize("x", [TREE, jnp.ones(3)], ids=["tree", "array"])
def test_no_coordinates_have_no_slopes(x):
    def f(x):
        return sum((jnp.sum(leaf) for leaf in jax.tree.leaves(x)), jnp.zeros(2))

    found = central_slopes(f, x, np.zeros(0, int), 1e-4)
    assert found.shape == (0, 2)
