"""How training goes: a bar on a terminal, a few lines elsewhere."""

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from secant.cli.console import about, err

if TYPE_CHECKING:
    from secant.sweeps import Result, Sweep, Trial
    from secant.training import Forecast
    from secant.training import Progress as Step

# Lines that a training run prints where no bar can be drawn.
_LINES = 10

# Losses of single batches jump: shown is their mean, each counting for 2 %.
_SHARE = 0.02


class Bar:
    """A callback that shows the progress of a run.

    The bar is drawn by a thread of its own: it moves within a step, too, of which
    the definition's takes half a minute.
    """

    def __init__(self, iterations: int) -> None:
        """A bar of as many steps as these."""
        self._iterations = iterations
        self._smooth: float | None = None
        self._said = 0
        self._started = 0.0
        # A run that goes on has taken steps before, which this bar has not seen.
        self._first, self._before = 0, 0.0
        self._forecast: Forecast | None = None
        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[steps]}"),
            TextColumn("{task.fields[numbers]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=err,
            disable=not err.animates,
        )
        self._task = self._progress.add_task(
            "", total=max(iterations, 1), steps="", numbers="", left=""
        )

    def __enter__(self) -> "Bar":
        """The bar appears with the first call: what comes before says what it is."""
        return self

    def __exit__(self, *_: object) -> None:
        """The bar stays as it is."""
        self._progress.stop()

    def __call__(self, step: "Step") -> None:
        """Shows where the run stands."""
        if self._forecast is None:
            self._forecast, self._started = step.forecast, perf_counter()
            self._first, self._before = step.step, step.seconds
            err.print(about(forecast=str(step.forecast)))
            self._progress.start()
        for value in step.losses[-200:]:
            before = value if self._smooth is None else self._smooth
            self._smooth = (1 - _SHARE) * before + _SHARE * value
        if err.animates:
            self._draw(step)
        else:
            self._say(step)

    def _draw(self, step: "Step") -> None:
        from secant.training.forecast import duration

        # By the clock on the wall: measuring on all samples takes time, too.
        wall = perf_counter() - self._started
        taken = step.step - self._first
        if taken:
            speed, each = taken / (step.seconds - self._before), wall / taken
        else:
            each = step.forecast.seconds_per_step
            speed = 1 / each
        left = (step.iterations - step.step) * each
        self._progress.update(
            self._task,
            completed=step.step if self._iterations else 1,
            steps=f"{step.step:,}/{step.iterations:,}",
            numbers=f"{self._numbers(step)}  {_rate(speed)}",
            left=f"{duration(left)} left" if left > 0.5 else "",
        )

    def _say(self, step: "Step") -> None:
        part = step.step * _LINES // max(self._iterations, 1)
        if part > self._said:
            self._said = part
            err.print(f"  step {step.step:>7,}  {self._numbers(step)}")

    def _numbers(self, step: "Step") -> str:
        epoch = step.epoch
        smooth = epoch.train_loss if self._smooth is None else self._smooth
        accuracy, which = epoch.judged
        return f"loss {_loss(smooth)}  {which} {accuracy:.1%}"


def _loss(value: float) -> str:
    # One that has exploded has no thousandths worth reading.
    return f"{value:.3f}" if value < 1000 else f"{value:.3g}"


def _rate(speed: float) -> str:
    return f"{speed:,.0f} steps/s" if speed >= 2 else f"{1 / speed:.2g} s/step"


# How a sweep goes: a bar on a terminal, and a line for each trial.


class SweepBar:
    """Shows the progress of a sweep.

    Args:
        trials: How many there will be.
        maximize: Whether a high score is a good one.
    """

    def __init__(self, trials: int, maximize: bool) -> None:
        self._trials, self._maximize = trials, maximize
        self._best: float | None = None
        self._sweep: Sweep | None = None
        self._progress = Progress(
            BarColumn(bar_width=None),
            TextColumn("{task.completed}/{task.total} trials"),
            TextColumn("{task.fields[now]}"),
            TimeElapsedColumn(),
            console=err,
            transient=True,
            disable=not err.animates,
        )
        self._task = self._progress.add_task("", total=trials, now="")

    def begin(self, sweep: "Sweep", source: str, folder: Path, study: str) -> None:
        """Says what is searched, and how much of it was done before."""
        self._sweep = sweep
        words = " ".join(f"{name}={values}" for name, values in sweep.space.items())
        lines = {"data": source, "search": words, "folder": str(folder)}
        err.print(about(**lines, study=study))
        results = sweep.results()
        if results:
            self._best = results[0].score
            done = self._trials - sweep.missing()
            err.print(f"going on after {done:,} of {self._trials:,} trials")
        self._progress.start()
        self._count()

    def stop(self) -> None:
        """The bar goes."""
        self._progress.stop()

    def trial(self, trial: "Trial", step: "Step") -> None:
        """Shows where a trial stands."""
        best = "" if self._best is None else f"best {shown(self._best)}; "
        self._progress.update(
            self._task,
            now=f"{best}trial {trial.number}: step {step.step:,}/{step.iterations:,}",
        )

    def ended(self, result: "Result") -> None:
        """A line for a trial."""
        score, mark = result.score, ""
        if score is not None and result.state == "finished":
            better = self._best is None or (
                score > self._best if self._maximize else score < self._best
            )
            if better:
                self._best, mark = score, "  [bold green]best so far[/]"
        value = "–" if score is None else shown(score)
        err.print(
            f"trial {result.number:>4}  {value:>8}  {escape(settings(result))}"
            f"{mark}{f'  [dim]{escape(result.why)}[/]' if result.why else ''}"
        )
        self._count()

    def _count(self) -> None:
        assert self._sweep is not None
        done = self._trials - self._sweep.missing()
        self._progress.update(self._task, completed=done)


def shown(score: float) -> str:
    """A score in four digits."""
    return f"{score:.4f}" if abs(score) < 1000 else f"{score:.3g}"


def settings(result: "Result") -> str:
    """Settings in a line, numbers shortened."""
    return "  ".join(f"{name} {brief(v)}" for name, v in result.settings.items())


def brief(value: Any) -> str:
    """A value as people write it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
