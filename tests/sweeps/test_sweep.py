"""A sweep: who tries what, how often, and what is kept of it."""

import csv
import io

import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy import exc

from secant import InvalidInput
from secant.errors import SecantError
from secant.sweeps import Pruned, Sweep, parse
from secant.sweeps.results import to_csv
from secant.sweeps.storage import StorageUnreachable, as_url, masked

SPACE = parse(["x=-2..2", "kind=a,b"], {"x": float, "kind": str})


def bowl(trial):
    return -((trial.settings["x"] - 1) ** 2) - (trial.settings["kind"] == "b")


@pytest.fixture
def begin(tmp_path):
    """Opens a sweep of one database."""
    begun = []

    def sweep(trials=6, space=SPACE, **options):
        url = f"sqlite:///{tmp_path}/study.db"
        begun.append(Sweep(space, url, "bowl", trials=trials, **options))
        return begun[-1]

    yield sweep
    for each in begun:
        each.close()


def outcome(sweep):
    return [(r.number, dict(r.settings), r.score, r.state) for r in sweep.results()]


@pytest.fixture
def whole(tmp_path):
    """The outcome of an uninterrupted sweep of six trials."""
    with Sweep(SPACE, f"sqlite:///{tmp_path}/other.db", "bowl", trials=6) as other:
        other.run(bowl)
        return outcome(other)


def test_the_best_comes_first_and_a_sweep_ends_with_its_last_trial(begin):
    told = []
    sweep = begin(8)
    sweep.run(bowl, told.append)
    assert [result.number for result in told] == list(range(8))
    scores = [result.score for result in sweep.results()]
    assert scores == sorted(scores, reverse=True)
    assert sweep.missing() == 0
    sweep.run(lambda trial: pytest.fail("there is nothing left to try"))


def test_minimisation_puts_the_lowest_first(begin):
    sweep = begin(4, maximize=False)
    sweep.run(lambda trial: -bowl(trial))
    scores = [result.score for result in sweep.results()]
    assert scores == sorted(scores)


def test_an_interrupted_sweep_equals_an_uninterrupted_one(begin, whole):
    first = begin()
    calls = []

    def interrupted(trial):
        calls.append(trial.number)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return bowl(trial)

    with pytest.raises(KeyboardInterrupt):
        first.run(interrupted)
    assert first.missing() == 4
    second = begin()
    again = []

    def watched(trial):
        again.append(trial.number)
        return bowl(trial)

    second.run(watched)
    assert again[0] == 2
    assert outcome(second) == whole


# The scores of each trial after its epochs, and what a pruner makes of them.
REPORTS = {
    # Trial 4 goes on because of its first epoch, and trial 5 ends because of it.
    "median": [
        *[[0.2, 0.5, 0.5, 0.5], [0.8, 0.5, 0.5, 0.5]] * 2,
        *([0.9, 0.1, 0.1, 0.1], [0.5, 0.4, 0.4, 0.4]),
    ],
    # Trial 7 is the second best of eight, and two of eight are promoted.
    "halving": [[0.1], [0.3], [0.9], *[[0.1]] * 4, [0.5]],
}


def trained(trial, reports, saved, die_at=None):
    """An objective as a run is: it continues after the epoch that was saved."""
    done = saved.get(trial.number, 0)
    for epoch, value in enumerate(reports[trial.number][done:], start=done + 1):
        trial.report(epoch, value)
        if die_at == (trial.number, epoch):
            raise KeyboardInterrupt
    return reports[trial.number][-1]


@pytest.mark.parametrize(
    ("pruning", "die_at", "saved"),
    [
        # After the epoch of its checkpoint, and two epochs later.
        ("median", (4, 2), 2),
        ("median", (4, 3), 1),
        # Its last score counts once.
        ("halving", (1, 1), 1),
    ],
)
def test_a_resumed_trial_is_judged_as_if_it_had_never_stopped(
    begin, tmp_path, pruning, die_at, saved
):
    reports = REPORTS[pruning]
    options = {"trials": len(reports), "pruning": pruning}
    with Sweep(SPACE, f"sqlite:///{tmp_path}/whole.db", "bowl", **options) as other:
        other.run(lambda trial: trained(trial, reports, {}))
        whole = verdicts(other)
    assert {state for _, _, state, _ in whole} == {"finished", "pruned"}
    sweep = begin(**options)
    with pytest.raises(KeyboardInterrupt):
        sweep.run(lambda trial: trained(trial, reports, {}, die_at))
    number, _ = die_at
    sweep.run(lambda trial: trained(trial, reports, {number: saved}))
    assert verdicts(sweep) == whole


