"""The Optuna sampler on define-by-run studies; its inferred space has the structure of SPACE."""

import json
import math
import subprocess
import sys
import threading
import warnings

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from optiinr_jax.bo import Choice, Float, Int, OptiINRSampler, Space, suggest
from optiinr_jax.bo.distributions import infer_bridges, make_bridge, to_distribution
from optiinr_jax.bo.sampler import PROPOSAL
from tests.helpers import count_compiled
from tests.studies import optuna_storage

SPACE = Space(
    {
        "act": Choice(["a", "b"]),
        "omega": Float(1, 100, log=True, when={"act": "a"}),
        "n": Int(1, 8),
    }
)


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def value_of(act, n, omega=None):
    return 6 - abs(n - 2) if act == "b" else 10 - abs(math.log10(omega) - 1) * 8 - abs(n - 5)


def by_run(trial):
    act = trial.suggest_categorical("act", ["a", "b"])
    omega = trial.suggest_float("omega", 1, 100, log=True) if act == "a" else None
    return value_of(act, trial.suggest_int("n", 1, 8), omega)


def run(sampler, num=24, f=by_run, direction="maximize"):
    study = optuna.create_study(sampler=sampler, direction=direction)
    study.optimize(f, n_trials=num)
    return study


@pytest.mark.integration
def test_beats_random_and_minimising_mirrors_maximising():
    up = run(OptiINRSampler(seed=1, num_initial=8))
    down = run(OptiINRSampler(seed=1, num_initial=8), f=lambda t: -by_run(t), direction="minimize")
    assert [t.params for t in up.trials] == [t.params for t in down.trials]
    random = run(optuna.samplers.RandomSampler(seed=1))
    assert up.best_value > max(9.7, random.best_value)


def test_a_given_space_is_used_from_the_first_trial():
    study = run(
        OptiINRSampler(space=SPACE, num_initial=4), 4, lambda t: value_of(**suggest(t, SPACE))
    )
    assert [t.params for t in study.trials] == SPACE.latin_hypercube(0, 4)


def test_enqueued_trials_shorten_the_design():
    study = optuna.create_study(sampler=OptiINRSampler(space=SPACE, num_initial=4))
    study.enqueue_trial({"act": "b", "n": 2})
    study.enqueue_trial({"act": "b", "n": 3})
    study.optimize(lambda t: value_of(**suggest(t, SPACE)), n_trials=4)
    assert [t.params for t in study.trials[2:]] == SPACE.latin_hypercube(0, 2)


@pytest.mark.integration
def test_a_fresh_sampler_continues_identically(tmp_path):
    storage = f"sqlite:///{tmp_path}/study.db"
    study = optuna.create_study(
        storage=optuna_storage(storage),
        study_name="a",
        sampler=OptiINRSampler(num_initial=5),
        direction="maximize",
    )
    study.optimize(by_run, n_trials=7)
    later = optuna.load_study(
        storage=optuna_storage(storage), study_name="a", sampler=OptiINRSampler(num_initial=5)
    )
    later.optimize(by_run, n_trials=2)
    whole = run(OptiINRSampler(num_initial=5), 9)
    assert [t.params for t in later.trials] == [t.params for t in whole.trials]


@pytest.mark.integration
def test_running_trials_are_pending():
    study = run(OptiINRSampler(num_initial=5), 8)
    trials = [study.ask() for _ in range(3)]
    for trial in trials:
        trial.suggest_categorical("act", ["a", "b"])  # the rest is proposed, not yet suggested
    proposals = [study.trials[t.number].system_attrs[PROPOSAL] for t in trials]
    assert len(set(proposals)) == 3


@pytest.mark.integration
def test_failed_and_pruned_trials_are_used():
    def f(trial):
        value = by_run(trial)
        if trial.params["act"] == "b":
            return math.nan  # Optuna marks it as failed
        trial.report(value, step=0)
        if trial.number % 3 == 0:
            raise optuna.TrialPruned
        return value

    study = run(OptiINRSampler(num_initial=8), 24, f)
    assert {t.state for t in study.trials} == {
        TrialState.COMPLETE,
        TrialState.PRUNED,
        TrialState.FAIL,
    }
    assert study.best_value > 9.3
    assert sum(t.params["act"] == "b" for t in study.trials[8:]) <= 4


