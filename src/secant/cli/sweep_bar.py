"""Progress of a sweep: a bar on a terminal, and a line for each trial."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from secant.cli.console import err, labelled_lines

if TYPE_CHECKING:
    from secant.sweeps import Result, Sweep, Trial
    from secant.training import Progress as Step


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
        """Remove the bar."""
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
