"""Several objectives: what may be asked for, sizes in the space, values of trials, the front."""

from dataclasses import replace

import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax.bo import Choice, Space
from optiinr_jax.bo.ties import Ties
from optiinr_jax.studies import StudyError, StudySettings
from optiinr_jax.studies.objectives import COSTS, front_of, values_of
from optiinr_jax.studies.points import config_to_point, layer_ties, point_to_config, with_sizes
from optiinr_jax.studies.trials import Trial

TWO = ("psnr", "num_bytes")
SMALL = {"num_steps": 9, "width": 16, "depth": 3, "num_initial": 9, "objectives": TWO}


def trial(number, score, num_bytes=None):
    facts = {} if num_bytes is None else {"num_bytes": num_bytes}
    return Trial(number, {}, score, "failed" if score is None else "complete", facts=facts)


def told_network(signal, asked):
    """As good as it is large; nothing is trained."""
    config = asked.config
    score = 10.0 * np.log10(config.width * config.depth) + 0.01 * asked.number
    made = oi.make_inr(signal, config)
    return replace(made, score=float(score), num_steps=9, objective="continuous")


def test_the_front_is_what_nobody_betters_cheapest_first():
    trials = [trial(0, 30.0, 900), trial(1, 20.0, 300), trial(2, 29.0, 950), trial(3, None)]
    trials += [trial(4, 30.0, 900), trial(5, 25.0), trial(6, 20.0, 301)]
    assert [t.number for t in front_of(trials, TWO)] == [1, 0, 4]
    assert front_of(trials, TWO) == front_of(trials, TWO[::-1])
    assert values_of(trials[0], TWO) == (30.0, -900) and values_of(trials[0], TWO[::-1]) == (
        -900,
        30.0,
    )
    assert np.isnan(values_of(trials[3], TWO)).all() and np.isnan(values_of(trials[5], TWO)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objectives": ("psnr",)}, "'psnr' and one or several of 'num_bytes', 'num_params'"),
        ({"objectives": ("num_params", "num_bytes")}, "were expected, each once"),
        ({"objectives": ("psnr", "psnr", "num_bytes")}, "were expected, each once"),
        ({"objectives": ("psnr", "weight")}, "num_params"),
        ({"objectives": ("iou", "num_bytes")}, "psnr"),
        ({"rungs": (0.3,)}, "goes by the score alone, but this search has the objectives psnr"),
        ({"num_confirm": 3}, "goes by the score alone"),
        ({"strategy": "tpe"}, "choose one of optiinr, untied, random"),
    ],
)
def test_what_does_not_go_together_is_said(options, message):
    with pytest.raises(ValueError, match=message):
        oi.create_study(oi.sample_signal(size=6), **SMALL | options)


def test_the_front_of_a_search_for_the_score_alone_is_refused():
    with pytest.raises(StudyError, match='make it with objectives=\\("psnr", "num_bytes"\\)'):
        _ = oi.create_study(oi.sample_signal(size=6)).pareto_front


def test_settings_without_objectives_are_stored_as_they_always_were():
    assert "objectives" not in StudySettings().to_json()
    settings = StudySettings(objectives=TWO)
    assert settings.to_json()["objectives"] == list(TWO)
    assert StudySettings.from_json(settings.to_json()) == settings.written_out()
    assert settings.shares == () and settings.confirm_from(40) is None


@pytest.mark.parametrize("kind", ["image", "volume"])
def test_every_point_is_a_network_of_its_size(kind):
    space = with_sizes(oi.inr_space(kind, "full", depth=3), 48, 3)
    seen = set()
    for point in space.sample(0, 60):
        config = point_to_config(point, width=48, modality=kind)
        seen.add((config.width, config.depth))
        assert (config.width, config.depth) == (point["width"], point["depth"])
        assert space.check_point(config_to_point(config, space)) == space.check_point(point)
    assert {w for w, _ in seen} == {12, 18, 24, 36, 48} and {d for _, d in seen} == {1, 2, 3}
    assert layer_ties(space)["learning_rate_3"] == "learning_rate"


@pytest.mark.integration
def test_a_trial_keeps_its_cost_and_its_network():
    signal = oi.sample_signal(size=6)
    study = oi.create_study(signal, **SMALL)
    for _ in range(2):
        asked = study.ask()
        inr = told_network(signal, asked)
        told = study.tell(asked, inr)
        assert told.facts == {"num_bytes": COSTS["num_bytes"].of(inr)}
        assert 0.5 < told.facts["num_bytes"] / inr.num_bytes <= 1.0
    found = study.inr_of(told).config
    assert (found.layers, found.width) == (asked.config.layers, asked.config.width)
    assert study.pareto_front[-1].score == study.best_score


def test_conditions_that_only_some_of_what_is_tied_has():
    """A layer that only deep networks have shares its choice with one that all have."""
    space = with_sizes(oi.inr_space(depth=2), 48, 2)
    ties = Ties(space, layer_ties(space))
    for point in ties.space.sample(1, 20):
        whole = ties.expand(point)
        assert space.check_point(whole) == whole and ties.contract(whole) == point
    other = Space({"a_1": Choice(["x", "y"]), "b": Choice(["u"]), "a_2": Choice(["x", "z"])})
    with pytest.raises(ValueError, match="tie only what is alike"):
        Ties(other, {"a_1": "a", "a_2": "a"})


@pytest.mark.slow
def test_the_same_trials_whoever_asks(tmp_path):
    """Opened anew for every trial, it asks what a study in memory asks; the model proposes four."""
    signal = oi.sample_signal(size=6)
    alone = oi.create_study(signal, num_trials=13, **SMALL)
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    oi.create_study(signal, num_trials=13, storage=storage, **SMALL)
    for number in range(13):
        for study in (alone, oi.load_study(storage)):
            asked = study.ask()
            assert asked.number == number
            study.tell(asked, told_network(signal, asked))
    shared = oi.load_study(storage)
    assert [t.point for t in shared.trials] == [t.point for t in alone.trials]
    assert [t.number for t in shared.pareto_front] == [t.number for t in alone.pareto_front]
    sizes = {(t.point["width"], t.point["depth"]) for t in alone.trials[9:]}
    assert sizes != {(16, 3)}  # the cost is seen: not only the largest are proposed
