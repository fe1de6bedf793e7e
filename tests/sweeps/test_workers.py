"""Sweeps of several processes, of which some are killed, on databases that go away."""

import gc
import os
import random
import re
import shutil
import signal
import sqlite3
import threading
import time

import optuna
import pytest
from optuna.storages import RDBStorage
from sqlalchemy.pool import NullPool

from secant import Run
from secant.sweeps.storage import as_url, open_storage

STOPS = int(os.environ.get("SECANT_STOPS", "9"))
"""How often the database goes away: docs/promises.md tells of 60."""

PASSWORD = "not-to-be-seen-7Q"  # of conftest's server

pytestmark = pytest.mark.slow

SMALL = (
    *("--data", "sample", "--init", "xavier", "--hidden", "4"),
    *("--iterations", "3000", "--gradient", "backprop", "--pruner", "none"),
    *("learning_rate=1e-2..1:log", "batch_size=10..40"),
)

# Long enough for a checkpoint in the middle, on a quick machine, too.
LONG = tuple("20000" if word == "3000" else word for word in SMALL)


def trials_of(url, name="secant"):
    storage = RDBStorage(
        as_url(url).render_as_string(hide_password=False), {"poolclass": NullPool}
    )
    return optuna.load_study(study_name=name, storage=storage).get_trials()


def ended(trials):
    return [trial for trial in trials if trial.state.name in ("COMPLETE", "PRUNED")]


def begun(folder):
    """The trial whose run has been begun and not yet ended."""
    for place in sorted(folder.glob("**/trials/*")):
        # The history is the first file of a run that has ended.
        running = place / "checkpoints"
        if any(running.glob("*")) and not (place / "history.csv").exists():
            return place
    return None


def assert_password_unseen(folder):
    for path in folder.rglob("*"):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes(), path


@pytest.fixture
def database(postgres):
    """An address of a database, and how to empty it."""
    import psycopg

    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return postgres.url


def test_a_killed_worker_s_trial_is_tried_again_on_another_machine(
    worker, database, tmp_path
):
    command = (*SMALL, "--storage", database, "--study", "secant", "--trials", 7,
               "--heartbeat", 1)  # fmt: skip
    doomed = worker(tmp_path / "doomed", *command)
    doomed.until(lambda: begun(tmp_path / "doomed"), "a trial")
    other = worker(tmp_path / "other", *command)
    other.until(lambda: "trial " in other.said, "a trial of the other")
    place = doomed.kill_during(lambda: begun(tmp_path / "doomed"), "a trial")
    lost = int(place.name)
    said = other.ends()
    trials = trials_of(database)
    assert len(ended(trials)) == 7
    assert not [t for t in trials if t.state.name in ("RUNNING", "WAITING")]
    again = [t for t in ended(trials) if t.system_attrs.get("retry_history")]
    assert [t.system_attrs["retry_history"] for t in again] == [[lost]]
    assert trials[lost].params == again[0].params
    assert "/other/" in again[0].user_attrs["folder"]
    assert re.search(r"best: trial \d+, accuracy 0\.\d+", said)
    best = Run.load(max(ended(trials), key=lambda t: t.value).user_attrs["folder"])
    assert best.status == "finished"
    assert PASSWORD not in said + doomed.said
    assert_password_unseen(tmp_path)


def test_a_database_that_restarts_in_mid_sweep_loses_nothing(
    worker, postgres, database, tmp_path
):
    one = worker(
        tmp_path / "one",
        *(*SMALL, "--storage", database, "--study", "secant", "--trials", 5),
        *("--heartbeat", 1),
    )
    one.until(lambda: "trial    1 " in one.said, "two trials")
    one.until(lambda: begun(tmp_path / "one"), "a third")
    before = {t.number: t.value for t in ended(trials_of(database))}
    postgres.stop()
    try:
        one.until(lambda: "the database cannot be reached" in one.said, "the word")
    finally:
        postgres.start()
    said = one.ends()
    assert "the database is back after" in said
    trials = trials_of(database)
    after = {t.number: t.value for t in ended(trials)}
    assert {number: after[number] for number in before} == before
    assert len(after) == 5
    # None was tried twice, either: the worker lived, and its trial went on.
    assert len(trials) == 5
    told = re.findall(r"^trial +(\d+) +0\.\d", said, flags=re.MULTILINE)
    assert sorted(map(int, told)) == sorted(after)


