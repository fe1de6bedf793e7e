"""`secant train --resume` and `secant rerun`."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from secant import Run, load_mnist_sample

TINY = (
    *("train", "--data", "sample", "--hidden", "4", "--gradient", "backprop"),
    *("--init", "xavier", "--learning-rate", "0.5"),
)


def assert_same(run, whole):
    for name, value in whole.net.params.items():
        np.testing.assert_array_equal(run.net.params[name], value)
    np.testing.assert_array_equal(run.losses, whole.losses)
    assert run.history.epochs == whole.history.epochs


def train_long(place):
    """A process that trains in `runs/0001` until it is stopped."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "secant", *TINY),
            *("--iterations", "10000000", "--checkpoint-steps", "200"),
        ],
        cwd=place,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(process, is_there):
    ends = time.monotonic() + 600
    while not is_there():
        assert process.poll() is None
        assert time.monotonic() < ends
        time.sleep(0.02)


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """The folder of a run that SIGTERM ended, and the output."""
    place = tmp_path_factory.mktemp("started")
    process = train_long(place)
    checkpoints = place / "runs" / "0001" / "checkpoints"
    wait_for(process, lambda: any(checkpoints.glob("0*")))
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=600)[1]
    return process.returncode, said, place / "runs" / "0001"


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking it")
def test_sigterm_saves_the_run_and_it_resumes(secant, started):
    code, said, folder = started
    assert code == 143
    assert "stopped by SIGTERM after" in said
    assert f"secant train --resume {folder.relative_to(folder.parents[1])}" in said
    assert "Traceback" not in said
    taken = len(Run.load(folder).losses)
    more = taken + 150
    outcome = secant("train", "--resume", folder, "--iterations", more)
    assert outcome.code == 0, outcome.err
    whole = secant(*TINY, "--iterations", more, "--out", "whole")
    assert whole.code == 0
    assert_same(Run.load(folder), Run.load("whole"))


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking it")
@pytest.mark.parametrize("there", [".lock", "manifest.json"])
def test_a_refused_command_removes_nothing_of_the_run_that_trains(
    secant, tmp_path, there
):
    """Whether that one has only reserved its folder, or has begun the run."""
    process = train_long(tmp_path)
    folder = tmp_path / "runs" / "0001"
    wait_for(process, lambda: (folder / there).exists())
    outcome = secant(*TINY, "--iterations", 5, "--out", folder)
    assert outcome.code == 2
    assert "is in use" in outcome.err or "exists already" in outcome.err
    wait_for(process, lambda: any((folder / "checkpoints").glob("0*")))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=600)
    assert process.returncode == 143
    assert len(Run.load(folder).losses)


def test_rerun_repeats_a_run_bit_for_bit(secant):
    first = secant(*TINY, "--iterations", 120)
    assert first.code == 0, first.err
    outcome = secant("rerun", "runs/0001", "--out", "again")
    assert outcome.code == 0
    assert "the same, bit for bit: 120 losses" in outcome.out
    assert_same(Run.load("again"), Run.load("runs/0001"))


@pytest.mark.slow
def test_rerun_reports_a_different_result(secant, monkeypatch):
    secant(*TINY, "--iterations", 60)
    monkeypatch.setattr(
        "secant.training.manifest.version", lambda name: "0.0 of a test"
    )
    load = Run.load

    def altered(folder):
        run = load(folder)
        run.net.params["b1"][0] += 1e-3
        run.losses[40] += 1e-3
        return run

    monkeypatch.setattr(Run, "load", altered)
    outcome = secant("rerun", "runs/0001")
    assert outcome.code == 1
    assert "not the same: losses differ from step 40 on, by up to 0.001" in outcome.out
    assert "→ 0.0 of a test" in outcome.out


def test_other_options_beside_resume_are_refused(secant):
    outcome = secant("train", "--resume", "runs/0001", "--seed", 3, "--hidden", 9)
    assert outcome.code == 2
    assert "--resume does not take --hidden, --seed" in outcome.err


def test_an_empty_folder_cannot_be_resumed(secant):
    outcome = secant("train", "--resume", "runs/0001")
    assert outcome.code == 2
    assert "it has no manifest.json" in outcome.err
    assert not os.path.exists("runs")


def test_fewer_steps_than_taken_are_refused(secant):
    secant(*TINY, "--iterations", 60)
    outcome = secant("train", "--resume", "runs/0001", "--iterations", 30)
    assert outcome.code == 2
    assert "has 60 steps already, and iterations is 30" in outcome.err
    assert len(Run.load("runs/0001").losses) == 60


def test_other_data_are_refused(secant, tmp_path):
    x = np.linspace(0, 1, 40).reshape(20, 2)
    np.savez("mine.npz", x=x, t=np.arange(20) // 10)
    arguments = ("--hidden", 2, "--iterations", 30, "--batch-size", 5)
    arguments += ("--init", "xavier", "--learning-rate", 1)
    assert secant("train", "--data", "mine.npz", *arguments).code == 0
    np.savez("mine.npz", x=x[::-1], t=np.arange(20) // 10)
    for command in (("train", "--resume"), ("rerun",)):
        outcome = secant(*command, "runs/0001")
        assert outcome.code == 2
        assert "training samples was" in outcome.err


def test_a_damaged_manifest_is_reported(secant):
    secant(*TINY, "--iterations", 5)
    with open("runs/0001/manifest.json", "a") as file:
        file.write("}")
    outcome = secant("train", "--resume", "runs/0001")
    assert outcome.code == 2
    assert "manifest.json is damaged or was changed" in outcome.err


def test_best_selects_the_best_network_of_a_run(secant, trained):
    said = secant("evaluate", trained, "--data", "sample", "--best", "--json")
    assert said.code == 0, said.err
    best = Run.load(trained).best_epoch
    assert json.loads(said.out)["accuracy"] == pytest.approx(best.test_accuracy)
    assert "the best, of step" in secant("evaluate", trained, "--best").err
    assert secant("export", trained, "--best", "--torch", "b.safetensors").code == 0
    (W1,) = (
        value
        for value in load_file("b.safetensors").values()
        if value.shape == (50, 784)
    )
    np.testing.assert_array_equal(W1.T, Run.load(trained).best.params["W1"])


def test_the_best_network_of_a_killed_run_can_predict(secant, trained, tmp_path):
    killed = tmp_path / "killed"
    killed.mkdir()
    best = "best.safetensors"
    (killed / best).write_bytes((trained / best).read_bytes())
    (killed / "manifest.json").write_text("{}")
    (_, _), (x, _) = load_mnist_sample()
    picture = tmp_path / "digit.png"
    Image.fromarray((255 * x[0]).astype("u1").reshape(28, 28)).save(picture)
    outcome = secant("predict", killed, picture)
    assert outcome.code == 2
    assert "--best" in outcome.err
    assert secant("predict", killed, picture, "--best").code == 0
