"""The found configuration: whatever families its layers have, one map or two, real or complex."""

import dataclasses

import pytest

import optiinr_jax as oi
from optiinr_jax.bo import Choice, Float, Space
from optiinr_jax.inr import ACTIVATIONS, NetworkConfig, make_layer
from optiinr_jax.report import write_report
from optiinr_jax.report.rendering import render
from optiinr_jax.report.sections.configuration import layer_inputs, make_configuration


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=8)


def space_of(families):
    """Layer i is of family i: a space of one's own, as `search(space=)` takes it."""
    dimensions = {}
    for i, family in enumerate(families, 1):
        dimensions[f"activation_{i}"] = Choice((family,))
        dimensions[f"learning_rate_{i}"] = Float(1e-4, 1e-3, log=True)
    return Space(dimensions)


@pytest.mark.slow
def test_a_report_of_every_family(signal, untrained, make_comparison, make_entry, tmp_path):
    """All families in one network, so that each follows another kind of layer."""
    families = list(ACTIVATIONS)
    study = oi.create_study(
        signal, num_trials=1, num_steps=2, width=4, depth=len(families), space=space_of(families)
    )
    asked = study.ask()
    drawn = untrained(signal, asked.config)
    study.tell(asked, dataclasses.replace(drawn, objective=study.settings.aim, score=30.0))
    found, preset = make_entry("found", "search", 30.0), make_entry("siren", "paper", 29.0)
    path = write_report(tmp_path / "report.html", study, make_comparison(found, preset))
    text = path.read_text()
    assert text.count("activation curve") == len(families)
    assert "nan" not in text.partition("<h2>The found")[2].partition("<script>")[0]


@pytest.mark.integration
@pytest.mark.parametrize("family", ACTIVATIONS)
def test_layers_of_one_family(family, signal, told, facts_of, untrained):
    """Its pre-activations are those of the network, and its curve can be drawn."""
    layers = (make_layer(family), make_layer(family))
    config = NetworkConfig(layers=layers, width=4, sampling="grid")
    inr = untrained(signal, config, is_scored=False)
    inputs = layer_inputs(inr, signal)
    assert [len(z) for z in inputs] == [4 * 64, 4 * 64]
    record = make_configuration(dataclasses.replace(facts_of(told(signal, 1)), inr=inr))
    html = render("configuration.html", section=record)
    assert html.count("activation curve") == 2
    assert "2 layers of 4 units" in " ".join(html.split())
