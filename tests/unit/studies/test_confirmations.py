"""What a trial that confirms may know of the others is fixed by its number."""

import random

import pytest

import optiinr_jax as oi
from optiinr_jax.studies.trials import Outcome
from tests.studies import facts, told

OPTIONS = {"width": 8, "depth": 1, "strategy": "random", "num_initial": 5}


def work(study, num_trials, rng, chance):
    """Claim trials and, by chance, end one of those that run; one that is to pause pauses."""
    running, (step,) = [], study.rung_steps
    with study.ledger as ledger:
        while (claimed := ledger.claim(num_trials)) is not None or running:
            if claimed is not None:
                running.append(claimed)
            if claimed is None or rng.random() < chance:
                one = running.pop(rng.randrange(len(running)))
                score = told(one.number, one.point) or 0.0
                pauses = one.rung is not None
                outcome = Outcome(score=score, is_paused=pauses, rungs={step: score - 1.0})
                ledger.end(one, outcome, lambda trial: None)


@pytest.mark.integration
@pytest.mark.parametrize("num_trials", [22, 23, 24])
def test_what_a_confirmation_knows_does_not_depend_on_who_has_ended(num_trials):
    """Rounds of three, so that the four that confirm begin at every place of a round."""
    signal = oi.sample_signal(size=8)
    options = {"num_trials": num_trials, "num_steps": 250, "rungs": (0.3,), "num_portfolio": 0}
    alone, *others = (oi.create_study(signal, **OPTIONS, **options) for _ in range(4))
    work(alone, num_trials, random.Random(0), 1.0)
    assert [t.origin.kind for t in alone.trials].count("confirmation") == 4
    for seed, study in enumerate(others):
        work(study, num_trials, random.Random(seed), 0.4)
        assert facts(study) == facts(alone)
