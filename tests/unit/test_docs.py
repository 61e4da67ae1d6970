"""Pages that are written from the code say what the code says."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import optiinr_jax
from experiments import new_kinds
from experiments.presets_table import TABLE, make_table

ROOT = Path(__file__).parents[2]


@pytest.fixture
def written_at_build(monkeypatch):
    """What writes a page of the site, by its name."""
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    return importlib.import_module


def test_table_of_presets_is_that_of_the_code():
    assert TABLE.read_text() == make_table(), "run python -m experiments.presets_table"


def test_table_of_new_kinds_is_that_of_the_results():
    page = (ROOT / "docs" / "how-to" / "other_kinds.md").read_text()
    assert new_kinds.table() in page, "run python -m experiments.new_kinds"


@pytest.mark.integration
def test_tables_of_searches_are_those_of_the_results(tmp_path):
    command = [sys.executable, "benchmarks/bench_search.py", "page", "--out", tmp_path / "page.md"]
    subprocess.run(command, cwd=ROOT, check=True)
    page = (ROOT / "docs" / "search_benchmarks.md").read_text()
    assert (tmp_path / "page.md").read_text() == page, "run python benchmarks/bench_search.py page"


LINK = re.compile(r"\[[^\]]*\]\((?!https?://|mailto:|#)([^)#\s]+)")
WRITTEN_AT_BUILD = {"command_line.md", "equations.md"}


def test_every_link_within_the_repository_leads_somewhere():
    pages = [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "experiments").glob("*.md"),
    ]
    assert len(pages) > 25
    dead = {
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in LINK.findall(page.read_text())
        if not (page.parent / target).exists() and Path(target).name not in WRITTEN_AT_BUILD
    }
    assert not dead


def test_every_guide_is_in_the_list_of_guides():
    """Or nobody finds it."""
    for folder in ("how-to", "explanation"):
        listed = (ROOT / "docs" / folder / "index.md").read_text()
        for page in (ROOT / "docs" / folder).glob("*.md"):
            assert page.stem in (*listed.split(), "index")


def test_every_public_name_is_on_a_page_with_words(written_at_build):
    """A package without a page would be forgotten; so would a name that says nothing."""
    api = written_at_build("api_pages")
    packages = [m.name for m in pkgutil.iter_modules(optiinr_jax.__path__, "optiinr_jax.") if m[2]]
    shown = {package for package in packages if dict(api.public_names(package))}
    assert shown - {"optiinr_jax.cli"} == set(api.PACKAGES) - {"optiinr_jax"}
    for package in api.PACKAGES:
        page = api._page(package, "title")
        for name, thing in api.public_names(package):
            assert f"## `{name}`" in page
            is_code = inspect.isclass(thing) or inspect.isfunction(thing)
            assert not is_code or inspect.getdoc(thing), f"{package}.{name}"


NUMBERED = re.compile(r"\b(?:[Ee]qs?\. \d|[Aa]lgorithm \d|GPML \d)")


@pytest.mark.integration
def test_every_equation_is_found_by_its_number(written_at_build):
    """Every number that a docstring cites is a row of the table, with a line and a test."""
    found = set(written_at_build("equation_pages").rows(ROOT))
    numbered = [row for row in found if row.number]
    assert len(numbered) >= 20 and len(found) >= 70
    for row in found:
        path, line = row.place.split(":")
        text = (ROOT / path).read_text().splitlines()[int(line) - 1]
        assert row.name.split(".")[-1] in text or line == "1", row
        assert row.test and (ROOT / row.test).is_file(), row
    listed = {row.name for row in numbered}
    for path in sorted((ROOT / "optiinr_jax").rglob("*.py")):
        if not NUMBERED.search(text := path.read_text()):
            continue
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                words = " ".join((ast.get_docstring(node) or "").split())
                name = module if isinstance(node, ast.Module) else f"{module}.{node.name}"
                assert not NUMBERED.search(words) or name in listed, name
