"""Pages that are written from the code say what the code says."""

import subprocess
import sys
from pathlib import Path

import pytest

from experiments.presets_table import TABLE, make_table

ROOT = Path(__file__).parents[2]


def test_table_of_presets_is_that_of_the_code():
    assert TABLE.read_text() == make_table(), "run python -m experiments.presets_table"


@pytest.mark.integration
def test_tables_of_searches_are_those_of_the_results(tmp_path):
    command = [sys.executable, "benchmarks/bench_search.py", "page", "--out", tmp_path / "page.md"]
    subprocess.run(command, cwd=ROOT, check=True)
    page = (ROOT / "docs" / "search_benchmarks.md").read_text()
    assert (tmp_path / "page.md").read_text() == page, "run python benchmarks/bench_search.py page"
