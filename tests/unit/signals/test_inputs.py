"""Whatever people hold becomes the right signal, or one sentence."""

import io

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import optiinr_jax as oi
from optiinr_jax.signals import LossWarning, SignalError, as_signal

RNG = np.random.default_rng(0)
GREY, COLOUR = RNG.uniform(size=(6, 9)), RNG.uniform(size=(6, 9, 3))
WAVE = np.sin(np.arange(64) / 3.0)
STEREO = np.stack([WAVE, 0.5 * np.cos(np.arange(64) / 5.0)], axis=1)
INSIDE = RNG.uniform(size=(4, 5, 6)) > 0.5
OPAQUE = np.concatenate([COLOUR, np.ones((6, 9, 1))], axis=-1)
GLASS = np.concatenate([COLOUR, np.full((6, 9, 1), 0.25)], axis=-1)


class Tensor:
    """What torch's tensors are like: no array before `detach` and `cpu`."""

    def __init__(self, array, is_detached=False):
        self.array, self.is_detached = array, is_detached

    def detach(self):
        return Tensor(self.array, True)

    def cpu(self):
        return self

    def __array__(self, dtype=None, copy=None):
        if not self.is_detached:
            raise RuntimeError("call detach()")
        return self.array


def to8(values):
    return np.rint(255 * values).astype(np.uint8)


def picture_file(**options):
    stream = io.BytesIO()
    Image.fromarray(to8(COLOUR)).save(stream, "PNG", **options)
    return Image.open(stream)


