"""Checkpoints during a run: the resumed run equals the uninterrupted one."""

import errno
import json
import os
import subprocess
import sys
import warnings
from collections import namedtuple
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import safetensors
from matplotlib.figure import Figure
from PIL import Image

from secant import DataError, InvalidInput, Run, RunMetadata, TrainingWarning, fit
from secant.nn.gradients import METHODS
from secant.training import (
    Checkpoints,
    NotFinite,
    checkpoint,
    reserve_run_folder,
    steps,
)
from secant.training.manifest import Manifest
from secant.training.optimizers import OPTIMIZERS
from secant.training.serialization import tensor_bytes

# A checkpoint has an array for each of these and each parameter.
ARRAYS = ("params", "optimizer", "best")

EACH = Checkpoints(steps=4, seconds=None, keep=3)


class Killed(BaseException):
    """Simulates the end of the process: no code catches it."""


def die(*_):
    raise Killed


def killed_at(step):
    def look(progress):
        if progress.step >= step:
            raise Killed

    return look


def begin(net, data, folder, *, until, **settings):
    with pytest.raises(Killed):
        fit(
            net,
            data,
            folder=folder,
            checkpoints=EACH,
            callbacks=[killed_at(until)],
            **settings,
        )


def assert_same(run, whole):
    for name, value in whole.net.params.items():
        np.testing.assert_array_equal(run.net.params[name], value)
    np.testing.assert_array_equal(run.losses, whole.losses)
    assert run.history.epochs == whole.history.epochs
    assert run.best_epoch == whole.best_epoch
    for name, value in whole.best.params.items():
        np.testing.assert_array_equal(run.best.params[name], value)
    assert run.settings == whole.settings


def kept(folder):
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


@pytest.mark.parametrize(
    ("gradient", "optimizer"),
    [
        pytest.param(
            gradient,
            optimizer,
            marks=()
            if (gradient, optimizer) in (("node", "adam"), ("backprop", "sgd"))
            else pytest.mark.slow,
        )
        for gradient in sorted(METHODS)
        for optimizer in OPTIMIZERS
    ],
)
def test_a_resumed_run_equals_the_uninterrupted_one(
    net, clusters, tmp_path, gradient, optimizer
):
    # An epoch has seven steps: it is resumed at the eighth, within the second.
    settings = {"iterations": 18, "batch_size": 18, "optimizer": optimizer, "seed": 3}
    settings["sampling"] = "epochs"
    whole = fit(net, clusters, gradient, **settings)
    begin(net, clusters, tmp_path, until=11, gradient=gradient, **settings)
    run = fit(net, clusters, gradient, folder=tmp_path, resume=True, **settings)
    assert_same(run, whole)
    assert_same(Run.load(tmp_path), whole)


@pytest.mark.parametrize("sampling", ["replacement", "epochs"])
def test_a_run_resumes_in_mid_epoch(net, clusters, tmp_path, sampling):
    settings = {"iterations": 20, "batch_size": 7, "sampling": sampling}
    whole = fit(net, clusters, **settings)
    begin(net, clusters, tmp_path, until=9, **settings)
    assert_same(fit(net, clusters, folder=tmp_path, resume=True, **settings), whole)


def test_a_user_defined_optimizer_keeps_its_state(net, clusters, tmp_path):
    schedule = optax.exponential_decay(0.5, 3, 0.8)
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0), optax.sgd(schedule, momentum=0.9)
    )
    settings = {"iterations": 15, "batch_size": 20, "optimizer": optimizer}
    whole = fit(net, clusters, **settings)
    begin(net, clusters, tmp_path, until=9, **settings)
    assert_same(fit(net, clusters, folder=tmp_path, resume=True, **settings), whole)


