"""The weights for PyTorch and Keras: the lines that are printed load them."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from secant import InvalidInput
from secant.export import write_keras, write_torch
from secant.nn.activations import ACTIVATIONS, softmax

OPTIONS = [{"activation": activation} for activation in ACTIVATIONS] + [
    {"loss": "sum_squares"},
    {"bias": False},
    {"sizes": (3, 4)},
]


def samples():
    return np.random.default_rng(0).standard_normal((9, 3), np.float32)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_printed_lines_load_pytorch_s(run_of, options, tmp_path):
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    net = run_of(**options).net
    names = {}
    exec(write_torch(net, tmp_path / "net.safetensors"), names)
    found = names["net"](torch.from_numpy(samples())).detach().numpy()
    wanted = net.predict(samples().astype(np.float64))
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.filterwarnings("ignore")  # Keras' own imports
def test_the_printed_lines_load_keras_s(run_of, options, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    pytest.importorskip("keras", reason="needs Keras")
    net = run_of(**options).net
    names = {}
    exec(write_keras(net, tmp_path / "net.npz"), names)
    found = np.asarray(names["net"](samples()))
    wanted = net.predict(samples().astype(np.float64))
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_the_state_dict_is_in_pytorch_s_order(run_of, tmp_path):
    """By hand, where there is no PyTorch: y = x Wᵀ + b."""
    net = run_of().net
    write_torch(net, tmp_path / "net.safetensors")
    state = load_file(tmp_path / "net.safetensors")
    assert set(state) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    hidden = ACTIVATIONS["tanh"].function(
        samples() @ state["0.weight"].T + state["0.bias"]
    )
    found = softmax(hidden @ state["2.weight"].T + state["2.bias"])
    np.testing.assert_allclose(found, net.predict(samples()), atol=1e-6)


def test_the_arrays_are_in_keras_order(run_of, tmp_path):
    net = run_of().net
    write_keras(net, tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz") as file:
        assert file.files == ["kernel1", "bias1", "kernel2", "bias2"]
        arrays = list(file.values())
    for name, array in zip(("W1", "b1", "W2", "b2"), arrays, strict=True):
        np.testing.assert_array_equal(array, np.float32(net.params[name]))


@pytest.mark.parametrize(
    ("write", "suffix"), [(write_torch, ".safetensors"), (write_keras, ".npz")]
)
def test_another_ending_is_refused(run_of, write, suffix, tmp_path):
    with pytest.raises(InvalidInput, match=f"is not a {suffix} file"):
        write(run_of().net, tmp_path / "net.bin")


def test_an_existing_file_is_not_overwritten(run_of, tmp_path):
    (tmp_path / "net.npz").write_text("years of work")
    with pytest.raises(InvalidInput, match="does not overwrite"):
        write_keras(run_of().net, tmp_path / "net.npz")
    assert (tmp_path / "net.npz").read_text() == "years of work"


def test_a_missing_folder_is_reported(run_of, tmp_path):
    with pytest.raises(InvalidInput, match="there is no folder"):
        write_keras(run_of().net, tmp_path / "nowhere" / "net.npz")
