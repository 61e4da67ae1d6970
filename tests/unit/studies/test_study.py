"""The study as an object: ask and tell, enqueue, warm start, tables, what notebooks show."""

import math
from dataclasses import replace

import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax.inr.presets import plain_presets
from optiinr_jax.studies import Origin, StudyError
from optiinr_jax.studies import study as study_module
from optiinr_jax.studies.api import PRESET_FACTORS
from optiinr_jax.studies.points import LEARNING_RATES
from optiinr_jax.studies.trials import Outcome
from tests.helpers import make_inr
from tests.studies import advance

SMALL = {"num_steps": 20, "width": 8, "depth": 1, "strategy": "random", "num_initial": 12}


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=12)


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path / 'study.db'}"


def test_published_networks_come_first_at_several_rates(signal):
    """All families that the space holds, at the best rate first; then the design."""
    study = oi.create_study(signal, **SMALL)
    advance(study, 13)
    published = [trial for trial in study.trials if trial.origin.kind == "published"]
    assert [trial.number for trial in published] == list(range(len(published)))
    rates = {name: oi.inr.PRESETS["image"][name].learning_rate for name in plain_presets("image")}
    del rates["gauss"]  # which the space of pictures does not hold
    labels = [
        f"{name}, rate x {factor:g}"
        for factor in PRESET_FACTORS
        for name, rate in rates.items()
        if LEARNING_RATES[0] <= factor * rate <= LEARNING_RATES[1]
    ]
    assert {label.partition(",")[0] for label in labels} == set(rates)
    assert [trial.preset for trial in published] == labels
    for trial, label in zip(published, labels, strict=True):
        name, _, factor = label.partition(", rate x ")
        config = oi.preset(name, protocol="search", width=8, depth=1, factor=float(factor))
        assert study.config_of(trial.point).layers == config.layers
    later = {trial.origin.kind for trial in study.trials[len(published) :]}
    assert later <= {"design", "proposed"}


def test_a_space_without_a_published_network_does_not_begin_with_it(signal):
    dimensions = oi.inr_space("image", depth=1).dimensions
    slow = dimensions | {"learning_rate_1": oi.bo.Float(7e-3, 8e-3, log=True)}
    study = oi.create_study(signal, space=oi.bo.Space(slow), **SMALL)
    assert study.settings.space == "custom"
    assert study.ask().config.layers and study.trials[0].origin.kind == "design"


@pytest.mark.integration
def test_what_is_told_is_the_trials_end(signal):
    study = oi.create_study(signal, **SMALL)
    asked = study.ask()
    inr = make_inr(signal, asked.config, 31.0)
    assert study.tell(asked, inr).score == 31.0
    assert study.best_inr is inr and inr.info["trial"] == 0
    assert inr.info["search"]["width"] == 8
    asked = study.ask()
    assert study.tell(asked, reason="the cat pulled the plug").state == "failed"
    assert study.trials[1].reason == "the cat pulled the plug"
    assert study.tell(study.ask(), 99.5).score == 99.5 == study.best_score
    for nothing in (float("nan"), None, -math.inf):
        assert study.tell(study.ask(), nothing).state == "failed"
    assert study.tell(study.ask(), 3).score == 3.0


@pytest.mark.integration
def test_what_is_asked_here_may_be_told_elsewhere(signal, storage):
    """A bare KeyError it was."""
    study = oi.create_study(signal, storage=storage, **SMALL)
    first, second = study.ask(), study.ask()
    other = oi.load_study(storage)
    assert other.tell(first, 5.0).score == 5.0 == study.trials[0].score
    assert study.tell(first, 7.0).score == 5.0  # it has ended
    assert study.tell(second, 6.0).score == 6.0 == other.best_score


def test_ask_knows_what_it_has_to_wait_for(signal):
    study = oi.create_study(signal, **SMALL | {"num_initial": 1, "batch_size": 2})
    first, second = study.ask(), study.ask()
    with pytest.raises(StudyError, match="batch_size is 2; tell them first"):
        study.ask()
    study.tell(first, 1.0)
    study.tell(second, 2.0)
    assert study.ask().number == 2


def test_a_configuration_of_ones_own_comes_next(signal):
    study = oi.create_study(signal, **SMALL)
    advance(study, 9)
    mine = oi.preset("finer", protocol="search", width=8, depth=1, factor=2.0)
    study.enqueue(mine)
    assert study.ask().config.layers == mine.layers
    assert study.trials[-1].origin == Origin("enqueued") and study.trials[-1].preset == ""
    point = study.trials[3].point
    study.enqueue(point)
    assert study.ask().point == point
    for wrong, words in [
        ({"activation_1": "magic"}, "activation_1"),
        (oi.preset("siren", width=8, depth=2), "has 2 layers, but the space has 1; choose"),
    ]:
        with pytest.raises(ValueError, match=words):
            study.enqueue(wrong)


