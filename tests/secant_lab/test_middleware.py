"""Who is answered, and who is not: each way in that should be shut, tried."""

import pytest
from starlette.testclient import TestClient

from secant_lab import middleware
from secant_lab.middleware import HEADERS, MAX_BODY_BYTES
from secant_lab.server import application

PORT, TOKEN = 8787, "a-token-of-the-tests"
QUESTION = {"formula": "x**2", "low": -1, "high": 1}


def refused(response, status, code):
    """Whether it says no, in JSON, clearly, and with every header of a good answer."""
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code)
    assert len(error["message"]) > 20
    for name, value in HEADERS.items():
        assert response.headers[name] == value
    assert TOKEN not in response.text
    return error


@pytest.mark.parametrize("wanted", ["bytes=0-10", "bytes=5-1", "x", "bytes=0-1,2-3"])
def test_a_part_of_a_file_is_the_whole_file(client, wanted):
    response = client.get("/static/app.css", headers={"Range": wanted})
    assert response.status_code == 200
    assert response.content == client.get("/static/app.css").content


# --- the token ----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/static", "/api/training/watch/", "/favicon.ico/"])
def test_a_slash_too_many_or_too_few_redirects_nobody(stranger, path):
    # The address of a redirection would repeat the token.
    query = {"token": TOKEN}
    response = stranger.get(path, params=query, follow_redirects=False)
    assert response.status_code in (404, 405)
    assert not any(TOKEN in value for value in response.headers.values())


def test_the_address_with_the_token_opens_the_page(stranger):
    response = stranger.get("/", params={"token": TOKEN})
    assert response.status_code == 200
    assert "text/html" in response.headers["content-type"]
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie


def test_an_open_page_needs_no_token_in_the_address(client):
    assert client.get("/").status_code == 200
    assert client.get("/static/app.css").status_code == 200
    assert client.post("/api/slope/curve", json=QUESTION).status_code == 200


@pytest.mark.parametrize(
    "token", [None, "", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "é", "\0"]
)
@pytest.mark.parametrize("path", ["/", "/static/app.css", "/api/slope/curve", "/no"])
def test_a_wrong_token_opens_nothing(stranger, token, path):
    query = {} if token is None else {"token": token}
    refused(stranger.get(path, params=query), 403, "token")
    refused(stranger.post(path, params=query, json=QUESTION), 403, "token")
    assert not stranger.cookies


@pytest.mark.parametrize(
    "cookie",
    [
        f"secant-lab-{PORT}=wrong",
        f"secant-lab-{PORT}=",
        f"secant-lab-{PORT}={TOKEN}",  # the token is for the address
        f"secant-lab-{PORT + 1}={TOKEN}",  # of another lab
        f"token={TOKEN}",
        ";;;=\x01",
        "x" * 4000,
    ],
)
def test_a_wrong_cookie_opens_nothing(stranger, cookie):
    refused(stranger.get("/", headers={"cookie": cookie}), 403, "token")


@pytest.mark.parametrize(
    "others", ['prefs={"theme":"dark"}', "a b=c d", 'x="unclosed', "=;;=", "ü=é"]
)
def test_cookies_of_other_programs_on_this_machine_do_not_matter(client, others):
    session = "; ".join(f"{c.name}={c.value}" for c in client.cookies.jar)
    for cookies in (f"{others}; {session}", f"{session}; {others}"):
        headers = {"cookie": cookies.encode("utf-8")}
        assert client.get("/static/app.css", headers=headers).status_code == 200


def test_a_session_ends_with_its_server(client):
    session = "; ".join(f"{c.name}={c.value}" for c in client.cookies.jar)
    again = TestClient(
        application(token=TOKEN, port=PORT), base_url=f"http://127.0.0.1:{PORT}"
    )
    refused(again.get("/", headers={"cookie": session}), 403, "token")


@pytest.mark.parametrize(
    "query", ["token", "&" * 99, "token=%ff", "token=" + "x" * 9000, "%00", "token[]=1"]
)
def test_a_strange_query_opens_nothing(stranger, query):
    refused(stranger.get(f"/?{query}"), 403, "token")


BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_browser_gets_a_page_to_read_in_both_languages(stranger):
    response = stranger.get("/", headers=BROWSER)
    assert response.status_code == 403
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-security-policy"].startswith("default-src 'self';")
    assert "open the address that `secant lab` printed" in response.text
    assert "출력한 주소를" in response.text
    assert "<script" not in response.text
    assert TOKEN not in response.text


