"""`secant train --distributed` with real processes that fail, stop and resume."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from secant import Run

sys.path.insert(0, str(Path(__file__).parent))
from peers import PATIENCE, SMALL, Peer, distributed, free_port, listeners, until

LINUX = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="looks into /proc"
)

# Long enough for a busy machine: JAX itself waits 10 s.
SECONDS = 120


@pytest.fixture
def start(tmp_path):
    """Starts processes of a run, and kills those that are left."""
    started = []

    def begin(index, *options, place="peers", **how):
        peer = Peer(tmp_path / place, index, *options, **how)
        started.append(peer)
        return peer

    yield begin
    for peer in started:
        peer.end()


@pytest.fixture
def pair(start):
    """Starts a run's two processes."""

    def begin(*options, first=(), **how):
        port = free_port()
        return [
            start(index, *distributed(port, index), *SMALL, *options, *more, **how)
            for index, more in enumerate((first, ()))
        ]

    return begin


def has_kept(folder):
    return lambda: any(Path(folder).glob("checkpoints/0*"))


def assert_same(run, whole):
    assert len(run.losses) == len(whole.losses)
    np.testing.assert_array_equal(run.losses, whole.losses)
    for name, value in whole.net.params.items():
        np.testing.assert_array_equal(run.net.params[name], value)
    assert run.history.epochs == whole.history.epochs


@pytest.mark.parametrize(
    "option",
    [("--coordinator", "a:1"), ("--processes", "2"), ("--process-id", "0")],
    ids=" ".join,
)
def test_options_of_several_processes_require_distributed(secant, option):
    outcome = secant("train", *option)
    assert outcome.code == 2
    assert f"{option[0]} needs --distributed" in outcome.err


@pytest.mark.slow
def test_two_processes_print_and_save_the_run_of_one(pair, secant, tmp_path):
    run = tmp_path / "run"
    leader, other = pair("--iterations", 60, first=("--out", run))
    assert leader.code() == 0, leader.text
    assert other.code() == 0, other.text
    assert f"saved in {run}" in leader.text
    assert other.text == ""
    assert secant("train", *SMALL, "--iterations", 60, "--out", "alone").code == 0
    alone = Run.load("alone")
    np.testing.assert_allclose(Run.load(run).losses, alone.losses, rtol=0, atol=1e-6)


@pytest.mark.slow
@LINUX
@pytest.mark.parametrize("who", ["leader", "follower"])
def test_a_killed_peer_ends_the_run_which_resumes_bit_for_bit(pair, tmp_path, who):
    settings = ("--iterations", 800, "--checkpoint-steps", 20)
    whole, run = tmp_path / "whole", tmp_path / "run"
    for peer in pair(*settings, first=("--out", whole)):
        assert peer.code() == 0, peer.text

    leader, follower = pair(*settings, first=("--out", run))
    dies, lives = (leader, follower) if who == "leader" else (follower, leader)
    until(has_kept(run), leader, follower)
    os.kill(dies.trainer, signal.SIGKILL)
    killed = time.monotonic()
    assert lives.code() == 75, lives.text
    assert time.monotonic() - killed < SECONDS
    assert "another process of this run is gone" in lives.text
    assert "Traceback" not in lives.text
    assert "check failure" not in lives.text.lower()
    assert dies.code() == 75
    assert "this process was ended by SIGKILL" in dies.text
    assert not (run / "network.safetensors").exists()

    # A follower has no folder, and gets the manifest from process 0.
    port = free_port()
    again = [
        Peer(tmp_path / "again", 0, *distributed(port, 0), "--resume", run),
        Peer(tmp_path / "again", 1, *distributed(port, 1), *SMALL, *settings),
    ]
    for peer in again:
        assert peer.code() == 0, peer.text
    assert_same(Run.load(run), Run.load(whole))


@pytest.mark.slow
@LINUX
def test_a_killed_supervisor_ends_the_run(pair, tmp_path):
    leader, follower = pair("--iterations", 10**7, first=("--out", tmp_path / "run"))
    until(lambda: "forecast" in leader.text, leader, follower)
    leader.guard.kill()
    assert follower.code() == 75, follower.text


@pytest.mark.slow
@LINUX
@pytest.mark.parametrize("who", ["leader", "follower"])
def test_an_unresponsive_peer_counts_as_lost(pair, tmp_path, who):
    leader, follower = pair(*("--iterations", 10**7), first=("--out", tmp_path / "run"))
    stops, lives = (leader, follower) if who == "leader" else (follower, leader)
    until(lambda: "forecast" in leader.text, leader, follower)
    trainer = stops.trainer
    os.kill(trainer, signal.SIGSTOP)
    assert lives.code(SECONDS) == 75, lives.text
    assert "another process of this run is gone, or has not answered" in lives.text
    assert "0x" not in lives.text  # of the runtime's page of C++
    os.kill(trainer, signal.SIGCONT)
    assert stops.code(SECONDS) == 75, stops.text


