"""Database of trials that waits for an unreachable server."""

import threading
import warnings
from collections.abc import Callable
from functools import partial
from time import monotonic, sleep
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import exc
from sqlalchemy.engine import URL, make_url

from secant.errors import InvalidInput, SecantError

Notify = Callable[[str], object]

# The number of retries of a trial whose worker died: the trial may be the cause.
MAX_RETRIES = 3

# A worker counts as dead after this number of missing heartbeats.
_MAX_MISSED_HEARTBEATS = 3

_MAX_PAUSE = 5.0


def queue_again(
    study: optuna.Study, trial: FrozenTrial, *, max_retries: int | None = None
) -> None:
    """Queue a trial again whose worker died or was stopped.

    The new try has the trial's settings, and the scores that it reported: its run goes
    on from a checkpoint and does not report them again.
    """
    history = [*(trial.system_attrs.get("retry_history") or []), trial.number]
    if max_retries is not None and len(history) > max_retries:
        return
    facts = {name: fact for name, fact in trial.user_attrs.items() if name != "host"}
    study.add_trial(
        optuna.create_trial(
            state=TrialState.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs=facts,
            system_attrs={**trial.system_attrs, "retry_history": history},
            intermediate_values=trial.intermediate_values,
        )
    )


class StorageUnreachable(SecantError):
    """The database was unreachable for too long."""


class RetryingStorage(RDBStorage):
    """Optuna's database of trials, with retries while its server is unreachable.

    Each operation is retried with growing pauses until the server is back, so no
    finished trial is lost. Training continues meanwhile.

    Args:
        url: The address of the database: SQLite or PostgreSQL.
        heartbeat: Seconds between a worker's heartbeats.
        max_outage: Seconds that the server may be unreachable.
        notify: Called with a sentence when the server is unreachable, and when it is
            back.
        should_stop: Returns whether to stop waiting.
    """

    def __init__(
        self,
        url: str,
        *,
        heartbeat: int,
        max_outage: float,
        notify: Notify,
        should_stop: Callable[[], bool],
    ) -> None:
        self._max_outage, self._notify = max_outage, notify
        self._should_stop = should_stop
        self._lock = threading.Lock()
        self._outage_start: float | None = None
        self._outage_end = -float("inf")
        address = as_url(url)
        sqlite = address.get_backend_name() == "sqlite"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            super().__init__(
                address.render_as_string(hide_password=False),
                {
                    # A connection that broke while idle is replaced.
                    "pool_pre_ping": True,
                    "connect_args": {"timeout": 60}
                    if sqlite
                    else {
                        "connect_timeout": 10,
                        # The timeouts also detect a server that is cut off.
                        "keepalives_idle": 30,
                        "tcp_user_timeout": 60_000,
                    },
                },
                heartbeat_interval=heartbeat,
                grace_period=_MAX_MISSED_HEARTBEATS * heartbeat,
                heartbeat_stale_trial_callback=partial(
                    queue_again, max_retries=MAX_RETRIES
                ),
            )

    @property
    def grace(self) -> int:
        """Seconds without a heartbeat after which a worker counts as dead."""
        return self.grace_period or 0

    def record_heartbeat(self, trial_id: int) -> None:
        """Record a heartbeat; the main thread reports a failure."""
        try:
            self._retry(super().record_heartbeat, trial_id)
        except (StorageUnreachable, StorageInternalError, KeyboardInterrupt):
            return

    def set_trial_state_values(
        self, trial_id: int, state: Any, values: Any = None
    ) -> bool:
        """Optuna's operation; a repetition after a lost answer has no effect."""
        tries = 0

        def once() -> bool:
            nonlocal tries
            tries += 1
            try:
                return RDBStorage.set_trial_state_values(self, trial_id, state, values)
            except UpdateFinishedTrialError:
                # The first try may have succeeded, and only its answer was lost.
                if tries > 1 and self.get_trial(trial_id).state == state:
                    return True
                raise

        return self._retry(once)

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        # During the outage no worker could record a heartbeat.
        if monotonic() - self._outage_end < self.grace:
            return []
        return self._retry(super()._get_stale_trial_ids, study_id)

    def _retry(self, operation: Callable[..., Any], *args: Any, **kw: Any) -> Any:
        pause = 0.1
        while True:
            try:
                answer = operation(*args, **kw)
            except (StorageInternalError, exc.SQLAlchemyError) as error:
                if not _is_temporary(error):
                    raise
                self._wait(error, pause)
                pause = min(2 * pause, _MAX_PAUSE)
            else:
                if self._outage_start is not None:
                    self._end_outage()
                return answer

    def _wait(self, error: Exception, pause: float) -> None:
        with self._lock:
            first = self._outage_start is None
            start = self._outage_start = self._outage_start or monotonic()
        if first:
            self._notify(
                f"the database cannot be reached ({reason(error)}): Secant retries for "
                f"{self._max_outage:.0f} s, and no result is lost"
            )
        deadline = monotonic() + pause
        while monotonic() < deadline:
            if self._should_stop():
                raise KeyboardInterrupt
            sleep(0.05)
        if monotonic() - start > self._max_outage:
            raise StorageUnreachable(
                f"the database was unreachable for {self._max_outage:.0f} s "
                f"({reason(error)}): repair it, and give the same command again; it "
                "still holds the finished trials"
            )

    def _end_outage(self) -> None:
        with self._lock:
            start, self._outage_start = self._outage_start, None
            self._outage_end = monotonic()
        if start is not None:
            duration = self._outage_end - start
            self._notify(f"the database is back after {duration:.0f} s")


