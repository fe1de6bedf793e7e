"""Connections that are opened beside the page's own: silent, slow, and many."""

import http.client
import socket
import time
from contextlib import ExitStack, contextmanager

import pytest

from secant_lab import connections
from secant_lab.connections import MAX_CONNECTIONS, MAX_STRANGERS

TOKEN = "a-token-of-the-tests"
PATIENCE = 600
"""Seconds after which a test that hangs fails."""


@contextmanager
def silent(lab, many, sent=b""):
    """Connections that send the beginning of a request, and nothing more."""
    with ExitStack() as stack:
        opened = []
        for _ in range(many):
            address = ("127.0.0.1", lab.port)
            one = stack.enter_context(socket.create_connection(address, PATIENCE))
            one.sendall(sent)
            opened.append(one)
        yield opened


def is_closed(connection):
    """Whether the server has closed it; waits until it has."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def page(lab, connection=None):
    own = connection or http.client.HTTPConnection(
        "127.0.0.1", lab.port, timeout=PATIENCE
    )
    own.request("GET", f"/?token={TOKEN}")
    response = own.getresponse()
    response.read()
    if connection is None:
        own.close()
    return response.status


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A:"],
    ids=["nothing", "half a head"],
)
def test_silent_connections_keep_nobody_out(lab, sent):
    with silent(lab, MAX_CONNECTIONS + 10, sent):
        assert page(lab) == 200
        assert lab.ask("slope/point", {"formula": "x", "x": 1, "h": 1})[0] == 200


def test_the_stranger_that_has_waited_longest_makes_room(lab):
    with silent(lab, 3 * MAX_STRANGERS) as opened:
        assert is_closed(opened[0])
        opened[-1].sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % lab.port)
        assert opened[-1].recv(64).startswith(b"HTTP/1.1 403")


def test_the_connection_of_the_page_is_never_closed_for_strangers(lab):
    own = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=PATIENCE)
    assert page(lab, own) == 200
    ours = own.sock
    with silent(lab, 3 * MAX_STRANGERS) as opened:
        assert is_closed(opened[0])
        assert page(lab, own) == 200
        assert own.sock is ours
    own.close()


def test_requests_that_are_refused_do_not_make_a_stranger_known(lab):
    asked = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % lab.port
    with silent(lab, 1, asked) as (stranger,):
        assert stranger.recv(64).startswith(b"HTTP/1.1 403")
        with silent(lab, 2 * MAX_STRANGERS):
            while stranger.recv(65536):
                pass


def test_a_head_that_drips_is_cut_off(lab, monkeypatch):
    monkeypatch.setattr(connections, "SECONDS_PER_HEAD", 0.3)
    with silent(lab, 1, b"GET / HTTP/1.1\r\n") as (slow,):
        slow.settimeout(0.05)
        began = time.monotonic()
        while time.monotonic() < began + PATIENCE:
            try:
                slow.sendall(b"X-A: 1\r\n")
                if slow.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                break
        else:
            raise AssertionError("the server still waits for the head")


def test_the_second_head_on_a_connection_is_timed_too(lab, monkeypatch):
    monkeypatch.setattr(connections, "SECONDS_PER_HEAD", 0.3)
    own = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=PATIENCE)
    assert page(lab, own) == 200
    own.sock.sendall(b"GET / HTTP/1.1\r\n")
    assert is_closed(own.sock)
    own.close()


def test_a_request_that_takes_long_to_answer_is_not_cut_off(lab, monkeypatch):
    monkeypatch.setattr(connections, "SECONDS_PER_HEAD", 0.05)
    race = lab.train("start", entries=[{"gradient": "backprop", "rate": 0.1}])["race"]
    with lab.watch(race) as stream:
        time.sleep(0.3)
        assert stream.readline()
    lab.train("end", race=race)
