"""What may happen to a trial: stopped, hopeless, too long, too large, disturbed by a callback."""

import dataclasses
import math
import weakref
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
import optuna
import pytest

import optiinr_jax as oi
from optiinr_jax.signals import Signal
from optiinr_jax.studies import StudyError
from optiinr_jax.studies.pruners import PRUNERS, make_pruner
from optiinr_jax.studies.training import (
    Job,
    is_out_of_memory,
    learning_curve,
    score_of_loss,
    train,
    train_many,
)

SMALL = {"num_steps": 20, "width": 8, "depth": 1, "strategy": "random", "progress": False}


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=12)


def test_each_trial_stores_what_it_was(signal):
    study = oi.search(signal, num_trials=2, **SMALL)
    row = study.optuna_study.get_trials()[1]
    trial = study.trials[1]
    assert oi.inr.NetworkConfig.from_json(row.user_attrs["config"]) == study.config_of(trial.point)
    assert trial.facts["seed"] == [0, 1] and trial.facts["peak_memory_mb"] > 10
    assert {"jax", "python", "optiinr-jax", "device"} <= set(trial.facts["versions"])
    assert trial.facts["matmul_precision"] == "default" and trial.seconds > 0
    assert list(trial.curve) == list(range(2, 21, 2))
    assert trial.curve[20] == pytest.approx(trial.score, abs=0.5)  # one update later


@pytest.mark.parametrize("kind", ["image", "audio", "volume"])
def test_the_curve_is_the_score_of_the_loss(kind):
    signal = oi.sample_signal(kind, {"image": 16, "audio": 256, "volume": 8}[kind])
    assert score_of_loss(signal, 1e-30) >= 1.0
    rng = np.random.default_rng(0)
    values = signal.values + 0.1 * rng.normal(size=signal.values.shape).astype(np.float32)
    loss = float(np.mean((values - signal.values) ** 2))
    if kind == "volume":
        assert score_of_loss(signal, signal.variance()) == pytest.approx(0.0)
    else:
        assert score_of_loss(signal, loss) == pytest.approx(signal.score(values), abs=1e-3)


def test_a_curve_has_few_points_and_no_holes(signal):
    assert list(learning_curve(signal, np.full(3, 0.1))) == [1, 2, 3]
    assert len(learning_curve(signal, np.full(1000, 0.1))) == 10
    assert list(learning_curve(signal, np.array([0.1, np.nan]))) == [1]


def test_a_time_limit_is_a_failure_with_its_reason(signal):
    study = oi.search(
        signal,
        num_trials=2,
        max_trial_seconds=1e-6,
        **SMALL | {"num_steps": 500},
    )
    assert [trial.state for trial in study.trials] == ["failed"] * 2
    assert "reached the limit of 1e-06 s for a trial at step 50 of 500" == study.trials[0].reason


def test_too_many_failures_end_the_search(signal):
    with pytest.raises(StudyError, match="the last 3 trials failed, the last one because reached"):
        oi.search(
            signal,
            num_trials=9,
            max_trial_seconds=1e-6,
            max_failures=3,
            **SMALL | {"num_steps": 500},
        )


class Hungry(Signal):
    """Asks for 16 TiB, which the system refuses, as often as `meals` says."""

    meals: ClassVar[list[int]] = [0]
    plates: ClassVar[list[weakref.ref]] = []  # what the attempts had in memory when they failed

    def targets(self):
        assert all(plate() is None for plate in self.plates), "memory is still taken"
        self.meals[0] -= 1
        if self.meals[0] >= 0:
            plate = jnp.zeros(8)
            self.plates.append(weakref.ref(plate))
            jnp.zeros(2**42).block_until_ready()
        return super().targets()


@pytest.fixture
def hungry(signal):
    names = [field.name for field in dataclasses.fields(signal)]
    return Hungry(**{name: getattr(signal, name) for name in names})


@pytest.mark.parametrize(("batch_size", "half"), [(None, 72), (100, 50), (1000, 72)])
def test_memory_that_does_not_suffice_once_gets_another_try_with_half(hungry, batch_size, half):
    """144 points: the whole grid, mini-batches of 100, and no more than there are."""
    config = dataclasses.replace(oi.preset("siren", width=8, depth=1), batch_size=batch_size)
    job = Job(hungry, config, 0, {"num_steps": 20, "seed": 0})
    Hungry.meals[0] = 1
    outcome = train(job)
    assert outcome.facts["max_part"] == half
    undisturbed = train(job)
    assert "max_part" not in undisturbed.facts
    assert outcome.value == pytest.approx(undisturbed.value, abs=1e-3)
    np.testing.assert_allclose(outcome.inr.history, undisturbed.inr.history, rtol=1e-4)
    Hungry.meals[0] = 2
    outcome = train(job)
    assert outcome.inr is None and outcome.reason.startswith("out of memory, twice: RESOURCE_EXH")
    assert "seconds" in outcome.facts