def _with_retries(name: str) -> Callable[..., Any]:
    operation = getattr(RDBStorage, name)

    def method(self: RetryingStorage, *args: Any, **kw: Any) -> Any:
        return self._retry(operation, self, *args, **kw)

    method.__name__ = name
    return method


# Every operation that Optuna, or its cache, calls on a storage.
_OPERATIONS = BaseStorage.__abstractmethods__ | {
    "_create_new_trial",
    "_get_best_trial_id",
    "_get_trials",
    "_set_trial_param",
    "get_trial_id_from_study_id_trial_number",
}
for _name in sorted(_OPERATIONS):
    if hasattr(RDBStorage, _name) and _name not in vars(RetryingStorage):
        setattr(RetryingStorage, _name, _with_retries(_name))


def open_storage(url: str, **options: Any) -> RetryingStorage:
    """The storage of an address, with its tables created if needed.

    Args:
        url: `sqlite:///FILE`, or `postgresql://USER@HOST/DATABASE`.
        options: Options of `RetryingStorage`.

    Raises:
        InvalidInput: There is no such database, or it refuses the connection. The
            message does not contain the password.
    """
    tries = 5
    for turn in range(tries):
        try:
            return RetryingStorage(url, **options)
        except (exc.SQLAlchemyError, StorageInternalError) as error:
            # Two workers that create the tables at the same time may collide once.
            racing = isinstance(
                error, exc.IntegrityError | exc.ProgrammingError
            ) or "already exists" in str(error)
            if racing and turn < tries - 1:
                sleep(0.5)
                continue
            raise InvalidInput(
                f"the database {masked(url)} cannot be used: {reason(error)}. Start "
                "it, or name another with --storage"
            ) from None
    raise AssertionError


def as_url(url: str) -> URL:
    """The address of a database for trials.

    Raises:
        InvalidInput: The text is not such an address.
    """
    try:
        address = make_url(url)
    except exc.ArgumentError:
        raise InvalidInput(
            "the storage is not the address of a database: write "
            "postgresql://USER@HOST/DATABASE, or leave it out for SQLite"
        ) from None
    backend = address.get_backend_name()
    if backend in ("postgres", "postgresql"):
        return address.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise InvalidInput(
            f"the storage is a database of {backend!r}, and Secant supports only "
            "PostgreSQL (postgresql://USER@HOST/DATABASE) and, on one machine, SQLite"
        )
    if address.database in (None, "", ":memory:"):
        raise InvalidInput("sqlite:// names no file: write sqlite:///FILE")
    return address


def masked(url: str) -> str:
    """The address without its password, for messages and files.

    Example:
        >>> masked("postgresql://ada:secret@db.example/sweeps?password=secret")
        'postgresql://ada:***@db.example/sweeps'
    """
    address = make_url(url).set(query={})
    return address.render_as_string(hide_password=True)


def reason(error: BaseException) -> str:
    """The database's error in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, exc.PendingRollbackError) and error.__context__ is not None:
        error = error.__context__
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _is_temporary(error: BaseException) -> bool:
    """Whether the same operation may succeed later."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, exc.OperationalError) and "sqlite" in str(
            type(cause.orig)
        ):
            # Other errors of a file are permanent; a full disk may get space.
            return any(word in str(cause.orig) for word in ("locked", "busy", "full"))
        if isinstance(cause, exc.OperationalError | exc.InterfaceError):
            return True
        # Optuna reads trials a second time in the session that the lost connection
        # has broken. The retry gets a new session.
        if isinstance(cause, exc.PendingRollbackError):
            return True
        if isinstance(cause, exc.DBAPIError) and cause.connection_invalidated:
            return True
        cause = cause.__cause__
    return False
