"""Pages that are written from the code say what the code says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from experiments import new_kinds
from experiments.presets_table import TABLE, make_table

ROOT = Path(__file__).parents[2]


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
