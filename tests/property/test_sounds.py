"""Laws of sounds: what is written comes back."""

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optiinr_jax.signals import load_audio, write_audio

function_scoped = [HealthCheck.function_scoped_fixture]


@settings(max_examples=60, derandomize=True, suppress_health_check=function_scoped)
@given(
    count=st.integers(2, 500),
    seed=st.integers(0, 99),
    peak=st.floats(0.01, 0.999),
    rate=st.integers(1, 1_000_000),
)
def test_a_wav_returns_what_was_written(tmp_path, count, seed, peak, rate):
    values = np.random.default_rng(seed).uniform(-1, 1, (count, 1))
    values /= np.abs(values).max()
    read = load_audio(write_audio(tmp_path / "a.wav", values, rate, peak=peak))
    assert read.sample_rate == rate
    np.testing.assert_allclose(read.values * read.peak, values * peak, atol=0.51 * 2.0**-15)


@pytest.mark.integration
@settings(max_examples=60, derandomize=True, suppress_health_check=function_scoped)
@given(
    count=st.integers(2, 500),
    num_channels=st.integers(1, 6),
    seed=st.integers(0, 99),
    subtype=st.sampled_from(["PCM_16", "PCM_24", "FLOAT", "DOUBLE"]),
)
@pytest.mark.filterwarnings("ignore::optiinr_jax.signals.LossWarning")  # of more than two
def test_any_wav_becomes_its_normalised_channels_or_their_mean(
    tmp_path, count, num_channels, seed, subtype
):
    wave = np.random.default_rng(seed).uniform(-0.9, 0.9, (count, num_channels))
    soundfile.write(tmp_path / "a.wav", wave, 8000, subtype=subtype)
    stored, _ = soundfile.read(tmp_path / "a.wav", always_2d=True)
    mean = stored.mean(axis=1, keepdims=True)
    for is_mono in (False, True):
        wanted = stored if num_channels == 2 and not is_mono else mean
        read = load_audio(tmp_path / "a.wav", mono=is_mono)
        np.testing.assert_allclose(read.values, wanted / np.abs(wanted).max(), atol=1e-7)
