"""Networks with their weights: drawing, changing, predicting, learning's numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from secant import (
    MLP,
    Architecture,
    InvalidInput,
    SimpleNet,
    TwoLayerNet,
    numerical_gradient,
    one_hot,
    softmax,
)

X = np.random.default_rng(5).standard_normal((6, 4))
LABELS = np.array([0, 2, 1, 1, 0, 2])
FORMS = pytest.mark.parametrize(
    "t",
    [LABELS, np.eye(3)[LABELS], np.eye(3, dtype=int)[LABELS]],
    ids=["labels", "rows", "ints"],
)


@pytest.fixture
def net():
    return MLP((4, 5, 3), "tanh", init="xavier", seed=2)


# --- the first weights -----------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: MLP((4, 5, 3), seed=seed),
        lambda seed: SimpleNet(seed=seed),
        lambda seed: TwoLayerNet(4, 5, 3, seed=seed),
    ],
    ids=["MLP", "SimpleNet", "TwoLayerNet"],
)
def test_the_same_seed_draws_the_same_weights_and_another_others(make):
    first, again, other = make(1), make(1), make(2)
    for name in first.params:
        np.testing.assert_array_equal(first.params[name], again.params[name])
        if name.startswith("W"):
            assert not np.any(first.params[name] == other.params[name])


@pytest.mark.parametrize(
    ("init", "spreads"),
    [
        ("normal", (0.03, 0.03)),
        ("xavier", (np.sqrt(2 / 500), np.sqrt(2 / 220))),
        ("he", (np.sqrt(2 / 300), np.sqrt(2 / 200))),
    ],
)
def test_weights_spread_as_the_initialisation_says(init, spreads):
    net = MLP((300, 200, 20), init=init, weight_init_std=0.03, seed=0)
    for name, spread in zip(("W1", "W2"), spreads, strict=True):
        w = net.params[name]
        # The standard errors of a normal sample's deviation and mean.
        assert abs(w.std() - spread) < 5 * spread / np.sqrt(2 * w.size)
        assert abs(w.mean()) < 5 * spread / np.sqrt(w.size)
        # Normal, not uniform: a share of 4.6% is beyond two deviations.
        beyond = np.mean(abs(w) > 2 * spread)
        assert abs(beyond - 0.0455) < 5 * np.sqrt(0.0455 * 0.9545 / w.size)


def test_biases_start_at_zero_and_all_is_float64(net):
    for name, value in net.params.items():
        assert value.dtype == np.float64
        assert name.startswith("W") or not value.any()


def test_a_spread_of_zero_is_allowed():
    assert not MLP((2, 3), weight_init_std=0).params["W1"].any()


def test_two_layer_net_and_simple_net_are_the_notebooks():
    two = TwoLayerNet(input_size=784, hidden_size=50, output_size=10)
    assert {name: value.shape for name, value in two.params.items()} == {
        "W1": (784, 50),
        "b1": (50,),
        "W2": (50, 10),
        "b2": (10,),
    }
    assert two.architecture == Architecture((784, 50, 10))
    w = two.params["W1"]
    assert abs(w.std() - 0.01) < 5 * 0.01 / np.sqrt(2 * w.size)
    assert TwoLayerNet(784, 50, 10, 0.5).params["W1"].std() > 0.4

    one = SimpleNet()
    assert one.W.shape == (2, 3)
    assert list(one.params) == ["W1"]
    large = SimpleNet(300, 200).W
    assert abs(large.std() - 1) < 5 / np.sqrt(2 * large.size)


def test_a_network_shows_what_it_is(net):
    assert repr(net) == "<MLP 4-5-3, tanh, cross_entropy, 43 parameters>"
    assert repr(SimpleNet()).startswith("<SimpleNet 2-3, ")
    assert "39,760 parameters" in repr(TwoLayerNet(784, 50, 10))


# --- predictions, loss, accuracy -------------------------------------------------


@pytest.mark.parametrize("loss", ["cross_entropy", "sum_squares"])
def test_a_batch_is_predicted_as_its_samples_are(loss):
    net = MLP((4, 5, 3), loss=loss, init="xavier")
    y = net.predict(X)
    assert y.shape == (6, 3)
    assert net.predict(X[0]).shape == (3,)
    for row, sample in zip(y, X, strict=True):
        # BLAS sums vectors and matrices in other orders.
        np.testing.assert_allclose(net.predict(sample), row, rtol=1e-13, atol=1e-14)
    expected = softmax(net.scores(X)) if loss == "cross_entropy" else net.scores(X)
    np.testing.assert_array_equal(y, expected)


def test_simple_net_predicts_scores_and_its_loss_takes_their_softmax():
    net = SimpleNet(4, 3)
    np.testing.assert_array_equal(net.predict(X), X @ net.W)
    p = softmax(X @ net.W)
    expected = -np.mean(np.log(p[np.arange(6), LABELS]))
    assert net.loss(X, LABELS) == pytest.approx(expected, rel=1e-13)


@FORMS
def test_loss_takes_both_forms_of_targets(net, t):
    p = net.predict(X)
    expected = -np.mean(np.log(p[np.arange(6), LABELS]))
    assert net.loss(X, t) == pytest.approx(expected, rel=1e-13)
    assert net.loss(X[0], t[0]) == pytest.approx(-np.log(p[0, LABELS[0]]), rel=1e-13)


@FORMS
def test_accuracy_takes_both_forms_of_targets(t):
    net = MLP((4, 3), init="xavier", seed=1)
    guesses = net.predict(X).argmax(axis=1)
    assert net.accuracy(X, t) == pytest.approx(np.mean(guesses == LABELS))
    assert net.accuracy(X[0], t[0]) == float(guesses[0] == LABELS[0])
    assert isinstance(net.accuracy(X, t), float)
    assert net.accuracy(X, guesses) == 1
    assert net.accuracy(X, one_hot((guesses + 1) % 3, 3)) == 0


def test_a_net_that_predicts_one_class_has_that_classes_share(net):
    for value in net.params.values():
        value[...] = 0
    net.params["b2"][1] = 1
    assert net.accuracy(X, [1, 1, 1, 0, 2, 2]) == 0.5


@pytest.mark.parametrize("dtype", ["uint8", "int32", "bool"])
def test_whole_numbers_are_inputs(net, dtype, xp):
    x = np.random.default_rng(0).integers(0, 2, (6, 4))
    y = net.predict(xp.asarray(x, dtype))
    np.testing.assert_allclose(y, net.predict(x.astype(float)), rtol=1e-5)


def test_inputs_targets_and_parameters_may_be_jaxs(net):
    """Each against NumPy's float64: float32 keeps seven digits."""
    y, loss, gradient = net.predict(X), net.loss(X, LABELS), net.gradient(X, LABELS)
    moved = MLP((4, 5, 3), "tanh", init="xavier", seed=2)
    moved.params = {name: jnp.asarray(value) for name, value in net.params.items()}
    for n, x, t in (
        (net, jnp.asarray(X), LABELS),
        (net, X, jnp.asarray(LABELS)),
        (net, X, jnp.eye(3)[LABELS]),
        (moved, X, LABELS),
        (moved, jnp.asarray(X), jnp.asarray(LABELS)),
    ):
        np.testing.assert_allclose(n.predict(x), y, rtol=1e-5)
        assert float(n.loss(x, t)) == pytest.approx(float(loss), rel=1e-5)
        assert n.accuracy(x, t) == net.accuracy(X, LABELS)
        for name, g in n.gradient(x, t).items():
            np.testing.assert_allclose(g, gradient[name], rtol=1e-4, atol=1e-6)


