"""Forecast: what a run will take, measured before it starts."""

from time import perf_counter

import pytest

from secant import MLP, fit
from secant.training.forecast import Forecast, duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0000042, "0.0042 ms"),
        (0.00042, "0.42 ms"),
        (0.042, "42 ms"),
        (0.42, "0.42 s"),
        (42, "42 s"),
        (119, "119 s"),
        (121, "2 minutes"),
        (3 * 3600, "3 hours"),
        (400_000, "4.6 days"),
        (0, "0 ms"),
    ],
)
def test_durations_read_as_a_person_says_them(seconds, words):
    assert duration(seconds) == words


def test_a_forecast_says_steps_runs_and_the_faster_way():
    forecast = Forecast("definition", 10_000, 31.0, 79_521, "backprop", 5.0)
    assert str(forecast) == (
        "definition: a step takes 79,521 runs of the network, about 31 s; 10,000 "
        "steps about 3.6 days. gradient='backprop' would take at most 5 s."
    )
    assert forecast.at(100) == 3100


@pytest.mark.parametrize("gradient", ["definition", "backprop"])
def test_the_forecast_is_near_what_the_run_takes(gradient, clusters):
    net, told = MLP((2, 60, 3)), []
    iterations = 20 if gradient == "definition" else 4000
    start = perf_counter()
    run = fit(
        net,
        clusters,
        gradient,
        iterations=iterations,
        batch_size=100,
        callbacks=[told.append],
    )
    assert perf_counter() - start > run.timings.training > 0
    ratio = run.timings.training / told[0].forecast.seconds
    # A wide band: the machine may be busy. Days for hours would not pass.
    assert 1 / 6 < ratio < 6


def test_the_definition_counts_two_runs_a_weight_and_one(clusters):
    told = []
    fit(
        MLP((2, 4, 3)),
        clusters,
        "definition",
        iterations=1,
        batch_size=9,
        callbacks=[told.append],
    )
    assert told[0].forecast.evaluations == 2 * (2 * 4 + 4 + 4 * 3 + 3) + 1
