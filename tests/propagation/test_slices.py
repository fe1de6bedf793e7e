"""Changes of one slice: they are those of the whole array, at less arithmetic."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax import lax

from secant.propagation import difference
from secant.propagation.axes import axis_labels
from secant.propagation.coordinates import (
    MIN_SLICED,
    central_slopes,
    displacement,
    nudge_of,
)
from secant.propagation.delta import UNCHANGED, SliceDelta, materialize, widen_slice
from secant.propagation.difference import entry_difference
from secant.propagation.slices import slice_difference

RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.standard_normal((4, 6)), jnp.float32)
W = jnp.asarray(RNG.standard_normal((6, 4)), jnp.float32)
PICTURES = jnp.asarray(RNG.standard_normal((2, 5, 5, 3)), jnp.float32)


def conv(x, w, groups=1):
    return lax.conv_general_dilated(
        x,
        w,
        (1, 1),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


def attention(w):
    scores = X @ w @ X.T
    return jax.nn.softmax(scores, axis=-1) @ X


@jax.custom_jvp
def doubled(x):
    return 2 * x


doubled.defjvp(lambda x, dx: (2 * x[0], 2 * dx[0]))

PROGRAMS = {
    "product": lambda w: X @ w,
    "product from the left": lambda w: w @ X,
    "product with itself": lambda w: w @ w.T @ w,
    "both operands change": lambda w: w @ (2 * w).T,
    "batches of products": lambda w: jnp.einsum("ij,kj->kij", w, jnp.exp(w)),
    "layer": lambda w: jax.nn.sigmoid(X @ w + jnp.ones(4)) @ W.T,
    "relu": lambda w: jax.nn.relu(X @ w).sum(axis=0),
    "gelu": lambda w: jax.nn.gelu(X @ w, approximate=False),
    "softmax": lambda w: jax.nn.log_softmax(X @ w, axis=1),
    "softmax of the other axis": lambda w: jax.nn.log_softmax(X @ w, axis=0),
    "sum of both axes": lambda w: (w**2).sum(),
    "mean and variance": lambda w: (w - w.mean(0)) / jnp.sqrt(w.var(0) + 1),
    "with its transpose": lambda w: w[:4] + w[:4].T,
    "reshaped": lambda w: jnp.tanh(w.reshape(3, 2, 4).reshape(6, 2, 2)).sum(axis=1),
    "flattened": lambda w: jnp.cumsum(w.ravel()),
    "cumulative sum": lambda w: jnp.cumsum(jnp.sin(w), axis=1),
    "maximum": lambda w: jnp.where(w == w.max(axis=1, keepdims=True), w, 0),
    "minimum of both axes": lambda w: w - w.min(),
    "position of the maximum": lambda w: jax.nn.one_hot(w.argmax(axis=1), 4) * w,
    "mask": lambda w: jnp.where((w > 0) & ~(w > 1), w * w, -w),
    "bounds": lambda w: jnp.clip(w, -0.5, 0.5),
    "sorted": lambda w: jnp.sort(w, axis=0),
    "gathered": lambda w: w[jnp.array([1, 1, 3])],
    "concatenated": lambda w: jnp.concatenate([w, 2 * w]),
    "attention": lambda w: attention(w @ w.T),
    "16 bits": lambda w: (w.astype(jnp.bfloat16) * 3).astype(jnp.float32),
    "counted": lambda w: jnp.sum(w > 0.3, axis=0) * w,
    "products of whole numbers": lambda w: (w > 0).astype(int) @ (w > 1).T.astype(int),
    "whole numbers": lambda w: w.astype(jnp.int32) * 2 + 1,
    "functions of functions": lambda w: jax.checkpoint(jnp.sin)(doubled(w)).sum(0),
    "loop": lambda w: lax.scan(lambda c, row: (c + row, c * row), X[0, :4], w)[1],
    "branch": lambda w: lax.cond(w.sum() > 0, jnp.sin, jnp.cos, w),
    "complex": lambda w: abs(jnp.exp(1j * w) * (1 + w)),
    "one row": lambda w: X[:, :1] * w[:1],
}


def whole_difference(f, x, entry, step):
    return difference(f)(x, displacement(x, entry, step))[1]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_nudge_in_a_slice_changes_what_the_nudge_of_the_whole_changes(name):
    f = PROGRAMS[name]
    entries, steps = np.arange(W.size), np.float32([1e-6, 0.7] * (W.size // 2))
    sliced, whole = (
        jax.jit(jax.vmap(lambda entry, step, change=change: change(f, W, entry, step)))(
            entries, steps
        )
        for change in (entry_difference, whole_difference)
    )
    assert np.any(np.asarray(whole))
    scale = np.abs(np.asarray(whole)).reshape(W.size, -1).max(axis=1)
    scale = scale.reshape(-1, *[1] * (np.ndim(whole) - 1))
    np.testing.assert_allclose(sliced / (scale + 1e-30), whole / (scale + 1e-30),
                               atol=1e-5)  # fmt: skip


@pytest.mark.parametrize("groups", [1, 3])
def test_a_nudge_of_a_filter_or_a_picture(groups):
    w = jnp.asarray(RNG.standard_normal((3, 3, 3 // groups, 6)), jnp.float32)
    for f, x in (
        (lambda w: jnp.tanh(conv(PICTURES, w, groups)).mean(axis=(1, 2)), w),
        (lambda x: jnp.tanh(conv(x, w, groups)).mean(axis=(1, 2)), PICTURES),
    ):
        for entry in (0, 17, x.size - 1):
            np.testing.assert_allclose(
                entry_difference(f, x, entry, 1e-3),
                whole_difference(f, x, entry, 1e-3),
                rtol=1e-4,
                atol=1e-9,
            )


@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    data=st.data(),
)
def test_a_slice_is_widened_along_any_of_its_axes(shape, data):
    axes = [axis for axis, n in enumerate(shape) if n > 1]
    index = {a: jnp.int32(data.draw(st.integers(0, shape[a] - 1))) for a in axes}
    value = jnp.arange(float(np.prod(shape))).reshape(shape)
    part = jnp.full([1 if axis in index else n for axis, n in enumerate(shape)], 2.0)
    delta = SliceDelta(part, index)
    kept = [axis for axis in axes if data.draw(st.booleans())]
    wider = widen_slice(value, delta, kept)
    assert sorted(getattr(wider, "index", {})) == kept
    expected = np.zeros(shape)
    expected[tuple(index.get(axis, slice(None)) for axis in range(len(shape)))] = 2
    np.testing.assert_array_equal(materialize(value, wider), expected)


@given(
    before=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    data=st.data(),
)
def test_a_reshape_keeps_the_slices_of_the_axes_that_it_keeps(before, data):
    cut = data.draw(st.integers(0, len(before)))
    after = [*before[:cut], 1, int(np.prod(before[cut:]))]
    value = jnp.arange(float(np.prod(before))).reshape(before)
    axes = [axis for axis, n in enumerate(before) if n > 1]
    index = {a: jnp.int32(data.draw(st.integers(0, before[a] - 1))) for a in axes}
    shape = [1 if axis in index else n for axis, n in enumerate(before)]
    delta = SliceDelta(jnp.ones(shape), index)
    params = {"new_sizes": tuple(after), "dimensions": None, "sharding": None}
    result = slice_difference(
        lax.reshape_p,
        lambda ans, values, deltas, **own: lax.reshape_p.bind(deltas[0], **own),
        value.reshape(after),
        [value],
        [delta],
        params,
        accepts_selection=False,
    )
    kept = [axis for axis in axes if axis < cut]
    if result is None:
        assert not kept
    else:
        assert set(kept) <= set(result.index)
        np.testing.assert_array_equal(
            materialize(value.reshape(after), result),
            materialize(value, delta).reshape(after),
        )


def test_what_is_known_of_axes_is_said_in_labels_and_nothing_is_guessed():
    a, b = jnp.ones((2, 3)), jnp.ones((3, 4))
    numbers = {"dimension_numbers": (((1,), (0,)), ((), ()))}
    labels = axis_labels(lax.dot_general_p, [a, b], a @ b, numbers)
    assert labels.operands[0][1] == labels.operands[1][0]
    assert labels.result == (labels.operands[0][0], labels.operands[1][1])
    assert labels.sums
    assert axis_labels(lax.sort_p, [a], a, {}) is None
    dimensions = {"dimensions": (1, 0), "new_sizes": (2, 3)}
    assert axis_labels(lax.reshape_p, [a], a, dimensions) is None


def test_a_weight_of_a_large_layer_is_nudged_as_a_slice_and_at_a_neurons_price():
    x = jnp.ones((20, 500))
    w = jnp.ones((500, 40))

    def loss(w):
        return jnp.mean(jax.nn.sigmoid(x @ w) @ jnp.ones((40, 3)))

    # Some columns of 20 numbers, and a few arrays of 20 × 3.
    assert nudge_of(loss, w).bytes_each < w.nbytes / 10


def test_where_slices_are_lost_at_once_the_whole_array_is_nudged():
    x = jnp.linspace(0.0, 1.0, 2 * MIN_SLICED)

    def rosenbrock(x):
        return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    nudge = nudge_of(rosenbrock, x)
    assert nudge.bytes_each > x.nbytes
    expected = jax.grad(rosenbrock)(x)[:3]
    found = central_slopes(rosenbrock, x, np.arange(3), 1e-4)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-3)


def test_large_leaves_have_a_program_each_and_the_rest_one_together():
    x = jnp.asarray(RNG.standard_normal((7, 60)), jnp.float32)
    tree = {
        "b": jnp.zeros(30),
        "w": jnp.asarray(RNG.standard_normal((60, 30)), jnp.float32) / 8,
    }

    def loss(tree):
        return jnp.mean(jnp.tanh(x @ tree["w"] + tree["b"]) ** 2)

    slopes = jax.grad(loss)(tree)
    expected = np.concatenate([slopes["b"], slopes["w"].ravel()])
    every = np.arange(len(expected))
    for entries in (every, every[::-1], every[20:50], every[:30]):
        found = jax.jit(lambda tree, own=entries: central_slopes(loss, tree, own, 1e-4))
        np.testing.assert_allclose(found(tree), expected[entries], rtol=1e-4, atol=1e-7)


def test_a_rule_that_says_nothing_changes_says_so_of_a_slice_too():
    value = jnp.ones((2, 3))
    delta = SliceDelta(jnp.ones((1, 3)), {0: jnp.int32(1)})
    found = slice_difference(
        lax.neg_p,
        lambda *_, **__: UNCHANGED,
        -value,
        [value],
        [delta],
        {},
        accepts_selection=False,
    )
    assert found is UNCHANGED
