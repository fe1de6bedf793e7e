"""The lab's application, asked without a socket."""

import pytest
from starlette.testclient import TestClient

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
