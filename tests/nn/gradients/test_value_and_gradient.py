"""value_and_gradient: every method in one's own training loop."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import secant
from secant import InvalidInput, value_and_gradient
from secant.nn.gradients import METHODS


def loss(params, x, y):
    return jnp.mean((jnp.tanh(x @ params["w"]) + params["b"] - y) ** 2)


# Put on the device: to make an array there, JAX compiles a program for each shape.
X = jax.device_put(np.float32(np.random.default_rng(0).standard_normal((20, 3))))
Y = jax.device_put(np.tanh(np.asarray(X) @ np.float32([1, -1, 0.5])) + np.float32(0.2))
PARAMS = jax.device_put({"w": np.float32([0.1, 0.2, -0.3]), "b": np.float32(0)})


@pytest.mark.parametrize("method", ["weight", "backprop"])
def test_a_function_of_any_pytree_has_its_gradient(method):
    value, gradient = jax.jit(value_and_gradient(loss, method))(PARAMS, X, Y)
    expected_value, expected = jax.jit(jax.value_and_grad(loss))(PARAMS, X, Y)
    assert float(value) == pytest.approx(float(expected_value), rel=1e-6)
    assert jax.tree.structure(gradient) == jax.tree.structure(PARAMS)
    for name in PARAMS:
        np.testing.assert_allclose(gradient[name], expected[name], rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("method", ["spsa", "weight", "backprop"])
def test_it_is_the_gradient_source_of_a_loop_of_optax(method):
    find = value_and_gradient(loss, method, directions=3)
    optimizer = optax.adam(0.05)

    @jax.jit
    def step(params, state, key):
        value, gradient = find(params, X, Y, key=key)
        updates, state = optimizer.update(gradient, state)
        return value, optax.apply_updates(params, updates), state

    params, state = PARAMS, jax.jit(optimizer.init)(PARAMS)
    for turn in range(200):
        value, params, state = step(params, state, jax.random.key(turn))
    assert float(value) < 0.02 * float(loss(PARAMS, X, Y))


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_network_has_every_method(method):
    net = secant.MLP((3, 4, 2), "tanh", init="xavier", seed=1)
    t = np.eye(2)[[0, 1] * 10]
    find = value_and_gradient(net, method)

    def found(key):
        return find(net.params, X, t, key=key)

    if METHODS[method].traceable:  # eagerly in the next test
        found = jax.jit(found)

    if METHODS[method].stochastic:  # the mean of many comes near
        all_found = jax.jit(jax.vmap(found))(jax.random.split(jax.random.key(0), 3000))
        value, gradient = jax.tree.map(lambda a: np.mean(a, axis=0), all_found)
    else:
        value, gradient = found(None)
    assert float(value) == pytest.approx(float(net.loss(np.asarray(X), t)), rel=1e-5)
    expected = net.gradient(np.asarray(X), t)
    for name, e in expected.items():
        tolerance = 0.1 if METHODS[method].stochastic else 1e-6
        np.testing.assert_allclose(gradient[name], e, atol=tolerance)


@pytest.mark.parametrize(
    "method",
    [
        pytest.param(name, marks=pytest.mark.slow if name == "weight" else ())
        for name in sorted(METHODS)
    ],
)
def test_a_network_in_numpy_and_labels_serve_as_they_are(method):
    net = secant.MLP((3, 4, 2), "tanh", init="xavier", seed=1)
    find = value_and_gradient(net, method)
    labels, x = np.array([0, 1] * 10), np.asarray(X)
    value, gradient = find(net.params, x, labels, key=jax.random.key(0))
    again, same = find(net.params, x, np.eye(2)[labels], key=jax.random.key(0))
    assert float(value) == float(again)
    for name, e in net.gradient(x, labels).items():
        np.testing.assert_array_equal(gradient[name], same[name])
        if not METHODS[method].stochastic:
            np.testing.assert_allclose(gradient[name], e, atol=1e-6)


def test_a_gradient_of_mixed_dtypes_keeps_them():
    params = {"a": jnp.ones(2, jnp.bfloat16), "b": jnp.ones(2)}

    def mixed(p):
        return (p["a"].astype(jnp.float32) * p["b"]).sum()

    _, gradient = value_and_gradient(mixed, "weight")(params)
    assert {n: g.dtype for n, g in gradient.items()} == {
        n: p.dtype for n, p in params.items()
    }


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: value_and_gradient(loss, "node"), "layers of a network"),
        (lambda: value_and_gradient(loss, "wieght"), "did you mean 'weight'"),
        (lambda: value_and_gradient(3.0), "pass a function"),
        (
            lambda: value_and_gradient(lambda w: w, "weight")(jnp.ones(3)),
            "not a number",
        ),
        (lambda: value_and_gradient(loss, "spsa")(PARAMS, X, Y), "jax.random.key"),
    ],
)
def test_what_cannot_be_worked_with_is_refused(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()
