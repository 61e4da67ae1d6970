"""search(): determinism, resuming, what a signal leaves behind; on real small trainings."""

import json
import socket
from itertools import count
from signal import SIGINT, raise_signal

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

import optiinr_jax as oi
from optiinr_jax.inr.task import resolve
from optiinr_jax.processes import this_process
from optiinr_jax.studies import StudyError, point_to_config
from optiinr_jax.studies.store import connection
from tests.studies import optuna_storage

SMALL = {"num_steps": 300, "width": 8, "depth": 1, "progress": False}
RANDOM = SMALL | {"strategy": "random"}
NUM_TRIALS, NUM_INITIAL = 16, 9  # the model proposes three, four confirm


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=12)


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path / 'study.db'}"


def facts(study):
    return [(t.number, json.dumps(t.point), t.state, t.score, str(t.origin)) for t in study.trials]


@pytest.fixture(scope="module")
def whole(signal):
    """The default strategy in one call, and what a callback sees on the way."""
    seen = []

    def look(study, trial):
        if any(trial.score is not None for trial in study.trials):
            seen.append((study.best_inr.score == study.best_score, study.best_trial.number))

    study = oi.search(
        signal, num_trials=NUM_TRIALS, num_initial=NUM_INITIAL, on_trial_end=look, **SMALL
    )
    return study, seen


def test_a_search_has_its_four_parts(whole):
    study, _ = whole
    kinds = [trial.origin.kind for trial in study.trials]
    num_published = kinds.count("published")
    assert kinds[:num_published] == ["published"] * num_published and num_published > 4
    assert kinds[num_published:NUM_INITIAL] == ["design"] * (NUM_INITIAL - num_published)
    assert kinds[NUM_INITIAL:-4] == ["proposed"] * 3 and kinds[-4:] == ["confirmation"] * 4
    different = {json.dumps(trial.point) for trial in study.trials[:-4]}
    assert len(different) == NUM_TRIALS - 4


def test_the_best_network_keeps_up_while_the_search_goes_on(whole):
    study, seen = whole
    assert seen and all(is_same for is_same, _ in seen)
    assert len({number for _, number in seen}) > 1  # the best did change
    _, config, _ = resolve(study.signal, study.best_config, None)
    assert study.best_inr.config == config
    assert study.best_config == point_to_config(study.winner.point, width=8)
    assert len(study.winner.scores) > 1


def test_the_same_call_continues_and_equals_one_run(signal, whole, storage, tmp_path):
    stored = SMALL | {"storage": storage, "num_initial": NUM_INITIAL}

    def stop(study, trial):
        if trial.number == 10:  # while the model proposes
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        oi.search(signal, num_trials=NUM_TRIALS, on_trial_end=stop, **stored)
    kept = oi.search(signal, num_trials=NUM_TRIALS, **stored)
    assert facts(kept) == facts(whole[0])
    model = tmp_path / "study.sample_image.best.inr.safetensors"
    inr = oi.load_inr(model)
    assert inr.score == kept.best_score and inr.info["trial"] == kept.best_trial.number
    model.unlink()  # the network is trained again, the same, when its file is lost
    again = oi.load_study(storage).best_inr
    assert again.score == kept.best_score and model.is_file()
    coords = signal.grid_coords()
    np.testing.assert_array_equal(again.predict(coords), inr.predict(coords))


def test_another_seed_is_another_search(signal):
    first, again, other = (
        oi.search(signal, num_trials=9, seed=seed, **RANDOM) for seed in (0, 0, 1)
    )
    assert facts(first) == facts(again) != facts(other)


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
        dimensions = dimensions | {"learning_rate_1": oi.bo.Float(5e-3, 6e-3, log=True)}
    stored = RANDOM | {"storage": storage, "space": oi.bo.Space(dimensions)}
    backend, calls = connection.RDBStorage, count()
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
    kept = optuna.load_study(study_name=None, storage=optuna_storage(storage)).trials
    assert kept and all(trial.state != TrialState.RUNNING for trial in kept)
    assert oi.search(signal, num_trials=2, **stored).count_ended() == 2


