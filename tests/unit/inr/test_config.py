"""Configurations: pytrees, and JSON both ways."""

import json
from dataclasses import fields

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax import inr
from optiinr_jax.inr.config import NetworkConfig
from tests.unit.inr.configs import CONFIG, RICH

STATIC = {
    "width",
    "output_activation",
    "batch_size",
    "optimizer",
    "schedule",
    "sampling",
    "output_init",
}
EVERY_PRESET = [(name, modality) for modality in inr.PRESETS for name in inr.PRESETS[modality]]


def test_names_are_static_and_numbers_are_leaves():
    doubled = jax.tree.map(lambda x: 2 * x, CONFIG)
    assert doubled.layers[0].numbers == {"omega": 40.0}
    assert doubled.width == 16 and doubled.encoding.num_frequencies == 8
    same = jax.tree.structure(CONFIG) == jax.tree.structure(doubled)
    assert same and jax.tree.structure(CONFIG) != jax.tree.structure(inr.preset("siren", width=16))
    stacked = jax.tree.map(lambda *x: jnp.stack([jnp.float32(v) for v in x]), CONFIG, doubled)
    omegas = jax.vmap(lambda c: c.layers[0].numbers["omega"])(stacked)
    np.testing.assert_array_equal(omegas, [20.0, 40.0])


def test_every_field_is_either_a_name_or_a_number():
    """The records of NeRF's encoding, IGA and FR have no number but FR's alpha."""
    doubled = jax.tree.map(lambda x: 2 * x, RICH)
    for field in fields(NetworkConfig):
        before, after = getattr(RICH, field.name), getattr(doubled, field.name)
        assert before is not None, f"configs.RICH leaves {field.name} out"
        assert (before == after) == (field.name in STATIC | {"encoding", "adjustment"}), field.name


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