@pytest.mark.integration
def test_a_warm_start_begins_with_what_was_best_elsewhere(signal, storage):
    other = oi.create_study(signal, **SMALL)
    advance(other, 12)
    best = other.best_trials(3)
    assert [t.score for t in best] == sorted([t.score for t in other.trials if t.score])[:-4:-1]
    options = SMALL | {"seed": 7, "storage": storage, "warm_start": [other]}
    study = oi.create_study(oi.sample_signal("image", size=14), **options)
    again = oi.create_study(oi.sample_signal("image", size=14), **options)  # queues nothing twice
    num_published = len(again.optuna_study.get_trials()) - 3
    assert num_published == sum(t.origin.kind == "published" for t in other.trials)
    advance(study, num_published + 4)
    warm = study.trials[num_published : num_published + 3]
    assert [t.point for t in warm] == [pytest.approx(t.point) for t in best]
    assert str(warm[0].origin) == "warm start 1, best 1" and warm[0].preset == ""
    assert not study.trials[-1].origin.is_given


@pytest.mark.integration
def test_the_table_of_trials(signal):
    pandas = pytest.importorskip("pandas", reason='needs the extra "pandas"')
    study = oi.create_study(signal, **SMALL)
    assert study.trials_dataframe().empty
    advance(study, 10)
    table = study.trials_dataframe()
    assert isinstance(table, pandas.DataFrame) and list(table.index) == list(range(10))
    expected = np.array([t.score for t in study.trials], float)
    np.testing.assert_array_equal(table["score"], expected)
    assert {"activation_1", "omega_1_siren", "reason", "state", "origin"} <= set(table.columns)
    assert table["origin"][0].startswith("published siren") and table["origin"][9] == "design"


@pytest.mark.integration
def test_showing_a_study_trains_nothing(signal, storage, monkeypatch):
    """It once trained the best network where its file was missing."""
    monkeypatch.setattr(study_module, "train", lambda job: pytest.fail("trained"))
    study = oi.create_study(signal, storage=storage, **SMALL)
    assert "0 trials, none with a score" in study._repr_html_()
    study.tell(study.ask(), reason="no")
    assert "1 trials, none with a score" in study._repr_html_()
    study.tell(study.ask(), 12.25)
    found = oi.load_study(storage)
    assert "2 trials, best 12.25 PSNR (dB) (trial 1)" in found._repr_html_()
    assert "best 12.25" in repr(found) and found.name in found._repr_html_()


def test_a_study_without_a_score_says_why(signal):
    study = oi.create_study(signal, **SMALL)
    for attribute in ("best_trial", "best_score", "best_config", "winner"):
        with pytest.raises(StudyError, match=r"no trial has a score \(none has ended\)"):
            getattr(study, attribute)
    study.tell(study.ask(), reason="no light")
    with pytest.raises(
        StudyError,
        match=r"no trial has a score \(1 failed, the last one: no light\); raise num_steps",
    ):
        _ = study.best_inr


def test_a_lost_network_that_cannot_be_trained_again_is_said(signal, monkeypatch):
    study = oi.create_study(signal, **SMALL)
    asked = study.ask()
    study.record(asked.claimed, Outcome(score=12.0, facts={"samples": 12.0}))
    monkeypatch.setattr(study_module, "train", lambda job: study_module.Outcome(reason="no"))
    with pytest.raises(StudyError, match="network of trial 0 is lost"):
        _ = study.best_inr


def test_of_a_score_alone_there_is_no_network(signal, monkeypatch):
    """It was trained again without a word, and was another one."""
    monkeypatch.setattr(study_module, "train", lambda job: pytest.fail("trained"))
    study = oi.create_study(signal, **SMALL)
    study.tell(study.ask(), 33.0)
    with pytest.raises(StudyError, match="was told its score alone, so there is no network"):
        _ = study.best_inr


def test_a_trial_is_told_once(signal):
    study = oi.create_study(signal, **SMALL)
    asked = study.ask()
    study.tell(asked, 5.0)
    with pytest.raises(StudyError, match="trial 0 was told before; ask for another"):
        study.tell(asked, 6.0)
    assert study.trials[0].score == 5.0


@pytest.mark.integration
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda inr: replace(inr, objective="samples"), "objective samples, but .* continuous"),
        (lambda inr: replace(inr, num_steps=7), "num_steps 7, but"),
        (lambda inr: replace(inr, frame=inr.frame.scaled(2.0)), "shape .* but this study has"),
    ],
)
def test_a_network_that_is_told_is_one_of_the_study(signal, change, words):
    study = oi.create_study(signal, **SMALL)
    asked = study.ask()
    inr = replace(make_inr(signal, asked.config, 30.0), num_steps=0)
    with pytest.raises(ValueError, match=words):
        study.tell(asked, change(inr))
    assert study.tell(asked, inr).score == 30.0


