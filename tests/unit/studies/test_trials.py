"""Trials as records: where a point came from, what a batch may know of it."""

import math

import jax
import pytest

from optiinr_jax.studies import Origin, Trial
from optiinr_jax.studies.trials import GIVEN, Outcome, score_of, trial_key


@pytest.mark.parametrize("kind", [*GIVEN, "design", "proposed", "confirmation"])
def test_only_published_networks_are_presets(kind):
    """A warm start's label once passed for one."""
    trial = Trial(0, {}, 1.0, "complete", origin=Origin(kind, "siren, rate x 4"))
    assert trial.preset == ("siren, rate x 4" if kind == "published" else "")
    assert trial.origin.is_given == (kind in GIVEN)


def test_a_pruned_trial_counts_with_its_last_point():
    pruned = Trial(3, {}, None, "pruned", curve={10: 5.0, 20: 7.0})
    assert pruned.last_value == 7.0 and score_of(pruned) == -math.inf and pruned.is_ended
    assert Trial(3, {}, None, "pruned").last_value is None
    assert Trial(3, {}, None, "failed", curve={10: 5.0}).last_value is None
    assert Trial(3, {}, 4.0, "complete", curve={10: 5.0}).last_value == 4.0


def test_its_batch_knows_a_trials_point_alone():
    trial = Trial(3, {"x": 1}, 4.0, "complete", "why", Origin("design"), 2.0, {1: 2.0}, {1: 2.5})
    pending = trial.as_pending()
    assert (pending.number, pending.point, pending.origin) == (3, {"x": 1}, Origin("design"))
    assert (pending.score, pending.reason, pending.curve, pending.facts) == (None, "", {}, {})
    assert pending.rungs == {}
    assert not pending.is_ended


def test_an_outcome_with_a_reason_has_no_value():
    assert Outcome(score=3.0).value == 3.0 and Outcome().value is None
    assert Outcome(score=3.0, reason="collapsed").value is None


def test_keys_depend_on_seed_and_number_alone():
    keys = {(s, n): jax.random.key_data(trial_key(s, n)).tolist() for s in (0, 3) for n in (0, 1)}
    assert len({tuple(key) for key in keys.values()}) == 4
    expected = jax.random.fold_in(jax.random.key(3), 1)
    assert keys[3, 1] == jax.random.key_data(expected).tolist()
