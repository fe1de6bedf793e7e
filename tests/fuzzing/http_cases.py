"""Requests to the page: right ones, and ways to make them wrong at every level."""

import json
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from mutations import VALUES, Draw, damaged, json_text, other_value

from secant_lab.expressions import FUNCTIONS, MAX_CHARACTERS, MAX_DEPTH

TOKEN, COOKIE, PORT = "{token}", "{cookie}", "{port}"
RACE = "{a-race-that-is-alive}"
"""What stands for the server's own values, which only the sender knows. That of a race
is in bodies, and as long as an id: 22 characters."""


@dataclass(frozen=True)
class Case:
    """A request.

    Attributes:
        kind: A key of `KINDS`.
        content: What is sent, with the placeholders above.
        complete: Whether it is HTTP that a server has to answer; of anything else, the
            server may close the connection or wait for the rest.
        method: The method, on which the form of a response depends.
    """

    kind: str
    content: bytes
    complete: bool = True
    method: str = "POST"


def case(number: int, seed: int) -> Case:
    """A case by its number: always the same."""
    draw = np.random.default_rng([seed, number, 0xFACE])
    names = list(KINDS)
    kind = str(draw.choice(names, p=[KINDS[name][0] for name in names]))
    return KINDS[kind][1](draw, kind)


# Requests that are right.

_VIEW = {"left": -5, "right": 5.0, "bottom": -5, "top": 5}
_START = {
    "entries": [{"gradient": "backprop", "rate": 0.1}],
    "data": "sample",
    "hidden": 5,
    "activation": "sigmoid",
    "loss": "cross_entropy",
    "init": "",
    "batch": 10,
    "seed": 0,
    "optimizer": "sgd",
    "equal_steps": False,
}

QUICK: dict[str, dict[str, Any]] = {
    "slope/curve": {"formula": "x**2 + sin(3*x)", "low": -1, "high": 1.5},
    "descent/heights": {"formula": "x0**2 + x1**2", **_VIEW},
    "draw/networks": {},
    "draw/examples": {"page": 3},
    "draw/read": {"drawing": "dw5kdwm8.0000", "example": 4, "run": ""},
    "draw/why": {"drawing": "dw5kdwm8", "example": -1, "run": "", "against": 4},
    "check/code": {"fault": "sign"},
    "training/choices": {},
    "training/go": {"race": RACE},
    "training/pause": {"race": RACE},
    "training/step": {"race": RACE, "count": 2},
    "training/rewind": {"race": RACE},
    "training/save": {"race": RACE, "entry": 0},
    "training/saved_runs": {},
    "training/keep_alive": {"race": RACE},
}
"""The endpoints that compile nothing, with right arguments."""

COMPILED: dict[str, dict[str, Any]] = {
    "slope/point": {"formula": "x**2", "x": 1.0, "h": 0.5, "kind": "central"},
    "descent/descents": {
        "formula": "x0**2 + x1**2",
        **{"x0": -3, "x1": 4, "runs": "sgd:0.1,adam:0.05", "steps": 100},
        **_VIEW,
    },
    "descent/presets": {
        "formula": "x0**2 + x1**2",
        **{"x0": -3, "x1": 4, "left": -5, "right": 5},
    },
    "check/planted": {"fault": "sign", "h": 1e-4},
    "check/own": {
        "formula": "x**3 * y",
        "variables": 2,
        **{"dx": "2*x**2", "dy": "x**3", "dz": "0", "dw": "0"},
        **{"x": 1.5, "y": 1, "z": 0, "w": 0, "reach": 1, "h": 1e-4},
    },
    "training/start": _START,
    "training/end": {"race": RACE},
}
"""The others, which come more rarely."""

ALL = QUICK | COMPILED


