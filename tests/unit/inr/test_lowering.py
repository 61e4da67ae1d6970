"""Lowering: bounds as numbers by the laws of the families, and families as waves."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from optiinr_jax import inr
from optiinr_jax.inr.config import NetworkConfig
from optiinr_jax.inr.lowering import LoweredConfig, as_wave, lower, resolve_bounds
from optiinr_jax.inr.presets import plain_presets
from tests.helpers import draw_params
from tests.unit.inr.configs import CONFIG, RICH


def test_bounds_follow_the_families():
    resolved = resolve_bounds(CONFIG, 2)
    siren, wire = resolved.layers
    assert siren.weight_bound == pytest.approx(1 / 16)  # first layer: 16 features
    assert wire.weight_bound == pytest.approx(1 / 4)  # PyTorch's default at 16 inputs
    assert resolved.output_weight_bound == 1e-4  # as given
    assert resolve_bounds(inr.preset("gf"), 2).layers[0].bias_bound == 1.0
    assert resolve_bounds(inr.preset("gf"), 2).layers[1].bias_bound == pytest.approx(1 / 16)


@pytest.mark.integration
def test_gain_and_initializer_of_a_layer():
    plain = inr.make_layer("siren")
    layers = (
        replace(plain, gain=3.0),
        replace(plain, initializer="default"),
        replace(inr.make_layer("gauss"), initializer="sine", gain=0.5),
        replace(plain, gain=3.0, weight_bound=0.2),  # as given: the gain is the law's
    )
    config = NetworkConfig(layers=layers, width=25)
    resolved = resolve_bounds(config, 2)
    bounds = [layer.weight_bound for layer in resolved.layers]
    # 1/n, 1/sqrt(n), sqrt(6/n) (a Gauss has no omega)
    np.testing.assert_allclose(bounds, [3 / 2, 1 / 5, 0.5 * np.sqrt(6) / 5, 0.2], rtol=1e-6)
    assert [layer.bias_bound for layer in resolved.layers] == pytest.approx([A, 0.2, 0.2, 0.2])
    assert resolve_bounds(resolved, 2) == resolved
    params = draw_params(config, 0, num_dims=2, num_channels=1)
    drawn = [float(np.abs(params[f"hidden_{i}"]["kernel"]).max()) for i in range(4)]
    np.testing.assert_allclose(drawn, bounds, rtol=0.05)


A = np.sqrt(0.5)  # PyTorch's bias bound of two inputs


@pytest.mark.integration
def test_the_same_key_scales_with_the_gain():
    one = inr.preset("siren", width=8, depth=2)
    two = replace(one, layers=tuple(replace(layer, gain=2.0) for layer in one.layers))
    draws = [draw_params(config, 3, num_dims=2, num_channels=1) for config in (one, two)]
    for name in ("hidden_0", "hidden_1"):
        np.testing.assert_allclose(
            draws[1][name]["kernel"], 2 * draws[0][name]["kernel"], rtol=1e-6
        )
        np.testing.assert_array_equal(draws[1][name]["bias"], draws[0][name]["bias"])
    np.testing.assert_array_equal(draws[1]["output"]["kernel"], draws[0]["output"]["kernel"])


@pytest.mark.integration
def test_tiny_output_and_bias_law_k():
    layers = (replace(inr.make_layer("finer"), bias_bound=7.0), inr.make_layer("finer"))
    config = NetworkConfig(layers=layers, width=200, output_init="tiny")
    params = draw_params(config, 0, num_dims=1, num_channels=1)
    weights = np.abs(params["output"]["kernel"])
    assert 0.9e-4 < weights.max() <= 1e-4
    assert not np.any(params["output"]["bias"])
    assert 6.5 < np.abs(params["hidden_0"]["bias"]).max() <= 7.0
    assert np.abs(params["hidden_1"]["bias"]).max() <= 200**-0.5
    given = resolve_bounds(replace(config, output_weight_bound=0.3, output_bias_bound=0.1), 1)
    assert (given.output_weight_bound, given.output_bias_bound) == (0.3, 0.1)
    assert inr.preset("siren", modality="audio", protocol="paper").output_init == "tiny"


def test_wave_configurations_share_one_structure():
    plain = plain_presets("image")
    assert {"siren", "finer", "gauss", "wire_real", "gf"} <= set(plain)
    fields = {"schedule": "exponential", "value_range": None, "output_activation": "linear"}
    waves = [as_wave(replace(inr.preset(name, width=16, depth=4), **fields), 2) for name in plain]
    assert len({jax.tree.structure(wave) for wave in waves}) == 1
    assert {layer.activation for wave in waves for layer in wave.layers} == {"wave"}


def test_a_family_without_a_wave_form_stays_itself():
    config = NetworkConfig(layers=(inr.make_layer("siren"), inr.make_layer("sinc")), width=8)
    assert as_wave(config, 2) == resolve_bounds(config, 2)


@pytest.mark.parametrize("config", [CONFIG, RICH], ids=["plain", "rich"])
@pytest.mark.parametrize("wave", [False, True])
def test_lowering_a_lowered_configuration_changes_nothing(config, wave):
    """It has a type of its own, so nobody resolves twice; what is no bound stays."""
    lowered = lower(config, 2, wave=wave)
    assert isinstance(lowered, LoweredConfig)
    assert lower(lowered, 2) is lowered and lower(lowered, 2, wave=wave) == lowered
    bounds = [(layer.weight_bound, layer.bias_bound) for layer in lowered.layers]
    bounds.append((lowered.output_weight_bound, lowered.output_bias_bound))
    assert None not in [bound for pair in bounds for bound in pair]
    for name in ("width", "encoding", "optimizer", "gradient_norm", "lr_warmup", "sampling"):
        assert getattr(lowered, name) == getattr(config, name)
