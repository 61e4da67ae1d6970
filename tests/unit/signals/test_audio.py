"""Reading, cutting, resampling and writing sounds; every trap is refused or said in a sentence."""

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from optiinr_jax.signals import (
    LossWarning,
    SignalError,
    load_audio,
    load_signal,
    sample_signal,
    write_audio,
    write_signal,
)
from tests.sounds import RATE, SUFFIXES, WAVE, write

pytestmark = pytest.mark.filterwarnings("ignore::optiinr_jax.signals.LossWarning")


@pytest.mark.parametrize(
    ("suffix", "tolerance"), [(".wav", 2.0**-16), (".flac", 2.0**-24), (".ogg", 0.025)]
)
@pytest.mark.parametrize("peak", [1.0, 0.25])
def test_round_trip_keeps_the_loudness(tmp_path, suffix, tolerance, peak):
    values = (WAVE / np.abs(WAVE).max())[:, None]
    path = write_audio(tmp_path / f"a{suffix}", values, RATE, peak=peak)
    read, rate = soundfile.read(path, always_2d=True)
    assert (rate, read.shape) == (RATE, values.shape)
    # The one sample at full scale lies half a level or one beyond the greatest whole number.
    np.testing.assert_allclose(read, values * peak, atol=2.1 * tolerance)
    assert np.abs(read - values * peak).mean() < tolerance
    again = load_audio(path)
    assert again.peak == pytest.approx(peak, abs=2.1 * tolerance)
    assert np.abs(again.values).max() == 1.0


def test_a_16_bit_file_comes_back_bit_by_bit(tmp_path):
    levels = np.random.default_rng(0).integers(-20_000, 20_000, 999).astype(np.int16)
    path = write(tmp_path / "a.wav", levels)
    signal = load_signal(path)
    write_signal(tmp_path / "b.wav", signal.values, signal.frame)
    assert path.read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_values_are_divided_by_the_peak_of_the_mean_of_the_channels(tmp_path):
    stereo = np.stack([WAVE, np.roll(WAVE, 100) ** 3, 0 * WAVE], axis=-1)
    with pytest.warns(LossWarning, match=r"the 3 channels of a.wav become one, their mean"):
        read = load_audio(write(tmp_path / "a.wav", stereo, subtype="DOUBLE"))
    mean = stereo.mean(axis=1)
    assert read.peak == pytest.approx(np.abs(mean).max(), rel=1e-12)
    np.testing.assert_array_equal(read.values[:, 0], (mean / np.abs(mean).max()).astype(np.float32))


def test_two_channels_stay_or_become_one_where_asked(tmp_path):
    stereo = np.stack([WAVE, np.roll(WAVE, 100) ** 3], axis=-1)
    path = write(tmp_path / "a.wav", stereo, subtype="DOUBLE")
    read = load_audio(path)
    np.testing.assert_array_equal(read.values, (stereo / np.abs(stereo).max()).astype(np.float32))
    mean = stereo.mean(axis=1)
    read = load_audio(path, mono=True)
    np.testing.assert_array_equal(read.values[:, 0], (mean / np.abs(mean).max()).astype(np.float32))


def test_a_loud_float_file_is_read_whole(tmp_path):
    read = load_audio(write(tmp_path / "a.wav", 4 * WAVE, subtype="FLOAT"))
    assert read.peak == pytest.approx(4 * np.abs(WAVE).max(), rel=1e-6)


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".mp3"])
def test_every_format_is_read(tmp_path, suffix):
    signal = load_signal(write(tmp_path / f"a{suffix}"))
    assert (signal.kind, signal.shape, signal.num_channels) == ("audio", (RATE,), 1)
    assert signal.attributes["sample_rate"] == RATE
    correlation = np.corrcoef(signal.values[:, 0], WAVE)[0, 1]
    assert correlation > 0.99


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_every_wav_encoding_is_read(tmp_path, subtype):
    read = load_audio(write(tmp_path / "a.wav", subtype=subtype))
    np.testing.assert_allclose(read.values[:, 0] * read.peak, WAVE, atol=0.02)


