"""Invalid input at the command line: a sentence, a remedy, exit code 2."""

import errno
import os

import pytest

BAD = {
    "unknown command": (["trian"], "Did you mean 'train'"),
    "unknown option": (["train", "--gradiant", "x"], "--gradient"),
    "unknown gradient": (["train", "--gradient", "bakprop"], "mean 'backprop'"),
    "unknown data": (["train", "--data", "mnits"], "mean 'mnist'"),
    "unknown activation": (["train", "--activation", "sigmoyd"], "mean 'sigmoid'"),
    "unknown optimizer": (["train", "--optimizer", "addam"], "mean 'adam'"),
    "unknown loss": (["train", "--loss", "crossentropy"], "mean 'cross_entropy'"),
    "unknown init": (["train", "--init", "xavir"], "mean 'xavier'"),
    "unknown sampling": (["train", "--sampling", "epoch"], "mean 'epochs'"),
    "data that is not there": (["train", "--data", "no/such.npz"], "no such file"),
    "hidden of text": (["train", "--hidden", "50,x"], "such as 50 or 100,50"),
    "hidden of -5": (["train", "--hidden=-5"], "such as 50 or 100,50"),
    "iterations of text": (["train", "--iterations", "many"], "valid integer"),
    "iterations of -1": (["train", "--iterations=-1"], "value for '--iterations'"),
    "batch of 0": (["train", "--batch-size", "0"], "value for '--batch-size'"),
    "directions of backprop": (
        ["train", "--gradient", "backprop", "--directions", "3"],
        "add --gradient spsa",
    ),
    "directions of 0": (["train", "--directions", "0"], "value for '--directions'"),
    "batch over the data": (["train", "--batch-size", "99999999"], "at most"),
    "rate of 0": (["train", "--learning-rate", "0"], "finite number above 0"),
    "rate of nan": (["train", "--learning-rate", "nan"], "finite number above 0"),
    "rate of inf": (["train", "--learning-rate", "inf"], "finite number above 0"),
    "rate below 0": (["train", "--learning-rate=-0.1"], "needs no minus"),
    "std below 0": (["train", "--weight-init-std=-1"], "weight_init_std is -1"),
    "std of nan": (["train", "--weight-init-std", "nan"], "weight_init_std is nan"),
    "seed below 0": (["train", "--seed=-1"], "value for '--seed'"),
    "seed over 63 bits": (
        ["train", "--seed", "9" * 25],
        "value for '--seed'",
    ),
    "out below a file": (["train", "--out", f"{__file__}/x"], "Not a directory"),
    "no run": (["evaluate", "runs/none"], "is not a run"),
    "no run to predict with": (["predict", "runs/none", "x.png"], "is not a run"),
    "predict without a picture": (["predict", "runs/none"], "Missing argument 'IMAGE"),
    "unknown command of data": (["data", "fecth"], "Did you mean 'fetch'"),
    "nothing to fetch": (["data", "fetch"], "Missing argument"),
    "unknown set to fetch": (["data", "fetch", "mnits"], "mean 'mnist'"),
}


@pytest.mark.parametrize("case", BAD)
def test_invalid_input_gets_a_sentence_and_a_remedy(case, secant, tmp_path):
    arguments, message = BAD[case]
    if arguments[0] == "train" and "--data" not in arguments:
        arguments = [*arguments, "--data", "sample"]
    outcome = secant(*arguments)
    said = " ".join(outcome.err.replace("│", " ").split())
    assert outcome.code == 2
    assert message in said
    assert "Traceback" not in said
    assert outcome.out == ""
    assert not any(files for _, _, files in os.walk(tmp_path)), "left something behind"


def test_an_out_folder_in_use_is_not_touched(secant, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    outcome = secant("train", "--data", "sample", "--out", "mine")
    assert outcome.code == 2
    assert "will be overwritten" in outcome.err
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_a_file_named_runs_is_no_bug(secant, tmp_path):
    (tmp_path / "runs").write_text("to the shop, and back")
    outcome = secant("train", "--data", "sample")
    assert outcome.code == 2
    assert outcome.err.startswith("error: runs cannot be read or written")
    assert (tmp_path / "runs").read_text() == "to the shop, and back"


def test_too_little_memory_is_no_bug(secant, monkeypatch):
    def too_large(*_, **__):
        raise MemoryError

    monkeypatch.setattr("secant.data.load.load_data_set", too_large)
    outcome = secant("train")
    assert outcome.code == 2
    assert "not enough memory" in outcome.err


def test_a_full_disk_is_no_bug(secant, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "network.safetensors")

    monkeypatch.setattr("secant.training.run.replace_file", full)
    outcome = secant("train", "--data", "sample", "--iterations", 1, "--hidden", 1)
    assert outcome.code == 2
    assert "could not be written to runs/0001 (No space left" in outcome.err
    assert (
        "secant train --resume runs/0001`; the folder has a checkpoint of step 1"
        in (outcome.err)
    )
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert secant("train", "--resume", "runs/0001").code == 0
    assert secant("evaluate", "runs/0001", "--data", "sample").code == 0


def test_a_damaged_run_is_reported(secant, trained, tmp_path):
    copy = tmp_path / "damaged"
    copy.mkdir()
    for path in trained.iterdir():
        content = bytearray(path.read_bytes())
        if path.suffix == ".safetensors":
            content[-9] ^= 1
        (copy / path.name).write_bytes(content)
    outcome = secant("evaluate", copy, "--data", "sample")
    assert outcome.code == 2
    assert "is damaged or was changed" in outcome.err


def test_a_run_on_other_inputs_reads_no_pictures(secant, tmp_path):
    import numpy as np

    import secant as library

    data = (np.eye(3), [0, 1, 2])
    run = library.fit(library.MLP((3, 3)), data, iterations=1, batch_size=1)
    run.save(tmp_path / "run")
    outcome = secant("predict", "run", "x.png")
    assert outcome.code == 2
    assert "samples of 3 numbers" in outcome.err
    outcome = secant("evaluate", "run", "--data", "sample")
    assert outcome.code == 2
    assert "pass the --data of its training" in outcome.err


@pytest.mark.parametrize(
    "arguments",
    [["--debug", "evaluate", "nowhere"], ["evaluate", "nowhere", "--debug"]],
    ids=["before", "after"],
)
def test_debug_shows_the_traceback_at_any_position(arguments, secant):
    outcome = secant(*arguments)
    assert outcome.code == 2
    assert "Traceback" in outcome.err
    assert "is not a run" in outcome.err


def test_an_internal_error_is_reported_as_a_bug(secant, monkeypatch):
    def broken(folder, **named):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("secant.training.Run.load", broken)
    outcome = secant("evaluate", "anything")
    assert outcome.code == 1
    assert "this is a bug in Secant: ZeroDivisionError" in outcome.err
    assert "--debug" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("name", ["[bold]run[/bold]", "run\\", ":smile:", "[/]"])
def test_names_with_markup_are_printed_as_they_are(name, secant):
    outcome = secant("evaluate", name)
    assert outcome.err.startswith(f"error: {name} is not a run")