def test_a_trial_that_died_before_it_was_pruned_ends_at_the_same_epoch(
    begin, monkeypatch
):
    reports = [[0.5, 0.5, 0.9, 0.9]] * 4 + [[0.6] * 4]
    sweep = begin(len(reports))
    prune = sweep._study.pruner.prune

    def die(study, trial):
        if prune(study, trial):
            raise KeyboardInterrupt
        return False

    with monkeypatch.context() as patch:
        patch.setattr(sweep._study.pruner, "prune", die)
        with pytest.raises(KeyboardInterrupt):
            sweep.run(lambda trial: trained(trial, reports, {}))
    sweep.run(lambda trial: trained(trial, reports, {}))
    why = [why for *_, state, why in verdicts(sweep) if state == "pruned"]
    assert why == ["pruned after epoch 3"]


def verdicts(sweep):
    """How each trial ended."""
    return sorted((r.number, r.score, r.state, r.why) for r in sweep.results())


class Killed(BaseException):
    """The end of the process: no code catches it."""


def interrupt(trial):
    raise KeyboardInterrupt


def test_a_worker_killed_before_it_queues_its_trial_again_loses_no_trial(
    begin, whole, monkeypatch
):
    def die(study, trial, **options):
        raise Killed

    first = begin()
    with monkeypatch.context() as patch:
        patch.setattr("secant.sweeps.sweep.queue_again", die)
        with pytest.raises(Killed):
            first.run(interrupt)
    begin().run(bowl)
    assert outcome(first) == whole


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
@pytest.mark.parametrize("queued", [False, True], ids=["first try", "second try"])
def test_a_worker_killed_before_its_first_heartbeat_loses_no_trial(
    begin, whole, queued
):
    first = begin()
    if queued:
        with pytest.raises(KeyboardInterrupt):
            first.run(interrupt)
    assert first._study.ask().number == queued  # and the worker is gone
    begin(heartbeat=1).run(bowl)
    assert outcome(first) == whole


def test_a_trial_that_two_workers_queued_again_is_tried_once(begin, whole):
    first = begin()
    with pytest.raises(KeyboardInterrupt):
        first.run(interrupt)
    first._requeue(0)
    tried = []

    def watched(trial):
        tried.append(trial.number)
        return bowl(trial)

    begin().run(watched)
    assert tried == list(range(6))
    assert outcome(first) == whole


def test_a_failed_trial_is_reported_and_the_sweep_continues(begin):
    def fails(trial):
        if trial.number == 1:
            raise SecantError("there is no such network")
        return bowl(trial)

    sweep = begin(3)
    sweep.run(fails)
    last = sweep.results()[-1]
    assert (last.number, last.state, last.score) == (1, "failed", None)
    assert last.why == "there is no such network"
    assert len(sweep.results()) == 3


def test_a_mistake_of_the_objective_is_not_swallowed(begin):
    with pytest.raises(ZeroDivisionError):
        begin().run(lambda trial: 1 / 0)


def test_a_trial_that_is_behind_the_others_is_pruned(begin):
    def slow(trial):
        for epoch in range(1, 3):
            trial.report(epoch, epoch * (1 if trial.number < 5 else 0.5))
        return 2.0

    sweep = begin(6)
    sweep.run(slow)
    pruned = [result for result in sweep.results() if result.state == "pruned"]
    assert [(result.number, result.score) for result in pruned] == [(5, 0.5)]
    assert pruned[0].why == "pruned after epoch 1"


def test_diverged_trials_rank_behind_finished_ones(begin):
    def explodes(trial):
        if trial.number == 0:
            trial.report(1, 99.0)
            raise Pruned("diverged at step 3")
        return bowl(trial)

    sweep = begin(3)
    sweep.run(explodes)
    assert [result.number for result in sweep.results()][-1] == 0


def test_a_study_that_searches_something_else_is_refused(begin):
    begin(fixed={"fixed": {"hidden": "50"}})
    other = parse(["x=-2..3", "kind=a,b"], {"x": float, "kind": str})
    with pytest.raises(InvalidInput, match=r"space x was -2.0..2.0 and is -2.0..3.0"):
        begin(space=other, fixed={"fixed": {"hidden": "50"}})
    with pytest.raises(InvalidInput, match="fixed hidden was 50 and is missing"):
        begin(fixed={"fixed": {}})


