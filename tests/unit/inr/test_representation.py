"""INR: prediction in chunks, rendering, the model file and everything wrong with one."""

import json
import pickle
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load, save

import optiinr_jax as oi
from optiinr_jax import inr
from optiinr_jax.inr import representation
from optiinr_jax.inr.model_file import pack, unpack

# Fits of a few steps, which learn nothing.
pytestmark = pytest.mark.filterwarnings("ignore::optiinr_jax.inr.FloorWarning")


@pytest.fixture(scope="module")
def found():
    layers = (inr.make_layer("siren"), inr.make_layer("gf"))
    encoding = inr.FourierFeatures(sigma=2.0, num_frequencies=4)
    config = inr.NetworkConfig(layers=layers, width=6, encoding=encoding)
    signal = oi.make_signal("image", np.linspace(0, 1, 35, dtype="f4").reshape(5, 7, 1))
    return oi.fit(signal, config, num_steps=30, seed=4, info={"note": "<b>"})


@pytest.mark.integration
def test_prediction_takes_any_batch(found, monkeypatch):
    coords = np.random.default_rng(0).uniform(-1, 1, (3, 50, 2))
    whole = found.predict(coords)
    assert whole.shape == (3, 50, 1) and whole.dtype == np.float32
    monkeypatch.setattr(representation, "_PREDICT_POINTS", 64)
    np.testing.assert_allclose(found.predict(coords), whole, rtol=0, atol=1e-5)
    assert found.predict(np.zeros((0, 2))).shape == (0, 1)
    assert found.predict(np.zeros(2)).shape == (1,)
    coords = np.asarray(coords.reshape(-1, 2), np.float32)
    np.testing.assert_allclose(found.apply(jnp.asarray(coords)), whole.reshape(-1, 1), atol=1e-5)
    with pytest.raises(ValueError, match=r"coords has shape \(4, 3\), but its last axis must be 2"):
        found.predict(np.zeros((4, 3)))


@pytest.mark.integration
def test_ranges_of_the_configuration_are_kept(tmp_path):
    """Learned over [0, 1] in [0, 1], it is rendered and scored like any other."""
    signal = oi.make_signal("image", np.linspace(0, 1, 48, dtype="f4").reshape(4, 4, 3))
    config = inr.NetworkConfig(
        layers=(inr.make_layer("relu", learning_rate=1e-2),) * 2,
        width=16,
        encoding=inr.NerfFrequencies(num_frequencies=3),
        output_activation="sigmoid",
        sampling="grid",
        coord_range=(0.0, 1.0),
        value_range=(0.0, 1.0),
    )
    found = oi.fit(signal, config, num_steps=200, progress=False)
    assert found.config.coord_range == found.frame.value_range == (0.0, 1.0)
    assert found.score == pytest.approx(-10 * np.log10(found.history[-1]), abs=1.0)
    error = found.render() - signal.samples
    assert found.score == pytest.approx(-10 * np.log10(np.mean(error**2)), abs=1e-3)
    assert found.score > 20.0
    ends = found.predict(np.array([[-1.0, -1.0], [1.0, 1.0]]))
    np.testing.assert_allclose(found.render()[[0, -1], [0, -1]], ends, rtol=0, atol=1e-6)
    again = oi.load_inr(found.save(tmp_path / "a.inr.safetensors"))
    assert again.config == found.config == replace(config, natural_range=(0.0, 1.0))
    np.testing.assert_array_equal(again.render(), found.render())


@pytest.mark.integration
def test_number_of_bytes_is_the_files_size(found, tmp_path):
    path = found.save(tmp_path / "a.inr.safetensors")
    assert found.num_bytes == path.stat().st_size == len(found.to_bytes())
    assert found.num_bytes > 4 * found.num_params


def test_file_gives_everything_back(found, tmp_path):
    path = found.save(tmp_path / "a.inr.safetensors")
    again = oi.load_inr(path)
    assert again.config == found.config and again.frame == found.frame
    assert (again.score, again.num_steps, again.seed) == (found.score, 30, 4)
    assert again.objective == found.objective == "continuous"
    assert again.scores == found.scores and again.scores.both == found.score
    assert again.info == found.info and again.info["note"] == "<b>"
    coords = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    np.testing.assert_array_equal(again.predict(coords), found.predict(coords))
    assert "matmul_precision" in again.info
    assert again.num_params == sum(a.size for a in load(path.read_bytes()).values()) - 8


