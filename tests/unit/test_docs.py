"""Pages that are written from the code say what the code says."""

from experiments.presets_table import TABLE, make_table


def test_table_of_presets_is_that_of_the_code():
    assert TABLE.read_text() == make_table(), "run python -m experiments.presets_table"