def test_a_trial_that_another_has_begun_meanwhile_is_not_tried_twice(begin):
    first, second = begin(2), begin(2)

    def meanwhile(trial):
        if trial.number == 1:
            # The other asks while this one is at its last trial.
            second._run_trial(lambda trial: pytest.fail("one too many"), pytest.fail)
        return bowl(trial)

    first.run(meanwhile)
    assert len(first.results()) == 2
    assert first.missing() == 0


@pytest.mark.parametrize("reports", [True, False])
def test_a_worker_taken_for_dead_continues_with_the_next_trial(reports, begin):
    told = []
    sweep = begin(3, notify=told.append)
    other = begin(3)

    def silent(trial):
        if not told and trial.number == 1:
            (stale,) = other._study.get_trials(states=[TrialState.RUNNING])
            other._study.tell(stale.number, state=TrialState.FAIL)
            told.append("")
        if reports:
            trial.report(1, 0.0)
        return bowl(trial)

    sweep.run(silent)
    assert "another worker got its trial" in told[1]
    assert len(sweep.results()) == 3


def test_the_table_reads_back(begin):
    sweep = begin(3)
    sweep.run(bowl)
    rows = list(csv.DictReader(io.StringIO(to_csv(sweep.results(), list(SPACE)))))
    for row, result in zip(rows, sweep.results(), strict=True):
        assert int(row["trial"]) == result.number
        assert float(row["score"]) == result.score
        assert float(row["x"]) == result.settings["x"]
        assert row["kind"] == result.settings["kind"]


# --- a database that is away ----------------------------------------------------------


def gone(monkeypatch, times, name="set_trial_state_values", first=False):
    """Lets an operation of Optuna's fail so often, before or after it is done."""
    operation = getattr(optuna.storages.RDBStorage, name)
    left = [times]

    def fails(self, *args, **kw):
        lost = exc.OperationalError("", {}, Exception("server closed the connection"))
        if left[0]:
            left[0] -= 1
            if not first:
                operation(self, *args, **kw)
            raise lost
        return operation(self, *args, **kw)

    monkeypatch.setattr(optuna.storages.RDBStorage, name, fails)


@pytest.mark.parametrize("done", [True, False], ids=["after", "before"])
def test_an_answer_that_is_lost_loses_no_trial(done, begin, monkeypatch):
    gone(monkeypatch, 2, first=not done)
    told = []
    sweep = begin(3, notify=told.append)
    sweep.run(bowl)
    assert len(sweep.results()) == 3
    assert "cannot be reached (server closed the connection)" in told[0]
    assert "is back after" in told[1]
    assert len(told) == 2


def test_an_unreachable_database_is_reported_in_the_end(begin, monkeypatch):
    sweep = begin(3, max_outage=0.2)
    gone(monkeypatch, 999, first=True)
    with pytest.raises(StorageUnreachable, match="give the same command again"):
        sweep.run(bowl)


def test_waiting_for_a_database_can_be_interrupted(begin, monkeypatch):
    stop = []
    sweep = begin(3, notify=stop.append, should_stop=lambda: bool(stop))
    gone(monkeypatch, 999, first=True)
    with pytest.raises(KeyboardInterrupt):
        sweep.run(bowl)
    assert "Secant retries for" in stop[0]


# --- addresses ------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_used_through_psycopg(scheme):
    assert as_url(f"{scheme}://ada@db/x").drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("not an address", "is not the address of a database"),
        ("mysql://ada@db/x", "a database of 'mysql'"),
        ("sqlite://", "names no file"),
    ],
)
def test_other_addresses_are_refused(url, message):
    with pytest.raises(InvalidInput, match=message):
        as_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:s3cr3t@db/x",
        "postgresql://ada@db/x?password=s3cr3t",
        "postgresql://ada:s3cr3t@db:5432/x?sslmode=require",
    ],
)
def test_a_password_is_not_shown(url):
    assert "s3cr3t" not in masked(url)
    assert masked(url).startswith("postgresql://ada")


def test_a_password_that_was_mistaken_for_something_else_is_not_repeated():
    with pytest.raises(InvalidInput) as refused:
        as_url("ada:s3cr3t@db")
    assert "s3cr3t" not in str(refused.value)
