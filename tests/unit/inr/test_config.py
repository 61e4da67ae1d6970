"""Configurations: pytrees, JSON, what is refused; presets."""

import copy
import json
import subprocess
import sys
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax import inr
from optiinr_jax.inr.config import NetworkConfig, as_wave, check_config, resolve_bounds
from optiinr_jax.inr.model import init_variables
from optiinr_jax.inr.presets import plain_presets

CONFIG = NetworkConfig(
    layers=(inr.make_layer("siren", omega=20.0), inr.make_layer("wire", learning_rate=1e-3)),
    width=16,
    encoding=inr.FourierFeatures(sigma=3.0, num_frequencies=8),
    lr_cooldown=0.3,
    output_weight_bound=1e-4,
)


EVERY_PRESET = [(name, modality) for modality in inr.PRESETS for name in inr.PRESETS[modality]]
RICH = replace(
    CONFIG,
    layers=(
        replace(inr.make_layer("siren"), initializer="default", gain=2.0, bias_bound=0.5),
        inr.make_layer("gauss"),
    ),
    encoding=inr.NerfFrequencies(num_frequencies=3, with_pi=False),
    reparameterization=inr.FourierReparameterization(num_low=2, num_high=3, num_phases=4),
    adjustment=inr.GradientAdjustment(group=(4, 8), end=3, sampling="middle"),
    output_activation="sigmoid",
    batch_size=100,
    clip_norm=1.5,
    schedule="cosine",
    output_init="tiny",
    coord_range=(-0.5, 0.5),
    value_range=(0.0, 1.0),
)


def test_names_are_static_and_numbers_are_leaves():
    doubled = jax.tree.map(lambda x: 2 * x, CONFIG)
    assert doubled.layers[0].numbers == {"omega": 40.0}
    assert doubled.width == 16 and doubled.encoding.num_frequencies == 8
    same = jax.tree.structure(CONFIG) == jax.tree.structure(doubled)
    assert same and jax.tree.structure(CONFIG) != jax.tree.structure(inr.preset("siren", width=16))
    stacked = jax.tree.map(lambda *x: jnp.stack([jnp.float32(v) for v in x]), CONFIG, doubled)
    omegas = jax.vmap(lambda c: c.layers[0].numbers["omega"])(stacked)
    np.testing.assert_array_equal(omegas, [20.0, 40.0])


def test_json_both_ways():
    text = json.dumps(CONFIG.to_json())
    assert NetworkConfig.from_json(json.loads(text)) == CONFIG
    assert NetworkConfig.from_json(json.loads(json.dumps(RICH.to_json()))) == RICH
    traced = jax.tree.map(jnp.float32, CONFIG)
    assert NetworkConfig.from_json(traced.to_json()).layers[0].numbers == {"omega": 20.0}


def test_an_encoding_is_written_with_its_name():
    written = CONFIG.to_json()["encoding"]
    assert written == {"name": "fourier", "sigma": 3.0, "num_frequencies": 8}
    assert RICH.to_json()["encoding"] == {"name": "nerf", "num_frequencies": 3, "with_pi": False}


@pytest.mark.parametrize("protocol", inr.PROTOCOLS)
@pytest.mark.parametrize(("name", "modality"), EVERY_PRESET)
def test_every_preset_in_json_and_back(name, modality, protocol):
    config = inr.preset(name, modality=modality, protocol=protocol)
    again = NetworkConfig.from_json(json.loads(json.dumps(config.to_json())))
    assert again == config
    assert jax.tree.structure(again) == jax.tree.structure(config)


