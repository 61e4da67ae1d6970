"""The course of a search beside random search: the estimate is exact and claims no more."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax.report.facts import check_against
from optiinr_jax.report.rendering import render
from optiinr_jax.report.sections.search import (
    best_so_far,
    expected_best,
    make_search,
    random_scores,
    trial_chart,
)
from optiinr_jax.studies import StudyError


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=8)


@pytest.fixture(scope="module")
def num_published(signal, told):
    """Published networks that the space of pictures holds."""
    trials = told(signal, 20, num_initial=20, num_confirm=0).trials
    return sum(trial.origin.kind == "published" for trial in trials)


def section_of(facts):
    return " ".join(render("search.html", section=make_search(facts)).split())


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


@pytest.mark.integration
def test_only_what_the_design_drew_counts(signal, told, num_published):
    """Not the published networks, what a user queued or a warm start brought, or proposals."""
    other = told(signal, 1, strategy="random", num_confirm=0)
    study = oi.create_study(
        signal,
        num_trials=100,
        num_steps=1,
        width=8,
        depth=1,
        num_initial=num_published + 5,
        num_confirm=0,
        strategy="random",
        warm_start=[other],
    )
    study.enqueue(oi.preset("siren", width=8, depth=1))
    for _ in range(num_published + 7):
        asked = study.ask()
        study.tell(asked, None if asked.number == num_published + 3 else float(asked.number))
    first = num_published + 2  # after the warm start and the queued one
    # the one that failed is as the worst
    assert random_scores(study.trials) == [first, first, first + 2]
    options = {"num_initial": num_published + 4, "num_confirm": 0}
    assert random_scores(told(signal, num_published, **options).trials) == []
    lost = told(signal, num_published + 2, lambda asked: None, **options)
    assert random_scores(lost.trials) == []


def test_the_best_so_far_begins_with_the_first_score(signal, told):
    values = [None, 3.0, 1.0, None, 4.0]
    study = told(signal, 5, lambda asked: values[asked.number])
    np.testing.assert_array_equal(best_so_far(study.trials), [math.nan, 3.0, 3.0, 3.0, 4.0])


@pytest.mark.integration
def test_the_section_names_what_it_draws(signal, told, facts_of, num_published):
    options = {"num_initial": num_published + 4, "num_confirm": 0}
    study = told(signal, num_published + 6, **options)
    html = section_of(facts_of(study))
    assert html.count(">random, expected<") == html.count(">best published<") == 2
    assert "from the 4 space-filling trials" in html and "another search" not in html
    assert "trained by the rule of the search" in html
    other = told(signal, num_published, strategy="random", name="other", **options)
    html = section_of(facts_of(study, other))
    assert "another search of this signal: other, strategy random" in html
    assert html.count(">other: random<") == 2
    few = section_of(facts_of(told(signal, num_published + 1, **options)))
    assert "random search" not in few  # one draw is no course


@pytest.mark.integration
def test_the_ring_is_the_winner_and_its_seeds_are_named(signal, told, facts_of):
    """Trial 9 has the highest score of all, but does not hold when it is trained again."""
    scores = [20.0] * 9 + [30.0, 26.0, 10.0, 25.0, 25.5]
    study = told(signal, 14, lambda a: scores[a.number], num_initial=14, num_confirm=3)
    assert [str(t.origin) for t in study.trials[-3:]] == ["trial 9 again"] + ["trial 10 again"] * 2
    facts = facts_of(study)
    found = make_search(facts)
    assert found.best == 10 and found.confirmed == (10, 12, 13)
    html = section_of(facts)
    assert "the ring is trial 10," in html and "was trained in trials 10, 12, 13" in html
    assert "The last 3 trials train the best configurations again" in html
    assert html.count(">another seed<") == 2


@pytest.mark.integration
def test_a_warm_start_is_no_published_network(signal, told, facts_of):
    """It is drawn as any trial: no further diamond, and no higher line of the best published."""
    other = told(signal, 1, lambda asked: 100.0)
    options = {"num_steps": 1, "width": 8, "depth": 1, "strategy": "random", "num_confirm": 0}
    warm = oi.create_study(signal, num_trials=40, warm_start=[other], **options)
    for _ in range(40):
        asked = warm.ask()
        warm.tell(asked, float(asked.number))
    brought = [trial for trial in warm.trials if trial.origin.kind == "warm start"]
    assert [str(trial.origin) for trial in brought] == ["warm start 1, best 1"]
    assert brought[0].preset == ""
    facts, brought = facts_of(warm), brought[0].number
    without = [trial for trial in facts.trials if trial.number != brought]
    fewer = dataclasses.replace(facts, trials=tuple(without))
    diamonds = [trial_chart(f, 960).count("var(--warm)") for f in (facts, fewer)]
    assert diamonds[0] == diamonds[1]


@pytest.mark.parametrize(("name", "value"), [("num_steps", 2), ("width", 9), ("depth", 2)])
def test_scores_that_do_not_compare_are_refused(signal, told, name, value):
    study, other = told(signal, 1), told(signal, 1, **{name: value}, name="b")
    with pytest.raises(StudyError, match=f"'b' has another {name} than 'sample_image'"):
        check_against(study, other)


def test_another_objective_or_signal_is_refused(signal, told):
    with pytest.raises(StudyError, match="has another objective than"):
        check_against(told(signal, 1), told(signal, 1, objective="samples", name="b"))
    other = told(oi.sample_signal("image", size=9), 1)
    with pytest.raises(StudyError, match="has another signal than"):
        check_against(told(signal, 1), other)
