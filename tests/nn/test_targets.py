"""Targets: labels and vectors, told apart by their number of dimensions alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from secant import InvalidInput, one_hot
from secant.nn.targets import as_labels, as_vectors

# --- one_hot ---------------------------------------------------------------------


@given(
    labels=arrays(np.int64, array_shapes(min_dims=0, max_dims=3), elements=st.just(0)),
    data=st.data(),
    classes=st.integers(1, 12),
)
def test_a_row_has_its_one_at_the_label_and_is_zero_elsewhere(labels, data, classes):
    labels = data.draw(
        arrays(np.int64, labels.shape, elements=st.integers(0, classes - 1))
    )
    rows = one_hot(labels, classes)
    assert rows.shape == (*labels.shape, classes)
    assert rows.dtype == np.float64
    np.testing.assert_array_equal(rows, np.eye(classes)[labels])


def test_the_dtype_is_the_engines_float_or_what_is_asked_for(xp):
    labels = xp.asarray([2, 0])
    assert one_hot(labels, 3).dtype == xp.asarray(0.0).dtype
    for dtype in ("float16", "float32", "int32"):
        rows = one_hot(labels, 3, dtype)
        assert rows.dtype == dtype
        assert rows.tolist() == [[0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint32"])
def test_labels_may_be_of_a_dtype_that_cannot_count_the_classes(dtype, xp):
    """Counted in uint8, class 261 is class 5 again, and the row has two ones."""
    labels = np.array([5, 100])
    expected = np.eye(300)[labels]
    np.testing.assert_array_equal(one_hot(xp.asarray(labels, dtype), 300), expected)
    traced = jax.jit(lambda t: one_hot(t, 300))(jnp.asarray(labels, dtype))
    np.testing.assert_array_equal(traced, expected)


def test_lists_and_single_numbers_are_labels():
    assert one_hot([1, 0], 2).tolist() == [[0, 1], [1, 0]]
    assert one_hot(1, 2).tolist() == [0, 1]
    assert one_hot(np.uint8(1), np.int64(2)).tolist() == [0, 1]


def test_under_jit_a_label_out_of_range_is_a_row_of_nan():
    rows = jax.jit(lambda t: one_hot(t, 3))(jnp.asarray([1, 3, -1]))
    assert rows[0].tolist() == [0, 1, 0]
    assert np.isnan(rows[1:]).all()


def test_under_jit_a_label_out_of_range_is_a_row_of_zeros_where_nan_cannot_be():
    rows = jax.jit(lambda t: one_hot(t, 3, int))(jnp.asarray([1, 3]))
    assert rows.tolist() == [[0, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("labels", "what_came", "advice"),
    [
        ([0, 3], r"labels[1] is 3", "one of 0 to 2"),
        ([[0], [-1]], r"labels[1, 0] is -1", "one of 0 to 2"),
        (7, "labels is 7", "one of 0 to 2"),
        ([0.0, 1.0], "labels holds float64", "pass labels.astype(int)"),
        ([np.nan], "labels holds float64", "whole numbers"),
        ([True, False], "labels holds bool", "pass labels.astype(int)"),
        (["a"], "labels holds <U1", "whole numbers"),
        (None, "labels holds object", "whole numbers"),
        ([[1], [1, 2]], "inhomogeneous", "equally long"),
    ],
)
def test_what_is_no_label_is_refused(labels, what_came, advice):
    with pytest.raises(InvalidInput) as caught:
        one_hot(labels, 3)
    assert what_came in str(caught.value)
    assert advice in str(caught.value)


@pytest.mark.parametrize("classes", [0, -1, 2.0, "3", None])
def test_classes_must_be_a_number_of_them(classes):
    with pytest.raises(InvalidInput) as caught:
        one_hot([0], classes)
    assert str(caught.value).startswith(f"classes is {classes!r}")
    assert str(caught.value).endswith(": pass a whole number, 1 or above")


def test_labels_out_of_range_are_refused_from_jax_too():
    with pytest.raises(InvalidInput, match=r"labels\[1\] is 3"):
        one_hot(jnp.asarray([0, 3]), 3)


# --- which of the two ------------------------------------------------------------


def test_three_labels_for_three_classes_are_labels_whatever_they_are(xp):
    """Outputs (3, 3): [0, 0, 1] are three labels, though it looks one-hot."""
    t = xp.asarray([0, 0, 1])
    vectors = as_vectors(t, (3, 3), probabilities=True)
    assert vectors.tolist() == [[1, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert as_labels(t, (3, 3)).tolist() == [0, 0, 1]


@pytest.mark.parametrize("dtype", ["int32", "float32", "bool", "uint8"])
def test_one_row_of_whole_numbers_for_one_sample_is_one_hot(dtype, xp):
    t = xp.asarray([0, 0, 1], dtype)
    assert as_vectors(t, (3,), probabilities=True).tolist() == [0, 0, 1]
    assert int(as_labels(t, (3,))) == 2


def test_a_square_of_targets_is_rows(xp):
    t = xp.asarray([[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    assert as_vectors(t, (3, 3), probabilities=True).tolist() == t.tolist()
    assert as_labels(t, (3, 3)).tolist() == [1, 0, 2]


def test_one_sample_has_one_label(xp):
    assert as_vectors(xp.asarray(1), (3,), probabilities=True).tolist() == [0, 1, 0]
    assert int(as_labels(xp.asarray(1), (3,))) == 1


@given(
    labels=arrays(np.int32, st.tuples(st.integers(1, 6)), elements=st.integers(0, 4))
)
def test_both_forms_come_to_the_same(labels):
    shape = (*labels.shape, 5)
    rows = one_hot(labels, 5)
    np.testing.assert_array_equal(as_labels(rows, shape), labels)
    np.testing.assert_array_equal(as_labels(labels, shape), labels)
    np.testing.assert_array_equal(as_vectors(labels, shape, probabilities=True), rows)
    np.testing.assert_array_equal(as_vectors(rows, shape, probabilities=True), rows)


def test_vectors_take_the_dtype_that_is_asked_for(xp):
    for t in (xp.asarray([1]), xp.asarray([[0.0, 1.0]])):
        vectors = as_vectors(t, (1, 2), "float16", probabilities=True)
        assert vectors.dtype == "float16"


def test_vectors_need_not_be_one_hot_where_they_are_values(xp):
    t = xp.asarray([[0.5, -2.0, 7.0]])
    assert as_vectors(t, (1, 3), probabilities=False).tolist() == t.tolist()
    assert as_labels(t, (1, 3)).tolist() == [2]


def test_both_forms_work_under_jit():
    for t in (jnp.asarray([2, 0]), jnp.eye(3)[jnp.asarray([2, 0])]):
        vectors = jax.jit(lambda t: as_vectors(t, (2, 3), probabilities=True))(t)
        assert vectors.tolist() == [[0, 0, 1], [1, 0, 0]]
        labels = jax.jit(lambda t: as_labels(t, (2, 3)))(t)
        assert labels.tolist() == [2, 0]


# --- bad targets -----------------------------------------------------------------

SHAPE = (2, 3)
FORMS = "class labels of shape (2,) or vectors of shape (2, 3)"
BAD = [
    pytest.param([0, 3], "t[1] is 3", "one of 0 to 2", id="label out of range"),
    pytest.param([-1, 0], "t[0] is -1", "one of 0 to 2", id="negative label"),
    pytest.param([0.0, 1.0], "t holds float64", "t.astype(int)", id="float labels"),
    pytest.param([True, False], "t holds bool", "t.astype(int)", id="bool labels"),
    pytest.param([np.nan, 1], "t holds float64", "whole numbers", id="NaN label"),
    pytest.param(["a", "b"], "t holds <U1", "whole numbers", id="strings"),
    pytest.param([0, 1, 2], "shape (3,)", FORMS, id="too many labels"),
    pytest.param(0, "shape ()", FORMS, id="one label for two"),
    pytest.param(None, "shape ()", FORMS, id="None"),
    pytest.param([[0], [1]], "shape (2, 1)", FORMS, id="labels in a column"),
    pytest.param([[0, 1]], "shape (1, 2)", FORMS, id="labels in a row"),
    pytest.param(np.eye(4)[:2], "shape (2, 4)", FORMS, id="too many classes"),
    pytest.param(np.eye(3)[:1], "shape (1, 3)", FORMS, id="too few rows"),
    pytest.param([[1, 0, 0], [1]], "inhomogeneous", "equally long", id="ragged"),
    pytest.param(np.eye(3)[:2] * 1j, "holds complex128", "numbers", id="complex"),
    pytest.param(
        [[0, 1, 0], [np.nan, 0, 1]], "t[1, 0] is nan", "finite", id="NaN in a row"
    ),
    pytest.param(
        [[0, 1, 0], [0, np.inf, 1]], "t[1, 1] is inf", "finite", id="inf in a row"
    ),
]
NOT_ONE_HOT = [
    pytest.param([[1, 0, 0], [1, 1, 0]], "t[1] is [1. 1. 0.]", id="two ones"),
    pytest.param([[0, 0, 0], [1, 0, 0]], "t[0] is [0. 0. 0.]", id="all zero"),
    pytest.param([[0.5, 0.5, 0], [1, 0, 0]], "t[0] is [0.5 0.5 0. ]", id="soft"),
    pytest.param([[2, 0, 0], [1, 0, 0]], "t[0] is [2. 0. 0.]", id="a two"),
    pytest.param([[1, 1, -1], [1, 0, 0]], "t[0] is [ 1.  1. -1.]", id="sums to one"),
]


@pytest.mark.parametrize(("t", "what_came", "advice"), BAD)
def test_what_is_no_target_is_refused(t, what_came, advice):
    for check in (
        lambda: as_vectors(t, SHAPE, probabilities=False),
        lambda: as_vectors(t, SHAPE, probabilities=True),
        lambda: as_labels(t, SHAPE),
    ):
        with pytest.raises(InvalidInput) as caught:
            check()
        assert what_came in str(caught.value)
        assert advice in str(caught.value)


@pytest.mark.parametrize(("t", "what_came"), NOT_ONE_HOT)
def test_a_row_that_is_not_one_hot_is_refused_where_it_must_be(t, what_came, xp):
    with pytest.raises(InvalidInput) as caught:
        as_vectors(xp.asarray(t, "float32"), SHAPE, probabilities=True)
    assert what_came in str(caught.value)
    assert "pass one-hot rows, or class labels" in str(caught.value)


def test_shapes_and_dtypes_are_checked_under_jit_too():
    with pytest.raises(InvalidInput, match=r"shape \(3,\)"):
        jax.jit(lambda t: as_vectors(t, SHAPE, probabilities=True))(jnp.arange(3))
    with pytest.raises(InvalidInput, match="holds float32"):
        jax.jit(lambda t: as_vectors(t, SHAPE, probabilities=True))(jnp.ones(2))