def test_the_error_page_shows_the_input_as_text(client):
    headers = BROWSER | {"host": "<script>alert(1)</script>"}
    response = client.get("/", headers=headers)
    assert response.status_code == 421
    assert "<script" not in response.text
    assert "&lt;script&gt;" in response.text
    response = client.get("/<script>alert(1)</script>", headers=BROWSER)
    assert response.status_code == 404
    assert "<script" not in response.text


# --- Host and Origin ----------------------------------------------------------------


@pytest.mark.parametrize("host", [f"127.0.0.1:{PORT}", f"localhost:{PORT}"])
def test_our_own_hosts_are_answered(client, host):
    response = client.get("/", params={"token": TOKEN}, headers={"host": host})
    assert response.status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        f"127.0.0.1.evil.example:{PORT}",
        f"127.0.0.1:{PORT + 1}",
        "127.0.0.1",
        f"0.0.0.0:{PORT}",
        f"[::1]:{PORT}",
        f"127.0.0.1:{PORT}, evil.example",
        f"evil@127.0.0.1:{PORT}",
        "",
    ],
)
def test_a_foreign_host_is_refused_even_with_the_token(client, host):
    response = client.get("/", params={"token": TOKEN}, headers={"host": host})
    assert refused(response, 421, "host")["facts"]["ours"] == f"127.0.0.1:{PORT}"
    # As after a name of somebody else's has come to point to 127.0.0.1.
    response = client.post("/api/slope/curve", json=QUESTION, headers={"host": host})
    refused(response, 421, "host")


def test_two_hosts_are_refused(client):
    headers = [("host", f"127.0.0.1:{PORT}"), ("host", "evil.example")]
    refused(client.get("/", headers=headers), 421, "host")


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        f"https://127.0.0.1:{PORT}",
        f"http://127.0.0.1:{PORT + 1}",
        f"http://localhost:{PORT}",  # ours, and not the one that was asked
        f"http://127.0.0.1:{PORT}.evil.example",
        "",
    ],
)
def test_a_foreign_origin_is_refused_even_with_the_cookie(client, origin):
    response = client.post(
        "/api/slope/curve", json=QUESTION, headers={"origin": origin}
    )
    refused(response, 403, "origin")


@pytest.mark.parametrize("site", ["same-site", "cross-site", "other"])
def test_a_hidden_request_of_another_page_is_refused_even_with_the_cookie(client, site):
    """An image of a page at another port of this machine has no Origin."""
    response = client.get("/api/draw/runs", headers={"sec-fetch-site": site})
    refused(response, 403, "origin")


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_pages_and_the_address_bar_are_answered(client, site):
    assert client.get("/", headers={"sec-fetch-site": site}).status_code == 200


def test_our_own_origin_is_answered(client):
    response = client.post(
        "/api/slope/curve",
        json=QUESTION,
        headers={"origin": f"http://127.0.0.1:{PORT}"},
    )
    assert response.status_code == 200


def test_no_other_page_may_read_an_answer(client):
    headers = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    response = client.options("/api/slope/curve", headers=headers)
    refused(response, 403, "origin")
    assert not [n for n in response.headers if n.startswith("access-control")]


# --- headers ------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/static/app.css", "/no", "/favicon.ico"])
def test_every_response_has_security_headers(client, path):
    response = client.get(path)
    assert response.headers["content-security-policy"].startswith("default-src 'self';")
    assert "unsafe" not in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


# --- bodies -------------------------------------------------------------------------


def test_a_body_too_long_is_refused_before_it_is_read(client):
    body = b" " * (MAX_BODY_BYTES + 1)
    response = client.post("/api/slope/curve", content=body)
    assert refused(response, 413, "body")["facts"]["most"] == MAX_BODY_BYTES


def test_an_endless_body_is_refused_too(client):
    def endless():
        for _ in range(10_000):
            yield b" " * 1024

    response = client.post("/api/slope/curve", content=endless())
    refused(response, 413, "body")


def test_the_longest_body_is_answered(client):
    question = b'{"formula": "x", "low": 0, "high": 1}'
    body = question.ljust(MAX_BODY_BYTES)
    assert client.post("/api/slope/curve", content=body).status_code == 200


