"""search(): determinism, resuming, failures, what is stored; on real small trainings."""

import json
import socket
from itertools import count
from signal import SIGINT, raise_signal

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

import optiinr_jax as oi
from optiinr_jax.bo.ties import Ties
from optiinr_jax.search.queue import OWNER
from optiinr_jax.studies import StudyError, compare, confirm, point_to_config
from optiinr_jax.studies import storage as storage_module
from optiinr_jax.studies.points import layer_ties

SMALL = {"num_steps": 20, "width": 8, "depth": 2, "progress": False}


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=12)


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path / 'study.db'}"


def scores(study):
    return [trial.score for trial in study.trials]


def test_presets_come_first_then_the_design_then_the_model(signal):
    study = oi.search(signal, num_trials=13, num_initial=10, **SMALL)
    labels = [trial.preset for trial in study.trials]
    families = ("siren", "finer", "wire_real", "gf")
    assert labels[:4] == [f"{f}, official" for f in families]
    assert all(label.endswith("paper") for label in labels[4:8]) and not any(labels[8:])
    space = oi.inr_space("image", depth=2)
    ties = Ties(space, layer_ties(space))
    design = [ties.expand(point) for point in ties.space.latin_hypercube(0, 2)]
    assert [t.point for t in study.trials[8:10]] == [pytest.approx(p) for p in design]
    assert len({json.dumps(t.point) for t in study.trials}) == 13
    assert study.best_score == max(scores(study))
    assert study.best_inr.score == study.best_score


def test_the_layers_are_alike_at_first_and_then_each_by_itself(signal):
    ties = Ties(oi.inr_space("image", depth=2), layer_ties(oi.inr_space("image", depth=2)))
    for strategy, num_tied in (("optiinr", 10), ("untied", 0)):
        study = oi.search(signal, num_trials=12, num_initial=4, strategy=strategy, **SMALL)
        is_tied = [ties.contract(trial.point) is not None for trial in study.trials]
        assert all(is_tied[8:num_tied]) and not all(is_tied[max(num_tied, 8) :]), strategy


def test_best_inr_keeps_up_while_the_search_goes_on(signal):
    seen = []

    def look(study, trial):
        seen.append(study.best_inr.score == study.best_score)

    study = oi.search(signal, num_trials=8, on_trial_end=look, **SMALL)
    assert seen == [True] * 8
    assert len({max(scores(study)[: i + 1]) for i in range(8)}) > 1  # the best did change


def test_same_seed_same_search(signal):
    first = oi.search(signal, num_trials=11, num_initial=9, **SMALL)
    again = oi.search(signal, num_trials=11, num_initial=9, **SMALL)
    other = oi.search(signal, num_trials=11, num_initial=9, seed=1, **SMALL)
    assert [t.point for t in first.trials] == [t.point for t in again.trials]
    assert scores(first) == scores(again)
    assert scores(first) != scores(other)


def test_the_same_call_continues_and_equals_one_run(signal, storage, tmp_path):
    stored = SMALL | {"storage": storage, "num_initial": 9}
    oi.search(signal, num_trials=4, **stored)
    kept = oi.search(signal, num_trials=11, **stored)
    whole = oi.search(signal, num_trials=11, num_initial=9, **SMALL)
    assert scores(kept) == scores(whole)
    model = tmp_path / "study.sample_image.best.inr.safetensors"
    inr = oi.load_inr(model)
    assert inr.score == kept.best_score and inr.info["trial"] == kept.best_trial.number
    model.unlink()  # the network is trained again, the same, when its file is lost
    again = oi.search(signal, num_trials=11, **stored).best_inr
    assert again.score == kept.best_score
    coords = signal.grid_coords()
    np.testing.assert_array_equal(again.predict(coords), inr.predict(coords))


@pytest.mark.parametrize(
    ("call", "is_queued"),
    [
        ("_create_new_trial", False),
        ("set_trial_state_values", True),
        ("set_trial_state_values", False),
        ("_set_trial_param", False),
        ("set_trial_user_attr", False),
    ],
)
def test_a_signal_at_a_write_leaves_no_trial_running(signal, storage, monkeypatch, call, is_queued):
    dimensions = oi.inr_space("image", depth=1).dimensions
    if not is_queued:  # a space without the published networks, which begin in the queue
        dimensions = dimensions | {"learning_rate_1": oi.bo.Float(1e-2, 2e-2, log=True)}
    stored = SMALL | {"storage": storage, "space": oi.bo.Space(dimensions), "depth": 1}
    backend, calls = storage_module.RDBStorage, count()
    original = getattr(backend, call)

    def interrupted(*arguments, **named):
        result = original(*arguments, **named)
        if next(calls) == 0:
            raise_signal(SIGINT)
        return result

    monkeypatch.setattr(backend, call, interrupted)
    with pytest.raises(KeyboardInterrupt):
        oi.search(signal, num_trials=2, **stored)
    monkeypatch.undo()
    kept = optuna.load_study(study_name=None, storage=storage).trials
    assert kept and all(trial.state != TrialState.RUNNING for trial in kept)
    assert oi.search(signal, num_trials=2, **stored).count_ended() == 2