def test_arrays_in_a_checkpoint_have_unique_names(net, clusters, tmp_path):
    fit(
        net, clusters, iterations=4, optimizer="adam", folder=tmp_path, checkpoints=EACH
    )
    path = tmp_path / "checkpoints" / kept(tmp_path)[-1]
    with safetensors.safe_open(path, framework="numpy") as file:
        names = set(file.keys())
    params = {"W1", "b1", "W2", "b2"}
    of = {name: {n for n in names if n.startswith(f"{name}/")} for name in ARRAYS}
    assert of["params"] == {f"params/{name}" for name in params}
    assert of["best"] == {f"best/{name}" for name in params}
    assert names == set().union(*of.values(), {"losses"})
    # Of Adam: how many steps, the mean and the mean square of each gradient.
    numbers = {name.split("/", 1)[1] for name in of["optimizer"]}
    assert {n for n in numbers if "/" not in n} == {"0"}
    assert {n.split("/")[1] for n in numbers if "/" in n} == params
    assert len(numbers) == 1 + 2 * len(params)


def test_a_checkpoint_survives_renamed_attributes(net, clusters, tmp_path, monkeypatch):
    """A later version may rename the fields of Optax's states, and of its own."""

    def heavy_ball(kind):
        """Gradient descent with momentum, whose memory is of this class."""

        def update(gradients, memory, params=None):
            before = memory[1]
            now = {name: 0.9 * before[name] + g for name, g in gradients.items()}
            steps = {name: -0.1 * value for name, value in now.items()}
            return steps, kind(memory[0] + 1, now)

        return optax.GradientTransformation(
            lambda params: kind(jnp.int32(0), jax.tree.map(jnp.zeros_like, params)),
            update,
        )

    before = namedtuple("Trace", "count trace")
    after = namedtuple("Momentum", "steps_taken velocity")
    settings = {"iterations": 18, "batch_size": 18}
    whole = fit(net, clusters, optimizer=heavy_ball(before), **settings)
    begin(net, clusters, tmp_path, until=11, optimizer=heavy_ball(before), **settings)
    renamed = namedtuple("Renamed", "weights memory")
    renamed.params = property(lambda state: state.weights)
    renamed.optimizer_state = property(lambda state: state.memory)
    for module in (steps, checkpoint):
        monkeypatch.setattr(module, "TrainState", renamed)
    run = fit(
        net, clusters, optimizer=heavy_ball(after), folder=tmp_path, resume=True,
        **settings,
    )  # fmt: skip
    assert run.history.epochs[: len(whole.history.epochs)] == whole.history.epochs
    assert_same(run, whole)


def test_a_finished_run_can_be_extended(net, clusters, tmp_path):
    whole = fit(net, clusters, iterations=30, batch_size=25)
    fit(net, clusters, iterations=13, batch_size=25, folder=tmp_path)
    again = fit(
        net, clusters, iterations=30, batch_size=25, folder=tmp_path, resume=True
    )
    assert_same(again, whole)


def contents(folder):
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


# 13 steps end within an epoch of 10, so the last measurement is one of its own.
@pytest.mark.parametrize("iterations", [10, 13])
def test_a_finished_run_that_is_resumed_is_left_as_it_is(
    net, clusters, tmp_path, iterations
):
    settings = {"iterations": iterations, "batch_size": 20, "folder": tmp_path}
    run = fit(net, clusters, **settings)
    before = contents(tmp_path)
    assert_same(fit(net, clusters, resume=True, **settings), run)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("iterations", [10, 13])
def test_a_run_killed_after_its_last_checkpoint_is_measured_and_written(
    net, clusters, tmp_path, monkeypatch, iterations
):
    settings = {"iterations": iterations, "batch_size": 20}
    whole = fit(net, clusters, **settings)
    settings["folder"] = tmp_path
    with monkeypatch.context() as patch:
        patch.setattr(Run, "write", die)
        with pytest.raises(Killed):
            fit(net, clusters, **settings)
    assert not (tmp_path / "history.csv").exists()
    assert_same(fit(net, clusters, resume=True, **settings), whole)
    assert_same(Run.load(tmp_path), whole)


