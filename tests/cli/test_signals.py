"""Ctrl-C at every point of a command, and closed pipes."""

import os
import signal
import subprocess
import sys
import time

import pytest

from secant import Run
from secant.cli.progress import ProgressBar
from secant.cli.signals import signal_handlers

TINY = ("train", "--data", "sample", "--hidden", "1", "--batch-size", "5")


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def interrupted_at(monkeypatch):
    """Presses Ctrl-C after a number of steps."""

    def at(wanted):
        show = ProgressBar.__call__

        def shown(bar, step):
            show(bar, step)
            if step.step >= wanted:
                press_ctrl_c()

        monkeypatch.setattr(ProgressBar, "__call__", shown)

    return at


@pytest.mark.slow
def test_ctrl_c_during_training_saves_the_run(tmp_path):
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "secant", "train", "--data", "sample"),
            *("--iterations", "10000000"),
        ],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if line.startswith("forecast"):
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)  # somebody is impatient: the run is saved yet
    out, err = process.communicate(timeout=600)
    assert process.returncode == 130, err
    assert "warning: stopped by Ctrl-C after" in err
    assert "saved in runs/0001" in err
    assert "Traceback" not in err + out
    run = Run.load(tmp_path / "runs" / "0001")
    assert run.status == "interrupted"
    assert 0 < len(run.losses) < 10_000_000


@pytest.mark.parametrize("gradient", ["backprop", "definition"])
def test_ctrl_c_after_some_steps_keeps_them(gradient, secant, interrupted_at, tmp_path):
    interrupted_at(2)
    outcome = secant(*TINY, "--gradient", gradient, "--iterations", 100_000)
    assert outcome.code == 130
    run = Run.load(tmp_path / "runs" / "0001")
    assert run.status == "interrupted"
    taken = len(run.losses)
    assert taken >= 2
    said = f"stopped by Ctrl-C after {taken:,} of 100,000 steps; saved in runs/0001"
    assert said in outcome.err


@pytest.mark.parametrize("gradient", ["backprop", "definition"])
def test_ctrl_c_before_the_first_step_saves_nothing(
    gradient, secant, interrupted_at, tmp_path
):
    interrupted_at(0)
    outcome = secant(*TINY, "--gradient", gradient)
    assert outcome.code == 130
    assert "before the first step; nothing is saved" in outcome.err
    assert not list(tmp_path.iterdir())


def test_ctrl_c_while_saving_completes_the_save(secant, monkeypatch, tmp_path):
    write = Run.write

    def written(run, folder):
        press_ctrl_c()
        press_ctrl_c()
        write(run, folder)

    monkeypatch.setattr(Run, "write", written)
    outcome = secant(*TINY, "--iterations", 3)
    assert outcome.code == 130
    assert Run.load(tmp_path / "runs" / "0001").status == "finished"


def test_ctrl_c_while_loading_data_exits(tmp_path):
    code = """
import os, signal, sys
import secant.data.load as catalogue
from secant.cli.main import main
catalogue.load_data_set = lambda name: os.kill(os.getpid(), signal.SIGINT)
sys.argv = ["secant", "train"]
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert ended.returncode == 130
    assert ended.stderr == "\nstopped by Ctrl-C\n"
    assert not list(tmp_path.iterdir())


def test_ctrl_c_while_fetching_data_exits(secant, monkeypatch):
    def fake(name, progress):
        press_ctrl_c()

    monkeypatch.setattr("secant.data.fetch.fetch", fake)
    outcome = secant("data", "fetch", "mnist")
    assert outcome.code == 130
    assert "the next fetch continues this download" in outcome.err


def test_the_signal_handler_is_restored(secant):
    before = signal.getsignal(signal.SIGINT)
    secant("--version")
    assert signal.getsignal(signal.SIGINT) is before


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with signal_handlers():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            press_ctrl_c()
    finally:
        signal.signal(signal.SIGINT, before)


# --- closed pipes -------------------------------------------------------------------


def piped(command, folder):
    """A pipeline of bash; `secant` in it is this one."""
    script = f'secant() {{ "{sys.executable}" -m secant "$@"; }}; set -o pipefail\n'
    return subprocess.run(
        ["bash", "-c", script + command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_closed_pipe_gives_no_traceback(tmp_path):
    ended = piped("secant data | head -n 1", tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("name")


@pytest.mark.slow
def test_a_closed_pipe_does_not_end_a_run(tmp_path):
    ended = piped(f"secant {' '.join(TINY)} --iterations 9 2>&1 | head -n 1", tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert Run.load(tmp_path / "runs" / "0001").status == "finished"


def test_a_terminal_without_unicode_gets_question_marks(trained, tmp_path):
    command = f'PYTHONIOENCODING=ascii secant evaluate "{trained}" --data sample'
    ended = piped(command, tmp_path)
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False)
    assert "   ?" in ended.stdout
