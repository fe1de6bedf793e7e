"""A new entry in the table of activations works everywhere."""

import numpy as np
import pytest
from starlette.testclient import TestClient

import secant as library
from secant.arrays import as_real
from secant.cli.table_help import alternatives
from secant.comparison import compare
from secant.nn.activations import ACTIVATIONS, Activation, ExportNames
from secant.nn.gradients import METHODS
from secant.training import Run
from secant_lab.server import application

NOWHERE = ExportNames(onnx=None, torch=None, keras=None)


def softsign(a):
    """`y = a / (1 + |a|)`."""
    a = as_real(a, "a")
    return a / (1 + abs(a))


def softsign_change(coefficients, da):
    """`(da + (a + da)|a| - a|a + da|) / ((1 + |a|)(1 + |a + da|))`.

    The two products cancel where a and a + da have the same sign, and are equal
    where they have not.
    """
    (a,) = coefficients
    after = a + da
    crossing = (abs(after) * abs(a)) * (after * a < 0)
    rise = da + 2 * crossing * (1 - 2 * (a > 0))
    return rise / ((1 + abs(a)) * (1 + abs(after)))


SOFTSIGN = Activation(
    function=softsign,
    derivative=lambda a, y: (1 - abs(y)) ** 2,
    slope_bound=1,
    kinks=(0.0,),
    scale=1.0,
    linearization=lambda a: (a,),
    change=softsign_change,
    init="xavier",
    export_names=ExportNames("Softsign", "Softsign()", "softsign"),
)


@pytest.fixture(autouse=True, scope="module")
def planted():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ACTIVATIONS, "softsign", SOFTSIGN)
        yield


@pytest.fixture
def unexported(monkeypatch):
    """The same entry, without names in other programs."""
    entry = SOFTSIGN._replace(export_names=NOWHERE)
    monkeypatch.setitem(ACTIVATIONS, "softsign", entry)


@pytest.fixture(scope="module")
def softsign_run(planted, tmp_path_factory):
    """The folder of a run with the new activation."""
    net = library.MLP((784, 6, 10), "softsign", init="xavier")
    run = library.fit(net, library.load_mnist_sample(), "backprop", iterations=50)
    return run.save(tmp_path_factory.mktemp("softsign") / "run")


@pytest.mark.parametrize("command", ["train", "compare"])
def test_the_help_names_a_new_activation(command, secant):
    assert "softsign" in alternatives(ACTIVATIONS)
    assert f" {alternatives(ACTIVATIONS)}. " in secant(command, "--help").out


def test_a_new_activation_trains(secant, tmp_path):
    outcome = secant(
        *("train", "--data", "sample", "--activation", "softsign", "--hidden", 6),
        *("--init", "xavier", "--iterations", 200, "--out", "run"),
    )
    assert outcome.code == 0, outcome.err
    run = Run.load(tmp_path / "run")
    assert run.net.architecture.activation == "softsign"
    (_, _), (x, t) = library.load_mnist_sample()
    scores = softsign(x @ run.net.params["W1"] + run.net.params["b1"])
    scores = scores @ run.net.params["W2"] + run.net.params["b2"]
    np.testing.assert_allclose(run.net.scores(x), scores)
    assert (scores.argmax(axis=1) == t).mean() > 0.5


def test_compare_takes_a_new_activation(planted):
    net = library.MLP((7, 5, 3), "softsign", init="xavier")
    draw = np.random.default_rng(0)
    x, t = draw.standard_normal((9, 7)), draw.integers(3, size=9)
    (row,) = compare(net, x, t, chosen=[("node", METHODS["node"])])
    assert row.error < 1e-6