@pytest.mark.usefixtures("real_pictures")
@pytest.mark.parametrize("iterations", [10, 13])
def test_a_run_killed_while_its_picture_is_drawn_gets_a_whole_one(
    net, clusters, tmp_path, monkeypatch, iterations
):
    settings = {"iterations": iterations, "batch_size": 20, "folder": tmp_path}

    def half(figure, target, **options):
        write = target.write if hasattr(target, "write") else Path(target).write_bytes
        write(b"half")
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Figure, "savefig", half)
        with pytest.raises(Killed):
            fit(net, clusters, **settings)
    assert not (tmp_path / "training.png").exists()
    run = Run.load(tmp_path)
    assert_same(fit(net, clusters, resume=True, **settings), run)
    with Image.open(tmp_path / "training.png") as picture:
        picture.load()


def test_a_run_killed_before_its_manifest_can_be_begun_anew(
    net, clusters, tmp_path, monkeypatch
):
    settings = {"iterations": 3, "batch_size": 20}
    whole = fit(net, clusters, **settings)
    for resume in (False, True):
        folder = tmp_path / str(resume)
        with monkeypatch.context() as patch:
            patch.setattr(Manifest, "write", die)
            with pytest.raises(Killed):
                fit(net, clusters, folder=folder, **settings)
        assert (folder / "initial.safetensors").exists()
        assert_same(fit(net, clusters, folder=folder, resume=resume, **settings), whole)


def test_resuming_an_empty_folder_starts_a_run(net, clusters, tmp_path):
    run = fit(net, clusters, iterations=3, folder=tmp_path / "new", resume=True)
    assert len(run.losses) == 3


def test_only_the_newest_checkpoints_are_kept(net, clusters, tmp_path):
    fit(net, clusters, iterations=22, folder=tmp_path, checkpoints=EACH)
    assert kept(tmp_path) == [f"{step:012}.safetensors" for step in (16, 20, 22)]


def test_the_best_network_is_saved(net, clusters, tmp_path):
    run = fit(net, clusters, iterations=40, batch_size=40, folder=tmp_path)
    best = max(run.history.epochs, key=lambda epoch: epoch.test_accuracy)
    assert run.best_epoch == best
    x, t = clusters[1]
    assert run.best.accuracy(x, t) == pytest.approx(best.test_accuracy, abs=1e-6)


def test_the_best_network_of_a_killed_run_can_be_read(net, clusters, tmp_path):
    folder = tmp_path / "run"
    begin(net, clusters, folder, until=15, iterations=40, batch_size=40)
    assert not (folder / "network.safetensors").exists()
    with pytest.raises(DataError, match=r"has not ended.*best=True"):
        Run.load(folder)
    found = Run.load(folder, best=True)
    x, t = clusters[1]
    assert found.status == "unfinished"
    assert found.settings.iterations == 40
    assert found.net.accuracy(x, t) == pytest.approx(
        found.best_epoch.test_accuracy, abs=1e-6
    )
    whole = fit(net, clusters, iterations=found.best_epoch.step, batch_size=40)
    np.testing.assert_array_equal(found.net.params["W1"], whole.net.params["W1"])


