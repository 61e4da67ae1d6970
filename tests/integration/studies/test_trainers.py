"""Trials trained elsewhere: process pools, Dask, batches in one program; the same trials always."""

import json
import multiprocessing
import os
import signal as signals_of_the_system
import threading
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax.studies import StudyError
from optiinr_jax.studies.store.schema import DEATHS

# One layer without an encoding compiles fastest, and the strategy needs no surrogate; at 300 steps
# some trials have a score and some collapse. The last four of sixteen confirm.
SMALL = {
    "num_steps": 300,
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


def facts(trials):
    return [(t.number, json.dumps(t.point), t.state, str(t.origin)) for t in trials]


def scores(trials):
    return [np.nan if trial.score is None else trial.score for trial in trials]


def check_same(study, alone):
    assert facts(study.trials) == facts(alone.trials)
    found, expected = scores(study.trials), scores(alone.trials)
    np.testing.assert_allclose(found, expected, atol=1e-4)  # other processes, other rounding
    assert np.isfinite(expected).sum() > 6
    assert study.best_trial.number == alone.best_trial.number
    assert [trial.origin.kind for trial in study.trials[-4:]] == ["confirmation"] * 4


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
    rows = oi.load_study(storage).optuna_study.get_trials()
    assert "RUNNING" not in {row.state.name for row in rows}
    lost = [row for row in rows if row.state.name == "WAITING"]
    deaths = [row.user_attrs.get(DEATHS, 0) for row in lost]  # one may not have been handed over
    assert deaths and max(deaths) == 1
    check_same(oi.search(signal, num_trials=16, storage=storage, **SMALL), alone)


@pytest.mark.needs_dask
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
    """Up to rounding, which a collapse at its threshold and the order of the best may feel."""
    options = SMALL | {"num_confirm": 0}
    study = oi.search(signal, num_trials=12, layout=layout, **options)
    expected = alone.trials[:12]
    assert [trial.point for trial in study.trials] == [trial.point for trial in expected]
    differences = np.abs(np.subtract(scores(study.trials), scores(expected)))
    assert np.nanmax(differences) < 1.0 and np.nanmedian(differences) < 0.05
    states = [(t.state, u.state) for t, u in zip(study.trials, expected, strict=True)]
    assert sum(a != b for a, b in states) <= 1


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


def test_an_executor_without_a_batch_is_warned_of(signal, pool):
    with pytest.warns(UserWarning, match="one trial at a time, because batch_size is 1"):
        oi.search(signal, num_trials=1, executor=pool, **SMALL | {"batch_size": 1})
