"""What a network computes, apart from its weights, and what it refuses to take."""

from dataclasses import FrozenInstanceError

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from secant import Architecture, InvalidInput, relu, sigmoid, softmax
from secant.nn.activations import ACTIVATIONS

PARAMS = {
    "W1": np.array([[1.0, -1.0, 0.5], [0.0, 2.0, -0.5]]),
    "b1": np.array([0.1, 0.2, 0.3]),
    "W2": np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0]]),
    "b2": np.array([-0.1, 0.1]),
}
X = np.array([[1.0, 2.0], [-0.5, 0.25]])


def test_shapes_stand_in_the_order_of_the_layers():
    shapes = Architecture((784, 50, 20, 10)).shapes
    assert list(shapes.items()) == [
        ("W1", (784, 50)),
        ("b1", (50,)),
        ("W2", (50, 20)),
        ("b2", (20,)),
        ("W3", (20, 10)),
        ("b3", (10,)),
    ]


def test_parameters_are_counted_with_biases_and_without():
    assert Architecture((784, 50, 10)).parameter_count == 784 * 50 + 50 + 50 * 10 + 10
    assert Architecture((784, 50, 10)).parameter_count == 39_760
    assert Architecture((784, 50, 10), bias=False).parameter_count == 39_700
    assert Architecture((2, 3)).depth == 1


@pytest.mark.parametrize("activation", [sigmoid, relu])
def test_layers_are_the_formula_written_out(activation):
    a = Architecture((2, 3, 2), activation.__name__)
    hidden = activation(X @ PARAMS["W1"] + PARAMS["b1"])
    scores = hidden @ PARAMS["W2"] + PARAMS["b2"]
    inputs, first, last = a.layers(PARAMS, X)
    np.testing.assert_array_equal(inputs, X)
    np.testing.assert_array_equal(first, hidden)
    np.testing.assert_array_equal(last, scores)
    np.testing.assert_array_equal(a.scores(PARAMS, X), scores)
    np.testing.assert_array_equal(a.predict(PARAMS, X), softmax(scores))


def test_without_bias_a_bias_is_neither_needed_nor_read():
    a = Architecture((2, 3, 2), "identity", bias=False)
    expected = X @ PARAMS["W1"] @ PARAMS["W2"]
    np.testing.assert_array_equal(a.scores(PARAMS, X), expected)
    weights = {name: PARAMS[name] for name in ("W1", "W2")}
    np.testing.assert_array_equal(a.scores(weights, X), expected)


def test_sum_of_squares_predicts_the_sums_themselves():
    a = Architecture((2, 3, 2), loss="sum_squares")
    np.testing.assert_array_equal(a.predict(PARAMS, X), a.scores(PARAMS, X))
    t = np.array([[1.0, 0.0], [0.0, 1.0]])
    expected = 0.5 * np.sum((a.scores(PARAMS, X) - t) ** 2) / 2
    assert a.error(PARAMS, X, t) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("loss", ["cross_entropy", "sum_squares"])
def test_all_of_it_runs_under_jit_vmap_and_grad(loss):
    a = Architecture((2, 3, 2), "tanh", loss)
    params = {name: jnp.asarray(value) for name, value in PARAMS.items()}
    t = np.array([[1.0, 0.0], [0.0, 1.0]])
    # Float32 against float64: seven digits, a dozen operations.
    np.testing.assert_allclose(
        jax.jit(a.predict)(params, X), a.predict(PARAMS, X), rtol=1e-5
    )
    np.testing.assert_allclose(
        jax.vmap(a.predict, (None, 0))(params, X), a.predict(PARAMS, X), rtol=1e-5
    )
    assert float(jax.jit(a.error)(params, X, t)) == pytest.approx(
        float(a.error(PARAMS, X, t)), rel=1e-5
    )
    gradients = jax.jit(jax.grad(a.error))(params, X, t)
    assert {name: g.shape for name, g in gradients.items()} == a.shapes


def test_an_architecture_is_a_value():
    """Equal ones are one key, as a compiled function's static argument must be."""
    a, b = Architecture((2, 3)), Architecture([np.int64(2), 3])
    assert a == b
    assert hash(a) == hash(b)
    assert b.sizes == (2, 3)
    assert [type(size) for size in b.sizes] == [int, int]
    with pytest.raises(FrozenInstanceError):
        a.loss = "sum_squares"


# --- bad architectures -----------------------------------------------------------


@pytest.mark.parametrize(
    "sizes",
    [5, (), (5,), (2, 0), (2, -1), (2, 2.5), (2, 3.0), (2, "3"), "ab", None, (2, None)],
    ids=str,
)
def test_sizes_that_are_no_layers_are_refused(sizes):
    with pytest.raises(InvalidInput) as caught:
        Architecture(sizes)
    message = str(caught.value)
    assert message.startswith(f"sizes is {sizes!r}")
    assert "at least inputs and outputs, each a whole number, 1 or" in message


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("sigmoyd", "did you mean 'sigmoid'?"),
        ("ReLU", "did you mean 'relu'?"),
        (relu, "did you mean 'relu'?"),
        (["relu"], "did you mean 'relu'?"),
        ("softmax", f"Known: {', '.join(sorted(ACTIVATIONS))}."),
        (None, f"Known: {', '.join(sorted(ACTIVATIONS))}."),
    ],
    ids=["misspelt", "capitals", "function", "list", "softmax", "None"],
)
def test_an_unknown_activation_is_told_the_known_ones(name, advice):
    with pytest.raises(InvalidInput) as caught:
        Architecture((2, 3), name)
    assert f"there is no activation {name!r}" in str(caught.value)
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("crossentropy", "did you mean 'cross_entropy'?"),
        ("mse", "Known: cross_entropy, sum_squares."),
        (None, "Known: cross_entropy, sum_squares."),
        ([], "Known: cross_entropy, sum_squares."),
    ],
    ids=["misspelt", "mse", "None", "list"],
)
def test_an_unknown_loss_is_told_the_known_ones(name, advice):
    with pytest.raises(InvalidInput) as caught:
        Architecture((2, 3), loss=name)
    assert f"there is no loss {name!r}" in str(caught.value)
    assert advice in str(caught.value)