def test_a_trial_of_a_dead_process_runs_again_with_the_same_values(signal, storage):
    stored = SMALL | {"storage": storage, "num_initial": 9}
    whole = oi.search(signal, num_trials=11, num_initial=9, **SMALL)

    def stop(study, trial):
        if trial.number == 8:
            study.stop()

    assert len(oi.search(signal, num_trials=11, on_trial_end=stop, **stored).trials) == 9
    # What a killed process leaves: a trial that runs, with its values, and an owner that is gone.
    dead = optuna.load_study(study_name=signal.name, storage=storage)
    handle = dead.ask()
    handle.set_user_attr(OWNER, f"{socket.gethostname()}:999999999:x")
    left = oi.bo.suggest(handle, oi.inr_space("image", depth=2))  # not what our sampler would ask
    assert left != whole.trials[9].point
    kept = oi.search(signal, num_trials=11, **stored)
    assert kept.trials[9].point == left and len(kept.trials) == 11
    assert all(trial.state == "complete" for trial in kept.trials)
    assert scores(kept)[:9] == scores(whole)[:9]


def test_a_trial_of_another_machine_is_left_alone_until_it_is_silent(signal, storage, monkeypatch):
    stored = SMALL | {"storage": storage, "num_initial": 9}
    oi.search(signal, num_trials=2, **stored)
    study = oi.load_study(storage)
    elsewhere = study.ask()
    elsewhere.handle.set_user_attr(OWNER, "another-machine:17:x")
    seen = []

    def look(study, trial):
        seen.append(trial.number)

    monkeypatch.setattr(storage_module, "GRACE", 3)
    oi.search(signal, num_trials=4, on_trial_end=look, **stored)
    assert seen == [3, 2]  # the other one's trial when nothing else is left, and it says nothing
    assert [trial.state for trial in study.trials] == ["complete"] * 4
    with pytest.raises(ValueError, match="Cannot tell"):
        study.optuna_study.tell(elsewhere.handle, 99.0)
    assert study.tell(elsewhere, 99.0).score == study.trials[2].score < 99.0


def test_a_diverged_trial_is_recorded_and_never_best(signal):
    wild = oi.bo.Space(
        {
            "activation_1": oi.bo.Choice(["siren"]),
            "omega_1_siren": oi.bo.Float(1e30, 2e38, log=True),
            "learning_rate_1": oi.bo.Float(1e20, 1e38, log=True),
            "encoding": oi.bo.Choice(["none"]),
        }
    )
    study = oi.search(signal, num_trials=3, num_initial=2, space=wild, **SMALL | {"depth": 1})
    assert [trial.state for trial in study.trials] == ["failed"] * 3
    assert "stopped being finite at step" in study.trials[0].reason
    with pytest.raises(StudyError, match="no trial has a score"):
        _ = study.best_score


def test_another_search_under_the_same_name_is_refused(signal, storage):
    oi.search(signal, num_trials=1, storage=storage, name="a", **SMALL)
    with pytest.raises(StudyError, match=r"study 'a' .* was made with another num_steps, seed;"):
        oi.search(
            signal, num_trials=1, storage=storage, name="a", **SMALL | {"num_steps": 9}, seed=3
        )
    other = oi.sample_signal("image", size=13)
    with pytest.raises(StudyError, match="another signal"):
        oi.search(other, num_trials=1, storage=storage, name="a", **SMALL)


@pytest.mark.parametrize("name", ["num_trials", "num_initial", "num_steps", "batch_size"])
@pytest.mark.parametrize("value", [0, -1, True])
def test_counts_are_checked(signal, name, value):
    with pytest.raises(ValueError, match=f"{name} is .*; it must be a whole number from 1 on"):
        oi.search(signal, **{name: value})


def test_unknown_strategy_and_storage(signal, tmp_path):
    with pytest.raises(
        ValueError,
        match="unknown strategy 'magic'; known are optiinr, untied, faithful, random, tpe",
    ):
        oi.search(signal, strategy="magic")
    with pytest.raises(StudyError, match="cannot open the storage"):
        oi.search(signal, storage=f"sqlite:///{tmp_path}/absent/study.db", **SMALL)


@pytest.mark.parametrize("strategy", ["faithful", "random", "tpe"])
def test_other_strategies_share_the_loop_and_resume(signal, strategy, storage):
    options = SMALL | {"num_initial": 8, "strategy": strategy}
    study = oi.search(signal, num_trials=12, **options)
    assert len(study.trials) == 12 and study.trials[0].preset == "siren, official"
    assert len({json.dumps(trial.point) for trial in study.trials}) == 12
    oi.search(signal, num_trials=10, storage=storage, **options)
    again = oi.search(signal, num_trials=12, storage=storage, **options)
    assert [t.point for t in again.trials] == [t.point for t in study.trials]