def test_a_file_without_scores_is_read_as_one_from_before(found, tmp_path):
    """What it was trained for was the samples, and between them nothing is known."""
    path = found.save(tmp_path / "a.inr.safetensors")
    kept = {"score": 31.5, "num_steps": 30, "seed": 4, "scores": {"samples": 1.0}}
    content = unpack(path)
    path.write_bytes(pack(content._replace(info=kept)))
    again = oi.load_inr(path)
    assert (again.score, again.objective, again.scores, again.doubt) == (31.5, "samples", None, "")


def rewrite(path, **changes):
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    tensors = load(path.read_bytes())
    tensors |= changes.pop("tensors", {})
    path.write_bytes(save(tensors, metadata={**metadata, **changes}))


def wider(text):
    data = json.loads(text)
    return json.dumps(data | {"width": 12})


@pytest.fixture
def model(found, tmp_path):
    return found.save(tmp_path / "a.inr.safetensors")


def test_shapes_must_fit_the_configuration(found, model):
    rewrite(model, config=wider(json.dumps(found.config.to_json())))
    with pytest.raises(inr.ModelFileError, match="do not fit its configuration"):
        oi.load_inr(model)


def test_types_must_be_float32(model):
    rewrite(model, tensors={"params/output/bias": np.zeros(1, np.float64)})
    with pytest.raises(inr.ModelFileError, match="not float32"):
        oi.load_inr(model)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": "99"}, "format version '99', this program reads 2"),
        ({"format": "other"}, "its metadata are not those of such a file"),
        ({"config": "{"}, "not a model file of this version"),
        ({"config": '{"layers": [{"activation": "os.system"}]}'}, "not a network configuration"),
        ({"frame": "{}"}, "a frame has keys"),
        ({"info": "[]"}, "its metrics are missing"),
        ({"sha256": "0"}, "has changed since it was saved"),
        ({"info": '{"score": 99, "num_steps": 30, "seed": 4}'}, "has changed since it was saved"),
        (
            {"info": '{"score": 1, "num_steps": 3, "seed": 4, "objective": "x"}'},
            "unknown objective",
        ),
        ({"info": '{"score": 1, "num_steps": 3, "seed": 4, "objective": []}'}, "not a model file"),
        ({"extra": "1"}, "its metadata are not those of such a file"),
    ],
)
def test_changed_metadata_is_refused(model, changes, message, no_type_checks):
    rewrite(model, **changes)
    with pytest.raises(inr.ModelFileError, match=message) as refused:
        oi.load_inr(model)
    assert "\n" not in str(refused.value)


@pytest.mark.integration
def test_mutated_files_are_refused_or_right(found, model):
    """Every flipped bit and truncation gives an error sentence or the very same network."""
    whole = model.read_bytes()
    rng = np.random.default_rng(0)
    coords = np.zeros((1, 2))
    expected = found.predict(coords)
    for i in rng.integers(0, len(whole), 300):
        if i % 2:
            model.write_bytes(whole[:i])
        else:
            model.write_bytes(whole[:i] + bytes([whole[i] ^ (1 << (i % 8))]) + whole[i + 1 :])
        try:
            again = oi.load_inr(model)
        except inr.ModelFileError as refused:
            assert "\n" not in str(refused)
        else:  # the change hit the padding between header and tensors
            np.testing.assert_array_equal(again.predict(coords), expected)


def test_a_pickle_is_refused(tmp_path):
    path = tmp_path / "evil.inr.safetensors"
    path.write_bytes(pickle.dumps({"a": np.zeros(3)}))
    with pytest.raises(inr.ModelFileError, match="not a model file"):
        oi.load_inr(path)
    path.write_bytes(b"")
    with pytest.raises(inr.ModelFileError, match="not a model file"):
        oi.load_inr(path)
    path.write_bytes((2**62).to_bytes(8, "little") + b"{}")
    with pytest.raises(inr.ModelFileError, match="not a model file"):
        oi.load_inr(path)


@pytest.mark.integration
def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no model file"):
        oi.load_inr(tmp_path)
    with pytest.raises(OSError, match="cannot write"):
        oi.fit(oi.sample_signal("image", size=2), inr.preset("siren", width=2), num_steps=1).save(
            tmp_path / "absent" / "a.safetensors"
        )
