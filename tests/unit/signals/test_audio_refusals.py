"""Files, options and writes that no sound comes out of: each is refused in one sentence."""

import io

import numpy as np
import pytest
import soundfile

from optiinr_jax.signals import (
    SignalError,
    load_audio,
    load_signal,
    make_signal,
    sound,
    write_audio,
    write_signal,
)
from tests.sounds import RATE, SUFFIXES, WAVE, chunk, wav, write

pytestmark = pytest.mark.filterwarnings("ignore::optiinr_jax.signals.LossWarning")


TRAPS = {
    "empty": (b"", "is empty"),
    "text": (b"hello, I am no sound " * 99, "cannot be decoded"),
    "noise": (np.random.default_rng(0).bytes(5000), "cannot be decoded"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(99), "cannot be decoded"),
    "header only": (wav(WAVE)[:44], "promises 32000 bytes of samples in its header, but 0"),
    "no data chunk": (wav(WAVE)[:36], "a WAV header and no samples"),
    "zero samples": (wav(WAVE[:0]), "holds 0 samples"),
    "one sample": (wav(WAVE[:1]), "holds 1 samples"),
    "half": (wav(WAVE)[:16_000], "promises 32000 bytes of samples in its header, but 15956"),
    "one byte short": (wav(WAVE)[:-1], "but 31999 follow"),
    "stream of unknown length": (wav(WAVE, length=0xFFFFFFFF), "convert it if it was a stream"),
    "short after a list": (wav(WAVE, before=chunk(b"LIST", b"odd"))[:-1], "but 31999 follow"),
    "nan": (wav(np.where(np.arange(RATE) == 70, np.nan, WAVE)), "nan or infinite"),
    "inf": (wav(np.where(np.arange(RATE) == 7999, np.inf, WAVE)), "nan or infinite"),
    "silence": (wav(0 * WAVE), "is silent in all its 8000 samples"),
}


@pytest.mark.parametrize(("content", "words"), TRAPS.values(), ids=TRAPS)
def test_bad_files_are_refused_in_one_sentence(tmp_path, content, words, check_refusal):
    (tmp_path / "bad.wav").write_bytes(content)
    check_refusal(words, lambda: load_signal(tmp_path / "bad.wav"))


def test_soundfile_itself_would_read_the_half_silently(tmp_path):
    """The reason for the check; if this ever fails the check can go."""
    path = tmp_path / "a.wav"
    path.write_bytes(write(path).read_bytes()[:8022])
    assert len(soundfile.read(path)[0]) == 3989
    with pytest.raises(SignalError, match="promises 16000 bytes"):
        load_audio(path)


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".mp3"])
def test_a_cut_file_is_never_half_a_sound(tmp_path, suffix, check_refusal):
    path = write(tmp_path / f"a{suffix}", np.tile(WAVE, 12) + 1e-3 * np.sin(np.arange(96_000) ** 2))
    whole, content = load_audio(path).values, path.read_bytes()
    for share in (0.05, 0.3, 0.6, 0.9, 0.99):
        path.write_bytes(content[: int(share * len(content))])
        check_refusal("a", lambda: load_audio(path))
    path.write_bytes(content + b"TAG of a player")
    np.testing.assert_array_equal(load_audio(path).values, whole)


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".mp3"])
def test_a_hole_in_a_compressed_file_is_refused(tmp_path, suffix, check_refusal):
    path = write(tmp_path / f"a{suffix}", np.tile(WAVE, 12) + 1e-3 * np.sin(np.arange(96_000) ** 2))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 6000] = bytes(6000)
    path.write_bytes(bytes(content))
    check_refusal("a", lambda: load_audio(path))


def test_other_formats_of_the_library_are_refused(tmp_path, check_refusal):
    content = io.BytesIO()
    soundfile.write(content, WAVE, RATE, format="AIFF")
    (tmp_path / "a.wav").write_bytes(content.getvalue())
    check_refusal("is a AIFF file", lambda: load_audio(tmp_path / "a.wav"))


