"""Functions of `jax.nn` and `jax.numpy`, compared with subtraction in float64.

In float64 plain subtraction keeps enough digits for steps of a thousandth.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import nn

from secant.propagation import difference, slope

pytestmark = pytest.mark.slow

# fmt: off
NAMES = [
    "celu", "elu", "gelu", "hard_sigmoid", "hard_silu", "hard_tanh", "identity",
    "leaky_relu", "log_sigmoid", "log_softmax", "logsumexp", "mish", "relu", "relu6",
    "selu", "sigmoid", "silu", "soft_sign", "softmax", "softplus", "sparse_plus",
    "sparse_sigmoid", "squareplus", "standardize", "tanh",
]
# fmt: on
ACTIVATIONS = {name: getattr(nn, name) for name in NAMES if hasattr(nn, name)} | {
    "gelu_exact": partial(nn.gelu, approximate=False),
    "glu": lambda x: nn.glu(x[:-1]),
    "logmeanexp": lambda x: nn.logsumexp(x, b=1 / x.size),
    "masked_softmax": lambda x: nn.softmax(x, where=jnp.arange(x.size) % 3 > 0),
    "log1mexp": lambda x: nn.log1mexp(abs(x) + 0.5),
}
# Farther from kinks than the step.
POINTS = [-7.3, -2.2, -1.4, -0.51, -0.02, 0.03, 0.41, 0.7, 1.3, 3.4, 6.2]


def in_float64(f, x, dx):
    with jax.enable_x64(True):
        x, dx = jnp.asarray(x, jnp.float64), jnp.asarray(dx, jnp.float64)
        return np.asarray(f(x + dx) - f(x))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_slope_of_an_activation_is_float64s(name):
    f, h = ACTIVATIONS[name], 2.0**-10
    x = jnp.asarray(POINTS, jnp.float32)
    # Softmax and similar functions do not change along a constant direction.
    d = np.where(np.arange(x.size) % 2, -1.0, 0.5)
    got = jax.jit(lambda x: slope(f, x, d, h))(x)
    wanted = in_float64(f, np.asarray(x, float) - h * d, 2 * h * d) / (2 * h)
    # Relative to the terms of the sum, which are about 1.
    np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=4e-7)


@pytest.mark.parametrize(
    "name", ["relu", "relu6", "hard_tanh", "leaky_relu", "elu", "selu", "softmax"]
)
@pytest.mark.parametrize("size", [1e-12, 1e-6, 0.7, 8.0])
def test_across_kinks_an_activation_changes_by_all_that_lies_between(name, size):
    f = ACTIVATIONS[name]
    x = jnp.asarray([-1.5, -1, -0.25, 0, 0.25, 1, 6, 7], jnp.float32)
    signs = jnp.asarray([1, -1, 1, -1, -1, 1, -1, -1], jnp.float32)
    dx = size * signs
    value, change = difference(f)(x, dx)
    np.testing.assert_array_equal(value, f(x))
    if size >= 1e-6:
        wanted = in_float64(f, np.asarray(x, float), np.asarray(dx, float))
        np.testing.assert_allclose(change, wanted, rtol=2e-6, atol=1e-7 * size)
    else:
        # On each side of a kink, f is linear, so a larger dx can stand for a small one.
        wanted = in_float64(f, np.asarray(x, float), np.asarray(signs, float) * 1e-6)
        np.testing.assert_allclose(
            change, wanted * (size / 1e-6), rtol=1e-5, atol=1e-18
        )


@pytest.mark.parametrize(
    "f",
    [
        jnp.median,
        partial(jnp.percentile, q=30),
        lambda x: jnp.quantile(x, jnp.array([0.1, 0.75], x.dtype)),
        jnp.nanmax,
        jnp.nansum,
        lambda x: jnp.nan_to_num(x, nan=3.0),
        lambda x: jnp.unwrap(x, period=2.0),
        jnp.ptp,
        lambda x: jnp.fmod(x, 1.5),
        lambda x: jnp.interp(x, jnp.array([-1.0, 0, 2], x.dtype), x[:3]),
        lambda x: jnp.sort(x)[::-1] * jnp.argsort(x),
    ],
)
@pytest.mark.parametrize("size", [2.0**-12, 0.7])
def test_functions_of_numpy_change_as_float64s(f, size):
    x = jnp.asarray([0.5, -1.25, 3, 0.5, -0.25, 1.75, 2.5], jnp.float32)
    dx = jnp.asarray(size * np.array([1, -1, 0.5, -1, 1, 0.25, 1]), jnp.float32)
    value, change = difference(f)(x, dx)
    # JAX compiles each as a whole, so it may fuse a product and a sum.
    np.testing.assert_allclose(value, f(x), rtol=3e-7, atol=1e-7)
    wanted = in_float64(f, np.asarray(x, float), np.asarray(dx, float))
    # A sum loses the digits that its terms lose.
    lost = 3e-7 * max(size, abs(wanted).max())
    np.testing.assert_allclose(change, wanted, rtol=2e-6, atol=lost)