def post(
    name: str, body: bytes, *headers: str, length: int | None = None, token: str = TOKEN
) -> bytes:
    """A request for an endpoint."""
    count = len(body) if length is None else length
    head = [
        f"POST /api/{name}?token={token} HTTP/1.1",
        f"Host: 127.0.0.1:{PORT}",
        f"Content-Length: {count}",
        *headers,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def _endpoint(draw: Draw, compiled: float = 0.1) -> tuple[str, dict[str, Any]]:
    """One of the endpoints, with right arguments."""
    table = COMPILED if draw.random() < compiled else QUICK
    name = str(draw.choice(list(table)))
    return name, dict(table[name])


# JSON values, and JSON itself.


def _values(draw: Draw, kind: str) -> Case:
    """One argument is another value, or is missing, or there is one too many."""
    name, arguments = _endpoint(draw, 0.2)
    for _ in range(draw.integers(1, 3)):
        arguments = other_value(draw, arguments)
        if not isinstance(arguments, dict):
            break
    try:
        body = json_text(draw, arguments) if arguments else json.dumps(arguments)
    except (TypeError, ValueError, IndexError):
        body = json.dumps(str(arguments))
    return Case(kind, post(name, body.encode(errors="surrogatepass")))


_NUMBERS = (
    *(
        "1e999",
        "-1e999",
        "1E400",
        "NaN",
        "Infinity",
        "-Infinity",
        "-0",
        "01",
        "1.",
        ".5",
    ),
    *(
        "1e-400",
        "0x10",
        "1_0",
        "+1",
        "9" * 400,
        "9" * 5000,
        "1e5",
        "-9" * 30,
        "1.5e308",
    ),
    *(
        "2147483648",
        "9223372036854775808",
        "0.1e1",
        "1e0",
        "4.0",
        "true",
        "null",
        '"1"',
    ),
)
_STRINGS = (
    *('"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"\\x00"', '"\t"', '"\\u202e"'),
    *('"\ud83d\ude00"', "'x'", '"' + "a" * 60_000 + '"', '"\\n"', '"é"', '"…', "x"),
)


def _json(draw: Draw, kind: str) -> Case:
    """A body whose JSON is odd or damaged."""
    name, arguments = _endpoint(draw, 0.05)
    text = json.dumps(arguments)
    way = int(draw.integers(8))
    if way == 0 and arguments:  # a number or a text as nobody writes it
        key = str(draw.choice(list(arguments)))
        odd = str(draw.choice(_NUMBERS if draw.random() < 0.6 else _STRINGS))
        text = json.dumps(arguments | {key: "here"}).replace('"here"', odd)
    elif way == 1 and arguments:  # a key twice
        key = str(draw.choice(list(arguments)))
        twice = json.dumps(VALUES[draw.integers(len(VALUES))], default=str)
        text = text[:-1] + f', "{key}": {twice}}}'
    elif way == 2:
        depth = int(draw.choice([10, 500, 990, 20_000]))
        text = str(draw.choice(["[", '{"a":'])) * depth
    elif way == 3:
        text = text.replace(",", str(draw.choice([",,", ";", ", // x\n", "\u00a0,"])))
    body = text.encode("utf-8", "surrogatepass")
    if way == 4:
        codec = str(
            draw.choice(["utf-16", "utf-32", "utf-16-le", "utf-8-sig", "cp037"])
        )
        body = text.encode(codec, "replace")
    elif way == 5:
        body = damaged(draw, body, [_dumped(other) for other in ALL.values()])
    elif way == 6:
        body = draw.bytes(int(draw.integers(0, 200)))
    elif way == 7:
        most = int(draw.choice([65_535, 65_536, 65_537, 300_000]))
        body = body + b" " * (most - len(body))
    return Case(kind, post(name, body))


# Formulas.

_UNARY = [name for name, (arity, _) in FUNCTIONS.items() if arity == 1]
_ODD_PARTS = (
    *(
        "x.real",
        "x[0]",
        "x(1)",
        "lambda: 1",
        "x if x else 1",
        "x == 1",
        "x < 1",
        "not x",
    ),
    *("x := 2", "'a'", "[x]", "{x}", "x // 2", "x % 2", "x @ x", "~x", "x ^ 2", "2x"),
    *(
        "1e309",
        "9" * 150,
        "x**101",
        "x**-101",
        "x**100",
        "0x1f",
        "1_0",
        "1j",
        "01",
        "1e5e",
    ),
    *("sin", "sin()", "sin(x, x)", "sin(x=1)", "sin(*x)", "max(x)", "max(x, x, x)"),
    *("__import__(x)", "nan", "inf", "None", "True", "pi(x)", "x0", "y", "w", "Sin(x)"),
    *(
        "0/0",
        "1/0",
        "log(0)",
        "0**-1",
        "(-1)**0.5",
        "e**999",
        "−x",
        "x·x",
        "x₀",
        "½",
        "ｘ",
    ),
    *(
        "x,x",
        "x;x",
        "#",
        "\\",
        "\n",
        "\t",
        "\0",
        "",
        " ",
        "x\nx",
        "x\rx",
        "…",
        "\u202e",
    ),
)


def formula(draw: Draw, names: tuple[str, ...]) -> str:
    """A formula within the limits, at them, beyond them, or none at all."""
    way = draw.random()
    if way < 0.35:
        text = _tree(draw, names, int(draw.integers(1, 6)))
    elif way < 0.5:
        text = _at_a_limit(draw, str(draw.choice(names)))
    elif way < 0.75:
        part = str(draw.choice(_ODD_PARTS))
        text = f"{_tree(draw, names, 2)} + {part}" if draw.random() < 0.7 else part
    else:
        characters = list(_tree(draw, names, 4))
        for _ in range(draw.integers(1, 5)):
            at = int(draw.integers(len(characters) + 1))
            new = str(draw.choice(list(string.printable + "²√π×÷")))
            characters[at : at + int(draw.integers(2))] = [new] * int(draw.integers(3))
        text = "".join(characters)
    return text


def _tree(draw: Draw, names: tuple[str, ...], depth: int) -> str:
    if depth <= 0 or draw.random() < 0.15:
        constants = ("pi", "e", "1", "2.5", "0", "1e-9", "1e6", "100", ".5", "3")
        return str(draw.choice(constants if draw.random() < 0.3 else list(names)))
    inner = _tree(draw, names, depth - 1)
    way = draw.random()
    if way < 0.25:
        return f"{draw.choice(_UNARY)}({inner})"
    if way < 0.35:
        return (
            f"{draw.choice(['max', 'min'])}({inner}, {_tree(draw, names, depth - 2)})"
        )
    if way < 0.5:
        exponent = str(draw.choice(["2", "3", "-1", "0.5", "100", "-100", "x", "0"]))
        return f"({inner})**{exponent.replace('x', str(draw.choice(names)))}"
    if way < 0.6:
        return f"-{inner}"
    sign = str(draw.choice(["+", "-", "*", "/"]))
    return f"({inner} {sign} {_tree(draw, names, depth - 2)})"


def _at_a_limit(draw: Draw, x: str) -> str:
    """As long, as deep, or with as many functions as is allowed; or a little more."""
    more = int(draw.integers(-1, 2))
    way = int(draw.integers(6))
    if way == 0:
        return (f"{x}+" * MAX_CHARACTERS)[: MAX_CHARACTERS + more - len(x)] + x
    if way == 1:
        return "-" * (MAX_DEPTH - 1 + more) + x
    if way == 2:
        return "(" * (95 + 3 * more) + x + ")" * (95 + 3 * more)
    if way == 3:
        count = 8 + more
        return (
            "".join(f"{draw.choice(_UNARY)}(" for _ in range(count)) + x + ")" * count
        )
    if way == 4:
        return "**".join([x] * (9 + more))
    return f"{x}*" * (MAX_DEPTH - 1 + more) + x


_OF_FORMULAS: dict[str, tuple[str, ...]] = {
    "slope/curve": ("x",),
    "descent/heights": ("x0", "x1"),
    "slope/point": ("x",),
    "descent/descents": ("x0", "x1"),
    "descent/presets": ("x0", "x1"),
}


def _formulas(draw: Draw, kind: str) -> Case:
    shares = (0.45, 0.45, 0.04, 0.03, 0.03)
    name = str(draw.choice(list(_OF_FORMULAS), p=shares))
    arguments = dict(ALL[name])
    arguments["formula"] = formula(draw, _OF_FORMULAS[name])
    if "runs" in arguments:
        names = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "sg")
        arguments["runs"] = ",".join(
            f"{draw.choice(names)}:{10 ** draw.uniform(-13, 7):.3g}" for _ in range(3)
        )
    for key in ("x", "h", "low", "high", "x0", "x1", "left", "right"):
        if key in arguments and draw.random() < 0.2:
            arguments[key] = float(draw.choice(_FLOATS))
    return Case(kind, post(name, _dumped(arguments)))


