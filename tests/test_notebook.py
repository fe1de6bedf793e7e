"""The study notebook, cell by cell, through the public API.

Each test is a cell: its printed values are checked, and where the notebook is
mistaken its own code is run first, to show the mistake as it was printed, and
then ours. Numbers in names are the notebook's own: `In [14]` is `cell_14`.
"""

import numpy as np
import pytest

import secant

# In [28] printed these weights; the notebook drew them without a seed.
W = np.array(
    [
        [0.25343684, 0.35021319, 0.00181282],
        [-0.73577111, -1.14089259, 1.23751323],
    ]
)
X = np.array([0.6, 0.9])
T = np.array([0, 0, 1])


def function_2(x):
    return x[0] ** 2 + x[1] ** 2


def notebooks_softmax(a):
    exp_a = np.exp(a - np.max(a))
    return exp_a / np.sum(exp_a)


def notebooks_cross_entropy_of_labels(y, t):
    if y.ndim == 1:
        t = t.reshape(1, t.size)
        y = y.reshape(1, y.size)
    batch_size = y.shape[0]
    return -np.sum(np.log(y[np.arange(batch_size), t] + 1e-7)) / batch_size


# --- losses --------------------------------------------------------------------


def test_cell_7_sum_of_squares():
    y, t = np.array([0.1, 0.05, 0.6, 0.25]), np.array([0, 0, 1, 0])
    assert secant.sum_squares_error(y, t) == 0.5 * np.sum((y - t) ** 2)


def test_cell_1_cross_entropy_of_one_sample():
    y, t = np.array([0.1, 0.05, 0.6, 0.25]), np.array([0, 0, 1, 0])
    assert secant.cross_entropy_error(y, t) == -np.sum(t * np.log(y + 1e-7))
    assert np.isfinite(secant.cross_entropy_error([1.0, 0.0], [0, 1]))


def test_cells_10_and_11_cross_entropy_of_a_batch_in_both_forms():
    y = secant.softmax(np.random.default_rng(0).standard_normal((4, 10)))
    labels = np.array([2, 7, 0, 9])
    expected = -np.mean(np.log(y[np.arange(4), labels] + 1e-7))
    rows = secant.one_hot(labels, 10)
    assert secant.cross_entropy_error(y, labels) == pytest.approx(expected, rel=1e-15)
    assert secant.cross_entropy_error(y, rows) == pytest.approx(expected, rel=1e-15)


# --- data and mini-batches -----------------------------------------------------


def check_shapes(data, train, test):
    (x_train, t_train), (x_test, t_test) = data
    assert (x_train.shape, t_train.shape) == ((train, 784), (train, 10))
    assert (x_test.shape, t_test.shape) == ((test, 784), (test, 10))
    assert x_train.dtype == np.float32
    assert (x_train.min(), x_train.max()) == (0, 1)
    assert set(np.unique(t_train)) == {0, 1}
    assert set(t_train.sum(axis=1)) == {1}


def test_cell_5_the_digits_normalised_one_hot_and_flat():
    check_shapes(secant.load_mnist_sample(one_hot_label=True), 4_000, 1_000)


def test_cell_5_prints_60000_by_784_with_the_whole_of_mnist(mnist_at_hand):
    check_shapes(secant.load_mnist(one_hot_label=True), 60_000, 10_000)


def test_cells_8_and_9_a_mini_batch():
    (x_train, t_train), _ = secant.load_mnist_sample(one_hot_label=True)
    batch_mask = np.random.default_rng(0).choice(len(x_train), 10)
    assert x_train[batch_mask].shape == (10, 784)
    assert t_train[batch_mask].shape == (10, 10)


# --- numerical differentiation -------------------------------------------------


def test_cell_12_the_formula_in_the_text_lacks_a_minus_and_parentheses():
    """The text has `(x-h) + (x+h)/2h`; the difference is (f(x+h) - f(x-h)) / 2h."""

    def as_written(f, x, h=1e-4):
        return f(x - h) + f(x + h) / 2 * h

    def square(x):
        return x**2

    assert abs(as_written(square, 3.0) - 6) > 1
    assert secant.numerical_diff(square, 3.0) == pytest.approx(6, abs=1e-10)


def test_cell_13_the_slope_of_a_parabola():
    def function_1(x):
        return -0.01 * x**2 + 0.1 * x

    assert secant.numerical_diff(function_1, 5.0) == pytest.approx(0, abs=1e-11)
    assert secant.numerical_diff(function_1, 10.0) == pytest.approx(-0.1, abs=1e-11)


