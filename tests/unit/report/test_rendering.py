"""The templates: what comes from outside is escaped, and a package that is built has them."""

import re
from pathlib import Path

import jinja2
import pytest
from markupsafe import Markup

import optiinr_jax.report
from optiinr_jax.report.page import SECTIONS
from optiinr_jax.report.parts import Cell, Table, without_empty
from optiinr_jax.report.rendering import render
from optiinr_jax.report.svg import PALETTE

FOLDER = Path(optiinr_jax.report.__file__).parent / "templates"
ROOT = Path(__file__).parents[3]


def test_records_are_escaped_and_drawings_are_not():
    table = Table(("<i>",), [[Cell("<script>", key='"><b>')]])
    record = {"table": table}
    html = render("trials.html", section=record)
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert "<i>" not in html and "&#34;&gt;&lt;b&gt;" in html
    assert "<svg>" in render("training.html", section={"chart": _chart(Markup("<svg>"))})
    assert "&lt;svg&gt;" in render("training.html", section={"chart": _chart("<svg>")})


def _chart(drawn):
    return {"wide": drawn, "narrow": drawn}


def test_a_fact_that_is_missing_is_an_error():
    with pytest.raises(jinja2.UndefinedError, match="chart"):
        render("training.html", section={})


def test_every_section_has_its_template():
    files = {path.name for path in FOLDER.iterdir()}
    assert set(SECTIONS) <= files
    known = {"page.html", "header.html", "parts.html", "style.css", "script.js"}
    assert files == set(SECTIONS) | known


def test_the_style_names_colours_of_the_palette_only():
    used = set(re.findall(r"var\(--([\w-]+)\)", (FOLDER / "style.css").read_text()))
    assert used <= set(PALETTE)


def test_columns_that_say_nothing_are_left_out():
    rows = [[Cell("1"), Cell("-"), Cell("")], [Cell("2"), Cell("-"), Cell("x")]]
    table = without_empty(Table(("a", "b", "c"), rows))
    assert table.columns == ["a", "c"] and [len(row) for row in table.rows] == [2, 2]


@pytest.mark.parametrize("target", ["wheel", "sdist"])
def test_a_built_package_has_the_templates(target):
    hatchling = pytest.importorskip("hatchling.builders." + target, reason="needs hatchling")
    builder = getattr(hatchling, f"{'Wheel' if target == 'wheel' else 'Sdist'}Builder")(str(ROOT))
    built = {Path(file.distribution_path) for file in builder.recurse_included_files()}
    for path in FOLDER.iterdir():
        assert path.relative_to(ROOT) in built