def test_a_batch_that_is_too_large_is_halved(hungry):
    config, settings = oi.preset("siren", width=8, depth=1), {"num_steps": 2, "seed": 0}
    jobs = [Job(hungry, config, i, settings) for i in range(4)]
    Hungry.meals[0] = 2  # refuses four, then two
    outcomes = train_many(jobs, "vmap")
    assert [outcome.inr is not None for outcome in outcomes] == [True] * 4
    expected = [train(job).value for job in jobs]
    assert [outcome.value for outcome in outcomes] == pytest.approx(expected, abs=1e-4)


def test_what_counts_as_out_of_memory():
    assert is_out_of_memory(MemoryError()) and not is_out_of_memory(ValueError("no"))
    assert is_out_of_memory(RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 byte"))


def test_a_batch_that_diverges_in_part():
    signal = oi.sample_signal("image", size=8)
    wild = oi.inr.NetworkConfig(
        layers=(oi.inr.make_layer("siren", omega=1e38, learning_rate=1e38),), width=8
    )
    jobs = [
        Job(signal, c, 0, {"num_steps": 5, "seed": 0})
        for c in (wild, oi.preset("siren", width=8, depth=1))
    ]
    bad, good = train_many(jobs, "vmap")
    assert bad.inr is None and "stopped being finite" in bad.reason
    assert good.inr is not None and good.inr.info["trial"] == 0


def test_callbacks_see_everything_and_cost_nothing(signal):
    seen = []

    def start(study, trial):
        seen.append(("start", trial.number, trial.state))

    def step(study, trial, done, score):
        seen.append(("step", trial.number, done))
        assert trial.curve[done] == score
        raise RuntimeError("the network of the logger is down")

    def end(study, trial):
        seen.append(("end", trial.number, trial.state))

    with pytest.warns(UserWarning, match=r"step raised RuntimeError: .* down; the search goes on"):
        study = oi.search(
            signal,
            num_trials=2,
            on_trial_start=start,
            on_trial_step=step,
            on_trial_end=end,
            **SMALL,
        )
    trial_0 = [entry for entry in seen if entry[1] == 0]
    assert trial_0 == [("start", 0, "running"), ("step", 0, 20), ("end", 0, "complete")]
    assert [trial.state for trial in study.trials] == ["complete"] * 2
    assert "logger is down" in study.optuna_study.user_attrs["callback_error:1"]


def test_stop_ends_after_the_trial_and_a_later_call_goes_on(signal):
    calls = []

    def stop(study, trial):
        calls.append(trial.number)
        study.stop()

    study = oi.search(signal, num_trials=3, on_trial_end=stop, **SMALL)
    assert calls == [0] and len(study.trials) == 1


def test_optunas_pruners_stop_the_hopeless(signal):
    """The lower half is stopped in the middle; its last value is what the surrogate learns from."""
    options = SMALL | {"num_steps": 200, "strategy": "optiinr", "num_initial": 9}
    plain = oi.search(signal, num_trials=9, **options)
    limit = float(np.median([trial.curve[100] for trial in plain.trials]))
    rule = optuna.pruners.ThresholdPruner(lower=limit, n_warmup_steps=100)
    study = oi.search(signal, num_trials=11, pruner=rule, **options)
    pruned = [trial for trial in study.trials if trial.state == "pruned"]
    assert pruned and all(
        (trial.state == "pruned") == (plain.trials[trial.number].curve[100] < limit)
        for trial in study.trials[:9]
    )
    for trial in pruned:
        assert trial.score is None and trial.reason == "hopeless after 100 steps"
        assert list(trial.curve)[-1] == 100
        row = study.optuna_study.get_trials()[trial.number]
        assert row.value == trial.curve[100]  # as the sampler reads it
    assert study.best_trial.state == "complete"


@pytest.mark.parametrize("name", PRUNERS)
def test_rules_by_name_keep_the_best(signal, name):
    options = SMALL | {"num_steps": 200, "num_initial": 8, "depth": 2}
    study = oi.search(signal, num_trials=14, pruner=name, **options)
    assert {trial.state for trial in study.trials} <= {"complete", "pruned"}
    assert study.best_trial.score is not None and math.isfinite(study.best_score)
    assert isinstance(make_pruner(name, 200, 8), optuna.pruners.BasePruner)
    assert make_pruner(None, 200, 8) is None
