"""Schedules: the rate of each step, by Optax's names or as functions."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secant import InvalidInput, Schedule, fit
from secant.training.schedules import SCHEDULES

FORMULAS = {
    "constant": lambda s, e: 1.0,
    "linear": lambda s, e: 1 - s * (1 - e),
    "cosine": lambda s, e: e + (1 - e) * (1 + np.cos(np.pi * s)) / 2,
    "exponential": lambda s, e: e**s,
}


@pytest.mark.parametrize("name", SCHEDULES)
@given(
    rate=st.floats(1e-4, 10),
    steps=st.integers(2, 1000),
    warm=st.floats(0, 0.99),
    end_factor=st.floats(1e-3, 1),
    at=st.floats(0, 1.2),
)
@settings(max_examples=15, deadline=None)
def test_a_schedule_equals_its_formula(name, rate, steps, warm, end_factor, at):
    warm, step = int(warm * steps), int(at * steps)
    schedule = Schedule(name, rate, steps, warm, end_factor)
    if step < warm:
        wanted = rate * step / warm
    else:
        share = min((step - warm) / (steps - warm), 1)
        wanted = rate * FORMULAS[name](share, end_factor)
    # Float32, and the cosine of a number near π.
    assert float(schedule(step)) == pytest.approx(wanted, rel=1e-5, abs=rate * 1e-6)


def test_the_cosine_with_warm_up_equals_optax_s():
    ours = Schedule("cosine", 0.3, steps=90, warmup_steps=20, end_factor=0.1)
    theirs = optax.warmup_cosine_decay_schedule(0.0, 0.3, 20, 90, end_value=0.03)
    steps = jnp.arange(100)
    np.testing.assert_array_equal(ours(steps), theirs(steps))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "cosin"}, "did you mean 'cosine'"),
        ({"rate": 0.0}, "learning_rate is 0.0"),
        ({"rate": "0.1"}, "learning_rate is '0.1'"),
        ({"rate": 10**400}, "learning_rate is 1000"),
        ({"steps": 0}, "steps is 0: pass a whole number, 1 or above"),
        ({"warmup_steps": -1}, "warmup_steps is -1"),
        ({"warmup_steps": 10}, "is 10, and the whole schedule has 10 steps"),
        ({"end_factor": 1.5}, "end_factor is 1.5: pass the share"),
        ({"end_factor": float("nan")}, "end_factor is nan"),
        ({"name": "exponential", "end_factor": 0}, "an exponential never reaches"),
    ],
    ids=[
        "name", "rate of 0", "rate as text", "rate beyond floats", "no steps",
        "warm-up below 0", "warm-up only", "rising", "nan", "exponential to 0",
    ],
)  # fmt: skip
def test_an_invalid_schedule_is_refused(change, message):
    with pytest.raises(InvalidInput, match=message):
        Schedule(**{"name": "cosine", "rate": 0.1, "steps": 10} | change)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (lambda step: 0.1 if step < 5 else 0.01, "jnp.where"),
        (lambda step: 0.1 - 0.1 * step, r"is -0.1\d* at 2"),
        (lambda step: jnp.array([0.1, 0.2]), r"has shape \(2,\)|cannot be compiled"),
        (lambda step: jnp.nan * step, "is nan at 0"),
        (lambda: 0.1, "TypeError"),
    ],
    ids=["if", "below 0", "two rates", "nan", "no step"],
)
def test_a_function_that_is_no_schedule_is_refused(net, clusters, schedule, message):
    with pytest.raises(InvalidInput, match=message):
        fit(net, clusters, iterations=3, learning_rate=schedule)


def test_an_unhashable_schedule_is_accepted(net, clusters):
    class Halving:
        __hash__ = None

        def __call__(self, step):
            return 0.1 * 0.5**step

    run = fit(net, clusters, iterations=5, batch_size=12, learning_rate=Halving())
    halving = optax.exponential_decay(0.1, 1, 0.5)
    same = fit(net, clusters, iterations=5, batch_size=12, learning_rate=halving)
    np.testing.assert_allclose(run.losses, same.losses, rtol=1e-6)
