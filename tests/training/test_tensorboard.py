"""TensorBoard reads exactly the history of a run."""

import os
import subprocess
import sys

import numpy as np
import pytest

from secant import (
    Checkpoints,
    EarlyStopping,
    NotFinite,
    SecantError,
    TensorBoard,
    fit,
)

MEASURED = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


def scalars(folder):
    """The scalars that TensorBoard reads in a folder: tag → (steps, values)."""
    reading = "tensorboard.backend.event_processing.event_accumulator"
    reader = pytest.importorskip(reading, reason="needs pip install tensorboard")
    events = reader.EventAccumulator(
        os.fspath(folder), size_guidance={reader.SCALARS: 0}
    ).Reload()
    return {
        tag: tuple(zip(*((e.step, e.value) for e in events.Scalars(tag)), strict=True))
        for tag in events.Tags()["scalars"]
    }


@pytest.mark.filterwarnings("ignore")  # TensorBoard's own imports
def test_tensorboard_reads_every_step_and_epoch(net, clusters, tmp_path):
    board = TensorBoard(tmp_path / "new" / "run")
    run = fit(net, clusters, iterations=37, batch_size=12, callbacks=[board])
    found = scalars(tmp_path / "new" / "run")
    steps, losses = found.pop("batch/loss")
    assert steps == tuple(range(37))
    np.testing.assert_array_equal(losses, run.losses.astype(np.float32))
    assert len(found) == 4
    for name in MEASURED:
        steps, values = found[name.replace("_", "/")]
        assert steps == tuple(epoch.step for epoch in run.history.epochs)
        wanted = [getattr(epoch, name) for epoch in run.history.epochs]
        np.testing.assert_array_equal(values, np.float32(wanted))


@pytest.mark.filterwarnings("ignore")
def test_a_resumed_run_continues_in_the_same_folder(net, clusters, tmp_path):
    """Events after the last checkpoint are dropped."""
    folder = tmp_path / "run"
    settings = {"iterations": 40, "batch_size": 12, "folder": folder}
    settings |= {"validation_split": 0.2}

    def die(progress):
        if progress.step >= 20:
            raise RuntimeError

    with pytest.raises(RuntimeError), TensorBoard(folder / "tensorboard") as board:
        fit(
            net,
            clusters,
            checkpoints=Checkpoints(steps=15, seconds=None),
            callbacks=[board, die],
            **settings,
        )
    with TensorBoard(folder / "tensorboard") as board:
        run = fit(net, clusters, resume=True, callbacks=[board], **settings)
    found = scalars(folder / "tensorboard")
    steps, losses = found["batch/loss"]
    assert steps == tuple(range(40))
    np.testing.assert_array_equal(losses, run.losses.astype(np.float32))
    for name in (*MEASURED, "validation_loss", "validation_accuracy"):
        steps, values = found[name.replace("_", "/")]
        assert steps == tuple(epoch.step for epoch in run.history.epochs)
        wanted = [getattr(epoch, name) for epoch in run.history.epochs]
        np.testing.assert_array_equal(values, np.float32(wanted))


@pytest.mark.filterwarnings("ignore")
def test_a_run_that_stops_early_closes_its_file(net, clusters, tmp_path):
    board = TensorBoard(tmp_path)
    run = fit(
        net,
        clusters,
        iterations=2_000,
        batch_size=12,
        validation_split=0.2,
        early_stopping=EarlyStopping(2, min_delta=0.05),
        callbacks=[board],
    )
    assert run.status == "stopped early"
    steps, _ = scalars(tmp_path)["batch/loss"]
    assert steps == tuple(range(len(run.losses)))


@pytest.mark.filterwarnings("ignore")
def test_a_run_without_a_test_part_has_no_test_scalars(net, clusters, tmp_path):
    with TensorBoard(tmp_path) as board:
        fit(net, clusters[0], iterations=5, batch_size=12, callbacks=[board])
    assert set(scalars(tmp_path)) == {"batch/loss", "train/loss", "train/accuracy"}


@pytest.mark.filterwarnings("ignore")
def test_an_interrupted_run_is_written_up_to_its_end(net, clusters, tmp_path):
    with pytest.raises(NotFinite) as raised, TensorBoard(tmp_path) as board:
        fit(
            net,
            clusters,
            iterations=100,
            batch_size=12,
            learning_rate=1e38,
            callbacks=[board],
        )
    steps, _ = scalars(tmp_path)["train/loss"]
    assert steps == tuple(epoch.step for epoch in raised.value.run.history.epochs)


@pytest.mark.slow
def test_a_killed_run_loses_at_most_a_second(tmp_path):
    """The file has whole records while the process still runs."""
    code = (
        "import os, sys, time, secant\n"
        "net = secant.MLP((2, 3, 2), init='he')\n"
        "board = secant.TensorBoard(sys.argv[1])\n"
        "def end(progress):\n"
        "    if progress.step >= 20:\n"
        "        time.sleep(1.1)\n"
        "        board(progress)\n"
        "        os._exit(9)\n"
        "secant.fit(net, ([[0, 1], [1, 0]], [0, 1]), iterations=40, batch_size=2,\n"
        "           callbacks=[board, end])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == 9
    (file,) = tmp_path.iterdir()
    assert file.read_bytes().count(b"batch/loss") >= 20


def test_an_invalid_folder_is_reported(tmp_path):
    (tmp_path / "file").write_text("taken")
    with pytest.raises(OSError, match="file"):
        TensorBoard(tmp_path / "file")


def test_without_the_extra_the_error_names_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr("secant.training.callbacks.find_spec", lambda name: None)
    with pytest.raises(SecantError, match=r'pip install "secant\[tensorboard\]"'):
        TensorBoard(tmp_path)
