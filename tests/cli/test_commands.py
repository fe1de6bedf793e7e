"""The commands: train, predict, evaluate, data."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import secant as library
from secant import Run, TrainingWarning
from secant.cli.evaluate import _confusion_table


def digit_picture(path, label=3, size=200):
    """A digit of the sample as a scan: large, dark on white."""
    (x, t), _ = library.load_mnist_sample()
    digit = x[t == label][0].reshape(28, 28)
    picture = Image.fromarray(np.uint8(255 - 255 * digit)).resize((size, size))
    picture.save(path)
    return path


# --- train -------------------------------------------------------------------------


def test_train_saves_a_run_and_prints_its_accuracy(secant, tmp_path):
    outcome = secant("train", "--data", "sample", "--iterations", 300, "--seed", 5)
    assert outcome.code == 0
    run = Run.load(tmp_path / "runs" / "0001")
    assert run.settings.seed == 5
    assert len(run.losses) == 300
    assert run.net.architecture.sizes == (784, 50, 10)
    assert f"{run.test_accuracy[-1]:.2%}" in outcome.out
    assert "saved in runs/0001" in outcome.out
    assert "sample of 5,000 MNIST digits" in outcome.err
    assert "secant data fetch mnist" in outcome.err
    assert re.search(
        r"forecast  node: a step takes about .* ms; 300 steps", outcome.err
    )
    assert (tmp_path / "runs" / "0001" / "training.png").is_file()


def test_train_passes_its_options_on(secant, tmp_path):
    options = {
        "--data": "sample",
        "--hidden": "12,8",
        "--activation": "relu",
        "--init": "he",
        "--optimizer": "adam",
        "--learning-rate": 0.01,
        "--iterations": 90,
        "--batch-size": 50,
        "--sampling": "epochs",
        "--loss": "sum_squares",
        "--out": "mine",
    }
    outcome = secant("train", *(word for pair in options.items() for word in pair))
    assert outcome.code == 0, outcome.err
    run = Run.load(tmp_path / "mine")
    assert run.net.architecture.sizes == (784, 12, 8, 10)
    assert run.net.architecture.activation == "relu"
    assert run.net.architecture.loss == "sum_squares"
    assert run.settings.optimizer == "adam"
    assert run.settings.learning_rate == 0.01
    assert run.settings.batch_size == 50
    assert run.settings.sampling == "epochs"


def test_train_equals_fit(secant, tmp_path):
    secant("train", "--data", "sample", "--iterations", 40, "--out", "a")
    run = library.fit(
        library.TwoLayerNet(784, 50, 10, seed=0),
        library.load_mnist_sample(),
        iterations=40,
    )
    np.testing.assert_array_equal(Run.load(tmp_path / "a").losses, run.losses)


def test_runs_are_numbered(secant, tmp_path):
    for _ in range(2):
        secant("train", "--data", "sample", "--iterations", 20, "--hidden", "3")
    assert sorted(os.listdir(tmp_path / "runs")) == ["0001", "0002"]


def test_the_definition_agrees_with_backprop_and_forecasts_10000_steps(secant):
    outcome = secant(
        *("train", "--data", "sample", "--gradient", "definition", "--hidden", "1"),
        *("--iterations", 2, "--batch-size", 10),
    )
    assert outcome.code == 0
    agreement = re.search(r"agree with backprop's to (\S+)", outcome.out)
    assert agreement
    assert float(agreement[1]) < 1e-6
    assert re.search(r"10,000 such steps would take about \d", outcome.out)
    assert re.search(r"definition: a step takes 1,611 runs of the network", outcome.err)


def test_a_user_csv_is_learned(secant, tmp_path):
    draw = np.random.default_rng(0)
    t = np.arange(300) % 3
    x = draw.standard_normal((300, 2)) + 4 * np.eye(3)[t][:, :2]
    np.savetxt(tmp_path / "own.csv", np.column_stack([t, x]), delimiter=",", fmt="%.5f")
    outcome = secant("train", "--data", "own.csv", "--iterations", 1500)
    assert outcome.code == 0, outcome.err
    run = Run.load(tmp_path / "runs" / "0001")
    assert run.net.architecture.sizes == (2, 50, 3)
    assert run.test_accuracy[-1] > 0.9
    assert "predict" not in outcome.out


def test_a_nonfinite_loss_still_saves_the_run(secant, tmp_path):
    outcome = secant(
        *("train", "--data", "sample", "--activation", "relu", "--init", "he"),
        *("--learning-rate", "1e9", "--iterations", 100),
    )
    assert outcome.code == 2
    assert "the loss became nan at step" in outcome.err
    assert Run.load(tmp_path / "runs" / "0001").status == "stopped"


@pytest.mark.filterwarnings(f"always::{TrainingWarning.__module__}.TrainingWarning")
def test_a_warning_is_one_line(secant):
    outcome = secant(
        *("train", "--data", "sample", "--learning-rate", "1e-9", "--iterations", 40)
    )
    assert outcome.code == 0
    assert "Warning" not in outcome.err
    (line,) = [line for line in outcome.err.splitlines() if "warning" in line]
    assert line.startswith("warning: after the first epoch")


def test_the_next_command_is_suggested(secant, tmp_path):
    (tmp_path / "a b.csv").write_text("0,0.5\n1,1.5\n" * 10)
    outcome = secant(
        *("train", "--data", "a b.csv", "--iterations", 1, "--batch-size", 2),
        *("--out", "my run"),
    )
    assert outcome.out.splitlines()[-1] == (
        "next: secant evaluate 'my run' --data 'a b.csv'"
    )
    assert secant("evaluate", "my run", "--data", "a b.csv").code == 0


def test_help_shows_the_defaults(secant):
    said = secant("train", "--help").out
    for default in ("node", "0.1 for sgd", "runs/0001", "10000"):
        assert default in said


# --- predict, evaluate, data ----------------------------------------------------------


def test_predict_reads_a_scanned_digit(secant, trained, tmp_path):
    picture = digit_picture(tmp_path / "three.png", label=3)
    outcome = secant("predict", trained, picture, "--show")
    assert outcome.code == 0
    row = next(line for line in outcome.out.splitlines() if "three.png" in line)
    assert row.split()[1] == "3"
    assert "█" in outcome.out


def test_predict_prints_json(secant, trained, tmp_path):
    pictures = [digit_picture(tmp_path / f"{d}.png", label=d) for d in (0, 1)]
    outcome = secant("predict", trained, *pictures, "--json")
    answers = [json.loads(line) for line in outcome.out.splitlines()]
    assert [answer["digit"] for answer in answers] == [0, 1]
    assert sum(answers[0]["outputs"]) == pytest.approx(1, abs=1e-5)


def test_a_bad_picture_does_not_lose_the_others(secant, trained, tmp_path):
    good = digit_picture(tmp_path / "good.png", label=1)
    (tmp_path / "bad.png").write_text("no picture")
    outcome = secant("predict", trained, tmp_path / "bad.png", good)
    assert outcome.code == 2
    assert "bad.png" in outcome.err
    assert "good.png" in outcome.out


def test_colours_show_the_greys_that_the_network_sees(
    secant, trained, tmp_path, monkeypatch
):
    monkeypatch.setattr("secant.cli.predict.out", Console(force_terminal=True))
    picture = digit_picture(tmp_path / "three.png", label=3)
    outcome = secant("predict", trained, picture, "--show")
    assert outcome.out.count("▀") == 14 * 28


def test_squared_error_gives_no_probabilities(secant, tmp_path):
    secant(
        *("train", "--data", "sample", "--loss", "sum_squares", "--hidden", "3"),
        *("--iterations", 1),
    )
    outcome = secant("predict", "runs/0001", digit_picture(tmp_path / "a.png"))
    assert outcome.code == 0
    assert "output" in outcome.out
    assert "%" not in outcome.out


def test_evaluate_equals_the_library_s_accuracy(secant, trained):
    outcome = secant("evaluate", trained, "--data", "sample", "--json")
    answer = json.loads(outcome.out)
    _, (x, t) = library.load_mnist_sample()
    net = Run.load(trained).net
    assert answer["accuracy"] == net.accuracy(x, t)
    confusion = np.array(answer["confusion"])
    assert confusion.sum() == 1000
    assert confusion.trace() == round(1000 * answer["accuracy"])
    np.testing.assert_array_equal(confusion.sum(axis=1), np.bincount(t))


def test_evaluate_shows_the_worst_confusion_table(secant, trained):
    outcome = secant("evaluate", trained, "--data", "sample")
    assert outcome.code == 0
    assert re.search(r"most frequent mistakes: \d read as \d: \d+ times", outcome.out)


def test_many_classes_are_listed_worst_first(secant, tmp_path):
    t = np.repeat(np.arange(30), 10)
    np.savez(tmp_path / "many.npz", x=np.eye(30)[t], t=t)
    secant(
        *("train", "--data", "many.npz", "--hidden", "", "--learning-rate", 5),
        *("--iterations", 60),
    )
    outcome = secant("evaluate", "runs/0001", "--data", "many.npz")
    assert outcome.code == 0
    assert len([line for line in outcome.out.splitlines() if "%" in line]) == 21


def test_the_confusion_table_fits_80_columns(capsys):
    Console(width=80).print(_confusion_table(np.full((10, 10), 1234)))
    lines = capsys.readouterr().out.splitlines()
    assert [line.count("1234") for line in lines] == [0, *[10] * 10]
    assert max(map(len, lines)) <= 80


def test_data_lists_the_sets_and_their_folders(secant, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("SECANT_DATA", raising=False)
    outcome = secant("data")
    assert outcome.code == 0
    assert "not here: secant data fetch mnist" in outcome.out
    assert "built in" in outcome.out


def test_fetch_prints_the_files_and_their_folder(secant, monkeypatch, tmp_path):
    def fake(name, progress):
        for done in (0, 500_000, 1_000_000):
            progress("train-images", done, 1_000_000)
        return tmp_path / name

    monkeypatch.setattr("secant.data.fetch.fetch", fake)
    outcome = secant("data", "fetch", "mnist")
    assert outcome.code == 0
    assert outcome.err == "fetching train-images: 1.0 MB\n"
    assert outcome.out.startswith(f"mnist is in {tmp_path / 'mnist'}")


# --- the program -------------------------------------------------------------------


def run_python(code):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "100"},
    )


@pytest.mark.parametrize(
    "command",
    [
        "import secant",
        "import secant; secant.__version__; dir(secant)",
        "from secant.cli import main",
        "import sys; sys.argv = ['secant', '--help']\n"
        "from secant.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass",
        "import sys; sys.argv = ['secant', 'train', '--help']\n"
        "from secant.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass",
    ],
    ids=["import", "version", "import of the commands", "help", "help of train"],
)
def test_neither_import_nor_help_loads_heavy_packages(command):
    heavy = {"jax", "matplotlib", "PIL", "requests"}
    if "train" not in command:
        # The help of train lists the activations, whose table needs NumPy.
        heavy.add("numpy")
    code = f"{command}\nimport sys; print('loaded', {heavy} & set(sys.modules))"
    assert run_python(code).stdout.splitlines()[-1] == "loaded set()"


def test_version_is_printed(secant):
    assert secant("--version").out == f"secant {library.__version__}\n"


def test_every_public_name_can_be_imported():
    for name in library.__all__:
        assert getattr(library, name) is not None
    assert set(library.__all__) <= set(dir(library))
