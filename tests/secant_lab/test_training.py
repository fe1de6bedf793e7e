"""Races: the runs that `fit` gives, paused, stepped, rewound, and fairly dealt with."""

import threading
import time
from base64 import b64decode
from dataclasses import replace

import numpy as np
import pytest

from secant import MLP, fit
from secant.data.mnist import load_mnist_sample
from secant.nn.gradients import METHODS, GradientMethod
from secant.training import Run
from secant.training.config import TrainConfig
from secant_lab.localized_error import LocalizedError
from secant_lab.rooms import training
from secant_lab.rooms.training import Room
from secant_lab.training import race as race_module
from secant_lab.training import race_entry as entry_module
from secant_lab.training import scheduler as scheduler_module
from secant_lab.training.pictures import draw_pictures
from secant_lab.training.race_config import MAX_STEPS, EntryConfig, choices
from secant_lab.training.race_entry import RaceEntry
from secant_lab.training.race_updates import MAX_FIRST_LOSSES, MAX_LOSSES, RaceUpdates
from secant_lab.training.scheduler import Scheduler
from secant_lab.training.slow_run import TurnLock

SMALL = {"hidden": 6, "batch": 20, "seed": 3}
"""Quick to compile and to train: 200 steps an epoch."""

ENDLESS = {"hidden": 64, "batch": 200}
"""By the definition a step takes minutes: what is seen within it, is within it."""

A_BIT = 0.0005
"""50 runs of the network, within such a step."""


