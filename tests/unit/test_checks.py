"""Numbers at the border: of whatever library they are, inside they are Python's."""

import json
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import optuna
import pytest

import optiinr_jax as oi
from optiinr_jax.bo import Choice, Float, Int, Optimizer, Space, suggest
from optiinr_jax.checks import check_name, plain_numbers
from optiinr_jax.inr.fitting import check_info

pytestmark = pytest.mark.usefixtures("no_type_checks")
PICTURE, SIREN = oi.sample_signal("image", size=8), oi.preset("siren", width=8, depth=1)
QUICK = {"num_steps": 3, "progress": False, "warn": False}


def test_plain_numbers_of_any_library():
    found = plain_numbers(
        {
            "a": np.int64(1),
            "b": [np.float32(0.5), (np.bool_(True), np.str_("x"))],
            "c": jnp.arange(2),
            "d": None,
        }
    )
    assert json.dumps(found) == '{"a": 1, "b": [0.5, [true, "x"]], "c": [0, 1], "d": null}'


@pytest.mark.integration
@pytest.mark.parametrize(
    "options",
    [
        {"seed": np.int64(1)},
        {"num_steps": np.int64(3)},
        {"info": {"a": np.float32(1), "b": np.arange(3), "c": [np.int64(1)]}},
    ],
)
def test_a_fit_with_them_can_be_saved(options, tmp_path):
    inr = oi.fit(PICTURE, SIREN, **QUICK | options)
    path = inr.save(tmp_path / "a.inr.safetensors")
    assert repr(inr)
    assert oi.load_inr(path).seed == options.get("seed", 0)


def test_facts_that_cannot_be_saved_are_refused_before_the_training():
    with pytest.raises(ValueError, match="info cannot be kept in a model file"):
        oi.fit(PICTURE, SIREN, **QUICK | {"info": {"a": object()}})
    assert check_info(None) == {}


def test_attributes_and_settings_may_be_such():
    attributes = {"sample_rate": np.float32(8000), "peak": np.float64(0.5)}
    sound = oi.make_signal("audio", np.sin(np.arange(64.0))[:, None], attributes=attributes)
    json.dumps(sound.to_record())
    settings = oi.StudySettings(width=np.int64(8), rungs=(np.float32(0.5),), seed=np.uint8(3))
    assert json.dumps(settings.to_json())
    assert settings == oi.StudySettings(width=8, rungs=(0.5,), seed=3)
    json.dumps(replace(SIREN, batch_size=np.int64(16)).to_json())


DIMENSIONS = {  # made where no type checker looks: that is what users do
    "choice": lambda: (Choice(2 ** np.arange(4, 8)), Choice((16, 32, 64, 128))),
    "names": lambda: (Choice([np.str_("a"), np.bool_(True), None]), Choice(("a", True, None))),
    "int": lambda: (Int(np.int64(0), np.int64(8), step=np.int64(2)), Int(0, 8, step=2)),
    "float": lambda: (Float(np.float32(0.5), np.array(8.0)), Float(0.5, 8.0)),
    "values": lambda: (Int(values=np.array([16, 32])), Int(values=(16, 32))),
}


@pytest.mark.parametrize("name", DIMENSIONS)
def test_a_space_of_them_is_the_same_space(name):
    space, plain = (Space({"w": d, "x": Float(0, 1)}) for d in DIMENSIONS[name]())
    assert space == plain
    assert hash(space) == hash(plain)
    optimizer = Optimizer(space, num_initial=np.int64(2), seed=np.int64(1))
    optimizer.tell(optimizer.ask(), np.float32(1.0))
    again = Optimizer.from_json(optimizer.to_json())
    assert again.ask() == optimizer.ask()
    study = optuna.create_study(sampler=oi.OptiINRSampler(space=space, seed=np.int64(1)))
    study.optimize(lambda trial: len(str(suggest(trial, space)["w"])), n_trials=1)


def test_conditions_on_them():
    numbers = Choice(np.arange(3))
    space = Space({"m": numbers, "x": Float(0, 1, when={"m": np.array([0, 2])})})
    assert space == Space({"m": Choice((0, 1, 2)), "x": Float(0, 1, when={"m": (0, 2)})})


@pytest.mark.parametrize("name", ["int", "float", "values"])
def test_numbers_that_float64_does_not_hold_are_refused(name):
    huge = {"int": Int(0, 10**400), "float": Float(0, 10**400), "values": Int(values=[1, 10**400])}
    with pytest.raises(ValueError, match=r"expected finite|finite values"):
        Space({"a": huge[name]})


def test_huge_points_and_values_are_refused():
    optimizer = Optimizer(Space({"a": Float(0, 1)}))
    with pytest.raises(ValueError, match="expected a number from 0 to 1"):
        optimizer.tell({"a": 10**400}, 1.0)
    with pytest.raises(ValueError, match="expected one number"):
        optimizer.tell({"a": 0.5}, 10**400)


def test_a_name_nearly_right_gets_a_hint():
    with pytest.raises(ValueError, match=r"unknown verb 'serch'; did you mean 'search'\? Known"):
        check_name("verb", "serch", ["search", "fit"])
    with pytest.raises(ValueError, match=r"unknown verb 'xyz'; known are search, fit"):
        check_name("verb", "xyz", ["search", "fit"])
