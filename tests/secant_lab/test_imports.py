"""The page and the widgets use only what any program may use of `secant`."""

import ast
import importlib
from pathlib import Path

import pytest

import secant_lab

FILES = sorted(Path(secant_lab.__file__).parent.rglob("*.py"))


def imported(file):
    """The names that a file imports from `secant`, with their modules."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module.split(".")[0] == "secant":
                yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            # `import secant.nn` would let a file reach into everything below.
            assert not any(a.name.split(".")[0] == "secant" for a in node.names)


def test_the_files_are_those_of_the_page_and_the_widgets():
    assert len(FILES) > 30
    assert sum(len(set(imported(file))) for file in FILES) > 50


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_imports_only_public_names(file):
    for module, name in imported(file):
        assert name in importlib.import_module(module).__all__, f"{module}.{name}"
