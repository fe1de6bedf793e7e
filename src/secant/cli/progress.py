"""Progress of a run or a sweep: a bar on a terminal, and lines of text."""

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

from secant.cli.console import err, labelled_lines

if TYPE_CHECKING:
    from secant.sweeps import Result, Sweep, Trial
    from secant.training import Forecast
    from secant.training import Progress as Step

# The number of lines of a training run without a bar.
_LINES = 10

# The losses of single batches are noisy, so the bar shows their exponential moving
# average with this weight.
_SMOOTHING = 0.02


class ProgressBar:
    """A callback that shows the progress of a run.

    A separate thread draws the bar, so it also moves during a step; a step by the
    definition takes half a minute.
    """

    def __init__(self, iterations: int) -> None:
        """Make a bar for a number of steps."""
        self._iterations = iterations
        self._smooth: float | None = None
        self._printed_lines = 0
        self._started = 0.0
        # A resumed run has taken steps before this bar.
        self._first_step, self._first_seconds = 0, 0.0
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

    def __enter__(self) -> "ProgressBar":
        """Return the bar, which appears at the first call, below the introduction."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the bar; its last state stays visible."""
        self._progress.stop()

    def __call__(self, step: "Step") -> None:
        """Show the state of the run after a step."""
        if self._forecast is None:
            self._forecast, self._started = step.forecast, perf_counter()
            self._first_step, self._first_seconds = step.step, step.seconds
            err.print(labelled_lines(forecast=str(step.forecast)))
            self._progress.start()
        for value in step.losses[-200:]:
            before = value if self._smooth is None else self._smooth
            self._smooth = (1 - _SMOOTHING) * before + _SMOOTHING * value
        if err.animates:
            self._draw(step)
        else:
            self._print_line(step)

    def _draw(self, step: "Step") -> None:
        from secant.training.forecast import duration

        # The remaining time uses the wall clock, which includes the measurements on
        # all samples; the speed counts only the steps.
        wall = perf_counter() - self._started
        taken = step.step - self._first_step
        if taken:
            speed, each = taken / (step.seconds - self._first_seconds), wall / taken
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

    def _print_line(self, step: "Step") -> None:
        lines = step.step * _LINES // max(self._iterations, 1)
        if lines > self._printed_lines:
            self._printed_lines = lines
            err.print(f"  step {step.step:>7,}  {self._numbers(step)}")

    def _numbers(self, step: "Step") -> str:
        epoch = step.epoch
        smooth = epoch.train_loss if self._smooth is None else self._smooth
        accuracy, which = epoch.judged
        return f"loss {_loss(smooth)}  {which} {accuracy:.1%}"


def _loss(value: float) -> str:
    # The decimals of a huge loss mean nothing.
    return f"{value:.3f}" if value < 1000 else f"{value:.3g}"


def _rate(speed: float) -> str:
    return f"{speed:,.0f} steps/s" if speed >= 2 else f"{1 / speed:.2g} s/step"


class SweepProgressBar:
    """The progress bar of a sweep.

    Args:
        trials: The number of trials.
        maximize: Whether a high score is good.
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
        """Print the search space and the number of earlier trials, and show the bar."""
        self._sweep = sweep
        words = " ".join(f"{name}={values}" for name, values in sweep.space.items())
        lines = {"data": source, "search": words, "folder": str(folder)}
        err.print(labelled_lines(**lines, study=study))
        results = sweep.results()
        if results:
            self._best = results[0].score
            done = self._trials - sweep.missing()
            err.print(f"continuing after {done:,} of {self._trials:,} trials")
        self._progress.start()
        self._count()

    def stop(self) -> None:
        """The bar goes."""
        self._progress.stop()

    def trial(self, trial: "Trial", step: "Step") -> None:
        """Show the state of a trial after a step."""
        best = "" if self._best is None else f"best {score_text(self._best)}; "
        self._progress.update(
            self._task,
            now=f"{best}trial {trial.number}: step {step.step:,}/{step.iterations:,}",
        )

    def ended(self, result: "Result") -> None:
        """Print a line for a trial that has ended."""
        score, mark = result.score, ""
        if score is not None and result.state == "finished":
            better = self._best is None or (
                score > self._best if self._maximize else score < self._best
            )
            if better:
                self._best, mark = score, "  [bold green]best so far[/]"
        value = "–" if score is None else score_text(score)
        err.print(
            f"trial {result.number:>4}  {value:>8}  {escape(settings_text(result))}"
            f"{mark}{f'  [dim]{escape(result.why)}[/]' if result.why else ''}"
        )
        self._count()

    def _count(self) -> None:
        assert self._sweep is not None
        done = self._trials - self._sweep.missing()
        self._progress.update(self._task, completed=done)


def score_text(score: float) -> str:
    """A score with four decimals."""
    return f"{score:.4f}" if abs(score) < 1000 else f"{score:.3g}"


def settings_text(result: "Result") -> str:
    """The settings in a line, with short numbers."""
    return "  ".join(f"{name} {short_value(v)}" for name, v in result.settings.items())


def short_value(value: Any) -> str:
    """A value with at most four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
