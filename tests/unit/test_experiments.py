"""The experiments: what the contenders propose, jobs that go on, the page from the results."""

import json
import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy import stats

import optiinr_jax as oi
from experiments import depth_and_width, figures, protocol, records, report, residual
from experiments.protocol import Job, Size
from optiinr_jax.studies.points import inr_space, point_to_config

TINY = Size(num_trials=12, num_initial=8, num_steps=150, width=12, num_seeds=2)


def load(name: str, size: str) -> oi.Signal:
    """The signal of the tests' jobs."""
    return oi.sample_signal(name, 8)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(protocol, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(protocol, "RUNS", tmp_path / "runs")
    return tmp_path


def make_job(contender: str, end: float = math.inf) -> Job:
    return Job("images", "quick", TINY, "image", contender, "continuous", load, end)


def read(job: Job) -> dict:
    return json.loads(job.result.read_text())


@pytest.mark.integration
@pytest.mark.parametrize("contender", ["optiinr", "tpe"])
def test_a_job_that_ran_out_of_time_ends_the_same(contender, folders, monkeypatch):
    whole = make_job(contender)
    protocol.run_job(whole)
    expected = read(whole)
    whole.result.unlink()
    monkeypatch.setattr(protocol, "RUNS", folders / "again")
    assert "continued" in protocol.run_job(make_job(contender, end=0.0))
    assert not whole.result.exists()
    protocol.run_job(whole)
    for name in ("trials", "points", "confirmed", "fresh"):
        assert read(whole)[name] == expected[name]
    found = expected["fresh"]["found"]
    assert len(found["scores"]) == len(found["between"]) == TINY.num_seeds
    assert not set(found["scores"]) & set(expected["trials"])


def test_every_contender_is_a_strategy():
    assert set(protocol.SEARCHES) <= set(oi.studies.STRATEGIES)


@pytest.mark.integration
def test_presets_under_every_protocol(folders, monkeypatch):
    few = {name: oi.inr.PRESETS["audio"][name] for name in ("siren", "iga")}
    monkeypatch.setattr(protocol, "NETWORKS", {"audio": few})
    job = replace(make_job("presets"), signal="audio")
    protocol.run_job(job)
    rows = read(job)["fresh"]
    assert {"siren, paper", "siren, official", "siren, search x 4", "siren, search x 16"} <= set(
        rows
    )
    _, row = records.best_network(rows)
    assert len(row["scores"]) == TINY.num_seeds
    assert rows["iga, paper"]["problem"] and not rows["iga, paper"]["scores"]  # too few samples


def test_a_network_that_diverged_is_never_the_best():
    fresh = {"a": {"scores": [3.0, None]}, "b": {"scores": [1.0, 2.0]}, "c": {"scores": []}}
    assert records.best_network(fresh)[0] == "b"


def test_intervals_are_those_of_the_t_test():
    gains = [1.0, 2.5, 0.5, 3.0]
    low, high = stats.ttest_1samp(gains, 0.0).confidence_interval()
    assert records.interval(gains) == f"+1.75 [{low:+.2f}, {high:+.2f}]"
    assert records.interval([-1.0]) == "-1.00"  # one says nothing about the spread


@pytest.mark.integration
def test_a_plain_search_begins_with_nothing_published():
    space = inr_space("image")
    optimizer = oi.bo.Optimizer(space, num_initial=TINY.num_trials)
    to_config = partial(point_to_config, width=TINY.width)
    signal = oi.sample_signal("image", 8)
    found = protocol.search_plainly(signal, optimizer, to_config, TINY)
    points = [trial["point"] for trial in found["trials"]]
    assert points == space.latin_hypercube(0, TINY.num_trials)
    scores = [trial["score"] for trial in found["trials"]]
    assert found["best"] == points[int(np.argmax(scores))]
    assert len(found["fresh"]) == TINY.num_seeds


@pytest.mark.parametrize("depth", depth_and_width.DEPTHS)
def test_a_point_has_the_layers_of_its_depth(depth):
    space = depth_and_width.make_space()
    points = [p for p in space.sample(0, 60) if p["depth"] == depth]
    assert points and all(depth_and_width.to_config(p).depth == depth for p in points)


@pytest.mark.integration
def test_without_its_skips_the_residual_network_is_the_plain_one():
    signal, size = oi.sample_signal("image", 8), replace(TINY, num_steps=30)
    config = replace(oi.preset("finer", width=6, depth=3, protocol="search"), sampling="grid")
    found = residual.measure(signal, config, size)
    plain = protocol.train(signal, config, size, protocol.fresh_key(0, 0), "samples")
    assert found["plain"] == pytest.approx(plain.score, abs=0.05)  # two programs, two roundings
    assert found["residual"] != pytest.approx(plain.score, abs=0.05)


def test_error_fields_are_those_of_the_caption():
    target = np.full((2, 2, 3), 0.5)
    samples = target.copy()
    samples[0, 0] += 0.5  # saturates: 16 * 0.5 > 1
    field = figures.error_field(samples, target)
    np.testing.assert_allclose(field[0, 0], 0.85 * np.array([0.5, 0, 0]) + 0.15, atol=1e-2)
    np.testing.assert_allclose(field[1, 1], 0.85 * np.array([0, 0, 0.5]) + 0.15 * 0.5, atol=1e-2)


def test_spectral_residuals_are_signed():
    rng = np.random.default_rng(0)
    target = rng.standard_normal((4096, 1)) * 0.1
    assert np.median(figures.spectral_residual(2 * target, target, 8000.0)) > 0
    assert np.median(figures.spectral_residual(0.5 * target, target, 8000.0)) < 0
    assert np.abs(figures.spectral_residual(3 * target, target, 8000.0)).max() <= 1


def test_solids_show_where_they_are_wrong():
    signal = oi.sample_signal("volume", 12)
    right = figures.solid_with_errors(signal.samples, signal, 60)
    wrong = signal.samples.copy()
    wrong[:, wrong.shape[1] // 2 :] = 0.0  # seen from above
    broken = figures.solid_with_errors(wrong, signal, 60)
    redness = [np.maximum(p[..., 0] - p[..., 1] - 0.35, 0).sum() for p in (right, broken)]
    assert redness[0] == 0 and redness[1] > 1


@pytest.mark.integration
def test_the_page_is_what_the_results_say():
    page = "\n\n".join(report.make_page(records.FIRST_RULE)) + "\n"
    assert report.PAGE.read_text() == page, "run python -m experiments.report"