@pytest.mark.slow
@LINUX
@pytest.mark.parametrize("who", ["leader", "follower"])
@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGTERM, 143, "SIGTERM"), (signal.SIGINT, 130, "Ctrl-C")],
    ids=["SIGTERM", "Ctrl-C"],
)
def test_a_signal_to_any_process_ends_all_and_saves_the_run(
    pair, tmp_path, who, number, code, said
):
    run = tmp_path / "run"
    leader, follower = pair("--iterations", 10**7, first=("--out", run))
    until(lambda: re.search(r"step +\d", leader.text) or has_kept(run)(), leader)
    time.sleep(1)
    (leader if who == "leader" else follower).guard.send_signal(number)
    assert leader.code() == code, leader.text
    assert follower.code() == code, follower.text
    assert f"stopped by {said} after" in leader.text
    assert follower.text == ""
    kept = Run.load(run)
    assert kept.status == "interrupted"
    newest = max((run / "checkpoints").iterdir())
    assert int(newest.stem) == len(kept.losses) > 0


@pytest.mark.slow
def test_waiting_for_peers_can_be_interrupted(start):
    alone = start(0, *distributed(free_port(), 0), *SMALL)
    until(lambda: listeners(alone.trainer), alone)
    alone.guard.send_signal(signal.SIGINT)
    assert alone.code(SECONDS) == 130
    assert alone.text == "error: stopped by Ctrl-C\n"


@pytest.mark.slow
@pytest.mark.parametrize("present", [0, 1])
def test_waiting_for_a_missing_peer_times_out(start, present):
    alone = start(
        present, *distributed(free_port(), present), "--initialization-timeout", 3
    )
    assert alone.code(SECONDS) == 75
    assert "not all processes joined at 127.0.0.1:" in alone.text
    assert "in time (3 s)" in alone.text
    assert len(alone.text.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            ("--seed", 1, "--learning-rate", 0.2),
            ("--learning-rate", 0.3),
            ("learning_rate is 0.2 on process 0 and 0.3 on process 1", "seed is 1 on"),
        ),
        (
            ("--data", "sample"),
            ("--data", "other.npz"),
            ("training samples is '",),
        ),
        (("--hidden", 7), ("--hidden", 9), ("architecture is {",)),
        (("--batch-size", 21), ("--batch-size", 21), ("pass batch_size=20 or 22",)),
        ((), ("--data", "missing.npz"), ()),
        (("--out", "."), (), ()),
    ],
    ids=["settings", "data", "network", "uneven batch", "no data", "no folder"],
)
def test_processes_that_do_not_match_report_why_and_exit(
    start, tmp_path, first, second, said
):
    place = tmp_path / "peers"
    place.mkdir()
    draw = np.random.default_rng(0)
    np.savez(
        place / "other.npz",
        x_train=draw.random((200, 784)),
        t_train=np.arange(200) % 10,
        x_test=draw.random((50, 784)),
        t_test=np.arange(50) % 10,
    )
    port = free_port()
    peers = [
        start(index, *distributed(port, index), *SMALL, "--iterations", 5, *more)
        for index, more in enumerate((first, second))
    ]
    for peer in peers:
        assert peer.code() == 2, peer.text
        assert "Traceback" not in peer.text
        assert "bug" not in peer.text
    for sentence in said:
        assert all(sentence in peer.text for peer in peers), [p.text for p in peers]
    assert not (place / "runs").exists()


@pytest.mark.slow
def test_a_different_number_of_processes_is_reported(start):
    port = free_port()
    peers = [
        start(
            index,
            *distributed(port, index, count),
            *(*SMALL, "--iterations", 5, "--initialization-timeout", 20),
        )
        for index, count in enumerate((2, 3))
    ]
    assert [peer.code() for peer in peers] == [2, 2], [peer.text for peer in peers]
    for peer in peers:
        assert "processes is 2 on process 0 and 3 on process 1" in peer.text


@pytest.mark.slow
def test_two_processes_with_the_same_number_are_reported(start):
    port = free_port()
    peers = [
        start(
            index,
            *distributed(port, 1, 3),
            *(*SMALL, "--initialization-timeout", 5, "--heartbeat-timeout", 5),
        )
        for index in (1, 2)
    ]
    peers.append(
        start(0, *distributed(port, 0, 3), *SMALL, "--initialization-timeout", 5)
    )
    for peer in peers:
        assert peer.code(2 * SECONDS) == 75, peer.text
        assert "its own --process-id" in peer.text