def test_with_a_file_of_sqlite_a_killed_worker_s_run_is_resumed(worker, tmp_path):
    command = (*LONG, "--trials", 4, "--heartbeat", 1, "--study", "secant")
    place = tmp_path / "both"
    doomed = worker(place, *command)
    run = doomed.kill_during(lambda: begun(place), "a trial with a checkpoint")
    kept = {path.name for path in (run / "checkpoints").iterdir()}
    shutil.copytree(run / "checkpoints", tmp_path / "kept")
    study = f"sqlite:///{place}/sweeps/0001/study.db"
    before = len(ended(trials_of(study)))  # how many it got to is the machine's affair
    other = worker(tmp_path / "both", *command)
    said = other.ends()
    assert ("continuing" in said) == (before > 0)
    trials = trials_of(study)
    assert len(ended(trials)) == 4
    again = [t for t in ended(trials) if t.system_attrs.get("retry_history")]
    assert [t.user_attrs["folder"] for t in again] == [str(run)]
    assert kept
    assert len(Run.load(run).losses) == 20_000
    assert [p.name for p in (place / "sweeps").iterdir() if p.is_dir()] == ["0001"]


def test_two_processes_share_a_file_of_sqlite(worker, tmp_path):
    place = tmp_path / "both"
    both = worker(place, *SMALL, "--trials", 6, "--workers", 2, "--study", "secant")
    said = both.ends()
    trials = trials_of(f"sqlite:///{place}/sweeps/0001/study.db")
    assert len(ended(trials)) == 6
    other = (place / "sweeps/0001/worker-2.log").read_text()
    lines = re.compile(r"^trial +(\d+) ", flags=re.MULTILINE)
    mine, others = lines.findall(said), lines.findall(other)
    assert others
    assert sorted(map(int, mine + others)) == sorted(t.number for t in ended(trials))


def test_sigterm_leaves_a_sweep_that_the_same_command_resumes(worker, tmp_path):
    command = (*LONG, "--trials", 3, "--study", "secant")
    place = tmp_path / "one"
    first = worker(place, *command)
    first.until(lambda: "trial    0 " in first.said, "a trial")
    run = first.signal_during(signal.SIGTERM, lambda: begun(place), "another")
    said = first.ends(143)
    assert "stopped by SIGTERM with" in said
    assert "to continue: the same command" in said
    assert Run.load(run).status == "interrupted"
    second = worker(place, *command).ends()
    assert "continuing after" in second
    trials = trials_of(f"sqlite:///{place}/sweeps/0001/study.db")
    assert len(ended(trials)) == 3
    assert len(Run.load(run).losses) == 20_000
    with sqlite3.connect(place / "sweeps/0001/study.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_an_absent_database_is_reported_at_once(worker, tmp_path):
    url = f"postgresql://ada:{PASSWORD}@127.0.0.1:9/none"
    pytest.importorskip("psycopg", reason='needs pip install "secant[sweep]"')
    said = worker(tmp_path / "none", *SMALL, "--storage", url).ends(2)
    assert "postgresql://ada:***@127.0.0.1:9/none cannot be used" in said
    assert PASSWORD not in said
    assert_password_unseen(tmp_path)


# SQLAlchemy drops a connection whose server has gone, and psycopg would have it closed.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:.*Connection.*:ResourceWarning")
def test_a_database_that_goes_away_again_and_again_loses_no_trial(
    postgres, database, wait_until
):
    """It stops in each of three ways, at moments that fall anywhere in an operation."""
    told, failures, done = [], [], threading.Event()
    storages = [
        open_storage(
            database,
            heartbeat=60,
            max_outage=600.0,
            notify=lambda sentence: None,
            should_stop=lambda: False,
        )
        for _ in range(2)
    ]
    optuna.create_study(storage=storages[0], study_name="steady")

    def work(storage):
        try:
            study = optuna.load_study(storage=storage, study_name="steady")
            while not done.is_set():
                study.optimize(
                    lambda trial: trial.suggest_float("x", 0, 1),
                    n_trials=1,
                    callbacks=[lambda _, t: told.append((t.number, t.value))],
                )
        except Exception as error:
            failures.append(error)
        finally:
            storage.remove_session()

    workers = [threading.Thread(target=work, args=(each,)) for each in storages]
    for each in workers:
        each.start()
    draw = random.Random(0)
    try:
        for stop in range(STOPS):
            seen = len(told)
            wait_until(lambda seen=seen: len(told) > seen + 1 or failures, "trials")
            time.sleep(draw.uniform(0, 0.1))
            postgres.stop(("fast", "immediate", "kill")[stop % 3])
            postgres.start_again()
    finally:
        done.set()
        for each in workers:
            each.join()
        for each in storages:
            each.remove_session()
            each.engine.dispose()
        gc.collect()
    assert failures == []
    kept = {t.number: t.value for t in ended(trials_of(database, "steady"))}
    assert kept == dict(told)
