"""Networks learn the blur; seeds, scales, penalties, errors."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax import landscapes
from optiinr_jax.landscapes import NOISES, PENALTIES, ProxyConfig, ProxyTraining, Runs
from optiinr_jax.landscapes import training as module

CONFIG = ProxyConfig(num_frequencies=16, frequency_scale=3.0, width=24, depth=2, code_size=2)
OMEGA = 6.0 * np.pi


draw_pairs = jax.jit(module._draw_pairs, static_argnums=3)


def value(target, observed):
    return observed[0]


TRAINING = ProxyTraining(num_steps=1000, targets_per_step=1, guesses_per_target=256, loss=value)
TINY = replace(TRAINING, num_steps=20, guesses_per_target=8)
X = (np.arange(512)[:, None] + 0.5) / 512
WAVE = Runs(X, np.cos(OMEGA * X))
CIRCLE = Runs(X[::8], np.concatenate([np.cos(OMEGA * X[::8]), np.sin(OMEGA * X[::8])], axis=1))


def train(runs, scales, training=TINY, **options):
    targets = options.pop("targets", np.zeros((1, 1)))
    options |= {"config": CONFIG, "progress": False}
    return landscapes.train_proxies(runs, scales, training=training, targets=targets, **options)


@jax.jit
def estimates(proxy, target, z):
    code = landscapes.encode_target(proxy, target, CONFIG)
    return jax.vmap(landscapes.estimate_loss, (None, None, 0))(proxy, code, z)


def amplitude(trained, i):
    """Of the wave in a network's landscape, in the middle of the box."""
    proxy = landscapes.pick(trained, i)
    z = np.linspace(1 / 3, 2 / 3, 61)[:, None]  # one period
    found = estimates(proxy, np.zeros(1, np.float32), np.float32(z))
    return trained.label_scale * 2.0 * np.mean(np.asarray(found)[:-1] * np.cos(OMEGA * z[:-1, 0]))


@pytest.fixture(scope="module")
def waves():
    return train(WAVE, [0.0, 0.04, 0.08], TRAINING)


@pytest.mark.integration
@pytest.mark.parametrize(("i", "scale"), list(enumerate([0.0, 0.04, 0.08])))
def test_noise_on_the_guess_blurs(waves, i, scale):
    """The wave's amplitude becomes exp(-(w s)^2 / 2): 1, 0.75, 0.32."""
    expected = np.exp(-0.5 * (OMEGA * scale) ** 2)
    assert amplitude(waves, i) == pytest.approx(expected, abs=0.04)


@pytest.mark.integration
def test_noise_before_the_simulation_blurs_nothing():
    """Labels of the noisy guesses themselves are other samples of the same landscape."""
    noisy = np.tile(X, (2, 1)) + 0.08 * np.random.default_rng(0).standard_normal((1024, 1))
    inside = noisy[(noisy > 0) & (noisy < 1)][:512, None]
    found = train(Runs(inside, np.cos(OMEGA * inside)), [0.0] * 3, TRAINING)
    assert amplitude(found, 0) == pytest.approx(1.0, abs=0.04)


@pytest.mark.integration
def test_labels_are_those_of_the_clean_guess():
    """Pairs as the step draws them: a label belongs to a run, its guess lies beside it."""
    data = module._prepare(CIRCLE, None, None, replace(TINY, loss=landscapes.squared_distance), 0)
    training = replace(TINY, loss=landscapes.squared_distance, targets_per_step=4)
    pairs = draw_pairs(jax.random.key(0), jnp.float32(1e-4), data, training)
    for target, guesses, labels in zip(pairs.targets, pairs.x, pairs.labels, strict=True):
        for guess, label in zip(np.asarray(guesses), np.asarray(labels), strict=True):
            run = np.argmin(np.abs(CIRCLE.x - guess))
            distance = np.sum((CIRCLE.y[run] - np.asarray(target)) ** 2)
            assert label * data.label_scale == pytest.approx(distance, abs=1e-4)


