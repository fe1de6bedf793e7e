"""The rendezvous of a run's processes, and invalid addresses."""

import socket

import pytest

from secant import InvalidInput
from secant.training import Rendezvous, join

PLACE = {"coordinator": "10.0.0.1:8476", "processes": 2, "process_id": 0}

# Environment variables of schedulers.
TOLD = ("SLURM_JOB_ID", "OMPI_MCA_orte_hnp_uri", "KUBERNETES_SERVICE_HOST")


@pytest.fixture
def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"process_id": 2}, "process_id is 2, and there are 2 processes: .* 0 to 1"),
        ({"process_id": -1}, "process_id is -1: pass a whole number, 0 or above"),
        ({"processes": 0}, "processes is 0: pass a whole number, 1 or above"),
        ({"processes": True}, "processes is True"),
        ({"coordinator": "10.0.0.1"}, "coordinator is '10.0.0.1': pass HOST:PORT"),
        ({"coordinator": ":8476"}, "pass HOST:PORT"),
        ({"coordinator": "10.0.0.1:0"}, "pass HOST:PORT"),
        ({"coordinator": "10.0.0.1:99999"}, "pass HOST:PORT"),
        ({"coordinator": "10.0.0.1:http"}, "pass HOST:PORT"),
        ({"heartbeat_timeout": 0.5}, "heartbeat_timeout is 0.5"),
    ],
    ids=[
        *("number too large", "number below 0", "no processes", "no number"),
        *("no port", "no host", "port 0", "port too large", "port no number"),
        "half a second",
    ],
)
def test_an_invalid_rendezvous_is_refused(change, said):
    with pytest.raises(InvalidInput, match=said):
        Rendezvous(**{**PLACE, **change})


def test_a_host_without_an_address_is_refused_at_once():
    with pytest.raises(InvalidInput, match=r"nohost\.invalid:8476.* has no address"):
        join(Rendezvous("nohost.invalid:8476", 2, 1))


def test_a_port_in_use_is_refused(free_port):
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()
        with pytest.raises(InvalidInput, match="another program listens there"):
            join(Rendezvous(f"127.0.0.1:{free_port}", 2, 0))


def test_process_0_does_not_listen_at_a_foreign_address():
    # An address of RFC 5737, which no machine has.
    with pytest.raises(InvalidInput, match=r"198\.51\.100\.7"):
        join(Rendezvous("198.51.100.7:8476", 2, 0))


def test_missing_arguments_come_from_slurm_s_environment(monkeypatch):
    for name, value in {
        "SLURM_JOB_ID": "4096",
        "SLURM_STEP_NODELIST": "node[003-004]",
        "SLURM_NTASKS": "2",
        "SLURM_PROCID": "1",
        "SLURM_LOCALID": "0",
    }.items():
        monkeypatch.setenv(name, value)
    rendezvous = Rendezvous.detect(heartbeat_timeout=3)
    assert rendezvous == Rendezvous("node003:61440", 2, 1, (0,), heartbeat_timeout=3)
    assert Rendezvous.detect("10.0.0.1:8476").coordinator == "10.0.0.1:8476"


def test_missing_arguments_come_from_open_mpi_s_environment(monkeypatch):
    for name in TOLD:
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "OMPI_MCA_orte_hnp_uri": "16777216.0;tcp://10.96.0.1,10.148.0.1:34911",
        "OMPI_COMM_WORLD_SIZE": "3",
        "OMPI_COMM_WORLD_RANK": "2",
        "OMPI_COMM_WORLD_LOCAL_RANK": "1",
    }.items():
        monkeypatch.setenv(name, value)
    assert Rendezvous.detect() == Rendezvous("10.96.0.1:61440", 3, 2, (1,))


def test_arguments_that_are_nowhere_are_named(monkeypatch):
    for name in TOLD:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InvalidInput, match=r"^coordinator and process_id: not passed"):
        Rendezvous.detect(processes=2)
