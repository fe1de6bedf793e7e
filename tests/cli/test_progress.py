"""The progress of a run, on a terminal and elsewhere."""

import io

import numpy as np
import pytest

from secant.cli import console, progress
from secant.history import Epoch
from secant.training import Forecast, Progress


def steps(iterations, count, seconds_per_step=0.001, loss=0.5):
    """The progress of `iterations` steps, in `count` calls and one before."""
    forecast = Forecast("backprop", iterations, seconds_per_step, None)
    for part in range(count + 1):
        step = iterations * part // count
        yield Progress(
            step=step,
            iterations=iterations,
            losses=np.full(iterations // count if part else 0, loss),
            epoch=Epoch(0, 2.3, 0.1, 2.3, 0.914),
            forecast=forecast,
            seconds=step * seconds_per_step,
            params={},
        )


@pytest.fixture
def shown(monkeypatch):
    """The output of a run, on a terminal of 80 columns or without one."""

    def show(terminal, calls):
        file = io.StringIO()
        screen = console._Console(file=file, force_terminal=terminal, width=80)
        monkeypatch.setattr(progress, "err", screen)
        with progress.ProgressBar(10_000) as callback:
            for step in calls:
                callback(step)
        return file.getvalue()

    return show


def test_without_a_terminal_progress_is_ten_lines(shown):
    said = shown(False, steps(10_000, 100)).splitlines()
    assert said[0].startswith("forecast")
    assert len(said) == 11
    assert said[1] == "  step   1,000  loss 0.500  test 91.4%"


def test_on_a_terminal_progress_is_one_line_that_fits(shown):
    said = shown(True, list(steps(10_000, 100))[:50])
    line = said.split("\r")[-1]
    text = "".join(part.partition("m")[2] for part in ("m" + line).split("\x1b["))
    assert "4,900/10,000" in text
    assert "loss 0.500  test 91.4%  1,000 steps/s" in text
    assert len(text.rstrip("\n")) <= 80


def test_slow_steps_show_seconds_per_step(shown):
    said = shown(True, list(steps(10_000, 10_000, seconds_per_step=25.4))[:2])
    assert "25 s/step" in said
    assert "left" in said


def test_a_huge_loss_is_printed_short(shown):
    said = shown(False, steps(10_000, 100, loss=5.7568e25)).splitlines()
    assert said[1] == "  step   1,000  loss 5.76e+25  test 91.4%"
