"""Sweep: the trials of a study, run by any number of processes and machines."""

import json
import socket
import warnings
from collections.abc import Callable, Mapping
from copy import copy
from time import monotonic, sleep
from typing import Any, Self

import optuna
from optuna.trial import FrozenTrial, TrialState

from secant.errors import InvalidInput, SecantError
from secant.sweeps.results import Result, numbers, result_of
from secant.sweeps.sampler import NumberedSampler, pruner
from secant.sweeps.space import Choices, Range, Space, Value, description
from secant.sweeps.storage import (
    MAX_RETRIES,
    Notify,
    StorageUnreachable,
    open_storage,
    queue_again,
)

_IDENTITY = "secant: what is searched"

# Marks a trial that no worker had to try.
_SURPLUS = "surplus"


class Pruned(SecantError):
    """A trial stopped early, since others are better."""


class _SurplusTrial(Exception):
    """A trial beyond the last one, which another worker started just before."""


class Trial:
    """A trial of one setting.

    Attributes:
        number: The trial's number, from 0; a retried trial keeps its number.
        settings: A value for every name of the space.
    """

    def __init__(self, trial: optuna.Trial, settings: Mapping[str, Value]) -> None:
        self._trial = trial
        self.number = numbers(trial.study.get_trials(deepcopy=False))[trial.number]
        self.settings = settings

    def report(self, epoch: int, score: float) -> None:
        """Report the score after a number of epochs.

        A repeated trial has the scores of its earlier try. It may report some of them
        again, and each is judged by the epochs up to it.

        Raises:
            Pruned: The other trials had better scores at that epoch.
        """
        self._trial.report(score, epoch)
        study = self._trial.study
        trial = copy(study.get_trials(deepcopy=False)[self._trial.number])
        trial.intermediate_values = {
            reported: value
            for reported, value in trial.intermediate_values.items()
            if reported <= epoch
        }
        if study.pruner.prune(study, trial):
            raise Pruned(f"pruned after epoch {epoch}")

    def note(self, **facts: str | float | None) -> None:
        """Save facts of the trial for its row of the table."""
        for name, fact in facts.items():
            self._trial.set_user_attr(name, fact)


Objective = Callable[[Trial], float]


