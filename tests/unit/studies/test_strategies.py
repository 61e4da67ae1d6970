"""Strategies as functions from what a trial may know to its point; rows that need no model."""

import json
import math
from pathlib import Path

import numpy as np
import optuna
import pytest

import optiinr_jax as oi
from optiinr_jax.studies import STRATEGIES, Origin, Strategy, StudySettings, Trial, api
from optiinr_jax.studies.points import layer_of
from optiinr_jax.studies.strategies import TIED_FACTOR, Known, from_optuna, num_tied
from tests.studies import score_of_point

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "search_sequences.json").read_text())
SPACE = oi.bo.Space.from_json(GOLDEN["space"])
OPTIONS = {"num_steps": 20, "width": 8, "depth": 2, "num_initial": 9, "seed": 3, "space": SPACE}
NUM_GIVEN = 8  # published networks, at the time when the sequences were made


def replay(monkeypatch, strategy, batch_size, until=26):
    """A search of the golden space up to a trial, given the first points of its sequence."""
    monkeypatch.setattr(api, "_enqueue_published", lambda *nothing: None)
    study = oi.create_study(
        oi.sample_signal(size=12),
        strategy=strategy,
        batch_size=batch_size,
        num_trials=26,
        num_confirm=0,
        **OPTIONS,
    )
    for point in GOLDEN["runs"][f"{strategy}, {batch_size}"][:NUM_GIVEN]:
        study.enqueue(point)
    while len(study.trials) < until:
        count = min(batch_size, until - len(study.trials))
        for asked in [study.ask() for _ in range(count)]:
            score = score_of_point(asked.point)
            study.tell(asked, None if score < -6.5 else score)
    return study


def check_golden(trials, strategy, batch_size, until=26):
    """Trials (point, state) have the points that the first version of the code proposed."""
    expected = GOLDEN["runs"][f"{strategy}, {batch_size}"][:until]
    assert len(trials) == len(expected) == until
    for number, ((found, _), point) in enumerate(zip(trials, expected, strict=True)):
        assert set(found) == set(point), number
        for name, value in point.items():
            is_number = not isinstance(value, str)
            assert found[name] == (pytest.approx(value, rel=1e-9) if is_number else value)
    failed = [state for _, state in trials if state == "failed"]
    assert 0 < len(failed) < 20  # what fails is a part of what a strategy may know


CHEAP = [("random", 1), ("random", 4), ("tpe", 1), ("tpe", 4), ("layerwise", 1)]


@pytest.mark.integration
@pytest.mark.parametrize(("strategy", "batch_size"), CHEAP)
def test_a_seed_gives_the_trials_that_it_always_gave(monkeypatch, strategy, batch_size):
    study = replay(monkeypatch, strategy, batch_size)
    check_golden([(trial.point, trial.state) for trial in study.trials], strategy, batch_size)


def test_every_row_has_a_golden_sequence():
    runs = {run.partition(",")[0] for run in GOLDEN["runs"]}
    assert runs == set(STRATEGIES)


def known_of(points, num_trials=None, given=0, number=None):
    trials = [
        Trial(
            i,
            point,
            score_of_point(point),
            "complete",
            origin=Origin("published" if i < given else "proposed"),
        )
        for i, point in enumerate(points)
    ]
    return Known(trials, len(trials) if number is None else number, num_trials)


@pytest.mark.parametrize("strategy", ["random", "tpe", "layerwise"])
def test_a_proposal_is_a_function_of_what_it_may_know(strategy):
    """Same settings, same trials, same number: same point; another number, another point."""
    settings = StudySettings(depth=2, num_initial=4, strategy=strategy)
    known = known_of(SPACE.sample(0, 7), num_trials=20)
    propose = STRATEGIES[strategy].propose
    first, again = (propose(SPACE, settings, known) for _ in range(2))
    assert first == again == SPACE.check_point(first)
    other = propose(SPACE, settings, known._replace(number=8))
    another = propose(
        SPACE, StudySettings(depth=2, num_initial=4, strategy=strategy, seed=1), known
    )
    assert first != other and first != another


