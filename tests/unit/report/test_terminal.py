"""What the terminal says of a comparison: exact lines, plain where stdout is a pipe."""

import math

import jax.numpy as jnp
import pytest

import optiinr_jax as oi
from optiinr_jax.inr import FourierFeatures, NerfFrequencies, NetworkConfig, make_layer
from optiinr_jax.report import describe_layers, print_comparison
from optiinr_jax.report.labels import Measure
from optiinr_jax.report.plain_table import format_table
from optiinr_jax.report.sentences import points_sentence, result_sentence
from optiinr_jax.report.terminal import comparison_lines, score_lines
from optiinr_jax.signals.metrics import IOU, PSNR

DB = Measure(PSNR, "samples")
BOTH = Measure(PSNR, "continuous")


def test_layers_in_words():
    config = NetworkConfig(
        layers=(
            make_layer("finer", omega=14.63, learning_rate=2.94e-4),
            make_layer("wire", omega=jnp.float32(20.0), learning_rate=jnp.float32(1e-2)),
            make_layer("gauss", sigma=7.125, learning_rate=9.99e-4),
        ),
        encoding=FourierFeatures(sigma=3.21, num_frequencies=64),
    )
    assert describe_layers(config) == [
        "Fourier features, sigma 3.21, 64 frequencies",
        "layer 1: FINER, omega 14.6, learning rate 2.9e-4",
        "layer 2: WIRE, omega 20, sigma 10, learning rate 1e-2",
        "layer 3: Gauss, sigma 7.12, learning rate 1e-3",
    ]
    config = NetworkConfig(layers=config.layers, encoding=NerfFrequencies(with_pi=False))
    assert describe_layers(config)[0] == "NeRF features, 10 frequencies, without pi"


def test_table_is_plain_and_found_comes_first(make_comparison, make_entry):
    presets = (
        make_entry(
            "finer", "search, rate x 4", 41.0, 41.6, samples=(41.0, 41.6), between=(30.0, 31.0)
        ),
        make_entry("gauss", "paper", 30.0, -math.inf, samples=(30.0, -math.inf)),
    )
    found = make_entry("found", "search", 45.0, 45.24, samples=(45.0, 45.24), between=(31.0, 32.0))
    comparison = make_comparison(found, *presets, control=34.1, control_label="the cubic spline")
    lines = comparison_lines(comparison, DB)
    assert all(line.isascii() and len(line) <= 80 for line in lines)
    assert [line.split("  ")[0] for line in lines] == [
        "PSNR (dB)",
        "found configuration",
        "FINER, search rule x 4",
        "Gauss, paper",
        "the cubic spline",
    ]
    numbers = [line.split()[-5:] for line in lines]
    assert lines[0].split()[2:] == ["score", "samples", "between", "spread", "seeds"]
    assert numbers[1] == ["45.12", "45.12", "31.50", "0.17", "2"]
    assert numbers[2] == ["41.30", "41.30", "30.50", "0.42", "2"]
    assert lines[3].split()[2:] == ["diverged", "-", "-", "-", "1", "of", "2"]
    assert numbers[4] == ["-", "-", "34.10", "-", "-"]


def test_the_longest_table_fits_80_columns(make_comparison, make_entry):
    names = ("found", "wire_real", "gauss")
    figures = {"samples": (0.99991, -math.inf), "between": (0.99991, -math.inf)}
    entries = [make_entry(n, "search, rate x 0.5", 0.99991, -math.inf, **figures) for n in names]
    comparison = make_comparison(*entries, control=0.91, control_label="linear interpolation")
    lines = comparison_lines(comparison, Measure(IOU, "continuous"))
    assert max(map(len, lines)) <= 80 and "WIRE (real form), search rule x 0.5" in lines[2]