# name -> source, options, kind, natural samples, how exact
RIGHT = {
    "float64 grey": (GREY, {}, "image", GREY[..., None], 1e-6),
    "float32 grey": (GREY.astype("f4"), {}, "image", GREY[..., None], 1e-6),
    "float16 colour": (COLOUR.astype("f2"), {}, "image", COLOUR, 1e-3),
    "bfloat16 colour": (jnp.asarray(COLOUR, jnp.bfloat16), {}, "image", COLOUR, 1e-2),
    "uint8 grey": (to8(GREY), {}, "image", to8(GREY)[..., None] / 255, 1e-6),
    "uint8 colour": (to8(COLOUR), {}, "image", to8(COLOUR) / 255, 1e-6),
    "uint16 colour": ((COLOUR * 65535).astype(np.uint16), {}, "image", COLOUR, 1e-4),
    "one channel": (COLOUR[..., :1], {}, "image", COLOUR[..., :1], 1e-6),
    "truth values": (GREY > 0.5, {}, "image", (GREY > 0.5)[..., None], 0),
    "grey and opaque": (OPAQUE[..., 2:], {}, "image", OPAQUE[..., 2:3], 1e-6),
    "colour and opaque": (OPAQUE, {}, "image", COLOUR, 1e-6),
    "uint8 and opaque": (to8(OPAQUE), {}, "image", to8(COLOUR) / 255, 1e-6),
    "fortran order": (np.asfortranarray(COLOUR), {}, "image", COLOUR, 1e-6),
    "not contiguous": (COLOUR[::2, ::-1], {}, "image", COLOUR[::2, ::-1], 1e-6),
    "big-endian": (COLOUR.astype(">f4"), {}, "image", COLOUR, 1e-6),
    "JAX": (jnp.asarray(COLOUR), {}, "image", COLOUR, 1e-6),
    "a list": (GREY.tolist(), {}, "image", GREY[..., None], 1e-6),
    "tensor": (Tensor(COLOUR.astype("f4")), {}, "image", COLOUR, 1e-6),
    "nothing masked": (np.ma.masked_greater(COLOUR, 2.0), {}, "image", COLOUR, 1e-6),
    "PIL colour": (Image.fromarray(to8(COLOUR)), {}, "image", to8(COLOUR) / 255, 1e-6),
    "PIL grey": (Image.fromarray(to8(GREY)), {}, "image", to8(GREY)[..., None] / 255, 1e-6),
    "PIL file": (picture_file(), {}, "image", to8(COLOUR) / 255, 1e-6),
    "PIL opaque": (Image.fromarray(to8(OPAQUE)), {}, "image", to8(COLOUR) / 255, 1e-6),
    "PIL float": (Image.fromarray(GREY.astype("f4")), {}, "image", GREY[..., None], 1e-6),
    "sound": (WAVE, {"sample_rate": 8000}, "audio", WAVE[:, None] / abs(WAVE).max(), 1e-6),
    "sound of a column": (WAVE[:, None], {"sample_rate": 8000}, "audio", None, 0),
    "stereo": (STEREO, {"sample_rate": 8000}, "audio", STEREO / abs(STEREO).max(), 1e-6),
    "soundfile's pair": ((STEREO, 44100), {}, "audio", STEREO / abs(STEREO).max(), 1e-6),
    "SciPy's pair": ((44100, STEREO), {}, "audio", STEREO / abs(STEREO).max(), 1e-6),
    "int16 sound": (
        np.rint(WAVE * 20000).astype(np.int16),
        {"sample_rate": 8000},
        "audio",
        None,
        0,
    ),
    "int32 sound": ((WAVE * 2**30).astype(np.int32), {"sample_rate": 8000}, "audio", None, 0),
    "solid": (INSIDE, {}, "volume", INSIDE[..., None], 0),
    "solid with a channel": (INSIDE[..., None], {}, "volume", INSIDE[..., None], 0),
    "solid in JAX": (jnp.asarray(INSIDE), {}, "volume", INSIDE[..., None], 0),
}
WRONG = {
    "levels of int64": (to8(GREY).astype(int), {}, "full scale is not known .* uint8 or uint16"),
    "int16 picture": (to8(GREY).astype(np.int16), {}, "full scale is not known"),
    "beyond 1": (2 * COLOUR, {}, r"finite ones in \[0, 1\] were expected; rescale"),
    "nan": (np.where(GREY > 0.9, np.nan, GREY), {}, "finite ones"),
    "sound without rate": (WAVE, {}, "a sound, without its rate; give sample_rate"),
    "channels first": (STEREO.T, {"sample_rate": 8000}, "transpose it"),
    "five channels": (np.ones((64, 5)), {"sample_rate": 8000}, "mix them"),
    "silence": (0 * WAVE, {"sample_rate": 8000}, "is silent"),
    "a sound of nan": (np.nan * WAVE, {"sample_rate": 8000}, "nan or infinite"),
    "a half rate": (WAVE, {"sample_rate": 0.5}, "a whole number of Hz"),
    "a rate of an MRI": (RNG.uniform(size=(5, 6, 7)), {"sample_rate": 8000}, "leave it out"),
    "channels before rows": (np.moveaxis(COLOUR, -1, 0), {}, "move the axis"),
    "four axes": (np.ones((2, 3, 4, 5)), {}, "kind="),
    "five axes": (np.ones((2,) * 5), {}, "reshape it"),
    "a number": (0.5, {}, "real numbers on a grid"),
    "complex": (GREY + 1j, {}, "real numbers on a grid"),
    "words": (np.array(["a", "b"]), {}, "real numbers on a grid"),
    "ragged": ([[1.0], [1.0, 2.0]], {}, "is no array"),
    "a pixel": (COLOUR[:1], {}, "at least 2 points"),
    "a picture with a rate": (COLOUR, {"sample_rate": 8000}, "leave it out"),
    "no file": ("nowhere.png", {}, "nowhere.png does not exist"),
    "an option of files": (COLOUR, {"size": 8}, "only a file has such options"),
    "PIL of 32 bits": (Image.fromarray(to8(GREY).astype(np.int32)), {}, "32-bit whole numbers"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_signal(name):
    source, options, kind, expected, tolerance = RIGHT[name]
    signal = as_signal(source, **options)
    assert signal.kind == kind
    if expected is None:
        expected, tolerance = WAVE[:, None] / abs(WAVE).max(), 1e-4
    np.testing.assert_allclose(signal.samples, expected, rtol=0, atol=tolerance)
    if kind == "audio":
        assert signal.attributes["sample_rate"] in (8000.0, 44100.0)


@pytest.mark.parametrize("name", WRONG)
def test_one_sentence(name):
    source, options, words = WRONG[name]
    with pytest.raises(SignalError, match=words) as refused:
        as_signal(source, **options)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("source", [GLASS, to8(GLASS), Image.fromarray(to8(GLASS)), GLASS[..., 2:]])
def test_transparency_is_laid_over_white_and_said(source):
    with pytest.warns(LossWarning, match="transparent in places; it is laid over white"):
        signal = as_signal(source)
    colour = COLOUR if signal.num_channels == 3 else COLOUR[..., 2:]
    np.testing.assert_allclose(signal.samples, 0.25 * colour + 0.75, atol=6e-3)


def test_what_of_a_file_is_lost_is_said(tmp_path):
    frames = [Image.fromarray(to8(COLOUR)), Image.fromarray(to8(1 - COLOUR))]
    frames[0].save(tmp_path / "two.tiff", save_all=True, append_images=frames[1:])
    with pytest.warns(LossWarning, match=r"of the 2 frames of two.tiff the first one is read"):
        signal = as_signal(tmp_path / "two.tiff")
    np.testing.assert_allclose(signal.samples, to8(COLOUR) / 255, atol=1e-6)
    frames[0].save(tmp_path / "one.png")
    with pytest.warns(LossWarning, match=r"of the 6 x 9 pixels of one.png the 6 x 6 in the middle"):
        as_signal(tmp_path / "one.png", size=4, square=True)
    oi.signals.write_audio(tmp_path / "a.wav", STEREO, 8000)
    assert as_signal(tmp_path / "a.wav").num_channels == 2
    assert as_signal(tmp_path / "a.wav", mono=True).num_channels == 1
    with pytest.warns(LossWarning, match=r"of the 0.008 s of a.wav the first 0.004 s are kept"):
        as_signal(tmp_path / "a.wav", size=32)


@pytest.mark.integration
def test_a_stereo_sound_is_fitted_written_and_measured(tmp_path):
    signal = as_signal((np.tile(STEREO, (20, 1)), 8000))
    config = oi.preset("siren", modality="audio", width=8, depth=2)
    network = oi.fit(signal, config, num_steps=5, progress=False, warn=False)
    assert network.predict([[0.0]]).shape == (1, 2)
    figures = network.evaluate(signal)
    assert {"SNR (dB)", "spectral convergence"} <= set(figures)
    path = oi.signals.write_samples(tmp_path / "a.wav", signal.samples, signal.frame)
    again = as_signal(path)
    np.testing.assert_allclose(again.samples, signal.samples, atol=1e-3)
    again = oi.load_inr(network.save(tmp_path / "a.inr.safetensors"))
    np.testing.assert_array_equal(again.render(), network.render())


@pytest.mark.integration
def test_every_door_takes_what_as_signal_takes(tmp_path):
    """fit, fit_many, search, evaluate, make_inr; and names of published networks."""
    quick = {"num_steps": 3, "progress": False}
    narrow = oi.preset("siren", width=8, depth=2)
    network = oi.fit(to8(COLOUR), narrow, warn=False, **quick)
    assert network.evaluate(COLOUR)
    Image.fromarray(to8(COLOUR)).save(tmp_path / "a.png")
    assert oi.fit(str(tmp_path / "a.png"), narrow, warn=False, **quick).frame == network.frame
    many = oi.fit_many([COLOUR, to8(COLOUR)], narrow, **quick)
    assert [inr.frame for inr in many] == [network.frame] * 2
    (alone,) = oi.fit_many((WAVE, 8000), oi.preset("siren", modality="audio", width=8), **quick)
    assert alone.frame.kind == "audio"
    study = oi.search(COLOUR, num_trials=1, width=4, depth=1, **quick)
    assert study.signal.shape == (6, 9)
    assert oi.make_inr(COLOUR, narrow, network.variables).score == pytest.approx(
        network.score, abs=0.2
    )


@pytest.mark.integration
def test_configurations_by_name(no_type_checks):
    picture = np.zeros((4, 4)) + 0.25
    network = oi.fit(picture, "siren", num_steps=1, progress=False, warn=False)
    assert network.config.width == 256 and network.config.layers[0].activation == "siren"
    with pytest.raises(ValueError, match="siren"):
        oi.fit(picture, "sirene", num_steps=1)
    with pytest.raises(TypeError, match="config is a dict, but a NetworkConfig or the name"):
        oi.fit(picture, {}, num_steps=1)


@pytest.mark.integration
def test_a_solid_of_fractions_is_refused():
    """It would be scored as full and empty, and be perfect before anything is learned."""
    with pytest.raises(SignalError, match="one or the other; compare them with a level"):
        oi.make_signal("volume", RNG.uniform(0, 0.4, size=(4, 5, 6, 1)))
    whole = oi.make_signal("volume", INSIDE[..., None].astype(float))
    assert whole.is_packed
    np.testing.assert_array_equal(whole.samples, INSIDE[..., None])
