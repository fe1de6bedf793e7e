"""Results of trials, and their table."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from secant.sweeps.space import Value


@dataclass(frozen=True)
class Result:
    """The result of a trial that has ended.

    Attributes:
        number: The trial's number, from 0; a retried trial keeps its number.
        settings: The trial's settings.
        score: The score at the last measured epoch; None without a measurement.
        state: `finished`, `pruned` (stopped early) or `failed`.
        seconds: The duration of its last attempt.
        facts: Additional facts of the trial.
    """

    number: int
    settings: Mapping[str, Value]
    score: float | None
    state: str
    seconds: float
    facts: Mapping[str, Any]

    @property
    def why(self) -> str:
        """The reason that the trial did not finish, in words."""
        return str(self.facts.get("why") or self.facts.get("error") or "")


def result_of(trial: FrozenTrial, number: int) -> Result:
    """The result of a trial of Optuna."""
    score = trial.value if trial.state == TrialState.COMPLETE else None
    if score is None and trial.intermediate_values:
        score = trial.intermediate_values[max(trial.intermediate_values)]
    state = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "pruned"}
    return Result(
        number,
        trial.params,
        score,
        state.get(trial.state, "failed"),
        trial.duration.total_seconds() if trial.duration else 0.0,
        trial.user_attrs,
    )


def numbers(trials: Sequence[FrozenTrial]) -> list[int]:
    """The number of each trial of a study; a retry has the number of its first try."""
    histories = [trial.system_attrs.get("retry_history") or [] for trial in trials]
    first_tries = list(accumulate((not history for history in histories), initial=0))
    return [
        first_tries[history[0] if history else index]
        for index, history in enumerate(histories)
    ]


def to_csv(results: Sequence[Result], names: Sequence[str]) -> str:
    """A table with a row for each trial. Numbers read back exactly."""
    text = io.StringIO(newline="")
    write = csv.writer(text, lineterminator="\n").writerow
    facts = sorted({fact for result in results for fact in result.facts})
    write(["trial", "state", "score", "seconds", *names, *facts])
    for result in results:
        score = "" if result.score is None else repr(result.score)
        settings = [result.settings.get(name, "") for name in names]
        fact_cells = [result.facts.get(fact, "") for fact in facts]
        write(
            [
                result.number,
                result.state,
                score,
                f"{result.seconds:.3f}",
                *settings,
                *fact_cells,
            ]
        )
    return text.getvalue()