def test_what_still_runs_is_known_by_its_point_alone():
    points = SPACE.sample(0, 4)
    trials = [
        Trial(0, points[0], 3.0, "complete"),
        Trial(1, points[1], None, "failed"),
        Trial(2, points[2], None, "pruned", curve={5: 2.0}),
        Trial(3, points[3], 9.0, "complete").as_pending(),
    ]
    known = Known(trials, 4)
    assert known.pending == [points[3]]
    values = [observation.value for observation in known.observations]
    assert values[0] == 3.0 and math.isnan(values[1]) and values[2] == 2.0 and len(values) == 3


def test_layer_by_layer_changes_one_layer_of_the_best():
    """Each layer in turn has an equal part of the trials that are free."""
    settings = StudySettings(depth=2, num_initial=4)
    points = SPACE.sample(0, 6)
    best = max(points, key=score_of_point)
    turns = []
    for number in range(6, 20):
        known = known_of(points, num_trials=20, given=6, number=number)
        point = SPACE.check_point(STRATEGIES["layerwise"].propose(SPACE, settings, known))
        changed = {layer_of(n) for n in {**best, **point} if best.get(n) != point.get(n)}
        assert len(changed) == 1
        turns += changed
    assert turns == [1] * 7 + [2] * 7


def test_only_one_row_ties_the_layers_and_only_where_they_are_alike():
    settings = StudySettings(depth=2, num_initial=4)
    assert num_tied(SPACE, settings) == int(4 * TIED_FACTOR)
    tied = {name for name, row in STRATEGIES.items() if row.ties_layers}
    assert tied == {"optiinr"}
    other = dict(SPACE.dimensions) | {"learning_rate_2": oi.bo.Float(1e-4, 1e-3, log=True)}
    assert num_tied(oi.bo.Space(other), settings) == 0


def test_optunas_samplers_see_what_a_trial_may_know():
    seen = []

    class Spy(optuna.samplers.RandomSampler):
        def sample_independent(self, study, trial, name, distribution):
            if not seen:
                seen.extend(study.get_trials())
            return super().sample_independent(study, trial, name, distribution)

    propose = from_optuna(lambda settings, seed: Spy(seed=seed))
    points = SPACE.sample(0, 4)
    trials = [
        Trial(0, points[0], 3.0, "complete"),
        Trial(1, points[1], None, "failed"),
        Trial(2, points[2], None, "pruned", curve={5: 2.0}),
        Trial(3, points[3], 9.0, "complete").as_pending(),
    ]
    assert SPACE.check_point(propose(SPACE, StudySettings(), Known(trials, 4)))
    states = [row.state.name for row in seen[:4]]
    assert states == ["COMPLETE", "FAIL", "PRUNED", "RUNNING"]
    assert [row.value for row in seen[:3]] == [3.0, None, 2.0]
    assert [row.params for row in seen[:4]] == points


def test_a_strategy_of_ones_own_is_one_function_and_one_row(monkeypatch):
    """Handed out, confirmed, stored and loaded by its name, without an edit elsewhere."""

    def corner(space, settings, known):
        point = {
            name: dimension.low
            if isinstance(dimension, oi.bo.Float)
            else dimension.options[known.number % len(dimension.options)]
            for name, dimension in space.dimensions.items()
        }
        return {name: point[name] for name in space.active(point)}

    monkeypatch.setitem(STRATEGIES, "corner", Strategy(corner))
    monkeypatch.setattr(api, "_enqueue_published", lambda *nothing: None)
    study = oi.create_study(oi.sample_signal(size=12), strategy="corner", num_trials=12, **OPTIONS)
    points = []
    for _ in range(12):
        asked = study.ask()
        points.append(asked.point)
        study.tell(asked, 1.0 + asked.number % 5)
    assert points[0]["learning_rate_1"] == SPACE.dimensions["learning_rate_1"].low
    assert [t.origin.kind for t in study.trials] == [
        *["design"] * 9,
        *["confirmation"] * 3,
    ]
    assert {point["activation_1"] for point in points[:4]} == set(
        SPACE.dimensions["activation_1"].options
    )
    assert np.isfinite(study.best_score)