@pytest.mark.skipif(not this_process(), reason="the system does not name processes")
def test_an_abandoned_trial_is_taken_up_with_its_point(signal, storage):
    options = {name: value for name, value in RANDOM.items() if name != "progress"}
    study = oi.create_study(signal, storage=storage, **options)
    left = study.ask()
    place = this_process().partition("-")[2].partition("-")[2]  # namespace and boot
    gone = f"{socket.gethostname()}:999999999:999999999-1-{place}:x"
    study.ledger.rows.storage.set_trial_user_attr(left.claimed.row, "owner", gone)
    done = oi.search(signal, num_trials=2, storage=storage, **RANDOM)
    assert done.trials[0].point == left.point and done.count_ended() == 2


def test_a_loop_of_ones_own_trains_what_search_would_train(signal):
    """With the configuration and the key that it gets."""
    searched = oi.search(signal, num_trials=2, **RANDOM)
    study = oi.create_study(signal, num_steps=300, width=8, depth=1, strategy="random")
    for expected in searched.trials:
        asked = study.ask()
        assert asked.point == expected.point
        inr = oi.fit(
            signal,
            asked.config,
            objective=study.settings.aim,
            num_steps=300,
            key=asked.key,
            share_program=True,
            progress=False,
            warn=False,
        )
        assert study.tell(asked, inr).score == expected.score
    assert study.best_inr.score == study.best_score == searched.best_score


def test_a_diverged_trial_is_recorded_and_never_best(signal):
    wild = oi.bo.Space(
        {
            "activation_1": oi.bo.Choice(["siren"]),
            "omega_1_siren": oi.bo.Float(1e30, 2e38, log=True),
            "learning_rate_1": oi.bo.Float(1e20, 1e38, log=True),
            "encoding": oi.bo.Choice(["none"]),
        }
    )
    study = oi.search(signal, num_trials=3, num_initial=2, space=wild, **RANDOM)
    assert [trial.state for trial in study.trials] == ["failed"] * 3
    assert "stopped being finite at step" in study.trials[0].reason
    with pytest.raises(StudyError, match="no trial has a score"):
        _ = study.best_score


@pytest.mark.parametrize("objective", ["continuous", "samples"])
def test_the_objective_is_stored_and_searched(signal, storage, objective):
    study = oi.search(signal, num_trials=1, objective=objective, storage=storage, **RANDOM)
    found = oi.load_study(storage)
    assert found.settings.objective == found.settings.aim == objective
    trial = study.trials[0]
    expected = study.best_inr.scores
    aim = expected.both if objective == "continuous" else expected.samples
    assert trial.score == aim == study.best_score
    assert study.best_inr.objective == objective
    sampling = {"continuous": "shifted", "samples": "grid"}[objective]
    assert study.best_inr.config.sampling == sampling


def test_every_kind_of_signal_is_searched():
    for kind, size in (("audio", 64), ("volume", 6)):
        study = oi.search(oi.sample_signal(kind, size), num_trials=1, **RANDOM)
        assert study.trials[0].is_ended and study.trials[0].seconds > 0


def test_extended_it_is_never_worse_and_the_study_keeps_what_it_has(whole):
    study, _ = whole
    before = study.best_inr
    longer = study.extend(400, progress=False)
    assert longer.score > before.score  # such short trainings have more to gain
    assert longer.num_steps == 400 and longer.config.layers[0].activation
    assert study.best_inr is before
    shorter = study.extend(1, progress=False)
    assert shorter.score >= before.score


CONSTANT = {
    "cube": oi.make_signal("volume", np.ones((6, 6, 6, 1), bool)),
    "grey": oi.make_signal("image", np.full((8, 8, 3), 0.5)),
}


@pytest.mark.parametrize("name", CONSTANT)
@pytest.mark.filterwarnings("error::optiinr_jax.inr.FloorWarning")
def test_a_signal_of_one_value_has_a_score(name):
    """The error of the best constant is 0 there: nothing is divided by it, or compared with it."""
    options = {"num_initial": 2, "num_portfolio": 0, "num_steps": 300, "width": 8, "depth": 2}
    study = oi.search(CONSTANT[name], num_trials=2, progress=False, **options)
    assert study.best_score > {"cube": 0.99, "grey": 20.0}[name]
    assert not any(trial.reason for trial in study.trials)