def edit(path, value, config=CONFIG):
    data = copy.deepcopy(config.to_json())
    *front, last = path
    node = data
    for part in front:
        node = node[part]
    node[last] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["width"], 0, "width is 0"),
        (["width"], 10**9, "width is 1000000000; it must be a whole number from 1 to"),
        (["width"], True, "width is True"),
        (["layers"], [], "depth is 0"),
        (["layers", 0, "activation"], "magic", "unknown activation 'magic'"),
        (["layers", 0, "numbers"], {"sigma": 1.0}, r"takes exactly \['omega'\]"),
        (["layers", 0, "numbers", "omega"], float("nan"), r"layers\[0\].numbers\['omega'\] is nan"),
        (["layers", 0, "learning_rate"], -1.0, r"layers\[0\].learning_rate is -1.0"),
        (["layers", 0, "weight_bound"], float("inf"), "weight_bound is inf"),
        (["encoding", "num_frequencies"], 10**9, "num_frequencies"),
        (["lr_decay"], -0.1, "lr_decay is -0.1"),
        (["lr_cooldown"], float("nan"), "lr_cooldown is nan"),
        (["colour"], "red", "not a network configuration"),
        (["layers", 0, "numbers", "omega"], 10**400, r"omega'\] is 1000.*it must be a number"),
        (["layers", 0, "initializer"], "magic", r"layers\[0\].initializer is 'magic'; known are"),
        (["layers", 0, "gain"], -2.0, r"layers\[0\].gain is -2.0"),
        (["layers", 0, "bias_bound"], -1.0, r"layers\[0\].bias_bound is -1.0"),
        (["layers", 0, "colour"], 1.0, "not a network configuration"),
        (["encoding", "name"], "magic", "encoding.name is 'magic'; known are fourier, nerf"),
        (["encoding", "sigma"], -1.0, "encoding.sigma is -1.0"),
        (["output_activation"], "magic", "output_activation is 'magic'; known are linear, sigmoid"),
        (["output_init"], "magic", "output_init is 'magic'; known are tiny"),
        (["output_weight_bound"], -1.0, "output_weight_bound is -1.0"),
        (["schedule"], "magic", "schedule is 'magic'; known are exponential, step, cosine"),
        (["lr_step_at"], -1.0, "lr_step_at is -1.0"),
        (["weight_decay"], float("inf"), "weight_decay is inf"),
        (["clip_norm"], -1.0, "clip_norm is -1.0"),
        (["batch_size"], 0, "batch_size is 0; it must be a whole number from 1 to"),
        (["coord_range"], [1.0, -1.0], "coord_range is .*; its first number must be the lower one"),
        (["coord_range"], [0.0, 0.0], "coord_range is .*; its first number must be the lower one"),
        (["value_range"], [0.0, float("inf")], "value_range is inf; it must be a finite number"),
        (["adjustment"], {"group": [0, 8]}, "adjustment.group is 0"),
        (["adjustment"], {"group": [8], "end": 0}, "adjustment.end is 0"),
        (["adjustment"], {"group": [8], "sampling": "x"}, "adjustment.sampling is 'x'; known are"),
        (["reparameterization"], {"num_low": 0}, "reparameterization.num_low is 0"),
        (["reparameterization"], {"num_low": 60000, "num_phases": 99}, r"num_rows \* width is"),
        (["reparameterization"], {"alpha": -1.0}, "reparameterization.alpha is -1.0"),
    ],
)
def test_bad_configurations_are_refused_in_one_sentence(path, value, message):
    with pytest.raises(ValueError, match=message) as refused:
        NetworkConfig.from_json(edit(path, value))
    assert "\n" not in str(refused.value)


def test_reparameterised_complex_layers_are_refused():
    layers = (inr.make_layer("siren"), inr.make_layer("wire_complex"))
    with pytest.raises(ValueError, match="reparameterization needs real layers"):
        check_config(replace(RICH, layers=layers))


