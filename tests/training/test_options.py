"""Weight decay, clipping and schedules, compared with plain Optax step by step."""

import jax
import numpy as np
import optax
import pytest

from secant import InvalidInput, Schedule, fit
from secant.nn.gradients import METHODS
from secant.training.batches import Batches
from secant.training.optimizers import OPTIMIZERS

OPTIONS = {
    "learning_rate": Schedule("cosine", 0.3, steps=20, warmup_steps=3),
    "weight_decay": 0.2,
    "clip_norm": 0.4,
}


def only_weights(params):
    return {name: name.startswith("W") for name in params}


def chained(direction, rate, decay=0.0, clip=None):
    """The chain that Optax's documentation gives for these options."""
    parts = [optax.clip_by_global_norm(clip)] if clip else []
    parts += [direction, optax.add_decayed_weights(decay, mask=only_weights)]
    return optax.chain(*parts, optax.scale_by_learning_rate(rate))


DIRECTIONS = {
    "sgd": optax.identity(),
    "momentum": optax.trace(0.9),
    "nesterov": optax.trace(0.9, nesterov=True),
    "adagrad": optax.scale_by_rss(),
    "rmsprop": optax.scale_by_rms(),
    "adam": optax.scale_by_adam(),
    "adamw": optax.scale_by_adam(),
}


def by_optax(net, data, optimizer, iterations, batch_size=12, seed=0):
    """A loop of plain Optax over backprop's gradients, in float64."""
    (x, t), _ = data
    params = {name: np.array(value) for name, value in net.params.items()}
    batches = Batches(len(x), batch_size, "replacement", seed)
    losses, clipped = [], 0
    with jax.enable_x64(True):
        state = optimizer.init(params)
        for rows in batches.indices(0, iterations):
            batch = net.architecture.as_batch(x[rows], t[rows])
            loss, gradients = METHODS["backprop"](net.architecture, params, *batch)
            updates, state = optimizer.update(gradients, state, params)
            params = jax.tree.map(np.asarray, optax.apply_updates(params, updates))
            losses.append(loss)
            clipped += optax.tree.norm(gradients) > OPTIONS["clip_norm"]
    assert clipped, "nothing was clipped: the test would show nothing"
    return params, np.array(losses)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("sgd", "adamw") else pytest.mark.slow)
        for name in OPTIMIZERS
    ],
)
def test_every_optimizer_decays_clips_and_changes_its_rate_as_optax_does(
    net, clusters, name
):
    params, losses = by_optax(
        net, clusters, chained(DIRECTIONS[name], OPTIONS["learning_rate"], 0.2, 0.4), 15
    )
    with jax.enable_x64(True):
        run = fit(
            net, clusters, "backprop", iterations=15, batch_size=12, optimizer=name,
            **OPTIONS,
        )  # fmt: skip
    # A schedule's rates are float32 even here, and round otherwise when compiled.
    np.testing.assert_allclose(run.losses, losses, rtol=1e-7, atol=1e-7)
    for key, value in params.items():
        np.testing.assert_allclose(run.net.params[key], value, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "gradient",
    [
        pytest.param(g, marks=() if g == "definition" else pytest.mark.slow)
        for g in sorted(METHODS)
        if not METHODS[g].stochastic
    ],
)
def test_every_gradient_method_takes_the_options(net, clusters, gradient):
    chain = chained(optax.scale_by_adam(), OPTIONS["learning_rate"], 0.2, 0.4)
    _, losses = by_optax(net, clusters, chain, 10)
    run = fit(
        net, clusters, gradient, iterations=10, batch_size=12, optimizer="adam",
        **OPTIONS,
    )  # fmt: skip
    # Float32: a score of about 30 has a rounding error of about 1e-6, as its loss.
    np.testing.assert_allclose(run.losses, losses, rtol=3e-5, atol=1e-6)


