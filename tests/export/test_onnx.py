"""The ONNX model computes what the network does, and says what it is."""

import json
from dataclasses import replace

import numpy as np
import pytest

import secant
from secant import InvalidInput, Run, SecantError
from secant.export import write_onnx
from secant.export.onnx import verified
from secant.nn.activations import ACTIVATIONS
from secant.training.serialization import fingerprint

ARCHITECTURES = [{"activation": activation} for activation in ACTIVATIONS] + [
    {"loss": "sum_squares"},
    {"bias": False},
    {"sizes": (3, 4)},
    {"sizes": (3, 6, 5, 4)},
    {"gradient": "definition"},
]


@pytest.fixture
def onnx():
    return pytest.importorskip("onnx", reason='needs pip install "secant[export]"')


@pytest.fixture
def onnxruntime():
    return pytest.importorskip("onnxruntime", reason="needs pip install onnxruntime")


def outputs(onnxruntime, path, x):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": np.asarray(x, np.float32)})[0]


@pytest.mark.slow
def test_predictions_on_digits_are_equal(onnx, onnxruntime, digits_run, tmp_path):
    path = tmp_path / "digits.onnx"
    said = write_onnx(digits_run, path)
    (_, _), (x, t) = secant.load_mnist_sample()
    found = outputs(onnxruntime, path, x)
    wanted = digits_run.net.predict(x.astype(np.float64))
    apart = np.abs(found - wanted).max()
    assert apart == said <= 1e-6
    np.testing.assert_array_equal(found.argmax(axis=1), wanted.argmax(axis=1))
    assert (found.argmax(axis=1) == t).mean() > 0.85


@pytest.mark.parametrize("options", ARCHITECTURES, ids=str)
def test_outputs_of_every_architecture_are_equal(
    onnx, onnxruntime, run_of, options, tmp_path
):
    run = run_of(**options)
    assert write_onnx(run, tmp_path / "net.onnx") <= 1e-6
    for batch in (1, 7):
        x = np.random.default_rng(batch).standard_normal((batch, 3))
        found = outputs(onnxruntime, tmp_path / "net.onnx", x)
        wanted = run.net.predict(np.float32(x).astype(np.float64))
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_the_model_has_its_metadata(onnx, run_of, tmp_path):
    run = run_of()
    write_onnx(run, tmp_path / "net.onnx", classes=["하나", "둘", "셋", 4])
    model = onnx.load(tmp_path / "net.onnx")
    onnx.checker.check_model(model, full_check=True)
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(about["classes"]) == ["하나", "둘", "셋", "4"]
    assert about["secant"] == model.producer_version == secant.__version__
    assert about["weights_sha256"] == fingerprint(run.net.params)
    assert json.loads(about["settings"])["gradient"] == "backprop"
    assert json.loads(about["architecture"])["sizes"] == [3, 5, 4]
    assert "float32, (batch, 3)" in about["input"]
    (put,), (got,) = model.graph.input, model.graph.output
    assert (put.name, got.name) == ("input", "probabilities")
    batch, inputs = put.type.tensor_type.shape.dim
    assert batch.dim_param == "batch"
    assert inputs.dim_value == 3


def test_the_fingerprint_is_that_of_the_saved_run(run_of, tmp_path):
    run = run_of()
    again = Run.load(run.save(tmp_path / "run"))
    assert fingerprint(again.net.params) == fingerprint(run.net.params)
    changed = run.net.replace(run.net.params)
    changed.params["W1"][0, 0] += 1e-6
    assert fingerprint(changed.params) != fingerprint(run.net.params)


def test_a_wrong_model_is_not_written(onnx, onnxruntime, run_of, tmp_path, monkeypatch):
    run = run_of()
    wrong = run.net.replace(run.net.params)
    wrong.params["W2"][0, 0] *= 1.001
    monkeypatch.setattr(
        "secant.export.onnx.verified", lambda net, content: verified(wrong, content)
    )
    with pytest.raises(SecantError, match=r"differ from the network's by .*e-0"):
        write_onnx(run, tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


def test_without_onnxruntime_it_is_not_verified(onnx, run_of, tmp_path, monkeypatch):
    from importlib.util import find_spec

    monkeypatch.setattr(
        "secant.export.onnx.find_spec",
        lambda name: None if name == "onnxruntime" else find_spec(name),
    )
    assert write_onnx(run_of(), tmp_path / "net.onnx") is None
    assert (tmp_path / "net.onnx").stat().st_size > 0


def test_without_the_extra_the_error_names_the_package(run_of, tmp_path, monkeypatch):
    monkeypatch.setattr("secant.export.onnx.find_spec", lambda name: None)
    with pytest.raises(SecantError, match=r'pip install "secant\[export\]"'):
        write_onnx(run_of(), tmp_path / "net.onnx")


def test_classes_are_as_many_as_outputs(onnx, run_of, tmp_path):
    with pytest.raises(InvalidInput, match="3 classes and 4 outputs"):
        write_onnx(run_of(), tmp_path / "net.onnx", classes="abc")


def test_weights_that_float32_cannot_hold_are_refused(onnx, run_of, tmp_path):
    run = run_of(gradient="definition")
    run.net.params["W1"][0, 0] = 1e300
    with pytest.raises(InvalidInput, match=r"W1 holds weights.*diverged"):
        write_onnx(run, tmp_path / "net.onnx")


def test_large_sums_are_allowed_float32_s_own_rounding(
    onnx, onnxruntime, run_of, tmp_path
):
    run = run_of(sizes=(30, 5, 4), loss="sum_squares", activation="relu")
    large = run.net.replace({name: 300 * w for name, w in run.net.params.items()})
    difference = write_onnx(replace(run, net=large), tmp_path / "net.onnx")
    assert 1e-6 < difference < 10
