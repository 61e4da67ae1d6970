"""One small search with its comparison, which most tests of the report look at."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from optuna.trial import TrialState

import optiinr_jax as oi
from optiinr_jax.inr import init
from optiinr_jax.report.facts import Course, Facts, gather
from optiinr_jax.studies import Comparison, Entry
from optiinr_jax.studies.comparison import train_fresh
from optiinr_jax.studies.store.schema import REASON
from optiinr_jax.studies.training import FIGURES
from optiinr_jax.studies.trials import Outcome

NASTY = "<script>alert('x')</script> & \"co\""


@pytest.fixture(scope="session")
def make_search():
    """A study with networks after two steps of AdamW, which compiles faster than SOAP.

    A search would call them collapsed.
    """

    def make(signal, num_trials=3, **options):
        small = {"num_initial": 2, "num_steps": 2, "width": 8, "depth": 2} | options
        study = oi.create_study(signal, num_trials=num_trials, **small)
        for _ in range(num_trials):
            asked = study.ask()
            how = {"objective": study.settings.aim, "num_steps": 2, "share_program": True}
            config = replace(asked.config, optimizer="adamw")
            inr = oi.fit(signal, config, key=asked.key, progress=False, warn=False, **how)
            inr.info.update(study.job(asked.number, asked.point).facts_for_file)
            facts = {name: getattr(inr.scores, name) for name in FIGURES} | {"seconds": 0.5}
            study.record(asked.claimed, Outcome(inr, facts=facts))
        return study

    return make


@pytest.fixture(scope="session")
def untrained():
    """A network as it is drawn, with its figures where they are asked for."""

    def make(signal, config, *, is_scored=True):
        size = {"num_dims": signal.num_dims, "num_channels": signal.num_channels}
        variables = init(jax.random.key(0), config, **size)
        inr = oi.INR(config, variables, signal.frame, score=0.0, num_steps=0)
        return replace(inr, scores=signal.scores(inr.network())) if is_scored else inr

    return make


@pytest.fixture(scope="session")
def study(make_search):
    """A picture with a name that must be escaped; its last trial failed."""
    samples = oi.sample_signal("image", size=(12, 16)).samples
    study = make_search(oi.make_signal("image", samples, name=NASTY), num_trials=4)
    failed = study.optuna_study.ask()
    failed.set_user_attr(REASON, "the loss <went> away")
    study.optuna_study.tell(failed, state=TrialState.FAIL)
    return study


@pytest.fixture(scope="session")
def compared():
    """The found configuration beside two presets, each trained from fresh seeds."""

    def make(study, num_seeds=2):
        networks = {}

        def entry(name, protocol, config):
            config = replace(config, optimizer="adamw")
            inrs = [train_fresh(study, config, i) for i in range(num_seeds)]
            networks[name] = inrs[0]
            figures = zip(
                *((i.score, i.scores.samples, i.scores.between) for i in inrs), strict=True
            )
            return Entry(name, protocol, config, *figures)

        found = entry("found", "search", study.best_config)
        options = {"modality": study.signal.kind, "protocol": "search", "width": 8, "depth": 2}
        presets = [
            entry(name, "search, rate x 4", oi.preset(name, factor=4.0, **options))
            for name in ("siren", "finer")
        ]
        presets.sort(key=lambda e: -e.mean)
        return Comparison(
            found,
            tuple(presets),
            tuple(presets),
            study.settings.num_steps,
            study.signal.control_score,
            networks["found"].scores.control_label,
            networks[presets[0].name],
        )

    return make


@pytest.fixture(scope="session")
def comparison(study, compared):
    return compared(study)


@pytest.fixture(scope="session")
def facts(study, comparison):
    return gather(study, comparison)


@pytest.fixture(scope="session")
def make_entry():
    """An entry with given scores, and its figures where they are given."""

    def make(name, protocol, *scores, samples=(), between=()):
        return Entry(name, protocol, oi.preset("siren", width=8), scores, samples, between)

    return make


@pytest.fixture(scope="session")
def make_comparison(make_entry):
    """A found configuration against presets that were not trained."""

    def make(found, *presets, num_steps=500, **more):
        return Comparison(found, presets, presets, num_steps, **more)

    return make


@pytest.fixture(scope="session")
def told():
    """A study whose scores follow from a trial that was asked; None: the trial failed."""

    def make(signal, num_trials, score=lambda asked: float(asked.number), **options):
        options = {"num_steps": 1, "width": 8, "depth": 1, "strategy": "random"} | options
        study = oi.create_study(signal, num_trials=num_trials, **options)
        for _ in range(num_trials):
            asked = study.ask()
            study.tell(asked, score(asked))
        return study

    return make


@pytest.fixture(scope="session")
def facts_of(make_comparison, make_entry, untrained):
    """Facts of a study whose networks nobody has kept: nothing is trained for them."""
    preset = make_entry("siren", "official", 30.0)
    comparison = make_comparison(make_entry("found", "search", 31.0), preset)
    inr = untrained(oi.sample_signal("image", size=4), preset.config, is_scored=False)

    def make(study, against=None, explanation=None):
        course = None
        if against is not None:
            course = Course(against.name, against.settings.strategy, tuple(against.trials))
        return Facts(
            name=study.name,
            signal=study.signal,
            space=study.space,
            settings=study.settings,
            budget=study.num_trials,
            command=study.command,
            model_name=None,
            trials=tuple(study.trials),
            winner=study.winner,
            inr=inr,
            comparison=comparison,
            explanation=explanation,
            against=course,
        )

    return make


@pytest.fixture
def grey():
    """A grey picture of 5 x 8 pixels."""
    samples = np.linspace(0, 1, 40, dtype=np.float32).reshape(5, 8, 1)
    return oi.make_signal("image", samples)
