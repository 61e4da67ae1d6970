"""Every sampling and optimiser in a training: interrupted, many at once, as a wave, never anew."""

from dataclasses import replace
from functools import partial

import jax
import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax import inr
from optiinr_jax.inr import cost, training
from optiinr_jax.inr.batched_training import train_many
from optiinr_jax.inr.checkpoints import Checkpoint
from optiinr_jax.inr.task import points_of

# (sampling, optimizer, batch size): every row of either table, full and in mini-batches
ROWS = [
    *((sampling, "adamw", None) for sampling in inr.SAMPLINGS),
    *(("shifted", optimizer, None) for optimizer in inr.OPTIMIZERS if optimizer != "adamw"),
    ("surface", "soap", 40),
]
NUM_STEPS = 23


@pytest.fixture(scope="module")
def solid():
    return oi.sample_signal("volume", size=8)


def network(sampling, optimizer="soap", batch_size=None, omega=30.0, rate=1e-3, **fields):
    layer = inr.make_layer("siren", omega=omega, learning_rate=rate)
    return inr.NetworkConfig(
        layers=(layer,) * 2,
        width=6,
        sampling=sampling,
        optimizer=optimizer,
        batch_size=batch_size,
        **{"gradient_norm": 1.0, "lr_warmup": 0.1, "grid_share": 0.3} | fields,
    )


def train(signal, config, seed=0, **options):
    options = {"num_steps": NUM_STEPS, "share_program": True} | options
    points = points_of(signal, config.sampling)
    return training.train(jax.random.key(seed), points, config, **options)


class InterruptionError(Exception):
    """Stands for Ctrl-C at a known step."""


def stop_at(step):
    def stop(done, total, loss):
        if done == step:
            raise InterruptionError

    return stop


@pytest.mark.parametrize(("sampling", "optimizer", "batch_size"), ROWS)
def test_an_interrupted_fit_goes_on_to_the_last_bit(
    solid, tmp_path, monkeypatch, sampling, optimizer, batch_size
):
    """It draws what it would have drawn, and its optimiser knows what it knew."""
    monkeypatch.setattr(cost, "CHUNK_STEPS", (5,))
    config = network(sampling, optimizer, batch_size)
    keeper = Checkpoint(tmp_path / "a", "fit")
    whole = train(solid, config, checkpoint=keeper)
    with pytest.raises(InterruptionError):
        train(solid, config, checkpoint=keeper, on_step=stop_at(10))
    seen = []
    again = train(
        solid, config, checkpoint=keeper, on_step=lambda done, total, loss: seen.append(done)
    )
    assert seen == [15, 20, NUM_STEPS]
    np.testing.assert_array_equal(again.history, whole.history)
    jax.tree.map(np.testing.assert_array_equal, again.variables, whole.variables)
    assert len(np.unique(whole.history)) == NUM_STEPS


@pytest.mark.parametrize(("sampling", "optimizer", "batch_size"), ROWS)
def test_many_at_once_are_each_alone(solid, sampling, optimizer, batch_size):
    """Of other seeds, frequencies and rates; each draws its own points."""
    other = oi.make_signal("volume", ~solid.samples.astype(bool), finer=solid.finer)
    if sampling == "surface":
        other = solid  # whose surface has as many points
    configs = [network(sampling, optimizer, batch_size, w, r) for w, r in [(30, 1e-3), (9, 3e-3)]]
    signals, keys = [solid, other], [jax.random.key(i) for i in (3, 4)]
    points = [points_of(signal, sampling) for signal in signals]
    together = train_many(keys, points, configs, num_steps=12)
    for found, signal, config, seed in zip(together, signals, configs, (3, 4), strict=True):
        alone = train(signal, config, seed, num_steps=12)
        np.testing.assert_allclose(found.history[:2], alone.history[:2], rtol=1e-5)
        # A first gradient of few ranks leaves SOAP a choice of bases, which rounding makes.
        tolerance = 2e-2 if optimizer == "soap" else 2e-3
        np.testing.assert_allclose(found.history, alone.history, rtol=tolerance)
    assert abs(together[0].history[0] - together[1].history[0]) > 1e-6


def test_a_new_number_never_compiles_anew(solid):
    """Of the rule: share, norm, warm-up, decay, fall; the number of steps neither."""
    numbers = {
        "grid_share": 0.1,
        "gradient_norm": 3.0,
        "lr_warmup": 0.3,
        "lr_cooldown": 0.9,
        "weight_decay": 0.7,
        "lr_decay": 0.2,
        "lr_step_at": 0.8,
    }
    config = network("shifted")
    train(solid, config)
    sizes = training.train_chunk._cache_size(), training._start._cache_size()
    for name, number in numbers.items():
        train(solid, replace(config, **{name: number}), num_steps=NUM_STEPS + 4)
    assert (training.train_chunk._cache_size(), training._start._cache_size()) == sizes
    train(solid, replace(config, gradient_norm=None))  # another chain of parts
    assert training.train_chunk._cache_size() == sizes[0] + 1


@pytest.mark.parametrize("family", ["siren", "finer", "gf"])
def test_the_wave_form_trains_by_the_searchs_rule_as_the_family_itself(family):
    signal = oi.sample_signal("image", size=8)
    config = inr.preset(family, width=8, depth=2, protocol="search")
    fit = partial(oi.fit, signal, config, num_steps=40, progress=False, warn=False)
    shared, special = fit(share_program=True), fit(share_program=False)
    np.testing.assert_allclose(shared.history[:8], special.history[:8], rtol=1e-3)
    assert shared.score == pytest.approx(special.score, abs=0.5)
    assert shared.objective == "continuous" and shared.config.sampling == "shifted"


@pytest.mark.parametrize("kind", ["image", "audio", "volume"])
def test_the_objective_decides_score_and_sampling(kind):
    """A configuration that says nothing is trained all over the signal, a published one is not."""
    signal = oi.sample_signal(kind, size={"image": 8, "audio": 64, "volume": 6}[kind])
    layers = (inr.make_layer("siren", learning_rate=2e-3),) * 2
    config = inr.NetworkConfig(layers=layers, width=8)
    fit = partial(oi.fit, signal, num_steps=15, progress=False, warn=False)
    found = {aim: fit(config, objective=aim) for aim in (None, "continuous", "samples")}
    assert found[None].score == found["continuous"].score == found[None].scores.both
    assert found["samples"].score == found["samples"].scores.samples
    assert found["samples"].config.sampling == "grid" != found[None].config.sampling
    published = fit(inr.preset("siren", modality=kind, width=8, depth=2))
    assert published.objective == "samples"
    own = fit(replace(config, sampling="jittered"), objective="samples")
    assert own.config.sampling == "jittered" and own.score == own.scores.samples
    with pytest.raises(ValueError, match="unknown objective 'x'; known are continuous, samples"):
        fit(config, objective="x")
