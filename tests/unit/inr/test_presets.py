"""Presets: every row under every protocol is valid, with the published rates and sizes."""

import pytest

from optiinr_jax import inr
from optiinr_jax.inr.config_checks import check_config
from optiinr_jax.inr.presets import FACTORS

EVERY_PRESET = [(name, modality) for modality in inr.PRESETS for name in inr.PRESETS[modality]]


@pytest.mark.parametrize(("name", "modality"), EVERY_PRESET)
@pytest.mark.parametrize("protocol", inr.PROTOCOLS)
def test_every_preset_is_valid(name, modality, protocol):
    row = inr.PRESETS[modality][name]
    config = inr.preset(name, modality=modality, protocol=protocol, width=8, depth=3)
    check_config(config)
    assert (config.width, config.depth) == (int(8 * row.width_factor), 3)
    rates = {layer.learning_rate for layer in config.layers}
    if protocol == "paper":
        assert rates == {1e-4} and config.weight_decay == 0.01 and config.lr_decay == 1.0
    if protocol == "official":
        assert rates == {row.learning_rate} and config.weight_decay == 0.0
        assert inr.preset(name, modality=modality).depth == row.depth
    if protocol == "search":
        assert rates == {row.learning_rate}
        rule = inr.training_rule(modality) | {"sampling": None}  # the objective's choice
        assert {field: getattr(config, field) for field in rule} == rule
    else:
        assert config.sampling == "grid" and config.optimizer == "adamw"
        assert config.gradient_norm is None and config.lr_warmup == config.grid_share == 0.0
    if config.output_activation == "sigmoid":  # which reaches nothing outside of it
        assert config.value_range == (0.0, 1.0)


def test_published_sizes():
    """Complex networks are narrower; WIRE's real form has the nominal width."""
    widths = {name: inr.preset(name).width for name in inr.PRESETS["image"]}
    assert widths["wire"] == widths["wf"] == widths["wire_original"] == 181
    assert widths["wire2d"] == 128 and widths["wire_real"] == widths["siren"] == 256
    assert inr.preset("wire").layers[0].activation == "wire_complex"
    assert inr.preset("wire_real").layers[0].activation == "wire"
    assert inr.preset("siren", modality="volume").depth == 3
    assert inr.preset("siren", modality="volume", protocol="paper").depth == 4


def test_the_factor_is_on_the_rate_of_the_searchs_rule_alone():
    for protocol, expected in (("search", 4.0), ("official", 1.0), ("paper", 1.0)):
        one, four = (inr.preset("finer", protocol=protocol, factor=f) for f in (1.0, 4.0))
        rates = [config.layers[2].learning_rate for config in (one, four)]
        assert rates[1] == pytest.approx(expected * rates[0])
    assert 1.0 in FACTORS and len(set(FACTORS)) == len(FACTORS)


@pytest.mark.parametrize("modality", inr.PRESETS)
def test_the_rule_of_a_search_samples_as_its_objective_asks(modality):
    continuous, samples = (inr.training_rule(modality, aim) for aim in ("continuous", "samples"))
    assert samples["sampling"] == "grid" != continuous["sampling"]
    assert {**continuous, "sampling": None} == {**samples, "sampling": None}
    assert continuous["optimizer"] == "soap" and continuous["gradient_norm"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "relu"}, r"unknown preset 'relu'; did you mean .* Known are siren, finer,"),
        (
            {"name": "siren", "protocol": "x"},
            "unknown protocol 'x'; known are paper, official, search",
        ),
        (
            {"name": "siren", "modality": "x"},
            "unknown modality 'x'; known are image, audio, volume",
        ),
        ({"name": "siren", "depth": 0}, "depth is 0"),
        ({"name": "siren", "width": -1}, "width is -1"),
    ],
)
def test_preset_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        inr.preset(**arguments)
