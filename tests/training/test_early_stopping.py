"""Validation and early stopping: the split, the patience, and the end of a run."""

import json
from contextlib import suppress

import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secant import EarlyStopping, InvalidInput, Run, Schedule, fit
from secant.history import Epoch
from secant.nn.gradients import METHODS
from secant.training import Checkpoints
from secant.training.config import TrainConfig
from secant.training.samples import Samples, split_validation
from secant.training.trainer import Trainer

EACH = Checkpoints(steps=4, seconds=None, keep=3)

# On few samples and with large steps the validation loss soon rises again.
EAGER = {
    "iterations": 400,
    "batch_size": 9,
    "learning_rate": 0.05,
    "optimizer": "adam",
    "validation_split": 0.25,
    "early_stopping": 3,
}


class Killed(BaseException):
    """Simulates the end of the process: no code catches it."""


def killed_at(step):
    def look(progress):
        if progress.step >= step:
            raise Killed

    return look


@pytest.fixture
def noisy(clusters):
    """The same clusters with a fifth of the labels wrong, so that a run overfits."""
    draw = np.random.default_rng(5)

    def spoilt(x, t):
        wrong = draw.random(len(t)) < 0.2
        return x, np.where(wrong, draw.integers(3, size=len(t)), t)

    return tuple(spoilt(*part) for part in clusters)


@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    share=st.floats(0.02, 0.98),
    seed=st.integers(0, 2**32),
)
def test_a_split_loses_no_sample_and_keeps_the_shares_of_the_classes(
    counts, share, seed
):
    t = np.repeat(np.arange(len(counts)), counts)
    samples = Samples(np.arange(len(t))[:, None], np.eye(len(counts))[t])
    try:
        train, held = split_validation(samples, share, seed)
    except InvalidInput:
        assert round(share * len(t)) == 0 or max(counts) == 1
        return
    both = np.concatenate([train.x, held.x])[:, 0]
    assert sorted(both) == list(range(len(t)))
    for part in (train, held):
        np.testing.assert_array_equal(part.t, samples.t[part.x[:, 0]])
    for c, count in enumerate(counts):
        kept = int(held.t[:, c].sum())
        assert abs(kept - share * count) <= 1 or kept == count - 1
        assert kept < count


@pytest.mark.parametrize(
    ("sizes", "held_back"),
    [((7, 6), [2, 1]), ((6, 7), [1, 2]), ((5, 7, 6), [1, 2, 1]), ((6, 6), [2, 1])],
)
def test_the_classes_that_lack_most_of_their_share_give_what_rounding_left(
    sizes, held_back
):
    """A quarter of 7 is 1.75, of 6 is 1.5 and of 5 is 1.25."""
    classes = np.repeat(np.arange(len(sizes)), sizes)
    samples = Samples(np.zeros((len(classes), 1)), np.eye(len(sizes))[classes])
    _, held = split_validation(samples, 0.25, seed=0)
    assert held.t.sum(axis=0).tolist() == held_back


