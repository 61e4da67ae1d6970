"""Points and networks: both ways, and the ranges that hold every published network."""

import pytest

from optiinr_jax import inr
from optiinr_jax.bo import Float, Space
from optiinr_jax.inr.activations import get_activation
from optiinr_jax.inr.presets import COOLDOWN
from optiinr_jax.studies import SPACES, config_to_point, inr_space, point_to_config
from optiinr_jax.studies.points import layer_ties

MODALITIES = ["image", "audio", "volume"]


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("depth", [1, 3, 4])
def test_every_point_is_a_network_and_comes_back(kind, depth, modality):
    space = inr_space(modality, kind, depth)
    for point in space.sample(0, 50):
        config = point_to_config(point, width=8, modality=modality)
        inr.config.check_config(config)
        assert config.depth == depth
        again = config_to_point(config, space)
        assert space.check_point(again) == pytest.approx(point)
        assert point_to_config(again, width=8, modality=modality) == config
        if kind == "experiments":
            assert config_to_point(config) == again


def test_the_full_space_frees_every_number_the_law_and_its_range():
    for modality in MODALITIES:
        space = inr_space(modality, "full", 2)
        experiments = inr_space(modality, depth=2)
        assert set(experiments.dimensions) < set(space.dimensions)
        assert {"initializer_2", "gain_1", "learning_rate_1"} <= set(space.dimensions)
        assert not {"initializer_1", "gain_1"} & set(experiments.dimensions)
    assert {"sigma_1_wire", "sigma_1_gf"} <= set(inr_space("image", "full", 1).dimensions)


def test_initializer_and_gain_reach_the_network():
    space = inr_space("image", "full", 1)
    laws = set()
    for point in space.sample(3, 20):
        layer = point_to_config(point, width=16).layers[0]
        assert (layer.initializer, layer.gain) == (point["initializer_1"], point["gain_1"])
        config = inr.config.resolve_bounds(point_to_config(point, width=16), 2)
        fan_in = 32 if point["encoding"] == "fourier" else 2
        law = 1 / fan_in if point["initializer_1"] == "sine" else fan_in**-0.5
        assert config.layers[0].weight_bound == pytest.approx(point["gain_1"] * law)
        laws.add(point["initializer_1"])
    assert laws == {"sine", "default"}


@pytest.mark.parametrize("modality", MODALITIES)
def test_trials_follow_the_rule_of_their_kind(modality):
    point = inr_space(modality, depth=2).sample(0, 1)[0]
    config = point_to_config(point, width=8, modality=modality)
    assert {"weight_decay": config.weight_decay, "lr_cooldown": config.lr_cooldown} == COOLDOWN
    assert config.output_init == ("tiny" if modality == "audio" else None)
    assert config.batch_size == (200_000 if modality == "volume" else None)


PRESETS = [
    (modality, family)
    for modality, families in {
        "image": ["siren", "finer", "gf", "wire_real"],
        "audio": ["siren", "finer"],
        "volume": ["finer", "gauss", "gf", "wire_real"],
    }.items()
    for family in families
]


@pytest.mark.parametrize(("modality", "family"), PRESETS)
@pytest.mark.parametrize("protocol", ["official", "paper"])
@pytest.mark.parametrize("kind", SPACES)
def test_presets_are_points(modality, family, protocol, kind):
    config = inr.preset(family, modality=modality, protocol=protocol, width=8, depth=4)
    space = inr_space(modality, kind)
    point = space.check_point(config_to_point(config, space))
    again = point_to_config(point, width=8, modality=modality)
    if (kind, modality, family) == ("experiments", "volume", "wire_real"):
        # The experiments tie sigma to omega / 2, and WIRE's occupancy script has (10, 40).
        assert {layer.numbers["sigma"] for layer in again.layers} == {5.0}
    else:
        ours, theirs = ([layer.numbers for layer in c.layers] for c in (again, config))
        assert ours == theirs
    rates = [layer.learning_rate for layer in config.layers]
    assert [layer.learning_rate for layer in again.layers] == rates
    assert {"weight_decay": again.weight_decay, "lr_cooldown": again.lr_cooldown} == COOLDOWN


def test_gauss_is_not_in_the_image_space():
    with pytest.raises(ValueError, match="gauss"):
        inr_space("image").check_point(config_to_point(inr.preset("gauss")))


def test_a_number_exists_only_for_its_family():
    space = inr_space("image", depth=1)
    point = space.sample(0, 1)[0]
    family = point["activation_1"]
    numbers = {name for name in point if name.startswith(("omega_1", "sigma_1"))}
    assert numbers == {f"{number}_1_{family}" for number in get_activation(family).bounds}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"modality": "smell"}, "unknown modality 'smell'; known are image"),
        ({"kind": "huge"}, "unknown space 'huge'; known are experiments"),
        ({"depth": 0}, "depth is 0; it must be a whole number from 1 on"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        inr_space(**arguments)


def test_layers_that_differ_are_not_tied():
    space = inr_space("image", depth=2)
    assert len(set(layer_ties(space).values())) == (len(space) - 2) / 2 + 2  # the encoding is one
    other = dict(space.dimensions) | {"learning_rate_2": Float(1e-4, 1e-3, log=True)}
    assert layer_ties(Space(other)) == {}
