"""The docs: what they point to is there, and the README's examples run."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
BAD_INPUT = ROOT / "docs" / "bad-input.md"


def rows():
    """The rows of the tables of docs/bad-input.md, without their heads."""
    for line in BAD_INPUT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("|") and len(cells) == 3 and "`tests/" in cells[2]:
            yield cells


@pytest.mark.slow
def test_every_row_of_the_bad_input_table_names_a_test_that_exists():
    tests = [re.findall(r"`(tests/[^`]+)`", row[2])[0] for row in rows()]
    assert len(tests) > 60
    listed = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--collect-only", "-q"),
            *("-m", "slow or not slow"),
            *sorted({test.split("::")[0] for test in tests}),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    known = set(listed.stdout.splitlines())
    known |= {test.split("[")[0] for test in known}
    assert not [test for test in tests if test not in known], listed.stderr


def test_no_row_of_the_bad_input_table_is_repeated():
    tests = [row[2] for row in rows()]
    assert len(tests) == len(set(tests))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_both_readmes_have_the_same_commands():
    def commands(name):
        text = (ROOT / name).read_text(encoding="utf-8")
        lines = re.findall(r"^(?:python3|secant) .*$", text, flags=re.MULTILINE)
        return [line.split("#")[0].strip() for line in lines]

    assert commands("README.md") == commands("README.ko.md")
    assert len(commands("README.md")) > 5


# --- All of Secant on one page --------------------------------------------------------


@pytest.fixture
def floors(monkeypatch):
    """`tools/floors_picture.py`, which writes the page's tables and its picture."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return importlib.import_module("floors_picture")


AGAIN = "run `python tools/floors_picture.py`, and look at the page and its picture"


def test_the_page_of_all_of_secant_matches_the_imports(floors):
    text = floors.PAGE.read_text(encoding="utf-8")
    assert text == floors.page(text), AGAIN


def test_the_picture_of_the_floors_matches_the_imports(floors):
    with Image.open(floors.PICTURE) as picture:
        assert picture.text["Description"] == floors.data(), AGAIN


def test_a_package_is_above_all_that_it_imports(floors):
    packages = floors.packages()
    assert len(packages) > 10
    for package in packages.values():
        below = [packages[name].floor for name in package.uses]
        assert package.floor == 1 + max(below, default=-1)


def test_arrows_of_the_picture_lead_wherever_imports_do(floors):
    reached = {name: set() for name in floors.packages()}
    for name in reached:  # the lowest first
        for used in (lower for upper, lower in floors.arrows() if upper == name):
            reached[name] |= {used} | reached[used]
    for name, package in floors.packages().items():
        assert set(package.uses) <= reached[name]
        assert reached[name] <= set(reached) - {name}


def test_the_trip_of_a_nudge_leads_from_fit_to_a_rule(floors):
    files = [hop.file for hop in floors.trip()]
    assert files[0].startswith("training/")
    assert any(file.endswith("node.py") for file in files)
    assert files[-1].startswith("propagation/rules/")
