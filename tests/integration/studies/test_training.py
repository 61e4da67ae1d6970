"""What may happen to a trial: stopped, hopeless, too long, too large, disturbed by a callback."""

import dataclasses
import os
import subprocess
import sys
import weakref
from dataclasses import replace
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
import optuna
import pytest

import optiinr_jax as oi
from optiinr_jax.signals import Signal
from optiinr_jax.studies import StudyError
from optiinr_jax.studies.training import Job, train, train_many
from optiinr_jax.studies.trials import trial_key

SMALL = {"num_steps": 500, "width": 8, "depth": 1, "strategy": "random", "progress": False}


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=12)


def test_each_trial_stores_what_it_was(signal):
    study = oi.search(signal, num_trials=1, **SMALL)
    (row,), (trial,) = study.optuna_study.get_trials()[:1], study.trials
    assert oi.inr.NetworkConfig.from_json(row.user_attrs["config"]) == study.config_of(trial.point)
    assert trial.facts["seed"] == [0, 0] and trial.facts["peak_memory_mb"] > 10
    assert {"jax", "python", "optiinr-jax", "device"} <= set(trial.facts["versions"])
    assert trial.facts["matmul_precision"] == "default" and trial.seconds > 0
    assert list(trial.curve) == list(range(50, 501, 50))
    between = trial.facts["between"]
    assert trial.curve[500] == pytest.approx(between, abs=1.0)  # one update later, elsewhere
    scores = study.best_inr.scores
    assert (scores.samples, between, scores.both) == (
        trial.facts["samples"],
        scores.between,
        trial.score,
    )
    assert (trial.facts["control"], trial.facts["control_name"]) == (scores.control, "linear")


def test_a_time_limit_is_a_failure_with_its_reason(signal):
    study = oi.search(
        signal,
        num_trials=2,
        max_trial_seconds=1e-6,
        **SMALL,
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
            **SMALL,
        )


def test_collapsed_networks_end_no_search(signal):
    """Of 4 steps nothing is learned; every trial says so, and the search runs to its end."""
    study = oi.search(signal, num_trials=5, max_failures=1, **(SMALL | {"num_steps": 4}))
    assert [trial.state for trial in study.trials] == ["failed"] * 5
    assert all("collapsed" in trial.reason for trial in study.trials)
    with pytest.raises(StudyError, match="no trial"):
        _ = study.best_config


