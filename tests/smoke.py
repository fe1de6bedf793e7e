"""Smoke test: every part of an installed Secant does its work once, with its packages.

`python tests/smoke.py` asks the Secant of that Python, with any versions of what it
needs, and needs no pytest. `.ci/run` runs it with the lowest versions that
`pyproject.toml` allows and with the newest that the index has. A part whose extra is
not installed is skipped; with `--all`, this is a failure. Names as arguments run only
these parts.
"""

import contextlib
import gzip
import http.client
import importlib
import io
import json
import os
import socket
import struct
import sys
import tempfile
import threading
import traceback
import warnings
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import numpy as np

import secant

PARTS = {}
"""Each part by its name: the packages of its extra, and the function that tests it."""


def part(*packages):
    """Makes a function a part, which runs in an empty folder."""

    def register(function):
        PARTS[function.__name__] = packages, function
        return function

    return register


def close(found, wanted, tolerance):
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def digits(samples=400):
    (x, t), (x_test, t_test) = secant.load_mnist_sample()
    return (x[:samples], t[:samples]), (x_test[:samples], t_test[:samples])


def small_run(**options):
    net = secant.MLP((784, 12, 10), init="xavier", seed=0)
    metadata = secant.RunMetadata("sample")
    return secant.fit(
        net, digits(), batch_size=20, learning_rate=0.5, metadata=metadata, **options
    )


