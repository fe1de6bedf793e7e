"""The table of rules: its keys, its entries, and the page that lists them."""

import importlib.util
from pathlib import Path

import pytest
from jax import lax
from jax.extend.core import Primitive

from secant.propagation import difference
from secant.propagation.builders import def_linear
from secant.propagation.registry import RULES, Rule, register

ROOT = Path(__file__).parents[2]


def tool():
    path = ROOT / "tools" / "primitives_page.py"
    spec = importlib.util.spec_from_file_location("primitives_page", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_two_rules_for_one_primitive_are_a_mistake():
    with pytest.raises(ValueError, match=r"add has a rule already, in .*arithmetic"):
        def_linear(lax.add_p)
    with pytest.raises(ValueError, match="add has a rule already"):
        register(lax.add_p, Rule(lambda *_: None, "own"))


def test_every_rule_is_keyed_on_a_primitive_and_says_what_it_is():
    assert len(RULES) > 50
    for primitive, rule in RULES.items():
        assert isinstance(primitive, Primitive)
        assert rule.kind
        assert rule.note
        assert rule.module.startswith("secant.propagation.rules.")


def test_a_rule_knows_which_module_entered_it():
    assert RULES[lax.add_p].module == "secant.propagation.rules.arithmetic"
    assert RULES[lax.scan_p].module == "secant.propagation.rules.loops"


def test_the_page_of_primitives_is_what_the_tool_writes():
    page = tool()
    assert page.PAGE.read_text(encoding="utf-8") == page.page(
        page.PAGE.read_text(encoding="utf-8")
    ), "run python tools/primitives_page.py"


def test_the_page_keeps_the_rows_of_another_version_of_jax_only():
    page = tool()
    before = page.page("")
    section = page.title("arithmetic")
    head = f"## {section}\n\n| primitive | kind | rule |\n|---|---|---|\n"
    of_old = "| `of_an_old_jax` | linear | Δf = f(Δx) |"
    dropped = "| `svd` | linear | once had a rule |"
    after = page.page(before.replace(head, f"{head}{of_old}\n{dropped}\n"))
    assert of_old in after
    assert dropped not in after
    assert after.replace(f"{of_old}\n", "") == before


def test_difference_is_public():
    import secant

    assert secant.propagation.difference is difference