_FLOATS = (0.0, -0.0, 1e-320, 1e-30, 1e-8, -1.0, 1e6, 1e6 + 1, -1e6, 3e38, 1e308, 0.1)


def _gradients(draw: Draw, kind: str) -> Case:
    """A function of one's own, with derivatives of one's own."""
    arguments = dict(ALL["check/own"])
    names = ("x", "y", "z", "w")[: int(draw.integers(1, 5))]
    # Two of three formulas are wrong, and then nothing is compiled.
    arguments["formula"] = formula(draw, names)
    arguments["variables"] = int(
        len(names) if draw.random() < 0.9 else draw.integers(9)
    )
    for name in names:
        arguments[f"d{name}"] = formula(draw, names)
        if draw.random() < 0.2:
            arguments[name] = float(draw.choice(_FLOATS))
    for key in ("reach", "h"):
        if draw.random() < 0.2:
            arguments[key] = float(draw.choice(_FLOATS))
    return Case(kind, post("check/own", _dumped(arguments)))


# Drawings and races.


def _drawings(draw: Draw, kind: str) -> Case:
    name = str(draw.choice(["draw/read", "draw/why"]))
    arguments = dict(ALL[name])
    digits = string.digits + string.ascii_lowercase
    way = int(draw.integers(6))
    if way == 0:  # any points of the paper
        points = draw.integers(0, 1001, (draw.integers(1, 40), 2))
        text = "".join(digits[v // 36] + digits[v % 36] for p in points for v in p)
    elif way == 1:  # as many as there may be, or a few more
        count = 1500 + int(draw.integers(-1, 2))
        text = "".join(str(draw.choice(["dw5k", "0000", "rsrs"])) for _ in range(count))
    elif way == 2:  # strokes of one point
        text = ".".join(["dw5k"] * int(draw.choice([1, 1499, 1500, 1501])))
    elif way == 3:  # beyond the paper
        text = str(
            draw.choice(["zzzz", "rt00", "00rt", "rsrs", "0000.", ".", "..", "000"])
        )
    else:
        text = arguments["drawing"]
        for _ in range(draw.integers(1, 4)):
            at = int(draw.integers(len(text) + 1))
            new = str(draw.choice(list(string.printable + "é٣")))
            text = text[:at] + new + text[at + int(draw.integers(2)) :]
    arguments["drawing"] = text
    if draw.random() < 0.3:
        arguments["example"] = int(draw.choice([-2, -1, 0, 999, 1000, 2**31, -(2**62)]))
    if draw.random() < 0.2:
        arguments["run"] = str(
            draw.choice(["..", "/", "0001", "\0", "a" * 999, "../.."])
        )
    if name == "draw/why" and draw.random() < 0.3:
        arguments["against"] = int(draw.choice([-2, -1, 0, 9, 10, 2**62]))
    return Case(kind, post(name, _dumped(arguments)))


_COMMANDS = [f"training/{n}" for n in ("go", "pause", "step", "rewind", "save", "end")]


def _races(draw: Draw, kind: str) -> Case:
    if draw.random() < 0.6:
        name = str(draw.choice([*_COMMANDS[:-1], "training/keep_alive"]))
        if draw.random() < 0.02:
            name = "training/end"
        arguments: Any = dict(ALL[name])
        if draw.random() < 0.4:
            arguments = other_value(draw, arguments)
        return Case(kind, post(name, _dumped(_plain(arguments))))
    arguments = dict(_START)
    if draw.random() < 0.03:
        # Each right start compiles for seconds.
        method = str(draw.choice(["backprop", "node", "layer", "spsa", "weight"]))
        arguments["entries"] = [{"gradient": method, "rate": float(draw.uniform(0, 1))}]
        arguments["hidden"] = int(draw.choice([1, 2, 5]))
        return Case(kind, post("training/start", _dumped(arguments)))
    key = str(draw.choice(list(_START)))
    wrong = {
        "entries": [
            *([], [{}], {}, [[]], [{"gradient": "x", "rate": 1}], [None] * 9),
            [{"gradient": "backprop", "rate": -1}],
            [{"gradient": "backprop", "rate": 1000.1}],
            [{"gradient": "backprop", "rate": 1, "more": 1}],
            [{"gradient": "backprop", "rate": 0.1}] * 5,
        ],
        "hidden": [0, -1, 257, 2**63, 1.5, 10**400],
        "batch": [0, 1001, -(2**63), "10"],
        "seed": [-1, 2**31, 10**400, 0.5],
        "equal_steps": [0, 1, "true", None],
    }.get(key, ["", "x", "\0", "é" * 99, 1, None, [], "../../etc", "a" * 5000])
    arguments[key] = wrong[int(draw.integers(len(wrong)))]
    if draw.random() < 0.2:
        arguments.pop(str(draw.choice(list(arguments))), None)
        arguments.setdefault("hidden", 0)
    body = _dumped(arguments)
    return Case(kind, post("training/start", body))


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.item() if isinstance(value, np.generic) else value


# Heads: what stands before a body, in HTTP that is well-formed.

_METHODS = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "POST", "get")
_PATHS = (
    *(
        "/",
        "//",
        "/api",
        "/api/",
        "/api/slope",
        "/api/slope/point/",
        "/api//slope/point",
    ),
    *("/static/", "/static", "/static/app.js", "/static/../server.py", "/favicon.ico"),
    *(
        "/static/%2e%2e/server.py",
        "/static/..%2f..%2fetc/passwd",
        "/static/%00",
        "/%ff",
    ),
    *("/static//etc/passwd", "/static/rooms/../../server.py", "/api/%73lope/curve"),
    *(
        "/static/" + "a/" * 300,
        "/" + "a" * 4000,
        "/api/training/watch",
        "/*",
        "/;a",
        "/?",
    ),
    *(
        "/api/training/watch/",
        "/api/training/close",
        "/api/training/find",
        "/api/__init__",
    ),
    *("/%C3%A9", "/api/slope/point%20", "/docs", "/openapi.json", "/static/rooms"),
    *("/static/styles.css%00.js", "/static/" + "%2e%2e/" * 20 + "etc/passwd"),
)
_QUERIES = (
    *(f"token={TOKEN}", f"token={TOKEN}&race={RACE}", "token=", "token", "", "a=1&a=2"),
    *(f"token={TOKEN}&token=x", f"token={TOKEN}%00", "token=%ff", "&" * 50, "token=é"),
    *("x=" + "y" * 3000, "&".join(f"a{i}=1" for i in range(40)), f"token={TOKEN}#x"),
    *(f"token={TOKEN}&race=nobody", "race=%00", f"Token={TOKEN}", f"a=%&token={TOKEN}"),
)
_HEADERS = (
    *(f"Cookie: {COOKIE}", "Cookie: a", "Cookie: ;;;=", f"Cookie: {COOKIE}; {COOKIE}"),
    *(
        'Cookie: a={"b": 1}',
        "Cookie: \x80\xff",
        f"Cookie: {COOKIE}x",
        "Cookie: a=" * 99,
    ),
    *(
        "Origin: null",
        f"Origin: http://127.0.0.1:{PORT}",
        "Origin: http://evil.example",
    ),
    *(
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: none",
        "Sec-Fetch-Site: same-site",
    ),
    *("Accept: text/html", "Accept: */*", "Accept: \xff", "Accept-Encoding: gzip, br"),
    *("Content-Type: text/xml", "Content-Type: application/json; charset=utf-7"),
    *(
        "Range: bytes=0-10",
        "Range: bytes=-1",
        "Range: bytes=5-1",
        "Range: x",
        "If-Match: *",
    ),
    *("Range: bytes=" + "0-1," * 500 + "2-3", "If-None-Match: *", "TE: trailers"),
    *(
        "If-Modified-Since: yesterday",
        "If-Modified-Since: Mon, 99 Jan 9999 99:99:99 GMT",
    ),
    *("If-Range: x", "X-Forwarded-Host: evil", "X-HTTP-Method-Override: DELETE"),
    *("Forwarded: for=1", "Authorization: Basic x", "Content-Encoding: gzip", "Via: 1"),
    *("Last-Event-ID: 7", "Referer: \u00e9", "X-A: " + "b" * 8000, "Upgrade: h2c"),
)
_HOSTS = (
    *(
        "127.0.0.1",
        "localhost",
        f"localhost:{PORT}",
        f"LOCALHOST:{PORT}",
        "evil.example",
    ),
    *(f"127.0.0.1:{PORT}.", f"[::1]:{PORT}", "", f"127.1:{PORT}", f"127.0.0.1:{PORT}0"),
    *(
        f"user@127.0.0.1:{PORT}",
        "127.0.0.1:99999",
        "\xff",
        f"0.0.0.0:{PORT}",
        "a" * 3000,
    ),
)


def _heads(draw: Draw, kind: str) -> Case:
    method = str(draw.choice(_METHODS))
    if draw.random() < 0.5:
        method = "GET"
    path = str(draw.choice(_PATHS))
    if draw.random() < 0.3:
        path = f"/api/{draw.choice(list(QUICK))}"
        path = path.swapcase() if draw.random() < 0.1 else path
    query = str(draw.choice(_QUERIES)) if draw.random() < 0.5 else f"token={TOKEN}"
    host = str(draw.choice(_HOSTS)) if draw.random() < 0.2 else f"127.0.0.1:{PORT}"
    headers = [str(draw.choice(_HEADERS)) for _ in range(draw.integers(0, 4))]
    hosts = [f"Host: {host}"] * (2 if draw.random() < 0.02 else 1)
    body = b"{}" if method in ("POST", "PUT", "PATCH", "DELETE") else b""
    lines = [f"{method} {path}?{query} HTTP/1.1", *hosts, *headers]
    lines.append(f"Content-Length: {len(body)}")
    content = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
    # Two Hosts, bytes beyond ASCII in an address: HTTP forbids them.
    whole = len(hosts) == 1 and lines[0].isascii() and "\xff" not in host
    return Case(kind, content, whole and host != "", method)


# Bytes: what is no HTTP, or not all of it.


def _chunked(draw: Draw, body: bytes) -> bytes:
    parts, start = [], 0
    while start < len(body):
        size = int(draw.integers(1, 20))
        part = body[start : start + size]
        parts.append(f"{len(part):x}".encode() + b"\r\n" + part + b"\r\n")
        start += size
    return b"".join(parts) + b"0\r\n\r\n"


_START_LINES = (
    *("GET", "GET /", "GET / HTTP/9.9", "GET / HTTP/1.0", "GET / HTTP/0.9", "\r\n\r\n"),
    *("GET  / HTTP/1.1", "GET /\t HTTP/1.1", "PRI * HTTP/2.0", "CONNECT a:1 HTTP/1.1"),
    *(
        "G\0T / HTTP/1.1",
        "GET http://127.0.0.1/ HTTP/1.1",
        "GET * HTTP/1.1",
        " GET / X",
    ),
    *("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "GET / HTTP/1.1\r", "A" * 70_000),
    *("GET /" + "a" * 70_000 + " HTTP/1.1", "GET / HTTP/1.1 x", "OPTIONS * HTTP/1.1"),
)
_BAD_HEADERS = (
    *("Content-Length: -1", "Content-Length: x", "Content-Length: 1, 2", "no colon"),
    *(
        "Content-Length: 99999999999999999999",
        "Content-Length: 0x2",
        ": empty",
        "A : b",
    ),
    *(
        "Content-Length: 5\r\nContent-Length: 6",
        "Transfer-Encoding: gzip",
        " folded: x",
    ),
    *("Transfer-Encoding: chunked\r\nContent-Length: 3", "X: \0", "X: a\nb", "\x80: a"),
    *("Transfer-Encoding: chunked, chunked", "Expect: 100-continue", "Expect: x"),
    *(
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: eA==",
        "Host: b",
    ),
    *("Connection: close", "Connection: keep-alive, x", "X: " + "y" * 70_000, "Te: x"),
)


def _bytes(draw: Draw, kind: str) -> Case:
    name, arguments = _endpoint(draw, 0.0)
    body = _dumped(arguments)
    right = post(name, body)
    way = int(draw.integers(7))
    if way == 0:
        return Case(kind, damaged(draw, right, [b"GET / HTTP/1.1\r\n\r\n"]), False)
    if way == 1:
        start = str(draw.choice(_START_LINES)).encode("latin-1")
        return Case(kind, start + right[right.index(b"\r\n") :], False)
    if way == 2:
        wrong = str(draw.choice(_BAD_HEADERS))
        return Case(kind, post(name, body, wrong), False)
    if way == 3:  # other than the announced length
        length = len(body) + int(draw.choice([-2, -1, 1, 10, 70_000]))
        return Case(kind, post(name, body, length=length), False)
    head = (
        right[: right.index(b"Content-Length")] + b"Transfer-Encoding: chunked\r\n\r\n"
    )
    if way == 4:  # in chunks, as it may be
        return Case(kind, head + _chunked(draw, body))
    if way == 5:  # in chunks that are damaged
        return Case(kind, head + damaged(draw, _chunked(draw, body), [body]), False)
    return Case(kind, right[: int(draw.integers(len(right)))], False)


def _pipelined(draw: Draw, kind: str) -> Case:
    """Several requests at once, on one connection; all of them are answered."""
    parts = []
    for _ in range(draw.integers(2, 6)):
        name, arguments = _endpoint(draw, 0.0)
        parts.append(post(name, _dumped(arguments)))
    return Case(kind, b"".join(parts))


def _right(draw: Draw, kind: str) -> Case:
    name, arguments = _endpoint(draw, 0.02)
    return Case(kind, post(name, _dumped(arguments)))


KINDS: dict[str, tuple[float, Callable[[Draw, str], Case]]] = {
    "right": (0.05, _right),
    "values": (0.18, _values),
    "JSON": (0.17, _json),
    "formulas": (0.18, _formulas),
    "gradients": (0.04, _gradients),
    "drawings": (0.06, _drawings),
    "races": (0.08, _races),
    "heads": (0.12, _heads),
    "bytes": (0.09, _bytes),
    "pipelined": (0.03, _pipelined),
}
"""The kinds of cases: the share of each, and what makes one."""