def command(*arguments, code=0):
    """Calls `secant` and returns what it prints."""
    from secant.cli.main import main

    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    before = sys.argv
    sys.argv = ["secant", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
        ended = 0
    except SystemExit as exited:
        ended = exited.code or 0
    finally:
        sys.argv = before
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    assert ended == code, f"secant {arguments} ended with {ended}:\n{''.join(texts)}"
    return texts[0]


# --- derivatives ---------------------------------------------------------------------


@part()
def derivatives():
    def f(x):
        return x[0] ** 2 + 3 * x[1]

    close(secant.numerical_gradient(f, [3.0, 4.0]), [6, 3], 1e-6)
    close(secant.numerical_diff(lambda x: x**3, 2.0), 12, 1e-6)

    found = secant.derivative(lambda x: np.sin(x) / x, 1.0)
    exact = np.cos(1) - np.sin(1)
    assert abs(found.value - exact) <= found.error < 1e-8, found
    found = secant.gradient(lambda x: np.sum(np.exp(x)), np.array([0.5, 1.0]))
    close(found.value, np.exp([0.5, 1.0]), 1e-8)
    found = secant.jacobian(lambda x: np.array([x[0] * x[1], x[1]]), [2.0, 3.0])
    close(found.value, [[3, 2], [0, 1]], 1e-8)
    found = secant.hessian(lambda x: x[0] ** 2 * x[1], [2.0, 3.0])
    assert (np.abs(found.value - [[6, 4], [4, 0]]) <= found.error).all(), found
    found = secant.derivative(lambda x: np.exp(x), 1.0, method="complex")
    close(found.value, np.e, 1e-14)
    found = secant.directional_derivative(f, [3.0, 4.0], [1.0, 1.0])
    close(found.value, 9, 1e-8)


@part()
def differences():
    import jax
    import jax.numpy as jnp

    dx = 1e-9
    weights = jnp.array([[0.5, -1.0, 0.25], [1.5, 0.75, -0.5]])
    rules = {
        "exponential": lambda x: jnp.sum(jnp.exp(x)),
        "trigonometric": lambda x: jnp.sum(jnp.sin(x) * jnp.cos(x)),
        "arithmetic": lambda x: jnp.prod(x) / (1 + jnp.sum(x**3)),
        "linear algebra": lambda x: jnp.sum(jnp.tanh(weights @ x) ** 2),
        "reductions": lambda x: jax.nn.logsumexp(x) + jnp.max(x),
        "shapes": lambda x: jnp.sum(jnp.stack([x, x**2])[:, ::-1][1, :2]),
        "selection": lambda x: jnp.sum(jnp.where(x > 0.2, x**2, -x)),
        "ordering": lambda x: jnp.sort(x)[1] ** 2,
        "special functions": lambda x: jnp.sum(jax.scipy.special.erf(x)),
        "loops": lambda x: jax.lax.scan(lambda c, a: (c * a + a, None), 1.0, x)[0],
    }
    x = jnp.array([0.1, 0.7, 0.4])
    for name, f in rules.items():
        value, change = jax.jit(secant.difference(f))(x, jnp.full(3, dx))
        close(value, f(x), 1e-6)
        slope = jnp.sum(jax.grad(f)(x))  # subtraction would give 0 in float32
        np.testing.assert_allclose(change / dx, slope, rtol=1e-5, err_msg=name)
    value, change = secant.difference(jnp.tanh)(0.5, 1e-12)
    close(change * 1e12, 1 - np.tanh(0.5) ** 2, 1e-6)
    value, gradient = secant.value_and_gradient(lambda w: jnp.sum(w**2), "weight")(x)
    close(gradient, 2 * x, 1e-6)


@part()
def black_boxes():
    import jax
    import jax.numpy as jnp

    simulate = secant.as_jax(lambda x: float(np.sin(x)))
    slope = jax.jit(jax.grad(lambda x: simulate(x) ** 2))(jnp.array(0.7))
    close(slope, np.sin(1.4), 1e-6)


@part()
def checks():
    import jax.numpy as jnp

    assert secant.check_gradient(lambda x: jnp.sum(x**3), jnp.ones(4)).ok
    wrong = secant.check_gradient(
        lambda w: jnp.sum(w**3), jnp.ones(4), gradient=lambda w: 2 * w**2
    )
    assert not wrong.ok
    assert "a constant factor" in str(wrong)
    wrong.plot(language="ko").savefig("check.png")
    assert secant.check_hessian_product(lambda x: jnp.sum(jnp.sin(x)), jnp.ones(3)).ok


@part()
def descents():
    def f(x):
        return x[0] ** 2 + x[1] ** 2

    path = secant.descend(f, [-3.0, 4.0], lr=0.1)
    assert path.value < 1e-3, path
    close(secant.gradient_descent(f, [-3.0, 4.0], lr=0.1, step_num=100), [0, 0], 1e-8)


@part()
def processes():
    found = secant.gradient(lambda x: float(np.sum(x**3)), [1.0, 2.0], workers=2)
    close(found.value, [3, 12], 1e-8)


# --- networks and runs ---------------------------------------------------------------


@part()
def textbook():
    net = secant.TwoLayerNet(input_size=4, hidden_size=3, output_size=2, seed=0)
    x, t = np.eye(4), np.eye(2)[[0, 1, 0, 1]]
    by_definition, by_chain = net.numerical_gradient(x, t), net.gradient(x, t)
    for name in ("W1", "b1", "W2", "b2"):
        close(by_definition[name], by_chain[name], 1e-5)
    assert secant.SimpleNet(seed=0).predict(np.array([0.6, 0.9])).shape == (3,)
    close(secant.softmax(np.array([1.0, 1.0])), [0.5, 0.5], 1e-12)
    assert secant.cross_entropy_error(np.array([0.1, 0.9]), np.array([0, 1])) < 0.11


@part()
def gradient_methods():
    x, t = np.eye(4, dtype=np.float32), [0, 1, 0, 1]
    # The command `compare`, below, takes a step of each method.
    for method, optimizer in (
        ("node", "sgd"),
        ("backprop", "adam"),
        ("definition", "momentum"),
    ):
        run = secant.fit(
            secant.MLP((4, 5, 2), "tanh", init="xavier", seed=1), (x, t), method,
            iterations=60, batch_size=4, learning_rate=0.05, optimizer=optimizer,
            sampling="epochs",
        )  # fmt: skip
        assert run.losses[-1] < run.losses[0], (method, optimizer, run.losses)


@part()
def training():
    def run(**options):
        return small_run(iterations=60, validation_split=0.2, **options)

    def interrupt(progress):
        if progress.step >= 20:
            raise KeyboardInterrupt

    whole = run()
    frequency = secant.Checkpoints(steps=10)
    run(folder="run", checkpoints=frequency, callbacks=[interrupt])
    half = secant.Run.load("run")
    assert half.status == "interrupted", half.status
    assert 20 <= len(half.losses) < 60, len(half.losses)
    resumed = run(folder="run", checkpoints=frequency, resume=True)
    loaded = secant.Run.load("run")
    for other in (resumed, loaded):
        np.testing.assert_array_equal(other.losses, whole.losses)
        for name, weights in whole.net.params.items():
            np.testing.assert_array_equal(other.net.params[name], weights)
    assert secant.Run.load("run", best=True).net.params.keys() == {*whole.net.params}
    assert_picture("run/training.png")


# --- data and pictures ---------------------------------------------------------------


def assert_picture(path):
    from PIL import Image

    with Image.open(path) as picture:
        assert min(picture.size) > 50, picture.size
        assert picture.convert("L").getextrema()[0] < 128, f"{path} is empty"


@part()
def data_files():
    from PIL import Image

    (x, t), (x_test, _) = secant.load_mnist_sample()
    assert x.shape[1] == 784, x.shape
    assert len(x) + len(x_test) == 5000

    pixels, labels = np.uint8(x[:50].reshape(-1, 28, 28) * 255), np.uint8(t[:50])
    np.savez("mine.npz", x=pixels, t=labels)
    rows = np.column_stack([labels, pixels.reshape(50, -1)])
    np.savetxt("mine.csv", rows, fmt="%d", delimiter=",")
    for name, array in (("images", pixels), ("labels", labels)):
        header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        content = gzip.compress(header + array.tobytes())
        Path(f"train-{name}-idx{array.ndim}-ubyte.gz").write_bytes(content)
    for path in ("mine.npz", "mine.csv", "train-images-idx3-ubyte.gz"):
        (x_mine, t_mine), _ = secant.load_data(path)
        assert (x_mine.shape[1], x_mine.max()) == (784, 1), path
        assert 30 <= len(t_mine) < 50, len(t_mine)

    digit = Image.fromarray(np.uint8(255 - pixels[0])).resize((200, 200))
    for path in ("digit.png", "digit.jpg"):
        digit.save(path)
        read = secant.read_digit(path).reshape(28, 28)
        overlap = np.corrcoef(read.ravel(), x[0])[0, 1]
        assert overlap > 0.8, (path, overlap)


@part()
def pictures():
    from secant import comparison, plots

    def bowl(x):
        return x[0] ** 2 + x[1] ** 2

    path = secant.RecordPath()
    run = small_run(iterations=40, callbacks=[path])
    (x, t), _ = digits()
    down = secant.descend(bowl, [-1.0, 1.5], 0.1, 30)
    curves = comparison.error_curves(run.net.architecture, run.net.params, x[:5], t[:5])
    settings = [{"rate": 0.1, "kind": "a"}, {"rate": 1.0, "kind": "b"}]
    draw = {
        "secant_and_tangent": (np.exp, 0.0),
        "gradient_field": (bowl,),
        "descent_paths": (bowl, down),
        "descent_surfaces": (bowl, down),
        "training": (run.history,),
        "training_runs": ({"a": run, "b": run},),
        "search": (settings, [0.5, 0.7]),
        "batch_losses": (run.net, x, t),
        "error_curves": (curves,),
        "comparison": ([("node", 1.0, 1e-3), ("weight", 2.0, 1e-4)],),
        "weight_images": (run.net,),
        "predictions": (run.net, x, t),
        "confident_mistakes": (run.net, x, t),
        "confusion_matrix": (run.net, x, t),
        "loss_surface": (run.net, x, t, path.params),
    }
    for number, (name, arguments) in enumerate(draw.items()):
        # A machine without Korean letters gets English ones, without a warning.
        language = ("en", "ko")[number % 2]
        file = f"{name}.{language}.png"
        getattr(plots, name)(*arguments, language=language).savefig(file, dpi=60)
        assert_picture(file)


# --- the command line ----------------------------------------------------------------

LOSSES = """
import numpy as np

def loss(x):
    return np.sum(x**3)

def half(x):
    return 1.5 * x**2

def example():
    return np.array([1.0, 2.0])
"""


@part()
def commands():
    train = ("train", "--data", "sample", "--hidden", 8)
    said = command(*train, "--iterations", 30, "--out", "run")
    assert "saved in run" in said, said
    assert_picture("run/training.png")
    said = json.loads(command("evaluate", "run", "--data", "sample", "--json"))
    assert 0 <= said["accuracy"] <= 1, said
    assert "the same, bit for bit" in command("rerun", "run", "--out", "again")
    np.testing.assert_array_equal(
        secant.Run.load("run").losses, secant.Run.load("again").losses
    )
    Path("losses.py").write_text(LOSSES)
    assert command("check", "losses.py:loss").startswith("gradient: right")
    said = command("check", "losses.py:loss", "--gradient", ":half", code=1)
    assert "0.5 times the slope" in said, said
    small = ("--hidden", 2, "--batch-size", 5, "--activation", "identity")
    said = command("compare", "--data", "sample", *small, "--out", "pictures")
    for method in ("definition", "weight", "node", "spsa", "backprop"):
        assert method in said, said
    assert_picture("pictures/compare.png")
    assert "--learning-rate" in command("train", "--help")
    assert secant.__version__ in command("--version")


# --- the extras ----------------------------------------------------------------------


@part("starlette", "uvicorn")
def page():
    import uvicorn

    from secant_lab.connections import server_config
    from secant_lab.rooms.training import Room
    from secant_lab.server import application

    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        contextlib.ExitStack() as end,
    ):
        port = listener.getsockname()[1]
        room = Room()
        app = application(token="token", port=port, room=room)
        server = uvicorn.Server(server_config(app))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        end.callback(thread.join, 60)
        end.callback(setattr, server, "should_exit", True)
        end.callback(room.close)

        def ask(path, body=None, token="token", status=200):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
            with contextlib.closing(connection):
                content = body and json.dumps(body)
                method = "POST" if body else "GET"
                connection.request(method, f"{path}?token={token}", content)
                response = connection.getresponse()
                answer = response.read()
                assert response.status == status, (path, response.status, answer)
                return json.loads(answer) if body else answer.decode()

        assert "<title>" in ask("/")
        ask("/", token="wrong", status=403)
        assert "export" in ask("/static/rooms/slope/room.js")
        answer = ask("/api/slope/point", {"formula": "x**2", "x": 3.0, "h": 0.5})
        close(answer["secant"]["slope"], 6, 1e-12)
        answer = ask("/api/check/planted", {"fault": "transposed"})
        assert answer["verdict"] == "wrong", answer
        ask("/api/slope/nothing", {"x": 1}, status=404)
        entries = [{"gradient": "node", "rate": 0.1}]
        race = ask("/api/training/start", {"entries": entries, "hidden": 5})["race"]
        ask("/api/training/step", {"race": race, "count": 2})
        ask("/api/training/end", {"race": race})