@pytest.mark.integration
def test_same_seed_same_network_whatever_trains_beside_it():
    first = [np.asarray(leaf[0]) for leaf in jax.tree.leaves(train(WAVE, [0.1, 0.2]).proxy)]
    for beside in ([0.1, 0.2], [0.1, 0.3]):
        again = jax.tree.leaves(train(WAVE, beside).proxy)
        assert all(map(np.array_equal, first, [leaf[0] for leaf in again]))
    other = train(WAVE, [0.1, 0.2], seed=1)
    assert not np.allclose(first[0], jax.tree.leaves(other.proxy)[0][0])


@pytest.mark.integration
def test_new_numbers_compile_nothing():
    train(WAVE, [0.1, 0.2])
    before = module._run._cache_size()
    train(WAVE, [0.3, 0.0], penalty_weight=0.1, seed=5)
    assert module._run._cache_size() == before


@pytest.mark.parametrize("noise", NOISES)
def test_noises_are_of_unit_size(noise):
    draws = NOISES[noise](jax.random.key(0), (40_000,))
    assert abs(float(draws.mean())) < 0.02 and abs(float(draws.std()) - 1.0) < 0.02


def test_penalties_of_a_parabola():
    """Of a x^2 + b y^2: slope (2 a x, 2 b y), curvature between 2 a and 2 b."""
    parabola = lambda x: 3.0 * x[0] ** 2 + 1.0 * x[1] ** 2  # noqa: E731
    x, key = jnp.array([0.5, -1.0]), jax.random.key(0)
    found = {name: float(penalty(parabola, x, key)) for name, penalty in PENALTIES.items()}
    assert found["none"] == 0.0 and found["gradient"] == pytest.approx(9.0 + 4.0)
    assert 2.0**2 <= found["curvature"] <= 6.0**2


@pytest.mark.integration
def test_a_penalty_flattens():
    training = replace(TRAINING, num_steps=200, guesses_per_target=32, penalty="gradient")
    plain = train(WAVE, [0.0], training, penalty_weight=0.0)
    flat = train(WAVE, [0.0], training, penalty_weight=1.0)
    assert abs(amplitude(flat, 0)) < 0.5 * abs(amplitude(plain, 0))


@pytest.mark.integration
def test_near_pairs_are_near():
    training = replace(TINY, loss=landscapes.squared_distance, near_share=0.5, num_near=4)
    training = replace(training, targets_per_step=16)
    data = module._prepare(CIRCLE, None, None, training, 0)
    pairs = draw_pairs(jax.random.key(0), jnp.float32(0.0), data, training)
    of_target = np.array(
        [np.argmin(np.abs(CIRCLE.y - t).sum(1)) for t in np.asarray(pairs.targets)]
    )
    away = np.abs(np.asarray(pairs.x)[..., 0] - CIRCLE.x[of_target])
    assert away[:, :4].max() <= 4.1 * 8 / 512 < np.median(away[:, 4:])


def test_a_target_is_shown_with_the_runs_it_has_labels_of():
    labelled = np.arange(64).reshape(2, 32)
    training = replace(TINY, targets_per_step=8, near_share=1.0)
    data = module._prepare(CIRCLE, np.array([[0.0], [1.0]]), labelled, TINY, 0)
    pairs = draw_pairs(jax.random.key(0), jnp.float32(0.0), data, training)
    for target, guesses in zip(np.asarray(pairs.targets), np.asarray(pairs.x), strict=True):
        assert ((guesses > CIRCLE.x[31]) == (target[0] == 1.0)).all()


@pytest.mark.parametrize(
    ("runs", "change", "said"),
    [
        (Runs(X, X[:5]), {}, "for the same n"),
        (Runs(2 * X, X), {}, r"scale every one of them to \[0, 1\]"),
        (Runs(X, np.where(X < 0.01, np.nan, X)), {}, "5 runs observed"),
        (Runs(X, np.ones_like(X)), {}, "have to be finite and vary"),
        (WAVE, {"noise": "pink"}, "known are gaussian, uniform"),
        (WAVE, {"near_share": 0.5}, "near_share takes runs"),
    ],
)
def test_what_cannot_be_learned_is_said(runs, change, said, no_type_checks):
    with pytest.raises(ValueError, match=said):
        train(runs, [0.1, 0.2], replace(TINY, **change))


def test_a_training_that_diverged_is_said():
    with pytest.raises(FloatingPointError, match="use a learning_rate below"):
        train(WAVE, [0.1, 1e38])