def test_the_best_network_can_be_loaded_instead_of_the_last(net, clusters, tmp_path):
    run = fit(net, clusters, iterations=40, batch_size=40, folder=tmp_path)
    found = Run.load(tmp_path, best=True)
    np.testing.assert_array_equal(found.net.params["W1"], run.best.params["W1"])
    np.testing.assert_array_equal(found.losses, run.losses)
    (tmp_path / "best.safetensors").unlink()
    with pytest.raises(DataError, match="an older version wrote it"):
        Run.load(tmp_path, best=True)


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: content[:-9] + bytes([content[-9] ^ 4]) + content[-8:],
        lambda content: b"foreign" * 100,
        lambda content: tensor_bytes({"W1": np.eye(2)}, "secant run 1", {}),
        lambda content: tensor_bytes({"W1": np.eye(2)}, "secant checkpoint 1", {}),
    ],
    ids=["truncated", "empty", "bit flipped", "foreign", "another kind", "hollow"],
)
def test_a_damaged_checkpoint_is_skipped(net, clusters, tmp_path, harm):
    settings = {"iterations": 18, "batch_size": 25}
    whole = fit(net, clusters, **settings)
    begin(net, clusters, tmp_path, until=11, **settings)
    newest = tmp_path / "checkpoints" / kept(tmp_path)[-1]
    newest.write_bytes(harm(newest.read_bytes()))
    with pytest.warns(
        TrainingWarning, match=rf"{newest.name}.*continues from .*[48]\.safe"
    ):
        run = fit(net, clusters, folder=tmp_path, resume=True, **settings)
    assert_same(run, whole)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize(
    "name", ["manifest.json", "checkpoints/000000000004.safetensors"]
)
def test_a_pipe_in_place_of_a_file_holds_nobody_up(net, clusters, tmp_path, name):
    fit(net, clusters, iterations=4, folder=tmp_path, checkpoints=EACH)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    if name == "manifest.json":
        with pytest.raises(DataError, match="device or pipe"):
            Manifest.read(tmp_path)
        return
    with pytest.warns(TrainingWarning, match="device or pipe"):
        run = fit(net, clusters, iterations=6, folder=tmp_path, resume=True)
    assert len(run.losses) == 6


def test_the_checkpoint_of_another_run_is_refused(net, clusters, tmp_path):
    begin(net, clusters, tmp_path, until=9, iterations=18)
    with pytest.raises(InvalidInput, match=r"seed was 0 and is 1") as refused:
        fit(
            net, clusters, "weight", iterations=18, seed=1, folder=tmp_path, resume=True
        )
    assert "gradient was 'node' and is 'weight'" in str(refused.value)
    (x, t), test = clusters
    with pytest.raises(InvalidInput, match="training samples was"):
        fit(net, ((x * 2, t), test), iterations=18, folder=tmp_path, resume=True)


def test_a_folder_with_other_files_is_not_touched(net, clusters, tmp_path):
    (tmp_path / "thesis.tex").write_text("...")
    for resume in (False, True):
        with pytest.raises(InvalidInput, match="nothing in it will be overwritten"):
            fit(net, clusters, iterations=1, folder=tmp_path, resume=resume)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_new_run_does_not_overwrite_another(net, clusters, tmp_path):
    fit(net, clusters, iterations=3, folder=tmp_path)
    with pytest.raises(InvalidInput, match="resume=True"):
        fit(net, clusters, iterations=3, folder=tmp_path)


def test_resume_needs_a_folder(net, clusters):
    with pytest.raises(InvalidInput, match="folder="):
        fit(net, clusters, iterations=1, resume=True)