@part("onnx")
def export():
    import onnx
    from onnx.reference import ReferenceEvaluator

    small_run(iterations=20).save("run")
    command("export", "run", "model.onnx", "--torch", "model.safetensors")
    model = onnx.load("model.onnx")
    onnx.checker.check_model(model, full_check=True)
    (_, _), (x, _) = digits(20)
    (found,) = ReferenceEvaluator(model).run(None, {"input": x})
    close(found, secant.Run.load("run").net.predict(x), 1e-5)
    assert Path("model.safetensors").stat().st_size > 12 * 784 * 4


@part("sklearn")
def estimator():
    from sklearn.datasets import load_iris
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from secant.sklearn import MLPClassifier

    x, t = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), MLPClassifier(random_state=0))
    assert model.fit(x[::2], t[::2]).score(x[1::2], t[1::2]) > 0.8


@part("optuna", "psycopg")
def sweep():
    command(
        *("sweep", "--data", "sample", "--hidden", 4, "--iterations", 20),
        *("--trials", 2, "--out", "sweep", "learning_rate=0.1..1:log"),
    )
    rows = Path("sweep/trials.csv").read_text().splitlines()
    assert len(rows) == 3, rows
    importlib.import_module(
        "sqlalchemy.dialects.postgresql.psycopg"
    ).dialect.import_dbapi()


