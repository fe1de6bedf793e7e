"""What JAX compiles is kept on disk for the next command; commands without JAX."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from secant.cli import compilation_cache
from secant.cli.compilation_cache import use_compilation_cache

VARIABLE = "JAX_COMPILATION_CACHE_DIR"


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """A user's, in which JAX has no settings."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("JAX_")]:
        monkeypatch.delenv(name)
    # So that what is set here is undone.
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.delenv(VARIABLE)
    return os.environ


def cached(folder):
    return sorted(folder.glob("secant/compiled/*/*-cache"))


@pytest.mark.skipif(sys.platform != "linux", reason="the cache stands elsewhere")
def test_the_folder_is_the_user_s_own(environment, tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "3")
    use_compilation_cache()
    (folder,) = (tmp_path / "secant" / "compiled").iterdir()
    assert environment[VARIABLE] == str(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] == "3"


def test_a_folder_that_is_set_is_kept(environment, monkeypatch):
    monkeypatch.setenv(VARIABLE, "/elsewhere")
    use_compilation_cache()
    assert environment[VARIABLE] == "/elsewhere"


def test_where_there_can_be_no_folder_nothing_is_kept(environment, tmp_path):
    (tmp_path / "secant").write_text("a file")
    use_compilation_cache()
    assert VARIABLE not in environment


def test_the_oldest_programs_make_room(environment, tmp_path, monkeypatch):
    monkeypatch.setattr(compilation_cache, "MAX_BYTES", 250)
    use_compilation_cache()
    (folder,) = (tmp_path / "secant" / "compiled").iterdir()
    for age, name in enumerate("abcd"):
        (folder / name).write_bytes(bytes(100))
        os.utime(folder / name, (1e9 - age, 1e9 - age))
    del environment[VARIABLE]
    use_compilation_cache()
    assert sorted(file.name for file in folder.iterdir()) == ["a", "b"]


def run(*arguments, cwd, environment):
    return subprocess.run(
        [sys.executable, "-m", "secant", *arguments],
        cwd=cwd,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the cache stands elsewhere")
def test_a_second_command_compiles_nothing_anew(environment, tmp_path):
    command = ("train", "--data", "sample", "--iterations", "1", "--hidden", "3")
    for number in (1, 2, 3):
        if number == 3:  # damaged files are as if there were none
            for file in cached(tmp_path):
                file.write_bytes(b"damaged")
        result = run(
            *command, "--out", str(number), cwd=tmp_path, environment=environment
        )
        assert result.returncode == 0, result.stderr
        assert "Warning" not in result.stderr
        assert "compilation cache" not in result.stderr
        if number == 1:
            first = cached(tmp_path)
            assert first
    assert cached(tmp_path) == first


# Commands that need no JAX, and JAX takes longer to load than they to run.


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a run and a picture."""
    import secant

    folder = tmp_path_factory.mktemp("finished")
    net = secant.TwoLayerNet(784, 3, 10)
    data = secant.load_mnist_sample()
    secant.fit(net, data, "backprop", iterations=1).save(folder / "run")
    pixels = (255 * data[0][0][0].reshape(28, 28)).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "digit.png")
    return folder


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("predict", "run", "digit.png"), 0),
        (("evaluate", "run", "--data", "sample"), 0),
        (("train", "--activation", "sigmoidd"), 2),
        (("train", "--learning-rate", "-1"), 2),
        (("train", "--hidden", "many"), 2),
        (("train", "--optimizer", "adan", "--checkpoint-steps", "5"), 2),
        (("train", "--schedule", "cosine", "--end-factor", "2"), 2),
        (("train", "--gradient", "weigth"), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_it_is_done_without_jax(arguments, code, finished, environment):
    trap = (
        "import sys\n"
        "sys.modules['jax'] = sys.modules['optax'] = None\n"  # to load them fails
        "from secant.cli.main import main\n"
        f"sys.argv = {['secant', *arguments]!r}\n"
        "main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", trap],
        cwd=finished,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == code, result.stderr
    assert "bug" not in result.stderr