def test_reading_stops_where_the_limit_is():
    read = 0

    async def receive():
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b" " * 1024, "more_body": True}

    scope = {"type": "http", "headers": []}
    # By hand: where a browser is driven, a loop runs already. It waits for nothing.
    with pytest.raises(middleware.RequestError):
        middleware._limited(scope, receive).send(None)
    assert read == MAX_BODY_BYTES // 1024 + 1


@pytest.mark.parametrize("length", ["-5", "abc", "1e3", "9" * 5000])
def test_a_strange_content_length_is_refused_or_ignored(client, length):
    response = client.post(
        "/api/slope/curve", content=b"{}", headers={"content-length": length}
    )
    assert response.status_code in (400, 413)
    assert response.json()["error"]["code"] in ("length", "body", "missing")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"{",
        b"[]",
        b"3",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b"\0",
        b'{"low": NaN}',
        b'{"low": Infinity}',
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"low": ' + b"9" * 50_000 + b"}",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_a_malformed_body_is_refused(client, body):
    refused(client.post("/api/slope/curve", content=body), 400, "json")


@pytest.mark.parametrize(
    ("changed", "code", "says"),
    [
        ({"formula": 3}, "type", "send text"),
        ({"formula": None}, "type", "send text"),
        ({"formula": ["x"]}, "type", "send text"),
        ({"low": "0"}, "type", "finite number"),
        ({"low": True}, "type", "finite number"),
        ({"low": 10**400}, "type", "finite number"),
        ({"low": {}}, "type", "finite number"),
        ({"hight": 1}, "entry", "'high'"),
        ({"__class__": 1}, "entry", "no entry"),
        ({"formula": "__import__('os')"}, "character", "column"),
        ({"formula": "x" * 60_000}, "too_long", "at most 200"),
        ({"formula": "9**9**9"}, "power", "between"),
        ({"low": 1, "high": 1}, "range", "less than"),
        ({"low": -1e300, "high": 1e300}, "range", "million"),
    ],
)
def test_an_invalid_argument_is_refused_with_the_valid_form(
    client, changed, code, says
):
    response = client.post("/api/slope/curve", json=QUESTION | changed)
    assert says in refused(response, 400, code)["message"]


@pytest.mark.parametrize(
    ("address", "body", "code"),
    [
        ("slope/curve", '{"formula": "x + \\ud800", "low": 0, "high": 1}', "type"),
        ("draw/read", '{"drawing": "\\udfff"}', "type"),
        ("training/start", '{"entries": [{"gradient": "\\ud83d"}]}', "missing"),
        (
            "training/start",
            '{"entries": [{"gradient": "\\ud83d", "rate": 0.1}]}',
            "type",
        ),
        ("training/go", '{"race": "\\ud800"}', "type"),
        ("slope/curve", '{"\\ud800": "x"}', "entry"),
    ],
    ids=["formula", "drawing", "no rate", "method", "race", "name"],
)
def test_half_a_character_is_refused(client, address, body, code):
    response = client.post(f"/api/{address}", content=body.encode())
    error = refused(response, 400, code)
    assert code == "missing" or "\\ud" in error["message"]


def test_a_missing_entry_is_named(client):
    error = refused(client.post("/api/slope/curve", json={"low": 1}), 400, "missing")
    assert "formula" in error["message"]


# --- addresses ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/no", "/static/no.js", "/static/../server.py", "/static/%2e%2e/server.py"],
)
def test_an_unknown_address_is_refused(client, path):
    refused(client.get(path), 404, "address")


@pytest.mark.parametrize("name", ["slope/no", "slope", "", "slope/__class__"])
def test_an_unknown_question_is_refused(client, name):
    refused(client.post(f"/api/{name}", json={}), 404, "address")


def test_another_method_is_refused(client):
    refused(client.get("/api/slope/curve"), 405, "address")
    refused(client.post("/", json={}), 405, "address")


def test_an_internal_error_is_reported_as_a_bug(monkeypatch):
    from secant_lab import server

    def broken() -> dict:
        raise ZeroDivisionError("of the test")

    monkeypatch.setattr(server, "ENDPOINTS", {"broken": broken})
    client = TestClient(
        application(token=TOKEN, port=PORT),
        base_url=f"http://127.0.0.1:{PORT}",
        raise_server_exceptions=False,
    )
    response = client.post("/api/broken", params={"token": TOKEN}, json={})
    assert "ZeroDivisionError" in refused(response, 500, "bug")["message"]


def test_a_socket_is_refused(client):
    from starlette.websockets import WebSocketDisconnect

    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/", params={"token": TOKEN}),
    ):
        pass