@part("tensorboardX")
def tensorboard():
    with secant.TensorBoard("events") as board:
        small_run(iterations=20, callbacks=[board])
    (file,) = Path("events").iterdir()
    content = file.read_bytes()
    assert content.count(b"batch/loss") == 20
    assert b"test/accuracy" in content


@part("distributed")
def cluster():
    from distributed import Client

    with Client(processes=False, n_workers=2, dashboard_address=":0") as client:
        workers = secant.dask_workers(client)
        assert workers(abs, [-1, 2, -3]) == [1, 2, 3]
        found = secant.gradient(lambda x: np.sum(x**3), [1.0, 2.0], workers=workers)
    close(found.value, [3, 12], 1e-8)


@part("anywidget")
def widgets():
    from secant_lab.widgets import Descent, LiveTraining, Slope

    sent = []
    picture = Slope("x**2", x=1.0, h=0.25)
    picture.send = sent.append
    asked = {"formula": "x**2", "x": 3.0, "h": 0.5}
    picture._handle_custom_msg({"id": 7, "ask": "slope/point", "given": asked}, [])
    (message,) = sent
    close(message["answer"]["secant"]["slope"], 6, 1e-12)
    assert "export" in Descent("x0**2 + x1**2")._esm
    live = LiveTraining()
    small_run(iterations=20, callbacks=[live])