def test_the_contents_decide_and_not_the_suffix(tmp_path):
    path = write(tmp_path / "a.flac")
    path.rename(tmp_path / "a.wav")
    np.testing.assert_allclose(
        load_audio(tmp_path / "a.wav").values[:, 0], WAVE / np.abs(WAVE).max(), atol=1e-4
    )


def test_a_part(tmp_path):
    path = write(tmp_path / "a.wav", subtype="DOUBLE")

    def part(**options):
        read = load_audio(path, **options)
        return read.values[:, 0] * read.peak

    np.testing.assert_allclose(part(start=0.25), WAVE[2000:], atol=1e-7)
    np.testing.assert_allclose(part(start=0.25, duration=0.5), WAVE[2000:6000], atol=1e-7)
    np.testing.assert_allclose(part(size=100), WAVE[:100], atol=1e-7)
    np.testing.assert_allclose(part(start=0.5, size=(100,)), WAVE[4000:4100], atol=1e-7)


@pytest.mark.parametrize("new_rate", [4000, 11025, 16000, 44100])
def test_resampling_is_scipys(tmp_path, new_rate):
    path = write(tmp_path / "a.wav", subtype="DOUBLE")
    read = load_audio(path, sample_rate=new_rate)
    expected = resample_poly(WAVE, new_rate, RATE)
    assert (read.sample_rate, len(read.values)) == (new_rate, new_rate)
    np.testing.assert_allclose(read.values[:, 0] * read.peak, expected, atol=1e-7)
    first = load_audio(path, 50, sample_rate=new_rate)
    np.testing.assert_allclose(first.values[:, 0] * first.peak, expected[:50], atol=1e-7)


def test_a_low_tone_survives_a_higher_rate_and_a_high_one_does_not_alias(tmp_path):
    time = np.arange(RATE) / RATE
    low, high = np.sin(2 * np.pi * 500 * time), np.sin(2 * np.pi * 3500 * time)
    read = load_audio(write(tmp_path / "a.wav", (low + high) / 2), sample_rate=4000)
    inner = (read.values[:, 0] * read.peak)[200:-200]
    np.testing.assert_allclose(inner, low[::2][200:-200] / 2, atol=2e-3)


@pytest.mark.parametrize("scale", [0.5, 2.0, 3.0])
def test_another_number_of_points_lasts_as_long(tmp_path, scale):
    signal = sample_signal("audio", size=4000)
    frame = signal.frame.scaled(scale)
    values = np.interp(frame.grid_coords()[:, 0], signal.grid_coords()[:, 0], signal.values[:, 0])
    path = write_signal(tmp_path / "a.wav", values[:, None], frame)
    info = soundfile.info(path)
    assert (info.frames, info.samplerate) == (4000 * scale, 8000 * scale)
    assert frame.scaled(1 / scale) == signal.frame


def test_the_rate_of_an_odd_number_of_points_is_rounded(tmp_path):
    frame = sample_signal("audio", size=1000).frame.with_shape((1003,))
    assert frame.attributes["sample_rate"] == pytest.approx(8024)
    frame = frame.with_shape((777,))
    path = write_signal(tmp_path / "a.wav", np.zeros((777, 1)), frame)
    assert soundfile.info(path).samplerate == 6216
    frame = frame.scaled(200.0)
    with pytest.raises(SignalError, match="from 1 to 1000000"):
        write_signal(tmp_path / "b.wav", np.zeros((frame.num_points, 1)), frame)


def test_values_beyond_full_scale_are_clipped_and_counted(tmp_path):
    values = np.array([[0.5], [1.0], [-1.0], [1.2], [-3.0], [1.0 + 1e-6]])
    with pytest.warns(UserWarning, match=r"a\.wav: 2 of 6 samples lay beyond full scale"):
        write_audio(tmp_path / "a.wav", values, RATE)
    read, _ = soundfile.read(tmp_path / "a.wav")
    np.testing.assert_allclose(read, [0.5, 1, -1, 1, -1, 1], atol=1 / 32767)


