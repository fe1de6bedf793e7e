"""A run on digits, and runs of other architectures."""

import numpy as np
import pytest

import secant


@pytest.fixture(scope="session")
def digits_run():
    """The notebook's network, trained on the digits built in."""
    net = secant.TwoLayerNet(784, 50, 10, seed=0)
    data = secant.load_mnist_sample()
    return secant.fit(net, data, iterations=1500, metadata=secant.RunMetadata("digits"))


@pytest.fixture(scope="session")
def run_of():
    """Makes a run of any architecture, by a step or two."""

    def make(sizes=(3, 5, 4), activation="tanh", gradient="backprop", **options):
        net = secant.MLP(sizes, activation, init="xavier", seed=1, **options)
        draw = np.random.default_rng(0)
        x = draw.standard_normal((20, sizes[0]))
        t = draw.integers(sizes[-1], size=20)
        return secant.fit(net, (x, t), gradient, iterations=2, batch_size=5)

    return make
