"""A loss that is one more entry of the table is exported with the output it names."""

import numpy as np
import pytest

from secant import InvalidInput
from secant.export import write_keras, write_onnx, write_torch
from secant.nn.activations import ExportNames
from secant.nn.losses import LOSSES


@pytest.fixture
def planted(monkeypatch):
    """Cross entropy under another name: probabilities, so a softmax at the end."""
    monkeypatch.setitem(LOSSES, "planted", LOSSES["cross_entropy"])


def test_onnx_ends_with_its_output(planted, run_of, tmp_path):
    pytest.importorskip("onnx", reason='needs pip install "secant[export]"')
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    run = run_of(loss="planted")
    write_onnx(run, tmp_path / "net.onnx")
    session = runtime.InferenceSession(
        tmp_path / "net.onnx", providers=["CPUExecutionProvider"]
    )
    x = np.random.default_rng(0).standard_normal((7, 3), np.float32)
    (found,) = session.run(["probabilities"], {"input": x})
    np.testing.assert_allclose(found, run.net.predict(x), atol=1e-6)


def test_pytorch_and_keras_end_with_its_output(planted, run_of, tmp_path):
    net = run_of(loss="planted").net
    assert "    nn.Softmax(dim=-1),\n)" in write_torch(net, tmp_path / "a.safetensors")
    assert "Dense(4, 'softmax')])" in write_keras(net, tmp_path / "a.npz")


def test_an_output_without_an_export_is_refused(run_of, tmp_path, monkeypatch):
    entry = LOSSES["sum_squares"]._replace(
        output_names=ExportNames(None, None, "linear")
    )
    monkeypatch.setitem(LOSSES, "planted", entry)
    net = run_of(loss="planted").net
    with pytest.raises(
        InvalidInput,
        match=r"the loss 'planted' has no name in PyTorch.*"
        r"for Keras, or train with another loss \(cross_entropy, sum_",
    ):
        write_torch(net, tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())
    assert "Dense(4, 'linear')])" in write_keras(net, tmp_path / "a.npz")
