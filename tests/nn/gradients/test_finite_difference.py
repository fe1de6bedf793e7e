"""The gradient by its definition: right, in float64, and nothing left changed."""

import jax.numpy as jnp
import numpy as np
import pytest

from secant import Architecture, InvalidInput, TwoLayerNet
from secant.nn.gradients import METHODS

backprop, definition = METHODS["backprop"], METHODS["definition"]


def digits(samples):
    """Random data of MNIST's form."""
    draw = np.random.default_rng(1)
    return draw.random((samples, 784)), draw.integers(0, 10, samples)


def test_the_whole_of_a_network_for_digits_is_right_to_a_millionth():
    net = TwoLayerNet(784, 8, 10, weight_init_std=0.05, seed=1)
    batch = net.architecture.as_batch(*digits(4))
    loss, numerical = definition(net.architecture, net.params, *batch)
    exact_loss, exact = backprop(net.architecture, net.params, *batch)
    assert loss == exact_loss
    assert list(numerical) == list(exact)
    for name, g in numerical.items():
        assert g.dtype == np.float64
        assert abs(g - exact[name]).max() < 1e-6 * abs(exact[name]).max()


@pytest.fixture
def problem():
    architecture = Architecture((3, 4, 2), "tanh")
    draw = np.random.default_rng(0)
    params = {n: draw.standard_normal(s) for n, s in architecture.shapes.items()}
    return (
        architecture,
        params,
        *architecture.as_batch(draw.standard_normal((5, 3)), [0, 1, 1, 1, 0]),
    )


def test_parameters_and_batch_are_left_bit_for_bit(problem):
    _, params, x, t = problem
    for array in (*params.values(), x, t):
        array.flags.writeable = False  # who tries to nudge these fails
    before = [a.tobytes() for a in (*params.values(), x, t)]
    definition(*problem)
    assert [a.tobytes() for a in (*params.values(), x, t)] == before


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_narrow_parameters_are_nudged_in_float64(problem, dtype, xp):
    """In float32 a loss is rounded to 6e-8, which over 2h = 2e-4 is 3e-4 of slope."""
    architecture, params, x, t = problem
    narrow = {name: xp.asarray(value, dtype) for name, value in params.items()}
    wide = {name: np.asarray(value, np.float64) for name, value in narrow.items()}
    loss, numerical = definition(architecture, narrow, x, t)
    exact_loss, exact = backprop(architecture, wide, x, t)
    assert loss == exact_loss
    for name, g in numerical.items():
        assert g.dtype == np.float64
        assert abs(g - exact[name]).max() < 1e-6 * abs(exact[name]).max()


def test_a_batch_from_jax_is_reckoned_in_float64_too(problem):
    architecture, params, x, t = problem
    x = np.asarray(x, np.float32).astype(np.float64)  # numbers that both engines have
    _, expected = definition(architecture, params, x, t)
    _, numerical = definition(architecture, params, jnp.asarray(x), jnp.asarray(t))
    for name, g in numerical.items():
        assert type(g) is np.ndarray
        np.testing.assert_array_equal(g, expected[name])


def test_a_smaller_nudge_is_nearer_by_its_square(problem):
    _, exact = backprop(*problem)
    found = [definition.with_options(h=h)(*problem)[1] for h in (1e-2, 1e-3)]
    errors = [max(abs(g[n] - exact[n]).max() for n in exact) for g in found]
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.01)


def test_the_runs_of_the_network_are_counted(monkeypatch):
    architecture = Architecture((3, 4, 2))
    runs = []
    error = Architecture.error

    def counted(self, *arguments):
        runs.append(1)
        return error(self, *arguments)

    monkeypatch.setattr(Architecture, "error", counted)
    params = {name: np.ones(s) for name, s in architecture.shapes.items()}
    definition(architecture, params, np.ones((1, 3)), np.array([[1.0, 0.0]]))
    evaluations = METHODS["definition"].evaluations_per_step
    assert len(runs) == evaluations(architecture) == 2 * (12 + 4 + 8 + 2) + 1
    assert evaluations(Architecture((784, 50, 10))) == 79_521


def test_a_nudged_loss_that_is_not_finite_is_refused():
    architecture = Architecture((1, 1), "identity", "sum_squares", bias=False)
    params, one = {"W1": np.array([[1e200]])}, np.array([[1.0]])
    with np.errstate(over="ignore"), pytest.raises(InvalidInput):
        definition(architecture, params, one, one)