@pytest.mark.integration
def test_threads_share_a_study():
    study = optuna.create_study(sampler=OptiINRSampler(space=SPACE, num_initial=6))
    study.optimize(lambda t: -value_of(**suggest(t, SPACE)), n_trials=14, n_jobs=3)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 14
    assert len({repr(t.params) for t in study.trials}) == 14


@pytest.mark.integration
def test_two_that_propose_at_one_moment_take_two_points(monkeypatch):
    """Both have drawn the same one, an end of the range, before either writes its proposal."""
    space = Space({"x": Float(0.0, 1.0)})
    study = optuna.create_study(sampler=OptiINRSampler(space=space, num_initial=4))
    study.optimize(lambda t: suggest(t, space)["x"], n_trials=4)
    storage, both = study._storage, threading.Barrier(2)
    write, waited = storage.set_trial_system_attr, set()

    def together(trial_id, key, value):
        if trial_id not in waited:
            waited.add(trial_id)
            both.wait(60)
        write(trial_id, key, value)

    monkeypatch.setattr(storage, "set_trial_system_attr", together)
    study.optimize(lambda t: suggest(t, space)["x"], n_trials=2, n_jobs=2)
    first, second = (trial.params["x"] for trial in study.trials[4:])
    assert first != second


WORKER = """
import math, sys, warnings, optuna
from optiinr_jax.bo import Choice, Float, Int, OptiINRSampler, Space, suggest
optuna.logging.set_verbosity(optuna.logging.ERROR)
space = Space({
    "act": Choice(["a", "b"]),
    "omega": Float(1, 100, log=True, when={"act": "a"}),
    "n": Int(1, 8),
})
sampler = OptiINRSampler(space=space, num_initial=4)
study = optuna.load_study(storage=sys.argv[1], study_name="a", sampler=sampler)
study.optimize(lambda t: suggest(t, space)["n"], n_trials=4)
"""


@pytest.mark.integration
def test_processes_share_a_study(tmp_path):
    storage = f"sqlite:///{tmp_path}/study.db"
    others = optuna_storage(storage)
    study = optuna.create_study(storage=others, study_name="a", direction="maximize")
    command = [sys.executable, "-c", WORKER, storage]
    workers = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    for worker in workers:
        assert worker.wait(300) == 0, worker.stderr.read().decode()
        worker.stderr.close()
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 8
    assert len({repr(t.params) for t in study.trials}) == 8


@pytest.mark.integration
def test_a_space_that_changes_between_trials():
    """A parameter appears late, a range moves, an option is added under another name."""

    def f(trial):
        low = 0.0 if trial.number < 8 else 0.5  # values proposed before may be outside now
        score = trial.suggest_float("x", low, 2.0)
        if trial.number >= 6:
            score += trial.suggest_int("late", 1, 4)
        if trial.number % 2:
            score += {"u": 0.0, "v": 1.0}[trial.suggest_categorical("sometimes", ["u", "v"])]
        return score

    study = run(OptiINRSampler(num_initial=4), 12, f)
    assert all(t.state == TrialState.COMPLETE for t in study.trials)
    assert all(0.5 <= t.params["x"] <= 2.0 and "late" in t.params for t in study.trials[8:])


def test_conditions_are_inferred():
    def f(trial):
        if trial.suggest_categorical("act", ["a", "b", "c"]) != "c":
            trial.suggest_float("omega", 1, 2)
        if trial.suggest_int("n", 1, 8) > 4:  # depends on a number: cannot be told
            trial.suggest_float("extra", 0, 1)
        return 0.0

    bridges = infer_bridges(run(optuna.samplers.RandomSampler(seed=0), 40, f).trials)
    assert next(iter(bridges)) == "act"
    assert bridges["omega"].dimension == Float(1, 2, when={"act": (0, 1)})
    assert bridges["extra"].dimension.when is None and bridges["n"].dimension == Int(1, 8)