def test_a_configuration_of_another_width_is_refused(signal):
    study = oi.create_study(signal, **SMALL)
    wide = oi.preset("siren", width=8 * SMALL["width"], depth=SMALL["depth"])
    with pytest.raises(ValueError, match=r"has width .*, but all trials of this study have"):
        study.enqueue(wide)


@pytest.mark.integration
def test_the_best_network_is_the_winners_and_its_file_follows(
    signal, storage, tmp_path, monkeypatch
):
    """Also where a confirmation that is no better makes an earlier trial the best."""
    monkeypatch.setattr(study_module, "train", lambda job: pytest.fail("trained"))
    study = oi.create_study(signal, storage=storage, num_trials=12, **SMALL)
    path = tmp_path / "study.sample_image.best.inr.safetensors"
    assert study.model_path == path
    # The lucky trial 1 is trained again by 9 and does not hold; trial 2 does.
    scores = [20.0, 40.0, 31.0, *[10.0] * 6, 20.0, 30.0, 30.4]
    for score in scores:
        asked = study.ask()
        study.tell(asked, make_inr(signal, asked.config, score, asked.number))
        study.refresh_model()
        assert oi.load_inr(path).info["trial"] == study.best_trial.number
    again = [trial.origin.label for trial in study.trials[9:]]
    assert again == ["trial 1 again", "trial 2 again", "trial 2 again"]
    found = oi.load_study(storage)
    assert found.best_trial.number == 2 and found.best_inr.score == 31.0 == found.best_score


@pytest.mark.integration
def test_networks_that_are_kept_in_memory_are_few(signal, monkeypatch):
    monkeypatch.setattr(study_module, "NUM_NETWORKS", 3)
    study = oi.create_study(signal, **SMALL)
    for score in (5.0, 9.0, 7.0, 8.0, 1.0):
        asked = study.ask()
        study.tell(asked, make_inr(signal, asked.config, score))
    assert study.best_inr.score == 9.0 == study.best_score
    assert len(study._networks) == 3


@pytest.mark.parametrize("name", ["num_trials", "num_initial", "num_steps", "batch_size"])
@pytest.mark.parametrize("value", [0, -1, True])
def test_counts_are_checked(signal, name, value, no_type_checks):
    with pytest.raises(ValueError, match=f"{name} is .*; it must be a whole number from 1 on"):
        oi.create_study(signal, **{name: value})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"strategy": "magic"},
            "unknown strategy 'magic'; known are optiinr, untied, faith",
        ),
        ({"objective": "best"}, "unknown objective 'best'; known are continuous, samples"),
        ({"space": "huge"}, "unknown space 'huge'; known are experiments, full"),
        ({"num_confirm": -1}, "num_confirm is -1; it must be a whole number from 0 on"),
        ({"seed": -1}, "seed is -1"),
        ({"width": 0}, "width is 0"),
        ({"depth": 0}, "depth is 0"),
    ],
)
def test_settings_that_no_search_can_have(signal, options, message):
    with pytest.raises(ValueError, match=message):
        oi.create_study(signal, **options)


def test_unknown_options_are_named(signal):
    with pytest.raises(TypeError, match=r"got unknown options \['num_step'\]; known are batch_siz"):
        oi.create_study(signal, num_step=3)
    with pytest.raises(TypeError, match=r"got unknown options \['colour'\]"):
        oi.search(signal, colour="red")


def test_signatures_show_every_option():
    """As help() and editors have them: the fields of the records, written out."""
    from dataclasses import fields
    from inspect import signature

    from optiinr_jax.studies import RunOptions, StudySettings

    settings = {field.name: field.default for field in fields(StudySettings)}
    running = {field.name: field.default for field in fields(RunOptions)}
    for function, expected in ((oi.create_study, settings), (oi.search, settings | running)):
        shown = signature(function).parameters
        assert {name: shown[name].default for name in expected} == expected
        assert "settings" not in shown and "options" not in shown


@pytest.mark.integration
def test_a_path_is_a_storage_and_looking_makes_no_file(signal, tmp_path):
    path = tmp_path / "x.db"
    study = oi.create_study(signal, storage=path, **SMALL)
    study.tell(study.ask(), 4.0)
    for same in (path, str(path), f"sqlite:///{path}"):
        assert oi.load_study(same).best_score == 4.0
    with pytest.raises(StudyError, match=r"there is no file .*nothere.db, so there is no study"):
        oi.load_study(tmp_path / "nothere.db")
    assert not (tmp_path / "nothere.db").exists()
