"""`secant train` with options for validation, early stopping and schedules."""

import json
import os
import re

import numpy as np
import pytest

from secant import EarlyStopping, Run, Schedule

# Such short runs learn little.
pytestmark = pytest.mark.filterwarnings("ignore:after the first epoch")


@pytest.fixture
def uneven(tmp_path):
    """A table without class 3 and with little of class 2."""
    draw, rows = np.random.default_rng(0), []
    for label, count in ((0, 200), (1, 150), (2, 10), (4, 60)):
        for _ in range(count):
            x = draw.normal((label, -label % 3), 0.8)
            rows.append(f"{label},{x[0]:.4f},{x[1]:.4f}\n")
    (tmp_path / "uneven.csv").write_text("".join(rows))
    return "uneven.csv"


SMALL = ("--hidden", 4, "--gradient", "backprop", "--init", "xavier")

ALL = (
    *("--optimizer", "adam", "--learning-rate", 0.2, "--schedule", "cosine"),
    *("--warmup-steps", 10, "--end-factor", 0.5, "--weight-decay", 0.01),
    *("--clip-norm", 0.5, "--validation-split", 0.2, "--patience", 2),
    *("--min-delta", 0.01, "--batch-size", 20),
)


def test_a_run_with_all_options_stops_early_resumes_and_reruns(secant, uneven):
    outcome = secant("train", "--data", uneven, *SMALL, *ALL, "--iterations", 3000)
    assert outcome.code == 0, outcome.err
    run = Run.load("runs/0001")
    assert run.status == "stopped early"
    taken = f"stopped early after {len(run.losses):,} of 3,000 steps"
    assert taken in outcome.out
    assert re.search(r"^validation +\d\.\d{4} +\d+\.\d\d%$", outcome.out, re.M)
    settings = run.settings
    assert settings.schedule == Schedule("cosine", 0.2, 3000, 10, 0.5)
    assert settings.early_stopping == EarlyStopping(2, 0.01)
    assert (settings.weight_decay, settings.clip_norm) == (0.01, 0.5)
    assert settings.validation_split == 0.2
    best = run.best_epoch
    assert f"the best network, of step {best.step:,}," in outcome.out
    assert secant("rerun", "runs/0001").code == 0
    again = secant("train", "--resume", "runs/0001")
    assert again.code == 0
    assert taken in again.out
    np.testing.assert_array_equal(Run.load("runs/0001").losses, run.losses)


def test_the_schedule_starts_at_the_optimizer_s_default_rate(secant, uneven):
    arguments = ("--optimizer", "momentum", "--schedule", "linear", "--iterations", 20)
    assert secant("train", "--data", uneven, *SMALL, *arguments).code == 0
    assert Run.load("runs/0001").settings.schedule == Schedule("linear", 0.01, 20)


def test_uneven_classes_are_reported_before_and_after(secant, uneven):
    outcome = secant("train", "--data", uneven, *SMALL, "--iterations", 60)
    assert "classes   5 classes of 0 to 160 training samples each" in outcome.err
    assert "there is no training sample of class 3" in outcome.err
    assert "class 0 has 160 training samples and class 2 has 8" in outcome.err
    lines = outcome.out.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("class "))
    assert lines[start].split() == ["class", "train", "test", "right"]
    table = [line.split() for line in lines[start + 1 : start + 6]]
    assert [row[:3] for row in table] == [
        ["0", "160", "40"], ["1", "120", "30"], ["2", "8", "2"], ["3", "0", "0"],
        ["4", "48", "12"],
    ]  # fmt: skip
    shares = [int(row[3]) / int(row[2]) for row in table if row[2] != "0"]
    assert [row[4] for row in table if row[2] != "0"] == [f"{s:.1%}" for s in shares]
    assert f"each class counts equally: {np.mean(shares):.2%}" in outcome.out
    assert len({len(line.rstrip()) for line in lines[start + 1 : start + 4]}) == 1


def test_even_classes_need_no_table(secant):
    outcome = secant("train", "--data", "sample", *SMALL, "--iterations", 20)
    assert "classes   10 classes of 400 training samples each" in outcome.err
    assert "counts equally" not in outcome.out


def test_evaluate_weighs_each_class_equally(secant, uneven):
    secant("train", "--data", uneven, *SMALL, "--iterations", 60)
    outcome = secant("evaluate", "runs/0001", "--data", uneven)
    found = json.loads(secant("evaluate", "runs/0001", "--data", uneven, "--json").out)
    confusion = np.array(found["confusion"])
    shares = [row[c] / row.sum() if row.sum() else None
              for c, row in enumerate(confusion)]  # fmt: skip
    assert found["recall"] == shares
    assert shares[3] is None
    mean = np.mean([share for share in shares if share is not None])
    assert found["balanced_accuracy"] == pytest.approx(mean)
    assert f"{mean:.2%} is the balanced accuracy: 5 classes of 0 to 40" in outcome.out
    assert "no test sample of class 3" in outcome.err


