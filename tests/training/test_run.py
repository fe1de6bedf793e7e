"""`Run`: saved in a folder, and loaded from it with validation."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from PIL import Image

from secant import DataError, InvalidInput, Run, RunMetadata, SimpleNet, fit
from secant.training.run_folder import (
    BEST_FILE,
    HISTORY_FILE,
    NETWORK_FILE,
    PICTURE_FILE,
)

pytestmark = pytest.mark.usefixtures("real_pictures")


@pytest.fixture(scope="module")
def run(net, clusters):
    return fit(
        net,
        clusters,
        iterations=25,
        batch_size=12,
        metadata=RunMetadata("three clouds"),
    )


@pytest.fixture(scope="module")
def saved(run, tmp_path_factory):
    return run.save(tmp_path_factory.mktemp("saved") / "run")


@pytest.fixture
def folder(saved, tmp_path):
    return Path(shutil.copytree(saved, tmp_path / "runs" / "first"))


def test_a_loaded_run_equals_the_saved_one(run, folder):
    again = Run.load(folder)
    assert again.settings == run.settings
    assert again.data_name == run.data_name == "three clouds"
    assert again.status == run.status
    assert again.timings == run.timings
    assert again.history.epochs == run.history.epochs
    np.testing.assert_array_equal(again.losses, run.losses)
    assert again.net.architecture == run.net.architecture
    for name, value in run.net.params.items():
        np.testing.assert_array_equal(again.net.params[name], value)
        assert again.net.params[name].dtype == value.dtype


def test_a_run_is_a_folder_of_four_files(folder):
    names = {path.name for path in folder.iterdir()}
    assert names == {NETWORK_FILE, BEST_FILE, HISTORY_FILE, PICTURE_FILE}
    with Image.open(folder / PICTURE_FILE) as picture:
        assert picture.width > 1000


def test_a_run_of_the_definition_stays_float64(clusters, tmp_path):
    net = SimpleNet(2, 3)
    run = fit(net, clusters, "definition", iterations=2, batch_size=12)
    again = Run.load(run.save(tmp_path / "run"))
    np.testing.assert_array_equal(again.net.params["W1"], run.net.params["W1"])


def test_nothing_is_overwritten(run, folder):
    with pytest.raises(InvalidInput, match="will be overwritten"):
        run.save(folder)
    with pytest.raises(InvalidInput, match="is a file: name a new folder"):
        run.save(folder / HISTORY_FILE)


def test_an_empty_folder_is_accepted(run, tmp_path):
    assert Run.load(run.save(tmp_path)).status == "finished"


def test_a_folder_without_a_run_names_the_runs_beside_it(folder):
    with pytest.raises(DataError, match=r"is not a run.*runs beside it: first"):
        Run.load(folder.parent / "frist")


def test_every_flipped_byte_of_the_network_is_detected(folder):
    path = folder / NETWORK_FILE
    whole = path.read_bytes()
    draw = np.random.default_rng(0)
    for place in draw.choice(len(whole), 150, replace=False):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << draw.integers(8)
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=NETWORK_FILE):
            Run.load(folder)


def test_every_truncation_of_the_network_is_detected(folder):
    path = folder / NETWORK_FILE
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=NETWORK_FILE):
            Run.load(folder)


def test_a_foreign_safetensors_file_is_refused(folder):
    (folder / NETWORK_FILE).write_bytes(safetensors.numpy.save({"W1": np.zeros(3)}))
    with pytest.raises(DataError, match="not of a run"):
        Run.load(folder)


def test_a_signed_network_of_other_shapes_is_refused(run, folder):
    other = run.net.replace(run.net.params)
    other.params["W1"] = np.zeros((3, 3))
    damaged = Run(other, run.history, run.settings)
    (folder / NETWORK_FILE).write_bytes(damaged._network_bytes(b""))
    with pytest.raises(DataError, match="shapes"):
        Run.load(folder)


def test_settings_of_a_wrong_type_are_reported(run, folder):
    other = replace(run.settings)
    object.__setattr__(other, "learning_rate", "fast")
    other = replace(run, settings=other)
    (folder / NETWORK_FILE).write_bytes(other._network_bytes(b""))
    with pytest.raises(DataError, match="learning_rate is 'fast', a string: pass"):
        Run.load(folder)


def test_a_missing_or_changed_history_is_reported(folder):
    path = folder / HISTORY_FILE
    path.write_text(path.read_text().replace("step", "stride"))
    with pytest.raises(DataError, match="line 1"):
        Run.load(folder)
    path.unlink()
    with pytest.raises(DataError, match=HISTORY_FILE):
        Run.load(folder)


def test_an_edited_loss_is_noticed(folder):
    path = folder / HISTORY_FILE
    lines = path.read_text().splitlines(keepends=True)
    cells = lines[3].split(",")
    assert cells[0] == "2"
    lines[3] = ",".join([cells[0], "0.125", *cells[2:]])
    path.write_text("".join(lines))
    with pytest.raises(DataError, match="is not the history that"):
        Run.load(folder)


@pytest.mark.parametrize("name", [NETWORK_FILE, BEST_FILE, HISTORY_FILE])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_regular_file_is_refused_and_never_waited_for(folder, name, kind):
    path = folder / name
    path.unlink()
    if kind == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("this system has no named pipes")
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to(os.devnull)
    else:
        path.mkdir()
    with pytest.raises(DataError, match=r"it is a (device or pipe|folder)"):
        Run.load(folder, best=name == BEST_FILE)


@pytest.mark.parametrize("name", [NETWORK_FILE, BEST_FILE])
@pytest.mark.parametrize(("dtype", "size"), [("BF16", 2), ("F8_E4M3", 1), ("C64", 8)])
def test_a_tensor_of_a_dtype_that_numpy_lacks_is_refused(folder, name, dtype, size):
    path = folder / name
    entry = {"dtype": dtype, "shape": [2], "data_offsets": [0, 2 * size]}
    header = json.dumps({"W1": entry}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(2 * size))
    with pytest.raises(DataError, match=f"'?W1'? has the dtype {dtype}"):
        Run.load(folder, best=name == BEST_FILE)


def test_the_settings_can_be_read_without_secant(folder):
    with safetensors.safe_open(folder / NETWORK_FILE, framework="numpy") as file:
        about = json.loads(file.metadata()["run"])
    assert about["data_name"] == "three clouds"
    assert about["architecture"]["sizes"] == [2, 8, 3]


def test_a_failed_write_leaves_no_partial_file(run, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("secant.training.serialization.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        run.save(tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []
