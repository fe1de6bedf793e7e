"""Forecast: the time of a run, measured before it starts."""

import numpy as np
import pytest

from secant import MLP, Architecture, fit
from secant.nn.gradients import GradientMethod
from secant.training.forecast import Forecast, duration
from secant.training.steps import CompiledStepper


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
def test_durations_have_readable_units(seconds, words):
    assert duration(seconds) == words


def test_a_forecast_names_steps_runs_and_a_faster_method():
    forecast = Forecast("definition", 10_000, 31.0, 79_521, "node", 5.0)
    assert str(forecast) == (
        "definition: a step takes 79,521 runs of the network, about 31 s; 10,000 "
        "steps about 3.6 days. gradient='node' would take about 5 s."
    )
    assert forecast.at(100) == 3100


@pytest.fixture
def clock(monkeypatch):
    """A clock that advances only with the work itself."""
    now = [0.0]
    monkeypatch.setattr("secant.training.forecast.perf_counter", lambda: now[0])
    return now


def test_a_compiled_forecast_excludes_the_cost_of_the_call(
    clock, net, clusters, monkeypatch
):
    advance = CompiledStepper.advance

    def timed(self, state, start, count):
        clock[0] += 0.030 + 0.002 * count
        return advance(self, state, start, count)

    monkeypatch.setattr(CompiledStepper, "advance", timed)
    told = []
    fit(net, clusters, iterations=50, batch_size=9, callbacks=[told.append])
    assert told[0].forecast.seconds_per_step == pytest.approx(0.002)
    assert told[0].forecast.seconds == pytest.approx(0.1)


def test_a_short_load_does_not_change_the_forecast_of_compiled_steps(
    clock, net, clusters, monkeypatch
):
    """Another program takes the processor while a step is timed for the first time."""
    advance, calls = CompiledStepper.advance, []

    def timed(self, state, start, count):
        calls.append(count)
        clock[0] += 0.002 * count + (0.1 if len(calls) == 2 else 0)
        return advance(self, state, start, count)

    monkeypatch.setattr(CompiledStepper, "advance", timed)
    told = []
    fit(net, clusters, iterations=50, batch_size=9, callbacks=[told.append])
    assert told[0].forecast.seconds_per_step == pytest.approx(0.002)


def test_the_forecast_of_the_definition_is_its_runs_times_one(
    clock, net, clusters, monkeypatch
):
    error = Architecture.error

    def timed(self, params, x, t):
        clock[0] += 0.003
        return error(self, params, x, t)

    monkeypatch.setattr(Architecture, "error", timed)
    told = []
    fit(
        net, clusters, "definition", iterations=1, batch_size=9, callbacks=[told.append]
    )
    assert told[0].forecast.seconds_per_step == pytest.approx(0.003 * (2 * 51 + 1))


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


def test_a_short_load_on_the_machine_does_not_change_the_forecast(
    clock, net, clusters, monkeypatch
):
    """Another program takes the processor for the first tenth of a second."""
    error = Architecture.error

    def timed(self, params, x, t):
        clock[0] += 0.006 if clock[0] < 0.1 else 0.0005
        return error(self, params, x, t)

    def interrupt(step):
        told.append(step)
        raise KeyboardInterrupt

    monkeypatch.setattr(Architecture, "error", timed)
    told = []
    fit(net, clusters, "definition", batch_size=9, callbacks=[interrupt])
    assert told[0].forecast.seconds_per_step == pytest.approx(0.0005 * (2 * 51 + 1))


@pytest.mark.parametrize(
    ("first", "forecast"), [(4.0, 0.002), (60.0, 60.0)], ids=["compiles", "takes long"]
)
def test_the_forecast_excludes_compilation(clock, net, clusters, first, forecast):
    """The forecast keeps the time of a long step: the next one takes as long."""

    def function(architecture, params, x, t, key=None, /):
        clock[0] += 0.002 if clock[0] else first
        return np.float64(1), {name: np.zeros_like(w) for name, w in params.items()}

    def interrupt(step):
        told.append(step)
        raise KeyboardInterrupt

    told = []
    method = GradientMethod("own", function, "nothing", False, None)
    fit(net, clusters, method, iterations=5, batch_size=9, callbacks=[interrupt])
    assert told[0].forecast.seconds_per_step == pytest.approx(forecast)
