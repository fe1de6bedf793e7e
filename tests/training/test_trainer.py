"""`Trainer`: pure functions that advance a run from any state, in any pieces."""

import numpy as np
import pytest

from secant import InvalidInput, fit
from secant.nn.gradients import METHODS
from secant.training.config import TrainConfig
from secant.training.samples import as_samples
from secant.training.trainer import Diverged, RunState, Trainer


def advanced(trainer, *counts):
    state = trainer.start
    for count in counts:
        state = trainer.advance(state, count)
    return state


def assert_same_place(trainer, one, other):
    assert one.step == other.step
    np.testing.assert_array_equal(one.losses_from(0), other.losses_from(0))
    for name, value in trainer.params(one).items():
        np.testing.assert_array_equal(value, trainer.params(other)[name])


@pytest.mark.parametrize("gradient", ["node", "definition"])
def test_the_final_state_does_not_depend_on_the_pieces(gradient, net, clusters):
    trainer = Trainer(
        net, clusters, TrainConfig.build(gradient, batch_size=12, optimizer="adam")
    )
    whole = advanced(trainer, 10)
    assert_same_place(trainer, advanced(trainer, 1, 2, 3, 4), whole)
    run = fit(net, clusters, gradient, iterations=10, batch_size=12, optimizer="adam")
    np.testing.assert_array_equal(run.losses, whole.losses_from(0))
    np.testing.assert_array_equal(run.net.params["W1"], trainer.params(whole)["W1"])


def test_a_kept_state_can_be_restored(net, clusters):
    trainer = Trainer(net, clusters, TrainConfig.build(batch_size=12))
    kept = advanced(trainer, 5)
    first = trainer.advance(kept, 20)
    assert kept.step == 5
    assert_same_place(trainer, trainer.advance(kept, 20), first)
    assert_same_place(trainer, advanced(trainer, 25), first)


def test_samples_are_checked_and_put_on_the_device_once(net, clusters):
    data = as_samples(net.architecture, clusters)
    one, other = (
        Trainer(net, data, TrainConfig.build(batch_size=12)) for _ in range(2)
    )
    assert one.samples is other.samples
    assert one.samples.on_device[0] is other.samples.on_device[0]
    alone = Trainer(net, clusters, TrainConfig.build(batch_size=12))
    assert_same_place(one, advanced(one, 5), advanced(alone, 5))


def test_only_one_earlier_state_is_kept(net, clusters):
    trainer = Trainer(net, clusters, TrainConfig.build(batch_size=12))
    state = advanced(trainer, 1, 1, 1)
    assert state.previous.step == 2
    assert state.previous.previous is None


@pytest.mark.parametrize("gradient", METHODS)
@pytest.mark.slow
def test_the_gradient_is_that_of_the_next_step(gradient, net, clusters):
    trainer = Trainer(
        net, clusters, TrainConfig.build(gradient, batch_size=12, learning_rate=0.5)
    )
    state = advanced(trainer, 3)
    slopes = trainer.gradient(state)
    after = trainer.params(trainer.advance(state, 1))
    for name, before in trainer.params(state).items():
        assert slopes[name].shape == before.shape
        np.testing.assert_allclose(before - 0.5 * slopes[name], after[name], atol=1e-6)


@pytest.mark.parametrize("pieces", [(), (7,), (3, 4), (1,) * 7])
def test_losses_can_be_read_from_any_step(pieces, net, clusters):
    trainer = Trainer(net, clusters, TrainConfig.build(batch_size=12))
    state = advanced(trainer, *pieces)
    whole = state.losses_from(0)
    assert len(whole) == sum(pieces)
    for step in range(sum(pieces) + 2):
        np.testing.assert_array_equal(state.losses_from(step), whole[step:])


def test_many_short_pieces_are_merged(net, clusters, monkeypatch):
    monkeypatch.setattr("secant.training.trainer._MAX_LOSS_PIECES", 4)
    trainer = Trainer(net, clusters, TrainConfig.build(batch_size=12))
    state, most = trainer.start, 0
    for _ in range(15):
        state = trainer.advance(state, 1)
        most = max(most, len(state.losses))
    assert most == 3
    assert_same_place(trainer, state, advanced(trainer, 15))


def test_advancing_to_an_epoch_stops_at_its_end(net, clusters):
    trainer = Trainer(net, clusters, TrainConfig.build(batch_size=12))
    assert [trainer.steps_to_boundary(step) for step in (0, 9, 10, 25)] == [
        10,
        1,
        10,
        5,
    ]


def test_of_epochs_with_the_same_accuracy_the_first_is_the_best(net, clusters):
    trainer = Trainer(net, clusters, TrainConfig.build(batch_size=12))
    once = trainer.evaluate(advanced(trainer, 10))
    again = trainer.evaluate(once)
    assert len(again.epochs) == 2
    assert again.best is once.best


def test_a_nan_loss_returns_the_last_finite_state(net, clusters):
    trainer = Trainer(net, clusters, TrainConfig.build(batch_size=12))
    first, steps = advanced(trainer, 4), trainer.stepper

    class Broken:
        """Losses are NaN from step 6 on."""

        params = staticmethod(steps.params)

        @staticmethod
        def advance(state, start, count):
            state, losses = steps.advance(state, start, count)
            losses[max(6 - start, 0) :] = np.inf
            return state, losses

    trainer.stepper = Broken
    for before in (first, trainer.advance(first, 2)):
        with pytest.raises(Diverged, match="inf at step 6") as caught:
            trainer.advance(before, 3)
        assert caught.value.step == 6
        trainer.stepper = steps
        assert_same_place(trainer, caught.value.state, advanced(trainer, 4, 1))
        trainer.stepper = Broken


def test_seconds_of_training_are_added_up():
    state = (
        RunState(train_state=None)
        .with_time(training=1.0)
        .with_time(training=2.0, evaluation=1)
    )
    assert (state.timings.training, state.timings.evaluation) == (3.0, 1.0)


def test_invalid_arguments_are_refused(net, clusters):
    with pytest.raises(InvalidInput, match="at most batch_size=120"):
        Trainer(net, clusters, TrainConfig.build(batch_size=121))
