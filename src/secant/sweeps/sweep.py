"""A sweep: trials of a study that any number of processes and machines work on."""

import json
import socket
import warnings
from collections.abc import Callable, Mapping
from time import monotonic, sleep
from typing import Any, Self

import optuna
from optuna.storages import RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState

from secant.errors import InvalidInput, SecantError
from secant.sweeps.results import Result, numbers, result_of
from secant.sweeps.sampler import NumberedSampler, pruner
from secant.sweeps.space import Choices, Range, Space, Value, described
from secant.sweeps.storage import Away, Tell, opened

_IDENTITY = "secant: what is searched"


class Pruned(SecantError):
    """A trial is given up on its way: it is not among the best."""


class _Surplus(Exception):
    """Another worker has begun the last trial a moment before."""


class Trial:
    """One setting that is tried.

    Attributes:
        number: Of the trial, from 0; one that is tried again keeps it.
        settings: A value for every name of the space.
    """

    def __init__(self, trial: optuna.Trial, settings: Mapping[str, Value]) -> None:
        self._trial = trial
        self.number = numbers(trial.study.get_trials(deepcopy=False))[trial.number]
        self.settings = settings

    def report(self, epoch: int, score: float) -> None:
        """Says how good it is after so many epochs.

        Raises:
            Pruned: The others were better then: it need not go on.
        """
        self._trial.report(score, epoch)
        if self._trial.should_prune():
            raise Pruned(f"given up after epoch {epoch}")

    def note(self, **facts: str | float | None) -> None:
        """Keeps facts beside the trial, for its row of the table."""
        for name, fact in facts.items():
            self._trial.set_user_attr(name, fact)


Objective = Callable[[Trial], float]


