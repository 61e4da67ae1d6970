"""Found beside published on fresh seeds: trained once, kept, and what a damaged file costs."""

import json
import math

import pytest

import optiinr_jax as oi
from optiinr_jax.inr.presets import FACTORS
from optiinr_jax.progress import Progress
from optiinr_jax.studies import Comparison, Entry, StudyError, compare
from optiinr_jax.studies.comparison import FOUND, fresh_key
from optiinr_jax.studies.trials import trial_key

SMALL = {"num_steps": 150, "width": 8, "depth": 1, "strategy": "random"}


@pytest.fixture(scope="module")
def study():
    return oi.search(oi.sample_signal("image", size=12), num_trials=8, progress=False, **SMALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("comparison")


@pytest.fixture(scope="module")
def comparison(study, folder):
    return compare(study, num_seeds=2, path=folder / "comparison.json", progress=False)


def test_every_family_has_its_best_protocol_and_rate(comparison, study):
    families = {"siren", "finer", "gauss", "wire_real", "gf"}
    assert {entry.name for entry in comparison.presets} == families
    protocols = {(entry.name, entry.protocol) for entry in comparison.all_protocols}
    assert len(protocols) == len(comparison.all_protocols)
    for name in families:
        own = {protocol for family, protocol in protocols if family == name}
        assert {"paper", "official"} < own
    top = comparison.presets[0]
    tried = {p for name, p in protocols if name == top.name and p.startswith("search")}
    assert len(tried) == len(FACTORS)  # whoever is close gets further rates
    best = max(entry.scores[0] for entry in comparison.all_protocols)
    assert best == max(entry.scores[0] for entry in comparison.presets)
    assert comparison.found.name == FOUND and len(comparison.found.scores) == 2
    assert comparison.found.config == study.best_config
    assert comparison.gain == comparison.found.mean - top.mean
    means = [entry.mean for entry in comparison.presets if len(entry.scores) == 2]
    assert means == sorted(means, reverse=True)


def test_both_figures_are_there_and_the_control_between(comparison, study):
    for entry in (comparison.found, *comparison.presets):
        assert len(entry.samples) == len(entry.between) == len(entry.scores)
        for score, at, between in zip(entry.scores, entry.samples, entry.between, strict=True):
            error = (10 ** (-at / 10) + 10 ** (-between / 10)) / 2
            assert score == pytest.approx(-10 * math.log10(error), abs=1e-6)
    assert comparison.control == study.signal.control_score
    assert comparison.control_label == "linear interpolation"
    assert comparison.preset_inr.score == comparison.presets[0].scores[0]


def test_seeds_are_fresh(comparison, study):
    scores = {trial.score for trial in study.trials}
    assert not scores & {*comparison.found.scores}
    known = [trial_key(0, number) for number in range(100)]
    assert all((fresh_key(0, i) != key).all() for i in range(3) for key in known)


def test_what_is_kept_is_not_trained_again(comparison, study, folder, monkeypatch):
    path = folder / "comparison.json"
    stamp = path.stat().st_mtime_ns
    monkeypatch.setattr(
        "optiinr_jax.studies.comparison.train_fresh", lambda *nothing: pytest.fail("trained")
    )
    again = compare(study, num_seeds=2, path=path, progress=False)
    assert again.found == comparison.found and path.stat().st_mtime_ns == stamp
    assert again.presets == comparison.presets
    assert again.preset_inr.score == comparison.preset_inr.score  # from its file


def test_what_is_kept_counts_as_done(comparison, study, folder, tmp_path, monkeypatch):
    """The bar of a comparison that goes on does not begin at zero, and ends at its end."""
    known = json.loads((folder / "comparison.json").read_text())
    path = tmp_path / "comparison.json"
    path.write_text(json.dumps(dict(list(known.items())[:-2])))
    bars = []

    class Watched(Progress):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            bars.append(self)

    monkeypatch.setattr("optiinr_jax.studies.comparison.Progress", Watched)
    compare(study, num_seeds=2, path=path, progress=False)
    assert json.loads(path.read_text()) == known
    assert bars[0].done == len(known) <= bars[0].total


def test_a_damaged_file_costs_only_time(comparison, study, folder, tmp_path):
    """Of two rows one is whole; the other is trained again, the same."""
    known = json.loads((folder / "comparison.json").read_text())
    first, second, *_ = known
    path = tmp_path / "comparison.json"
    path.write_text(json.dumps(known | {first: "?", second: [1.0, 2.0]}))
    again = compare(study, num_seeds=2, path=path, progress=False)
    assert again.gain == comparison.gain
    assert json.loads(path.read_text()) == known
    path.write_text("{broken")
    with pytest.raises(ValueError, match="num_seeds is 0"):
        compare(study, num_seeds=0, path=path)
    assert path.read_text() == "{broken"


def test_an_entry_of_one_seed_or_a_diverged_one_has_no_spread():
    config = oi.preset("siren", width=8, depth=1)
    one = Entry("a", "search", config, (30.0,))
    assert one.mean == 30.0 and math.isnan(one.spread) and math.isnan(one.mean_between)
    diverged = Entry("a", "search", config, (30.0, -math.inf))
    assert diverged.mean == -math.inf and math.isnan(diverged.spread)
    both = Entry("a", "search", config, (30.0, 32.0), (40.0, 42.0), (29.0, 31.0))
    assert (both.mean, both.mean_samples, both.mean_between) == (31.0, 41.0, 30.0)
    assert both.spread == pytest.approx(2**0.5)
    assert Comparison(both, (one,), (), 10).gain == 1.0


def test_nothing_found_is_said():
    with pytest.raises(StudyError, match="no trial has a score"):
        compare(oi.create_study(oi.sample_signal(size=8), **SMALL))
