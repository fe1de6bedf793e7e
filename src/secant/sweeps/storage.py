"""Where trials are kept: a database that may be away for a while."""

import threading
import warnings
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage, RetryHeartbeatStaleTrialCallback
from sqlalchemy import exc
from sqlalchemy.engine import URL, make_url

from secant.errors import InvalidInput, SecantError

Tell = Callable[[str], object]

# A trial whose workers die is tried so often again: it may be what kills them.
RETRIES = 3

# A worker is taken for dead after so many heartbeats that did not come.
_MISSED = 3

_LONGEST_WAIT = 5.0


class Away(SecantError):
    """The database has been away for too long."""


class PatientStorage(RDBStorage):
    """Optuna's database of trials, which waits for its server.

    Each operation is tried again, with growing pauses, until the server is back; a
    trial that ends in between is kept then. Training goes on meanwhile.

    Args:
        url: Of the database: SQLite or PostgreSQL.
        heartbeat: Seconds between a worker's signs of life.
        patience: Seconds that the server may be away.
        tell: Is told that the server is away, and that it is back.
        stop: Whether to wait no longer.
    """

    def __init__(
        self,
        url: str,
        *,
        heartbeat: int,
        patience: float,
        tell: Tell,
        stop: Callable[[], bool],
    ) -> None:
        self._patience, self._tell, self._stop = patience, tell, stop
        self._guard = threading.Lock()
        self._away_since: float | None = None
        self._back_at = -float("inf")
        address = as_url(url)
        sqlite = address.get_backend_name() == "sqlite"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            super().__init__(
                address.render_as_string(hide_password=False),
                {
                    # A connection that has died while it lay idle is replaced.
                    "pool_pre_ping": True,
                    "connect_args": {"timeout": 60}
                    if sqlite
                    else {
                        "connect_timeout": 10,
                        # A server that is cut off is noticed as one that is gone.
                        "keepalives_idle": 30,
                        "tcp_user_timeout": 60_000,
                    },
                },
                heartbeat_interval=heartbeat,
                grace_period=_MISSED * heartbeat,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(
                    max_retry=RETRIES
                ),
            )

    @property
    def grace(self) -> int:
        """Seconds without a sign of life after which a worker is taken for dead."""
        return self.grace_period or 0

    def record_heartbeat(self, trial_id: int) -> None:
        """A sign of life; where none can be given, that is the main thread's to say."""
        try:
            self._patiently(super().record_heartbeat, trial_id)
        except (Away, StorageInternalError, KeyboardInterrupt):
            return

    def set_trial_state_values(
        self, trial_id: int, state: Any, values: Any = None
    ) -> bool:
        """As Optuna's, and once only, though it may be said twice."""
        tries = 0

        def once() -> bool:
            nonlocal tries
            tries += 1
            try:
                return RDBStorage.set_trial_state_values(self, trial_id, state, values)
            except UpdateFinishedTrialError:
                # The answer to the first try may have been lost, and not the try.
                if tries > 1 and self.get_trial(trial_id).state == state:
                    return True
                raise

        return self._patiently(once)

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        # Nobody could give a sign of life while the server was away.
        if monotonic() - self._back_at < self.grace:
            return []
        return self._patiently(super()._get_stale_trial_ids, study_id)

    def _patiently(self, operation: Callable[..., Any], *args: Any, **kw: Any) -> Any:
        pause = 0.1
        while True:
            try:
                answer = operation(*args, **kw)
            except (StorageInternalError, exc.SQLAlchemyError) as error:
                if not _is_away(error):
                    raise
                self._wait(error, pause)
                pause = min(2 * pause, _LONGEST_WAIT)
            else:
                if self._away_since is not None:
                    self._back()
                return answer

    def _wait(self, error: Exception, pause: float) -> None:
        with self._guard:
            first = self._away_since is None
            since = self._away_since = self._away_since or monotonic()
        if first:
            self._tell(
                f"the database cannot be reached ({reason(error)}): it is tried again "
                f"for {self._patience:.0f} s, and nothing is lost meanwhile"
            )
        ends = monotonic() + pause
        while monotonic() < ends:
            if self._stop():
                raise KeyboardInterrupt
            sleep(0.05)
        if monotonic() - since > self._patience:
            raise Away(
                f"the database was away for {self._patience:.0f} s "
                f"({reason(error)}): see to it, and give the same command again; "
                "trials that were finished are kept there"
            )

    def _back(self) -> None:
        with self._guard:
            since, self._away_since = self._away_since, None
            self._back_at = monotonic()
        if since is not None:
            self._tell(f"the database is back after {self._back_at - since:.0f} s")


def _patient(name: str) -> Callable[..., Any]:
    operation = getattr(RDBStorage, name)

    def method(self: PatientStorage, *args: Any, **kw: Any) -> Any:
        return self._patiently(operation, self, *args, **kw)

    method.__name__ = name
    return method


# All that Optuna asks of a storage, and what its cache asks of this one.
_OPERATIONS = BaseStorage.__abstractmethods__ | {
    "_create_new_trial",
    "_get_best_trial_id",
    "_get_trials",
    "_set_trial_param",
    "get_trial_id_from_study_id_trial_number",
}
for _name in sorted(_OPERATIONS):
    if hasattr(RDBStorage, _name) and _name not in vars(PatientStorage):
        setattr(PatientStorage, _name, _patient(_name))


def opened(url: str, **options: Any) -> PatientStorage:
    """The storage of an address; its tables are made if need be.

    Args:
        url: `sqlite:///FILE`, or `postgresql://USER@HOST/DATABASE`.
        options: As `PatientStorage` takes them.

    Raises:
        InvalidInput: There is no such database, or it lets nobody in; the password
            is not repeated.
    """
    tries = 5
    for turn in range(tries):
        try:
            return PatientStorage(url, **options)
        except (exc.SQLAlchemyError, StorageInternalError) as error:
            # Two that make the tables at once get into each other's way, once.
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
    """An address of a database that trials can be kept in.

    Raises:
        InvalidInput: It is none.
    """
    try:
        address = make_url(url)
    except exc.ArgumentError:
        raise InvalidInput(
            "the storage is no address of a database: write "
            "postgresql://USER@HOST/DATABASE, or leave it out for SQLite"
        ) from None
    backend = address.get_backend_name()
    if backend in ("postgres", "postgresql"):
        return address.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise InvalidInput(
            f"the storage is a database of {backend!r}: trials are kept in PostgreSQL "
            "(postgresql://USER@HOST/DATABASE) or, on one machine, in SQLite"
        )
    if address.database in (None, "", ":memory:"):
        raise InvalidInput("sqlite:// names no file: write sqlite:///FILE")
    return address


def masked(url: str) -> str:
    """The address without its password, to be shown and kept.

    Example:
        >>> masked("postgresql://ada:secret@db.example/sweeps?password=secret")
        'postgresql://ada:***@db.example/sweeps'
    """
    address = make_url(url).set(query={})
    return address.render_as_string(hide_password=True)


def reason(error: BaseException) -> str:
    """What the database said, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _is_away(error: BaseException) -> bool:
    """Whether the same may succeed later."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, exc.OperationalError) and "sqlite" in str(
            type(cause.orig)
        ):
            # Of a file, nothing else passes by itself, but room may be made.
            return any(word in str(cause.orig) for word in ("locked", "busy", "full"))
        if isinstance(cause, exc.OperationalError | exc.InterfaceError):
            return True
        if isinstance(cause, exc.DBAPIError) and cause.connection_invalidated:
            return True
        cause = cause.__cause__
    return False
