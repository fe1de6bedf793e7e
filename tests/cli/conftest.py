"""The command line as a person calls it."""

import sys
from typing import NamedTuple

import pytest

from secant.cli.main import main


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def secant(monkeypatch, tmp_path, capsys):
    """Calls `secant` in an empty folder: exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["secant", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        return Outcome(0 if code is None else code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The folder of a run on the sample."""
    import secant

    net = secant.TwoLayerNet(784, 50, 10, seed=0)
    run = secant.fit(net, secant.load_mnist_sample(), iterations=1500)
    return run.save(tmp_path_factory.mktemp("trained") / "run")
