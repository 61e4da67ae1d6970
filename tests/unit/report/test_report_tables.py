"""Words and terminal tables: exact lines, plain where stdout is a pipe."""

import math

import jax.numpy as jnp

import optiinr_jax as oi
from optiinr_jax.inr import FourierFeatures, NetworkConfig, make_layer
from optiinr_jax.report import describe_layers, print_comparison
from optiinr_jax.studies import Comparison, Entry


def entry(name, protocol, *scores):
    return Entry(name, protocol, oi.preset("siren", width=8), scores)


def lines_of(capsys, comparison, metric_name="PSNR (dB)"):
    print_comparison(comparison, metric_name)
    out = capsys.readouterr().out
    assert out.isascii() and "\x1b" not in out
    return out.splitlines()


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


def test_table_is_plain_and_found_comes_first(capsys):
    presets = (entry("finer", "official", 41.0, 41.6), entry("gauss", "paper", 30.0, -math.inf))
    found = entry("found", "search", 45.0, 45.24)
    lines = lines_of(capsys, Comparison(found, presets, presets, 500))
    assert [line.split("  ")[0] for line in lines[:4]] == [
        "configuration",
        "found",
        "FINER",
        "Gauss",
    ]
    assert lines[1].split() == ["found", "search", "45.12", "0.17", "2"]
    assert lines[3].split() == ["Gauss", "paper", *"diverged on 1 of 2".split(), "-", "2"]
    assert lines[-1] == (
        "found configuration 3.82 dB above the best preset (FINER, official): "
        "45.12 against 41.30, means of 2 fresh seeds, 500 steps"
    )


def test_one_seed_has_no_spread_and_a_loss_is_said(capsys):
    presets = (entry("siren", "constant", 41.3),)
    lines = lines_of(capsys, Comparison(entry("found", "search", 40.0), presets, presets, 50))
    assert lines[1].split() == ["found", "search", "40.00", "-", "1"]
    assert lines[-1].startswith("found configuration 1.30 dB below the best preset (SIREN, const")
    assert lines[-1].endswith("40.00 against 41.30, one fresh seed, 50 steps")


def test_diverged_everywhere(capsys):
    presets = (entry("siren", "paper", -math.inf),)
    found = entry("found", "search", 40.0)
    assert "every preset diverged" in lines_of(capsys, Comparison(found, presets, presets, 5))[-1]
    found = entry("found", "search", -math.inf)
    assert (
        "found configuration diverged"
        in lines_of(capsys, Comparison(found, presets, presets, 5))[-1]
    )
