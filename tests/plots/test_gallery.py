"""The gallery: each picture is there and small, and its code runs as it stands."""

import importlib.util
import inspect
import re
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from secant import plots

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def gallery():
    spec = importlib.util.spec_from_file_location(
        "gallery", ROOT / "tools" / "gallery.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def blocks(gallery):
    return list(gallery.blocks(gallery.PAGE.read_text(encoding="utf-8")))


def test_each_picture_of_the_page_is_there_and_no_other(blocks, gallery):
    named = {block.picture for block in blocks if block.picture}
    there = {
        file.relative_to(DOCS).as_posix()
        for file in (DOCS / "images" / "gallery").iterdir()
    }
    assert named == there
    assert len(named) > 12
    for name in named:
        assert (DOCS / name).stat().st_size <= gallery.MOST_BYTES


def test_every_picture_that_can_be_drawn_is_on_the_page(gallery):
    text = gallery.PAGE.read_text(encoding="utf-8")
    pictures = {
        name
        for name in plots.__all__
        if inspect.isfunction(getattr(plots, name)) and not name.startswith("draw_")
    }
    drawn = set(re.findall(r"plots\.(\w+)", text))
    # Drawn by the methods of what they are of.
    assert pictures - drawn <= {"gradient_errors"}
    assert "claimed).plot()" in text


def test_each_picture_has_code_that_makes_a_figure(blocks):
    for block in blocks:
        assert bool(block.picture) == ("figure = " in block.code)
        compile(block.code, str(block.picture), "exec")


@pytest.mark.slow
def test_the_page_runs_from_top_to_bottom(blocks):
    scope = {}
    for block in blocks:
        exec(block.code, scope)
        if block.picture:
            assert isinstance(scope["figure"], Figure)
            scope["figure"].canvas.draw()
