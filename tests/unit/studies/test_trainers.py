"""Options of a run that do not go together, and who trains where nobody says."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from optiinr_jax.studies import RunOptions, trainers
from optiinr_jax.studies.trainers import choose_trainer


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
        ({"layout": "threads", "pruner": "median"}, "trains a batch as one, where pruner cannot"),
    ],
)
def test_what_does_not_go_together_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        choose_trainer(4, RunOptions(**options))


@pytest.mark.parametrize(
    ("batch_size", "options", "expected"),
    [
        (1, {}, "_train_in_turn"),
        (4, {}, "_train_jointly"),
        (4, {"layout": "sequence"}, "_train_in_turn"),
        (1, {"layout": "vmap"}, "_train_in_turn"),
        (4, {"pruner": "median"}, "_train_in_turn"),
        (4, {"max_trial_seconds": 9.0}, "_train_in_turn"),
        (4, {"executor": ThreadPoolExecutor(1)}, "_train_elsewhere"),
    ],
)
def test_who_trains(batch_size, options, expected):
    assert choose_trainer(batch_size, RunOptions(**options)) is getattr(trainers, expected)


def test_an_executor_that_forks_is_refused():
    """JAX hangs in the copies of a process that has used it."""
    for method in multiprocessing.get_all_start_methods():
        pool = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method))
        options = RunOptions(executor=pool)
        if method == "fork":
            with pytest.raises(ValueError, match="the executor forks this process, in whose cop"):
                choose_trainer(4, options)
        else:
            assert choose_trainer(4, options) is trainers._train_elsewhere
