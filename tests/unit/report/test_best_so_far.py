"""The course of a search beside random search: the estimate is exact and claims no more."""

import itertools
import math

import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax.report.best_so_far import (
    best_so_far,
    expected_best,
    random_scores,
    search_section,
    trial_chart,
)
from optiinr_jax.studies import StudyError

NUM_PRESETS = 8  # that the space of pictures holds


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=8)


def study_of(signal, num_trials, score=lambda number: float(number), **options):
    """A study whose scores follow from the number; None: the trial failed."""
    options = {"num_steps": 1, "width": 8, "depth": 1, "num_initial": NUM_PRESETS + 4} | options
    study = oi.create_study(signal, **options)
    for _ in range(num_trials):
        asked = study.ask()
        study.tell(asked, score(asked.number))
    return study


def test_the_expected_best_is_the_mean_over_all_subsets():
    scores = np.random.default_rng(0).normal(size=6).tolist()
    expected = [np.mean([max(s) for s in itertools.combinations(scores, n)]) for n in range(1, 7)]
    np.testing.assert_allclose(expected_best(scores), expected)
    assert len(expected_best([])) == 0


def test_the_expected_best_is_unbiased():
    """Over many samples it is the best of n standard normal draws: 0, 0.564, 0.846, 1.029."""
    rng = np.random.default_rng(1)
    found = np.mean([expected_best(rng.normal(size=4).tolist()) for _ in range(4000)], axis=0)
    np.testing.assert_allclose(found, [0.0, 0.5642, 0.8463, 1.0294], atol=0.05)


def test_only_what_the_design_drew_counts(signal):
    """Not the published networks, what a user queued or a warm start brought, or proposals."""
    other = study_of(signal, 1, strategy="random")
    study = oi.create_study(
        signal, num_steps=1, width=8, depth=1, num_initial=NUM_PRESETS + 5, warm_start=[other]
    )
    study.enqueue(oi.preset("siren", width=8, depth=1))
    for _ in range(NUM_PRESETS + 7):
        asked = study.ask()
        study.tell(asked, None if asked.number == NUM_PRESETS + 3 else float(asked.number))
    first = NUM_PRESETS + 2  # after the warm start and the queued one
    assert random_scores(study) == [first, first, first + 2]  # the one that failed is as the worst
    assert random_scores(study_of(signal, NUM_PRESETS)) == []
    assert random_scores(study_of(signal, NUM_PRESETS + 2, lambda number: None)) == []


def test_the_best_so_far_begins_with_the_first_score(signal):
    values = [None, 3.0, 1.0, None, 4.0]
    study = study_of(signal, 5, lambda number: values[number])
    np.testing.assert_array_equal(best_so_far(study.trials), [math.nan, 3.0, 3.0, 3.0, 4.0])


def test_the_section_names_what_it_draws(signal):
    study = study_of(signal, NUM_PRESETS + 6)
    html = search_section(study)
    assert html.count(">random, expected<") == html.count(">best published<") == 2
    assert "from the 4 space-filling trials" in html and "another search" not in html
    other = study_of(signal, NUM_PRESETS, strategy="random", name="other")
    html = search_section(study, other)
    assert "another search of this signal: other, strategy random" in html
    assert html.count(">other: random<") == 2
    few = search_section(study_of(signal, NUM_PRESETS + 1))
    assert "random search" not in few  # one draw is no course


def test_a_warm_start_is_no_published_network(signal):
    other = study_of(signal, 1, lambda number: 100.0)
    study = study_of(signal, NUM_PRESETS, warm_start=[other])
    only = study_of(signal, NUM_PRESETS + 1, warm_start=[other])
    assert only.trials[NUM_PRESETS].preset == "warm start 1, best 1"
    diamonds = [trial_chart(s, 960).count("var(--warm)") for s in (study, only)]
    assert diamonds[0] == diamonds[1]


@pytest.mark.parametrize(("name", "value"), [("num_steps", 2), ("width", 9), ("depth", 2)])
def test_scores_that_do_not_compare_are_refused(signal, name, value):
    study, other = study_of(signal, 1), study_of(signal, 1, **{name: value}, name="b")
    with pytest.raises(StudyError, match=f"'b' has another {name} than 'sample_image'"):
        search_section(study, other)


def test_another_signal_is_refused(signal):
    other = study_of(oi.sample_signal("image", size=9), 1)
    with pytest.raises(StudyError, match="has another signal than"):
        search_section(study_of(signal, 1), other)
