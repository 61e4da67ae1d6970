"""The verbs that only tell: published networks, and what a model file holds."""

import json

import pytest

import optiinr_jax as oi
from optiinr_jax.cli.main import run
from optiinr_jax.inr import PRESETS
from tests.helpers import make_inr


@pytest.mark.parametrize("kind", PRESETS)
def test_all_published_networks_are_listed(kind, capsys):
    assert run(["presets", "--sample", kind]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(PRESETS[kind])
    assert run(["presets", "--sample", kind, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {name: int(row["steps"]) for name, row in listed.items()} == {
        name: row.num_steps for name, row in PRESETS[kind].items()
    }


@pytest.mark.integration
def test_a_model_file_in_words_and_as_data(tmp_path, capsys):
    inr = make_inr(oi.sample_signal("image", 8), oi.preset("siren", width=6, depth=2))
    path = inr.save(tmp_path / "model.inr.safetensors")
    assert run(["info", str(path)]) == 0
    said = capsys.readouterr().out
    assert "image, 8 x 8, 3 channels" in said and "layer 2: SIREN, omega 30" in said
    assert run(["info", str(path), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["num_params"] == inr.num_params and record["num_bytes"] == path.stat().st_size
    assert oi.inr.NetworkConfig.from_json(record["config"]).depth == 2


def test_what_is_no_model_file_is_said(tmp_path, capsys):
    (tmp_path / "model").write_text("nothing")
    assert run(["info", str(tmp_path / "model")]) == 2
    assert "model" in capsys.readouterr().err