WRONG_TYPES = [
    (["width"], 1e9, "width is 1000000000.0; it must be a whole number from 1 to 16384."),
    (["layers", 0, "activation"], ["siren"], "not a network configuration: "),
    (["layers", 0, "activation"], 7, "unknown activation 7; known are siren"),
    (["layers", 0, "numbers"], 3, "layers[0].numbers is 3, but activation 'siren' takes"),
    (
        ["layers", 0, "numbers", "omega"],
        "30 Hz",
        "numbers['omega'] is '30 Hz'; it must be a number",
    ),
    (["layers", 0, "numbers", "omega"], "30", "numbers['omega'] is '30'; it must be a number"),
    (["layers", 0, "gain"], True, "layers[0].gain is True; it must be a number"),
    (["batch_size"], 2.5, "batch_size is 2.5; it must be a whole number from 1 to"),
    (["value_range"], [0.0], "value_range is (0.0,); it must be a pair (low, high)."),
    (["coord_range"], "ab", "coord_range is 'a'; it must be a number."),
    (["coord_range"], 3, "not a network configuration: "),
    (["adjustment"], {"group": 8}, "not a network configuration: "),
    (["reparameterization"], [8], "not a network configuration: "),
    (["encoding", "sigma"], None, "encoding.sigma is None; it must be a number."),
    (["encoding"], 3, "not a network configuration: "),
]
READ_ALL = """
import json, sys
from optiinr_jax.inr import NetworkConfig
for data in json.load(sys.stdin):
    try:
        NetworkConfig.from_json(data)
        print("accepted")
    except ValueError as error:
        print(error)
"""


def test_wrong_types_are_refused_without_the_tests_type_checks():
    """In a process of its own: under pytest a run-time type checker would answer first."""
    data = json.dumps([edit(path, value) for path, value, _ in WRONG_TYPES])
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL], input=data, capture_output=True, text=True, check=True
    )
    messages = done.stdout.splitlines()
    assert len(messages) == len(WRONG_TYPES)
    for (_, _, expected), message in zip(WRONG_TYPES, messages, strict=True):
        assert expected in message


@pytest.mark.parametrize("data", [None, 3, "siren", [], {}, {"layers": 3}, {"layers": ["siren"]}])
def test_other_data_is_refused(data):
    with pytest.raises(ValueError, match="not a network configuration"):
        NetworkConfig.from_json(data)


def test_bounds_follow_the_families():
    resolved = resolve_bounds(CONFIG, 2)
    siren, wire = resolved.layers
    assert siren.weight_bound == pytest.approx(1 / 16)  # first layer: 16 features
    assert wire.weight_bound == pytest.approx(1 / 4)  # PyTorch's default at 16 inputs
    assert resolved.output_weight_bound == 1e-4  # as given
    assert resolve_bounds(inr.preset("gf"), 2).layers[0].bias_bound == 1.0
    assert resolve_bounds(inr.preset("gf"), 2).layers[1].bias_bound == pytest.approx(1 / 16)


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
    params = init_variables(jax.random.key(0), config, num_dims=2, num_channels=1)["params"]
    drawn = [float(np.abs(params[f"hidden_{i}"]["kernel"]).max()) for i in range(4)]
    np.testing.assert_allclose(drawn, bounds, rtol=0.05)


A = np.sqrt(0.5)  # PyTorch's bias bound of two inputs


def test_the_same_key_scales_with_the_gain():
    one = inr.preset("siren", width=8, depth=2)
    two = replace(one, layers=tuple(replace(layer, gain=2.0) for layer in one.layers))
    draws = [
        init_variables(jax.random.key(3), config, num_dims=2, num_channels=1)["params"]
        for config in (one, two)
    ]
    for name in ("hidden_0", "hidden_1"):
        np.testing.assert_allclose(
            draws[1][name]["kernel"], 2 * draws[0][name]["kernel"], rtol=1e-6
        )
        np.testing.assert_array_equal(draws[1][name]["bias"], draws[0][name]["bias"])
    np.testing.assert_array_equal(draws[1]["output"]["kernel"], draws[0]["output"]["kernel"])


def test_tiny_output_and_bias_law_k():
    layers = (replace(inr.make_layer("finer"), bias_bound=7.0), inr.make_layer("finer"))
    config = NetworkConfig(layers=layers, width=200, output_init="tiny")
    params = init_variables(jax.random.key(0), config, num_dims=1, num_channels=1)["params"]
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "relu"}, "unknown preset 'relu'; known are siren, finer, gauss, wire,"),
        ({"name": "siren", "protocol": "x"}, "unknown protocol 'x'; known are paper, official"),
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
