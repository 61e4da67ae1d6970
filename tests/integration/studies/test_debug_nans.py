"""JAX_DEBUG_NANS finds real faults alone: nothing here is not a number by design."""

import jax
import numpy as np
import pytest

import optiinr_jax as oi


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_search_and_fits_side_by_side_run_under_it():
    signal = oi.sample_signal("image", 8)
    small = {"num_steps": 12, "width": 8, "depth": 1, "num_portfolio": 0, "rungs": ()}
    with jax.debug_nans(True):
        study = oi.search(signal, num_trials=4, num_initial=2, progress=False, **small)
        fits = oi.fit_many(
            [signal, signal], oi.preset("siren", width=8, depth=1), num_steps=5, progress=False
        )
    assert len(study.trials) == 4 and study.count_ended() == 4
    assert not any("nan" in trial.reason for trial in study.trials)
    assert all(np.isfinite(inr.score) for inr in fits)


def test_a_network_that_diverges_has_failed_under_it(monkeypatch):
    signal = oi.sample_signal("image", 8)
    study = oi.create_study(signal, num_steps=12, width=8, depth=1, strategy="random")
    asked = study.ask()
    from optiinr_jax.studies import training

    def diverges(*_, **__):
        with jax.debug_nans(True):
            return jax.jit(lambda x: x / x)(jax.numpy.zeros(()))

    monkeypatch.setattr(training, "fit", diverges)
    outcome = training.train(study.job(asked.number, asked.point))
    assert outcome.inr is None and "nan" in outcome.reason
