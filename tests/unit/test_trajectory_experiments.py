"""The tasks on trajectories: their truths against independent ones, scores, controls, the page."""

import numpy as np
import pytest

from experiments.trajectories import page, quantiles, tasks
from experiments.trajectories.controls import CONTROLS, SCALES, matched


def test_quantiles_that_are_called_exact_are_those_of_the_series():
    series = quantiles.make_series(np.random.default_rng(0), 60_000)
    rows = np.lib.stride_tricks.sliding_window_view(series, quantiles.LENGTH + quantiles.AHEAD)
    windows, targets = rows[:, : quantiles.LENGTH], rows[:, quantiles.LENGTH :]
    exact = quantiles.exact_quantiles(windows)
    below = np.mean(targets[None] < exact, axis=1)
    np.testing.assert_allclose(below, np.array(quantiles.LEVELS)[:, None] + np.zeros(3), atol=0.01)
    wide = np.abs(windows[:, -quantiles.AHEAD] - 20) > 2  # heteroscedastic: in each part of it
    below = np.mean(targets[wide, 0] < exact[:, wide, 0], axis=1)
    np.testing.assert_allclose(below, quantiles.LEVELS, atol=0.02)


def test_the_truth_scores_what_the_law_of_the_half_circles_says():
    data = tasks.draw_semicircles(0)
    found = tasks.score_semicircles(data, lambda setting: data.more["floor"][setting])
    assert found["NLL"] == pytest.approx(-0.89, abs=0.15)
    assert found["distance to the circle"] == pytest.approx(0.05 * np.sqrt(2 / np.pi), abs=0.005)
    assert found["W2^2"] < 0.05


def test_transport_cost_of_a_shift_is_its_square():
    rng = np.random.default_rng(0)
    y, classes = rng.normal(size=(40, 2)), np.arange(40) % 2
    shifted = rng.permutation(y[classes == 0]), rng.permutation(y[classes == 1])
    other = np.empty_like(y)
    other[classes == 0], other[classes == 1] = shifted
    assert tasks.transport_cost(y, other + np.array([3.0, 4.0]), classes) == pytest.approx(25.0)
    assert sorted(matched(y, other, classes)) == list(range(40))


@pytest.mark.parametrize("name", ["left anchor held", "linear in the setting", *SCALES])
def test_paired_controls_are_exact_at_the_anchors(name):
    rng = np.random.default_rng(1)
    ends = [rng.normal(size=(5, 3)) for _ in range(2)]
    windows = rng.normal(size=(5, 12))
    anchors = tasks.make_anchors([0.01, 0.99], ends, [windows, windows])
    data = tasks.Data(anchors, {}, np.zeros(5, int), {"ends": ends, "windows": windows})
    predict = (CONTROLS | SCALES)[name](data, 0)
    np.testing.assert_allclose(predict(0.01), ends[0], atol=1e-9)
    if name != "left anchor held":
        np.testing.assert_allclose(predict(0.99), ends[1], atol=1e-9)
        middle = predict(0.5)
        np.testing.assert_allclose(middle, (ends[0] + ends[1]) / 2, atol=1e-9)


@pytest.mark.integration
def test_the_page_is_what_the_results_say():
    text = "\n".join(page.page()).rstrip() + "\n"
    assert page.PAGE.read_text() == text, "run python -m experiments.trajectories.page"