@pytest.mark.integration
def test_conditions_on_conditional_and_on_several_choices_are_inferred():
    def f(trial):
        kind = trial.suggest_categorical("kind", ["none", "fourier", "hash"])
        sign = trial.suggest_categorical("sign", [False, True])
        if kind != "none":
            shape = trial.suggest_categorical("shape", ["normal", "uniform"])
            if shape == "normal":
                trial.suggest_float("sigma", 1, 2)
        if kind == "hash" and sign:
            trial.suggest_int("table", 4, 8)
        return 0.0

    bridges = infer_bridges(run(optuna.samplers.RandomSampler(seed=1), 80, f).trials)
    whens = {name: bridge.dimension.when for name, bridge in bridges.items()}
    assert whens["kind"] is None and whens["sign"] is None
    assert whens["shape"] == {"kind": (1, 2)}
    assert whens["sigma"] == {"shape": (0,)}
    assert whens["table"] == {"kind": (2,), "sign": (1,)}
    assert run(OptiINRSampler(num_initial=20), 24, f).best_value == 0.0


@pytest.mark.parametrize(
    "distribution",
    [
        FloatDistribution(0.1, 0.9, step=0.2),
        FloatDistribution(1e-5, 1e-1, log=True),
        IntDistribution(2, 10, step=4),
        IntDistribution(1, 64, log=True),
        CategoricalDistribution([None, True, "x", 2.5]),
    ],
)
def test_distributions_are_honoured(distribution):
    bridge = make_bridge(distribution)
    dimension = bridge.dimension
    for u in (0.0, 0.13, 0.4999, 0.77, 1.0):
        value = bridge.to_optuna(dimension.from_unit(u))
        assert distribution._contains(distribution.to_internal_repr(value))
        if not isinstance(distribution, CategoricalDistribution):
            assert type(value) is (int if isinstance(distribution, IntDistribution) else float)
            off = (value - distribution.low) / (distribution.step or 1e-300)
            assert distribution.step is None or off == pytest.approx(round(off))
        assert bridge.to_optuna(bridge.to_space(value)) == value
    assert bridge.to_optuna(dimension.from_unit(0.0)) == getattr(distribution, "low", None)


def test_dimensions_become_distributions():
    assert to_distribution(Int(1, 8, log=True)) == IntDistribution(1, 8, log=True)
    assert to_distribution(Float(1, 8)) == FloatDistribution(1, 8)
    assert to_distribution(Choice("ab")) == CategoricalDistribution(("a", "b"))


def test_bad_uses_are_refused():
    with pytest.raises(ValueError, match="kernel is 'rbf'"):
        OptiINRSampler(kernel="rbf")
    for name, value in {"prior": {"x": (0.5, 0.1)}, "ties": {"x_1": "x"}}.items():
        with pytest.raises(ValueError, match=f"{name} names dimensions, .*give the space too"):
            OptiINRSampler(**{name: value})


