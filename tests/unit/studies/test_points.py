"""Points and networks: both ways, and the ranges that hold every published network."""

from dataclasses import replace

import numpy as np
import pytest

from optiinr_jax import inr
from optiinr_jax.bo import Float, Space
from optiinr_jax.inr.activations import get_activation
from optiinr_jax.inr.config_checks import check_config
from optiinr_jax.inr.lowering import resolve_bounds
from optiinr_jax.inr.presets import FACTORS, training_rule
from optiinr_jax.studies import SPACES, config_to_point, inr_space, point_to_config
from optiinr_jax.studies.api import PRESET_FACTORS
from optiinr_jax.studies.points import (
    FAMILIES,
    LEARNING_RATES,
    WEIGHT_DECAYS,
    check_space,
    describe_point,
    families_of,
    layer_of,
    layer_ties,
    nyquist_of,
    split_name,
)

MODALITIES = ["image", "audio", "volume"]


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("depth", [1, 3, 4])
def test_every_point_is_a_network_and_comes_back(kind, depth, modality):
    space = inr_space(modality, kind, depth)
    for point in space.sample(0, 50):
        config = point_to_config(point, width=8, modality=modality)
        check_config(config)
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
        config = resolve_bounds(point_to_config(point, width=16), 2)
        fan_in = 32 if point["encoding"] == "fourier" else 2
        law = 1 / fan_in if point["initializer_1"] == "sine" else fan_in**-0.5
        assert config.layers[0].weight_bound == pytest.approx(point["gain_1"] * law)
        laws.add(point["initializer_1"])
    assert laws == {"sine", "default"}


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("objective", ["continuous", "samples"])
def test_trials_follow_the_rule_of_their_kind(modality, objective):
    """But for the weight decay, which is searched."""
    point = inr_space(modality, depth=2).sample(0, 1)[0]
    config = point_to_config(point, width=8, modality=modality, objective=objective)
    rule = training_rule(modality, objective) | {"weight_decay": point["weight_decay"]}
    assert {name: getattr(config, name) for name in rule} == rule
    assert config.output_init == ("tiny" if modality == "audio" else None)
    assert config.batch_size == (200_000 if modality == "volume" else None)
    without = {name: value for name, value in point.items() if name != "weight_decay"}
    fixed = point_to_config(without, width=8, modality=modality)
    assert fixed.weight_decay == training_rule(modality)["weight_decay"]


@pytest.mark.parametrize(
    ("modality", "shape", "nyquist"),
    [("image", (96, 40), 23.75), ("audio", (4096,), 10.2375), ("volume", (9, 33, 17), 8.0)],
)
def test_frequencies_end_at_what_the_grid_can_hold(modality, shape, nyquist):
    """Half a cycle from one sample to the next, in cycles per unit of the coordinates."""
    assert nyquist_of(modality, shape) == pytest.approx(nyquist)
    space = inr_space(modality, depth=1, shape=shape)
    sigma = space.dimensions["encoding_sigma"]
    assert (sigma.low, sigma.high) == pytest.approx((0.01 * nyquist, 0.5 * nyquist))
    family = FAMILIES[modality][0]
    omega = space.dimensions[f"omega_1_{family}"]
    steepest = 2 * np.pi * len(shape) * nyquist
    published = get_activation(family).bounds["omega"][1]
    assert omega.high == pytest.approx(min(published, max(60.0, steepest)))
    small = inr_space(modality, depth=1, shape=(2,) * len(shape))
    assert small.dimensions[f"omega_1_{family}"].high >= min(60.0, published)


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
@pytest.mark.parametrize("protocol", inr.PROTOCOLS)
@pytest.mark.parametrize("kind", SPACES)
def test_presets_are_points(modality, family, protocol, kind):
    config = inr.preset(family, modality=modality, protocol=protocol, width=8, depth=4)
    space = inr_space(modality, kind)
    rate = config.layers[0].learning_rate
    if rate < LEARNING_RATES[0]:  # for another optimiser than a search's
        with pytest.raises(ValueError, match=r"point\['learning_rate_1'\] is 0.0001"):
            space.check_point(config_to_point(config, space))
        layers = tuple(replace(layer, learning_rate=4 * rate) for layer in config.layers)
        config = replace(config, layers=layers)
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
    # No weight decay is the least one of the space.
    assert again.weight_decay == max(config.weight_decay, WEIGHT_DECAYS[0])
    rule = training_rule(modality) | {"weight_decay": again.weight_decay}
    assert {name: getattr(again, name) for name in rule} == rule


@pytest.mark.parametrize(("modality", "family"), PRESETS)
def test_presets_at_further_rates_are_points_where_the_space_reaches(modality, family):
    space = inr_space(modality)
    for factor in FACTORS:
        config = inr.preset(family, modality=modality, protocol="search", factor=factor, depth=4)
        rate = config.layers[0].learning_rate
        is_inside = LEARNING_RATES[0] <= rate <= LEARNING_RATES[1]
        point = config_to_point(config, space)
        if is_inside:
            assert space.check_point(point)["learning_rate_1"] == rate
        else:
            with pytest.raises(ValueError, match="learning_rate_1"):
                space.check_point(point)
    inside = [
        LEARNING_RATES[0] <= factor * inr.PRESETS[modality][family].learning_rate
        for factor in PRESET_FACTORS
    ]
    assert any(inside)  # so every published family is tried by a search


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
    # The encoding and the weight decay are of the whole network.
    assert len(set(layer_ties(space).values())) == (len(space) - 3) / 2 + 3
    other = dict(space.dimensions) | {"learning_rate_2": Float(1e-4, 1e-3, log=True)}
    assert layer_ties(Space(other)) == {}


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_grammar_of_a_point_takes_every_name_apart(modality):
    """And puts it together again."""
    space = inr_space(modality, "full", 3)
    for name in space.dimensions:
        what, layer, family = split_name(name)
        assert layer == layer_of(name)
        parts = [what, *([str(layer)] if layer else []), *([family] if family else [])]
        assert "_".join(parts) == name
        assert what in {
            "activation",
            "omega",
            "omega_wavelet",
            "sigma",
            "learning_rate",
            "initializer",
            "gain",
            "encoding",
            "encoding_sigma",
            "weight_decay",
        }
        assert family == "" or family in FAMILIES[modality]
    point = space.sample(0, 1)[0]
    assert families_of(point) == [point[f"activation_{i}"] for i in (1, 2, 3)]
    words = describe_point(point | {"encoding": "fourier"})
    assert words == "-".join(families_of(point)) + " +fourier"
    assert describe_point(point | {"encoding": "none"}) == "-".join(families_of(point))


def test_a_space_of_ones_own_has_what_its_points_need():
    two = inr_space("image", depth=2)
    check_space(two, width=8, depth=2)
    without = {n: d for n, d in two.dimensions.items() if n != "learning_rate_2"}
    with pytest.raises(ValueError, match="no dimension 'learning_rate_2'"):
        check_space(Space(without), width=8, depth=2)
    with pytest.raises(ValueError, match=r"has 2 layers .*, but depth is 3"):
        check_space(two, width=8, depth=3)
