"""Trials trained elsewhere: process pools, Dask, batches in one program; the same trials always."""

import json
import multiprocessing
import os
import signal as signals_of_the_system
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import optuna
import pytest

import optiinr_jax as oi
from optiinr_jax.studies import StudyError

# One layer without an encoding compiles fastest, and the strategy needs no surrogate.
SMALL = {
    "num_steps": 20,
    "width": 8,
    "depth": 1,
    "num_initial": 6,
    "strategy": "random",
    "batch_size": 4,
    "progress": False,
}


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=12)


@pytest.fixture(scope="module")
def alone(signal):
    """What one process finds, one trial after the other."""
    return oi.search(signal, num_trials=16, **SMALL)


def facts(study):
    return [(trial.number, json.dumps(trial.point), trial.state) for trial in study.trials]


def check_same(study, alone):
    assert facts(study) == facts(alone)
    scores, expected = ([t.score for t in s.trials] for s in (study, alone))
    np.testing.assert_allclose(scores, expected, atol=1e-4)  # other processes, other rounding
    assert study.best_trial.number == alone.best_trial.number


@pytest.fixture(scope="module")
def pool():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        yield executor


def test_a_process_pool_gives_the_same_trials(signal, alone, pool):
    study = oi.search(signal, num_trials=16, executor=pool, **SMALL)
    check_same(study, alone)
    assert study.best_inr.score == study.best_score
    assert all(trial.facts["versions"] and trial.seconds for trial in study.trials)


def test_a_pool_that_loses_a_worker_loses_no_trial(signal, alone, tmp_path):
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(2, mp_context=context)
    victims = []

    def kill(study, trial):
        if trial.number >= 5 and not victims:
            victims.extend(executor._processes)
            os.kill(victims[0], signals_of_the_system.SIGKILL)

    with executor, pytest.raises(StudyError, match=r"lost its workers .* back in the queue"):
        oi.search(
            signal, num_trials=16, executor=executor, storage=storage, on_trial_end=kill, **SMALL
        )
    states = [t.state.name for t in oi.load_study(storage).optuna_study.get_trials()]
    assert "RUNNING" not in states and "WAITING" in states
    check_same(oi.search(signal, num_trials=16, storage=storage, **SMALL), alone)


def test_dask_with_a_worker_killed_in_the_middle(signal, alone):
    distributed = pytest.importorskip("distributed", reason='needs the extra "dask"')
    import dask

    quiet = {"distributed.logging.distributed": "critical", "distributed.admin.tick.limit": "1h"}
    killed = []

    def kill(study, trial):
        if trial.number >= 5 and not killed:
            killed.append(next(iter(client.scheduler_info()["workers"].values()))["id"])
            pids = list(client.run(os.getpid).values())
            os.kill(pids[0], signals_of_the_system.SIGKILL)

    with (
        dask.config.set(quiet),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        executor = client.get_executor()
        study = oi.search(signal, num_trials=16, executor=executor, on_trial_end=kill, **SMALL)
    assert killed
    check_same(study, alone)


@pytest.mark.parametrize("layout", ["vmap", "threads"])
def test_a_batch_trained_together_gives_the_same_trials(signal, alone, layout):
    check_same(oi.search(signal, num_trials=16, layout=layout, **SMALL), alone)


def test_threads_may_share_a_study_in_one_process(signal, alone, tmp_path):
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    found = []

    def help_out():
        found.append(oi.search(signal, num_trials=16, storage=storage, **SMALL))

    threads = [threading.Thread(target=help_out) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    check_same(found[0], alone)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"executor": ThreadPoolExecutor(1), "pruner": "median"},
            "elsewhere, where pruner cannot look",
        ),
        (
            {"executor": ThreadPoolExecutor(1), "on_trial_step": print},
            "elsewhere, where on_trial_step cannot look",
        ),
        ({"layout": "vmap", "max_trial_seconds": 1.0}, "where max_trial_seconds cannot look"),
        ({"layout": "pile"}, "unknown layout 'pile'; known are sequence, threads, vmap"),
        ({"pruner": "axe"}, "unknown pruner 'axe'; known are median"),
    ],
)
def test_what_does_not_go_together_is_refused(signal, options, message):
    with pytest.raises(ValueError, match=message):
        oi.search(signal, num_trials=2, **SMALL, **options)


def test_an_executor_without_a_batch_is_warned_of(signal, pool):
    with pytest.warns(UserWarning, match="one trial at a time, because batch_size is 1"):
        oi.search(signal, num_trials=1, executor=pool, **SMALL | {"batch_size": 1})


def test_optunas_own_heartbeats_see_our_trials(signal, tmp_path):
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    study = oi.create_study(
        signal, storage=storage, **{k: v for k, v in SMALL.items() if k != "progress"}
    )
    asked = study.ask()
    assert study.optuna_study._storage._get_stale_trial_ids(study.optuna_study._study_id) == []
    rows = optuna.load_study(study_name=signal.name, storage=storage).get_trials()
    assert rows[asked.number].state.name == "RUNNING"
