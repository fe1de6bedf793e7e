"""`fit`: training in one call."""

import importlib
import signal
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import secant
from secant import MLP, InvalidInput, NotFinite, TrainingWarning, TwoLayerNet, fit
from secant.nn.gradients import METHODS, GradientMethod
from secant.training.batches import Batches


def params_of(run):
    return run.net.params


def assert_same_params(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


backprop = METHODS["backprop"]
# The module, which the function `fit` hides as an attribute of its package.
_FIT = importlib.import_module("secant.training.loop")

EXACT = sorted(name for name, m in METHODS.items() if not m.stochastic)
"""The methods that find the gradient; SPSA estimates it."""


def by_hand(net, data, iterations, batch_size, rate, seed):
    """The notebook's loop with its missing `=`, in float64."""
    (x, t), _ = data
    params = {name: value.copy() for name, value in net.params.items()}
    batches = Batches(len(x), batch_size, "replacement", seed)
    losses = []
    for rows in batches.indices(0, iterations):
        batch = net.architecture.as_batch(x[rows], t[rows])
        loss, gradients = backprop(net.architecture, params, *batch)
        losses.append(loss)
        for name in params:
            params[name] -= rate * gradients[name]
    return params, np.array(losses)


def test_learns_the_task(net, clusters):
    run = fit(net, clusters, iterations=400, batch_size=20)
    assert run.test_accuracy[0] < 0.7
    assert run.test_accuracy[-1] > 0.95
    assert run.train_accuracy[-1] > 0.95
    assert run.losses.shape == (400,)
    assert run.status == "finished"


@pytest.mark.parametrize("gradient", EXACT)
def test_steps_equal_those_of_a_hand_written_loop(gradient, net, clusters):
    run = fit(
        net, clusters, gradient, iterations=12, batch_size=7, learning_rate=0.3, seed=5
    )
    params, losses = by_hand(net, clusters, 12, 7, 0.3, 5)
    # The difference's own error is some h² = 1e-8; else float32 against float64,
    # 12 steps of some ten roundings each.
    tolerance = 1e-8 if gradient == "definition" else 3e-6
    np.testing.assert_allclose(run.losses, losses, rtol=tolerance)
    for name, value in params.items():
        np.testing.assert_allclose(run.net.params[name], value, atol=tolerance)


def test_the_same_seed_gives_the_same_run_bit_for_bit(net, clusters):
    runs = [fit(net, clusters, iterations=150, seed=9, batch_size=16) for _ in range(2)]
    assert_same_params(*map(params_of, runs))
    np.testing.assert_array_equal(runs[0].losses, runs[1].losses)
    assert runs[0].history.epochs == runs[1].history.epochs
    other = fit(net, clusters, iterations=150, seed=10, batch_size=16)
    assert not np.array_equal(other.losses, runs[0].losses)


def test_splitting_a_run_into_calls_changes_no_bit(net, clusters, monkeypatch):
    whole = fit(net, clusters, iterations=150, batch_size=16, optimizer="adam")
    monkeypatch.setattr(_FIT, "_CALLBACK_SECONDS", 0.0)
    steps = []
    cut = fit(
        net,
        clusters,
        iterations=150,
        batch_size=16,
        optimizer="adam",
        callbacks=[lambda progress: steps.append(progress.step)],
    )
    assert steps == list(range(151))
    assert_same_params(params_of(whole), params_of(cut))
    np.testing.assert_array_equal(whole.losses, cut.losses)


def test_the_given_network_is_not_changed(net, clusters):
    before = {name: value.copy() for name, value in net.params.items()}
    run = fit(net, clusters, iterations=5, batch_size=16)
    assert_same_params(net.params, before)
    assert type(run.net) is MLP
    assert run.net.params["W1"] is not net.params["W1"]


def test_a_two_layer_net_is_returned_as_one(clusters):
    run = fit(TwoLayerNet(2, 4, 3), clusters, iterations=1, batch_size=16)
    assert isinstance(run.net, TwoLayerNet)


def test_compiled_runs_are_float32_and_the_definition_float64(net, clusters):
    fast = fit(net, clusters, iterations=2, batch_size=5)
    slow = fit(net, clusters, "definition", iterations=2, batch_size=5)
    assert {value.dtype for value in fast.net.params.values()} == {np.dtype("float32")}
    assert {value.dtype for value in slow.net.params.values()} == {np.dtype("float64")}


def test_x64_trains_in_float64(net, clusters):
    with jax.enable_x64(True):
        run = fit(
            net,
            clusters,
            "backprop",
            iterations=12,
            batch_size=7,
            learning_rate=0.3,
            seed=5,
        )
    params, losses = by_hand(net, clusters, 12, 7, 0.3, 5)
    assert run.net.params["W1"].dtype == np.float64
    np.testing.assert_allclose(run.losses, losses, rtol=1e-12)
    np.testing.assert_allclose(run.net.params["W1"], params["W1"], rtol=1e-11)


def test_labels_and_one_hot_rows_train_alike(net, clusters):
    (x, t), (x_test, t_test) = clusters
    rows = np.eye(3)
    labels = fit(net, clusters, iterations=20, batch_size=16)
    vectors = fit(
        net,
        ((x, rows[t]), (x_test, rows[t_test])),
        iterations=20,
        batch_size=16,
    )
    assert_same_params(params_of(labels), params_of(vectors))


def test_training_data_alone_has_no_test_accuracy(net, clusters):
    run = fit(net, clusters[0], iterations=20, batch_size=16)
    assert np.isnan(run.test_accuracy).all()
    assert np.isfinite(run.train_accuracy).all()


def test_data_as_lists(net):
    x, t = [[0.0, 1.0], [1.0, 0.0]], [0, 1]
    assert fit(net, (x, t), iterations=2, batch_size=2).losses.shape == (2,)
    assert fit(net, [(x, t), (x, t)], iterations=2, batch_size=2).losses.shape == (2,)


def test_accuracy_is_measured_at_the_start_each_epoch_and_the_end(net, clusters):
    run = fit(net, clusters, iterations=27, batch_size=12)
    assert [epoch.step for epoch in run.history.epochs] == [0, 10, 20, 27]
    last = run.history.epochs[-1]
    (x, t), (x_test, t_test) = clusters
    assert last.train_accuracy == pytest.approx(run.net.accuracy(x, t), abs=1e-6)
    assert last.test_accuracy == pytest.approx(run.net.accuracy(x_test, t_test), 1e-6)
    assert last.test_loss == pytest.approx(float(run.net.loss(x_test, t_test)), 1e-5)


def test_evaluation_in_blocks_equals_evaluation_at_once(net, clusters, monkeypatch):
    whole = fit(net, clusters, iterations=3, batch_size=12)
    monkeypatch.setattr("secant.training.steps._MAX_EVALUATION_BYTES", 4 * 11 * 50)
    blocks = fit(net, clusters, iterations=3, batch_size=12)
    for one, other in zip(whole.history.epochs, blocks.history.epochs, strict=True):
        np.testing.assert_allclose(one[:5], other[:5], rtol=1e-6)


@pytest.mark.parametrize("name", secant.training.optimizers.OPTIMIZERS)
@pytest.mark.slow
def test_every_optimizer_lowers_the_loss(name, net, clusters):
    run = fit(net, clusters, iterations=60, batch_size=30, optimizer=name)
    assert run.history.epochs[-1].train_loss < run.history.epochs[0].train_loss
    assert run.settings.optimizer == name


@pytest.mark.slow
def test_any_optax_optimizer_is_accepted(net, clusters):
    schedule = optax.cosine_decay_schedule(0.5, 100)
    run = fit(
        net, clusters, iterations=100, batch_size=30, optimizer=optax.sgd(schedule)
    )
    assert run.test_accuracy[-1] > 0.9
    assert run.settings.optimizer == "custom"
    assert run.settings.learning_rate is None


@pytest.mark.parametrize("gradient", ["backprop", "definition"])
@pytest.mark.parametrize(
    "optimizer",
    [
        pytest.param(optax.lbfgs(), marks=pytest.mark.slow),
        optax.polyak_sgd(0.5),
        optax.chain(optax.sgd(0.1), optax.contrib.reduce_on_plateau()),
    ],
    ids=["lbfgs", "polyak_sgd", "reduce_on_plateau"],
)
def test_an_optimizer_that_needs_the_loss_gets_it(net, clusters, gradient, optimizer):
    run = fit(net, clusters, gradient, iterations=5, batch_size=30, optimizer=optimizer)
    assert run.history.epochs[-1].train_loss < run.history.epochs[0].train_loss


def test_optimizers_also_drive_the_definition(net, clusters):
    fast = fit(net, clusters, iterations=6, batch_size=9, optimizer="adam")
    slow = fit(
        net, clusters, "definition", iterations=6, batch_size=9, optimizer="adam"
    )
    np.testing.assert_allclose(slow.losses, fast.losses, rtol=1e-5)


def test_zero_iterations_measure_and_change_nothing(net, clusters):
    run = fit(net, clusters, iterations=0)
    assert len(run.losses) == 0
    np.testing.assert_allclose(run.net.params["W1"], net.params["W1"], rtol=1e-6)
    assert len(run.history.epochs) == 1


def test_a_user_defined_method_works(net, clusters):
    def signs(architecture, params, x, t, key=None):
        loss, gradients = backprop(architecture, params, x, t)
        return loss, {name: 0.1 * g / abs(g) for name, g in gradients.items()}

    method = GradientMethod("signs", signs, "signs only", True, None)
    run = fit(net, clusters, method, iterations=60, batch_size=30)
    assert run.settings.gradient == "signs"
    assert run.test_accuracy[-1] > 0.8


def test_each_step_has_a_random_key_of_its_own(net, clusters):
    def noise(architecture, params, x, t, key):
        return jax.random.uniform(key), {n: 0 * v for n, v in params.items()}

    method = GradientMethod("noise", noise, "nothing", True, None)
    with pytest.warns(TrainingWarning):
        runs = [fit(net, clusters, method, iterations=30, batch_size=30) for _ in "12"]
    assert len(set(runs[0].losses)) == 30
    np.testing.assert_array_equal(runs[0].losses, runs[1].losses)


# --- callbacks ---------------------------------------------------------------


def test_callbacks_get_every_loss_once_and_the_forecast_first(net, clusters):
    told = []
    run = fit(net, clusters, iterations=95, batch_size=12, callbacks=[told.append])
    assert told[0].step == 0
    assert told[0].forecast.seconds_per_step > 0
    assert told[-1].step == told[-1].iterations == 95
    losses = np.concatenate([progress.losses for progress in told])
    np.testing.assert_array_equal(losses, run.losses)
    assert told[-1].epoch == run.history.epochs[-1]
    assert_same_params(dict(told[-1].params), dict(run.net.params))


def test_an_exception_in_a_callback_ends_the_run(net, clusters):
    def stop(progress):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        fit(net, clusters, iterations=10, batch_size=12, callbacks=[stop])


# --- failures -----------------------------------------------------------------


def interrupt_at(step):
    def callback(progress):
        if progress.step >= step:
            signal.raise_signal(signal.SIGINT)

    return callback


def test_ctrl_c_returns_the_run_so_far(net, clusters):
    run = fit(
        net, clusters, iterations=100_000, batch_size=12, callbacks=[interrupt_at(20)]
    )
    done = len(run.losses)
    assert run.status == "interrupted"
    assert 20 <= done < 100_000
    # Its weights are those of a run with as many steps.
    asked = fit(net, clusters, iterations=done, batch_size=12)
    assert_same_params(params_of(run), params_of(asked))
    np.testing.assert_array_equal(run.losses, asked.losses)


def exploding(net):
    """A loss that becomes NaN after 13 steps."""

    def method(architecture, params, x, t, key=None):
        loss, gradients = backprop(architecture, params, x, t)
        count = params["b2"][0]
        gradients = {n: jax.numpy.zeros_like(g) for n, g in gradients.items()}
        gradients["b2"] = gradients["b2"].at[0].set(-1.0)
        return jax.numpy.where(count > 12.5, jax.numpy.nan, loss), gradients

    return GradientMethod("exploding", method, "", True, None)


@pytest.mark.parametrize("pulse", [0.0, 0.1], ids=["step by step", "in one call"])
def test_a_nonfinite_loss_stops_the_run_and_keeps_the_last_finite_weights(
    pulse, net, clusters, monkeypatch
):
    monkeypatch.setattr(_FIT, "_CALLBACK_SECONDS", pulse)
    with pytest.raises(NotFinite, match="nan at step 13") as caught:
        fit(net, clusters, exploding(net), learning_rate=1.0, batch_size=6)
    run = caught.value.run
    assert run.status == "stopped"
    # Step 12 was the last with a finite loss; its weights are kept.
    assert run.net.params["b2"][0] == 12
    assert len(run.losses) == 12
    assert "learning_rate=0.1" in str(caught.value)


def test_a_nonfinite_first_loss_keeps_the_initial_weights(clusters):
    net = MLP((2, 3), bias=False)
    net.params["W1"][...] = 1e38
    with pytest.raises(NotFinite, match="step 0") as caught:
        fit(net, clusters, iterations=3, batch_size=12)
    assert len(caught.value.run.losses) == 0


def test_a_lost_update_is_reported(net, clusters):
    """The notebook's `params[key] - learning_rate * grad[key]`."""
    forgotten = optax.set_to_zero()
    with pytest.warns(TrainingWarning, match="no parameter has moved in 10 steps"):
        fit(net, clusters, iterations=10, batch_size=12, optimizer=forgotten)


def test_a_lost_update_is_not_also_blamed_on_the_rate(clusters):
    """An epoch of 24 steps, long enough for a comparison with chance."""
    net = MLP((2, 8, 3), weight_init_std=0.0)
    with pytest.warns(TrainingWarning) as told:
        fit(net, clusters, iterations=24, batch_size=5, optimizer=optax.set_to_zero())
    assert len(told) == 1
    assert "no parameter has moved" in str(told[0].message)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"learning_rate": 1e-7}, "learning rate is too small"),
        ({"learning_rate": 3000.0}, "learning rate is too large"),
    ],
)
def test_a_first_epoch_without_progress_names_the_likely_cause(change, cause, clusters):
    (x, t), _ = clusters
    hopeless = x, np.random.default_rng(1).permutation(t)
    net = MLP((2, 8, 3), "sigmoid", weight_init_std=1.0, seed=4)
    with pytest.warns(TrainingWarning, match=cause):
        fit(net, hopeless, iterations=20, batch_size=12, **change)


