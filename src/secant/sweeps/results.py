"""What became of the trials: one row each."""

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
    """A trial that was ended.

    Attributes:
        number: Of the trial, from 0; one that was tried again has its first number.
        settings: What was tried.
        score: How good it was, at the last epoch that was measured; None where none
            was.
        state: `finished`, `pruned` (given up on its way) or `failed`.
        seconds: How long it took, the last time that it was tried.
        facts: What was noted beside it.
    """

    number: int
    settings: Mapping[str, Value]
    score: float | None
    state: str
    seconds: float
    facts: Mapping[str, Any]

    @property
    def why(self) -> str:
        """Why it was not finished, in words."""
        return str(self.facts.get("why") or self.facts.get("error") or "")


def result_of(trial: FrozenTrial, number: int) -> Result:
    """A trial of Optuna's, as one of ours."""
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
    """The number of each trial of a study, among those that were no second tries.

    One that is tried again keeps the number that it had.
    """
    tries = [trial.system_attrs.get("retry_history") or [] for trial in trials]
    own = list(accumulate((not again for again in tries), initial=0))
    return [own[again[0] if again else place] for place, again in enumerate(tries)]


def to_csv(results: Sequence[Result], names: Sequence[str]) -> str:
    """A table with a row for each trial.

    Numbers are written so that they read back exactly.
    """
    text = io.StringIO(newline="")
    write = csv.writer(text, lineterminator="\n").writerow
    facts = sorted({fact for result in results for fact in result.facts})
    write(["trial", "state", "score", "seconds", *names, *facts])
    for result in results:
        score = "" if result.score is None else repr(result.score)
        settings = [result.settings.get(name, "") for name in names]
        noted = [result.facts.get(fact, "") for fact in facts]
        write(
            [
                result.number,
                result.state,
                score,
                f"{result.seconds:.3f}",
                *settings,
                *noted,
            ]
        )
    return text.getvalue()