def test_a_gain_says_at_which_points(make_comparison, make_entry):
    preset = make_entry("siren", "official", 30.0, 31.0, samples=(34.0, 36.0), between=(30.0, 31.0))
    found = make_entry("found", "search", 33.0, 34.0, samples=(40.0, 41.0), between=(29.0, 30.0))
    comparison = make_comparison(found, preset, control=34.0, control_label="the cubic spline")
    assert result_sentence(comparison, BOTH) == (
        "found configuration 3.00 dB above the best preset (SIREN, official): 33.50 against 30.50 "
        "(errors at the samples and between them in one; means of 2 fresh seeds, 500 steps)"
    )
    assert "(errors at the samples alone; means" in result_sentence(comparison, DB)
    assert points_sentence(comparison, BOTH) == (
        "at the samples 40.50 against 35.00; between them 29.50 against 30.50, "
        "where the cubic spline of the samples has 34.00"
    )


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((33.0, 34.0), "found configuration 3.00 dB above the best preset (SIREN, official): "),
        ((29.5, 30.5), "nothing better was found: found configuration 0.50 dB below the best"),
        ((30.501, 30.501), "nothing better was found: the found configuration is level with the"),
    ],
)
def test_a_gain_a_loss_and_neither(make_comparison, make_entry, scores, expected):
    found, preset = (
        make_entry("found", "search", *scores),
        make_entry("siren", "official", 30.0, 31.0),
    )
    assert result_sentence(make_comparison(found, preset), DB).startswith(expected)


def test_scores_that_hang_on_the_seed_are_told(make_comparison, make_entry):
    preset = make_entry("siren", "official", 30.0, 31.0)

    def say(*scores):
        return result_sentence(make_comparison(make_entry("found", "search", *scores), preset), DB)

    assert "from seed to seed it has 19.00 to 52.00 dB" in say(52.0, 19.0)
    assert "seed to seed" not in say(33.0, 34.0)
    assert "diverged on 1 of 2" in say(52.0, -math.inf)


def test_one_seed_has_no_spread(make_comparison, make_entry):
    found, preset = make_entry("found", "search", 40.0), make_entry("siren", "paper", 41.3)
    comparison = make_comparison(found, preset, num_steps=50)
    assert comparison_lines(comparison, DB)[1].split()[-5:] == ["40.00", "-", "-", "-", "1"]
    text = result_sentence(comparison, DB)
    assert text.endswith(
        "40.00 against 41.30 (errors at the samples alone; one fresh seed, 50 steps)"
    )
    assert points_sentence(comparison, DB) == ""


def test_diverged_everywhere(make_comparison, make_entry):
    lost = make_entry("siren", "paper", -math.inf)
    found = make_comparison(make_entry("found", "search", 40.0), lost)
    assert "40.00 dB, every preset diverged" in result_sentence(found, DB)
    nothing = make_comparison(make_entry("found", "search", -math.inf), lost)
    assert "found configuration diverged" in result_sentence(nothing, DB)


def test_iou_has_four_decimals(make_comparison, make_entry):
    found, preset = make_entry("found", "search", 0.99876), make_entry("siren", "paper", 0.9971)
    text = result_sentence(make_comparison(found, preset), Measure(IOU, "continuous"))
    assert "found configuration 0.0017 above" in text and "0.9988 against 0.9971" in text


@pytest.mark.integration
def test_printed_it_is_plain_and_names_the_seeds_of_the_search(study, comparison, capsys):
    print_comparison(comparison, study)
    out = capsys.readouterr().out
    assert out.isascii() and "\x1b" not in out
    trial = study.winner.trials[0]
    assert out.splitlines()[-1] == f"in the search it had {trial.score:.2f} (trial {trial.number})"


def test_only_the_last_column_is_shortened():
    header, rows = ["score", "name"], [["12345.678", "a long name of a network"]]
    left = frozenset({"name"})
    assert format_table(header, rows, left=left)[1] == "12345.678  a long name of a network"
    assert format_table(header, rows, left=left, width=24)[1] == "12345.678  a long nam..."
    assert format_table(header, rows, left=left, width=5)[1] == "12345.678  a lon..."


def test_lines_of_an_evaluation_say_at_which_points():
    signal = oi.sample_signal("image", size=8)
    lines = score_lines({"PSNR (dB)": 40.0, "PSNR (dB) between samples": 31.5, "SSIM": 0.9}, signal)
    assert [line.split("  ")[0] for line in lines] == [
        "PSNR (dB) at the samples",
        "PSNR (dB) between samples",
        "SSIM",
    ]
    assert lines[0].endswith("40.0000") and lines[1].endswith("31.5000")