def test_weights_decay_by_rate_times_decay_and_biases_do_not(net, clusters):
    settings = {"iterations": 1, "batch_size": 12, "learning_rate": 0.5}
    plain = fit(net, clusters, "definition", **settings).net.params
    decayed = fit(net, clusters, "definition", weight_decay=0.1, **settings).net.params
    for name, value in net.params.items():
        lost = 0.5 * 0.1 * value if name.startswith("W") else 0 * value
        np.testing.assert_allclose(plain[name] - decayed[name], lost, atol=1e-15)


def test_a_gradient_is_shortened_to_the_norm_over_all_parameters(net, clusters):
    run = fit(
        net, clusters, "definition", iterations=1, batch_size=12, learning_rate=1.0,
        clip_norm=1e-3,
    )  # fmt: skip
    moved = [run.net.params[name] - value for name, value in net.params.items()]
    assert np.sqrt(sum(np.sum(m**2) for m in moved)) == pytest.approx(1e-3, rel=1e-9)


def test_adamw_is_adam_that_decays(net, clusters):
    settings = {"iterations": 9, "batch_size": 12}
    usual = fit(net, clusters, optimizer="adamw", **settings)
    adam = fit(net, clusters, optimizer="adam", weight_decay=1e-4, **settings)
    np.testing.assert_array_equal(usual.losses, adam.losses)
    assert usual.settings.weight_decay == 1e-4
    off = fit(net, clusters, optimizer="adamw", weight_decay=0.0, **settings)
    np.testing.assert_array_equal(
        off.losses, fit(net, clusters, optimizer="adam", **settings).losses
    )


def test_without_options_nothing_is_added(net, clusters):
    none = fit(net, clusters, iterations=20, batch_size=12)
    zero = fit(net, clusters, iterations=20, batch_size=12, weight_decay=0.0)
    np.testing.assert_array_equal(none.losses, zero.losses)
    assert none.settings == zero.settings


def test_any_optax_schedule_is_accepted(net, clusters):
    schedule = optax.exponential_decay(0.5, 3, 0.8)
    named = fit(net, clusters, iterations=20, batch_size=12, learning_rate=schedule)
    passed = fit(
        net, clusters, iterations=20, batch_size=12, optimizer=optax.sgd(schedule)
    )
    np.testing.assert_array_equal(named.losses, passed.losses)
    assert named.settings.optimizer == "sgd"
    assert named.settings.schedule == "custom"
    assert named.settings.learning_rate is None


def test_the_settings_record_every_option(net, clusters):
    run = fit(net, clusters, iterations=2, batch_size=12, **OPTIONS)
    assert run.settings.learning_rate == 0.3
    assert run.settings.schedule == OPTIONS["learning_rate"]
    assert run.settings.weight_decay == 0.2
    assert run.settings.clip_norm == 0.4
    assert "sgd, rate 0.3, cosine, decay 0.2, clip 0.4" in run.describe()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight_decay": -0.1}, "weight_decay is -0.1: pass a finite number, 0 or"),
        ({"weight_decay": float("nan")}, "weight_decay is nan"),
        ({"weight_decay": True}, "weight_decay is True"),
        ({"clip_norm": 0}, "clip_norm is 0: pass a finite number above 0"),
        ({"clip_norm": "1"}, "clip_norm is '1'"),
        (
            {"weight_decay": 0.1, "optimizer": optax.adam(0.1)},
            "weight_decay=0.1 was passed with an optimiser that has its own",
        ),
        (
            {"clip_norm": 1.0, "optimizer": optax.adam(0.1)},
            "optax.chain",
        ),
    ],
    ids=[
        "decay below 0", "decay of nan", "decay of True", "clip of 0", "clip as text",
        "decay beside an optimiser", "clip beside an optimiser",
    ],
)  # fmt: skip
def test_an_invalid_option_is_refused(net, clusters, options, message):
    with pytest.raises(InvalidInput, match=message):
        fit(net, clusters, iterations=2, **options)