@pytest.mark.integration
def test_a_sampler_that_holds_some_names_goes_with_ours():
    """Optuna's PartialFixedSampler asks for the rest alone."""
    ours = OptiINRSampler(num_initial=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        fixed = optuna.samplers.PartialFixedSampler({"n": 3}, ours)
    study = optuna.create_study(sampler=fixed)
    study.optimize(lambda t: t.suggest_float("x", 0, 1) + t.suggest_int("n", 1, 8), n_trials=6)
    assert [t.params["n"] for t in study.trials] == [3] * 6
    assert all(t.state == TrialState.COMPLETE for t in study.trials)


@pytest.mark.integration
def test_what_a_trial_has_been_given_is_held_in_its_proposal():
    """By a queue or by Optuna's PartialFixedSampler: the rest is the best beside it."""

    def f(trial):
        return -4 * (trial.suggest_float("x", 0, 1) - trial.suggest_float("z", 0, 1)) ** 2

    study = optuna.create_study(sampler=OptiINRSampler(num_initial=4), direction="maximize")
    ends = dict.fromkeys("xz", FloatDistribution(0, 1))
    for point in Space({"x": Float(0, 1), "z": Float(0, 1)}).sample(1, 24):
        value = -4 * (point["x"] - point["z"]) ** 2
        study.add_trial(optuna.create_trial(params=point, distributions=ends, value=value))
    study.enqueue_trial({"z": 0.2})
    study.optimize(f, n_trials=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study.sampler = optuna.samplers.PartialFixedSampler({"z": 0.8}, study.sampler)
        study.optimize(f, n_trials=1)
        study.enqueue_trial({"z": 9.0})  # outside of its range
        study.optimize(f, n_trials=1)
    for trial, z in zip(study.trials[24:26], (0.2, 0.8), strict=True):
        proposal = json.loads(trial.system_attrs[PROPOSAL])
        assert trial.params == proposal and proposal["z"] == z and abs(proposal["x"] - z) < 0.1


@pytest.mark.integration
def test_a_define_by_run_study_with_conditions_compiles_few_programs():
    """Names that appear, conditions that become clear and ranges that move are no new programs."""

    def f(trial):
        kind = trial.suggest_categorical("kind", ["svm", "tree", "net"])
        score = trial.suggest_float("x", 0, 1 + trial.number)
        if kind == "svm":
            score += trial.suggest_float("c", 0.1, 10.0, log=True)
        if kind == "tree":
            score += trial.suggest_int("depth", 1, 9 + trial.number)
        if kind == "net":
            score += trial.suggest_float("rate", 1e-4, 1.0, log=True)
        return score

    with count_compiled() as compiled:
        run(OptiINRSampler(num_initial=10), 24, f)
    assert compiled.count("jit(propose)") <= 3 and compiled.count("jit(loss_and_grad)") <= 3


@pytest.mark.integration
def test_a_further_trial_changes_the_order_of_no_name():
    """Or a study whose branches are visited in turns would compile its model for each of them."""

    def f(trial):
        kind = trial.suggest_categorical("kind", ["svm", "tree", "net"])
        if kind == "svm":
            trial.suggest_float("c", 0.1, 10.0, log=True)
        if kind == "tree":
            trial.suggest_int("depth", 1, 9)
            trial.suggest_categorical("split", ["best", "random"])
        if kind == "net":
            trial.suggest_float("rate", 1e-4, 1.0, log=True)
            trial.suggest_categorical("law", ["relu", "tanh"])
        return 0.0

    trials = run(optuna.samplers.RandomSampler(seed=3), 100, f).trials
    orders = [list(infer_bridges(trials[:n])) for n in range(20, 101)]
    assert all(order == orders[0] for order in orders)
    structures = {
        Space({n: b.dimension for n, b in infer_bridges(trials[:count]).items()}).structure
        for count in range(20, 101)
    }
    assert len(structures) <= 3


def test_without_a_seed_two_samplers_differ():
    seeds = {OptiINRSampler(seed=None).options["seed"] for _ in range(3)}
    assert len(seeds) == 3


@pytest.mark.integration
def test_optunas_constraints_are_met():
    def f(trial):
        x, y = (trial.suggest_float(name, -1, 1) for name in "xy")
        trial.set_constraint("outside", 0.25 - x**2 - y**2)
        if trial.number != 3:
            trial.set_constraint("left", x - 0.3)
        return x**2 + y**2

    if not hasattr(optuna.trial.Trial, "set_constraint"):
        pytest.skip("Optuna before 5")
    study = run(OptiINRSampler(num_initial=8, seed=1), 20, f, direction="minimize")
    allowed = [
        t.params["x"] ** 2 + t.params["y"] ** 2 >= 0.25 and t.params["x"] <= 0.3
        for t in study.trials
    ]
    assert sum(allowed[8:]) >= 6