def test_a_second_process_is_refused(net, clusters, tmp_path):
    code = (
        "import sys, filelock\n"
        "lock = filelock.FileLock(sys.argv[1]); lock.acquire()\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    tmp_path.joinpath("run").mkdir()
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run" / ".lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(InvalidInput, match="another process trains there"):
            fit(net, clusters, iterations=1, folder=tmp_path / "run")
    finally:
        other.communicate()
    assert len(fit(net, clusters, iterations=1, folder=tmp_path / "run").losses) == 1


def test_a_reserved_folder_is_this_process_s_until_it_is_released(
    net, clusters, tmp_path
):
    reserved = reserve_run_folder(tmp_path / "run")
    for use in (
        lambda: reserve_run_folder(tmp_path / "run"),
        lambda: fit(net, clusters, iterations=1, folder=tmp_path / "run"),
    ):
        with pytest.raises(InvalidInput, match="is in use: another process"):
            use()
    run = fit(net, clusters, iterations=2, folder=reserved)
    reserved.release()
    assert_same(Run.load(tmp_path / "run"), run)


def test_a_refused_reservation_removes_nothing_of_the_run_that_is_there(
    net, clusters, tmp_path
):
    folder = tmp_path / "run"

    def meanwhile(progress):
        before = contents(folder)
        with pytest.raises(InvalidInput):
            reserve_run_folder(folder)
        with pytest.raises(InvalidInput):
            fit(net, clusters, iterations=1, folder=folder)
        assert contents(folder) == before

    reserved = reserve_run_folder(folder)
    run = fit(net, clusters, iterations=3, folder=reserved, callbacks=[meanwhile])
    reserved.release()
    reserved.release()
    assert_same(Run.load(folder), run)


def test_a_reservation_without_a_run_leaves_what_was_there_before(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        reserve_run_folder(tmp_path / name).release()
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    assert not any((tmp_path / "empty").iterdir())


def test_what_a_killed_process_had_reserved_can_be_reserved_again(tmp_path):
    (tmp_path / ".lock").touch()
    reserve_run_folder(tmp_path).release()


def test_a_number_that_no_run_used_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = reserve_run_folder(), reserve_run_folder()
    assert [one.path.name for one in (first, second)] == ["0001", "0002"]
    first.release()
    assert [path.name for path in Path("runs").iterdir()] == ["0002"]
    second.release()
    assert not Path("runs").exists()


def test_a_full_disk_is_reported_once_and_training_continues(
    net, clusters, tmp_path, monkeypatch
):
    from secant.training import checkpoint

    whole = fit(net, clusters, iterations=18)
    write, full = checkpoint.replace_file, [True]

    def refuse(path, content):
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, content)

    monkeypatch.setattr(checkpoint, "replace_file", refuse)

    def make_room(progress):
        if progress.step >= 12:
            full.clear()

    with pytest.warns(TrainingWarning, match="No space left") as told:
        run = fit(
            net,
            clusters,
            iterations=18,
            folder=tmp_path,
            checkpoints=EACH,
            callbacks=[make_room],
        )
    assert len(told) == 1
    assert "there is no checkpoint yet" in str(told[0].message)
    assert_same(run, whole)
    assert kept(tmp_path)[-1] == "000000000018.safetensors"


def test_an_old_checkpoint_that_cannot_be_removed_stays_and_is_told_once(
    net, clusters, tmp_path, monkeypatch
):
    unlink = Path.unlink

    def refuse(path, missing_ok=False):
        if path.suffix == ".safetensors":
            raise OSError(errno.EACCES, "Permission denied")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.warns(TrainingWarning, match="could not be removed") as told:
        fit(
            net,
            clusters,
            iterations=24,
            folder=tmp_path,
            checkpoints=Checkpoints(steps=4, seconds=None, keep=1),
        )
    assert len(told) == 1
    monkeypatch.undo()
    assert len(kept(tmp_path)) == 6
    assert len(Run.load(tmp_path).losses) == 24


@pytest.mark.parametrize("replaced", [False, True], ids=["gone", "an empty one there"])
def test_a_folder_that_is_moved_away_is_told_and_training_goes_on(
    net, clusters, tmp_path, replaced
):
    folder, elsewhere = tmp_path / "run", tmp_path / "elsewhere"

    def move(progress):
        if progress.step == 8:
            folder.rename(elsewhere)
            if replaced:
                folder.mkdir()

    settings = {"iterations": 16, "batch_size": 25, "checkpoints": EACH}
    whole = fit(net, clusters, iterations=16, batch_size=25)
    with (
        pytest.warns(TrainingWarning, match="was moved or removed: put it back"),
        pytest.raises(InvalidInput, match=r"moved or removed.*continue with"),
    ):
        fit(net, clusters, folder=folder, callbacks=[move], **settings)
    if replaced:
        assert not any(folder.iterdir())
        folder.rmdir()
    elsewhere.rename(folder)
    assert_same(fit(net, clusters, folder=folder, resume=True, **settings), whole)


def test_a_checkpoint_of_another_version_is_resumed_with_a_word(
    net, clusters, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_versions", lambda: {"secant": "0.0", "jax": "0.9"})
        begin(net, clusters, tmp_path, until=4, iterations=9)
    said = f"secant 0.0, now .*; jax 0.9, now {jax.__version__}.*the run continues"
    with pytest.warns(TrainingWarning, match=said):
        run = fit(net, clusters, iterations=9, folder=tmp_path, resume=True)
    assert len(run.losses) == 9


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room there"),
        (errno.EACCES, "make it writable"),
        (errno.EIO, "mend this"),
    ],
)
def test_what_to_do_fits_the_error_of_the_disk(
    net, clusters, tmp_path, monkeypatch, number, remedy
):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Run, "write", fail)
    with pytest.raises(InvalidInput, match=f"{os.strerror(number)}.*{remedy}"):
        fit(net, clusters, iterations=3, folder=tmp_path)