@pytest.mark.slow
@LINUX
def test_processes_listen_only_at_the_given_address(pair, tmp_path):
    leader, follower = pair("--iterations", 10**7, first=("--out", tmp_path / "run"))
    until(lambda: "forecast" in leader.text, leader, follower)
    found = listeners(leader.trainer) | listeners(follower.trainer)
    # 127.0.0.1 as a little-endian number, and as an IPv6 address of IPv4.
    loopback = {"0100007F", "0000000000000000FFFF00000100007F"}
    assert {address for address, _ in found} <= loopback
    assert len(found) >= 3  # the coordinator, and an ear of each for gradients


@pytest.mark.slow
def test_slurm_s_environment_is_sufficient(start, tmp_path):
    """The environment of `srun secant train --distributed`."""
    told = {
        "SLURM_JOB_ID": str(os.getpid()),
        "SLURM_STEP_NODELIST": "127.0.0.1",
        "SLURM_NTASKS": "2",
    }
    peers = [
        start(
            index,
            *("--distributed", *SMALL, "--iterations", 20),
            *(("--out", tmp_path / "run") if index == 0 else ()),
            env={**told, "SLURM_PROCID": str(index), "SLURM_LOCALID": str(index)},
        )
        for index in range(2)
    ]
    for peer in peers:
        assert peer.code() == 0, peer.text
    assert len(Run.load(tmp_path / "run").losses) == 20


def on_system(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def spaces():
    """Two network namespaces of their own addresses, joined by a cable."""
    if not shutil.which("ip") or os.geteuid() != 0:
        pytest.skip("network namespaces are made by root, with iproute2")
    names = [f"secant-{os.getpid()}-{end}" for end in "ab"]
    try:
        for name in names:
            made = on_system("ip", "netns", "add", name)
            if made.returncode:
                pytest.skip(f"no network namespace can be made: {made.stderr.strip()}")
        cable = [f"sec{os.getpid() % 10**6}{end}" for end in "ab"]
        made = on_system(
            *("ip", "link", "add", cable[0], "netns", names[0], "type", "veth"),
            *("peer", "name", cable[1], "netns", names[1]),
        )
        if made.returncode:
            pytest.skip(f"no virtual cable can be laid: {made.stderr.strip()}")
        for number, (name, end) in enumerate(zip(names, cable, strict=True), 1):
            for command in (
                f"addr add 10.77.0.{number}/24 dev {end}",
                f"link set {end} up",
                "link set lo up",
            ):
                set_up = on_system("ip", "-n", name, *command.split())
                assert set_up.returncode == 0, set_up.stderr
        yield names
    finally:
        for name in names:
            on_system("ip", "netns", "del", name)


@pytest.mark.slow
@LINUX
def test_machines_with_their_own_addresses_train_together(start, spaces, tmp_path):
    run = tmp_path / "run"
    peers = [
        start(
            index,
            *distributed(8476, index, host="10.77.0.1"),
            *(*SMALL, "--iterations", 10**7),
            *(("--out", run) if index == 0 else ()),
            prefix=("ip", "netns", "exec", space),
        )
        for index, space in enumerate(spaces)
    ]
    until(lambda: "forecast" in peers[0].text, *peers)
    for number, peer in enumerate(peers, 1):
        address = socket.inet_aton(f"10.77.0.{number}")[::-1].hex().upper()
        found = {address for address, _ in listeners(peer.trainer)}
        assert found
        assert found <= {address, f"0000000000000000FFFF0000{address}"}
    peers[1].guard.send_signal(signal.SIGTERM)
    assert [peer.code() for peer in peers] == [143, 143], [p.text for p in peers]
    assert len(Run.load(run).losses) > 0


@pytest.mark.slow
@LINUX
def test_a_cut_cable_ends_both_processes(start, spaces, tmp_path):
    peers = [
        start(
            index,
            *distributed(8476, index, host="10.77.0.1"),
            *(*SMALL, "--iterations", 10**7),
            *(("--out", tmp_path / "run") if index == 0 else ()),
            prefix=("ip", "netns", "exec", space),
        )
        for index, space in enumerate(spaces)
    ]
    until(lambda: "forecast" in peers[0].text, *peers)
    links = on_system("ip", "-n", spaces[1], "-o", "link").stdout
    cable = re.search(r"(sec\d+b)@", links).group(1)
    assert on_system("ip", "-n", spaces[1], "link", "set", cable, "down").stderr == ""
    assert [peer.code(PATIENCE) for peer in peers] == [75, 75]