def test_cell_14_a_partial_derivative_to_its_last_digit():
    def function_tmp1(x0):
        return x0 * x0 + 4.0**2

    assert float(secant.numerical_diff(function_tmp1, 3.0)) == 6.00000000000378
    assert secant.partial_derivative(function_2, [3.0, 4.0], 0) == pytest.approx(6)


def test_cell_16_a_gradient():
    gradient = secant.numerical_gradient(function_2, np.array([3.0, 4.0]))
    assert repr(gradient) == "array([6., 8.])"


def test_cell_31_whole_numbers_are_promoted():
    """`np.zeros_like(x)` of integers truncates: the notebook's loop gives
    [25000, 35000] here, and [5.989, 8.001] in float32."""
    for dtype in (int, np.float32, np.float64):
        gradient = secant.numerical_gradient(function_2, np.array([3, 4], dtype))
        np.testing.assert_allclose(gradient, [6, 8], rtol=1e-10)


def test_the_gradient_points_uphill_not_to_the_minimum():
    """The text says that it points where the function falls most: minus it does."""
    x = np.array([3.0, 4.0])
    gradient = secant.numerical_gradient(function_2, x)
    step = 1e-3 * gradient
    assert function_2(x + step) > function_2(x) > function_2(x - step)


# --- gradient descent ----------------------------------------------------------


def test_cell_18_descent_reaches_the_printed_point():
    init_x = np.array([-3.0, 4.0])
    x = secant.gradient_descent(function_2, init_x=init_x, lr=0.1, step_num=100)
    np.testing.assert_allclose(x, [-6.11110793e-10, 8.14814391e-10], rtol=1e-8)


def test_cell_17_the_start_is_not_changed_in_place():
    """`x = init_x` and then `x -= …`: the notebook's start has become the end."""
    init_x = np.array([-3.0, 4.0])
    secant.gradient_descent(function_2, init_x=init_x, lr=0.1, step_num=100)
    np.testing.assert_array_equal(init_x, [-3.0, 4.0])


def test_learning_rates_too_large_and_too_small_are_told_apart():
    words = {
        rate: str(secant.descend(function_2, [-3.0, 4.0], lr=rate).message)
        for rate in (10.0, 0.1, 1e-10)
    }
    assert "too large" in words[10.0]
    assert "too small" in words[1e-10]
    assert "too" not in words[0.1]


# --- the first net -------------------------------------------------------------


def test_cell_19_softmax_over_the_batch_is_none_of_a_sample():
    scores = np.random.default_rng(0).standard_normal((10, 3))
    np.testing.assert_allclose(notebooks_softmax(scores).sum(), 1)
    np.testing.assert_allclose(secant.softmax(scores).sum(axis=1), np.ones(10))
    for row in scores:
        np.testing.assert_allclose(secant.softmax(row), notebooks_softmax(row))


@pytest.fixture
def simple_net():
    net = secant.SimpleNet(seed=0)
    net.W[...] = W
    return net


def test_cell_28_scores_and_the_likeliest_class(simple_net):
    p = simple_net.predict(X)
    np.testing.assert_allclose(p, [-0.5101319, -0.81667542, 1.1148496], atol=1e-8)
    assert np.argmax(p) == 2


def test_cell_28_a_one_hot_row_is_not_three_labels(simple_net):
    """6.0636 adds the losses of the labels 0, 0 and 1: the net is right, not wrong."""
    y = notebooks_softmax(np.dot(X, W))
    assert notebooks_cross_entropy_of_labels(y, T) == pytest.approx(6.063616353282374)

    assert float(secant.cross_entropy_error(y, T)) == pytest.approx(0.2940, abs=5e-5)
    assert float(simple_net.loss(X, T)) == pytest.approx(0.2940, abs=5e-5)
    assert float(simple_net.loss(X, 2)) == float(simple_net.loss(X, T))


def test_cell_32_the_gradient_of_the_right_loss(simple_net):
    def wrong(w):
        return notebooks_cross_entropy_of_labels(notebooks_softmax(X @ w), T)

    printed = [
        [-0.93584944, -0.4055888, 1.34143825],
        [-1.40377416, -0.60838321, 2.01215737],
    ]
    np.testing.assert_allclose(
        secant.numerical_gradient(wrong, W.copy()), printed, atol=1e-7
    )

    # The notebook's own line: `w` is not used, and need not be.
    gradient = secant.numerical_gradient(lambda w: simple_net.loss(X, T), simple_net.W)
    expected = np.outer(X, secant.softmax(X @ W) - T)
    np.testing.assert_allclose(gradient, expected, atol=1e-9)
    assert np.all(gradient[:, 2] < 0)  # more weight for the right class: less loss
    np.testing.assert_array_equal(simple_net.W, W)