def test_missing_files_and_other_suffixes_are_refused(tmp_path, check_refusal):
    check_refusal("does not exist", lambda: load_audio(tmp_path / "none.wav"))
    check_refusal("is no file", lambda: load_audio(tmp_path))
    with pytest.raises(SignalError, match=r"ends in \.midi, but a signal file ends in one of"):
        load_signal(tmp_path / "a.midi")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": 1.0}, "holds 8000 samples, 1 s"),
        ({"start": 99}, "holds 8000 samples"),
        ({"start": 0.5, "duration": 0.6}, "holds 8000 samples"),
        ({"duration": 1.01}, "choose a part"),
        ({"duration": 0.0}, "at least 2"),
        ({"start": -1.0}, "start is -1.0"),
        ({"start": float("nan")}, "start is nan"),
        ({"duration": float("inf")}, "duration is inf"),
        ({"size": 8001}, "gives 8000 samples at 8000 Hz, but size=8001"),
        ({"size": 4001, "sample_rate": 4000}, "gives 4000 samples at 4000 Hz"),
        ({"size": 1}, "at least 2"),
        ({"size": (4, 4)}, "size is"),
        ({"size": True}, "size is"),
        ({"size": 10**9}, "limit is 64000000"),
        ({"sample_rate": 0}, "sample_rate is 0"),
        ({"sample_rate": 44100.5}, "whole number of Hz"),
        ({"sample_rate": 10**7}, "whole number of Hz"),
        ({"max_points": 7999}, "8000 samples, but the limit is 7999"),
        ({"max_points": 9999, "sample_rate": 16000}, "16000 samples, but the limit is 9999"),
        ({"crop": True}, "start, duration, sample_rate"),
    ],
    ids=str,
)
def test_bad_options_are_refused(tmp_path, options, words):
    path = write(tmp_path / "a.wav")
    with pytest.raises(SignalError, match=words):
        load_signal(path, **options)


def test_the_limit_is_looked_at_before_decoding(tmp_path, check_refusal):
    header = bytearray(write(tmp_path / "a.flac").read_bytes())
    header[21:26] = bytes([header[21] | 0x0F, 255, 255, 255, 255])  # 2^36 - 1 samples
    (tmp_path / "a.flac").write_bytes(bytes(header))
    check_refusal("68719476735 samples, but the limit", lambda: load_audio(tmp_path / "a.flac"))


@pytest.mark.parametrize(
    ("name", "values", "rate", "words"),
    [
        ("a.mp3", WAVE[:, None], RATE, "change the suffix"),
        ("a", WAVE[:, None], RATE, "change the suffix"),
        ("missing/a.wav", WAVE[:, None], RATE, "existing folder"),
        ("a.wav", WAVE, RATE, "reshape"),
        ("a.wav", np.stack([WAVE, WAVE, WAVE], -1), RATE, "reshape"),
        ("a.wav", WAVE[:0, None], RATE, "reshape"),
        ("a.wav", WAVE[:, None] * np.nan, RATE, "did not diverge"),
        ("a.wav", WAVE[:, None], 0, "sample_rate"),
        ("a.wav", WAVE[:, None], float("nan"), "sample_rate"),
        ("a.wav", WAVE[:, None], 10**9, "sample_rate"),
        ("a.ogg", WAVE[:, None], 900_000, "from 1 to 192000"),
        ("a.flac", WAVE[:, None], 700_000, "from 1 to 655350"),
        ("a.flac", WAVE[:, None], 99_999, "cannot be written as PCM_24 at 99999 Hz"),
    ],
)
def test_bad_writes_are_refused_and_leave_nothing(tmp_path, name, values, rate, words):
    with pytest.raises(SignalError, match=words):
        write_audio(tmp_path / name, values, rate)
    assert not list(tmp_path.iterdir())


def test_a_sound_without_a_rate_is_not_written(tmp_path):
    signal = make_signal("audio", sound(100))
    with pytest.raises(SignalError, match="its sample_rate in Hz was expected"):
        write_signal(tmp_path / "a.wav", signal.values, signal.frame)
    signal = make_signal("audio", sound(100), attributes={"sample_rate": 8000.0})
    assert write_signal(tmp_path / "a.wav", signal.values, signal.frame).is_file()


def test_several_sounds_in_one_ogg_file_are_refused(tmp_path, check_refusal):
    soundfile.write(tmp_path / "a.ogg", WAVE, RATE)
    content = (tmp_path / "a.ogg").read_bytes()
    (tmp_path / "b.ogg").write_bytes(content + content)
    check_refusal("several sounds one after the other", lambda: load_audio(tmp_path / "b.ogg"))
