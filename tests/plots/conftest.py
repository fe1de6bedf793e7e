"""A small trained network, its run and its path, made once."""

import pytest

from secant import MLP, fit, load_mnist_sample
from secant.plots import style


@pytest.fixture(scope="session")
def digits():
    (x, t), (x_test, t_test) = load_mnist_sample()
    return (x[:500], t[:500]), (x_test[:200], t_test[:200])


@pytest.fixture(scope="session")
def run(digits):
    net = MLP((784, 8, 10), init="xavier")
    return fit(net, digits, "backprop", iterations=40, batch_size=50)


@pytest.fixture
def korean(monkeypatch):
    """As on a machine with a Korean font, whether or not this one has any."""
    monkeypatch.setattr(style, "KOREAN_FONTS", ("some Korean font",))
