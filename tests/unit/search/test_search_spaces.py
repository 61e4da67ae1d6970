"""Points and networks: both ways, and the ranges that hold every published network."""

import pytest

from optiinr_jax import inr
from optiinr_jax.inr.activations import get_activation
from optiinr_jax.inr.presets import COOLDOWN
from optiinr_jax.search import SPACES, config_to_point, inr_space, point_to_config


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("depth", [1, 3, 4])
def test_every_point_is_a_network_and_comes_back(kind, depth):
    space = inr_space("image", kind, depth)
    for point in space.sample(0, 50):
        config = point_to_config(point, width=8)
        inr.config.check_config(config)
        assert config.depth == depth
        assert space.check_point(config_to_point(config)) == pytest.approx(point)


@pytest.mark.parametrize("family", ["siren", "finer", "gf", "wire"])
@pytest.mark.parametrize("protocol", ["official", "paper"])
def test_presets_are_points(family, protocol):
    config = inr.preset(family, protocol=protocol, width=8)
    point = inr_space("image").check_point(config_to_point(config))
    again = point_to_config(point, width=8)
    assert [layer.numbers for layer in again.layers] == [layer.numbers for layer in config.layers]
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
