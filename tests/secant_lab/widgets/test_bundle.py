"""Modules become one, which says the same and needs nothing else."""

import json
import re

import pytest

from secant_lab.translations import STATIC
from secant_lab.widgets.bundle import BundleError, bundle
from secant_lab.widgets.sheets import scope_styles

ENTRIES = sorted(
    path
    for path in (STATIC / "widgets").glob("*.js")
    if re.search(r"^import \w+ from .*\.css", path.read_text("utf-8"), re.M)
)


@pytest.fixture
def write(tmp_path):
    """Writes modules, and gives back the first one's path."""

    def modules(**texts):
        paths = []
        for name, text in texts.items():
            paths.append(tmp_path / name.replace("_", "."))
            paths[-1].write_text(text, encoding="utf-8")
        return paths[0]

    return modules


def order(text):
    return re.findall(r"^// (\S+)$", text, flags=re.MULTILINE)


def test_imports_come_first_and_once(write):
    entry = write(
        a_js='import { b } from "./b.js"\nimport c from "./c.js"\nexport default b',
        b_js='import c from "./c.js"\nexport const b = c + 1\n',
        c_js="export default 1\n",
    )
    assert order(bundle(entry)) == ["c.js", "b.js", "a.js"]
    assert bundle(entry) == bundle(entry)


@pytest.mark.parametrize(
    ("clause", "declared"),
    [
        ("{ a, b as c }", "const { a, b: c } = m0"),
        ("{\n  a,\n  b,\n}", "const { a,\n  b, } = m0"),
        ("d", "const d = m0.default"),
        ("* as all", "const all = m0"),
        ("d, { a }", "const d = m0.default\nconst { a } = m0"),
    ],
)
def test_each_form_of_import_becomes_a_declaration(write, clause, declared):
    entry = write(
        main_js=f'import {clause} from "./x.js"\nexport default 1\n',
        x_js="export const a = 1\nexport const b = 2\nexport default 3\n",
    )
    assert declared in bundle(entry)


@pytest.mark.parametrize(
    ("text", "returned"),
    [
        ("export const a = 1", "a"),
        ("export class A {}", "A"),
        ("export class A extends B {}", "A"),
        ("export function f(x) {}", "f"),
        ("export async function f(x) {}", "f"),
        ("export function* f(x) {}", "f"),
        ("const a = 1\nexport { a as b, }", "b: a"),
        ("export default { a: 1 }", "default: $default"),
        ("/* export const b = 1 */\nexport const a = 1", "a"),
        ("/*\nexport const b = 1\n*/\nexport const a = 1", "a"),
    ],
)
def test_each_form_of_export_is_returned(write, text, returned):
    assert f"return {{ {returned} }}" in bundle(write(a_js=text))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('import d3 from "d3"', "not a file"),
        ('import d3 from "https://esm.sh/d3"', "not a file"),
        ('import x from "/static/x.js"', "not a file"),
        ('import x from "./none.js"', "cannot be read"),
        ('import x from "./a.js"', "import each other"),
        ('const x = import("./b.js")', "not supported"),
        ("const here = import.meta.url", "not supported"),
        ("export let a = 1", "not supported"),
        ("export const { a, b } = c", "not supported"),
        ('export * from "./b.js"', "not supported"),
        ('import x, * as y, z from "./b.js"', "not supported"),
    ],
)
def test_unsupported_modules_are_refused(write, text, says):
    entry = write(a_js=f"{text}\n", b_js="export const x = 1\n")
    with pytest.raises(BundleError, match=says):
        bundle(entry)


def test_re_exports_are_resolved(write):
    entry = write(
        a_js='export { x, y as z } from "./b.js"\nexport default 1\n',
        b_js="export const x = 1\nexport const y = 2\n",
    )
    text = bundle(entry)
    assert order(text) == ["b.js", "a.js"]
    assert "return { x: m0.x, z: m0.y, default: $default }" in text


def test_a_copyright_is_kept(write):
    text = "/* Copyright 2025 */\nexport default 1\n/* else */\n"
    assert "Copyright 2025" in bundle(write(a_js=text))
    assert "else" not in bundle(write(a_js=text))


def test_a_style_sheet_is_its_text(write):
    entry = write(
        a_js='import sheet from "./s.css"\nexport default sheet\n',
        s_css=':root { --a: "1rem" }\n',
    )
    text = re.search(r"return \{ default: (.*) \}", bundle(entry))[1]
    assert json.loads(text) == ':host { --a: "16px" }\n'


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda path: path.name)
def test_a_widget_needs_nothing_from_elsewhere(entry):
    text = bundle(entry)
    assert not re.findall(r"^\s*import\b.*|\bimport\s*\(", text, flags=re.MULTILINE)
    assert re.findall(r"^export .*", text, re.M) == [text.splitlines()[-1]]
    code = re.sub(r"(?:^|\s)//.*|/\*[\s\S]*?\*/", "", text, flags=re.MULTILINE)
    assert set(re.findall(r"https?://[^/\s\"']+", code)) <= {"http://www.w3.org"}
    assert "url(http" not in text
    assert "Leon Sorokin" in text


def test_no_rule_speaks_of_the_page():
    for path in STATIC.rglob("*.css"):
        sheet = re.sub(r"/\*.*?\*/", "", scope_styles(path.read_text(encoding="utf-8")))
        assert not re.search(r"(?:^|[\s,{}])(?:html|body|:root)\b", sheet), path
        assert not re.search(r"\d(?:rem|vh)\b|@media \((?:min|max)-width", sheet), path


def test_styles_are_scoped_to_the_shadow_tree():
    sheet = (
        ':root[data-theme="dark"] { --a: 1 }\n.body { margin: .5rem }\nbody { x: y }'
    )
    assert scope_styles(sheet) == (
        ':host([data-theme="dark"]) { --a: 1 }\n.body { margin: 8px }\n#cell { x: y }'
    )
