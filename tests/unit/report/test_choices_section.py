"""Importance, slices and parallel coordinates of trials whose scores are a formula."""

import math

import pytest

import optiinr_jax as oi
from optiinr_jax.report.rendering import render
from optiinr_jax.report.sections.choices import make_choices
from optiinr_jax.studies.explanation import explain


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=8)


def section_of(facts):
    return render("choices.html", section=make_choices(facts))


@pytest.mark.integration
def test_one_score_says_nothing(signal, told, facts_of):
    assert make_choices(facts_of(told(signal, 1))) is None


@pytest.mark.integration
@pytest.mark.parametrize("score", [float, lambda number: 1.0], ids=["different", "equal"])
def test_few_scores_are_drawn_as_lines_alone(signal, told, facts_of, score):
    study = told(signal, 3, lambda asked: score(asked.number))
    html = section_of(facts_of(study))
    assert "Every trial over its choices" in html and "importance" not in html


@pytest.mark.integration
def test_the_section_shows_all_three(signal, told, facts_of):
    def score(asked):
        rate = math.log10(asked.point["learning_rate_2"])
        return 30.0 - (rate + 3.0) ** 2 + 2.0 * (asked.point["activation_1"] == "finer")

    study = told(signal, 60, score, depth=2, strategy="random", seed=1, num_confirm=0)
    html = section_of(facts_of(study, explanation=explain(study)))
    for label in ("importance of the choices", "expected score along", "choices and score of"):
        assert html.count(f'aria-label="{label}') == 2  # for a desktop and for a telephone
    assert "layer 2: learning rate" in html
