"""The public modules: what they export is there, documented, and cheap to import."""

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")

PUBLIC = (
    "secant",
    "secant.arrays",
    "secant.checking",
    "secant.data",
    "secant.derivatives",
    "secant.errors",
    "secant.history",
    "secant.nn",
    "secant.nn.gradients",
    "secant.propagation",
    "secant.training",
    "secant.validation",
)
"""The modules whose names are public; those of import-linter's contract, too."""


def exports():
    """The functions and classes of all public modules, by where they are defined."""
    for module in map(importlib.import_module, PUBLIC):
        for name in module.__all__:
            value = getattr(module, name)
            kind = inspect.isfunction(value) or inspect.isclass(value)
            if kind and value.__module__.startswith("secant"):  # no alias of Any
                yield value.__module__, name, value


def documented():
    """The modules of docs/reference.md and their members there; None for all."""
    entries = re.findall(
        r"^::: (\S+)\n(?: +options:\n +members: \[(.*)\])?", REFERENCE, flags=re.M
    )
    found = {}
    for module, members in entries:
        found.setdefault(module, []).extend(members.split(", ") if members else [""])
    return found


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_there(module):
    module = importlib.import_module(module)
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_every_public_function_and_class_has_a_docstring():
    bare = [
        f"{module}.{name}" for module, name, value in exports() if not value.__doc__
    ]
    assert not bare


def test_every_public_function_and_class_is_in_the_reference():
    known = documented()
    missing = {
        f"{module}.{name}"
        for module, name, _ in exports()
        if not {name, ""} & set(known.get(module, ()))
    }
    assert not missing


@pytest.mark.parametrize("module", ["secant", "secant.data", "secant.nn"])
def test_no_name_that_loads_late_hides_a_module(module):
    module = importlib.import_module(module)
    modules = {found.name for found in pkgutil.iter_modules(module.__path__)}
    assert not modules & set(module.__all__)


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("secant", {"numpy", "jax", "matplotlib", "PIL"}),
        ("secant.data", {"numpy", "jax", "PIL"}),
        ("secant.nn", {"numpy", "jax"}),
        ("secant.nn.gradients", {"jax", "optax"}),
    ],
)
def test_the_import_of_a_package_loads_nothing_heavy(module, heavy):
    code = f"import {module}, sys; print({heavy} & set(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "set()"


def test_the_contract_names_the_same_modules():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    allowed = re.findall(r'"secant_lab\.\*\* -> (.+)"', text)
    assert ["secant", *allowed] == list(PUBLIC)