def test_the_seed_selects_the_validation_samples():
    samples = Samples(np.arange(60)[:, None], np.eye(3)[np.arange(60) % 3])
    one, same, other = (split_validation(samples, 0.2, seed)[1].x for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_validation_samples_are_measured_but_not_trained_on(net, clusters):
    (x, t), test = clusters
    run = fit(net, clusters, iterations=20, batch_size=9, validation_split=0.25, seed=3)
    whole = Samples(*net.architecture.as_batch(x, t))
    train, held = split_validation(whole, 0.25, 3)
    alone = fit(net, ((train.x, train.t), test), iterations=20, batch_size=9, seed=3)
    np.testing.assert_array_equal(run.losses, alone.losses)
    last = run.history.epochs[-1]
    assert last[:5] == alone.history.epochs[-1][:5]
    assert last.validation_accuracy == pytest.approx(run.net.accuracy(held.x, held.t))
    loss = float(run.net.loss(held.x, held.t))
    assert last.validation_loss == pytest.approx(loss, rel=1e-5)
    assert run.validation_accuracy[-1] == last.validation_accuracy


def test_the_best_weights_are_those_of_the_best_validation_accuracy(net, clusters):
    train, (x, t) = clusters
    misleading = train, (x, (t + 1) % 3)  # the better the network, the worse on these
    run = fit(net, misleading, iterations=40, batch_size=9, validation_split=0.25)
    best = max(run.history.epochs, key=lambda epoch: epoch.validation_accuracy)
    assert run.best_epoch == best
    assert best.test_accuracy < max(run.test_accuracy)


def by_hand(losses, patience, min_delta):
    """Keras's loop: the number of epochs before a run stops."""
    best, waited = np.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        if loss < best - min_delta:
            best, waited = loss, 0
        else:
            waited += 1
        if waited >= patience:
            return epoch
    return None


@given(
    losses=st.lists(st.sampled_from([0.5, 0.6, 0.65, 0.7, np.nan]), max_size=12),
    patience=st.integers(1, 4),
    min_delta=st.sampled_from([0.0, 0.08]),
)
def test_patience_equals_that_of_a_hand_written_loop(losses, patience, min_delta):
    stopping, gain = EarlyStopping(patience, min_delta), None
    stopped = None
    for step, loss in enumerate(losses, start=1):
        gain = stopping.last_improvement([Epoch(step, 1, 1, 1, 1, loss, 1)], gain)
        if step - (gain.step if gain else 0) >= patience:
            stopped = step
            break
    assert stopped == by_hand(losses, patience, min_delta)
    whole = [Epoch(step, 1, 1, 1, 1, loss, 1) for step, loss in enumerate(losses, 1)]
    assert stopping.last_improvement(whole[:stopped], None) == gain


@pytest.mark.parametrize("min_delta", [0.0, 0.05])
def test_a_run_stops_where_a_hand_written_loop_stops(net, noisy, min_delta):
    rule = EarlyStopping(3, min_delta)
    told = []
    run = fit(net, noisy, **EAGER | {"early_stopping": rule}, callbacks=[told.append])
    assert run.status == "stopped early"
    losses = [epoch.validation_loss for epoch in run.history.epochs[1:]]
    assert by_hand(losses, 3, min_delta) == len(losses)
    assert len(run.losses) == 10 * len(losses) < run.settings.iterations
    assert [progress.ended for progress in told] == [False] * (len(told) - 1) + [True]
    assert run.settings.early_stopping == rule
    patient = fit(net, noisy, **EAGER | {"early_stopping": None})
    assert patient.status == "finished"
    np.testing.assert_array_equal(patient.losses[: len(run.losses)], run.losses)


@pytest.mark.parametrize(
    "gradient",
    [
        pytest.param(g, marks=() if g == "node" else pytest.mark.slow)
        for g in sorted(METHODS)
    ],
)
@pytest.mark.parametrize("until", [7, 60, 1_000])
def test_a_resumed_run_stops_where_the_uninterrupted_one_does(
    net, noisy, tmp_path, gradient, until
):
    settings = EAGER | {
        "learning_rate": Schedule("cosine", 0.05, steps=400, warmup_steps=15),
        "weight_decay": 0.01,
        "clip_norm": 0.5,
        "seed": 1,
    }
    whole = fit(net, noisy, gradient, **settings)
    if not METHODS[gradient].stochastic:
        assert whole.status == "stopped early"
    with suppress(Killed):
        fit(
            net, noisy, gradient, folder=tmp_path, checkpoints=EACH,
            callbacks=[killed_at(until)], **settings,
        )  # fmt: skip
    run = fit(net, noisy, gradient, folder=tmp_path, resume=True, **settings)
    for one in (run, Run.load(tmp_path)):
        np.testing.assert_array_equal(one.losses, whole.losses)
        assert one.history.epochs == whole.history.epochs
        assert one.settings == whole.settings
        assert (one.status, one.best_epoch) == (whole.status, whole.best_epoch)
        for name, value in whole.net.params.items():
            np.testing.assert_array_equal(one.net.params[name], value)
            np.testing.assert_array_equal(
                one.best.params[name], whole.best.params[name]
            )


def test_a_run_that_stopped_early_is_not_extended(net, noisy, tmp_path):
    first = fit(net, noisy, folder=tmp_path, **EAGER)
    longer = EAGER | {"iterations": 800}
    again = fit(net, noisy, folder=tmp_path, resume=True, **longer)
    assert again.status == "stopped early"
    np.testing.assert_array_equal(again.losses, first.losses)


def test_a_schedule_object_is_recognised_on_resume(net, clusters, tmp_path):
    settings = {"iterations": 12, "batch_size": 25, "folder": tmp_path}
    with pytest.raises(Killed):
        fit(
            net, clusters, learning_rate=optax.exponential_decay(0.5, 3, 0.8),
            checkpoints=EACH, callbacks=[killed_at(8)], **settings,
        )  # fmt: skip
    with pytest.raises(InvalidInput, match="learning_rate was"):
        fit(
            net, clusters, learning_rate=optax.exponential_decay(0.5, 3, 0.7),
            resume=True, **settings,
        )  # fmt: skip
    run = fit(
        net, clusters, learning_rate=optax.exponential_decay(0.5, 3, 0.8), resume=True,
        **settings,
    )  # fmt: skip
    whole = fit(
        net, clusters, iterations=12, batch_size=25,
        learning_rate=optax.exponential_decay(0.5, 3, 0.8),
    )  # fmt: skip
    np.testing.assert_array_equal(run.losses, whole.losses)


def test_a_trainer_reports_that_it_has_stalled(net, noisy):
    trainer = Trainer(net, noisy, TrainConfig.build(**EAGER))
    state, losses = trainer.evaluate(trainer.start), []
    while not trainer.has_stalled(state):
        state = trainer.advance(state, trainer.steps_to_boundary(state.step))
        state = trainer.evaluate(state)
        losses.append(state.epochs[-1].validation_loss)
    assert by_hand(losses, 3, 0.0) == len(losses)
    assert trainer.restored(state).last_improvement == state.last_improvement


def test_numpy_numbers_are_saved_as_numbers(net, clusters, tmp_path):
    """A search over `np.arange` passes such numbers."""
    settings = {
        "learning_rate": Schedule(
            "linear", np.float32(0.5), np.int64(20), np.int32(2), np.float32(0.25)
        ),
        "weight_decay": np.float32(0.5),
        "clip_norm": np.float32(2),
        "validation_split": np.float32(0.25),
        "early_stopping": EarlyStopping(np.int64(3), np.float32(0)),
    }
    run = fit(net, clusters, iterations=5, batch_size=9, folder=tmp_path, **settings)
    assert Run.load(tmp_path).settings == run.settings
    assert json.loads((tmp_path / "manifest.json").read_text())["settings"]


def test_files_of_an_older_version_are_read(net, clusters, tmp_path):
    settings = {"iterations": 12, "batch_size": 25, "folder": tmp_path}
    with pytest.raises(Killed):
        fit(net, clusters, checkpoints=EACH, callbacks=[killed_at(8)], **settings)
    path = tmp_path / "manifest.json"
    manifest = json.loads(path.read_text())
    new = ("schedule", "weight_decay", "clip_norm", "validation_split",
           "early_stopping", "validation samples")  # fmt: skip
    for part in ("settings", "origin"):
        for name in new:
            manifest[part].pop(name, None)
    path.write_text(json.dumps(manifest))
    run = fit(net, clusters, resume=True, **settings)
    whole = fit(net, clusters, iterations=12, batch_size=25)
    np.testing.assert_array_equal(run.losses, whole.losses)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation_split": 0}, "validation_split is 0: pass the share"),
        ({"validation_split": 1.0}, "validation_split is 1.0"),
        ({"validation_split": "0.1"}, "validation_split is '0.1'"),
        ({"validation_split": 0.001}, "none would be held back"),
        ({"validation_split": 0.9, "batch_size": 40}, "there are 12 training samples"),
        ({"early_stopping": 3}, "validation_split=0.1 as well"),
        ({"early_stopping": 0, "validation_split": 0.2}, "patience is 0"),
        ({"early_stopping": True, "validation_split": 0.2}, "patience is True"),
    ],
    ids=[
        "none", "all", "text", "too few", "batch over the rest", "no validation",
        "no patience", "patience of True",
    ],
)  # fmt: skip
def test_invalid_splits_and_patience_are_refused(net, clusters, options, message):
    with pytest.raises(InvalidInput, match=message):
        fit(net, clusters, iterations=5, **{"batch_size": 9} | options)


@pytest.mark.parametrize("min_delta", [-0.1, float("nan"), "0"])
def test_an_invalid_min_delta_is_refused(min_delta):
    with pytest.raises(InvalidInput, match="min_delta is"):
        EarlyStopping(3, min_delta)
