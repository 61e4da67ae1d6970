"""Settings of a study: the last trials confirm, JSON, and what makes two searches the same."""

from dataclasses import fields, replace

import pytest

import optiinr_jax as oi
from optiinr_jax.signals.targets import make_finer
from optiinr_jax.studies.settings import FORMAT, StudySettings, digest, identity


@pytest.mark.parametrize(
    ("num_trials", "num_confirm", "expected"),
    [
        (40, None, 36),  # a tenth
        (100, None, 90),
        (20, None, 16),  # at least four
        (12, None, 9),  # at most a quarter
        (3, None, None),  # which is none of three
        (40, 0, None),
        (40, 7, 33),
        (5, 9, 0),  # all of them, where more were asked for
        (None, None, None),  # the budget is not known
        (None, 3, None),
    ],
)
def test_the_last_trials_of_a_budget_confirm(num_trials, num_confirm, expected):
    settings = StudySettings(num_confirm=num_confirm)
    assert settings.confirm_from(num_trials) == expected


@pytest.mark.parametrize(
    ("objective", "strategy", "aim"),
    [
        (None, "optiinr", "continuous"),
        (None, "faithful", "samples"),
        ("continuous", "faithful", "continuous"),
        ("samples", "optiinr", "samples"),
    ],
)
def test_the_papers_strategy_has_the_papers_objective(objective, strategy, aim):
    settings = StudySettings(objective=objective, strategy=strategy)
    assert settings.aim == aim == settings.to_json()["objective"]


def test_json_both_ways():
    settings = StudySettings(objective="samples", num_steps=7, num_confirm=3, seed=5)
    record = settings.to_json()
    assert StudySettings.from_json(record | {"format": 1, "signal": "x"}) == settings.written_out()
    assert set(record) == {field.name for field in fields(StudySettings)} - {"objectives"}
    with pytest.raises(KeyError, match="num_steps"):
        StudySettings.from_json({k: v for k, v in record.items() if k != "num_steps"})


def test_every_setting_and_the_signal_and_the_space_make_another_search():
    signal, space = oi.sample_signal(size=8), oi.inr_space("image", depth=1)
    settings = StudySettings(depth=1)
    known = identity(settings, signal, space)
    assert known == identity(settings, oi.sample_signal(size=8), oi.inr_space("image", depth=1))
    assert known["format"] == FORMAT and known["training"]["sampling"] == "shifted"
    for field in fields(StudySettings):
        value = {int: 17, str: "x"}.get(type(getattr(settings, field.name)), "samples")
        value = 17 if field.name in ("num_confirm", "num_portfolio") else value
        value = {"rungs": (0.5,), "objectives": ("psnr", "num_bytes")}.get(field.name, value)
        if field.name == "objective":
            value = "samples"
        other = identity(replace(settings, **{field.name: value}), signal, space)
        changed = {name for name in known | other if other[name] != known.get(name)}
        # the defaults of two others are those of the strategy
        follow = {"num_portfolio", "rungs"} if field.name == "strategy" else set()
        follow = {"rungs"} if field.name == "objectives" else follow
        assert field.name in changed and changed <= {field.name, "training", *follow}, field.name
    other = identity(settings, signal, oi.inr_space("image", depth=2))
    assert {name for name in known if other[name] != known[name]} == {"space_sha256"}
    other = identity(settings, oi.sample_signal(size=9), space)
    assert {name for name in known if other[name] != known[name]} == {"signal"}


def test_a_digest_is_of_all_that_a_signal_is():
    pixels = oi.sample_signal(size=6).samples
    plain = oi.make_signal("image", pixels)
    fine = pixels.repeat(3, 0).repeat(3, 1)
    others = [
        oi.make_signal("image", 1 - pixels),
        oi.make_signal("image", pixels, interpolation="linear"),
        oi.make_signal("image", pixels, attributes={"a": 1.0}),
        oi.make_signal("image", pixels, finer=make_finer(3, fine)),
        oi.make_signal("image", pixels, finer=make_finer(3, fine / 2)),
        plain.with_value_range((0.0, 1.0)),
    ]
    digests = [digest(signal) for signal in (plain, *others)]
    assert len(set(digests)) == len(digests)
    assert digest(oi.make_signal("image", pixels, name="another")) == digests[0]