def make_job(signal, config, *, number=0, num_steps=20, objective="continuous", **more):
    return Job(
        signal=signal,
        config=config,
        objective=objective,
        num_steps=num_steps,
        number=number,
        key=trial_key(0, number),
        info={"search": {"seed": 0}},
        **more,
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
    config = replace(oi.preset("siren", width=8, depth=1), batch_size=batch_size)
    job = make_job(hungry, config)
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


# The limit is that of the system. Parts are large, as on a GPU, so that halves need clearly less.
LITTLE_MEMORY = """
import resource
import optiinr_jax as oi
from optiinr_jax.inr import cost
from optiinr_jax.studies.training import Job, train
from optiinr_jax.studies.trials import trial_key

cost._CORE_VALUES = 2**30
def job(side):
    config, signal = oi.preset("siren", width=512, depth=1), oi.sample_signal("image", side)
    return Job(signal, config, "samples", num_steps=2, number=0, key=trial_key(0, 0), info={})
large = job(256)
train(job(8))  # loads all libraries, which may not fail
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
for megabytes in (330, 170):
    resource.setrlimit(resource.RLIMIT_AS, (size + megabytes * 2**20, -1))
    outcome = train(large)
    print(outcome.facts["max_part"], outcome.inr is not None, outcome.reason)
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is bounded on Linux")
def test_where_the_system_gives_no_more_parts_are_smaller_and_then_it_has_failed():
    """In a process of its own, whose address space ends."""
    plain = {name: value for name, value in os.environ.items() if name[:4] not in ("XLA_", "JAX_")}
    command = [sys.executable, "-c", LITTLE_MEMORY]
    done = subprocess.run(command, capture_output=True, text=True, env=plain)
    retried, failed = done.stdout.splitlines() or [done.stderr, ""]
    assert retried.startswith("32768 True"), retried
    assert failed.startswith("32768 False out of memory, twice: "), failed


def test_a_batch_that_is_too_large_is_halved(hungry):
    config = oi.preset("siren", width=8, depth=1)
    jobs = [make_job(hungry, config, number=i, num_steps=2) for i in range(4)]
    Hungry.meals[0] = 2  # refuses four, then two
    outcomes = train_many(jobs, "vmap")
    assert [outcome.inr is not None for outcome in outcomes] == [True] * 4
    expected = [train(job).value for job in jobs]
    assert [outcome.value for outcome in outcomes] == pytest.approx(expected, abs=1e-4)


def test_a_batch_that_diverges_in_part():
    signal = oi.sample_signal("image", size=8)
    wild = oi.inr.NetworkConfig(
        layers=(oi.inr.make_layer("siren", omega=1e38, learning_rate=1e38),), width=8
    )
    tame = replace(wild, layers=(oi.inr.make_layer("siren", learning_rate=1e-3),))
    jobs = [make_job(signal, config, num_steps=5) for config in (wild, tame)]
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
    steps = [("step", 0, done) for done in range(50, 501, 50)]
    assert trial_0 == [("start", 0, "running"), *steps, ("end", 0, "complete")]
    assert all(trial.is_ended for trial in study.trials)
    assert "logger is down" in study.optuna_study.user_attrs["callback_error:1"]


def test_stop_ends_after_the_trial_and_a_later_call_goes_on(signal):
    calls = []

    def stop(study, trial):
        calls.append(trial.number)
        study.stop()

    study = oi.search(signal, num_trials=3, on_trial_end=stop, **SMALL)
    assert calls == [0] and len(study.trials) == 1


def test_optunas_pruners_stop_the_hopeless(signal):
    """The lower half is stopped in the middle; its last value is what a strategy learns from."""
    options = SMALL | {"num_steps": 200, "num_initial": 9, "num_confirm": 0}
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


def learned_nothing(**fields):
    """A bump too narrow for any sample: the output is a constant, whatever is trained."""
    layer = oi.inr.make_layer("gauss", sigma=1e5, learning_rate=1e-2)
    return oi.inr.NetworkConfig(layers=(layer,), width=8, **fields)


@pytest.mark.parametrize("sampling", ["grid", "shifted"])
def test_a_network_that_ends_as_a_constant_is_a_failure_and_no_score(signal, sampling):
    outcome = train(make_job(signal, learned_nothing(sampling=sampling), num_steps=60))
    assert outcome.value is None and outcome.inr is not None
    assert outcome.reason.startswith("collapsed: its loss ends at ")
    assert {"samples", "between", "control"} <= set(outcome.facts)
    both = train_many([make_job(signal, learned_nothing(sampling=sampling), num_steps=60)], "vmap")
    assert both[0].reason == outcome.reason and both[0].value is None


def test_a_network_that_left_its_level_is_a_failure(signal):
    """Its rate is multiplied late: what it had learned is gone, though it is no constant."""
    layer = oi.inr.make_layer("siren", learning_rate=1e-3)
    config = oi.inr.NetworkConfig(
        layers=(layer,), width=16, schedule="step", lr_step_at=0.9, lr_decay=60.0, sampling="grid"
    )
    calm = replace(config, lr_decay=1.0)
    outcomes = [train(make_job(signal, c, num_steps=600)) for c in (calm, config)]
    assert outcomes[0].reason == "" and outcomes[0].value is not None
    assert outcomes[1].reason.startswith("collapsed: its loss ends at "), outcomes[1]


def test_a_solid_that_is_learned_is_no_collapse():
    """Beside a surface, where losses are measured, a constant is worse than all over the solid."""
    solid = oi.sample_signal("volume", size=8)
    config = oi.preset(
        "siren", modality="volume", protocol="search", width=16, depth=1, factor=20.0
    )
    outcome = train(make_job(solid, config, num_steps=400))
    assert outcome.reason == "" and 0.0 < outcome.value < 1.0
    assert all(score <= 1.0 for score in outcome.curve.values()) and len(outcome.curve) == 10


def test_a_failed_trial_is_never_the_winner(signal):
    study = oi.create_study(
        signal, **{name: value for name, value in SMALL.items() if name != "progress"}
    )
    first = study.ask()
    study.tell(first, 12.0)
    claimed = study.ask().claimed
    outcome = train(make_job(signal, learned_nothing(sampling="grid"), num_steps=60))
    assert study.record(claimed, outcome)
    trial = study.ledger.read(claimed)
    assert trial.state == "failed" and trial.reason == outcome.reason and trial.curve
    assert study.best_trial.number == first.number
