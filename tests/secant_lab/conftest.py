"""The lab's application, asked without a socket and over one."""

import http.client
import json
import socket
import threading
from contextlib import closing, contextmanager

import pytest
import uvicorn
from starlette.testclient import TestClient

from secant_lab.connections import server_config
from secant_lab.server import application

PORT = 8787
TOKEN = "a-token-of-the-tests"


@pytest.fixture(scope="session")
def app():
    return application(token=TOKEN, port=PORT)


@pytest.fixture
def stranger(app):
    """Somebody who knows the address, but no token."""
    return TestClient(
        app, base_url=f"http://127.0.0.1:{PORT}", raise_server_exceptions=False
    )


@pytest.fixture
def client(stranger):
    """Somebody who has opened the page."""
    assert stranger.get("/", params={"token": TOKEN}).status_code == 200
    return stranger


class Lab:
    """A lab that listens, and somebody who knows its token."""

    def __init__(self):
        self.door = socket.socket()
        self.door.bind(("127.0.0.1", 0))
        self.door.listen(128)
        self.port = self.door.getsockname()[1]
        self.app = application(token=TOKEN, port=self.port)
        self.room = self.app._app.state.room
        self.server = uvicorn.Server(server_config(self.app))
        self.thread = threading.Thread(
            target=self.server.run, kwargs={"sockets": [self.door]}
        )
        self.thread.start()

    def close(self):
        self.room.close()
        self.server.should_exit = True
        self.thread.join(600)
        self.door.close()

    def ask(self, name, body, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        content = body if isinstance(body, bytes) else json.dumps(body)
        connection.request("POST", f"/api/{name}?token={TOKEN}", content, headers)
        response = connection.getresponse()
        answer = response.status, json.loads(response.read())
        connection.close()
        return answer

    def train(self, name, **body):
        status, answer = self.ask(f"training/{name}", body)
        assert status == 200, answer
        return answer

    @contextmanager
    def watch(self, race, token=TOKEN, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        query = f"token={token}&race={race}"
        connection.request("GET", f"/api/training/watch?{query}", headers=headers)
        with closing(connection), connection.getresponse() as response:
            yield response


@pytest.fixture(scope="module")
def lab():
    lab = Lab()
    yield lab
    lab.close()
