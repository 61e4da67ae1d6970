"""Many fits: the same results as single ones in every layout, divergence kept apart, errors."""

import os
import subprocess
import sys

import jax
import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax import inr
from optiinr_jax.inr import DivergedError
from optiinr_jax.inr.fitting_many import LAYOUTS
from optiinr_jax.inr.task import resolve

NUM_STEPS = 60
FEW_STEPS = 30  # the networks amplify rounding over the steps


def layer(family, rate=1e-3):
    return inr.make_layer(family, learning_rate=rate)


def network(*families, encoding=None, rate=1e-3):
    layers = tuple(layer(family, rate) for family in families)
    return inr.NetworkConfig(layers=layers, width=8, encoding=encoding)


FOURIER = inr.FourierFeatures(sigma=1.0, num_frequencies=4)
CONFIGS = [
    network("siren", "gf"),
    network("finer", "finer"),
    network("siren", "gauss", encoding=FOURIER),
]


@pytest.fixture(scope="module")
def signals():
    pictures = [oi.sample_signal("image", size=n).samples for n in (8, 16)]
    return [oi.make_signal("image", pixels[:8, :8]) for pixels in pictures]


def fit_one(signal, config, key=None, num_steps=NUM_STEPS):
    return oi.fit(
        signal,
        config,
        num_steps=num_steps,
        key=key,
        share_program=True,
        progress=False,
        warn=False,
    )


def fit_many(*arguments, num_steps=NUM_STEPS, **options):
    return oi.fit_many(*arguments, num_steps=num_steps, progress=False, **options)


@pytest.mark.integration
@pytest.mark.parametrize("layout", LAYOUTS)
def test_many_configurations_of_one_signal(signals, layout):
    found = fit_many(signals[0], CONFIGS, layout=layout, num_steps=FEW_STEPS)
    for got, config in zip(found, CONFIGS, strict=True):
        alone = fit_one(signals[0], config, num_steps=FEW_STEPS)
        assert got.config == resolve(signals[0], config, None)[1] and got.seed == 0
        assert got.config.sampling == "shifted"
        np.testing.assert_allclose(got.history, alone.history, rtol=1e-3)
        assert got.score == pytest.approx(alone.score, abs=0.05)


@pytest.mark.integration
@pytest.mark.parametrize("layout", LAYOUTS)
def test_pairs_with_keys_of_their_own(signals, layout):
    keys = [jax.random.key(7), jax.random.key(8)]
    found = fit_many(signals, CONFIGS[:2], keys=keys, layout=layout, keep_best=True)
    for got, signal, config, key in zip(found, signals, CONFIGS[:2], keys, strict=True):
        np.testing.assert_allclose(got.history, fit_one(signal, config, key).history, rtol=1e-3)
        assert got.seed is None


@pytest.mark.integration
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_diverged_member_leaves_the_others_alone(signals, layout):
    bad = network("siren", "siren", rate=1e37)
    good, diverged = fit_many(signals[0], [CONFIGS[1], bad], layout=layout)
    assert isinstance(diverged, DivergedError) and np.isfinite(diverged.inr.score)
    assert len(diverged.inr.history) < NUM_STEPS
    np.testing.assert_allclose(good.history, fit_one(signals[0], CONFIGS[1]).history, rtol=1e-3)


@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (3, {}, "got 2 signals and 3 configurations; give one of either"),
        (0, {}, "got 2 signals and 0 configurations"),
        (2, {"keys": [jax.random.key(0)]}, "got 1 keys for 2 fits"),
        (2, {"layout": "pile"}, "unknown layout 'pile'; known are sequence, threads, vmap"),
    ],
)
def test_errors(signals, count, options, message):
    with pytest.raises(ValueError, match=message):
        fit_many(signals, CONFIGS[:count], **options)


SHARDED = """
import jax, numpy as np
import optiinr_jax as oi
from optiinr_jax.inr import batched_training

assert len(jax.devices()) == 4
signal = oi.sample_signal("image", 8)
configs = [oi.preset(name, width=8, depth=2) for name in ("siren", "finer", "gauss", "gf", "siren")]
devices = []
chunks = batched_training._train_chunks

def spy(state, *arguments, **options):
    found = chunks(state, *arguments, **options)
    devices.append(len(found[1].sharding.device_set))
    return found

batched_training._train_chunks = spy
options = dict(num_steps=20, progress=False)
many = oi.fit_many(signal, configs, layout="vmap", **options)  # 5 on 4 devices: two each
alone = oi.fit_many(signal, configs, layout="sequence", **options)
assert len(many) == 5 and devices == [4], devices
for a, b in zip(many, alone, strict=True):
    np.testing.assert_allclose(a.history, b.history, rtol=1e-3)
"""


@pytest.mark.integration
def test_several_devices_share_the_fits():
    flags = "--xla_force_host_platform_device_count=4"
    subprocess.run(
        [sys.executable, "-c", SHARDED], env=os.environ | {"XLA_FLAGS": flags}, check=True
    )


@pytest.mark.integration
def test_an_interruption_stops_all_threads(signals, monkeypatch):
    def interrupted(self, done, note=""):
        raise KeyboardInterrupt

    monkeypatch.setattr("optiinr_jax.progress.Progress.update", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit_many(signals[0], CONFIGS, layout="threads")


MANY_BY_SOAP = """
import optiinr_jax as oi
config = oi.preset("siren", width=48, protocol="search", factor=4.0)
signal = oi.sample_signal("image", size=64)
found = oi.fit_many(signal, [config] * 3, num_steps=150, layout="threads")
print(len(found))
"""


@pytest.mark.slow
def test_threads_of_soap_do_not_wait_for_each_other_for_ever(pytestconfig):
    """Of that size all did: each held a thread of XLA's pool and waited for another one."""
    done = subprocess.run(
        [sys.executable, "-c", MANY_BY_SOAP],
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.stdout == "3\n", done.stderr[-2000:]
