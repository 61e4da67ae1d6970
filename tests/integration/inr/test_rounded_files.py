"""Model files of fewer bits, the page on the format, and sizes beside those of usual formats."""

import re
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax.inr import FourierFeatures, ModelFileError
from optiinr_jax.inr.rounding import decode_arrays, encode_arrays
from optiinr_jax.signals.kinds import KINDS

PAGE = Path(__file__).parents[3] / "docs" / "model_file.md"


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=24)


@pytest.fixture(scope="module")
def trained(signal):
    config = oi.preset("siren", width=32, protocol="search", factor=4.0)
    return oi.fit(signal, config, num_steps=150, progress=False, warn=False)


@pytest.mark.parametrize(("dtype", "part", "loss"), [("float16", 0.56, 0.1), ("int8", 0.4, 3.0)])
def test_a_file_of_fewer_bits(trained, signal, tmp_path, dtype, part, loss):
    """Small, float32 again, scored anew, the same after another round."""
    path = trained.save(tmp_path / "a.inr.safetensors", dtype=dtype, signal=signal)
    again = oi.load_inr(path)
    assert {leaf.dtype for leaf in jax.tree.leaves(again.params)} == {np.dtype("float32")}
    weights = 4 * trained.num_params
    assert path.stat().st_size - (trained.num_bytes - weights) < part * weights
    measured = oi.make_inr(signal, again.config, again.variables, objective=again.objective)
    assert again.score == pytest.approx(measured.score, abs=1e-3)
    assert trained.score - loss < again.score != trained.score
    twice = again.rounded(dtype).params
    jax.tree.map(np.testing.assert_array_equal, twice, again.params)
    assert np.isnan(oi.load_inr(trained.save(tmp_path / "b", dtype=dtype)).score)


def test_what_a_type_cannot_hold_is_refused(trained, tmp_path):
    huge = trained.with_params(jax.tree.map(lambda leaf: 1e6 * leaf, trained.params))
    with pytest.raises(ValueError, match=r"has numbers up to .*, but float16 ends at 65504"):
        huge.save(tmp_path / "a", dtype="float16")
    with pytest.raises(ValueError, match="unknown dtype 'int4'; did you mean 'int8'"):
        trained.save(tmp_path / "a", dtype="int4")
    assert not list(tmp_path.iterdir())


def test_levels_are_exact_and_zero_stays():
    rng = np.random.default_rng(0)
    kernel = (rng.normal(size=(2, 40, 5)) * 10.0 ** rng.integers(-6, 4, 5)).astype("f4")
    kernel[..., 0] = 0.0
    arrays = {"a/kernel": kernel, "a/bias": kernel[0, :1, 0]}
    once = decode_arrays(encode_arrays(arrays, "int8"))
    twice = decode_arrays(encode_arrays(once, "int8"))
    for name in arrays:
        np.testing.assert_array_equal(once[name], twice[name])
    bound = np.abs(kernel).max(axis=1, keepdims=True) / 127 * 0.5001
    assert np.all(np.abs(once["a/kernel"] - kernel) <= bound)


@pytest.mark.parametrize("change", ["a scale goes", "a bias in int8", "an old version"])
def test_a_damaged_file_of_fewer_bits_is_refused(trained, tmp_path, change):
    from safetensors import safe_open
    from safetensors.numpy import load, save

    content = trained.rounded("int8").to_bytes("int8")
    (tmp_path / "a").write_bytes(content)
    with safe_open(tmp_path / "a", framework="numpy") as file:
        metadata = file.metadata()
    arrays = load(content)
    if change == "a scale goes":
        del arrays["params/hidden_1/kernel/scale"]
    elif change == "a bias in int8":
        arrays["params/hidden_1/bias"] = arrays["params/hidden_1/bias"].astype(np.int8)
    else:
        metadata["version"] = "3"
    (tmp_path / "a").write_bytes(save(arrays, metadata=metadata))
    with pytest.raises(ModelFileError):
        oi.load_inr(tmp_path / "a")


CONFIGS = {
    **{name: {} for name in ("siren", "finer", "gauss", "wire_real", "gf")},
    "fourier": {"encoding": FourierFeatures(sigma=2.0, num_frequencies=16)},
}


@pytest.fixture(scope="module")
def assert_read():
    """Compares a model file, as the reader of the page reads it, with `predict`."""
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 40
    names = {}
    exec(code, names)

    def check(path):
        inr = oi.load_inr(path)
        shape = (1000, inr.frame.num_dims)
        coords = np.random.default_rng(0).uniform(-1.0, 1.0, shape).astype("f4")
        got = names["predict"](*names["read_model"](path), coords)
        tolerance = 1e-4 * np.ptp(inr.frame.natural_range)
        np.testing.assert_allclose(got, inr.predict(coords), rtol=0, atol=tolerance)

    return check


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_the_reader_of_the_page(signal, tmp_path, name, dtype, assert_read):
    config = replace(oi.preset(name, width=16), **CONFIGS[name])
    assert_read(oi.make_inr(signal, config).save(tmp_path / "a", dtype=dtype))


USUAL = {
    "image": ["PNG", "JPEG of the same PSNR"],
    "audio": ["FLAC"],
    "volume": ["packed voxels"],
    "field": ["compressed float32"],
    "video": ["PNG frames"],
    "points": ["compressed float32"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_stand_beside_those_of_the_usual_formats(kind, tmp_path, assert_read):
    signal = oi.sample_signal(kind, size=16 if kind != "audio" else 400)
    inr = oi.make_inr(signal, oi.preset("siren", modality=kind, width=8))
    sizes = inr.sizes(signal)
    assert list(sizes) == ["model file", *USUAL[kind]]
    path = inr.save(tmp_path / "a")
    assert sizes["model file"] == path.stat().st_size
    assert_read(path)
    assert all(40 < count < 20_000 for count in sizes.values())
    assert list(inr.sizes()) == list(sizes)
    shown = inr._repr_html_()
    assert all(name in shown for name in USUAL[kind])


def test_a_better_network_is_held_against_a_better_jpeg(signal):
    inr = oi.make_inr(signal, oi.preset("siren", width=8))
    better = replace(inr, scores=inr.scores._replace(samples=25.0))
    none = replace(inr, scores=inr.scores._replace(samples=90.0))
    worse, good = inr.sizes(signal), better.sizes(signal)
    assert worse["JPEG of the same PSNR"] < good["JPEG of the same PSNR"]
    assert worse["PNG"] == good["PNG"] and "JPEG of the same PSNR" not in none.sizes(signal)