class Sweep:
    """A study, and this process's part in it.

    Whoever opens the same study with the same space works on it. A worker that dies
    is noticed by its silence, and its trial tried again by another.

    Args:
        space: What is searched.
        url: Of the database: `sqlite:///FILE`, `postgresql://USER@HOST/DATABASE`.
        study: The study's name there.
        trials: How many settings are tried, by all workers together.
        fixed: What else makes the study what it is: all workers must agree.
        maximize: Whether a high score is a good one.
        pruning: `median`, `halving` or `none`.
        seed: Of what is tried.
        heartbeat: Seconds between signs of life; one that misses three is dead.
        patience: Seconds that the database may be away.
        tell: Is told what a person should know: of an absent database, of waiting.
        stop: Asked now and then whether to end.

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
        patience: float = 600.0,
        tell: Tell = lambda sentence: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.space = space
        self.trials = trials
        self.maximize = maximize
        self._tell, self._stop = tell, stop
        chosen = pruner(pruning)
        self._storage = opened(
            url, heartbeat=heartbeat, patience=patience, tell=tell, stop=stop
        )
        self._study = optuna.create_study(
            storage=self._storage,
            sampler=NumberedSampler(seed),
            pruner=chosen,
            study_name=study,
            direction="maximize" if maximize else "minimize",
            load_if_exists=True,
        )
        try:
            self._agree({"space": described(space), **(fixed or {})})
        except BaseException:
            self.close()
            raise
        self._suspects: dict[int, float] = {}
        self._waiting = False

    def __enter__(self) -> Self:
        """As long as it lasts, the database is connected."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leaves the database."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def run(
        self, objective: Objective, each: Callable[[Result], object] = lambda _: None
    ) -> None:
        """Tries settings until the study has as many trials as it shall have.

        Args:
            objective: The score of a trial. A `SecantError` is a trial that failed,
                and the next is tried; KeyboardInterrupt ends the sweep, and the trial
                is tried again when it goes on.
            each: Is told of every trial that this process has ended.
        """
        while not self._stop() and self.missing():
            running, queued = self._count(TrialState.RUNNING, TrialState.WAITING)
            if running >= self.missing() and not queued:
                self._wait_for_others(running)
                continue
            self._waiting = False
            self._one(objective, each)

    def _one(self, objective: Objective, each: Callable[[Result], object]) -> None:
        begun: list[int] = []
        taken = False

        def tried(trial: optuna.Trial) -> float:
            nonlocal taken
            begun.append(trial.number)
            try:
                return self._tried(objective, trial)
            finally:
                now = self._study.get_trials(deepcopy=False)[trial.number]
                taken = now.state.is_finished()

        try:
            with warnings.catch_warnings():
                # Of the words that Optuna has for what is told in ours.
                warnings.simplefilter("ignore")
                self._study.optimize(tried, n_trials=1, catch=(SecantError, _Surplus))
        except KeyboardInterrupt:
            for number in begun:
                self._put_back(number)
            raise
        except Exception as error:
            if taken:
                self._tell(
                    "this worker was silent for so long that its trial was given to "
                    "another; it goes on with the next"
                )
                return
            # Optuna makes something else of what ends a wait for the database.
            raise _ending(error) from None
        trials = self._study.get_trials(deepcopy=False)
        trial = trials[begun[0]]
        if _counts(trial):
            each(result_of(trial, numbers(trials)[trial.number]))

    def _tried(self, objective: Objective, trial: optuna.Trial) -> float:
        if self._is_surplus(trial.number):
            raise _Surplus
        trial.set_user_attr("host", socket.gethostname())
        settings = {
            name: _suggested(trial, name, values) for name, values in self.space.items()
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
        """How many trials are to be ended yet, by whomever."""
        trials = self._study.get_trials(deepcopy=False)
        return max(self.trials - sum(map(_counts, trials)), 0)

    def results(self) -> list[Result]:
        """All trials that were ended, the best first."""
        trials = self._study.get_trials(deepcopy=False)
        found = [
            result_of(trial, number)
            for trial, number in zip(trials, numbers(trials), strict=True)
            if _counts(trial)
        ]
        sign = -1 if self.maximize else 1

        def rank(result: Result) -> tuple[bool, float, int]:
            known = result.score if result.score is not None else -sign * float("inf")
            return result.state != "finished", sign * known, result.number

        return sorted(found, key=rank)

    def _count(self, *states: TrialState) -> list[int]:
        trials = self._study.get_trials(deepcopy=False)
        return [sum(t.state == state for t in trials) for state in states]

    def _is_surplus(self, number: int) -> bool:
        trials = self._study.get_trials(deepcopy=False)
        if trials[number].system_attrs.get("retry_history"):
            return False
        before = [
            t
            for t in trials
            if _counts(t)
            or t.state == TrialState.WAITING
            or (t.state == TrialState.RUNNING and t.number < number)
        ]
        return len(before) >= self.trials

    def _put_back(self, number: int) -> None:
        trial = self._study.get_trials()[number]
        if trial.state == TrialState.FAIL:
            _quietly(lambda: RetryHeartbeatStaleTrialCallback()(self._study, trial))

    def _wait_for_others(self, running: int) -> None:
        if not self._waiting:
            self._waiting = True
            self._tell(f"waiting for {running} last trial(s) that other workers have")
        ends = monotonic() + 1.0
        while monotonic() < ends and not self._stop():
            sleep(0.1)
        _quietly(optuna.storages.fail_stale_trials, self._study)
        # Whose worker died before its first sign of life.
        for trial in self._study.get_trials(deepcopy=False):
            if trial.state == TrialState.RUNNING and "host" not in trial.user_attrs:
                seen = self._suspects.setdefault(trial.number, monotonic())
                if monotonic() - seen > self._storage.grace:
                    self._study.tell(
                        trial.number, state=TrialState.FAIL, skip_if_finished=True
                    )

    def _agree(self, identity: Mapping[str, Any]) -> None:
        """Whoever made the study has said what it is; all others must mean the same."""
        ours = json.loads(json.dumps(identity))
        ends = monotonic() + 3.0
        while (kept := self._study.user_attrs.get(_IDENTITY)) is None:
            if monotonic() > ends or not self._study.get_trials(deepcopy=False):
                self._study.set_user_attr(_IDENTITY, ours)
            sleep(0.2)
        if apart := differences(kept, ours):
            raise InvalidInput(
                f"the study {self._study.study_name!r} searches something else: "
                f"{'; '.join(apart)}. Give the command that it was begun with, or "
                "name another with --study"
            )


def differences(
    kept: Mapping[str, Any], ours: Mapping[str, Any], within: str = ""
) -> list[str]:
    """What differs between two studies, in words.

    Example:
        >>> differences({"space": {"x": "1..2"}}, {"space": {"x": "1..3"}})
        ['space x was 1..2 and is 1..3']
    """
    apart = []
    for name in sorted(kept.keys() | ours.keys()):
        then, now, what = kept.get(name), ours.get(name), f"{within}{name}"
        if isinstance(then, Mapping) and isinstance(now, Mapping):
            apart += differences(then, now, f"{what} ")
        elif then != now:
            words = [str(each) if each is not None else "not there" for each in
                     (then, now)]  # fmt: skip
            apart.append(f"{what} was {words[0]} and is {words[1]}")
    return apart


def _counts(trial: FrozenTrial) -> bool:
    """Whether it is one of those that were asked for, and has been ended."""
    failed = trial.state == TrialState.FAIL and "error" in trial.user_attrs
    return failed or trial.state in (TrialState.COMPLETE, TrialState.PRUNED)


def _suggested(trial: optuna.Trial, name: str, values: Range | Choices) -> Value:
    if isinstance(values, Choices):
        return trial.suggest_categorical(name, values.values)
    if values.whole:
        low, high, step = int(values.low), int(values.high), int(values.step or 1)
        return trial.suggest_int(name, low, high, step=step, log=values.log)
    return trial.suggest_float(
        name, values.low, values.high, step=values.step, log=values.log
    )


def _ending(error: BaseException) -> BaseException:
    """What has ended the wait for a database that is away, if that was it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Away | KeyboardInterrupt):
            return cause
        cause = cause.__context__
    return error


def _quietly(call: Callable[..., Any], *args: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return call(*args)
