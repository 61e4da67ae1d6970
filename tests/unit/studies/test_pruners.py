"""Rules that stop hopeless trials: by name or of Optuna, and what a judge knows of a study."""

from functools import partial

import optuna
import pytest

import optiinr_jax as oi
from optiinr_jax.studies.pruners import PRUNERS, make_pruner
from optiinr_jax.studies.trainers import make_look
from optiinr_jax.studies.training import StopTrial
from optiinr_jax.studies.trials import Outcome


@pytest.mark.integration
@pytest.mark.parametrize("name", PRUNERS)
def test_rules_by_name_stop_the_worse_half_and_keep_the_best(name):
    """Over ten trials whose curves do not cross: what is known grows trial by trial."""
    study = oi.create_study(
        oi.sample_signal(size=8), width=8, depth=1, num_steps=20, strategy="random", num_initial=2
    )
    pruner, stopped = make_pruner(name, 20, 2), []
    for level in (5.0, 3.0, 9.0, 1.0, 8.0, 2.0, 10.0, 0.5, 7.0, 11.0):
        asked = study.ask()
        judge = study.ledger.judge(asked.claimed, pruner)
        look = make_look(partial(study.ledger.report, asked.claimed), judge.is_hopeless, 20)
        try:
            for step in range(2, 20, 2):
                look(step, level + step / 20)
        except StopTrial as end:
            stopped.append(level)
            outcome = Outcome(reason=str(end), is_pruned=end.is_pruned)
            assert study.ledger.end(asked.claimed, outcome, lambda trial: None)
            trial = study.ledger.read(asked.claimed)
            assert trial.reason == f"hopeless after {max(trial.curve)} steps"
            assert trial.last_value == level + max(trial.curve) / 20
        else:
            study.tell(asked, level + 1.0)
    assert study.best_score == 12.0 and not {9.0, 10.0, 11.0} & set(stopped)
    assert {1.0, 2.0, 0.5} <= set(stopped)
    assert all(trial.state in ("complete", "pruned") for trial in study.trials)


def test_a_rule_is_a_name_or_one_of_optunas_or_none():
    rule = optuna.pruners.ThresholdPruner(lower=1.0)
    assert make_pruner(rule, 10, 3) is rule and make_pruner(None, 10, 3) is None
    with pytest.raises(ValueError, match="unknown pruner 'axe'; known are median, quarter,"):
        make_pruner("axe", 10, 3)


def test_a_judge_knows_what_the_trial_may_know():
    """Of its own batch nothing."""
    study = oi.create_study(
        oi.sample_signal(size=8), width=8, depth=1, strategy="random", num_initial=9, batch_size=2
    )
    rule = optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=0)
    first, second = study.ask(), study.ask()
    study.ledger.report(first.claimed, 5, 100.0)
    study.ledger.end(first.claimed, Outcome(score=100.0, curve={5: 100.0}), lambda trial: None)
    assert not study.ledger.judge(second.claimed, rule).is_hopeless(5, 1.0)
    third = study.ask()
    assert study.ledger.judge(third.claimed, rule).is_hopeless(5, 1.0)
