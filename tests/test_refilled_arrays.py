"""A NumPy array that is refilled right after a call changes no result of that call.

JAX on a CPU reads a NumPy array after the call has returned.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import secant
from secant.propagation import central_slopes, changes_along_coordinates

SIZE = 300_000


def total(w):
    return jnp.sin(w).sum()


def of_network(x):
    net = secant.MLP([SIZE, 2], seed=0)
    params = jax.tree.map(jnp.asarray, net.params)
    method = secant.value_and_gradient(net, "backprop")
    return method(params, x[None], np.array([1]))[0]


def of_params(w):
    net = secant.MLP([SIZE, 1], seed=0).replace({"W1": w[:, None], "b1": np.zeros(1)})
    return net.scores(jnp.ones(SIZE))


def of_pure_scores(x):
    net = secant.MLP([SIZE, 1], seed=0)
    return net.architecture.scores(jax.tree.map(jnp.asarray, net.params), x)


def along_coordinates(x):
    return changes_along_coordinates(
        total, x, jnp.arange(2), jnp.full(2, 1e-3, jnp.float32)
    )


def steps_along_coordinates(steps):
    entries = np.zeros(SIZE, int)
    return changes_along_coordinates(total, jnp.ones(2), entries, steps)


CALLS = {
    "value_and_gradient": lambda x: secant.value_and_gradient(total, "backprop")(x)[0],
    "difference": lambda x: secant.difference(total)(x, np.float32(1e-3)),
    "difference, dx": lambda x: secant.difference(total)(jnp.ones(SIZE), x),
    "value_and_gradient of a network": of_network,
    "a loss": lambda x: secant.sum_squares_error(jnp.zeros(SIZE), x),
    "scores of jax's inputs": of_params,
    "scores of jax's parameters": of_pure_scores,
    "spsa": lambda x: secant.spsa(total, x, jax.random.key(0)),
    "slope": lambda x: secant.slope(total, x, jnp.ones(SIZE), 1e-3),
    "slope, direction": lambda x: secant.slope(total, jnp.ones(SIZE), x, 1e-3),
    "central_slopes": lambda x: central_slopes(total, x, jnp.arange(2), 1e-3),
    "changes_along_coordinates": along_coordinates,
    "changes_along_coordinates, steps": steps_along_coordinates,
    "as_jax": lambda x: secant.as_jax(lambda v: v, result=x)(x),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_refilled_array_changes_no_result(name):
    call = CALLS[name]
    expected = jax.tree.map(np.asarray, call(np.ones(SIZE, np.float32)))
    for _ in range(8):
        x = np.ones(SIZE, np.float32)
        result = call(x)
        x[:] = 7
        jax.tree.map(np.testing.assert_array_equal, result, expected)
