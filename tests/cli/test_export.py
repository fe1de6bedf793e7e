"""`secant export`: files, messages and invalid input."""

import pytest
from safetensors.numpy import load_file

FILES = {
    "nothing to write": ([], "name a file, as in secant export"),
    "another ending": (["model.txt"], "is not a .onnx file"),
    "torch's ending": (["--torch", "model.pt"], "is not a .safetensors file"),
    "keras' ending": (["--keras", "model.h5"], "is not a .npz file"),
    "a file that is there": (["taken.onnx"], "does not overwrite it"),
    "no folder": (["no/model.onnx"], "there is no folder no"),
    "classes without onnx": (
        ["--torch", "m.safetensors", "--classes", "a,b"],
        "--classes is for ONNX",
    ),
}


def words(text):
    return " ".join(text.split())


@pytest.mark.parametrize("case", FILES)
def test_invalid_input_leaves_no_file(case, secant, trained, tmp_path):
    arguments, message = FILES[case]
    (tmp_path / "taken.onnx").write_text("years of work")
    outcome = secant("export", trained, *arguments)
    assert outcome.code == 2
    assert message in words(outcome.err)
    assert [path.name for path in tmp_path.iterdir()] == ["taken.onnx"]
    assert (tmp_path / "taken.onnx").read_text() == "years of work"


def test_one_invalid_name_of_two_writes_neither(secant, trained, tmp_path):
    outcome = secant("export", trained, "--torch", "a.safetensors", "--keras", "a.h5")
    assert outcome.code == 2
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_no_run_is_reported(secant):
    outcome = secant("export", "runs/none", "model.onnx")
    assert outcome.code == 2
    assert "is not a run" in outcome.err


def test_the_loading_code_is_printed_unbroken(secant, trained, tmp_path):
    outcome = secant("export", trained, "--torch", "a.safetensors", "--keras", "a.npz")
    assert outcome.code == 0, outcome.err
    assert "net.load_state_dict(load_file('a.safetensors'))\n" in outcome.out
    assert (
        "net = Sequential([Input((784,)), Dense(50, 'sigmoid'), "
        "Dense(10, 'softmax')])\n"
    ) in outcome.out
    assert load_file(tmp_path / "a.safetensors")["0.weight"].shape == (50, 784)


def test_onnx_is_verified_and_the_difference_is_printed(secant, trained, tmp_path):
    pytest.importorskip("onnx", reason='needs pip install "secant[export]"')
    pytest.importorskip("onnxruntime", reason="needs pip install onnxruntime")
    outcome = secant("export", trained, "model.onnx")
    assert outcome.code == 0, outcome.err
    assert "on 1,000 of MNIST's digits (the largest difference)" in outcome.out
    assert (tmp_path / "model.onnx").stat().st_size > 150_000


def test_class_names_must_match_the_outputs(secant, trained, tmp_path):
    pytest.importorskip("onnx", reason='needs pip install "secant[export]"')
    outcome = secant("export", trained, "model.onnx", "--classes", "zero,one")
    assert outcome.code == 2
    assert "2 classes and 10 outputs" in outcome.err
    assert not list(tmp_path.iterdir())


def test_without_the_extra_the_error_names_the_package(secant, trained, monkeypatch):
    monkeypatch.setattr("secant.export.onnx.find_spec", lambda name: None)
    outcome = secant("export", trained, "model.onnx")
    assert outcome.code == 2
    assert 'pip install "secant[export]"' in outcome.err