@part("equinox")
def equinox_models():
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    model = eqx.nn.MLP(3, "scalar", 8, 2, key=jax.random.key(0))
    x, direction = jnp.array([0.3, -0.2, 0.5]), jnp.array([1.0, 0.0, -1.0])
    _, change = secant.difference(model)(x, 1e-8 * direction)
    close(change / 1e-8, jax.grad(model)(x) @ direction, 1e-4)


# --- all of it -----------------------------------------------------------------------


def main(arguments):
    """Runs the parts and returns the exit code."""
    # Most of the time goes into compiling what runs once.
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
    os.environ.setdefault("COLUMNS", "200")
    # A name of another package that will go is a fault of ours, if we are who uses it.
    for category in (DeprecationWarning, FutureWarning):
        warnings.filterwarnings("error", category=category, module=r"secant(_lab)?\b")
    names = [name for name in arguments if name != "--all"] or list(PARTS)
    with tempfile.TemporaryDirectory() as folder:
        failed = [name for name in names if not passes(name, folder, arguments)]
    if failed:
        print(f"not passed: {', '.join(failed)}")
    return bool(failed)


def passes(name, folder, arguments):
    """Runs a part in a folder of its own and prints its outcome."""
    packages, function = PARTS[name]
    missing = [package for package in packages if not find_spec(package)]
    if missing:
        print(f"skipped          {name}: there is no {' and no '.join(missing)}")
        return "--all" not in arguments
    start = perf_counter()
    # It stays until the end, because processes that were started in it may need it.
    Path(folder, name).mkdir()
    try:
        with contextlib.chdir(Path(folder, name)):
            function()
    except Exception:
        traceback.print_exc()
        outcome = "FAILED"
    else:
        outcome = "passed"
    print(f"{outcome}  {perf_counter() - start:5.1f} s  {name}", flush=True)
    return outcome == "passed"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
