"""Disks that are full and disks that cannot be written to: real ones, in memory."""

import os
import subprocess
import sys

import numpy as np
import pytest

from secant import Checkpoints, InvalidInput, Run, TrainingWarning, fit

SETTINGS = {"iterations": 18, "batch_size": 25, "optimizer": "adam"}
EACH = Checkpoints(steps=4, seconds=None, keep=2)


def mount(*arguments):
    return subprocess.run(["mount", *arguments], capture_output=True, check=False)


@pytest.fixture
def disk(tmp_path):
    """A disk of one mebibyte."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs to mount a disk: Linux, as root")
    place = tmp_path / "disk"
    place.mkdir()
    if mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)).returncode:
        pytest.skip("needs to mount a disk, and this container may not")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(disk):
    """Leaves no room for another byte."""
    room = os.statvfs(disk)
    (disk / "filler").write_bytes(bytes(room.f_bavail * room.f_frsize))
    assert os.statvfs(disk).f_bavail == 0


def assert_same(run, whole):
    for name, value in whole.net.params.items():
        np.testing.assert_array_equal(run.net.params[name], value)
    np.testing.assert_array_equal(run.losses, whole.losses)
    assert run.history.epochs == whole.history.epochs


def test_a_run_survives_a_full_disk(net, clusters, disk):
    whole = fit(net, clusters, **SETTINGS)
    filled = []

    def fill_and_clear(progress):
        if progress.step >= 4 and not filled:
            filled.append(progress.step)
            fill(disk)
        elif progress.step >= 13:
            (disk / "filler").unlink(missing_ok=True)

    with pytest.warns(TrainingWarning, match=r"No space left.*the last checkpoint is"):
        run = fit(
            net,
            clusters,
            **SETTINGS,
            folder=disk / "run",
            checkpoints=EACH,
            callbacks=[fill_and_clear],
        )
    assert filled
    assert_same(run, whole)
    assert_same(Run.load(disk / "run"), whole)


def test_a_run_that_ends_on_a_full_disk_resumes_from_its_last_checkpoint(
    net, clusters, disk
):
    whole = fit(net, clusters, **SETTINGS)
    folder = disk / "run"
    steps, kept = [], []

    def fill_once(progress):
        steps.append(progress.step)
        if progress.step >= 9 and not kept:
            kept.append(max(int(p.stem) for p in folder.glob("checkpoints/0*")))
            fill(disk)

    with (
        pytest.warns(TrainingWarning, match="training goes on"),
        pytest.raises(InvalidInput, match=r"No space left.*make room") as told,
    ):
        fit(
            net,
            clusters,
            **SETTINGS,
            folder=folder,
            checkpoints=EACH,
            callbacks=[fill_once],
        )
    assert steps[-1] == 18
    assert f"a checkpoint of step {kept[0]}" in str(told.value)
    assert not list(folder.rglob("*.part"))
    (disk / "filler").unlink()
    resumed = fit(net, clusters, **SETTINGS, folder=folder, resume=True)
    assert_same(resumed, whole)


def test_a_read_only_disk_is_reported_before_training(net, clusters, disk):
    kept = disk / "kept"
    fit(net, clusters, **SETTINGS, folder=kept, checkpoints=EACH)
    assert mount("-o", "remount,ro", str(disk)).returncode == 0
    for folder, resume in ((disk / "new", False), (kept, True)):
        with pytest.raises(InvalidInput, match="Read-only file system"):
            fit(net, clusters, **SETTINGS, folder=folder, resume=resume)
    assert len(Run.load(kept).losses) == 18


def test_the_command_reports_a_read_only_disk(disk):
    assert mount("-o", "remount,ro", str(disk)).returncode == 0
    outcome = subprocess.run(
        [sys.executable, "-m", "secant", "train", "--out", str(disk / "run")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 2
    assert "Read-only file system" in outcome.stderr
    assert "Traceback" not in outcome.stderr
