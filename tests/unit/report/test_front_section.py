"""The front of a search with several objectives: on the page, in the terminal, as data."""

import pytest

import optiinr_jax as oi
from optiinr_jax.report.page import SECTIONS
from optiinr_jax.report.rendering import render
from optiinr_jax.report.sections.front import make_front
from optiinr_jax.report.status import front_lines, status_lines, summarise
from tests.unit.studies.test_objectives import SMALL, told_network


@pytest.fixture(scope="module")
def two():
    """A study with six networks, none of them trained."""
    signal = oi.sample_signal(size=6)
    study = oi.create_study(signal, num_trials=9, **SMALL | {"depth": 2})
    for _ in range(9):
        asked = study.ask()
        study.tell(asked, told_network(signal, asked))
    return study


@pytest.mark.integration
def test_the_section_draws_and_lists_the_front(two, facts_of):
    facts = facts_of(two)
    front = make_front(facts)
    numbers = [trial.number for trial in two.pareto_front]
    assert [int(row[0].text) for row in front.table.rows] == numbers and len(numbers) >= 2
    assert front.num_trials == 9 and "PNG" in dict(front.formats)
    html = render("front.html", section=front)
    assert "bytes of the model file" in html and html.count("<svg") == 2
    assert "mathdefault" not in html  # ticks are numbers, which no browser has to typeset
    for trial in two.pareto_front:
        assert f"{trial.facts['num_bytes']:,.0f}" in html
    assert "front.html" in SECTIONS


@pytest.mark.integration
def test_a_search_for_the_score_alone_has_no_such_section(told, facts_of):
    study = told(oi.sample_signal(size=6), 1)
    assert make_front(facts_of(study)) is None
    assert front_lines(study) == [] and "front" not in summarise(study)


@pytest.mark.integration
def test_the_terminal_shows_the_front_at_80_columns(two):
    lines = front_lines(two, width=80)
    assert all(len(line) <= 80 for line in lines) and lines[1].split()[:3] == [
        "trial",
        "score",
        "num_bytes",
    ]
    assert set(lines) <= set(status_lines(two, width=80))
    for trial, line in zip(two.pareto_front, lines[2:], strict=True):
        assert line.split()[:3] == [
            str(trial.number),
            f"{trial.score:.2f}",
            f"{trial.facts['num_bytes']:,}",
        ]
    rows = summarise(two)["front"]
    assert [row["num_bytes"] for row in rows] == sorted(row["num_bytes"] for row in rows)