def test_predict_compiles_as_a_pure_function(net):
    y = jax.jit(net.architecture.predict)(net.params, X)
    np.testing.assert_allclose(y, net.predict(X), rtol=1e-5)


# --- weights in place, and others ------------------------------------------------


def test_weights_changed_in_place_are_the_networks(net):
    before = float(net.loss(X, LABELS))
    gradient = net.gradient(X, LABELS)
    for name in net.params:
        net.params[name] -= 0.1 * gradient[name]
    after = float(net.loss(X, LABELS))
    assert after < before
    # To first order, by 0.1 times the gradient's square.
    fall = 0.1 * sum(np.sum(g**2) for g in gradient.values())
    assert before - after == pytest.approx(fall, rel=0.2)


def test_a_simple_nets_weights_can_be_put_in_as_in_the_notebook():
    net = SimpleNet()
    weights = [[0.25, 0.35, 0.0], [-0.74, -1.14, 1.24]]
    net.W = weights
    np.testing.assert_array_equal(net.W, weights)
    assert net.params["W1"] is net.W
    with pytest.raises(InvalidInput, match="pass exactly these"):
        net.W = np.zeros((3, 2))
    np.testing.assert_array_equal(net.W, weights)


def test_replace_copies_and_leaves_the_first_as_it_is():
    for net in (SimpleNet(seed=1), TwoLayerNet(2, 4, 3), MLP((2, 3))):
        params = {name: value + 1 for name, value in net.params.items()}
        kept = {name: value.copy() for name, value in net.params.items()}
        other = net.replace(params)
        assert type(other) is type(net)
        assert other.architecture == net.architecture
        params["W1"][...] = 9
        other.params["W1"] *= 2
        for name, value in kept.items():
            np.testing.assert_array_equal(net.params[name], value)
        np.testing.assert_array_equal(other.params["W1"], 2 * (kept["W1"] + 1))