@pytest.fixture
def room(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    room = Room()
    yield room
    room.close()


def until(holds, seconds=600.0):
    """Waits until something holds, and fails if it never does.

    The seconds only end what hangs: nothing that works comes near them.
    """
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it never came about"
        time.sleep(0.005)


def start(room, *entries, **settings):
    """A race that is prepared."""
    entries = [EntryConfig(*entry) for entry in entries] or [
        EntryConfig("backprop", 0.1)
    ]
    answer = room.start(entries, **SMALL | settings)
    race = room.find(answer["race"])
    until(lambda: race.state != "preparing")
    return race


def stays(race):
    """The steps of a race's entries, which are the same a while later.

    A busy machine may hide that they are not; it cannot make them seem to move.
    """
    steps = [entry.step for entry in race.entries]
    time.sleep(0.1)
    assert [entry.step for entry in race.entries] == steps
    return steps


@pytest.fixture
def held(monkeypatch):
    """Lets no entry be compiled before the event is set."""
    event, compile_step = threading.Event(), RaceEntry.compile_step

    def waits(self, *given):
        assert event.wait(600)
        compile_step(self, *given)

    monkeypatch.setattr(RaceEntry, "compile_step", waits)
    yield event
    event.set()


def stepped(room, race, count):
    """The race when each entry has taken so many steps more."""
    room.step(race.id, count)
    until(lambda: race.state == "paused")
    return race


def by_fit(gradient, iterations, rate=0.1, **changed):
    """What `fit` gives for the same words."""
    settings = {"activation": "sigmoid", "init": "normal", **SMALL, **changed}
    net = MLP(
        (784, settings["hidden"], 10),
        settings["activation"],
        settings.get("loss", "cross_entropy"),
        init=settings["init"],
        seed=settings["seed"],
    )
    return fit(
        net,
        load_mnist_sample(),
        gradient,
        iterations=iterations,
        batch_size=settings["batch"],
        learning_rate=rate,
        optimizer=settings.get("optimizer", "sgd"),
        seed=settings["seed"],
    )


def assert_same_run(one, other):
    """Bit for bit, but for the seconds, which are no two runs' the same."""
    assert one.net.architecture == other.net.architecture
    for name, value in one.net.params.items():
        assert value.dtype == other.net.params[name].dtype
        np.testing.assert_array_equal(value, other.net.params[name])
    np.testing.assert_array_equal(one.losses, other.losses)
    assert one.history.epochs == other.history.epochs


# --- a race is what fit gives -------------------------------------------------------


LONG = pytest.mark.slow
"""For what takes long to compile."""


@pytest.mark.parametrize(
    "gradient",
    ["backprop", "node", *(pytest.param(g, marks=LONG) for g in ("weight", "spsa"))],
)
def test_an_entry_is_the_run_that_fit_gives_bit_for_bit(room, gradient):
    race = stepped(room, start(room, (gradient, 0.1)), 230)
    assert_same_run(race.entries[0].run(), by_fit(gradient, 230))


def test_so_it_is_by_the_definition(room):
    race = stepped(room, start(room, ("definition", 0.1), hidden=1), 2)
    assert_same_run(race.entries[0].run(), by_fit("definition", 2, hidden=1))


@pytest.mark.parametrize(
    "changed",
    [
        {"activation": "tanh", "init": "xavier", "optimizer": "adam"},
        {"activation": "relu", "init": "he", "loss": "sum_squares"},
    ],
    ids=["adam", "sum_squares"],
)
def test_and_with_other_settings(room, changed):
    race = start(room, ("backprop", 0.01), **changed)
    assert_same_run(
        stepped(room, race, 25).entries[0].run(),
        by_fit("backprop", 25, 0.01, **changed),
    )


def test_entries_start_from_the_same_weights_and_see_the_same_batches(room):
    race = start(room, ("backprop", 0.1), ("node", 0.1), ("backprop", 1e-9))
    first, second, third = race.entries
    for entry in (second, third):
        np.testing.assert_array_equal(
            entry.trainer.params(entry.run_state)["W1"],
            first.trainer.params(first.run_state)["W1"],
        )
    stepped(room, race, 60)
    losses = [entry.run_state.losses_from(0) for entry in race.entries]
    assert losses[0][0] == losses[2][0]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
    # One that hardly moves sees how hard the others' batches were for the first net.
    assert not np.allclose(losses[0], losses[2], rtol=1e-4)


def test_the_usual_weights_of_an_activation_are_drawn_where_none_are_wanted(room):
    assert start(room, activation="relu").config.init == "he"
    assert start(room).config.init == "normal"
    assert start(room, init="xavier").config.init == "xavier"


# --- go, pause, step, rewind --------------------------------------------------------


def test_a_race_does_not_start_by_itself(room):
    race = start(room)
    assert stays(race) == [0]
    assert race.state == "paused"


def test_a_start_during_preparation_takes_effect_afterwards(room, held):
    answer = room.start([EntryConfig("backprop", 0.1)], **SMALL)
    assert room.go(answer["race"])["state"] == "preparing"
    race = room.find(answer["race"])
    held.set()
    until(lambda: race.entries[0].step > 3)
    assert race.state == "running"


def test_a_pause_does_not_change_the_result(room):
    race = start(room)
    for _ in range(3):
        before = race.entries[0].step
        room.go(race.id)
        until(lambda before=before: race.entries[0].step > before)
        room.pause(race.id)
        until(lambda: race.state == "paused")
        (step,) = stays(race)
    assert_same_run(race.entries[0].run(), by_fit("backprop", step))


def test_a_step_is_exactly_one_whatever_was_before(room):
    race = start(room, ("backprop", 0.1), ("backprop", 0.2))
    assert [entry.step for entry in stepped(room, race, 1).entries] == [1, 1]
    room.go(race.id)
    until(lambda: min(entry.step for entry in race.entries) > 50)
    room.pause(race.id)
    until(lambda: race.state == "paused" and not any(x.in_turn for x in race.entries))
    before = [entry.step for entry in race.entries]
    # Asked for in a hurry, they add up.
    for count in (1, 2, 3):
        room.step(race.id, count)
    until(lambda: race.state == "paused")
    assert [entry.step for entry in race.entries] == [step + 6 for step in before]


def test_a_pause_and_a_step_while_it_runs_are_obeyed_in_that_order(room):
    race = start(room)
    room.go(race.id)
    until(lambda: race.entries[0].step > 10)
    room.pause(race.id)
    room.step(race.id, 5)
    until(lambda: race.state == "paused")
    (step,) = stays(race)
    assert_same_run(race.entries[0].run(), by_fit("backprop", step))


def test_rewound_it_is_as_it_was_and_takes_the_same_steps(room):
    race = stepped(room, start(room), 210)
    entry = race.entries[0]
    first = entry.run_state
    room.rewind(race.id)
    until(lambda: entry.step == 0)
    assert (race.state, entry.rewinds) == ("paused", 1)
    assert entry.run_state is entry.start
    assert len(entry.run_state.losses_from(0)) == 0
    assert len(entry.run_state.epochs) == 1
    stepped(room, race, 210)
    np.testing.assert_array_equal(entry.run_state.losses_from(0), first.losses_from(0))
    assert entry.run_state.epochs == first.epochs


def test_a_rewind_during_the_run_returns_to_the_start(room):
    race = start(room)
    room.go(race.id)
    until(lambda: race.entries[0].step > 10)
    room.rewind(race.id)
    until(lambda: race.entries[0].step == 0)
    assert stays(race) == [0]
    assert race.state == "paused"


def test_it_ends_where_every_race_ends(room, monkeypatch):
    monkeypatch.setattr(entry_module, "MAX_STEPS", 40)
    race = start(room)
    room.go(race.id)
    until(lambda: race.state == "paused")
    assert race.entries[0].step == 40
    stepped(room, race, 1)
    assert race.entries[0].step == 40


# --- several at once ----------------------------------------------------------------


@pytest.mark.slow
def test_two_races_do_not_disturb_each_other(room):
    one = start(room, ("backprop", 0.1))
    other = start(room, ("node", 0.3), ("backprop", 0.02), seed=8)
    room.go(one.id)
    room.go(other.id)
    until(lambda: all(x.step > 250 for r in (one, other) for x in r.entries))
    room.rewind(one.id)
    room.pause(other.id)
    until(lambda: one.state == other.state == "paused")
    assert one.entries[0].step == 0
    for entry, rate in zip(other.entries, (0.3, 0.02), strict=True):
        gradient = entry.settings.gradient
        assert_same_run(entry.run(), by_fit(gradient, entry.step, rate, seed=8))


def test_races_get_equal_time_whatever_a_step_costs(room, monkeypatch):
    cheap = start(room)
    dear = start(room, ("backprop", 0.1), ("backprop", 0.2), hidden=64, batch=500)
    scheduler, turn = room._scheduler, RaceEntry.take_turn
    choose, turns, apart = scheduler._next_turn, [0.0], []

    def timed(entry, most):
        before = entry.seconds_used
        turn(entry, most)
        turns.append(entry.seconds_used - before)

    def seen():
        # Here and not from the test's thread: between two turns all stands still.
        if cheap.active and dear.active:
            one, other = (entry.seconds_used for entry in dear.entries)
            apart.append(
                (
                    abs(cheap.seconds_used - dear.seconds_used),
                    abs(one - other),
                    max(turns),
                )
            )
        return choose()

    monkeypatch.setattr(RaceEntry, "take_turn", timed)
    monkeypatch.setattr(scheduler, "_next_turn", seen)
    for race in (cheap, dear):
        room.go(race.id)
    until(lambda: cheap.seconds_used > 0.5 and dear.seconds_used > 0.5)
    assert len(apart) > 10
    # Whoever has had less is next: nobody gets ahead by more than the longest turn,
    # and what the first was given before the other came.
    for races, entries, longest in apart:
        assert races <= longest + scheduler_module._MAX_LAG + 1e-9
        assert entries <= longest + 1e-9
    assert cheap.entries[0].step > 2 * dear.entries[0].step


class Standing:
    """A race that always wants a turn; nobody trains it."""

    def __init__(self):
        self.seconds_used, self.turns = 0.0, 0

    def next_entry(self):
        return self


def test_a_late_race_gets_no_more_time_than_the_others():
    scheduler = Scheduler(lambda: None)
    early, late = Standing(), Standing()
    scheduler._races = [early]

    def turn():
        race, _ = scheduler._next_turn()
        race.seconds_used += 0.02
        race.turns += 1

    for _ in range(1000):
        turn()
    scheduler._races = [early, late]
    for _ in range(1000):
        turn()
    # It was given up to a tenth of a second for its start: 5 turns.
    assert late.turns == pytest.approx(500, abs=5)


@pytest.mark.slow
def test_with_equal_steps_entries_take_equally_many_steps(room, monkeypatch):
    entries = ("backprop", 0.1), ("node", 0.1), ("spsa", 0.1)
    race = start(room, *entries, equal_steps=True)
    apart, allowance = [], race.allowance

    def seen(entry):
        # Asked before each turn, when all entries stand still.
        steps = [entry.step for entry in race.entries]
        most = 2 * max(entry.turn_steps for entry in race.entries)
        apart.append((max(steps) - min(steps), most))
        return allowance(entry)

    monkeypatch.setattr(race, "allowance", seen)
    room.go(race.id)
    until(lambda: min(entry.step for entry in race.entries) > 300)
    widest = 0
    for steps, most in apart:
        widest = max(widest, most)
        assert steps <= widest


@pytest.mark.slow
def test_twenty_races_share_the_data_and_leave_the_lab_responsive(room, monkeypatch):
    import resource

    from secant_lab.rooms import slope

    start(room)  # what is loaded once, is
    slope.point("x**2", 1.0, 0.5)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    races = [start(room, hidden=50, batch=100, seed=seed) for seed in range(20)]
    for race in races:
        room.go(race.id)
    until(lambda: min(race.entries[0].step for race in races) > 20)
    turns, took, turn = [], [], RaceEntry.take_turn
    monkeypatch.setattr(
        RaceEntry, "take_turn", lambda *given: (turns.append(1), turn(*given))
    )
    for h in np.linspace(0.1, 1, 20):
        began = len(turns)
        slope.point("x**2", 1.0, float(h))
        took.append(len(turns) - began)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    samples = {id(race.entries[0].trainer.samples) for race in races}
    assert len(samples) == 1
    # A copy of the data for each would be 15 MB each, and twice that on the device.
    assert (after - before) / 1024 < 250
    # In turns of a fiftieth of a second: 2 s, on a machine that does nothing else.
    assert np.quantile(took, 0.95) < 2 / entry_module.TURN_SECONDS


def test_races_with_other_rates_share_their_programs(room):
    races = [start(room, ("backprop", rate)) for rate in (0.31, 0.32)]
    for race in races:
        stepped(room, race, 5)
    one, other = (race.entries[0].trainer.stepper for race in races)
    assert one._rate != other._rate
    assert one._loop is other._loop


# --- what ends a race ---------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only where a test says so, for leases."""
    now = [0.0]
    monkeypatch.setattr(race_module, "monotonic", lambda: now[0])
    monkeypatch.setattr(scheduler_module, "_SWEEP_SECONDS", 0.01)
    return now


def sweeps(room, monkeypatch):
    """The number of times that the room has looked who was left, as it grows."""
    count, sweep = [], room._scheduler._sweep
    monkeypatch.setattr(room._scheduler, "_sweep", lambda: (sweep(), count.append(1)))
    return count


def test_a_race_that_nobody_looks_at_is_ended(room, clock):
    race = start(room)
    room.go(race.id)
    clock[0] += training.LEASE + 1
    until(lambda: race.ended)
    assert (race.state, race.ended) == ("ended", "abandoned")
    until(lambda: not race.entries[0].in_turn)
    stays(race)
    with pytest.raises(LocalizedError, match="no such race"):
        room.go(race.id)


def test_a_lease_runs_only_once_the_race_is_prepared(room, clock, held, monkeypatch):
    count = sweeps(room, monkeypatch)
    entries = [EntryConfig("backprop", 0.1), EntryConfig("backprop", 0.2)]
    race = room.find(room.start(entries, **SMALL)["race"])
    # Its steps take longer to compile than a lease lasts.
    for _ in range(3):
        clock[0] += training.LEASE + 1
        swept = len(count)
        until(lambda swept=swept: len(count) > swept + 1)
        assert (race.state, race.ended) == ("preparing", None)
    held.set()
    until(lambda: race.state == "paused")
    clock[0] += training.LEASE - 1
    swept = len(count)
    until(lambda: len(count) > swept + 1)
    assert race.ended is None
    clock[0] += 2
    until(lambda: race.ended == "abandoned")


def test_a_watched_race_is_not_ended(room, clock, monkeypatch):
    count = sweeps(room, monkeypatch)

    def a_lease_passes(share=1.5):
        clock[0] += share * training.LEASE
        swept = len(count)
        until(lambda: len(count) > swept + 1)

    race = start(room)
    with race.watched():
        a_lease_passes()
        assert race.state == "paused"
    for _ in range(5):
        a_lease_passes(0.9)
        assert room.keep_alive(race.id) == {"state": "paused", "steps": [0]}
    a_lease_passes()
    assert race.ended == "abandoned"


def test_an_ended_race_trains_no_more_and_ends_once(room):
    race = start(room)
    room.go(race.id)
    assert room.end(race.id) == {"state": "ended"}
    assert race.ended == "closed"
    until(lambda: not race.entries[0].in_turn)
    stays(race)
    assert room.end(race.id) == {"state": "ended"}


def test_of_too_many_races_the_longest_idle_one_is_ended(room, monkeypatch):
    monkeypatch.setattr(training, "MAX_RACES", 3)
    races = [start(room) for _ in range(3)]
    room.go(races[0].id)
    until(lambda: races[0].state == "running")
    another = start(room)
    assert [race.ended for race in (*races, another)] == [None, "evicted", None, None]


@pytest.mark.parametrize(
    "asked", ["go", "pause", "step", "rewind", "save", "keep_alive"]
)
@pytest.mark.parametrize("id_of", ["nobody", "another lab", "an ended one"])
def test_an_unknown_race_is_reported(room, asked, id_of):
    other = Room()
    try:
        known = {
            "nobody": lambda: "x" * 22,
            "another lab": lambda: other.start([EntryConfig("backprop", 0.1)])["race"],
            "an ended one": lambda: room.start([EntryConfig("backprop", 0.1)])["race"],
        }[id_of]()
        room.end(known)
        with pytest.raises(LocalizedError, match="no such race") as told:
            getattr(room, asked)(known)
        assert told.value.code == "race"
    finally:
        other.close()


# --- what goes wrong in an entry ------------------------------------------------------


def test_a_diverged_entry_is_reported_and_the_others_continue(room):
    wild = {"activation": "identity", "loss": "sum_squares", "init": "xavier"}
    race = start(room, ("backprop", 500.0), ("backprop", 0.01), **wild)
    room.go(race.id)
    bad, good = race.entries
    until(lambda: bad.failure and good.step > 100)
    assert race.state == "running"
    assert bad.failure["code"] == "diverged"
    assert bad.failure["facts"]["rate"] == "500"
    # What is kept is the last that was a number.
    assert bad.step == bad.failure["step"] - 1
    assert np.isfinite(bad.run_state.losses_from(0)).all()
    assert bad.step == len(bad.run_state.losses_from(0))
    room.rewind(race.id)
    until(lambda: bad.step == 0)
    assert bad.failure is None


def test_a_diverged_definition_is_reported_too(room):
    wild = {"activation": "identity", "loss": "sum_squares", "hidden": 1, "batch": 2}
    race = start(room, ("definition", 1000.0), init="xavier", **wild)
    room.go(race.id)
    until(lambda: race.entries[0].failure)
    assert race.state == "paused"
    assert race.entries[0].failure["code"] in ("diverged", "failed")


def test_a_bug_in_one_entry_stops_that_entry_only(room, monkeypatch):
    race = start(room, ("backprop", 0.1), ("backprop", 0.2))
    broken, sound = race.entries

    def advance(reached, count):
        raise ZeroDivisionError("of the test")

    monkeypatch.setattr(broken.trainer, "advance", advance)
    room.go(race.id)
    until(lambda: sound.step > 50)
    assert broken.failure["code"] == "bug"
    assert "ZeroDivisionError" in broken.failure["facts"]["words"]


def test_a_failed_preparation_is_explained(room, monkeypatch):
    def evaluate(self, reached):
        raise MemoryError("of the test")

    monkeypatch.setattr("secant.training.trainer.Trainer.evaluate", evaluate)
    race = start(room)
    assert race.state == "paused"
    assert "MemoryError" in race.entries[0].failure["facts"]["words"]
    room.go(race.id)
    room.rewind(race.id)
    assert race.state == "paused"
    # Its first weights are there to be looked at all the same.
    (drawn,) = draw_pictures(race)["entries"]
    assert (drawn["step"], drawn["gradients"]) == (0, None)


def test_first_weights_are_drawn_while_a_step_compiles(room, held):
    entries = [EntryConfig("backprop", rate) for rate in (0.1, 0.2, 0.3)]
    answer = room.start(entries, **SMALL)
    race = room.find(answer["race"])
    # Of all entries, though fewer are compiled at a time.
    until(lambda: race.created)
    assert race.state == "preparing"
    before = draw_pictures(race)["entries"]
    assert [entry["gradients"] for entry in before] == [None] * 3
    held.set()
    until(lambda: race.state == "paused")
    after = draw_pictures(race)["entries"]
    for name in ("step", "weights", "probabilities"):
        assert [entry[name] for entry in after] == [entry[name] for entry in before]


# --- the definition, whose step takes long ------------------------------------------


def test_the_definition_pauses_and_resumes_within_a_step(room):
    race = start(room, ("definition", 0.1), **ENDLESS)
    entry = race.entries[0]
    room.go(race.id)
    until(lambda: entry.step_progress > A_BIT)
    room.pause(race.id)
    until(lambda: race.state == "paused")
    within = entry.step_progress
    assert stays(race) == [0]
    assert entry.step_progress == within
    room.go(race.id)
    until(lambda: entry.step_progress > within + A_BIT)


def test_the_definition_rewound_or_ended_within_a_step_leaves_it(room):
    race = start(room, ("definition", 0.1), ("backprop", 0.1), **ENDLESS)
    entry = race.entries[0]
    for order in (room.go, lambda race: room.step(race, 1)):
        order(race.id)
        until(lambda: entry.step_progress > A_BIT)
        room.rewind(race.id)
        until(lambda: entry.step_progress == 0 and race.state == "paused")
        assert entry.step == 0
    room.go(race.id)
    until(lambda: entry.step_progress > A_BIT)
    room.end(race.id)
    until(lambda: not [t for t in threading.enumerate() if t.name == "lab-slow"])


def test_the_definition_lets_others_train_meanwhile(room):
    race = start(room, ("definition", 0.1), ("backprop", 0.1), **ENDLESS)
    other = start(room)
    slow, fast = race.entries
    room.go(race.id)
    room.go(other.id)
    until(lambda: slow.step_progress > A_BIT)
    before = slow.step_progress
    steps = fast.step, other.entries[0].step
    until(lambda: fast.step > steps[0] + 100 and other.entries[0].step > steps[1] + 300)
    # All of that within one of its steps, which it went on with.
    assert slow.step == 0
    assert slow.step_progress > before


def test_another_method_in_numpy_is_trained_by_itself(room, monkeypatch):
    def flat(architecture, params, x, t, key=None, /):
        return architecture.error(params, x, t), {n: 0 * p for n, p in params.items()}

    monkeypatch.setitem(METHODS, "flat", GradientMethod("flat", flat, traceable=False))
    run = stepped(room, start(room, ("flat", 0.1)), 3).entries[0].run()
    assert run.settings.gradient == "flat"
    first = by_fit("backprop", 0).net.params
    np.testing.assert_allclose(run.net.params["W1"], first["W1"], rtol=1e-6)


def test_who_waits_for_the_baton_gets_it_in_turn():
    lock, order = TurnLock(), []

    def work(name):
        lock.acquire()
        order.append(name)
        lock.release()

    lock.acquire()
    threads = []
    for name in range(5):
        threads.append(threading.Thread(target=work, args=(name,)))
        threads[-1].start()
        until(lambda: len(lock._waiting) == len(threads))
    lock.release()
    for thread in threads:
        thread.join(600)
    assert order == [0, 1, 2, 3, 4]


# --- updates -----------------------------------------------------------------------


def test_updates_come_once_and_add_up_to_the_history(room):
    race = start(room)
    updates, losses, epochs = RaceUpdates(race), [], []
    first = updates.poll()
    assert first["entries"][0]["restarted"]
    assert first["state"] == "paused"
    epochs += first["entries"][0]["epochs"]
    assert updates.poll() is None
    for _ in range(5):
        stepped(room, race, 90)
        update = updates.poll()["entries"][0]
        assert (
            update["first_step"],
            update["steps_per_loss"],
            update["restarted"],
        ) == (
            len(losses),
            1,
            False,
        )
        losses += update["losses"]
        epochs += update["epochs"]
        assert update["step"] == len(losses)
    reached = race.entries[0].run_state
    np.testing.assert_allclose(losses, reached.losses_from(0), rtol=1e-4)
    assert epochs == [epoch._asdict() for epoch in reached.epochs]
    assert [epoch["step"] for epoch in epochs] == [0, 200, 400]


def test_a_late_page_gets_a_thinned_history(room):
    race = stepped(room, start(room), 2_300)
    updates = RaceUpdates(race)
    update = updates.poll()["entries"][0]
    assert (update["first_step"], update["steps_per_loss"]) == (0, 3)
    assert len(update["losses"]) == 767 <= MAX_FIRST_LOSSES
    losses = race.entries[0].run_state.losses_from(0)
    assert update["losses"][0] == pytest.approx(losses[:3].mean(), rel=1e-4)
    # The last has fewer.
    assert update["losses"][-1] == pytest.approx(losses[2298:].mean(), rel=1e-4)
    stepped(room, race, 900)
    update = updates.poll()["entries"][0]
    assert (update["first_step"], update["steps_per_loss"]) == (2_300, 5)
    assert len(update["losses"]) == 180 <= MAX_LOSSES


def test_after_a_rewind_the_page_drops_its_history(room):
    race = stepped(room, start(room), 30)
    updates = RaceUpdates(race)
    updates.poll()
    room.rewind(race.id)
    until(lambda: race.entries[0].step == 0)
    update = updates.poll()["entries"][0]
    assert (update["restarted"], update["first_step"], update["step"]) == (True, 0, 0)
    assert (update["losses"], len(update["epochs"])) == ([], 1)


def test_an_entry_that_returned_to_its_last_finite_step_reports_it(room):
    race = stepped(room, start(room), 30)
    updates, entry = RaceUpdates(race), race.entries[0]
    updates.poll()
    entry.run_state = entry.trainer.advance(entry.start, 20)
    update = updates.poll()["entries"][0]
    assert (update["first_step"], update["step"], update["losses"]) == (20, 20, [])


def test_an_accuracy_or_loss_that_is_no_number_is_none(room):
    race = stepped(room, start(room), 1)
    entry = race.entries[0]
    epoch = entry.run_state.epochs[0]._replace(test_loss=float("inf"))
    entry.run_state = replace(entry.run_state, epochs=(epoch,))
    assert RaceUpdates(race).poll()["entries"][0]["epochs"][0]["test_loss"] is None


# --- pictures -----------------------------------------------------------------------


def image(text, scale, units):
    levels = np.frombuffer(b64decode(text), np.int8).reshape(units, 784)
    return levels * (scale / 127)


@pytest.mark.parametrize("gradient", ["backprop", "node", "spsa"])
def test_a_picture_shows_the_weights_and_the_gradient_of_the_next_step(room, gradient):
    race = stepped(room, start(room, (gradient, 0.5)), 3)
    entry = race.entries[0]
    until(lambda: entry.gradient_ready)
    (drawn,) = draw_pictures(race)["entries"]
    assert (drawn["step"], drawn["units"]) == (3, 6)
    before = np.asarray(entry.trainer.params(entry.run_state)["W1"])
    scale = drawn["scales"]["weights"]
    assert scale == pytest.approx(np.abs(before).max())
    np.testing.assert_allclose(
        image(drawn["weights"], scale, 6), before.T, atol=0.51 * scale / 127
    )
    stepped(room, race, 1)
    after = np.asarray(entry.trainer.params(entry.run_state)["W1"])
    scale = drawn["scales"]["gradients"]
    np.testing.assert_allclose(
        image(drawn["gradients"], scale, 6),
        (before - after).T / 0.5,
        atol=0.51 * scale / 127 + 1e-6,
    )


def test_a_picture_has_the_predictions_of_the_shown_digits(room):
    race = stepped(room, start(room), 300)
    (drawn,) = draw_pictures(race)["entries"]
    data = race.data
    answers = race.entries[0].run().net.predict(data.test.x[data.shown])
    np.testing.assert_allclose(drawn["probabilities"], answers, atol=1e-4)
    assert (np.bincount(data.labels) == 4).all()


def test_the_definition_shows_the_gradient_of_its_last_step(room):
    race = start(room, ("definition", 0.1), hidden=1)
    entry = race.entries[0]
    before = entry.trainer.params(entry.run_state)["W1"]
    assert draw_pictures(race)["entries"][0]["gradients"] is None
    stepped(room, race, 1)
    drawn = draw_pictures(race)["entries"][0]
    after = entry.trainer.params(entry.run_state)["W1"]
    scale = drawn["scales"]["gradients"]
    np.testing.assert_allclose(
        image(drawn["gradients"], scale, 1),
        (before - after).T / 0.1,
        atol=0.51 * scale / 127,
    )
    room.rewind(race.id)
    until(lambda: entry.step == 0)
    assert draw_pictures(race)["entries"][0]["gradients"] is None


def test_at_most_so_many_units_are_drawn(room):
    (drawn,) = draw_pictures(start(room, hidden=30))["entries"]
    assert drawn["units"] == 24
    assert len(b64decode(drawn["weights"])) == 24 * 784


# --- save ---------------------------------------------------------------------------


def test_a_saved_entry_equals_the_run_of_fit(room):
    race = stepped(room, start(room, ("backprop", 0.1), ("node", 0.2)), 215)
    assert room.save(race.id, 1) == {"folder": "runs/0001", "steps": 215}
    assert room.save(race.id, 0)["folder"] == "runs/0002"
    assert room.saved_runs() == {"folders": ["runs/0002", "runs/0001"]}
    run = Run.load("runs/0001")
    expected = by_fit("node", 215, 0.2)
    assert_same_run(run, expected)
    assert run.status == expected.status
    named = "sample of 5,000 MNIST digits (built in)"
    assert run.data_name.startswith(named)
    assert run.settings == expected.settings


def test_before_the_first_step_there_is_nothing_to_keep(room, tmp_path):
    race = start(room)
    with pytest.raises(LocalizedError, match="no step"):
        room.save(race.id)
    assert room.saved_runs() == {"folders": []}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("entry", [-1, 1, 10**9])
def test_an_unknown_entry_cannot_be_saved(room, entry):
    race = stepped(room, start(room), 1)
    with pytest.raises(LocalizedError, match="there is no entry"):
        room.save(race.id, entry)


def test_a_run_that_cannot_be_written_leaves_nothing(room, monkeypatch, tmp_path):
    race = stepped(room, start(room), 1)

    def write(self, folder):
        raise OSError("of the test: the disk is full")

    monkeypatch.setattr(Run, "write", write)
    with pytest.raises(OSError, match="full"):
        room.save(race.id)
    assert not list(tmp_path.iterdir())


# --- what is wanted -----------------------------------------------------------------

BAD = {
    "no entry": ({"entries": []}, "entries", "1 to 4"),
    "five entries": ({"entries": [("node", 0.1)] * 5}, "entries", "has 5"),
    "an unknown gradient": ({"entries": [("nod", 0.1)]}, "settings", "'node'"),
    "a rate of 0": ({"entries": [("node", 0.0)]}, "settings", "above 0"),
    "a rate below 0": ({"entries": [("node", -0.1)]}, "limit", "between 0 and"),
    "a rate of a million": ({"entries": [("node", 1e6)]}, "limit", "1000"),
    "an unknown data set": ({"data": "mnisst"}, "data", "at hand"),
    "a path": ({"data": "/etc/passwd"}, "data", "at hand"),
    "no hidden unit": ({"hidden": 0}, "limit", "between 1"),
    "a million hidden units": ({"hidden": 10**6}, "limit", "256"),
    "a batch of 0": ({"batch": 0}, "limit", "between 1"),
    "a batch of a million": ({"batch": 10**6}, "limit", "1000"),
    "a seed below 0": ({"seed": -1}, "limit", "between 0"),
    "a seed without end": ({"seed": 10**300}, "limit", "between 0"),
    "an unknown activation": ({"activation": "sigmoyd"}, "settings", "'sigmoid'"),
    "an unknown loss": ({"loss": "cross-entropy"}, "settings", "cross_entropy"),
    "an unknown start": ({"init": "zeros"}, "settings", "normal"),
    "an unknown optimiser": ({"optimizer": "adamm"}, "settings", "'adam'"),
}


@pytest.mark.parametrize("case", BAD)
def test_invalid_settings_are_reported(room, case):
    changed, code, says = BAD[case]
    wanted = {"entries": [("backprop", 0.1)], **changed}
    wanted["entries"] = [EntryConfig(*entry) for entry in wanted["entries"]]
    with pytest.raises(LocalizedError, match=says) as told:
        room.start(**wanted)
    assert told.value.code == code
    assert not room._races


@pytest.mark.parametrize("count", [0, -1, MAX_STEPS + 1, 10**300])
def test_an_invalid_number_of_steps_is_reported(room, count):
    race = start(room)
    with pytest.raises(LocalizedError, match="between 1 and"):
        room.step(race.id, count)
    assert race.entries[0].step == 0


def test_all_that_can_be_chosen_can_be_started(room):
    offered = choices()
    assert "sample" in offered["data"]
    wanted = [
        *({"entries": [EntryConfig(g["name"], 0.1)]} for g in offered["gradients"]),
        *({"activation": name} for name in offered["activations"]),
        *({"loss": name} for name in offered["losses"]),
        *({"init": name} for name in offered["inits"]),
        *({"optimizer": o["name"]} for o in offered["optimizers"]),
        {"hidden": offered["limits"]["hidden"], "batch": offered["limits"]["batch"]},
    ]
    for changed in wanted:
        answer = room.start(**{"entries": [EntryConfig("node", 0.1)], **changed})
        assert room.end(answer["race"]) == {"state": "ended"}


def test_the_answer_shows_digits_as_they_were_scanned(room):
    answer = room.start([EntryConfig("backprop", 0.1)])
    pixels = np.frombuffer(b64decode(answer["samples"]["pixels"]), np.uint8)
    (_, _), (x, t) = load_mnist_sample(normalize=False)
    labels = np.array(answer["samples"]["labels"])
    assert pixels.shape == (40 * 784,)
    for image_, label in zip(pixels.reshape(40, 784), labels, strict=True):
        (where,) = np.flatnonzero((x == image_).all(axis=1))
        assert t[where] == label
    assert RaceEntry(EntryConfig("node", 0.1), TrainConfig.build()).step == 0