def test_a_long_sound_is_written_as_ogg(tmp_path):
    wave = np.tile(WAVE, 150)[:, None]  # libsndfile crashes on one write of this length
    path = write_audio(tmp_path / "a.ogg", wave, 44100)
    assert soundfile.info(path).frames == len(wave)


def test_long_formats_of_wav(tmp_path):
    path = write(tmp_path / "a.wav", format="RF64")
    assert load_audio(path).values.shape == (RATE, 1)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SignalError, match=r"promises 16000 bytes|but 15900 follow"):
        load_audio(path)
    path = write(tmp_path / "b.wav", endian="BIG")
    assert path.read_bytes()[:4] == b"RIFX"
    assert load_audio(path).values.shape == (RATE, 1)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SignalError, match="but 15900 follow"):
        load_audio(path)


def test_score_is_psnr_at_range_1(tmp_path):
    signal = load_signal(write(tmp_path / "a.wav"))
    mse = np.mean(np.square(signal.values, dtype=np.float64))
    assert signal.score(np.zeros_like(signal.values)) == pytest.approx(-10 * np.log10(mse))


def test_bach_as_in_the_papers(data_folder):
    """The coordinates of SIREN's code; the score of silence that OptiINR's table starts from."""
    signal = load_signal(data_folder / "audio" / "gt_bach.wav")
    assert signal.shape == (308_207,)
    assert signal.attributes["sample_rate"] == 44_100
    np.testing.assert_array_equal(
        signal.grid_coords()[:, 0], np.linspace(-1, 1, 308_207).astype(np.float32)
    )
    official, _ = soundfile.read(data_folder / "audio" / "gt_bach.wav", dtype="float32")
    np.testing.assert_array_equal(signal.values[:, 0], official / np.abs(official).max())
    assert signal.score(np.zeros_like(signal.values)) == pytest.approx(16.16, abs=0.005)


def test_two_speakers_is_stereo(data_folder):
    path = data_folder / "audio" / "gt_twospeakers.wav"
    stereo, _ = soundfile.read(path)
    mean = stereo.mean(axis=1)
    read = load_audio(path, mono=True)
    assert stereo.shape == (162_816, 2)
    np.testing.assert_allclose(read.values[:, 0], mean / np.abs(mean).max(), atol=1e-7)


def chirp(seconds: float, rate: int = 22_050) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(2).standard_normal(t.size) * np.sin(t)
    return 0.4 * np.sin(2 * np.pi * (100 + 200 * t) * t) + 0.1 * noise


def test_every_part_of_a_sound_is_what_the_whole_file_says(tmp_path, capfd):
    """A decoder that jumps forgets what it needs: an MP3 began with 15 ms of garbage."""
    for name, subtype in (("a.mp3", None), ("a.ogg", None), ("a.wav", "GSM610")):
        soundfile.write(tmp_path / name, chirp(5.0), 22_050, subtype=subtype)
        whole, _ = soundfile.read(tmp_path / name)  # in one piece
        for start, duration in ((0.0, 5.0), (0.7, 4.2), (2.1, 0.5), (2.7, 0.5)):
            sound = load_audio(tmp_path / name, start=start, duration=duration)
            part = whole[round(start * 22_050) :][: len(sound.values)]
            np.testing.assert_allclose(sound.values[:, 0] * sound.peak, part, atol=1e-3)
    assert "error" not in capfd.readouterr().err  # of a decoder


def test_a_stream_of_unknown_length_is_read_to_its_end(tmp_path):
    soundfile.write(tmp_path / "a.flac", WAVE, RATE)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    content[21] &= 0xF0  # total samples 0: not known, as of a stream
    content[22:26] = bytes(4)
    (tmp_path / "b.flac").write_bytes(content)
    whole, stream = load_audio(tmp_path / "a.flac"), load_audio(tmp_path / "b.flac")
    np.testing.assert_array_equal(whole.values, stream.values)
    assert len(load_audio(tmp_path / "b.flac", 100).values) == 100
