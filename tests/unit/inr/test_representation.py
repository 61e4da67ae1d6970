"""INR: prediction in chunks, rendering, the model file and everything wrong with one."""

import json
import pickle

import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load, save

import optiinr_jax as oi
from optiinr_jax import inr
from optiinr_jax.inr import representation

# Fits of a few steps, which learn nothing.
pytestmark = pytest.mark.filterwarnings("ignore::optiinr_jax.inr.FloorWarning")


@pytest.fixture(scope="module")
def found():
    layers = (inr.make_layer("siren"), inr.make_layer("gf"))
    encoding = inr.FourierFeatures(sigma=2.0, num_frequencies=4)
    config = inr.NetworkConfig(layers=layers, width=6, encoding=encoding)
    signal = oi.make_signal("image", np.linspace(0, 1, 35, dtype="f4").reshape(5, 7, 1))
    return oi.fit(signal, config, num_steps=30, seed=4, info={"note": "<b>"})


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


def test_rendering_at_any_size(found):
    assert found.render().shape == (5, 7, 1)
    assert found.render(2.0).shape == (10, 14, 1)
    assert found.render(shape=(3, 4)).shape == (3, 4, 1)
    corner = found.predict(np.array([-1.0, -1.0]))
    np.testing.assert_allclose(found.render(3.0)[0, 0], (corner + 1) / 2, atol=1e-6)


def at(found, *axes):
    """Natural values on the grid of some axes."""
    values = found.predict(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1))
    return np.asarray(found.frame.to_natural(values))


def test_rendering_a_region(found):
    """A region is a grid of its own: its ends included, as many points as fall into it."""
    got = found.render(2.0, region=[(0.0, 0.5), (0.25, 1.0)])
    assert got.shape == (5, 10, 1)  # half of 10 rows, three quarters of 14 columns (banker's 10.5)
    expected = at(found, np.linspace(-1, 0, 5), np.linspace(-0.5, 1, 10))
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)
    got = found.render(shape=(3, 1), region=[(0.1, 0.2), (0.5, 1.0)])
    expected = at(found, np.linspace(-0.8, -0.6, 3), [0.5])  # one point lies in the middle
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)
    everything = found.render(region=[(0.0, 1.0), (0.0, 1.0)])
    np.testing.assert_array_equal(everything, found.render())


def test_rendering_in_chunks(found, monkeypatch):
    whole = found.render(3.0)
    monkeypatch.setattr(representation, "_PREDICT_POINTS", 32)
    np.testing.assert_allclose(found.render(3.0), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "region",
    [
        [(0.0, 1.0)],
        [(0.0, 1.0)] * 3,
        [(0.5, 0.5), (0.0, 1.0)],
        [(0.8, 0.2), (0.0, 1.0)],
        [(-0.1, 0.5), (0.0, 1.0)],
        [(0.0, 1.1), (0.0, 1.0)],
        [(0.0, float("nan")), (0.0, 1.0)],
    ],
)
def test_regions_that_are_none(found, region):
    with pytest.raises(ValueError, match=r"region is .*, but 2 pairs \(start, stop\)") as refused:
        found.render(region=region)
    assert "\n" not in str(refused.value)


def test_a_picture_has_no_sample_rate(found):
    with pytest.raises(
        ValueError, match="a sample_rate was given, but this signal's kind is image"
    ):
        found.render(sample_rate=44100.0)
    with pytest.raises(ValueError, match="scale is -1"):
        found.render(-1.0)
    with pytest.raises(ValueError, match="shape is"):
        found.render(shape=(0, 3))


def test_a_sound_at_any_sample_rate():
    signal = oi.sample_signal("audio", size=300)
    rate = signal.attributes["sample_rate"]
    found = oi.fit(signal, inr.preset("siren", modality="audio", width=6), num_steps=2)
    low, high = signal.frame.coord_range
    for factor in (0.5, 2.0):
        got = found.render(sample_rate=factor * rate)
        assert got.shape == (300 * factor, 1)
        expected = at(found, np.linspace(low, high, int(300 * factor)))
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4)
    part = found.render(sample_rate=2 * rate, region=[(0.5, 1.0)])
    np.testing.assert_allclose(part, at(found, np.linspace(0.0, high, 300)), atol=1e-4)


def test_ranges_of_the_configuration_are_kept(tmp_path):
    """Learned over [0, 1] in [0, 1], it is rendered and scored like any other."""
    signal = oi.make_signal("image", np.linspace(0, 1, 48, dtype="f4").reshape(4, 4, 3))
    config = inr.NetworkConfig(
        layers=(inr.make_layer("relu", learning_rate=1e-2),) * 2,
        width=16,
        encoding=inr.NerfFrequencies(num_frequencies=3),
        output_activation="sigmoid",
        coord_range=(0.0, 1.0),
        value_range=(0.0, 1.0),
    )
    found = oi.fit(signal, config, num_steps=200, progress=False)
    assert found.frame.coord_range == found.frame.value_range == (0.0, 1.0)
    assert found.score == pytest.approx(-10 * np.log10(found.history[-1]), abs=1.0)
    error = found.render() - signal.samples
    assert found.score == pytest.approx(-10 * np.log10(np.mean(error**2)), abs=1e-3)
    assert found.score > 20.0
    ends = found.predict(np.array([[0.0, 0.0], [1.0, 1.0]]))
    np.testing.assert_allclose(found.render()[[0, -1], [0, -1]], ends, rtol=0, atol=1e-6)
    again = oi.load_inr(found.save(tmp_path / "a.inr.safetensors"))
    assert again.config == config
    np.testing.assert_array_equal(again.render(), found.render())


def test_number_of_bytes_is_the_files_size(found, tmp_path):
    path = found.save(tmp_path / "a.inr.safetensors")
    assert found.num_bytes == path.stat().st_size == len(found.to_bytes())
    assert found.num_bytes > 4 * found.num_params


def test_file_gives_everything_back(found, tmp_path):
    path = found.save(tmp_path / "a.inr.safetensors")
    again = oi.load_inr(path)
    assert again.config == found.config and again.frame == found.frame
    assert (again.score, again.num_steps, again.seed) == (found.score, 30, 4)
    assert again.info == found.info and again.info["note"] == "<b>"
    coords = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    np.testing.assert_array_equal(again.predict(coords), found.predict(coords))
    assert "matmul_precision" in again.info
    assert again.num_params == sum(a.size for a in load(path.read_bytes()).values()) - 8


def test_html_says_what_it_is(found):
    assert "5 x 7" in found._repr_html_() and "siren-gf" in repr(found)


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
        ({"format": "other"}, "no model metadata"),
        ({"config": "{"}, "not a model file of this version"),
        ({"config": '{"layers": [{"activation": "os.system"}]}'}, "not a network configuration"),
        ({"frame": "{}"}, "a frame has keys"),
        ({"info": "[]"}, "its metrics are missing"),
        ({"sha256": "0"}, "has changed since it was saved"),
        ({"info": '{"score": 99, "num_steps": 30, "seed": 4}'}, "has changed since it was saved"),
        ({"extra": "1"}, "no model metadata"),
    ],
)
def test_changed_metadata_is_refused(model, changes, message):
    rewrite(model, **changes)
    with pytest.raises(inr.ModelFileError, match=message) as refused:
        oi.load_inr(model)
    assert "\n" not in str(refused.value)


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


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no model file"):
        oi.load_inr(tmp_path)
    with pytest.raises(OSError, match="cannot write"):
        oi.fit(oi.sample_signal("image", size=2), inr.preset("siren", width=2), num_steps=1).save(
            tmp_path / "absent" / "a.safetensors"
        )