def test_a_read_only_folder_is_reported_before_training(
    net, clusters, tmp_path, monkeypatch
):
    def refuse(path, content):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("secant.training.checkpoint_manager.replace_file", refuse)
    with pytest.raises(InvalidInput, match="Read-only file system"):
        fit(net, clusters, iterations=5, folder=tmp_path / "run")


def test_ctrl_c_saves_a_checkpoint(net, clusters, tmp_path):
    def press(progress):
        if progress.step >= 7:
            raise KeyboardInterrupt

    settings = {"iterations": 18, "batch_size": 25}
    whole = fit(net, clusters, **settings)
    stopped = fit(net, clusters, folder=tmp_path, callbacks=[press], **settings)
    assert stopped.status == "interrupted"
    assert Run.load(tmp_path).status == "interrupted"
    step = int(Path(kept(tmp_path)[-1]).stem)
    assert step == len(stopped.losses) >= 7
    assert_same(fit(net, clusters, folder=tmp_path, resume=True, **settings), whole)


@pytest.mark.filterwarnings("ignore::secant.TrainingWarning")
def test_a_nonfinite_loss_keeps_the_last_checkpoint(net, clusters, tmp_path):
    settings = {"iterations": 60, "batch_size": 25, "learning_rate": 1e38}
    with pytest.raises(NotFinite) as alone:
        fit(net, clusters, **settings)
    with pytest.raises(NotFinite) as kept_one:
        fit(net, clusters, folder=tmp_path, checkpoints=EACH, **settings)
    np.testing.assert_array_equal(kept_one.value.run.losses, alone.value.run.losses)
    assert Run.load(tmp_path).status == "stopped"
    with pytest.raises(NotFinite) as again:
        fit(net, clusters, folder=tmp_path, resume=True, **settings)
    np.testing.assert_array_equal(again.value.run.losses, alone.value.run.losses)


def test_the_partial_file_of_a_killed_process_is_removed(net, clusters, tmp_path):
    begin(net, clusters, tmp_path, until=9, iterations=18)
    for part in (tmp_path, tmp_path / "checkpoints"):
        (part / ".000000000012.safetensors.99.part").write_bytes(b"half")
    fit(net, clusters, iterations=18, folder=tmp_path, resume=True)
    assert not list(tmp_path.rglob("*.part"))


def test_the_manifest_identifies_the_run(net, clusters, tmp_path):
    fit(
        net,
        clusters,
        iterations=2,
        folder=tmp_path,
        metadata=RunMetadata(notes={"why": "a test"}),
    )
    about = json.loads((tmp_path / "manifest.json").read_text())
    assert about["settings"]["iterations"] == 2
    assert about["versions"]["jax"] == jax.__version__
    assert about["notes"] == {"why": "a test"}
    assert len(about["origin"]["training samples"]) == 64


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"steps": 2.5}, "steps is 2.5"),
        ({"seconds": -1}, "seconds is -1"),
        ({"keep": 0}, "keep is 0"),
        ({"keep": None}, "keep is None"),
    ],
)
def test_an_invalid_checkpoint_policy_is_refused(settings, said):
    with pytest.raises(InvalidInput, match=said):
        Checkpoints(**settings)


def test_without_a_folder_nothing_is_written(net, clusters, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(net, clusters, iterations=5)
    assert list(tmp_path.iterdir()) == []