# --- the two-layer net ---------------------------------------------------------


def test_cell_33_sigmoid_does_not_overflow():
    assert secant.sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0, 0.5, 1]


def test_cell_46_the_two_layer_net_has_the_notebooks_methods():
    network = secant.TwoLayerNet(input_size=784, hidden_size=50, output_size=10)
    assert {name: value.shape for name, value in network.params.items()} == {
        "W1": (784, 50),
        "b1": (50,),
        "W2": (50, 10),
        "b2": (10,),
    }
    assert network.params["W1"].std() == pytest.approx(0.01, rel=0.02)
    (x, t), _ = secant.load_mnist_sample(one_hot_label=True)
    y = network.predict(x[:5])
    assert y.shape == (5, 10)
    np.testing.assert_allclose(y.sum(axis=1), np.ones(5))
    # The notebook's loss takes both forms of targets, its accuracy only one.
    labels = t.argmax(axis=1)
    assert network.loss(x[:100], t[:100]) == network.loss(x[:100], labels[:100])
    assert network.accuracy(x, t) == network.accuracy(x, labels)


def test_cell_46_numerical_gradient_is_the_gradient():
    network = secant.TwoLayerNet(784, 2, 10, seed=1)
    (x, t), _ = secant.load_mnist_sample(one_hot_label=True)
    numerical = network.numerical_gradient(x[:3], t[:3])
    backprop = network.gradient(x[:3], t[:3])
    for name, gradient in numerical.items():
        np.testing.assert_allclose(gradient, backprop[name], atol=1e-9)


def test_cell_47_an_update_without_its_equals_sign_learns_nothing():
    network = secant.TwoLayerNet(784, 5, 10)
    (x, t), _ = secant.load_mnist_sample()
    before = float(network.loss(x[:100], t[:100]))
    gradient = network.gradient(x[:100], t[:100])
    for key in ("W1", "b1", "W2", "b2"):
        network.params[key] - 0.1 * gradient[key]
    assert float(network.loss(x[:100], t[:100])) == before
    for key in ("W1", "b1", "W2", "b2"):
        network.params[key] -= 0.1 * gradient[key]
    assert float(network.loss(x[:100], t[:100])) < before


@pytest.mark.slow
def test_cell_47_the_loop_that_was_interrupted_runs():
    """By hand, as the notebook has it, with backprop for each step's gradient."""
    (x_train, t_train), (x_test, t_test) = secant.load_mnist_sample(one_hot_label=True)
    network = secant.TwoLayerNet(input_size=784, hidden_size=50, output_size=10)
    draw = np.random.default_rng(0)
    train_loss_list = []
    for _ in range(400):
        batch_mask = draw.choice(len(x_train), 100)
        x_batch, t_batch = x_train[batch_mask], t_train[batch_mask]
        grad = network.gradient(x_batch, t_batch)
        for key in ("W1", "b1", "W2", "b2"):
            network.params[key] -= 0.5 * grad[key]
        train_loss_list.append(network.loss(x_batch, t_batch))
    assert train_loss_list[0] > 2.25
    assert np.mean(train_loss_list[-20:]) < 0.6
    assert network.accuracy(x_test, t_test) > 0.8


def test_cell_47_as_one_call():
    data = secant.load_mnist_sample()
    run = secant.fit(secant.TwoLayerNet(784, 50, 10), data, iterations=2_000)
    assert run.test_accuracy[-1] > 0.85
    assert len(run.losses) == 2_000


@pytest.mark.slow
def test_cell_47_with_its_numerical_gradient_takes_the_same_steps():
    data = secant.load_mnist_sample()
    network = secant.TwoLayerNet(784, 2, 10, seed=3)
    slow = secant.fit(network, data, "definition", iterations=2, batch_size=10)
    fast = secant.fit(network, data, "backprop", iterations=2, batch_size=10)
    np.testing.assert_allclose(slow.losses, fast.losses, rtol=1e-6)
    for key in ("W1", "b1", "W2", "b2"):
        np.testing.assert_allclose(
            slow.net.params[key], fast.net.params[key], atol=1e-8
        )
