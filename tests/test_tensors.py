"""Tensors of PyTorch as input: read, or refused with what to write instead."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import secant
from secant import InvalidInput

LABELS = np.array([0, 1, 0])


class Tensor:
    """What of a tensor of PyTorch is read: its facts, and its answer to NumPy."""

    def __init__(self, dtype="torch.bfloat16", requires_grad=False, device="cpu"):
        self.dtype, self.requires_grad, self.device = dtype, requires_grad, device
        self.shape, self.ndim = (3, 2), 2

    def __array__(self, dtype=None, copy=None):
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        if self.device != "cpu":
            raise TypeError("can't convert cuda:0 device type tensor to numpy.")
        if self.dtype == "torch.bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return np.ones(self.shape, np.float32)

    def detach(self):
        return self


def square(x):
    return (x**2).sum()


def of_loss(method):
    step = secant.value_and_gradient(square, method)
    return lambda x: step(x, key=jax.random.key(0))[1]


def of_network(x):
    net = secant.MLP((2, 2), seed=0)
    return secant.value_and_gradient(net, "backprop")(net.params, x, LABELS)


def of_argument(x):
    loss = secant.value_and_gradient(lambda w, x: (w * x).sum(), "backprop")
    return loss(jnp.ones(2), x)


CALLS = {
    "fit": lambda x: secant.fit(
        secant.MLP((2, 2)), (x, LABELS), "backprop", iterations=1, batch_size=1
    ),
    "predict": lambda x: secant.MLP((2, 2)).predict(x),
    "gradient": lambda x: secant.gradient(square, x),
    "numerical_gradient": lambda x: secant.numerical_gradient(square, x),
    "difference": lambda x: secant.difference(square)(x, 1.0),
    "check_gradient": lambda x: secant.check_gradient(square, x),
    "value_and_gradient of a network": of_network,
    "value_and_gradient of an argument": of_argument,
    "spsa": of_loss("spsa"),
    "weight": of_loss("weight"),
    "backprop": of_loss("backprop"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_tensor_that_numpy_cannot_read_is_refused(call):
    with pytest.raises(InvalidInput, match=r"torch\.bfloat16 .*pass \w+\.float\(\)$"):
        call(Tensor())


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.filterwarnings("ignore::secant.TrainingWarning")
def test_a_tensor_that_numpy_can_read_is_taken(call):
    call(Tensor("torch.float32"))


@pytest.mark.parametrize(
    ("tensor", "instead"),
    [
        (Tensor("torch.float64", requires_grad=True), "x.detach()"),
        (Tensor("torch.float32", device="cuda:0"), "x.cpu()"),
        (Tensor(requires_grad=True, device="cuda:0"), "x.detach().cpu().float()"),
    ],
)
def test_the_message_says_what_to_write_instead(tensor, instead):
    with pytest.raises(InvalidInput) as caught:
        secant.gradient(square, tensor)
    assert str(caught.value).endswith(f": pass {instead}")


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.filterwarnings("ignore::secant.TrainingWarning")
def test_a_tensor_of_pytorch_is_as_the_stand_in(call):
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    call(torch.ones(3, 2))
    with pytest.raises(InvalidInput, match=r"torch\.bfloat16 .*pass \w+\.float\(\)$"):
        call(torch.ones(3, 2, dtype=torch.bfloat16))
    with pytest.raises(InvalidInput, match=r"pass \w+\.detach\(\)$"):
        call(torch.ones(3, 2, requires_grad=True))
