"""Official PyTorch checkpoints become networks that give what the official code gives."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from optiinr_jax.inr import from_state_dict
from optiinr_jax.numerics import rescale

CASES = {  # golden network -> preset, numbers that are not the preset's
    "siren": ("siren", {}),
    "finer": ("finer", {}),
    "gauss_finer_harness": ("gauss", {}),
    "gf": ("gf", {}),
    "wf": ("wf", {}),
    "wire_repo": ("wire_original", {}),
    "wire_finer_harness": ("wire", {}),
    "wire2d_repo": ("wire2d", {}),
    "fr_sin": ("fr", {}),
    "pemlp": ("pemlp", {}),
}


def state_of(golden, name):
    prefix = f"{name}/param/"
    return {k.removeprefix(prefix): v for k, v in golden.arrays.items() if k.startswith(prefix)}


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_the_official_code(golden, name):
    network, numbers = CASES[name]
    inr = from_state_dict(
        state_of(golden, name), network, shape=(32, 32), column_first=False, **numbers
    )
    coords = golden[golden.index["methods"][name]["coords"]]
    got = rescale(inr.predict(coords), (0.0, 1.0), inr.config.value_range)
    np.testing.assert_allclose(got, golden[f"{name}/out_f32"], rtol=0, atol=1e-4)
    assert np.isnan(inr.score) and inr.frame.shape == (32, 32)


def test_files_other_names_and_a_signal_that_scores(golden, tmp_path):
    state = state_of(golden, "siren")
    parts = [name.split(".") for name in state]
    named = {f"net.net.{p[1]}.0.{p[-1]}": state[".".join(p)] for p in parts}
    save_file(named, tmp_path / "a.safetensors")
    np.savez(tmp_path / "a.npz", **{f"module.{name}": array for name, array in state.items()})
    plain = from_state_dict(state, "siren", shape=(8, 8))
    for file in ("a.safetensors", "a.npz"):
        inr = from_state_dict(tmp_path / file, "siren", np.clip(plain.render(), 0.0, 1.0))
        np.testing.assert_array_equal(inr.render(), plain.render())
        assert inr.score > 20.0


def test_wire_has_its_own_numbers_and_order(golden):
    state = state_of(golden, "wire_repo")
    inr = from_state_dict(state, "wire_original", shape=(8, 8))
    assert inr.config.layers[0].numbers == {"omega": 20.0, "sigma": 30.0}
    other = from_state_dict(state, "wire_original", shape=(8, 8), column_first=False)
    np.testing.assert_allclose(
        inr.predict([0.3, -0.7]), other.predict([-0.7, 0.3]), rtol=0, atol=1e-4
    )


REFUSED = {
    "no layer": (lambda s: {"a": s["net.0.linear.bias"]}, "siren", "net.0.linear.weight"),
    "no bias": (
        lambda s: {k: v for k, v in s.items() if k != "net.1.linear.bias"},
        "siren",
        r"a layer has the arrays \['weight'\]",
    ),
    "another family": (lambda s: s, "wire", "hidden_1 has weights of shape"),
    "two maps": (lambda s: s, "wire2d", "5 linear maps, but 'wire2d' with 4 layers has 9"),
    "another width": (
        lambda s: s | {"net.1.linear.weight": np.zeros((32, 9), "f4")},
        "siren",
        r"hidden_1 has weights of shape \(9, 32\)",
    ),
    "drawn frequencies": (lambda s: s, "fourier", "drawn frequencies"),
    "an unknown name": (lambda s: s, "sirene", "unknown preset"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_weights_are_refused(golden, case):
    change, network, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        from_state_dict(change(state_of(golden, "siren")), network, shape=(8, 8))


def test_what_could_run_code_is_not_read(tmp_path):
    with pytest.raises(ValueError, match="weights_only=True"):
        from_state_dict(tmp_path / "a.pth", "siren", shape=(8, 8))
    with pytest.raises(ValueError, match="neither signal nor shape"):
        from_state_dict({"net.0.bias": np.zeros(1), "net.1.bias": np.zeros(1)}, "siren")