def test_from_params_copies_and_keeps_the_floating_dtype(net):
    a = net.architecture
    params = {name: value.astype(np.float32) for name, value in net.params.items()}
    made = MLP.from_params(a, params)
    assert all(value.dtype == np.float32 for value in made.params.values())
    assert not any(np.shares_memory(made.params[n], params[n]) for n in params)
    np.testing.assert_allclose(made.predict(X), net.predict(X), rtol=1e-5)


def test_from_params_takes_lists_whole_numbers_and_jax_arrays():
    """Whole numbers become floats, or `params["W1"] -= …` could not change them."""
    a = Architecture((2, 1))
    for w in ([[1], [2]], np.array([[1], [2]]), jnp.asarray([[1], [2]])):
        net = MLP.from_params(a, {"b1": [3], "W1": w})
        assert list(net.params) == ["W1", "b1"]
        net.params["W1"] -= 0.5
        assert net.params["W1"].tolist() == [[0.5], [1.5]]


GOOD = {"W1": np.zeros((2, 3)), "b1": np.zeros(3)}


@pytest.mark.parametrize(
    ("params", "what_came", "advice"),
    [
        ({"W1": GOOD["W1"]}, "{'W1': (2, 3)}", "pass exactly these"),
        (GOOD | {"W2": 1}, "'W2': ()", "pass exactly these"),
        (GOOD | {"b1": np.zeros((1, 3))}, "'b1': (1, 3)", "pass exactly these"),
        (GOOD | {"W1": np.zeros((3, 2))}, "'W1': (3, 2)", "pass exactly these"),
        (GOOD | {"b1": [1j, 0, 0]}, "params['b1'] holds complex128", "pass numbers"),
        (GOOD | {"b1": list("abc")}, "params['b1'] holds <U1", "pass numbers"),
        (GOOD | {"b1": None}, "params['b1'] holds object", "pass numbers"),
        (GOOD | {"W1": [[0] * 3, [0]]}, "params['W1'] is not an array", "equally long"),
        (list(GOOD.values()), "are a list", "pass a dict of arrays"),
        (None, "are a NoneType", "pass a dict of arrays"),
    ],
    ids=[
        "missing",
        "too many",
        "shape of a bias",
        "transposed",
        "complex",
        "strings",
        "None inside",
        "ragged",
        "list",
        "None",
    ],
)
def test_parameters_that_do_not_fit_are_refused(params, what_came, advice):
    net = MLP((2, 3))
    for make in (
        lambda: net.replace(params),
        lambda: MLP.from_params(net.architecture, params),
    ):
        with pytest.raises(InvalidInput) as caught:
            make()
        assert what_came in str(caught.value)
        assert advice in str(caught.value)


# --- gradients -------------------------------------------------------------------


@FORMS
@pytest.mark.parametrize("loss", ["cross_entropy", "sum_squares"])
def test_the_two_gradients_agree(loss, t):
    net = MLP((4, 5, 3), "tanh", loss, init="xavier", seed=2)
    exact, numerical = net.gradient(X, t), net.numerical_gradient(X, t)
    assert list(exact) == list(numerical) == list(net.params)
    for name, g in exact.items():
        assert g.shape == numerical[name].shape == net.params[name].shape
        # h²/6 = 1.7e-9 times third derivatives of order 1, of gradients of order 0.1.
        assert abs(numerical[name] - g).max() < 1e-6 * abs(g).max()


def test_the_gradients_of_one_sample_are_those_of_a_batch_of_one(net):
    for gradient in (net.gradient, net.numerical_gradient):
        alone, batch = gradient(X[0], LABELS[0]), gradient(X[:1], LABELS[:1])
        for name in alone:
            np.testing.assert_array_equal(alone[name], batch[name])


def test_the_textbooks_idiom_gives_the_gradient_and_leaves_w():
    """`f` does not use `w`: it sees the nudge because `net.W` is what is nudged."""
    net = SimpleNet(seed=3)
    kept = net.W.copy()
    x, t = np.array([0.6, 0.9]), np.array([0, 0, 1])
    f = lambda w: net.loss(x, t)  # noqa: E731 - the notebook's line
    gradient = numerical_gradient(f, net.W)
    expected = np.outer(x, softmax(x @ kept) - t)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)
    np.testing.assert_array_equal(net.W, kept)


def test_gradients_leave_the_weights_as_they_are(net):
    kept = {name: value.copy() for name, value in net.params.items()}
    net.gradient(X, LABELS)
    net.numerical_gradient(X, LABELS)
    for name, value in kept.items():
        assert net.params[name].tobytes() == value.tobytes()


