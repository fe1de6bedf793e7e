"""The docs: what they point to is there, and the README's examples run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_no_row_of_the_bad_input_table_stands_twice():
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
