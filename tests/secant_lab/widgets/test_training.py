"""The live chart says what `fit` told it."""

import json

import numpy as np
import pytest

import secant
from secant.errors import InvalidInput
from secant.history import Epoch
from secant.training import Progress
from secant_lab.widgets import LiveTraining
from secant_lab.widgets.training import MAX_POINTS


def progress(step, losses, *, epoch=0, iterations=1000, test=0.5, seconds=None):
    return Progress(
        step=step,
        iterations=iterations,
        losses=np.asarray(losses, float),
        epoch=Epoch(epoch, 1.0, 0.75, None if test is None else 1.0, test),
        forecast=None,
        seconds=step / 100 if seconds is None else seconds,
        params=None,
    )


@pytest.fixture(scope="module")
def trained():
    train, test = secant.load_mnist_sample()
    chart = LiveTraining()
    net = secant.MLP((784, 20, 10), activation="relu", init="he")
    return chart, secant.fit(net, (train, test), iterations=120, callbacks=[chart])


def test_the_curve_is_the_run_s(trained):
    chart, run = trained
    (curve,) = chart.curves
    assert curve["steps"] == list(range(1, 121))
    assert curve["losses"] == pytest.approx(run.history.losses, rel=1e-4)
    assert curve["times"] == sorted(curve["times"])
    first, last = run.history.epochs[0], run.history.epochs[-1]
    assert curve["epochs"][0]["test_accuracy"] == first.test_accuracy
    assert curve["epochs"][-1]["step"] == last.step
    assert chart.facts["step"] == chart.facts["iterations"] == 120
    assert chart.facts["accuracy"] == last.test_accuracy


def test_a_run_that_is_watched_is_the_same_run(trained):
    _, run = trained
    train, test = secant.load_mnist_sample()
    net = secant.MLP((784, 20, 10), activation="relu", init="he")
    alone = secant.fit(net, (train, test), iterations=120)
    assert np.array_equal(alone.history.losses, run.history.losses)


def test_a_long_curve_is_of_means():
    chart, losses = LiveTraining(), np.arange(10 * MAX_POINTS, dtype=float)
    chart(progress(0, []))
    for part in np.split(losses, 10):
        chart(progress(int(part[-1]) + 1, part))
    (curve,) = chart.curves
    assert len(curve["steps"]) == MAX_POINTS
    assert curve["steps"][:2] == [10, 20]
    assert curve["losses"][0] == np.mean(losses[:10])
    assert curve["losses"][-1] == pytest.approx(np.mean(losses[-10:]), rel=1e-4)
    assert curve["times"][-1] == pytest.approx(len(losses) / 100)
    assert len(json.dumps(chart.curves)) < 20_000


def test_a_rest_that_is_no_whole_mean_is_drawn_too():
    chart = LiveTraining()
    chart(progress(0, []))
    chart(progress(MAX_POINTS + 1, np.ones(MAX_POINTS + 1)))
    (curve,) = chart.curves
    assert curve["steps"][-1] == MAX_POINTS + 1
    assert set(curve["losses"]) == {1.0}


def test_another_run_restarts_the_chart():
    chart = LiveTraining()
    for steps in (3, 2):
        chart(progress(0, []))
        chart(progress(steps, np.ones(steps), epoch=steps))
    assert chart.curves[0]["steps"] == [1, 2]
    assert [epoch["step"] for epoch in chart.curves[0]["epochs"]] == [0, 2]


def test_without_test_samples_the_accuracy_is_that_of_training():
    chart = LiveTraining()
    chart(progress(0, [], test=None))
    assert (chart.facts["accuracy"], chart.facts["of"]) == (0.75, "train")
    assert chart.curves[0]["epochs"][0]["test_accuracy"] == 0.75


def test_curve_and_sentence_come_in_one_message(monkeypatch):
    chart, sent = LiveTraining(), []
    monkeypatch.setattr(chart, "send_state", lambda key=None: sent.append(set(key)))
    chart(progress(0, []))
    assert sent == [{"curves", "facts"}]


def test_invalid_input_is_reported():
    with pytest.raises(InvalidInput, match="Known: second, step"):
        LiveTraining(axis="epoch")
