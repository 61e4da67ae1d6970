"""What no configuration may be is refused in one sentence, whatever a file holds."""

import copy
from dataclasses import replace

import pytest

from optiinr_jax import inr
from optiinr_jax.inr.config import NetworkConfig
from optiinr_jax.inr.config_checks import check_config
from tests.unit.inr.configs import CONFIG, RICH


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
        (["gradient_norm"], -1.0, "gradient_norm is -1.0"),
        (["lr_warmup"], float("inf"), "lr_warmup is inf"),
        (["grid_share"], -0.5, "grid_share is -0.5"),
        (["optimizer"], "magic", "optimizer is 'magic'; known are adamw, soap, muon"),
        (["sampling"], "magic", "sampling is 'magic'; known are grid, shifted, jittered, surface"),
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


@pytest.mark.parametrize(("path", "value", "expected"), WRONG_TYPES)
def test_wrong_types_are_refused_in_one_sentence(path, value, expected, no_type_checks):
    with pytest.raises(ValueError) as refused:
        NetworkConfig.from_json(edit(path, value))
    assert expected in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("data", [None, 3, "siren", [], {}, {"layers": 3}, {"layers": ["siren"]}])
def test_other_data_is_refused(data):
    with pytest.raises(ValueError, match="not a network configuration"):
        NetworkConfig.from_json(data)