def test_onnx_computes_a_new_activation(secant, softsign_run, tmp_path):
    pytest.importorskip("onnx", reason='needs pip install "secant[export]"')
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    outcome = secant("export", softsign_run, "model.onnx")
    assert outcome.code == 0, outcome.err
    session = runtime.InferenceSession(
        tmp_path / "model.onnx", providers=["CPUExecutionProvider"]
    )
    (_, _), (x, _) = library.load_mnist_sample()
    (found,) = session.run(None, {"input": np.asarray(x, np.float32)})
    wanted = Run.load(softsign_run).net.predict(x.astype(np.float64))
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_the_pytorch_and_keras_code_names_a_new_activation(secant, softsign_run):
    outcome = secant("export", softsign_run, "--torch", "a.safetensors")
    assert outcome.code == 0, outcome.err
    assert "    nn.Linear(784, 6),\n    nn.Softsign(),\n" in outcome.out
    outcome = secant("export", softsign_run, "--keras", "a.npz")
    assert outcome.code == 0, outcome.err
    assert "Dense(6, 'softsign'), Dense(10, 'softmax')" in outcome.out


FILES = {
    "ONNX": ["model.onnx"],
    "PyTorch": ["--torch", "a.safetensors"],
    "Keras": ["--keras", "a.npz"],
}


@pytest.mark.parametrize("program", FILES)
def test_an_activation_without_an_export_is_refused(
    program, secant, softsign_run, unexported, tmp_path
):
    pytest.importorskip("onnx", reason='needs pip install "secant[export]"')
    outcome = secant("export", softsign_run, *FILES[program])
    assert outcome.code == 2
    others = ", ".join(name for name in ACTIVATIONS if name != "softsign")
    assert " ".join(outcome.err.split()) == (
        f"error: the activation 'softsign' has no name in {program}, so the network "
        f"cannot be exported there: train with another activation ({others})"
    )
    assert not list(tmp_path.iterdir())


def test_an_activation_missing_in_one_program_exports_to_another(
    secant, softsign_run, tmp_path, monkeypatch
):
    names = ExportNames(onnx=None, torch="Softsign()", keras="softsign")
    monkeypatch.setitem(ACTIVATIONS, "softsign", SOFTSIGN._replace(export_names=names))
    both = secant("export", softsign_run, "model.onnx", "--torch", "a.safetensors")
    assert both.code == 2
    assert "export this network for PyTorch or Keras, or" in " ".join(both.err.split())
    assert not list(tmp_path.iterdir())
    assert secant("export", softsign_run, "--torch", "a.safetensors").code == 0


def test_a_network_without_the_activation_is_exported(unexported, tmp_path):
    from secant.export import write_torch

    net = library.MLP((3, 2), "softsign")
    assert "nn.Linear(3, 2),\n    nn.Softmax" in write_torch(
        net, tmp_path / "a.safetensors"
    )


def test_the_scikit_learn_classifier_takes_a_new_activation():
    pytest.importorskip("sklearn", reason='needs pip install "secant[sklearn]"')
    from secant.sklearn import MLPClassifier

    draw = np.random.default_rng(0)
    y = np.arange(120) % 3
    x = draw.standard_normal((120, 2)) + 5 * np.eye(3)[y][:, :2]
    model = MLPClassifier(
        (6,), "softsign", learning_rate=0.01, iterations=300, random_state=0
    )
    assert model.fit(x, y).score(x, y) > 0.9
    assert model.net_.architecture.activation == "softsign"


def test_the_page_offers_a_new_activation_with_its_first_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = application(token="planted", port=8787)
    page = TestClient(app, base_url="http://127.0.0.1:8787")
    page.get("/", params={"token": "planted"})

    def ask(name, **words):
        return page.post(f"/api/training/{name}", json=words).json()

    try:
        assert ask("choices")["activations"] == list(ACTIVATIONS)
        entries = [{"gradient": "node", "rate": 0.1}]
        race = ask("start", entries=entries, activation="softsign", hidden=3, batch=5)
        assert race["activation"] == "softsign"
        assert race["init"] == SOFTSIGN.init
    finally:
        app._app.state.room.close()
