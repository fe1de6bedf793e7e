"""Groups of processes: a group of one, and simulated peers."""

import json

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secant import InvalidInput, PeerLost, fit
from secant.nn.gradients import METHODS
from secant.training import ProcessGroup
from secant.training.run_together import LeaderFailed


def one_of(count, index=0, **options):
    """A process that believes that it is one of several."""
    processes = ProcessGroup(**options)
    processes.count, processes.index, processes.devices = count, index, count
    return processes


@pytest.mark.parametrize("gradient", ["node", "definition"])
@pytest.mark.slow
def test_a_group_of_one_gives_the_run_without_a_group(net, clusters, gradient):
    settings = {"iterations": 12, "batch_size": 20, "optimizer": "adam"}
    whole = fit(net, clusters, gradient, **settings)
    run = fit(net, clusters, gradient, **settings, processes=ProcessGroup())
    np.testing.assert_allclose(run.losses, whole.losses, rtol=0, atol=1e-6)
    for name, value in whole.net.params.items():
        np.testing.assert_allclose(run.net.params[name], value, rtol=0, atol=1e-5)
    assert run.history.epochs[-1].test_accuracy == pytest.approx(
        whole.history.epochs[-1].test_accuracy
    )


@given(st.integers(0, 1000), st.integers(1, 9))
def test_parts_cover_the_batch_and_are_nearly_equal(things, count):
    parts = [
        range(things)[one_of(count, index).local_slice(things)]
        for index in range(count)
    ]
    assert [thing for part in parts for thing in part] == list(range(things))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@given(st.binary(max_size=9000))
def test_a_broadcast_object_arrives_unchanged(content):
    processes = ProcessGroup()
    assert processes.all_gather(content) == [content]
    assert processes.broadcast(content) == content


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.float32, np.float64])
def test_a_sum_keeps_its_dtype(dtype):
    values = np.array([[1, 2, 3], [250, 251, 2**30 + 1]], dtype)
    total = ProcessGroup().all_reduce(values)
    assert total.dtype == dtype
    np.testing.assert_array_equal(total, values)


@pytest.mark.parametrize(
    ("batch", "said"), [(21, "=20 or 22"), (1, "=2$"), (101, "=100 or 102")]
)
def test_a_batch_that_cannot_be_shared_equally_is_refused(batch, said):
    with pytest.raises(InvalidInput, match=f"batch_size is {batch}, .*{said}"):
        one_of(2).check_batch_size(batch, METHODS["node"])
    one_of(2).check_batch_size(batch * 2, METHODS["node"])


def agreement(one, monkeypatch, **changed):
    """The error of a process for another's different origin."""
    heard = []

    def all_gather(content):
        heard.append(content)
        other = json.loads(content)
        other |= {k: v for k, v in changed.items() if k == "failure"}
        if "failure" in changed:
            other["origin"] = None
        else:
            other["origin"] |= changed
        return [content, json.dumps(other).encode()]

    monkeypatch.setattr(one, "all_gather", all_gather)
    one.check_agreement({"seed": 0, "training samples": "ab12"})


def test_processes_with_equal_origins_start(monkeypatch):
    processes = one_of(2)
    agreement(processes, monkeypatch)
    assert processes.has_agreed


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"seed": 1}, "seed is 0 on process 0 and 1 on process 1"),
        ({"training samples": "cd"}, "training samples is 'ab12' on process 0 and 'cd"),
        ({"secant": "0.0.1"}, r"secant is .* on process 0 and '0\.0\.1' on process 1"),
        ({"processes": 3}, "processes is 1 on process 0 and 3 on process 1"),
        ({"failure": "no data there"}, "process 1 cannot begin: no data there"),
    ],
    ids=["settings", "data", "version", "count", "failure"],
)
def test_processes_with_different_origins_do_not_start(monkeypatch, changed, said):
    with pytest.raises(InvalidInput, match=said):
        agreement(one_of(2), monkeypatch, **changed)


def broken(said):
    def total(rows):
        raise jax.errors.JaxRuntimeError(said)

    processes = ProcessGroup()
    processes.__dict__["_sum"] = total
    return processes


def test_a_lost_peer_is_reported():
    processes = broken("UNKNOWN: Gloo all-reduce failed: Connection closed by peer")
    with pytest.raises(PeerLost, match=r"is gone .*Connection closed by peer"):
        processes.all_reduce(np.ones(3, np.float32))
    assert processes.lost


def test_a_process_without_memory_does_not_blame_another():
    processes = broken("RESOURCE_EXHAUSTED: Out of memory")
    with pytest.raises(jax.errors.JaxRuntimeError, match="Out of memory"):
        processes.all_reduce(np.ones(3, np.float32))
    assert not processes.lost


@pytest.mark.slow
def test_the_state_is_saved_when_a_peer_is_lost(net, clusters, tmp_path):
    processes = ProcessGroup()

    def lose(progress):
        if progress.step >= 6:
            raise PeerLost("another process of this run is gone")

    settings = {"iterations": 12, "batch_size": 20, "folder": tmp_path}
    with pytest.raises(PeerLost):
        fit(net, clusters, **settings, callbacks=[lose], processes=processes)
    kept = sorted((tmp_path / "checkpoints").iterdir())
    assert int(kept[-1].stem) >= 6


def test_a_signal_on_any_process_ends_the_run(net, clusters):
    heard = []
    processes = ProcessGroup(stop=lambda: 15 if heard else 0)

    def after_some(progress):
        if progress.step >= 6:
            heard.append(15)

    run = fit(
        net,
        clusters,
        iterations=600,
        batch_size=20,
        callbacks=[after_some],
        processes=processes,
    )
    assert run.status == "interrupted"
    assert 6 <= len(run.losses) < 600
    assert processes.stopped_by == 15


def test_the_others_get_the_reason_why_process_0_ended(net, clusters, monkeypatch):
    told = []
    processes = ProcessGroup()
    share = processes.broadcast
    monkeypatch.setattr(processes, "broadcast", lambda c: told.append(c) or share(c))

    def fail(progress):
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        fit(net, clusters, iterations=2, callbacks=[fail], processes=processes)
    said = told[-1]

    follower = one_of(2, index=1)
    monkeypatch.setattr(follower, "check_agreement", lambda origin: None)
    monkeypatch.setattr(follower, "all_reduce", lambda words: np.zeros_like(words))
    monkeypatch.setattr(follower, "broadcast", lambda content: said)
    monkeypatch.setattr(
        ProcessGroup, "local_slice", lambda processes, count: slice(count)
    )
    with pytest.raises(LeaderFailed, match="process 0 has ended: no more"):
        fit(net, clusters, iterations=2, processes=follower)