def test_a_study_of_another_program_is_refused(signal, storage):
    foreign = optuna.create_study(storage=storage, study_name="x", direction="minimize")
    with pytest.raises(StudyError, match="was not made by this program"):
        oi.search(signal, storage=storage, name="x", **SMALL)
    foreign = optuna.create_study(storage=storage, study_name="y", direction="maximize")
    foreign.add_trial(optuna.trial.create_trial(value=100.0))
    with pytest.raises(StudyError, match="was not made by this program"):
        oi.search(signal, storage=storage, name="y", **SMALL)


def test_a_space_of_ones_own_is_checked_first(signal):
    two = oi.inr_space("image", depth=2)
    without = {n: d for n, d in two.dimensions.items() if n != "learning_rate_2"}
    with pytest.raises(ValueError, match="no dimension 'learning_rate_2'"):
        oi.search(signal, space=oi.bo.Space(without), **SMALL)
    with pytest.raises(ValueError, match=r"has 2 layers .*, but depth is 3"):
        oi.search(signal, space=two, **SMALL | {"depth": 3})
    plain = {n: d for n, d in two.dimensions.items() if not n.startswith("encoding")}
    study = oi.search(signal, space=oi.bo.Space(plain), num_trials=1, **SMALL)
    assert study.best_config.encoding is None


def test_a_batch_is_proposed_jointly(signal):
    study = oi.search(signal, num_trials=14, num_initial=9, batch_size=4, **SMALL)
    assert len({json.dumps(trial.point) for trial in study.trials}) == 14


def test_a_batch_resumes_where_it_was(signal, storage):
    options = SMALL | {"num_initial": 9, "batch_size": 4}
    whole = oi.search(signal, num_trials=12, **options)

    def stop(study, trial):
        if trial.number == 9:  # two of the batch 8 to 11 are trained, two are asked
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        oi.search(signal, num_trials=12, on_trial_end=stop, storage=storage, **options)
    again = oi.search(signal, num_trials=12, storage=storage, **options)
    assert [(t.point, t.score) for t in again.trials] == [(t.point, t.score) for t in whole.trials]


def test_compare_trains_on_fresh_seeds_once(signal, tmp_path):
    study = oi.search(signal, num_trials=2, **SMALL)
    path = tmp_path / "comparison.json"
    comparison = compare(study, num_seeds=2, path=path, progress=False)
    assert len(comparison.found.scores) == 2
    assert len(comparison.presets) == 5 and len(comparison.all_protocols) == 15
    assert comparison.gain == comparison.found.mean - comparison.presets[0].mean
    best = max(e.scores[0] for e in comparison.all_protocols)
    assert best == max(e.scores[0] for e in comparison.presets)
    assert study.best_score not in comparison.found.scores  # not the seed that won
    stamp = path.stat().st_mtime_ns
    again = compare(study, num_seeds=2, path=path, progress=False)
    assert again.found.scores == comparison.found.scores and path.stat().st_mtime_ns == stamp
    path.write_text("{broken")
    assert compare(study, num_seeds=2, path=path, progress=False).gain == comparison.gain
    with pytest.raises(ValueError, match="num_seeds is 0"):
        compare(study, num_seeds=0)


def test_confirming_trains_the_best_again_on_seeds_of_its_own(signal):
    study = oi.search(signal, num_trials=4, **SMALL)
    best = study.best_trials(2)
    assert [t.score for t in best] == sorted(scores(study))[:-3:-1]
    entries = confirm(study, num_configs=2, num_seeds=2, progress=False)
    assert {entry.name for entry in entries} == {f"trial {trial.number}" for trial in best}
    assert [entry.mean for entry in entries] == sorted([e.mean for e in entries], reverse=True)
    winner = next(entry for entry in entries if entry.name == f"trial {best[0].number}")
    assert winner.config == study.best_config
    known = {*scores(study), *compare(study, num_seeds=2, progress=False).found.scores}
    assert len({*winner.scores}) == 2 and not known & {*winner.scores}
    assert len(confirm(study, num_configs=9, num_seeds=1, progress=False)) == 4
    with pytest.raises(ValueError, match="num_configs is 0"):
        confirm(study, num_configs=0)
    with pytest.raises(StudyError, match="no trial has a score"):
        confirm(oi.create_study(signal, num_steps=20, width=8, depth=2))


def test_point_to_config_is_what_is_trained(signal):
    study = oi.search(signal, num_trials=1, **SMALL)
    assert study.best_inr.config == study.best_config
    assert study.best_config == point_to_config(study.trials[0].point, width=8)
