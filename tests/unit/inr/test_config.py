"""Configurations: pytrees, JSON, what is refused; presets."""

import copy
import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax import inr
from optiinr_jax.inr.config import NetworkConfig, as_wave, check_config, resolve_bounds

CONFIG = NetworkConfig(
    layers=(inr.make_layer("siren", omega=20.0), inr.make_layer("wire", learning_rate=1e-3)),
    width=16,
    encoding=inr.FourierFeatures(sigma=3.0, num_frequencies=8),
    lr_cooldown=0.3,
    output_weight_bound=1e-4,
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
    traced = jax.tree.map(jnp.float32, CONFIG)
    assert NetworkConfig.from_json(traced.to_json()).layers[0].numbers == {"omega": 20.0}


def edit(path, value):
    data = copy.deepcopy(CONFIG.to_json())
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
    ],
)
def test_bad_configurations_are_refused_in_one_sentence(path, value, message):
    with pytest.raises(ValueError, match=message) as refused:
        NetworkConfig.from_json(edit(path, value))
    assert "\n" not in str(refused.value)


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


def test_wave_configurations_share_one_structure():
    structures = {
        jax.tree.structure(as_wave(inr.preset(name, width=16), 2)) for name in inr.PRESETS["image"]
    }
    assert len(structures) == 1


@pytest.mark.parametrize("name", inr.PRESETS["image"])
@pytest.mark.parametrize("protocol", inr.PROTOCOLS)
def test_every_preset_is_valid(name, protocol):
    config = inr.preset(name, protocol=protocol, width=8, depth=3)
    check_config(config)
    assert (config.width, config.depth) == (8, 3)
    rates = {layer.learning_rate for layer in config.layers}
    if protocol == "paper":
        assert rates == {1e-4} and config.weight_decay == 0.01 and config.lr_decay == 1.0
    if protocol == "official":
        assert rates == {inr.PRESETS["image"][name].learning_rate} and config.weight_decay == 0.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "relu"}, "unknown preset 'relu'; known are siren, finer, gauss, wire, gf"),
        ({"name": "siren", "protocol": "x"}, "unknown protocol 'x'; known are paper, official"),
        ({"name": "siren", "modality": "x"}, "unknown modality 'x'; known are image"),
        ({"name": "siren", "depth": 0}, "depth is 0"),
        ({"name": "siren", "width": -1}, "width is -1"),
    ],
)
def test_preset_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        inr.preset(**arguments)