def test_unnormalised_inputs_are_named(net):
    draw = np.random.default_rng(1)
    x = draw.integers(0, 256, (200, 2)).astype(np.float32)
    t = draw.integers(0, 3, 200)
    with pytest.warns(TrainingWarning, match=r"run from 1 to 255.*divide by 255"):
        fit(net, (x, t), iterations=20, batch_size=10, learning_rate=0.01)


def test_a_healthy_run_has_no_warnings(net, clusters):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(net, clusters, iterations=30, batch_size=12)


def test_a_run_of_days_warns_and_names_a_faster_method(clusters, monkeypatch):
    wide = MLP((2, 900, 3), seed=0)

    def interrupt(self, stop):
        """Ctrl-C before the first of its steps, which would take minutes."""
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(_FIT._TrainingLoop, "_advance", interrupt)
    with pytest.warns(TrainingWarning, match=r"(hours|days).*'node' would take"):
        run = fit(wide, clusters, "definition", iterations=100_000, batch_size=120)
    assert run.status == "interrupted"


BAD = {
    "iterations of -1": ({"iterations": -1}, "iterations is -1: pass a whole number"),
    "iterations of 2.5": ({"iterations": 2.5}, "iterations is 2.5"),
    "iterations of True": ({"iterations": True}, "iterations is True"),
    "batch_size of 0": ({"batch_size": 0}, "batch_size is 0"),
    "batch_size over the data": ({"batch_size": 121}, "at most batch_size=120"),
    "seed of -1": ({"seed": -1}, "seed is -1"),
    "learning_rate of 0": ({"learning_rate": 0}, "learning_rate is 0"),
    "learning_rate below 0": ({"learning_rate": -0.1}, "needs no minus"),
    "learning_rate of nan": ({"learning_rate": float("nan")}, "learning_rate is nan"),
    "learning_rate as text": ({"learning_rate": "0.1"}, "learning_rate is '0.1'"),
    "a rate beside an optimiser": (
        {"learning_rate": 0.1, "optimizer": optax.sgd(0.1)},
        "has its own",
    ),
    "optimizer unknown": ({"optimizer": "adamm"}, "did you mean 'adam'"),
    "optimizer a number": ({"optimizer": 3}, "optimizer is 3"),
    "gradient unknown": ({"gradient": "bakprop"}, "did you mean 'backprop'"),
    "sampling unknown": ({"sampling": "epoch"}, "did you mean 'epochs'"),
    "a callback alone": ({"callbacks": print}, r"pass a list of functions"),
    "a callback that is none": ({"callbacks": ["bar"]}, r"callbacks is \['bar'\]"),
}