class Sweep:
    """A study, and this process as one of its workers.

    Every process that opens the same study with the same space is a worker. If a
    worker dies, its heartbeats end, and another worker retries its trial.

    Args:
        space: The search space.
        url: The database: `sqlite:///FILE`, `postgresql://USER@HOST/DATABASE`.
        study: The study's name in the database.
        trials: The number of trials, of all workers together.
        fixed: Further settings of the study, which must be equal for all workers.
        maximize: Whether a high score is good.
        pruning: `median`, `halving` or `none`.
        seed: The seed of the sampler.
        heartbeat: Seconds between heartbeats; a worker that misses three is dead.
        max_outage: Seconds that the database may be unreachable.
        notify: Called with a sentence when the worker waits for the database or for
            other workers.
        should_stop: Called regularly; returns whether to end.

    Raises:
        InvalidInput: The database cannot be used, or the study searches something
            else.

    Example:
        >>> from tempfile import mkdtemp
        >>> from secant.sweeps import Sweep, parse
        >>> space = parse(["x=-2..2"], {"x": float})
        >>> url = f"sqlite:///{mkdtemp()}/bowl.db"
        >>> with Sweep(space, url, "bowl", trials=15) as sweep:
        ...     sweep.run(lambda trial: -(trial.settings["x"] - 1) ** 2)
        ...     best = sweep.results()[0]
        >>> abs(best.settings["x"] - 1) < 0.5
        True
    """

    def __init__(
        self,
        space: Space,
        url: str,
        study: str,
        *,
        trials: int,
        fixed: Mapping[str, Any] | None = None,
        maximize: bool = True,
        pruning: str = "median",
        seed: int = 0,
        heartbeat: int = 20,
        max_outage: float = 600.0,
        notify: Notify = lambda sentence: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.space = space
        self.trials = trials
        self.maximize = maximize
        self._notify, self._should_stop = notify, should_stop
        study_pruner = pruner(pruning)
        self._storage = open_storage(
            url,
            heartbeat=heartbeat,
            max_outage=max_outage,
            notify=notify,
            should_stop=should_stop,
        )
        self._study = optuna.create_study(
            storage=self._storage,
            sampler=NumberedSampler(seed),
            pruner=study_pruner,
            study_name=study,
            direction="maximize" if maximize else "minimize",
            load_if_exists=True,
        )
        try:
            self._check_identity({"space": description(space), **(fixed or {})})
        except BaseException:
            self.close()
            raise
        self._first_seen: dict[int, float] = {}
        self._waiting = False

    def __enter__(self) -> Self:
        """Return the sweep; the end of the block closes the database."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection to the database."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def run(
        self, objective: Objective, each: Callable[[Result], object] = lambda _: None
    ) -> None:
        """Run trials until the study has the requested number.

        Args:
            objective: Returns the score of a trial. After a `SecantError` the trial
                has failed, and the next one runs. KeyboardInterrupt ends the sweep; a
                later call retries the trial.
            each: Called with the result of every trial that this process has ended.
        """
        while not self._should_stop() and self.missing():
            self._queue_lost()
            running, queued = self._count(TrialState.RUNNING, TrialState.WAITING)
            if running >= self.missing() and not queued:
                self._wait_for_others(running)
                continue
            self._waiting = False
            self._run_trial(objective, each)

    def _run_trial(
        self, objective: Objective, each: Callable[[Result], object]
    ) -> None:
        started: list[int] = []
        reassigned = False

        def evaluate(trial: optuna.Trial) -> float:
            nonlocal reassigned
            started.append(trial.number)
            try:
                return self._evaluate(objective, trial)
            finally:
                current = self._study.get_trials(deepcopy=False)[trial.number]
                reassigned = current.state.is_finished()

        try:
            with warnings.catch_warnings():
                # Secant reports failures and pruning in its own words.
                warnings.simplefilter("ignore")
                self._study.optimize(
                    evaluate, n_trials=1, catch=(SecantError, _SurplusTrial)
                )
        except KeyboardInterrupt:
            for number in started:
                self._requeue(number)
            raise
        except Exception as error:
            if reassigned:
                self._notify(
                    "this worker sent no heartbeat for so long that another worker got "
                    "its trial; it continues with the next one"
                )
                return
            # Optuna replaces the exception that ended a wait for the database.
            raise _original_error(error) from None
        trials = self._study.get_trials(deepcopy=False)
        trial = trials[started[0]]
        if _counts(trial):
            each(result_of(trial, numbers(trials)[trial.number]))

    def _evaluate(self, objective: Objective, trial: optuna.Trial) -> float:
        if self._is_surplus(trial.number):
            trial.set_user_attr(_SURPLUS, True)
            raise _SurplusTrial
        # A trial with a host has a heartbeat, which ends if the worker dies.
        study_id = self._storage.get_study_id_from_name(self._study.study_name)
        self._storage.record_heartbeat(
            self._storage.get_trial_id_from_study_id_trial_number(
                study_id, trial.number
            )
        )
        trial.set_user_attr("host", socket.gethostname())
        settings = {
            name: _suggest(trial, name, values) for name, values in self.space.items()
        }
        try:
            return objective(Trial(trial, settings))
        except Pruned as error:
            trial.set_user_attr("why", str(error))
            raise optuna.TrialPruned(str(error)) from None
        except SecantError as error:
            trial.set_user_attr("error", str(error)[:1000])
            raise

    def missing(self) -> int:
        """The number of trials that no worker has ended yet."""
        trials = self._study.get_trials(deepcopy=False)
        return max(self.trials - sum(map(_counts, trials)), 0)

    def results(self) -> list[Result]:
        """The results of all ended trials, the best first."""
        trials = self._study.get_trials(deepcopy=False)
        found = [
            result_of(trial, number)
            for trial, number in zip(trials, numbers(trials), strict=True)
            if _counts(trial)
        ]
        sign = -1 if self.maximize else 1

        def rank(result: Result) -> tuple[bool, float, int]:
            score = result.score if result.score is not None else -sign * float("inf")
            return result.state != "finished", sign * score, result.number

        return sorted(found, key=rank)

    def _count(self, *states: TrialState) -> list[int]:
        trials = self._study.get_trials(deepcopy=False)
        return [sum(t.state == state for t in trials) for state in states]

    def _is_surplus(self, number: int) -> bool:
        trials = self._study.get_trials(deepcopy=False)
        if history := trials[number].system_attrs.get("retry_history"):
            # Two workers may have queued the same trial again.
            return any(
                _counts(t) or (_is_live(t) and t.number < number)
                for t in trials
                if _first_try(t) == history[0] and t.number != number
            )
        before = [
            t
            for t in trials
            if _counts(t)
            or t.state == TrialState.WAITING
            or (t.state == TrialState.RUNNING and t.number < number)
        ]
        return len(before) >= self.trials

    def _requeue(self, number: int) -> None:
        trial = self._study.get_trials()[number]
        if trial.state == TrialState.FAIL:
            queue_again(self._study, trial)

    def _queue_lost(self) -> None:
        """Queue the failed trials again that nobody has queued.

        A worker that fails a trial, its own or that of a dead worker, may die before it
        queues it again.
        """
        trials = self._study.get_trials(deepcopy=False)
        vacant = self.missing() - sum(map(_is_live, trials))
        tries: dict[int, list[FrozenTrial]] = {}
        for trial in trials:
            tries.setdefault(_first_try(trial), []).append(trial)
        for group in tries.values():
            failed = [t for t in group if _SURPLUS not in t.user_attrs]
            if not failed or any(_counts(t) or _is_live(t) for t in group):
                continue
            history = failed[-1].system_attrs.get("retry_history") or []
            if vacant > 0 and len(history) < MAX_RETRIES:
                queue_again(self._study, failed[-1])
                vacant -= 1

    def _wait_for_others(self, running: int) -> None:
        if not self._waiting:
            self._waiting = True
            self._notify(f"waiting for the last {running} trial(s) of other workers")
        deadline = monotonic() + 1.0
        while monotonic() < deadline and not self._should_stop():
            sleep(0.1)
        _without_warnings(optuna.storages.fail_stale_trials, self._study)
        # A worker may have died before its first heartbeat.
        for trial in self._study.get_trials(deepcopy=False):
            if trial.state == TrialState.RUNNING and "host" not in trial.user_attrs:
                seen = self._first_seen.setdefault(trial.number, monotonic())
                if monotonic() - seen > self._storage.grace:
                    self._study.tell(
                        trial.number, state=TrialState.FAIL, skip_if_finished=True
                    )

    def _check_identity(self, identity: Mapping[str, Any]) -> None:
        """Compare the identity with the one that the study's creator stored."""
        requested = json.loads(json.dumps(identity))
        deadline = monotonic() + 3.0
        while (stored := self._study.user_attrs.get(_IDENTITY)) is None:
            if monotonic() > deadline or not self._study.get_trials(deepcopy=False):
                self._study.set_user_attr(_IDENTITY, requested)
            sleep(0.2)
        if changes := differences(stored, requested):
            raise InvalidInput(
                f"the study {self._study.study_name!r} searches something else: "
                f"{'; '.join(changes)}. Repeat the command that started it, or name "
                "another study with --study"
            )


def differences(
    stored: Mapping[str, Any], requested: Mapping[str, Any], prefix: str = ""
) -> list[str]:
    """The differences between two studies, in words.

    Example:
        >>> differences({"space": {"x": "1..2"}}, {"space": {"x": "1..3"}})
        ['space x was 1..2 and is 1..3']
    """
    changes = []
    for name in sorted(stored.keys() | requested.keys()):
        old, new, label = stored.get(name), requested.get(name), f"{prefix}{name}"
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            changes += differences(old, new, f"{label} ")
        elif old != new:
            words = [str(each) if each is not None else "missing" for each in
                     (old, new)]  # fmt: skip
            changes.append(f"{label} was {words[0]} and is {words[1]}")
    return changes


def _counts(trial: FrozenTrial) -> bool:
    """Whether the trial has ended and counts towards the requested number."""
    failed = trial.state == TrialState.FAIL and "error" in trial.user_attrs
    return failed or trial.state in (TrialState.COMPLETE, TrialState.PRUNED)


def _is_live(trial: FrozenTrial) -> bool:
    """Whether the trial is queued, or a worker has it."""
    return trial.state in (TrialState.WAITING, TrialState.RUNNING)


def _first_try(trial: FrozenTrial) -> int:
    """The number that Optuna gave to the first try of the trial."""
    history = trial.system_attrs.get("retry_history")
    return history[0] if history else trial.number


def _suggest(trial: optuna.Trial, name: str, values: Range | Choices) -> Value:
    if isinstance(values, Choices):
        return trial.suggest_categorical(name, values.values)
    if values.whole:
        low, high, step = int(values.low), int(values.high), int(values.step or 1)
        return trial.suggest_int(name, low, high, step=step, log=values.log)
    return trial.suggest_float(
        name, values.low, values.high, step=values.step, log=values.log
    )


def _original_error(error: BaseException) -> BaseException:
    """The error that ended the wait for an unreachable database, or `error` itself."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, StorageUnreachable | KeyboardInterrupt):
            return cause
        cause = cause.__context__
    return error


def _without_warnings(call: Callable[..., Any], *args: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return call(*args)
