"""`secant lab`: the start, the server and the end."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

PATIENCE = 600
"""Seconds after which a hanging process is killed."""


def test_the_lab_serves_its_address_until_ctrl_c(tmp_path):
    lab = subprocess.Popen(
        [sys.executable, "-m", "secant", "lab", "--port", "0", "--no-browser"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"COLUMNS": "40"},
    )
    try:
        address = lab.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", address)
        origin, _, query = address.partition("/?")
        with urllib.request.urlopen(address, timeout=PATIENCE) as page:
            assert b"<title>Secant</title>" in page.read()
        body = json.dumps({"formula": "x**2", "x": 3, "h": 0.5}).encode()
        asked = urllib.request.Request(f"{origin}/api/slope/point?{query}", body)
        with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
            assert json.load(answer)["secant"]["slope"] == 6
        with pytest.raises(urllib.error.HTTPError, match="403") as refused:
            urllib.request.urlopen(origin, timeout=PATIENCE)
        refused.value.close()
    finally:
        lab.send_signal(signal.SIGINT)
        out, err = lab.communicate(timeout=PATIENCE)
    assert lab.returncode == 0
    assert out == ""
    assert "the lab is closed" in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_ctrl_c_ends_training_and_streams(tmp_path):
    lab = subprocess.Popen(
        [sys.executable, "-m", "secant", "lab", "--port", "0", "--no-browser"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        origin, _, query = lab.stdout.readline().strip().partition("/?")

        def ask(name, **body):
            content = json.dumps(body).encode()
            asked = urllib.request.Request(
                f"{origin}/api/training/{name}?{query}", content
            )
            with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
                return json.load(answer)

        # One that is compiled, and one whose first step takes a minute.
        entries = [
            {"gradient": name, "rate": 0.1} for name in ("backprop", "definition")
        ]
        race = ask("start", entries=entries)["race"]
        ask("go", race=race)
        address = f"{origin}/api/training/watch?{query}&race={race}"
        with urllib.request.urlopen(address, timeout=PATIENCE) as stream:
            while True:
                line = stream.readline()
                if b'"state":"running"' in line:
                    break
            lab.send_signal(signal.SIGINT)
            rest = stream.read()
    finally:
        lab.send_signal(signal.SIGINT)
        _, err = lab.communicate(timeout=PATIENCE)
    assert lab.returncode == 0
    assert "Traceback" not in err
    assert "ERROR" not in err
    assert b'"state":"ended"' in rest


def test_the_lab_listens_on_this_machine_only():
    from secant.cli.lab import _listening_socket

    with _listening_socket(0) as door:
        assert door.getsockname()[0] == "127.0.0.1"


def test_a_response_is_sent_without_delay():
    """Headers and body are two packets: the second must not wait for the first."""
    from secant.cli.lab import _listening_socket

    async def sends_at_once():
        met = asyncio.get_running_loop().create_future()

        async def meet(_, writer):
            ours = writer.get_extra_info("socket")
            met.set_result(ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with _listening_socket(0) as door:
            async with await asyncio.start_server(meet, sock=door):
                _, writer = await asyncio.open_connection(*door.getsockname())
                found = await asyncio.wait_for(met, PATIENCE)
                writer.close()
                await writer.wait_closed()
        return found

    # In its own thread: Playwright already runs an event loop in this one.
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(asyncio.run, sends_at_once()).result(PATIENCE)


def test_a_port_in_use_is_reported(secant):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        outcome = secant("lab", "--port", port, "--no-browser")
    assert outcome.code == 2
    assert f"port {port}" in outcome.err
    assert "--port 0" in outcome.err


def test_without_the_extra_the_error_names_the_package(secant, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name, *rest: None if name == "uvicorn" else find(name, *rest),
    )
    outcome = secant("lab", "--no-browser")
    assert outcome.code == 2
    assert 'pip install "secant[lab]"' in outcome.err


def test_help_does_not_import_the_lab():
    code = (
        "import sys; sys.argv = ['secant', '--help']\n"
        "from secant.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert 'lab' in sys.modules['secant.cli'].__dict__\n"
        "heavy = {'starlette', 'uvicorn', 'jax', 'secant_lab'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