@pytest.mark.parametrize("bias", ["no", None, 0.0])
def test_bias_is_a_yes_or_a_no(bias):
    with pytest.raises(InvalidInput) as caught:
        Architecture((2, 3), bias=bias)
    assert str(caught.value).startswith(f"bias is {bias!r}")
    assert str(caught.value).endswith(": pass True or False")


# --- batches ---------------------------------------------------------------------

A = Architecture((4, 3))


def test_a_single_sample_is_a_batch_of_one(xp):
    for t in (2, [0, 0, 1]):
        x, rows = A.as_batch(xp.asarray([1.0, 2.0, 3.0, 4.0]), t)
        assert x.tolist() == [[1, 2, 3, 4]]
        assert rows.tolist() == [[0, 0, 1]]


@pytest.mark.parametrize("t", [[2, 0], [[0, 0, 1], [1, 0, 0]]], ids=["labels", "rows"])
def test_both_forms_of_targets_become_rows_of_the_inputs_dtype(t, xp):
    for dtype in ("float16", "float32"):
        x, rows = A.as_batch(xp.ones((2, 4), dtype), t)
        assert x.dtype == rows.dtype == dtype
        assert rows.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_whole_numbers_and_truths_are_inputs(xp):
    for dtype in ("uint8", "int32", "bool"):
        x, _ = A.as_batch(xp.ones((2, 4), dtype), [0, 1])
        assert x.dtype == xp.asarray(0.0).dtype
        assert x.tolist() == [[1] * 4] * 2


@pytest.mark.parametrize("t", [[2, 0], [[0, 0, 1], [1, 0, 0]]], ids=["labels", "rows"])
def test_either_of_the_two_may_come_from_jax(t):
    """Float64 inputs beside JAX targets must not ask JAX for a float64."""
    for x, targets in ((np.ones((2, 4)), jnp.asarray(t)), (jnp.ones((2, 4)), t)):
        x, rows = A.as_batch(x, targets)
        assert isinstance(x, jax.Array)
        assert isinstance(rows, jax.Array)
        assert x.dtype == rows.dtype == "float32"


def test_sum_of_squares_takes_any_vectors_as_targets():
    a = Architecture((4, 3), loss="sum_squares")
    _, t = a.as_batch(np.ones((1, 4)), [[0.5, -2.0, 7.0]])
    assert t.tolist() == [[0.5, -2, 7]]


def test_a_batch_is_made_under_jit_too():
    x, t = jax.jit(A.as_batch)(jnp.ones((2, 4)), jnp.asarray([2, 0]))
    assert x.shape == (2, 4)
    assert t.tolist() == [[0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize(
    ("x", "what_came", "advice"),
    [
        (np.ones((5, 2, 2)), "shape (5, 2, 2)", "pass x.reshape(-1, 4)"),
        (np.ones((2, 2)), "shape (2, 2)", "pass x.reshape(-1, 4)"),
        (np.ones((4, 1)), "shape (4, 1)", "pass x.reshape(-1, 4)"),
        (np.ones(3), "shape (3,)", "shape (4,) or (samples, 4)"),
        (np.ones((2, 3)), "shape (2, 3)", "shape (4,) or (samples, 4)"),
        (1.0, "shape ()", "shape (4,) or (samples, 4)"),
        ([], "shape (0,)", "shape (4,) or (samples, 4)"),
        ([1, 2, np.nan, 4], "x[2] is nan", "inputs must be finite"),
        ([[1, 2, 3, 4], [1, -np.inf, 3, 4]], "x[1, 1] is -inf", "fill the gap"),
        ([1, 2, 3, 4j], "x holds complex128", "pass numbers"),
        (list("abcd"), "x holds <U1", "pass numbers"),
        (None, "x holds object", "pass numbers"),
        ([[1, 2, 3, 4], [1]], "inhomogeneous", "equally long"),
    ],
    ids=[
        "images",
        "one image",
        "column",
        "too few",
        "rows too short",
        "number",
        "empty",
        "NaN",
        "inf",
        "complex",
        "strings",
        "None",
        "ragged",
    ],
)
def test_inputs_that_cannot_be_are_refused(x, what_came, advice):
    for check in (lambda: A.as_inputs(x), lambda: A.as_batch(x, [0, 1])):
        with pytest.raises(InvalidInput) as caught:
            check()
        assert what_came in str(caught.value)
        assert advice in str(caught.value)


def test_a_batch_of_no_samples_is_refused(xp):
    with pytest.raises(InvalidInput, match="holds no sample: pass at least one"):
        A.as_batch(xp.zeros((0, 4)), [])


def test_targets_that_do_not_go_with_the_inputs_are_refused(xp):
    x = xp.ones((2, 4))
    for t in ([0], 0, [0, 1, 2], np.eye(4)[:2], np.eye(3)):
        with pytest.raises(InvalidInput, match=r"labels of shape \(2,\) or vectors"):
            A.as_batch(x, t)
    with pytest.raises(InvalidInput, match=r"t\[1\] is 3, and with 3 classes"):
        A.as_batch(x, [0, 3])
    with pytest.raises(InvalidInput, match="not one-hot"):
        A.as_batch(x, [[0.5, 0.5, 0], [1, 0, 0]])
