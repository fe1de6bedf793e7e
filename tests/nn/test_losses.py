"""Losses: their values, both forms of targets, both engines, and what they refuse."""

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
    cross_entropy_error,
    one_hot,
    softmax,
    softmax_cross_entropy,
    sum_squares_error,
)
from secant.nn.losses import LOSSES

ALL = [sum_squares_error, cross_entropy_error, softmax_cross_entropy]
OF_CLASSES = [cross_entropy_error, softmax_cross_entropy]

every_loss = pytest.mark.parametrize("loss", ALL)
losses_of_classes = pytest.mark.parametrize("loss", OF_CLASSES)

# Rows that are probabilities, and as good as any scores.
Y = np.array([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1], [1.0, 0.0, 0.0]])
LABELS = np.array([2, 0, 0])


# --- values ----------------------------------------------------------------------


def test_the_textbooks_example(xp):
    y = xp.asarray([0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0])
    t = xp.asarray([0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    assert float(sum_squares_error(y, t)) == pytest.approx(0.0975, rel=1e-6)
    assert float(cross_entropy_error(y, t)) == pytest.approx(0.510825457, rel=1e-6)


def test_a_batch_is_the_mean_of_its_samples_by_hand(xp):
    y = xp.asarray(Y)
    # (0.2² + 0.3² + 0.5², 0.9² + 0.8² + 0.1², 0) / 2, their mean.
    assert float(sum_squares_error(y, LABELS)) == pytest.approx(
        (0.38 / 2 + 1.46 / 2 + 0) / 3, rel=1e-6
    )
    assert float(cross_entropy_error(y, LABELS)) == pytest.approx(
        -(np.log(0.5 + 1e-7) + np.log(0.1 + 1e-7) + np.log(1 + 1e-7)) / 3, rel=1e-6
    )


def exact_softmax_cross_entropy(scores, labels):
    with mpmath.workprec(200):
        losses = []
        for row, label in zip(scores, labels, strict=True):
            powers = [mpmath.exp(mpmath.mpf(float(v))) for v in row]
            losses.append(mpmath.log(sum(powers)) - mpmath.mpf(float(row[label])))
        return float(sum(losses) / len(losses))


def exact_cross_entropy(y, labels):
    with mpmath.workprec(200):
        guard = mpmath.mpf(1) / 10**7
        right = [mpmath.mpf(float(row[k])) for row, k in zip(y, labels, strict=True)]
        return float(-sum(mpmath.log(p + guard) for p in right) / len(right))


@given(
    scores=arrays(np.float64, (4, 5), elements=st.floats(-30, 30)),
    labels=arrays(np.int64, 4, elements=st.integers(0, 4)),
)
def test_values_are_those_of_mpmath(scores, labels):
    # log_softmax is right to 6 ulp of the larger of itself and 1; the mean of four
    # adds as many roundings.
    expected = exact_softmax_cross_entropy(scores, labels)
    tolerance = 10 * np.finfo(float).eps * max(1, np.ptp(scores))
    assert abs(softmax_cross_entropy(scores, labels) - expected) < tolerance

    y = softmax(scores)
    expected = exact_cross_entropy(y, labels)
    # Each logarithm is at most 16.2 and moves by eps with its rounded argument.
    assert abs(cross_entropy_error(y, labels) - expected) < 20 * np.finfo(float).eps

    expected = np.mean(
        [0.5 * sum((row - t) ** 2) for row, t in zip(y, np.eye(5)[labels], strict=True)]
    )
    assert sum_squares_error(y, labels) == pytest.approx(expected, rel=1e-14)


def test_scores_however_wrong_give_the_difference(compiled):
    scores = np.float32([[0.0, -1000.0]])
    loss = compiled(softmax_cross_entropy)
    assert float(loss(scores, np.array([1]))) == 1000
    assert float(loss(scores, np.array([0]))) == 0


def test_the_two_cross_entropies_differ_by_the_guard_only():
    """-log(p) and -log(p + 1e-7): 1e-7 / p apart; for p = 0 the guard is all."""
    scores = np.array([[0.3, -0.4, 1.1]])
    p = softmax(scores)
    difference = softmax_cross_entropy(scores, [1]) - cross_entropy_error(p, [1])
    assert difference == pytest.approx(1e-7 / p[0, 1], rel=1e-6)
    assert cross_entropy_error([1.0, 0.0], 1) == pytest.approx(-np.log(1e-7))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_probability_of_zero_costs_the_guards_logarithm_in_any_dtype(dtype, compiled):
    """1e-7 is among float16's subnormal numbers: not lost, rounded to 1.19e-7."""
    loss = compiled(cross_entropy_error)(np.array([1.0, 0.0], dtype), 1)
    assert loss.dtype == dtype
    assert float(loss) == pytest.approx(-np.log(1e-7), rel=0.02)


def test_scores_as_far_apart_as_floats_go_neither_warn_nor_give_nan(xp):
    largest = float(np.finfo(np.float32).max)
    scores = xp.asarray([largest, -largest], "float32")
    assert float(softmax_cross_entropy(scores, 0)) == 0
    assert float(softmax_cross_entropy(scores, 1)) == np.inf


@every_loss
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_loss_has_the_dtype_of_the_outputs(loss, dtype, compiled):
    value = compiled(loss)(Y.astype(dtype), LABELS)
    assert value.dtype == dtype
    assert value.shape == ()
    assert float(value) == pytest.approx(float(loss(Y, LABELS)), rel=1e-2)


@every_loss
def test_bfloat16_outputs_have_a_loss(loss):
    value = jax.jit(loss)(Y.astype(jnp.bfloat16), LABELS)
    assert value.dtype == jnp.bfloat16
    assert float(value) == pytest.approx(float(loss(Y, LABELS)), rel=2e-2)


def test_the_mean_of_many_samples_does_not_overflow_in_float16(compiled):
    """60,000 · log(10) is above float16's largest number, 65,504."""
    scores = np.zeros((60_000, 10), "float16")
    labels = np.zeros(60_000, int)
    loss = compiled(softmax_cross_entropy)(scores, labels)
    assert float(loss) == pytest.approx(2.303, 1e-3)
    assert float(compiled(sum_squares_error)(scores, labels)) == 0.5


# --- the two forms of targets ----------------------------------------------------


@every_loss
@pytest.mark.parametrize("dtype", ["int32", "float32", "bool"])
def test_labels_and_one_hot_rows_of_any_dtype_give_the_same(loss, dtype, xp):
    y = xp.asarray(Y)
    rows = xp.asarray(np.eye(3)[LABELS], dtype)
    assert float(loss(y, rows)) == float(loss(y, xp.asarray(LABELS)))


@every_loss
def test_three_labels_for_three_samples_of_three_classes_are_labels(loss):
    labels = np.array([0, 0, 1])  # looks like a one-hot row
    assert loss(Y, labels) == pytest.approx(loss(Y, np.eye(3)[labels]), rel=1e-15)


@every_loss
def test_a_batch_is_the_mean_of_single_samples(loss):
    alone = [loss(row, label) for row, label in zip(Y, LABELS, strict=True)]
    assert loss(Y, LABELS) == pytest.approx(np.mean(alone), rel=1e-14)
    assert loss(Y[:1], LABELS[:1]) == alone[0]
    assert loss(Y[0], np.eye(3)[LABELS[0]]) == alone[0]


def test_a_one_hot_row_is_not_three_labels_as_the_notebook_took_it():
    """The notebook's `y[np.arange(batch_size), t]` with t = [0, 0, 1] picks the
    classes 0, 0 and 1 and adds their losses: 6.0636, of a net that is right."""

    def notebooks_softmax(a):
        exp_a = np.exp(a - np.max(a))
        return exp_a / np.sum(exp_a)

    def notebooks_cross_entropy(y, t):
        if y.ndim == 1:
            t = t.reshape(1, t.size)
            y = y.reshape(1, y.size)
        batch_size = y.shape[0]
        return -np.sum(np.log(y[np.arange(batch_size), t] + 1e-7)) / batch_size

    weights = np.array(
        [
            [0.25343684, 0.35021319, 0.00181282],
            [-0.73577111, -1.14089259, 1.23751323],
        ]
    )
    scores = np.array([0.6, 0.9]) @ weights
    t = np.array([0, 0, 1])
    y = notebooks_softmax(scores)
    assert notebooks_cross_entropy(y, t) == pytest.approx(6.063616353282374, rel=1e-7)

    assert cross_entropy_error(softmax(scores), t) == pytest.approx(0.2940, abs=5e-5)
    assert softmax_cross_entropy(scores, t) == pytest.approx(0.2940, abs=5e-5)
    assert softmax_cross_entropy(scores, 2) == softmax_cross_entropy(scores, t)


def test_sum_of_squares_takes_any_vectors(xp):
    y, t = xp.asarray([[1.0, 2.0]]), xp.asarray([[0.5, -1.0]])
    assert float(sum_squares_error(y, t)) == (0.25 + 9) / 2


def test_lists_are_outputs_and_targets():
    assert float(sum_squares_error([1, 2], [1, 4])) == 2
    assert float(softmax_cross_entropy([[0, 0]], [1])) == pytest.approx(np.log(2))


# --- engines, jit, vmap, grad ----------------------------------------------------


@every_loss
def test_numpy_and_jax_agree_and_may_be_mixed(loss):
    expected = float(loss(Y.astype(np.float32), LABELS))
    rows = np.eye(3, dtype=np.float32)[LABELS]
    for y in (jnp.asarray(Y), Y):
        for t in (jnp.asarray(LABELS), LABELS, LABELS.tolist(), jnp.asarray(rows)):
            # Float32: five operations on numbers up to 16.
            assert float(loss(y, t)) == pytest.approx(expected, rel=1e-6)
    assert isinstance(loss(Y, jnp.asarray(LABELS)), jax.Array)


@every_loss
@pytest.mark.parametrize("form", ["labels", "rows"])
def test_jit_vmap_and_grad_work_with_both_forms(loss, form):
    y = jnp.asarray(Y)
    t = jnp.asarray(LABELS if form == "labels" else np.eye(3)[LABELS])
    value = float(loss(y, t))
    assert float(jax.jit(loss)(y, t)) == pytest.approx(value, rel=1e-6)
    assert float(jnp.mean(jax.vmap(loss)(y, t))) == pytest.approx(value, rel=1e-6)
    slopes = jax.grad(loss)(y, t)
    compiled = jax.jit(jax.grad(loss))(y, t)
    np.testing.assert_allclose(compiled, slopes, rtol=1e-6, atol=1e-7)
    single = np.asarray(jax.jit(jax.vmap(jax.grad(loss)))(y, t)) / len(Y)
    np.testing.assert_allclose(single, slopes, rtol=1e-6, atol=1e-7)


def test_slopes_are_the_formulas():
    with jax.enable_x64(True):
        y, rows = jnp.asarray(Y), np.eye(3)[LABELS]
        expected = {
            sum_squares_error: (Y - rows) / 3,
            cross_entropy_error: -rows / (Y + 1e-7) / 3,
            softmax_cross_entropy: (softmax(Y) - rows) / 3,
        }
        for loss, slopes in expected.items():
            found = jax.jit(jax.grad(loss))(y, LABELS)
            np.testing.assert_allclose(found, slopes, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("far", [1e4, 3e38])
def test_the_slope_is_finite_however_wrong_the_scores_are(far):
    scores, slope = np.float32([far, -far]), jax.jit(jax.grad(softmax_cross_entropy))
    assert slope(scores, 1).tolist() == [1, -1]
    assert slope(scores, 0).tolist() == [0, 0]


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_written_out_is_the_slope(name):
    """What backprop starts from, against what JAX finds."""
    loss = LOSSES[name]
    with jax.enable_x64(True):
        scores = np.random.default_rng(0).standard_normal((4, 3))
        t = one_hot([0, 2, 1, 1], 3)
        expected = jax.jit(jax.grad(lambda s: loss.function(s, t, -1)))(scores)
        # Sums and differences of numbers of order 1.
        np.testing.assert_allclose(loss.gradient(scores, t, -1), expected, atol=1e-15)
        columns = loss.gradient(scores.T, t.T, 0)
        np.testing.assert_allclose(columns.T, expected, atol=1e-15)


@every_loss
@pytest.mark.parametrize("label", [3, -1])
def test_under_jit_a_label_out_of_range_gives_nan(loss, label):
    """Its value cannot be looked at there; a number would pass for a loss."""
    t = np.array([LABELS[0], label, LABELS[2]])
    value, slopes = jax.jit(jax.value_and_grad(loss))(Y, t)
    assert np.isnan(value)
    assert np.isnan(slopes).any()


# --- bad input -------------------------------------------------------------------

FORMS = "pass class labels of shape (3,) or vectors of shape (3, 3)"
OUTPUTS = "(outputs,), or of several, shape (samples, outputs)"


def rows_with(row):
    return np.array([row, [1, 0, 0], [1, 0, 0]], float)


BAD_TARGETS = [
    pytest.param([0, 1, 3], "t[2] is 3", "one of 0 to 2", id="label out of range"),
    pytest.param([0, -1, 2], "t[1] is -1", "one of 0 to 2", id="negative label"),
    pytest.param([0.0, 1.0, 2.0], "float64", "pass t.astype(int)", id="float labels"),
    pytest.param([True] * 3, "t holds bool", "pass t.astype(int)", id="bool labels"),
    pytest.param(["a", "b", "c"], "t holds <U1", "whole numbers", id="string labels"),
    pytest.param([0, 1], "t has shape (2,)", FORMS, id="too few labels"),
    pytest.param(0, "t has shape ()", FORMS, id="one label for a batch"),
    pytest.param(None, "t has shape ()", FORMS, id="None"),
    pytest.param([[0], [1], [2]], "t has shape (3, 1)", FORMS, id="a column"),
    pytest.param([[0, 1, 2]], "t has shape (1, 3)", FORMS, id="a row for a batch"),
    pytest.param(np.eye(4)[:3], "t has shape (3, 4)", FORMS, id="other classes"),
    pytest.param([[1, 0, 0], [1], [0]], "inhomogeneous", "equally long", id="ragged"),
    pytest.param(np.eye(3) * 1j, "t holds complex128", "pass numbers", id="complex"),
    pytest.param(rows_with([np.nan, 0, 1]), "t[0, 0] is nan", "finite", id="NaN"),
    pytest.param(rows_with([0, np.inf, 1]), "t[0, 1] is inf", "finite", id="inf"),
]
NOT_ONE_HOT = [
    pytest.param([1, 1, 0], "t[0] is [1. 1. 0.]", id="two ones"),
    pytest.param([0, 0, 0], "t[0] is [0. 0. 0.]", id="all zero"),
    pytest.param([0.5, 0.5, 0], "t[0] is [0.5 0.5 0. ]", id="soft"),
]
BAD_OUTPUTS = [
    pytest.param(0.5, 0, "has shape ()", OUTPUTS, id="a number"),
    pytest.param([], [], "has shape (0,)", OUTPUTS, id="no outputs"),
    pytest.param(np.zeros((0, 3)), [], "has shape (0, 3)", OUTPUTS, id="no samples"),
    pytest.param(np.zeros((2, 0)), [0, 0], "shape (2, 0)", OUTPUTS, id="no classes"),
    pytest.param([[0.5, np.nan]], [0], "[0, 1] is nan", "too large", id="NaN"),
    pytest.param([[np.inf, 0.5]], [0], "[0, 0] is inf", "too large", id="inf"),
    pytest.param([1j, 0], 0, "holds complex128", "pass numbers", id="complex"),
    pytest.param(["a", "b"], 0, "holds <U1", "pass numbers", id="strings"),
    pytest.param(None, 0, "holds object", "pass numbers", id="None"),
    pytest.param([[1, 0], [1]], [0, 0], "inhomogeneous", "equally long", id="ragged"),
]
NO_PROBABILITIES = [
    pytest.param([[2.0, -1.0]], "y[0, 0] is 2", id="scores"),
    pytest.param([[-0.5, 0.5]], "y[0, 0] is -0.5", id="a negative score"),
    pytest.param([[0.5, 0.5], [0.9, 0.6]], "y[1] sums to 1.5", id="scores in [0, 1]"),
    pytest.param([[0.1, 0.0], [0.0, 0.9]], "y[0] sums to 0.1", id="softmax of a batch"),
]


@every_loss
@pytest.mark.parametrize(("t", "what_came", "advice"), BAD_TARGETS)
def test_a_target_that_cannot_be_is_refused(loss, t, what_came, advice):
    with pytest.raises(InvalidInput) as caught:
        loss(Y, t)
    assert what_came in str(caught.value)
    assert advice in str(caught.value)


@losses_of_classes
@pytest.mark.parametrize(("row", "what_came"), NOT_ONE_HOT)
def test_a_row_that_is_not_one_hot_is_refused(loss, row, what_came, xp):
    with pytest.raises(InvalidInput) as caught:
        loss(xp.asarray(Y), xp.asarray(rows_with(row)))
    assert what_came in str(caught.value)
    assert "pass one-hot rows, or class labels" in str(caught.value)


@every_loss
@pytest.mark.parametrize(("y", "t", "what_came", "advice"), BAD_OUTPUTS)
def test_outputs_that_cannot_be_are_refused_by_their_name(
    loss, y, t, what_came, advice
):
    with pytest.raises(InvalidInput) as caught:
        loss(y, t)
    name = "scores" if loss is softmax_cross_entropy else "y"
    assert str(caught.value).startswith(name)
    assert what_came in str(caught.value)
    assert advice in str(caught.value)


@pytest.mark.parametrize(("y", "what_came"), NO_PROBABILITIES)
def test_cross_entropy_of_no_probabilities_is_refused(y, what_came, xp):
    labels = np.zeros(len(y), int)
    with pytest.raises(InvalidInput) as caught:
        cross_entropy_error(xp.asarray(y), labels)
    assert what_came in str(caught.value)
    assert "pass softmax(scores)" in str(caught.value)
    assert "or the scores to softmax_cross_entropy" in str(caught.value)


def test_probabilities_nudged_by_a_numerical_derivative_are_taken():
    h = 1e-4
    slope = (
        cross_entropy_error([1 + h, 0.0], 0) - cross_entropy_error([1 - h, 0.0], 0)
    ) / (2 * h)
    assert slope == pytest.approx(-1, rel=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_what_softmax_gives_is_always_taken_for_probabilities(dtype):
    """Rounded to bfloat16, the shares of 2,000 classes may miss 1 by 0.01."""
    scores = np.random.default_rng(0).standard_normal((20, 2000))
    y = jax.jit(softmax)(scores.astype(jnp.dtype(dtype)))
    assert cross_entropy_error(y, np.zeros(20, int)) > 0


@every_loss
def test_shapes_are_checked_under_jit_too(loss):
    with pytest.raises(InvalidInput, match=r"t has shape \(2,\)"):
        jax.jit(loss)(jnp.asarray(Y), jnp.asarray([0, 1]))
    with pytest.raises(InvalidInput, match=r"has shape \(\)"):
        jax.jit(loss)(0.5, 0)


# --- changes without cancellation ------------------------------------------------


@pytest.mark.parametrize("name", LOSSES)
def test_the_change_of_small_nudges_is_the_difference(name):
    """In float32, each sample by itself, against float64 with a larger step."""
    draw = np.random.default_rng(0)
    loss = LOSSES[name]
    scores = draw.standard_normal((4, 6)).astype(np.float32)
    t = one_hot(draw.integers(4, size=6), 4).T
    change = jax.jit(loss.change)
    for size in (1e-2, 1e-5, 1e-9):
        ds = (size * draw.uniform(-1, 1, (4, 6))).astype(np.float32)
        found = change(scores, t.astype(np.float32), ds)
        with mpmath.workdps(40):
            expected = [
                float(
                    exact_loss(name, scores[:, n], t[:, n], ds[:, n])
                    - exact_loss(name, scores[:, n], t[:, n], 0 * ds[:, n])
                )
                for n in range(6)
            ]
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=3e-6, atol=1e-7 * size)


def exact_loss(name, scores, t, ds):
    sums = [
        mpmath.mpf(float(s)) + mpmath.mpf(float(d))
        for s, d in zip(scores, ds, strict=True)
    ]
    if name == "sum_squares":
        return sum((s - int(u)) ** 2 for s, u in zip(sums, t, strict=True)) / 2
    meant = sum(s * int(u) for s, u in zip(sums, t, strict=True))
    return mpmath.log(sum(mpmath.exp(s) for s in sums)) - meant


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_change_along_a_line_is_the_change_of_that_nudge(name, one_by_one):
    draw = np.random.default_rng(1)
    loss = LOSSES[name]
    scores, directions = draw.standard_normal((4, 6)), draw.standard_normal((4, 5))
    t = one_hot(draw.integers(4, size=6), 4).T
    s = draw.uniform(-2e-3, 2e-3, (4 if one_by_one else 5, 6))
    along = None if one_by_one else directions
    found = loss.change_along_line(loss.line_coefficients(scores, t, along), s)
    for unit in range(len(s)):
        way = np.eye(4)[unit] if one_by_one else directions[:, unit]
        expected = loss.change(scores, t, np.outer(way, np.ones(6)) * s[unit])
        np.testing.assert_allclose(found[unit], expected, rtol=1e-8)


@pytest.mark.parametrize("name", LOSSES)
def test_the_baseline_is_the_best_that_looks_at_no_input(name):
    """Scores that are the same for every sample, moved downhill until they rest."""
    t = one_hot([0, 0, 0, 1, 1, 2, 2, 2, 2, 2], 3)
    loss, scores = LOSSES[name], np.zeros(3)
    for _ in range(2000):
        scores -= loss.gradient(np.tile(scores, (10, 1)), t, -1).sum(axis=0)
    rest = loss.function(np.tile(scores, (10, 1)), t, -1)
    assert loss.baseline(t) == pytest.approx(float(rest), rel=1e-9)