def test_data_classes_counts_each_class(secant, uneven):
    outcome = secant("data", "classes", uneven)
    assert outcome.code == 0
    assert re.search(r"^ +2 +8 +2$", outcome.out, re.M)
    assert "336 samples to train on and 84 to test on, with 2 numbers" in outcome.out
    assert "there is no training sample of class 3" in outcome.err


def test_tensorboard_is_written_into_the_run_s_folder(secant, uneven, tmp_path):
    pytest.importorskip("tensorboardX")
    arguments = ("--data", uneven, *SMALL, "--iterations", 30, "--tensorboard")
    outcome = secant("train", *arguments)
    assert outcome.code == 0, outcome.err
    assert "tensorboard --logdir runs/0001/tensorboard" in outcome.err
    (file,) = (tmp_path / "runs/0001/tensorboard").iterdir()
    assert file.read_bytes().count(b"batch/loss") == 30
    more = secant("train", "--resume", "runs/0001", "--iterations", 50)
    assert more.code == 0, more.err
    files = sorted((tmp_path / "runs/0001/tensorboard").iterdir())
    assert [f.read_bytes().count(b"batch/loss") for f in files] == [30, 20]


def test_tensorboard_without_its_extra_is_refused_and_writes_nothing(
    secant, uneven, tmp_path, monkeypatch
):
    monkeypatch.setattr("secant.training.callbacks.find_spec", lambda name: None)
    outcome = secant("train", "--data", uneven, "--tensorboard")
    assert outcome.code == 2
    assert 'pip install "secant[tensorboard]"' in outcome.err
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def improvable(secant, uneven):
    """A run whose best network is that of the start."""
    arguments = ("--optimizer", "adam", "--learning-rate", 3, "--iterations", 12)
    outcome = secant("train", "--data", uneven, *SMALL, *arguments)
    assert outcome.code == 0, outcome.err
    run = Run.load("runs/0001")
    assert run.best_epoch.step < 12
    return run


def test_best_loads_the_best_network(secant, uneven, improvable, tmp_path):
    asked = ("evaluate", "runs/0001", "--data", uneven, "--json")
    last, best = (json.loads(secant(*asked, *more).out) for more in ((), ("--best",)))
    epochs = improvable.history.epochs[-1], improvable.best_epoch
    for found, epoch in zip((last, best), epochs, strict=True):
        assert found["accuracy"] == pytest.approx(epoch.test_accuracy)
    outcome = secant("export", "runs/0001", "--keras", "best.npz", "--best")
    assert outcome.code == 0, outcome.err
    with np.load(tmp_path / "best.npz") as kept:
        weights = [kept[name] for name in kept.files]
    np.testing.assert_array_equal(weights[0], improvable.best.params["W1"])


def test_a_run_without_a_best_network_is_reported(secant, uneven, improvable):
    os.unlink("runs/0001/best.safetensors")
    for command in (("evaluate", "runs/0001"), ("predict", "runs/0001", "3.png")):
        outcome = secant(*command, "--best")
        assert outcome.code == 2
        assert "has no best network" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--patience", 3), "validation_split=0.1 as well"),
        (("--min-delta", 0.1), "needs --patience"),
        (("--end-factor", 0.1), "needs a schedule that falls"),
        (("--schedule", "cosin"), "did you mean 'cosine'"),
        (
            ("--schedule", "linear", "--warmup-steps", 50, "--iterations", 50),
            "warmup_steps is 50, and the whole schedule has 50 steps",
        ),
        (("--schedule", "exponential", "--end-factor", 0), "never reaches"),
        (("--weight-decay", -1), "weight_decay is -1"),
        (("--clip-norm", 0), "clip_norm is 0"),
        (("--validation-split", 1), "validation_split is 1"),
        (("--validation-split", 0.001), "none would be held back"),
    ],
    ids=[
        "patience alone", "min-delta alone", "end-factor alone", "schedule misspelt",
        "warm-up only", "exponential to 0", "decay below 0", "clip of 0", "all held",
        "none held",
    ],
)  # fmt: skip
def test_an_invalid_option_gets_a_sentence(
    secant, uneven, tmp_path, arguments, message
):
    outcome = secant("train", "--data", uneven, *arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "runs").exists()