# --- bad input -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"init": "He"}, "there is no initialisation 'He': did you mean 'he'?"),
        ({"init": None}, "there is no initialisation None"),
        ({"init": []}, "there is no initialisation []"),
        ({"weight_init_std": -1}, "weight_init_std is -1: pass a finite number"),
        ({"weight_init_std": np.nan}, "weight_init_std is nan: pass a finite number"),
        ({"weight_init_std": np.inf}, "weight_init_std is inf: pass a finite number"),
        (
            {"weight_init_std": "x"},
            "weight_init_std is 'x', a string: pass a finite number",
        ),
        ({"weight_init_std": 1j}, "weight_init_std is 1j: pass a finite number"),
        ({"seed": -1}, "seed is -1: pass a whole number, 0 or above"),
        ({"seed": 1.0}, "seed is 1.0: pass a whole number, 0 or above"),
        ({"seed": None}, "seed is None: pass a whole number, 0 or above"),
        ({"activation": "sigmoyd"}, "did you mean 'sigmoid'?"),
        ({"loss": "crossentropy"}, "did you mean 'cross_entropy'?"),
        ({"bias": "no"}, "bias is 'no', a string: pass True or False"),
        ({"sizes": (2,)}, "sizes is (2,): pass the neurons of each layer"),
    ],
    ids=str,
)
def test_a_network_that_cannot_be_is_refused(wrong, message):
    with pytest.raises(InvalidInput) as caught:
        MLP(**({"sizes": (2, 3)} | wrong))
    assert message in str(caught.value)


@pytest.mark.parametrize("size", [0, -3, 2.5, "3", None])
def test_sizes_that_cannot_be_are_refused_by_the_notebooks_nets_too(size):
    for make in (
        lambda: TwoLayerNet(4, size, 3),
        lambda: TwoLayerNet(size, 5, 3),
        lambda: SimpleNet(2, size),
    ):
        with pytest.raises(InvalidInput, match="each a whole number, 1 or above"):
            make()


METHODS = ["loss", "accuracy", "gradient", "numerical_gradient"]


@pytest.mark.parametrize("method", ["predict", "scores", *METHODS])
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            np.zeros((6, 2, 2)),
            "this network takes 4 numbers a sample: pass x.reshape(-1, 4)",
        ),
        (np.zeros((6, 3)), "pass x of shape (4,) or (samples, 4)"),
        (np.full((6, 4), np.nan), "x[0, 0] is nan: inputs must be finite"),
        (np.zeros((6, 4)) * 1j, "x holds complex128"),
        ("a sample", "x holds <U8"),
        (None, "x holds object"),
    ],
    ids=["images", "shape", "NaN", "complex", "string", "None"],
)
def test_inputs_that_cannot_be_are_refused_everywhere(net, method, x, message):
    arguments = (x,) if method in ("predict", "scores") else (x, LABELS)
    with pytest.raises(InvalidInput) as caught:
        getattr(net, method)(*arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("t", "message"),
    [
        ([0, 1, 2, 3, 0, 0], "t[3] is 3, and with 3 classes a label is one of 0 to 2"),
        ([0, 1, -1, 0, 0, 0], "t[2] is -1"),
        ([0.0] * 6, "t holds float64, and class labels are whole numbers"),
        ([0, 1], "pass class labels of shape (6,) or vectors of shape (6, 3)"),
        (
            np.eye(4)[LABELS],
            "pass class labels of shape (6,) or vectors of shape (6, 3)",
        ),
        (np.full((6, 3), np.nan), "t[0, 0] is nan: a target must be a finite number"),
        ([[1], [1, 2]], "t is not an array of numbers"),
    ],
    ids=["range", "negative", "floats", "too few", "classes", "NaN", "ragged"],
)
def test_targets_that_cannot_be_are_refused_everywhere(net, method, t, message):
    with pytest.raises(InvalidInput) as caught:
        getattr(net, method)(X, t)
    assert message in str(caught.value)


@pytest.mark.parametrize("method", METHODS)
def test_no_samples_are_refused_everywhere(net, method, xp):
    with pytest.raises(InvalidInput, match="x holds no sample: pass at least one"):
        getattr(net, method)(xp.zeros((0, 4)), [])


@pytest.mark.parametrize("method", ["loss", "gradient", "numerical_gradient"])
def test_rows_that_are_not_one_hot_are_refused_by_cross_entropy_alone(method):
    t = np.full((6, 3), 0.5)
    with pytest.raises(InvalidInput, match="not one-hot"):
        getattr(MLP((4, 3)), method)(X, t)
    getattr(MLP((4, 3), loss="sum_squares"), method)(X, t)