@pytest.mark.parametrize("case", BAD)
def test_an_invalid_option_is_refused_with_the_valid_values(case, net, clusters):
    options, message = BAD[case]
    with pytest.raises(InvalidInput, match=message):
        fit(net, clusters, **options)


@pytest.mark.parametrize("net", [None, MLP, {"W1": np.zeros((2, 3))}])
def test_an_object_that_is_no_network_is_refused(net, clusters):
    with pytest.raises(InvalidInput, match=r"net is .*: pass a network"):
        fit(net, clusters)


X, T = np.zeros((6, 2)), np.zeros(6, int)
BAD_DATA = {
    "an array": (X, "an array of shape"),
    "None": (None, "data is NoneType"),
    "three parts": ((X, T, X), "data is tuple"),
    "other lengths": ((X, T[:5]), r"t has shape \(5,\)"),
    "too many inputs": ((np.zeros((6, 3)), T), "this network takes 2 numbers"),
    "one sample": ((np.zeros(2), 0), r"x has shape \(2,\).*\(samples, inputs\)"),
    "no sample": ((X[:0], T[:0]), "no sample"),
    "NaN in x": ((np.full((6, 2), np.nan), T), r"x\[0, 0\] is nan"),
    "a label out of range": ((X, T + 3), r"t\[0\] is 3"),
    "labels as floats": ((X, T + 0.5), "whole numbers"),
    "values beyond float32": ((X + 1e300, T), r"the data reach 1e\+300, and float32"),
    "masked x": (
        (np.ma.array(X, mask=[[1, 0]] + [[0, 0]] * 5), T),
        "x is a masked array, and 1 of its values",
    ),
    "masked labels": (
        (X, np.ma.array(T, mask=[1, 1, 0, 0, 0, 0])),
        "t is a masked array, and 2 of its values",
    ),
    "a test part that is none": (((X, T), X[:3]), "test part"),
    "bad test labels": (((X, T), (X, T + 7)), r"t\[0\] is 7"),
}


def test_samples_in_bfloat16_are_trained_in_float32(net, clusters):
    (x, t), _ = clusters
    short = jnp.asarray(x, jnp.bfloat16)
    run = fit(net, (short, t), iterations=3)
    expected = fit(net, (np.asarray(short, np.float32), t), iterations=3)
    np.testing.assert_array_equal(run.losses, expected.losses)


@pytest.mark.parametrize("case", BAD_DATA)
def test_invalid_data_is_refused_with_the_valid_form(case, net):
    data, message = BAD_DATA[case]
    with pytest.raises(InvalidInput, match=message):
        fit(net, data, batch_size=2)
